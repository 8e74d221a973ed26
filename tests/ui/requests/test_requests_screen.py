"""The request log: live, bounded and without secrets; copied curl commands are harmless."""

from __future__ import annotations

import shlex
import subprocess
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from drio_tui.api import json_codec
from drio_tui.api.curl import as_curl
from drio_tui.api.exchange import Exchange
from drio_tui.ui.base.request_log import RequestLog
from drio_tui.ui.requests.requests_screen import RequestsScreen
from drio_tui.ui.widgets.json_view import JsonView
from drio_tui.ui.widgets.row_list import RowList
from tests.ui.driving import TOKEN, running, show, text_of, until
from tests.ui.table_server import TableServer, drio_of, serving


def exchange(number: int, size: int = 0, **more: Any) -> Exchange:
    logged = Exchange(number, "GET", f"http://127.0.0.1:1/api/v1/things/{number}", f"/things/{number}", 1, 0.0, **more)
    logged.status, logged.elapsed, logged.response_size = 200, 0.01, size
    logged.response_body = {"size": size} if size else None
    return logged


def listed(screen: RequestsScreen) -> list[str]:
    """Return method and path of the rows, from top to bottom."""
    return [" ".join(cell.plain for cell in row.cells[:2]) for row in screen.query_one(RowList)._rows]


async def choose_apps(pilot: Pilot[Any], screen: RequestsScreen) -> Exchange:
    """Choose the request for the apps once it is done: its headers are complete."""

    def sent() -> list[Exchange]:
        log = screen.connection.log
        return [exchange for exchange in log if exchange.path == "/apps" and exchange.is_finished]

    await until(pilot, lambda: sent() and "GET /api/v1/apps" in listed(screen))
    chosen = sent()[0]
    screen.query_one(RowList).choose(str(chosen.number))
    await until(pilot, lambda: screen.chosen is chosen)
    return chosen


async def test_requests_are_listed_live_newest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        app: Any = pilot.app
        await show(pilot, "apps")
        screen = await show(pilot, "requests")
        await until(pilot, lambda: "GET /api/v1/apps" in listed(screen))
        await app.connection.client.templates()
        await until(pilot, lambda: listed(screen)[:1] == ["GET /api/v1/templates"])
        assert "✓ 200" in text_of(app)


async def test_a_running_request_is_listed_before_its_response(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        app: Any = pilot.app
        screen = await show(pilot, "requests")
        await until(pilot, lambda: not [w for w in app.workers if w.group == "connect" and w.is_running])
        server.gate.clear()
        worker = screen.run_worker(app.connection.client.templates())
        await until(pilot, lambda: "◌ …" in text_of(app))
        assert "Waiting for the response" in text_of(app)
        server.gate.set()
        await worker.wait()
        await until(pilot, lambda: "◌ …" not in text_of(app))


async def test_the_filter_shows_requests_that_match_every_word(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        app: Any = pilot.app
        screen = await show(pilot, "requests")
        await until(pilot, lambda: len(app.connection.log))
        for number in range(900, 910):
            app.connection.log.add(exchange(number))
        app.log_count += 1
        await pilot.press("slash", *"get 907")
        await until(pilot, lambda: listed(screen) == ["GET /api/v1/things/907"])
        await pilot.press("escape")
        await until(pilot, lambda: len(listed(screen)) > 10)
        assert screen.query_one("#filter", Input).value == ""


async def test_the_log_does_not_contain_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        app: Any = pilot.app
        screen = await show(pilot, "requests")
        chosen = await choose_apps(pilot, screen)
        headers = dict(chosen.request_headers)
        assert "authorization" in headers
        assert TOKEN not in repr(list(app.connection.log)) + repr(headers)
        screen.query_one("TabbedContent").active = "headers"
        await until(pilot, lambda: "authorization: ••" in text_of(app))


async def test_c_copies_a_curl_command_with_the_token_as_a_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        app: Any = pilot.app
        copied: list[str] = []
        monkeypatch.setattr(type(app), "copy", lambda self, text, what="": copied.append(text))
        screen = await show(pilot, "requests")
        await choose_apps(pilot, screen)
        await pilot.press("c")
        assert f"{server.base_url}/api/v1/" in copied[0]
        assert '--header "Authorization: Bearer $DRIO_TOKEN"' in copied[0]
        assert TOKEN not in copied[0]


@pytest.mark.parametrize(
    "hostile", ["'; touch pwned; '", "$(touch pwned)", "`touch pwned`", "a\ntouch pwned\n", '"; touch pwned #', "\\'"]
)
def test_a_pasted_curl_command_runs_curl_and_nothing_else(hostile: str, tmp_path: Any) -> None:
    """F59."""
    logged = exchange(1, request_headers=[("x-note", hostile), ("authorization", "••••••")])
    logged.method, logged.url = "POST", f"http://127.0.0.1:1/{hostile}"
    logged.request_body = {"name": hostile}
    command = as_curl(logged, json_codec.dumps)
    script = f'curl() {{ printf "%s\\0" "$@"; }}\n{command}\n'
    result = subprocess.run(
        ["/bin/sh", "-c", script], capture_output=True, cwd=tmp_path, env={"DRIO_TOKEN": "t", "PATH": "/usr/bin:/bin"}
    )
    arguments = result.stdout.decode().split("\0")[:-1]
    assert result.returncode == 0
    assert list(tmp_path.iterdir()) == []
    assert json_codec.loads(arguments[arguments.index("--data-raw") + 1]) == {"name": hostile}
    assert "Authorization: Bearer t" in arguments
    assert shlex.split(command)[0] == "curl"


def test_the_log_keeps_a_bounded_number_of_requests() -> None:
    log = RequestLog(max_exchanges=3)
    for number in range(10):
        log.add(exchange(number))
    assert [logged.number for logged in log] == [9, 8, 7]


def test_the_log_drops_old_bodies_over_its_memory_limit() -> None:
    log = RequestLog(max_bytes=100)
    for number in range(4):
        log.add(exchange(number, size=40))
    assert [logged.response_body is not None for logged in log] == [True, True, False, False]
    assert log.dropped_bodies == {0, 1}
    log.add(exchange(9, size=1000))
    assert [logged.number for logged in log if logged.response_body is not None] == [9]


async def test_a_long_response_is_truncated_and_can_be_opened_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """F26."""
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        app: Any = pilot.app
        screen = await show(pilot, "requests")
        await until(pilot, lambda: len(app.connection.log))
        big = exchange(900)
        big.response_body = {"rows": list(range(20_000))}
        app.connection.log.add(big)
        app.log_count += 1
        await until(pilot, lambda: "GET /api/v1/things/900" in listed(screen))
        screen.query_one(RowList).choose("900")
        await until(pilot, lambda: "Cut here" in text_of(app))
        lines = screen.query_one("#response-body", JsonView)._lines
        assert len(lines.lines) == 5_000
        lines.focus()
        await pilot.press("o")
        await until(pilot, lambda: len(lines.lines) == 20_004)
        await until(pilot, lambda: "Cut here" not in text_of(app))
