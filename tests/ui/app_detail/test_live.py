"""Changes by others while an app is open. Each test asks for the check that a timer would make."""

from __future__ import annotations

import re
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from textual.pilot import Pilot

from drio_tui.api.client import DrioClient
from drio_tui.api.transport import Transport
from drio_tui.kinds import TOOL, WIDGET
from drio_tui.ui.app_detail import app_tree_screen
from drio_tui.ui.forms.schema_form import SchemaForm
from drio_tui.workspace.model.snapshot import Snapshot
from drio_tui.workspace.model.tree_model import TreeModel
from tests.plan.dying import Token
from tests.ui.driving import open_first_app, running, text_of, until
from tests.ui.editing.test_saving import app_of, edit, opened
from tests.ui.table_server import TableServer, drio_of, serving
from tests.workspace.small_app import small_config


@asynccontextmanager
async def someone_else(sandbox: Any) -> AsyncIterator[DrioClient]:
    """Another client of the same account."""
    transport = Transport(f"{sandbox.base_url}/api/v1", auth=Token(sandbox.token))
    yield DrioClient(transport)
    await transport.aclose()


async def check(pilot: Pilot[Any], screen: Any) -> None:
    """Make the check that a timer would make later, and wait for its end."""
    assert not screen.live.poller.is_paused
    screen.live.poller.check()
    await until(pilot, lambda: screen.live.poller._worker.is_finished)


async def test_changes_by_others_are_marked_and_the_view_is_kept(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        app_of(sandbox_process, monkeypatch) as (pilot, screen, own),
        someone_else(sandbox_process) as other,
    ):
        app = screen.app_id
        tools = list(screen.snapshot.resources("tool"))
        renamed, under_cursor, saved_here = tools[0], tools[1], tools[2]
        screen.tree_view.reveal(under_cursor.key)
        await pilot.press("plus")
        before = screen.tree_view.cursor - screen.tree_view.scroll_offset.y
        opened_nodes = set(screen.tree_view.opened)
        built_in: list[threading.Thread] = []

        class NotedModel(TreeModel):
            def __init__(self, snapshot: Any) -> None:
                built_in.append(threading.current_thread())
                super().__init__(snapshot)

        monkeypatch.setattr(app_tree_screen, "TreeModel", NotedModel)
        requests = len(pilot.app.connection.log)

        await own.update(TOOL, saved_here.id, {"description": "Saved here."}, app=app)
        await other.update(TOOL, renamed.id, {"name": "Renamed by Bob"}, app=app)
        await other.create(TOOL, {"name": "Added by Bob", "description": "New."}, app=app)
        await check(pilot, screen)
        assert len(pilot.app.connection.log) == requests + 2  # the own save, and one request for the check
        marks = {mark.what: key for key, mark in screen.live.marks.items()}
        added = marks["new"]
        assert marks["changed"] == renamed.key
        assert saved_here.key not in screen.live.marks
        assert len(screen.live.marks) == 2
        assert screen.selected_node.about == under_cursor.key
        assert screen.tree_view.cursor - screen.tree_view.scroll_offset.y == before
        assert opened_nodes <= screen.tree_view.opened
        assert "Saved here." in screen.snapshot.resource("tool", saved_here.id).text("description")
        assert "~ 2 changes by others" in text_of(pilot.app)
        assert built_in
        assert threading.main_thread() not in built_in  # hundreds of tools take long
        current = screen.outline
        screen.post_message(screen.OutlineBuilt(screen._outline_number - 1, TreeModel(Snapshot(app))))  # it was late
        await pilot.pause()
        assert screen.outline is current

        await pilot.press("n")  # from one change to the next; the mark of the one that was looked at goes
        await until(pilot, lambda: "by someone else" in text_of(pilot.app))
        await pilot.press("n")
        await until(pilot, lambda: len(screen.live.marks) == 1)
        await pilot.press("k")
        await until(pilot, lambda: not screen.live.marks)

        screen.tree_view.reveal(added)
        await until(pilot, lambda: screen.selected_node.about == added)
        await other.delete(TOOL, added[1], app=app)
        await check(pilot, screen)
        assert screen.selected_node.key == added
        assert "deleted in drio" in text_of(pilot.app)
        assert screen.disabled_reason("edit_resource", ())
        await pilot.press("k")
        await until(pilot, lambda: added not in screen.outline.by_key)
        assert screen.live.poller.schedule.pause == screen.live.poller.schedule.first


