"""Keys that are pressed faster than the program reacts, and responses that arrive while another screen is shown."""

from __future__ import annotations

import asyncio

import pytest
from textual.widgets import Button, Static

from drio_tui.ui.app.help_dialog import HelpDialog
from drio_tui.ui.app_detail.app_screen import AppScreen
from drio_tui.ui.base.workers import start_worker
from drio_tui.ui.dialogs.confirm_dialog import ConfirmDialog
from drio_tui.ui.editing.edit_screen import EditScreen
from drio_tui.ui.editing.edit_target import EditTarget
from drio_tui.ui.editing.review_dialog import ReviewDialog
from drio_tui.workspace.saving import unsaved_edits
from tests.ui.driving import at_once, running, show, until
from tests.ui.editing.test_faults import TOOL_1, editing_tool
from tests.ui.editing.test_saving import edit_of, opened, set_field
from tests.ui.table_server import TableServer, drio_of, serving
from tests.workspace.small_app import SEARCH_TOOL, small_config


async def test_a_double_press_of_a_button_answers_only_one_dialog(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """F34: the second press does not reach the edit screen below, nor the app screen below that."""
    async with editing_tool(monkeypatch) as (pilot, screen, server):
        set_field(screen, "name", "Mine")
        set_field(screen, "description", "Mine too")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmDialog) and pilot.app.screen.focused)
        for _ in range(3):
            pilot.app.screen.query_one("#no", Button).press()
        await until(pilot, lambda: pilot.app.screen is screen)
        await pilot.pause()
        server.hold(f"PATCH {TOOL_1}")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(pilot.app.screen, ReviewDialog) and pilot.app.screen.focused)
        for _ in range(3):
            pilot.app.screen.query_one("#write", Button).press()
        await until(pilot, lambda: server.asked("PATCH", TOOL_1))
        await pilot.pause()
        assert pilot.app.screen is screen
        server.release()
        await until(pilot, lambda: isinstance(pilot.app.screen, AppScreen))
        assert server.asked("PATCH", TOOL_1) == 1


@pytest.mark.parametrize("leave", ["escape", "ctrl+q"])
async def test_ctrl_s_in_the_leave_confirmation_loses_no_edit(leave: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with editing_tool(monkeypatch) as (pilot, screen, _server):
        set_field(screen, "name", "Mine")
        at_once(pilot, leave, "ctrl+s")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmDialog))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: any("does not press" in note.message for note in pilot.app._notifications))
        assert isinstance(pilot.app.screen, ConfirmDialog)
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is screen)
        assert screen.edited_resource()["name"] == "Mine"


async def test_a_save_that_ends_while_covered_closes_only_the_edit_screen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with editing_tool(monkeypatch) as (pilot, screen, server):
        below = pilot.app.screen_stack[-2]
        for name in ("Mine", "Mine again"):
            set_field(screen, "name", name)
            server.hold(f"PATCH {TOOL_1}")
            await pilot.press("ctrl+s")
            await until(pilot, lambda: server.asked("PATCH", TOOL_1))
            if name == "Mine":
                await pilot.press("f1")
                await until(pilot, lambda: isinstance(pilot.app.screen, HelpDialog))
            else:
                pilot.app.action_go("requests")
                await until(pilot, lambda: pilot.app.current_mode == "requests")
            covering = pilot.app.screen
            server.release()
            await until(pilot, lambda editing=screen: editing.saved)
            await pilot.pause()
            assert pilot.app.screen is covering
            assert (screen.unsaved_input(), screen.unsaved_edit("the test ends it")) == ("", None), "it is saved"
            if name == "Mine":
                await pilot.press("escape")
            else:
                pilot.app.action_go("apps")
            await until(pilot, lambda: pilot.app.screen is below)
            assert server.asked("PATCH", TOOL_1) == (1 if name == "Mine" else 2)
            below.actions.open_edit(EditTarget("app_1", "tool", "tool_1"))
            screen = await edit_of(pilot)


