"""Generates the README's tables of keys and commands from the program; `--check` only compares.

python scripts/readme_tables.py [--check]
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import click

from drio_tui.cli import COMMANDS, cli
from drio_tui.cli.common import SHARED_OPTIONS
from drio_tui.ui.base import keymap

README = Path(__file__).resolve().parent.parent / "README.md"


def keys() -> str:
    """Return the table of the key bindings, section by section."""
    keymap.load_sections()
    return keymap.markdown_table().strip()


def commands() -> str:
    """Return the table of the commands with their arguments and options."""
    lines = ["| Command | What it does |", "|---|---|"]
    context = click.Context(cli, info_name="drio-tui")
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        for path, leaf in _leaves(name, command):
            lines.append(f"| `drio-tui {path}{_usage(leaf)}` | {_first_sentence(leaf)} |")
    return "\n".join(lines)


def _leaves(path: str, command: click.Command) -> list[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        return [leaf for name, inner in command.commands.items() for leaf in _leaves(f"{path} {name}", inner)]
    return [(path, command)]


def _usage(command: click.Command) -> str:
    parts = []
    for parameter in command.params:
        if isinstance(parameter, click.Argument):
            name = (parameter.metavar or parameter.human_readable_name).strip("[]").upper()
            parts.append(name if parameter.required else f"[{name}]")
        elif isinstance(parameter, click.Option) and not parameter.hidden and parameter.name not in SHARED_OPTIONS:
            value = "" if parameter.is_flag else f" {parameter.metavar or (parameter.name or '').upper()}"
            text = f"{parameter.opts[-1]}{value}"
            parts.append(text if parameter.required else f"[{text}]")
    return "".join(f" {part}" for part in parts).replace("|", "\\|")


def _first_sentence(command: click.Command) -> str:
    text = " ".join((command.help or "").split())
    return (re.split(r"(?<=\.)\s", text)[0] if text else "").replace("|", "\\|")


def main() -> int:
    """Replace the text between the markers; with `--check`, change nothing and return 1 if it differs."""
    text = updated = README.read_text(encoding="utf-8")
    for name, body in (("keys", keys()), ("commands", commands())):
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        updated = pattern.sub(lambda match, body=body: f"{match[1]}{body}\n{match[2]}", updated)
    if "--check" in sys.argv:
        if updated != text:
            print("README.md is out of date; run scripts/readme_tables.py", file=sys.stderr)
            return 1
        return 0
    README.write_text(updated, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
