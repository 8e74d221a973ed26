"""Leaving a dialog or a screen while it changes something: the change is stopped first, and its outcome shown."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from drio_tui.ui.dialogs.confirm_dialog import ConfirmDialog
from drio_tui.ui.editing.batch_dialog import BatchDialog
from drio_tui.ui.editing.bulk_dialog import BulkDialog
from tests.ui.driving import at_once, running, text_of, until
from tests.ui.editing.test_faults import TOOL_1
from tests.ui.editing.test_saving import opened
from tests.ui.table_server import TableServer, drio_of, serving
from tests.workspace.small_app import SEARCH_TOOL


@asynccontextmanager
async def selected_tool(
    monkeypatch: pytest.MonkeyPatch, *, hold: str = ""
) -> AsyncIterator[tuple[Any, Any, TableServer]]:
    """Provide the pilot, the screen of the small app with the cursor on its first tool, and its server.

    The server does not answer the route `hold`.
    """
    answers = drio_of()
    answers[f"GET {TOOL_1}"] = {"tool": SEARCH_TOOL}
    answers[f"PATCH {TOOL_1}"] = {"tool": SEARCH_TOOL | {"isEnabled": False}}
    async with serving(TableServer(answers)) as server, running(server.base_url, monkeypatch) as pilot:
        server.hold(hold)
        app: Any = pilot.app
        app.navigator.open_app("app_1")
        screen = await opened(pilot)
        screen.tree_view.reveal(("tool", "tool_1"))
        await until(pilot, lambda: screen.selected_node.about == ("tool", "tool_1"))
        yield pilot, screen, server


def notified(pilot: Any, text: str) -> bool:
    return any(text in note.message for note in pilot.app._notifications)


async def test_leaving_a_running_batch_stops_it_and_shows_its_outcome(monkeypatch: pytest.MonkeyPatch) -> None:
    async with selected_tool(monkeypatch) as (pilot, screen, server):
        app: Any = pilot.app
        server.hold(f"PATCH {TOOL_1}")
        at_once(pilot, "x", "enter")
        await until(pilot, lambda: server.asked("PATCH", TOOL_1))
        await pilot.press("escape")
        assert isinstance(app.screen, BatchDialog)
        assert "stopping after the running requests… Esc cancels them" in text_of(app)
        dialog = app.screen
        await pilot.press("ctrl+q")
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
        assert "is under way and may be cut off" in text_of(app)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is dialog)
        server.release()
        await until(pilot, lambda: app.screen is screen and not screen.loading_app)
        assert notified(pilot, "Done.")

        server.answers[f"GET {TOOL_1}"] = {"tool": SEARCH_TOOL | {"isEnabled": False}}
        server.hold(f"PATCH {TOOL_1}")
        at_once(pilot, "x", "enter")
        await until(pilot, lambda: server.asked("PATCH", TOOL_1) == 2)
        at_once(pilot, "escape", "escape")
        await until(pilot, lambda: "Retry the failed" in text_of(app))
        assert "it did not happen" in text_of(app)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen and not screen.loading_app)
        # It may still arrive at the server.
        await pilot.press("H")
        await until(pilot, lambda: "? It is not known whether this happened." in text_of(app))
        assert "? changed tool" in text_of(app)


@pytest.mark.parametrize("is_running", [True, False])
async def test_a_batch_that_is_left_while_it_hangs_is_offered_again(
    monkeypatch: pytest.MonkeyPatch, is_running: bool
) -> None:
    async with selected_tool(monkeypatch) as (pilot, screen, _):
        await pilot.press("x")
        await until(pilot, lambda: isinstance(pilot.app.screen, BatchDialog) and pilot.app.screen.focused)
        dialog: Any = pilot.app.screen
        forgotten: list[bool] = []
        dialog._plan_session = SimpleNamespace(close=lambda *, forget: forgotten.append(forget))
        dialog._batch_running = is_running  # and nothing that can be cancelled
        await pilot.press(*["escape"] * 3 if is_running else ["escape"])
        await until(pilot, lambda: pilot.app.screen is screen)
        assert forgotten == [not is_running]


async def test_a_change_of_the_app_is_shown_while_it_runs_and_no_second_one_is_ignored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with selected_tool(monkeypatch) as (pilot, screen, server):
        app: Any = pilot.app
        tools = "/apps/app_1/tools"
        server.answers[f"POST {tools}"] = (201, {"tool": SEARCH_TOOL | {"id": "tool_9", "name": "Copy"}})
        server.hold(f"POST {tools}")
        at_once(pilot, "c", "z")
        await until(pilot, lambda: server.asked("POST", tools))
        assert "◌ copying… Esc stops" in text_of(app)
        assert notified(pilot, "The last change is under way.")
        await pilot.press("ctrl+q")
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)
        server.release()
        await until(pilot, lambda: notified(pilot, "Copied.") and not screen.loading_app)
        assert "copying" not in text_of(app)
        server.hold(f"POST {tools}")
        at_once(pilot, "c", "escape")
        # Esc came between two requests, or while the last one ran.
        await until(pilot, lambda: notified(pilot, "nothing was written") or notified(pilot, "it did not happen"))
        assert "copying" not in text_of(app)


async def test_what_is_typed_after_the_key_of_a_form_of_several_resources_goes_into_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with selected_tool(monkeypatch, hold="GET /openapi.json") as (pilot, screen, _server):
        app: Any = pilot.app
        await until(pilot, lambda: len(screen.snapshot.resources("tool")) > 1)
        for tool in screen.snapshot.resources("tool"):
            screen.selection.marked[tool.key] = None
        at_once(pilot, "e", *"xD")
        await until(pilot, lambda: isinstance(app.screen, BulkDialog) and app.screen.form is not None)
        assert [*app.screen._form_values().values()] == ["xD"]


async def test_an_app_is_read_again_after_its_history_was_left_during_an_undo(monkeypatch: pytest.MonkeyPatch) -> None:
    async with selected_tool(monkeypatch) as (pilot, screen, server):
        app: Any = pilot.app
        at_once(pilot, "x", "enter")
        await until(pilot, lambda: app.screen is screen and server.asked("PATCH", TOOL_1) and not screen.loading_app)
        server.answers[f"GET {TOOL_1}"] = {"tool": SEARCH_TOOL | {"isEnabled": False}}
        await pilot.press("H")
        await until(pilot, lambda: "can be undone" in text_of(app))
        server.hold(f"PATCH {TOOL_1}")
        await pilot.press("z")
        await until(pilot, lambda: server.asked("PATCH", TOOL_1) == 2)
        server.hold(f"GET {TOOL_1}")
        read = server.asked("GET", "/apps/app_1/config")
        await pilot.press("escape", "escape")
        await until(pilot, lambda: app.screen is screen and not screen.loading_app)
        assert server.asked("GET", "/apps/app_1/config") > read
