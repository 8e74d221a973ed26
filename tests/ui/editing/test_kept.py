"""Typed text is kept on disk shortly after it is typed, in every form, and deleted once it is saved or discarded."""

from __future__ import annotations

from typing import Any

import pytest

from drio_tui.ui.app_detail.app_screen import AppScreen
from drio_tui.ui.dialogs.confirm_dialog import ConfirmDialog
from drio_tui.ui.editing.edit_screen import EditScreen
from drio_tui.ui.editing.edit_target import EditTarget
from drio_tui.ui.editing.recovery_dialog import RecoveryDialog
from drio_tui.ui.forms.inputs import TextEditor
from drio_tui.ui.wizard.resource_screens import WizardResourceScreen
from drio_tui.wizard import draft_store
from drio_tui.workspace.saving import unsaved_edits
from drio_tui.workspace.saving.unsaved_edits import UnsavedEdit, UnsavedEditFile
from tests.ui.driving import running, until
from tests.ui.editing.test_faults import TOOL_1, editing_tool
from tests.ui.editing.test_saving import edit_of
from tests.ui.table_server import TableServer, drio_of, serving
from tests.ui.wizard.test_wizard_screen import SMALL, fill, go_to_page, open_wizard
from tests.workspace.small_app import AUTH, SEARCH_TOOL


def kept_edits() -> list[UnsavedEdit]:
    return unsaved_edits.load().buffers


def kept_notes() -> list[Any]:
    """Return the `note` in the config of each kept edit."""
    return [edit.local.get("config", {}).get("note") for edit in kept_edits()]


async def type_in_name(pilot: Any, screen: Any, *keys: str) -> None:
    """Type at the end of the name."""
    screen.form.show_node(screen.form.model.root.properties["name"])
    await pilot.pause()
    await pilot.press("end", *keys)


async def test_typed_text_is_kept_on_disk_until_it_is_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    async with editing_tool(monkeypatch) as (pilot, screen, _):
        await type_in_name(pilot, screen, "exclamation_mark")
        await until(pilot, lambda: [edit.local["name"] for edit in kept_edits()] == ["Search Tickets!"])
        (edit,) = kept_edits()
        assert (edit.resource, edit.base and edit.base["name"]) == ("tool_1", "Search Tickets")
        assert unsaved_edits.is_edited(edit)  # another window does not offer it
        await pilot.press("backspace")
        await until(pilot, lambda: kept_edits() == [])  # there is nothing to lose
        await pilot.press("question_mark")
        await until(pilot, lambda: [edit.local["name"] for edit in kept_edits()] == ["Search Tickets?"])
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(pilot.app.screen, AppScreen))
        assert kept_edits() == []
        assert list(unsaved_edits.folder().iterdir()) == []


@pytest.mark.parametrize("leave", ["escape", "ctrl+q"])
async def test_a_discarded_edit_is_not_offered_again(monkeypatch: pytest.MonkeyPatch, leave: str) -> None:
    async with editing_tool(monkeypatch) as (pilot, screen, _):
        await type_in_name(pilot, screen, "exclamation_mark")
        await until(pilot, kept_edits)
        await pilot.press(leave)
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmDialog))
        assert kept_edits()
        await pilot.press("right", "enter")
        await until(pilot, lambda: not kept_edits())


async def test_typed_json_is_kept_and_applied_when_the_page_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with editing_tool(monkeypatch) as (pilot, screen, _):
        screen.show_json()
        await until(pilot, lambda: isinstance(screen.focused, TextEditor))
        area = screen.focused
        area.text = area.text.replace("Search Tickets", "Renamed")
        await until(pilot, lambda: [edit.local["name"] for edit in kept_edits()] == ["Renamed"])
        assert screen.form.model.value()["name"] == "Search Tickets"  # the user is still typing
        area.text = area.text.rstrip().removesuffix("}")
        await until(pilot, lambda: [edit.draft for edit in kept_edits()] == [area.text])
        area.text += "}"
        await until(pilot, lambda: [edit.draft for edit in kept_edits()] == [""])
        screen.show_page(0)
        await until(pilot, lambda: screen.form.model.value()["name"] == "Renamed")
        assert screen.edited_resource()["name"] == "Renamed"