async def test_an_open_form_says_what_changed_and_is_not_touched(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        app_of(sandbox_process, monkeypatch) as (pilot, screen, _own),
        someone_else(sandbox_process) as other,
    ):
        form, tool = await edit(pilot, screen, "tool")
        typed = form.edited_resource()
        await check(pilot, screen)
        assert not form.query_one("#remote").has_class("-said")
        poller: Any = screen.live.poller
        await pilot.press("f1")  # the form is covered when a check is due, and uncovered
        await until(pilot, lambda: pilot.app.screen is not form)
        poller.check()
        assert poller._timer is None
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is form and poller._timer is not None)
        await other.update(TOOL, tool, {"description": "By Bob."}, app=screen.app_id)
        await other.update(
            WIDGET, next(iter(screen.snapshot.resources("widget"))).id, {"name": "By Bob"}, app=screen.app_id
        )
        await check(pilot, screen)
        assert "Changed in drio meanwhile: description." in text_of(pilot.app)
        assert "Saving merges it" in text_of(pilot.app)
        assert form.edited_resource() == typed
        description = form.form.model.root.properties["description"]
        description.assign("By Ada.")
        form.form.post_message(SchemaForm.Changed(form.form))
        await until(pilot, lambda: "You changed description too: saving asks" in text_of(pilot.app))
        description.reset()
        assert screen.snapshot.resource("tool", tool).text("description") != "By Bob."
        await pilot.press("escape")
        assert await opened(pilot) is screen
        await until(pilot, lambda: len(screen.live.marks) == 2)
        assert "description" in screen.live.note()


async def test_nothing_is_asked_while_nobody_looks_and_an_unchanged_config_is_not_sent_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = small_config()
    answers = drio_of(config)
    answers["GET /apps/app_1/config"] = (200, {"config": config}, [("ETag", '"1"')])
    async with serving(TableServer(answers)) as server, running(server.base_url, monkeypatch) as pilot:
        screen = await open_first_app(pilot)
        poller: Any = screen.live.poller
        await check(pilot, screen)
        await check(pilot, screen)
        assert server.unchanged == 1
        asked = len(server.requests)
        pilot.app.app_focus = False
        poller.check()
        await pilot.press("question_mark")
        await until(pilot, lambda: pilot.app.screen is not screen)
        pilot.app.app_focus = True
        poller.check()
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is screen)
        screen.loading_app = True
        poller.check()
        screen.loading_app = False
        assert server.requests[asked:] == []
        server.answers["GET /apps/app_1/config"] = 429
        await check(pilot, screen)
        assert len(server.requests) == asked + 1  # without retries
        assert poller.schedule.has_failed
        assert "429" not in text_of(pilot.app).replace(server.base_url.partition("//")[2], "")
        # A config that lacks the tools: their list and the config take turns.
        del config["tools"]
        server.answers["GET /apps/app_1/config"] = {"config": config}
        tools = [{"id": "tool_2", "name": "Summarize differently"}]
        server.answers["GET /apps/app_1/tools"] = {"tools": tools}
        await check(pilot, screen)
        await check(pilot, screen)
        await until(pilot, lambda: "Summarize differently" in text_of(pilot.app))
        assert {key: mark.what for key, mark in screen.live.marks.items()} == {
            ("tool", "tool_1"): "deleted",
            ("tool", "tool_2"): "changed",
        }
        screen.filter_text = "Summarize"
        await until(pilot, lambda: re.search(r"\d hits?  [~-] ", text_of(pilot.app)))
