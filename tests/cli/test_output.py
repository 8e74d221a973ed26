"""Commands print only through `drio_tui.cli.output`, which sanitizes text of the API."""

from __future__ import annotations

import ast
import asyncio
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from drio_tui.cli import output
from tests.ui.table_server import TableServer, drio_of, serving
from tests.workspace.small_app import small_config

CLI = Path(output.__file__).parent
# The report of a stream that cannot be written: it has the text of an OSError, and none of the API.
DIRECT = {("streams.py", "os.write")}
CLICK = {"echo", "secho", "style", "prompt", "confirm", "echo_via_pager", "getchar", "pause"}


def direct_output(source: str) -> Iterator[tuple[int, str]]:
    """Yield line and name of what prints or prompts in `source` without `drio_tui.cli.output`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module == "click":
            yield from ((node.lineno, f"click.{alias.name}") for alias in node.names if alias.name in CLICK)
        if isinstance(node, ast.Name) and node.id == "print":
            yield node.lineno, "print"
        if isinstance(node, ast.Attribute):
            name = ast.unparse(node)
            head, _, last = name.rpartition(".")
            if (head == "click" and last in CLICK) or last in ("write", "writelines"):
                yield node.lineno, name


@pytest.mark.parametrize("path", sorted(set(CLI.glob("*.py")) - {CLI / "output.py"}), ids=lambda path: path.name)
def test_commands_print_only_through_the_output_module(path: Path) -> None:
    direct = [(line, name) for line, name in direct_output(path.read_text("utf-8")) if (path.name, name) not in DIRECT]
    assert not direct, f"{path.name} prints without drio_tui.cli.output: {direct}"


@pytest.mark.parametrize(
    "source",
    [
        "import click\nclick.echo(x)",
        "from click import secho",
        "print(x)",
        "import sys\nsys.stdout.write(x)",
        "f = print",
    ],
)
def test_direct_output_finds_every_way_to_print(source: str) -> None:
    assert list(direct_output(source))


def test_styled_text_is_sanitized_before_it_is_styled(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    output.echo(output.style("a\x1b[2J\u202eb", bold=True), " \x9b31m\r")
    assert capfd.readouterr().out == "\x1b[1ma␛[2J‹U+202E›b\x1b[0m ‹9B›31m␍\n"


def test_no_color_disables_colours(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    output.info(output.style("plain", fg="red"))
    assert capfd.readouterr().err == "plain\n"


async def test_a_hostile_deploy_response_is_sanitized(tmp_path: Path) -> None:
    """F55: the endpoint, version and name come from the server."""
    hostile = "https://x.test/\x1b]52;c;ZXZp\x07\x9b31m\u202e\nforged"
    config = small_config()
    answers = drio_of(config)
    answers["GET /apps/app_1"] = {"app": config["app"]}
    answers["POST /apps/app_1/deploy"] = {
        "app": {**config["app"], "name": hostile, "version": hostile},
        "endpoint": hostile,
    }
    async with serving(TableServer(answers)) as server:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "drio_tui", "deploy", "app_1", "--force", "--no-verify", "--yes"),
            *("--base-url", server.base_url),
            env={**os.environ, "DRIO_TOKEN": "t", "FORCE_COLOR": "1", "HOME": str(tmp_path)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = (part.decode() for part in await process.communicate())
    assert process.returncode == 0, err
    assert out.splitlines() == ["https://x.test/␛]52;c;ZXZp␇‹9B›31m‹U+202E›␊forged"]
    assert not re.search("[\x00-\x09\x0b-\x1a\x1c-\x1f\x7f-\x9f\u202e]", re.sub(r"\x1b\[\d*m", "", out + err))