async def test_a_typed_secret_is_never_written_to_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "s3cret-of-mine"
    provider = {"id": "provider_1", "key": "api-key", "name": "API key", "kind": "apiKey"}
    provider["configSchema"] = {
        "type": "object",
        "properties": {"note": {"type": "string"}, "opening": {"type": "string", "writeOnly": True}},
    }  # type: ignore[assignment] # a schema
    answers = drio_of() | {"GET /apps/app_1/auth/auth_1": {"auth": AUTH | {"config": {"note": "x"}}}}
    answers["GET /apps/app_1/auth"] = {"auth": [AUTH], "providers": [provider]}
    async with serving(TableServer(answers)) as server, running(server.base_url, monkeypatch) as pilot:
        pilot.app.navigator.open_app("app_1")
        await until(pilot, lambda: isinstance(pilot.app.screen, AppScreen) and pilot.app.screen.outline)
        pilot.app.screen.actions.open_edit(EditTarget("app_1", "auth", "auth_1"))
        screen = await edit_of(pilot)
        screen.show_page(1)
        await until(pilot, lambda: screen.query("FieldRow Input"))
        (editor,) = screen.editors
        editor.set_field("note", "half a note")
        editor.model.nearest_node("opening")[0].set_text(secret)
        editor.mark_changed()
        await until(pilot, lambda: kept_notes() == ["half a note"])
        screen.show_json()
        await until(pilot, lambda: isinstance(screen.focused, TextEditor))
        screen.focused.text = screen.focused.text.replace('"half a note"', f'"other note", "opening": "{secret}"')
        await until(pilot, lambda: kept_notes() == ["other note"])
        screen.focused.text = screen.focused.text.rstrip().removesuffix("}")
        await until(pilot, lambda: screen._json_page.draft is not None)
        assert secret not in "".join(path.read_text() for path in unsaved_edits.folder().iterdir())


async def test_an_edit_that_another_window_has_open_is_not_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is offered once that window is closed, also by kill -9: the lock ends with the process."""
    raw = dict(SEARCH_TOOL)
    async with serving(TableServer(drio_of() | {f"GET {TOOL_1}": {"tool": raw}})) as server:
        async with running(server.base_url, monkeypatch) as pilot:
            profile, drio = pilot.app.status.profile, pilot.app.connection.server
        local = raw | {"name": "Mine"}
        edit = unsaved_edits.save(UnsavedEdit(profile, drio, "app_1", "tool", "tool_1", "x", local, raw, at=1))
        other = UnsavedEditFile(edit.id)
        other.hold()
        async with running(server.base_url, monkeypatch) as pilot:
            await until(pilot, lambda: pilot.app.recovery.offered)
            assert not isinstance(pilot.app.screen, RecoveryDialog)
        other.close()
        async with running(server.base_url, monkeypatch) as pilot:
            await until(pilot, lambda: isinstance(pilot.app.screen, RecoveryDialog))
            await pilot.press("enter")
            await until(pilot, lambda: isinstance(pilot.app.screen, EditScreen) and pilot.app.screen.is_filled)
            assert pilot.app.screen.edited_resource()["name"] == "Mine"
            assert unsaved_edits.is_edited(edit)


@pytest.mark.parametrize("take", [True, False], ids=["taken", "cancelled"])
async def test_text_typed_in_the_wizard_is_kept_in_its_draft(monkeypatch: pytest.MonkeyPatch, take: bool) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch, size=SMALL) as pilot:
        wizard = await open_wizard(pilot, "blank")
        fill(wizard, name="Nova")
        await go_to_page(pilot, wizard, "tools")
        await pilot.press("a", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, WizardResourceScreen) and pilot.app.screen.is_filled)
        await pilot.press(*"Look")
        await until(pilot, lambda: [resource.name for resource in draft_store.load().drafts[0].added] == ["Look"])
        await pilot.press("escape" if not take else "ctrl+s")
        if not take:
            await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmDialog))
            await pilot.press("right", "enter")
        await until(pilot, lambda: pilot.app.screen is wizard)
        expected = ["Look"] if take else []
        assert [resource.name for resource in wizard.draft.added] == expected
        await until(pilot, lambda: [resource.name for resource in draft_store.load().drafts[0].added] == expected)


async def test_kept_edits_are_not_offered_while_the_program_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        recovery = pilot.app.recovery
    recovery.offered = False
    recovery.offer()
    assert not recovery.offered
