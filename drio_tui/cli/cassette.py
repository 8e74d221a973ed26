"""`drio-tui cassette`: what a recorded cassette contains; and `drio-tui sandbox replay`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from drio_tui.cli.common import SuggestingGroup, handle_errors
from drio_tui.cli.output import echo, echo_json, info
from drio_tui.cli.render import table
from drio_tui.text import one_line

_FILE = click.argument("file", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path))
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, errors too.")


@click.group(cls=SuggestingGroup)
def cassette() -> None:
    """Look at a cassette: the requests and responses of earlier runs, recorded with --record."""


@cassette.command()
@_FILE
@_json
@handle_errors
def show(file: Path, as_json: bool) -> None:
    """List the exchanges in FILE, in order, with their numbers."""
    from drio_tui.cassette.cassette import read_cassette

    content = read_cassette(file)
    if as_json:
        echo_json({
            "client": content.client,
            "recordedAt": content.recorded_at,
            "runs": [{"id": run, "command": command} for run, command in content.runs.items()],
            "exchanges": [
                {"number": item.number, "run": item.run, "at": item.at, "seconds": item.seconds}
                | {"request": item.request}
                | ({"error": item.error} if item.error else {"response": item.response})
                for item in content.exchanges
            ],
        })  # fmt: skip
        return
    info(f"Recorded by {one_line(content.client, 60)}, {one_line(content.recorded_at, 40)}.")
    rows = [
        [
            str(item.number),
            one_line(content.runs.get(item.run) or "drio-tui", 40),
            one_line(item.method, 20),
            one_line(item.url, 160),
            one_line(item.error, 40) if item.error else str(item.status),
        ]
        for item in content.exchanges
    ]
    for line in table(("number", "command", "method", "url", "response"), rows):
        echo(*line)


@cassette.command("har")
@_FILE
@click.option(
    "--output", "-o", metavar="OUT", type=click.Path(dir_okay=False, path_type=Path), help="Write to this file."
)
@handle_errors
def har_(file: Path, output: Path | None) -> None:
    """Print FILE as an HTTP Archive (HAR 1.2), which browsers and other tools open."""
    from drio_tui.api.errors import UsageError
    from drio_tui.cassette.cassette import read_cassette
    from drio_tui.cassette.har import har_text
    from drio_tui.storage.files import os_error_text, write_private

    text = har_text(read_cassette(file))
    if output is None:
        echo(text.rstrip("\n"))
        return
    try:
        write_private(output, text.encode())
    except OSError as error:
        raise UsageError(f"{one_line(str(output), 200)}: {os_error_text(error)}") from error
    info(f"Written to {one_line(str(output), 200)}.")


@click.command()
@_FILE
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="The port; any free one unless given.")
@_json
@handle_errors
def replay(file: Path, port: int, as_json: bool) -> None:
    """Serve the cassette FILE in the foreground, on this machine only.

    Prints its base URL, which any client can use; every token is accepted. The same request gets its responses in
    order. One that was not recorded gets status 501, and is named on stderr with the closest recorded one. Ctrl+C ends
    it.
    """
    from drio_tui.api.errors import UsageError
    from drio_tui.cassette.server import CassetteServer
    from drio_tui.storage.files import os_error_text

    try:
        server = CassetteServer(file, port=port, on_missing=lambda text: info(f"not recorded: {text}"))
    except OSError as error:
        raise UsageError(f"port {port}: {os_error_text(error)}") from error
    if as_json:
        echo_json({"baseUrl": server.base_url, "pid": os.getpid()}, compact=True)
    else:
        echo(server.base_url)
    sys.stdout.flush()
    try:
        server.serve()
    except KeyboardInterrupt:
        raise SystemExit(130) from None
