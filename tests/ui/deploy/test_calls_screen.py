"""The calls screen: what MCP clients ask of the app, live, and on into the playground."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from mcp import Client
from mcp_types import Implementation

from drio_tui.ui.deploy.calls_screen import CallsScreen
from drio_tui.ui.playground.playground_screen import PlaygroundScreen
from drio_tui.ui.playground.run_blocks import run_store_of
from drio_tui.ui.widgets.row_list import RowList
from drio_tui.workspace.run.run_history import NotKept, RunHistory
from tests.ui.driving import open_first_app, running, show, text_of, until
from tests.ui.editing.test_saving import app_of
from tests.ui.idle import parked
from tests.ui.table_server import TableServer, drio_of, serving

HOSTILE = "[red]\x1b]52;c;ZXZp\x07\u202eevil[@click=app.quit]x[/]"


async def calls_of(pilot: Any) -> Any:
    """Open the calls of the app that is shown."""
    app: Any = pilot.app
    await pilot.press("w")
    await until(pilot, lambda: isinstance(app.screen, CallsScreen) and app.screen._has_answer)
    await pilot.pause()
    return app.screen


async def deployed(opened: Any, client: Any) -> str:
    """Deploy the app; return its endpoint."""
    return str((await client.transport.request("POST", f"/apps/{opened.app_id}/deploy")).data["endpoint"])


async def ask(endpoint: str, tool: str, arguments: dict[str, Any], name: str = "claude") -> None:
    """Call a tool as an MCP client."""
    async with Client(endpoint, client_info=Implementation(name=name, version="1.2")) as client:
        await client.call_tool(tool, arguments)


def tools_in(screen: Any) -> list[str]:
    """Return the tools of the rows, from top to bottom."""
    rows = screen.query_one(RowList)._rows
    return [row.cells[1].plain for row in rows if row.cells[1].plain.islower() and "/" not in row.cells[1].plain]


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_calls_appear_as_they_come_and_open_in_the_playground(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    async with app_of(sandbox_process, monkeypatch, size=size) as (pilot, opened, client):
        app: Any = pilot.app
        endpoint = await deployed(opened, client)
        screen = await calls_of(pilot)
        assert "No client has called yet" in text_of(app)
        await ask(endpoint, "search-contacts", {"q": "northwind"})
        await until(pilot, lambda: tools_in(screen) == ["search-contacts"])
        await ask(endpoint, "show-contact", {"contactId": "con_9999"}, name=HOSTILE)
        await until(pilot, lambda: tools_in(screen) == ["show-contact", "search-contacts"])
        text = text_of(app)
        assert "✗ failed" in text
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert "[red]" in text
        assert "The upstream answered 404" in text

        await pilot.press("slash", *"northwind", "enter")
        assert tools_in(screen) == []
        await pilot.press("slash", "escape")
        await pilot.press("slash", *"search", "enter")
        assert tools_in(screen) == ["search-contacts"]
        assert screen.chosen.arguments == {"q": "northwind"}
        await pilot.press("S")
        tool_id = screen._tool_id(screen.chosen)
        run_store = run_store_of(app.connection, opened.app_id)
        await until(pilot, lambda: run_store.sample(tool_id) is not None)
        assert run_store.sample(tool_id)["total"] == 2
        await pilot.press("t")
        await until(pilot, lambda: isinstance(app.screen, PlaygroundScreen) and app.screen.form is not None)
        playground = app.screen
        assert playground.form.model.value() == {"q": "northwind"}
        await pilot.press("ctrl+r")
        await until(pilot, lambda: not playground.busy and playground.run_shown is not None)
        assert not playground.run_shown.failed
        playground.dismiss()
        await until(pilot, lambda: app.screen is screen)
        await ask(endpoint, "search-contacts", {"q": "again"})
        await until(pilot, lambda: tools_in(screen) == ["search-contacts"] * 2)

        assert "calls failed" not in str(opened.outline.problems)
        for _ in range(2):
            await ask(endpoint, "show-contact", {"contactId": "con_9999"})
        is_left = threading.Event()

        def save_sample(*_arguments: object) -> None:
            is_left.wait(10)
            raise NotKept("The disk is full.")

        monkeypatch.setattr(RunHistory, "save_sample", save_sample)
        with parked():
            await pilot.press("S", "escape")
            await until(pilot, lambda: app.screen is opened)
            is_left.set()
        notes: Any = app._notifications
        await until(pilot, lambda: ("The disk is full.", "warning") in [(one.message, one.severity) for one in notes])
        await pilot.press("r")
        await until(pilot, lambda: [problem.code for problem in opened.outline.problems] == ["often_failed"])
        assert opened.outline.problems[0].message == "3 of its 3 calls failed"
        assert sum("/sandbox/calls/tools" in exchange.path for exchange in app.connection.log) == 2, "one per load"


async def test_it_asks_less_and_less_often_and_not_while_another_area_is_shown(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with app_of(sandbox_process, monkeypatch) as (pilot, opened, client):
        app: Any = pilot.app
        endpoint = await deployed(opened, client)
        screen = await calls_of(pilot)
        waits = []
        for _ in range(5):
            waits.append(screen._seconds)
            screen._ask()
            await until(pilot, lambda: not screen.has_request("calls"))
            await pilot.pause()
        assert waits == sorted(waits)
        assert screen._seconds == 10
        await ask(endpoint, "search-contacts", {"q": "x"})
        screen._ask()
        await until(pilot, lambda: tools_in(screen))
        assert screen._seconds == 1
        await show(pilot, "requests")
        screen._ask()
        assert screen._timer is None
        assert not screen.has_request("calls")
        await pilot.press("2")
        await until(pilot, lambda: app.screen is screen and screen._timer is not None)


async def test_the_key_is_disabled_where_drio_is_no_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        opened = await open_first_app(pilot)
        assert opened.disabled_reason("open_calls", ()) == "Only the sandbox keeps what clients ask of an app."
        await pilot.press("w")
        await pilot.pause()
        assert pilot.app.screen is opened
