"""Editing while drio rejects requests, does not respond or is offline, and while resources are deleted elsewhere."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from drio_tui.kinds import INTEGRATION, OPERATION, TOOL
from drio_tui.plan import executor
from drio_tui.plan.executor import Executor
from drio_tui.plan.steps import Step
from drio_tui.storage import paths
from drio_tui.ui.app_detail.app_screen import AppScreen
from drio_tui.ui.dialogs.confirm_dialog import ConfirmDialog
from drio_tui.ui.dialogs.faults_dialog import FaultsDialog
from drio_tui.ui.dialogs.select_dialog import Choice, SelectDialog
from drio_tui.ui.editing.batch_dialog import BatchDialog
from drio_tui.ui.editing.conflict_dialog import ConflictDialog
from drio_tui.ui.editing.edit_screen import EditScreen
from drio_tui.ui.editing.edit_target import EditTarget
from drio_tui.ui.editing.history_dialog import HistoryDialog
from drio_tui.ui.editing.recovery_dialog import RecoveryDialog
from drio_tui.ui.editing.review_dialog import ReviewDialog
from drio_tui.ui.forms.inputs import Picker
from drio_tui.workspace.saving import unsaved_edits
from drio_tui.workspace.saving.merge import FieldChange, FieldConflict, OverwrittenList
from tests.ui.driving import at_once, click_button, open_first_app, running, text_of, until
from tests.ui.editing.test_saving import app_of, edit_of, opened, set_field
from tests.ui.hostile_data import HOSTILE, hostile_drio
from tests.ui.table_server import TableServer, drio_of, serving
from tests.ui.test_hostile_text import unsafe
from tests.workspace.small_app import SEARCH_TOOL, small_config

TOOL_1 = "/apps/app_1/tools/tool_1"


@asynccontextmanager
async def editing_tool(monkeypatch: pytest.MonkeyPatch, **options: Any) -> AsyncIterator[tuple[Any, Any, TableServer]]:
    """The first tool of the small app in the edit screen, on a server with fixed responses."""
    answers = drio_of()
    answers[f"GET {TOOL_1}"] = {"tool": SEARCH_TOOL}
    answers[f"PATCH {TOOL_1}"] = {"tool": SEARCH_TOOL | {"name": "Mine"}}
    async with serving(TableServer(answers)) as server, running(server.base_url, monkeypatch, **options) as pilot:
        pilot.app.navigator.open_app("app_1")
        screen = await opened(pilot)
        screen.actions.open_edit(EditTarget("app_1", "tool", "tool_1"))
        yield pilot, await edit_of(pilot), server


def banner(app: Any) -> str:
    """Return the text of the banner as one line, however it is wrapped."""
    return (
        " ".join(app.screen.query_one("#banner").render().plain.split()) if isinstance(app.screen, EditScreen) else ""
    )


async def save(pilot: Pilot[Any], text: str) -> None:
    """Press Ctrl+S and wait until the banner shows a text."""
    await pilot.press("ctrl+s")
    await until(pilot, lambda: text in banner(pilot.app))


async def test_every_rejection_says_what_to_do_and_keeps_the_edit(monkeypatch: pytest.MonkeyPatch) -> None:
    """F01 F03 F06 F07 F08: one PATCH for one Ctrl+S, never repeated by itself, and no way into a sign-in loop."""
    fields = {"fields": [{"path": "name", "message": "is a trademark"}, {"path": "x-odd.y", "message": "is odd"}]}
    rejections = [
        (422, {"error": {"code": "invalid", "message": "2 fields", "details": fields, "requestId": "r-1"}}),
        413,
        (429, None, [("Retry-After", "30")]),
        500,
        403,
    ]
    async with editing_tool(monkeypatch) as (pilot, screen, server):
        server.next_answers[f"PATCH {TOOL_1}"] = rejections
        set_field(screen, "name", "Mine")
        await save(pilot, "x-odd.y is odd")
        await until(pilot, lambda: "is a trademark" in text_of(pilot.app))
        set_field(screen, "name", "Mine too")
        await save(pilot, "too large")
        await save(pilot, "asks to wait 30 seconds; after that Ctrl+S tries again")
        await save(pilot, "Reading again shows that it did not happen")
        await save(pilot, "Not allowed")
        assert server.asked("PATCH", TOOL_1) == 5
        # The same request would be rejected again: the key is disabled with that reason until something changes.
        await pilot.press("ctrl+s", "ctrl+s")
        await until(pilot, lambda: any("does not allow" in note.message for note in pilot.app._notifications))
        assert server.asked("PATCH", TOOL_1) == 5
        assert pilot.app.screen is screen
        assert screen.edited_resource()["name"] == "Mine too"
        screen.form.show_node(screen.form.model.root.properties["name"])
        await pilot.pause()
        await pilot.press("end", "x")
        await until(pilot, lambda: not screen._save_forbidden)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: pilot.app.screen is not screen)
        patches = [body for method, path, body in server.requests if (method, path) == ("PATCH", TOOL_1)]
        assert patches == [{"name": "Mine"}, *[{"name": "Mine too"}] * 4, {"name": "Search Ticketsx"}]


async def test_a_forbidden_action_is_disabled_for_that_resource_with_a_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """F03: on the app screen, for duplicating and for enabling; other resources are not affected."""
    answers = drio_of()
    answers |= {f"GET {TOOL_1}": {"tool": small_config()["tools"][0]}, f"PATCH {TOOL_1}": 403}
    answers["POST /apps/app_1/tools"] = 403
    async with serving(TableServer(answers)) as server, running(server.base_url, monkeypatch) as pilot:
        screen = await open_first_app(pilot)
        app: Any = pilot.app
        screen.tree_view.reveal(("tool", "tool_1"))
        await until(pilot, lambda: screen.selected_node.about == ("tool", "tool_1"))
        await pilot.press("c")
        await until(pilot, lambda: server.asked("POST", "/apps/app_1/tools") == 1 and not screen.has_request("change"))
        await until(pilot, lambda: not screen.loading_app)
        await pilot.press("c")
        await until(pilot, lambda: any("does not allow this" in note.message for note in app._notifications))
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, BatchDialog) and app.screen.focused)
        await click_button(pilot, "#go")
        await until(pilot, lambda: "Retry the failed" in text_of(app))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen and not screen.loading_app)
        assert "does not allow this" in screen.selection.disabled_reason("duplicate_resource")
        assert "does not allow this" in screen.selection.disabled_reason("switch_resources")
        assert screen.selection.disabled_reason("delete_resources") is None
        assert server.asked("POST", "/apps/app_1/tools") == 1
        await pilot.press("r")  # for a user who was given the permission meanwhile
        await until(pilot, lambda: screen.selection.disabled_reason("duplicate_resource") is None)
        await pilot.press("c")
        await until(pilot, lambda: server.asked("POST", "/apps/app_1/tools") == 2 and not screen.has_request("change"))
        await until(pilot, lambda: screen.selection.disabled_reason("duplicate_resource") is not None)
        screen.tree_view.reveal(("tool", "tool_2"))
        await until(pilot, lambda: screen.selected_node.about == ("tool", "tool_2"))
        assert screen.selection.disabled_reason("duplicate_resource") is None
        assert screen.selection.disabled_reason("switch_resources") is None


async def test_an_invalid_field_is_focused_and_a_rejected_change_is_not_in_the_history(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with editing_tool(monkeypatch) as (pilot, screen, server):
        app: Any = pilot.app
        screen.form.show_node(screen.form.model.root.properties["order"])
        await until(pilot, lambda: screen.form._focused_place() is not None)
        await pilot.press("end", *"abc")
        screen.form.focus_first()
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "not right yet" in banner(app))
        await until(pilot, lambda: screen.form._focused_place().node.path == ("order",))
        await pilot.press("backspace", "backspace", "backspace")
        set_field(screen, "name", "Refused")
        server.answers[f"PATCH {TOOL_1}"] = 422
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "refused with 422" in text_of(app))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog) and app.screen.focused)
        await pilot.press("right", "enter")
        await opened(pilot)
        await pilot.press("H")
        await until(pilot, lambda: isinstance(app.screen, HistoryDialog) and app.screen._history is not None)
        await pilot.pause()
        assert "changed tool" not in text_of(app)


async def test_letters_typed_at_once_open_one_list_filtered_by_all_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with editing_tool(monkeypatch) as (pilot, screen, _):
        app: Any = pilot.app
        screen.form.show_node(screen.form.model.root.properties["kind"])
        await until(pilot, lambda: isinstance(app.focused, Picker))
        at_once(pilot, "d", "o", "g")
        await until(pilot, lambda: isinstance(app.screen, SelectDialog) and app.screen.focused)
        assert app.screen.focused.value == "dog"
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)


async def test_esc_stops_waiting_for_a_silent_server_and_reconciles(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """F10 F12: the server never responds, but the form can be used again at once, and so can the key."""
    async with editing_tool(monkeypatch) as (pilot, screen, server):
        set_field(screen, "name", "Mine")
        server.hold(f"GET {TOOL_1}")
        before = server.asked("GET", TOOL_1)
        await save(pilot, "Esc stops waiting")
        await until(pilot, lambda: server.asked("GET", TOOL_1) > before)
        await pilot.press("escape")
        await until(pilot, lambda: "nothing was written" in banner(pilot.app))
        assert server.asked("PATCH", TOOL_1) == 0
        server.release()
        server.hold(f"PATCH {TOOL_1}")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: server.asked("PATCH", TOOL_1))
        server.answers[f"GET {TOOL_1}"] = {"tool": SEARCH_TOOL | {"name": "Theirs"}}
        await pilot.press("escape")
        await until(pilot, lambda: "does not show whether it happened" in banner(pilot.app))
        assert screen.edited_resource()["name"] == "Mine"
        server.answers[f"GET {TOOL_1}"] = {"tool": SEARCH_TOOL}
        server.release()
        await pilot.press("ctrl+s")
        await until(pilot, lambda: pilot.app.screen is not screen)
        assert server.asked("PATCH", TOOL_1) == 2
        # Waiting for an undo is stopped in the same way.
        await opened(pilot)
        server.answers[f"GET {TOOL_1}"] = {"tool": SEARCH_TOOL | {"name": "Mine"}}
        server.hold(f"PATCH {TOOL_1}")
        await pilot.press("z")
        await until(pilot, lambda: server.asked("PATCH", TOOL_1) == 3)
        await pilot.press("escape")
        await until(pilot, lambda: any("Not undone" in note.message for note in pilot.app._notifications))
        assert isinstance(pilot.app.screen, AppScreen)


async def test_a_wait_for_retry_after_is_shown_and_ended_by_esc(monkeypatch: pytest.MonkeyPatch) -> None:
    """F07: the read before the write gets a 429 with Retry-After."""
    async with editing_tool(monkeypatch) as (pilot, screen, server):
        set_field(screen, "name", "Mine")
        server.next_answers[f"GET {TOOL_1}"] = [(429, None, [("Retry-After", "45")])]
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "again in 45 s, Esc stops" in text_of(pilot.app))
        await pilot.press("escape")
        await until(pilot, lambda: "nothing was written" in banner(pilot.app))
        await until(pilot, lambda: "again in 45 s" not in text_of(pilot.app))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: pilot.app.screen is not screen)


async def test_an_edit_survives_the_server_being_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """F09 F18: offline with its cause; the edit stays, and is saved when drio is reachable again."""
    answers = drio_of()
    answers[f"GET {TOOL_1}"] = {"tool": SEARCH_TOOL}
    answers[f"PATCH {TOOL_1}"] = {"tool": SEARCH_TOOL | {"name": "Mine"}}
    server = TableServer(answers)
    async with serving(server):
        port = int(server.base_url.rpartition(":")[2])
        driving = running(server.base_url, monkeypatch)
        pilot = await driving.__aenter__()
        pilot.app.navigator.open_app("app_1")
        screen = await opened(pilot)
        screen.actions.open_edit(EditTarget("app_1", "tool", "tool_1"))
        editing = await edit_of(pilot)
        set_field(editing, "name", "Mine")
    try:
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "Cannot reach drio" in banner(pilot.app))
        assert "offline" in text_of(pilot.app)
        assert editing.edited_resource()["name"] == "Mine"
        # A form that is opened meanwhile says that it is empty, and is filled later.
        await pilot.app.push_screen(EditScreen(EditTarget("app_1", "tool", "tool_2"), screen.snapshot))
        await until(pilot, lambda: "F5 reads it again" in banner(pilot.app))
        assert "reading…" not in text_of(pilot.app)
        await pilot.app.push_screen(FaultsDialog())
        await until(pilot, lambda: "The faults could not be read." in text_of(pilot.app))
        await pilot.press("escape")
        server.answers["GET /apps/app_1/tools/tool_2"] = {"tool": {"id": "tool_2", "name": "Summarize"}}
        async with serving(server, port):
            await pilot.press("f5")
            await edit_of(pilot)
            await pilot.press("escape")
            await until(pilot, lambda: pilot.app.screen is editing)
            await pilot.press("ctrl+s")
            await until(pilot, lambda: pilot.app.screen is screen)
            await until(pilot, lambda: "online" in text_of(pilot.app))
    finally:
        await driving.__aexit__(None, None, None)


async def test_an_edit_whose_parent_was_deleted_is_kept_and_can_get_another_parent(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F04 F32: an operation deleted elsewhere is created again, in another integration if its own was deleted too."""
    async with app_of(sandbox_process, monkeypatch) as (pilot, screen, client):
        app = screen.app_id
        first, second = [
            (await client.create(INTEGRATION, {"name": name, "baseUrl": "https://a.test"}, app=app)).raw["id"]
            for name in ("First home", "Second home")
        ]
        body = {"name": "Search", "method": "GET", "path": "/search"}
        id = (await client.create(OPERATION, body, app=app, parent=first)).raw["id"]
        screen.actions.open_edit(EditTarget(app, "operation", id))
        editing = await edit_of(pilot)
        await client.delete(OPERATION, id, app=app)
        set_field(editing, "name", "Search better")
        await save(pilot, "deleted elsewhere")
        await until(pilot, lambda: unsaved_edits.load().buffers)
        await client.delete(INTEGRATION, first, app=app)
        await save(pilot, "Its integration was deleted elsewhere")
        (kept_edit,) = unsaved_edits.load().buffers
        assert kept_edit.local["name"] == "Search better"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(pilot.app.screen, SelectDialog))
        await pilot.press(*"second", "enter")
        await until(pilot, lambda: pilot.app.screen is screen)
        operations = (await client.list(OPERATION, app=app, parent=second)).items
        assert [operation["name"] for operation in operations] == ["Search better"]
        await until(pilot, lambda: not unsaved_edits.load().buffers)


