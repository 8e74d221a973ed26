"""`drio-tui sandbox calls`: what MCP clients asked of the deployed apps of the running sandbox."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from drio_tui.cli.common import completer, handle_errors, run
from drio_tui.cli.output import echo, echo_json, info
from drio_tui.cli.render import column_widths, format_value, table
from drio_tui.cli.sandbox_options import data_folder, sandbox_hint, sandbox_options

if TYPE_CHECKING:
    from drio_tui.api.client import DrioClient
    from drio_tui.workspace.deploy.endpoint_calls import EndpointCall

_INTERVAL_SECONDS = 0.5
_HEADERS = ("time", "client", "method", "tool", "result", "ms", "bytes", "tokens")
_FOLLOW_WIDTHS = (24, 18, 10, 20, 6, 6, 7, 6)
"""Cells of the columns with --follow, where later rows are not known yet; they get wider with what comes."""
_APP_WIDTH = 16


@click.command(epilog="Exit codes: 0 done, 1 failed or no sandbox is running, 2 usage, 130 Ctrl+C.")
@click.argument("app", required=False, shell_complete=completer("apps"))
@click.option("--follow", "-f", is_flag=True, help="Go on with new requests as they come, until Ctrl+C.")
@click.option(
    "--limit",
    metavar="N",
    type=click.IntRange(1, 1_000),
    default=50,
    show_default=True,
    help="How many of the newest requests to show.",
)
@sandbox_options(database=False)
@handle_errors
def calls(app: str | None, follow: bool, limit: int, data: Path | None, as_json: bool) -> None:
    """Show what MCP clients asked of APP (id, slug or name) once it was deployed, or of every app.

    The sandbox keeps the newest 1,000 requests of each app in memory, with client, arguments, upstream requests,
    result, duration, bytes and tokens, and without secrets. With --json each request is one line of JSON; its
    `arguments` and `result` are null if they were too long to be kept.
    """
    run(_show(data_folder(data), app, follow, limit, as_json))


async def _show(folder: Path, app: str | None, follow: bool, limit: int, as_json: bool) -> None:
    from drio_tui.api.errors import DrioError
    from drio_tui.cli.read import find_app
    from drio_tui.launcher import find_running
    from drio_tui.session import open_session
    from drio_tui.workspace.deploy.endpoint_calls import CallFeed

    running = find_running(folder)
    if running is None:
        raise DrioError("calls are kept only while it runs", title="No sandbox is running", hint=sandbox_hint("start"))
    session = await open_session(sandbox=True, running=running)
    try:
        client: DrioClient = session.client
        feed = CallFeed(client, await find_app(client, app) if app else None)
        names = None if app or as_json else _AppNames(client)
        printer = _Printer(as_json, _FOLLOW_WIDTHS if follow else None, names)
        new_calls = await feed.fetch(limit)
        await printer.show(new_calls)
        if not new_calls and not as_json:
            info("No client has called yet.")
        while follow:
            await asyncio.sleep(_INTERVAL_SECONDS)
            await printer.show(await feed.fetch())
    finally:
        await session.aclose()


class _AppNames:
    """The slugs of apps by their ids; the apps are listed again for one that is not known."""

    def __init__(self, client: DrioClient) -> None:
        self._client = client
        self._names: dict[str, str] = {}

    async def of(self, ids: Sequence[str]) -> list[str]:
        """Return the slug of each app; the id of one that has none, such as a deleted app."""
        from drio_tui.kinds import APP

        if not self._names.keys() >= set(ids):
            listing = await self._client.list(APP)
            self._names = {str(app.get("id")): str(app.get("slug") or app.get("id")) for app in listing.items}
            self._names = {id: id for id in ids} | self._names
        return [self._names[id] for id in ids]


class _Printer:
    """Prints calls as they come, as one table or as lines of JSON. `widths` are the least ones of the columns.

    With `names` there is a column for the app.
    """

    def __init__(self, as_json: bool, widths: Sequence[int] | None, names: _AppNames | None = None) -> None:
        self._as_json = as_json
        self._names = names
        self._headers: Sequence[str] = _HEADERS
        self._widths = widths
        if names is not None:
            self._headers = (_HEADERS[0], "app", *_HEADERS[1:])
            self._widths = None if widths is None else (widths[0], _APP_WIDTH, *widths[1:])
        self._has_header = False

    async def show(self, new_calls: Sequence[EndpointCall]) -> None:
        """Print calls, below those before."""
        if not new_calls:
            return
        if self._as_json:
            for call in new_calls:
                echo_json(call.wire, compact=True)
        else:
            rows = [_row(call) for call in new_calls]
            if self._names is not None:
                apps = await self._names.of([call.app_id for call in new_calls])
                rows = [[row[0], format_value(app, 30), *row[1:]] for app, row in zip(apps, rows, strict=True)]
            self._widths = column_widths(self._headers, rows, self._widths)
            lines = [*table(self._headers, rows, self._widths)]
            for line in lines[1:] if self._has_header else lines:
                echo(*line)
            self._has_header = True
        sys.stdout.flush()


def _row(call: EndpointCall) -> list[str]:
    result = "ok"
    if call.failed:
        statuses = [str(request.status) for request in call.upstream if request.status is not None]
        result = f"failed: {call.error or (statuses or [str(call.status)])[-1]}"
    return [
        format_value(call.time),
        format_value(f"{call.client} {call.client_version}".strip(), 30),
        format_value(call.method, 30),
        format_value(call.tool, 30),
        format_value(result, 40),
        f"{call.seconds * 1_000:,.0f}",
        f"{call.size:,}",
        f"{call.tokens:,}",
    ]
