"""Write the generated parts of docs/keys.md and docs/cli.md from the program itself; `--check` only compares.

python scripts/reference_tables.py [--check]
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from drio_tui.cli import COMMANDS, cli
from drio_tui.cli.common import SHARED_OPTIONS
from drio_tui.ui.base import keymap

DOCS = Path(__file__).resolve().parent.parent / "docs"


def keys() -> str:
    """Return every key, section by section."""
    keymap.load_sections()
    return keymap.markdown_table().strip()


def commands() -> str:
    """Return a section for every command: its help, its usage and its options."""
    context = click.Context(cli, info_name="drio-tui")
    parts = []
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        for path, leaf in _leaves(name, command):
            parts.append("\n".join(_section(path, leaf)))
    return "\n\n".join(parts)


def _leaves(path: str, command: click.Command) -> list[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        return [leaf for name, inner in command.commands.items() for leaf in _leaves(f"{path} {name}", inner)]
    return [(path, command)]


def _section(path: str, command: click.Command) -> Iterator[str]:
    context = click.Context(command, info_name=f"drio-tui {path}")
    usage = " ".join(command.collect_usage_pieces(context))
    yield from (f"### drio-tui {path}", "")
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        if paragraph.startswith("\b\n"):  # click's mark of lines that stay as they are
            yield from ("```text", paragraph[2:], "```", "")
        else:
            yield from (" ".join(paragraph.split()), "")
    yield from ("```text", f"drio-tui {path} {usage}", "```")
    options = [
        record
        for parameter in command.params
        if isinstance(parameter, click.Option) and not parameter.hidden and parameter.name not in SHARED_OPTIONS
        if (record := parameter.get_help_record(context))
    ]
    if options:
        yield from ("", "| Option | |", "|---|---|")
        for names, text in options:
            yield f"| `{_cell(names)}` | {_cell(text)} |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def main() -> int:
    """Replace what is between the markers; return 1 when `--check` finds a difference."""
    stale = []
    for name, body in (("keys", keys()), ("cli", commands())):
        path = DOCS / f"{name}.md"
        text = path.read_text(encoding="utf-8")
        marker = "keys" if name == "keys" else "commands"
        pattern = re.compile(rf"(<!-- {marker} -->\n).*?(<!-- /{marker} -->)", re.DOTALL)
        written = pattern.sub(lambda match, body=body: f"{match[1]}{body}\n{match[2]}", text)
        if written == text:
            continue
        if "--check" in sys.argv:
            stale.append(path.name)
        else:
            path.write_text(written, encoding="utf-8")
    if stale:
        print(f"{', '.join(stale)} differ from the program; run scripts/reference_tables.py", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    raise SystemExit(main())
