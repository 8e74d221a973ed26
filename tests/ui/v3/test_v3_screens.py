"""Reading a drio through API v3 in the program."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from drio_tui.ui.v3.v3_app_screen import V3AppScreen
from drio_tui.ui.v3.v3_apps_screen import V3AppsScreen
from drio_tui.ui.v3.v3_blocks import tool_blocks, validation_blocks
from drio_tui.ui.widgets.rich_text import layout
from drio_tui.workspace.model.snapshot import Resource
from tests.api.fault_server import FaultServer
from tests.api.v3_server import INVALID, VALID, V3Drio, app, error, tool
from tests.ui.driving import running, text_of, until
from tests.ui.idle import parked


def text(blocks: list[Any]) -> str:
    return "\n".join(line.plain for line in layout(blocks, 100))


def test_tool_is_shown_by_its_documented_properties_and_the_rest_follows() -> None:
    raw = tool(order="first", retries={"limit": 3})
    shown = text(tool_blocks(Resource("tool", "tool_123", raw)))
    assert "Not as documented: order: Input should be a valid integer" in shown
    assert "Searches HubSpot contacts." in shown
    assert "exposed" in shown
    assert '{"limit": 3}' in shown.partition("Not documented")[2]
    assert "Not as documented" not in text(tool_blocks(Resource("tool", "tool_123", tool())))
    assert "7" in text(tool_blocks(Resource("tool", "#1", 7)))


def test_validation_is_shown_with_its_issues_and_what_they_are_about() -> None:
    shown = text(validation_blocks(INVALID))
    assert "✗ The draft cannot be published  1 error, 1 warning" in shown
    assert "✗ The operation of the tool does not exist.  operation_missing, blocks publishing" in shown
    assert "tool Search Contacts HubSpot tool_123" in shown
    assert "▲ The description is short.  description_short" in shown
    assert "✓ The draft can be published" in text(validation_blocks(VALID))
    for odd in (None, [], {"issues": [3, {"references": [4]}, {"message": 5}]}, {"ok": True, "issues": 1}):
        assert "Not as documented" in text(validation_blocks(odd))


async def test_apps_are_filtered_and_read_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    drio = V3Drio(page_size=2)
    drio.apps = [app(number, f"App {number}") for number in range(1, 6)]
    async with FaultServer(drio) as server, running(server.origin, monkeypatch) as pilot:
        await until(pilot, lambda: isinstance(pilot.app.screen, V3AppsScreen))
        screen: Any = pilot.app.screen
        await until(pilot, lambda: "2 apps, and more: m" in text_of(pilot.app))
        await pilot.press("m")
        await until(pilot, lambda: len(screen.resources) == 4)
        await pilot.press("slash", *"app 5")
        await until(pilot, lambda: [resource.id for resource in screen.resources] == ["app_5"])
        assert "App 5" in text_of(pilot.app)
        assert server.requests_seen[-1].target == "/api/v3/apps?query=app+5"
        await pilot.press("escape")
        await until(pilot, lambda: len(screen.resources) == 2)
        drio.answers["GET /apps"] = (500, error("internal_error", "It broke."))
        await pilot.press("escape", "r")
        await until(pilot, lambda: "▲ stale" in text_of(pilot.app))


async def test_app_is_read_tab_by_tab_validated_and_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    drio = V3Drio()
    async with FaultServer(drio) as server, running(server.origin, monkeypatch) as pilot:
        await until(pilot, lambda: "Acme Support" in text_of(pilot.app))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, V3AppScreen))
        screen: Any = pilot.app.screen
        await until(pilot, lambda: "https://mcp-123.mcp.getdrio.com/mcp" in text_of(pilot.app))
        await pilot.press("f4", "down")
        await until(pilot, lambda: "The tool is disabled." in text_of(pilot.app))
        await pilot.press("slash", *"summ")
        await until(pilot, lambda: "Search Contacts" not in text_of(pilot.app))
        await pilot.press("escape", "escape", "f4")
        await until(pilot, lambda: '"integrations"' in text_of(pilot.app))
        await pilot.press("f4")
        await until(pilot, lambda: "The draft cannot be published" in text_of(pilot.app))
        assert "POST" not in {request.method for request in server.requests_seen}
        drio.validation = VALID
        await pilot.press("v")
        await until(pilot, lambda: "The draft can be published" in text_of(pilot.app))
        drio.held["GET /apps/app_123/draft/runtime-preview"] = held = asyncio.Event()
        with parked():
            await pilot.press("f4")
            await until(pilot, lambda: screen.has_request("preview"))
            await pilot.press("escape")
            await until(pilot, lambda: "You stopped the reading." in text_of(pilot.app))
        held.set()
        await pilot.press("r")
        await until(pilot, lambda: '"runtime"' in text_of(pilot.app))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, V3AppsScreen))


async def test_read_only_hides_the_validation(monkeypatch: pytest.MonkeyPatch) -> None:
    async with FaultServer(V3Drio()) as server, running(server.origin, monkeypatch, read_only=True) as pilot:
        await until(pilot, lambda: "Acme Support" in text_of(pilot.app))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, V3AppScreen))
        await pilot.press("v")
        await until(pilot, lambda: "Validate" not in text_of(pilot.app))
        assert "POST" not in {request.method for request in server.requests_seen}