async def test_what_is_typed_while_a_save_runs_is_neither_saved_nor_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    async with editing_tool(monkeypatch) as (pilot, screen, server):
        below = pilot.app.screen_stack[-2]
        before = SEARCH_TOOL["name"]
        theirs = SEARCH_TOOL | {"description": "By somebody else"}
        server.answers[f"GET {TOOL_1}"] = {"tool": theirs}
        server.answers[f"PATCH {TOOL_1}"] = {"tool": theirs | {"name": "Mine"}}
        set_field(screen, "name", "Mine")
        server.hold(f"PATCH {TOOL_1}")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: server.asked("PATCH", TOOL_1))
        set_field(screen, "name", before)  # back to what it was when the form was opened
        server.answers[f"GET {TOOL_1}"] = {"tool": theirs | {"name": "Mine"}}
        server.release()
        await until(pilot, lambda: any("not saved yet" in note.message for note in pilot.app._notifications))
        assert pilot.app.screen is screen
        assert (screen.edited_resource()["name"], screen.dirty, screen._saving) == (before, True, False)
        assert "Tool  Mine   fields as " in str(screen.query_one("#heading", Static).content), "it is saved as that"
        server.answers[f"PATCH {TOOL_1}"] = {"tool": theirs}
        await pilot.press("ctrl+s")
        await until(pilot, lambda: pilot.app.screen is below)
        bodies = [body for method, _, body in server.requests if method == "PATCH"]
        assert bodies == [{"name": "Mine"}, {"name": before}]
        assert below.snapshot.resource("tool", "tool_1").name == before


@pytest.mark.parametrize("covered", [False, True])
async def test_what_is_typed_while_a_resource_is_created_is_shown_in_its_form(
    monkeypatch: pytest.MonkeyPatch, covered: bool
) -> None:
    async with editing_tool(monkeypatch) as (pilot, _screen, server):
        await pilot.press("escape")
        below = await opened(pilot)
        made = SEARCH_TOOL | {"id": "tool_9", "name": "New", "key": "new"}
        server.answers["POST /apps/app_1/tools"] = (201, {"tool": made})
        below.actions.open_edit(EditTarget("app_1", "tool"))
        creating = await edit_of(pilot)
        set_field(creating, "name", "New")
        server.hold("POST /apps/app_1/tools")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: server.asked("POST", "/apps/app_1/tools"))
        set_field(creating, "name", "Newer")
        if covered:
            await pilot.press("f1")
            await until(pilot, lambda: isinstance(pilot.app.screen, HelpDialog))
        server.release()
        await until(pilot, lambda: creating.saved)
        if covered:
            assert isinstance(pilot.app.screen, HelpDialog)
            await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen not in (creating, below))
        editing = await edit_of(pilot)
        assert (editing.target.id, editing.edited_resource()["name"], editing.dirty) == ("tool_9", "Newer", True)


async def test_a_question_waits_until_its_screen_is_shown_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is typed in another area, or in a dialog that was opened meanwhile, does not answer it."""
    async with editing_tool(monkeypatch) as (pilot, screen, server):
        set_field(screen, "name", "Mine")
        set_field(screen, "description", "Mine too")  # several changes are reviewed
        for go, come_back in (("go('requests')", "go('apps')"), ("help", "screen.dismiss")):
            server.hold(f"GET {TOOL_1}")
            asked = server.asked("GET", TOOL_1)
            await pilot.press("ctrl+s")
            await until(pilot, lambda asked=asked: server.asked("GET", TOOL_1) > asked)  # type: ignore[misc]
            await pilot.app.run_action(go)
            await until(pilot, lambda: pilot.app.screen is not screen)
            covering = pilot.app.screen
            server.release()
            await until(pilot, lambda: screen._waiting_dialogs)
            assert pilot.app.screen is covering
            await pilot.app.run_action(come_back)
            await until(pilot, lambda: isinstance(pilot.app.screen, ReviewDialog) and pilot.app.screen.focused)
            await pilot.press("escape")
            await until(pilot, lambda: pilot.app.screen is screen and not screen._saving)
        assert any("waits there for your answer" in note.message for note in pilot.app._notifications)
        assert not server.asked("PATCH", TOOL_1)


async def test_a_question_that_waits_names_its_area_as_the_navigation_does(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        explorer = await show(pilot, "explorer")
        await show(pilot, "apps")
        start_worker(explorer, pilot.app.navigator.confirm, "Go on?", group="question")
        await until(pilot, lambda: "API" in [note.title for note in pilot.app._notifications])
        await show(pilot, "explorer")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmDialog))


async def test_keys_pressed_while_the_form_is_mounting_are_harmless(monkeypatch: pytest.MonkeyPatch) -> None:
    """F5 (read again) and Esc (leave) do not break a screen whose form is not mounted yet."""
    answers = drio_of()
    answers[f"GET {TOOL_1}"] = {"tool": SEARCH_TOOL}
    async with serving(TableServer(answers)) as server, running(server.base_url, monkeypatch) as pilot:
        pilot.app.navigator.open_app("app_1")
        screen = await opened(pilot)
        for key in ("escape", "f5"):
            editing = EditScreen(EditTarget("app_1", "tool", "tool_1"), screen.snapshot)
            await pilot.app.push_screen(editing)
            async with asyncio.timeout(30):
                while editing.form is None:
                    await asyncio.sleep(0)
            while key == "f5" and not editing.is_filled:
                at_once(pilot, key)
                await asyncio.sleep(0)
            if key == "escape":
                at_once(pilot, key)
                await until(pilot, lambda: pilot.app.screen is screen)
            await pilot.pause()
        assert server.asked("GET", TOOL_1) == 2
        assert pilot.app.is_running


async def test_a_kept_edit_that_could_not_be_loaded_stays_kept_unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    """F36: the program ends before drio has responded."""
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        server.hold(f"GET {TOOL_1}")
        before, local = dict(SEARCH_TOOL), SEARCH_TOOL | {"name": "Mine"}
        target = EditTarget(
            "app_1", "tool", "tool_1", base=before, local=local, draft="{ half", unsaved_edit_id="ab" * 12
        )
        await pilot.app.push_screen(EditScreen(target))
        await until(pilot, lambda: server.asked("GET", TOOL_1))
        pilot.app.keep_unsaved("the test ends it")
        (kept,) = unsaved_edits.load().buffers
        assert (kept.local["name"], kept.base and kept.base["name"], kept.draft) == (
            "Mine",
            SEARCH_TOOL["name"],
            "{ half",
        )


async def test_keys_typed_right_before_ctrl_s_are_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key with priority is handled before earlier keys have reached their field."""
    async with editing_tool(monkeypatch) as (pilot, screen, server):
        screen.form.show_node(screen.form.model.root.properties["name"])
        await pilot.press("end", "x")
        at_once(pilot, "y", "z", "q", "backspace", "ctrl+s", "ctrl+s")
        await until(pilot, lambda: pilot.app.screen is not screen)
        sent = [body for method, path, body in server.requests if (method, path) == ("PATCH", TOOL_1)]
        assert sent == [{"name": f"{SEARCH_TOOL['name']}xyz"}]