async def test_a_stale_chain_is_reviewed_before_it_is_replaced(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F31 F37: a tool that another client added to the list meanwhile is named, and kept."""
    async with app_of(sandbox_process, monkeypatch) as (pilot, screen, client):
        app = screen.app_id
        ids = {}
        for name in ("one", "two", "three"):
            ids[name] = (await client.create(TOOL, {"name": name}, app=app)).raw["id"]
        await client.set_chain(app, ids["one"], [ids["two"]])
        screen.action_refresh()
        await opened(pilot)
        screen.actions.open_edit(EditTarget(app, "tool", ids["one"]))
        editing = await edit_of(pilot)
        await client.set_chain(app, ids["one"], [ids["two"], ids["three"]])
        editing._distribute_json(editing.edited_resource() | {"nextToolIds": []})
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(pilot.app.screen, ReviewDialog))
        shown = " ".join(text_of(pilot.app).split())
        assert "nextToolIds: others added three since you began" in shown
        await pilot.press("ctrl+s")
        await until(pilot, lambda: pilot.app.screen is screen)
        now = (await client.get(TOOL, ids["one"], app=app)).raw
        assert now["nextToolIds"] == [ids["three"]]


def plan_files() -> list[Path]:
    """Return the files of the plans in progress."""
    return [*(paths.state_dir() / "plans").glob("*.json")]


async def test_a_failed_step_asks_whether_to_go_on_and_a_retry_repeats_only_unfinished_steps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """F34 F38: each step has a result, and only unfinished steps are retried, however often the button is pressed."""
    monkeypatch.setattr(executor, "PARALLEL", 1)
    config = small_config()
    tools = [{"id": f"tool_{n:02}", "name": f"Tool {n:02}", "isEnabled": True, "order": n} for n in range(20)]
    config["tools"], config["widgets"] = tools, []
    answers = drio_of(config)
    for tool in tools:
        path = f"/apps/app_1/tools/{tool['id']}"
        answers[f"GET {path}"] = {"tool": tool}
        answers[f"PATCH {path}"] = {"tool": tool | {"isEnabled": False}}
    failing = "PATCH /apps/app_1/tools/tool_06"
    async with serving(TableServer(answers)) as server, running(server.base_url, monkeypatch) as pilot:
        server.next_answers[failing] = [409, 409]
        server.next_answers["PATCH /apps/app_1/tools/tool_09"] = [409]  # of two alike, one is asked about
        pilot.app.navigator.open_app("app_1")
        screen = await opened(pilot)
        for tool in tools:
            screen.selection.marked[("tool", tool["id"])] = None
        screen.action_switch_resources()
        await until(pilot, lambda: isinstance(pilot.app.screen, BatchDialog) and pilot.app.screen.focused)
        batch: Any = pilot.app.screen
        await click_button(pilot, "#go")
        for _ in range(20):
            batch.go()
        await until(pilot, lambda: "Go on with the other 13?" in text_of(pilot.app))
        assert "Disable Tool 06 failed: That conflicts" in text_of(pilot.app)
        assert batch.focused.id == "stop"
        await pilot.press("enter")
        await until(pilot, lambda: "Retry and go on" in text_of(pilot.app))
        assert (len(batch.work.failed), len(batch.work.untried)) == (1, 13)
        assert len(plan_files()) == 1  # it would go on after a kill
        await click_button(pilot, "#go")
        await until(pilot, lambda: "Go on with the other 13?" in text_of(pilot.app))
        await pilot.press("c")
        await until(pilot, lambda: "Retry the failed" in text_of(pilot.app))
        batch.query_one("PlanTree").focus()
        await pilot.press(*["down"] * 6)
        await until(pilot, lambda: "conflicts with what is there: refused with 409" in text_of(pilot.app))
        await click_button(pilot, "#go")
        await until(pilot, lambda: pilot.app.screen is screen)
        assert not plan_files()
        sent = [path for method, path, _ in server.requests if method == "PATCH"]
        repeated = [failing[6:], failing[6:], "/apps/app_1/tools/tool_09"]
        assert sorted(sent) == sorted([f"/apps/app_1/tools/{tool['id']}" for tool in tools] + repeated)


def broken_config() -> dict[str, Any]:
    """Return an app in which nothing is as documented: wrong types, nulls, unknown values, broken references."""
    config = small_config()
    odd = {"x-odd": {"deep": [1, {"no": None}], "big": 12345678901234567890}, "tier": "unheard-of"}
    config["app"] |= odd | {"branding": "blue", "description": None, "isEnabled": "yes", "status": "molten"}
    config["auth"][0] |= odd | {"config": ["?"], "status": 7, "grants": "all", "providerId": "gone"}
    config["integrations"][0] |= odd | {"kind": "telepathy", "config": 3, "authId": "auth_gone"}
    config["operations"][0] |= odd | {"method": "BREW", "path": 5, "inputSchema": "none", "outputSchema": [1]}
    config["tools"][0] |= odd | {
        "kind": "oracle", "order": "first", "annotations": [1],
        "binding": {"type": "dream", "integrationOperationId": 4},
        "nextToolIds": ["tool_1", "tool_gone", 8], "widgetId": "widget_gone",
    }  # fmt: skip
    config["widgets"][0] |= odd | {
        "primitive": "hologram", "toolId": "tool_gone", "config": {"fieldMappings": ["$"], "style": 2, "x": 1},
        "actions": {"not": "a list"}, "visibility": None,
    }  # fmt: skip
    return config


async def test_undocumented_values_are_preserved_when_another_field_is_edited(monkeypatch: pytest.MonkeyPatch) -> None:
    """F20 F21 F22 F30: opening every page of such a resource changes nothing, and only the new name is sent."""
    config = broken_config()
    answers = drio_of(config)
    resources = {kind: config[f"{kind}s"][0] for kind in ("operation", "tool", "widget")}
    paths = {kind: f"/apps/app_1/{kind}s/{raw['id']}" for kind, raw in resources.items()}
    for kind, raw in resources.items():
        answers[f"GET {paths[kind]}"] = {kind: raw}
        answers[f"PATCH {paths[kind]}"] = {kind: raw | {"name": "New"}}
    async with serving(TableServer(answers)) as server, running(server.base_url, monkeypatch) as pilot:
        pilot.app.navigator.open_app("app_1")
        screen = await opened(pilot)
        assert screen.outline.problems
        for kind, raw in resources.items():
            screen.actions.open_edit(EditTarget("app_1", kind, raw["id"]))
            editing = await edit_of(pilot)
            for number in range(len(editing._pages)):
                editing.show_page(number)
                await pilot.pause()
            editing.show_page(0)
            assert not editing.dirty, kind
            assert editing.edited_resource() == raw, kind
            set_field(editing, "name", "New")
            await pilot.press("ctrl+s")
            await until(pilot, lambda: pilot.app.screen is screen)
            assert [body for method, path, body in server.requests if (method, path) == ("PATCH", paths[kind])] == [
                {"name": "New"}
            ]


async def test_hostile_text_in_the_editing_dialogs_is_inert(monkeypatch: pytest.MonkeyPatch) -> None:
    """F57 F58: markup, control sequences, wide and combining characters, and very long lines, in every text shown."""
    hostile, path = HOSTILE, (HOSTILE, "x")
    edit = unsaved_edits.UnsavedEdit(
        "p", "u", "app_1", "tool", "t", hostile, {"name": hostile}, lost=(hostile,), why=hostile, id="0" * 24
    )
    dialogs: list[Any] = [
        ReviewDialog(hostile, TOOL, [FieldChange(path, hostile, [hostile])], [FieldChange(path, 1, 2)],
                     [OverwrittenList(path, (hostile,), (hostile,))]),
        ConflictDialog(hostile, [FieldConflict(path, hostile, [hostile], {hostile: hostile}, hostile, hostile)]),
        BatchDialog(
            hostile, hostile, [Step("x", "delete", "tool", hostile)], lambda saver: Executor(saver, "", []),
            agree="Yes", name=hostile,
        ),
        RecoveryDialog([edit]),
        SelectDialog(hostile, [Choice(1, hostile, hostile)]),
        ConfirmDialog(hostile, hostile, name=hostile),
    ]  # fmt: skip
    async with serving(TableServer(hostile_drio())) as server, running(server.base_url, monkeypatch) as pilot:
        below = pilot.app.screen
        for dialog in dialogs:
            await pilot.app.push_screen(dialog)
            await until(pilot, lambda: "app [prod]" in text_of(pilot.app))
            assert unsafe(text_of(pilot.app)) == set(), dialog
            await pilot.click(dialog, offset=(60, 12))
            await pilot.pause()
            assert pilot.app.screen in (dialog, below), "no link and no action in the text was followed"
            if pilot.app.screen is dialog:  # the list closes when a choice is clicked
                await dialog.dismiss(None)
        assert pilot.app.is_running