async def test_a_screen_that_cannot_keep_its_edit_does_not_affect_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """F51: the broken screen may be the reason why the program ends."""
    async with editing_tool(monkeypatch) as (pilot, screen, _):
        set_field(screen, "name", "Mine")
        broken = EditScreen(EditTarget("app_1", "tool", "tool_2", local={"name": "Broken"}))
        monkeypatch.setattr(broken, "unsaved_edit", lambda why: {}[why])
        pilot.app._screen_stack.insert(1, broken)
        assert pilot.app.keep_unsaved("the test ends it")
        assert [edit.local["name"] for edit in unsaved_edits.load().buffers] == ["Mine"]
        pilot.app._screen_stack.remove(broken)


async def test_an_edit_kept_several_times_is_offered_once_in_its_last_state(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A session leader in the foreground gets SIGHUP twice on a hang-up."""
    async with editing_tool(monkeypatch) as (pilot, screen, _):
        for name in ("First", "Second", "Third"):
            set_field(screen, "name", name)
            assert pilot.app.keep_unsaved("the test ends it")
        assert [edit.local["name"] for edit in unsaved_edits.load().buffers] == ["Third"]
        await pilot.press("ctrl+s")
        await until(pilot, lambda: pilot.app.screen is not screen)
        assert unsaved_edits.load().buffers == []


async def test_the_cursor_moves_to_a_finished_copy_from_any_node(monkeypatch: pytest.MonkeyPatch) -> None:
    config = small_config()
    copied = {"id": "tool_copy", "name": "Search Tickets copy", "kind": "api", "order": 9}
    answers = drio_of(config)
    answers[f"GET {TOOL_1}"] = {"tool": SEARCH_TOOL}
    answers["POST /apps/app_1/tools"] = {"tool": copied}
    async with serving(TableServer(answers)) as server, running(server.base_url, monkeypatch) as pilot:
        pilot.app.navigator.open_app("app_1")
        screen = await opened(pilot)
        screen.tree_view.reveal(("tool", "tool_1"))
        await until(pilot, lambda: screen.selected_node.about == ("tool", "tool_1"))
        server.hold("POST /apps/app_1/tools")
        await pilot.press("c")
        await until(pilot, lambda: server.asked("POST", "/apps/app_1/tools"))
        screen.tree_view.reveal(("integration", "integration_1"))
        await until(pilot, lambda: screen.selected_node.about == ("integration", "integration_1"))
        config["tools"].append(copied)
        server.answers |= drio_of(config)
        server.release()
        await until(pilot, lambda: screen.selected_node.about == ("tool", "tool_copy"))
