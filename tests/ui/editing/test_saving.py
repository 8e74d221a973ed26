"""Changing an app from the terminal, against a real sandbox: edit, conflict, add, delete, undo."""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Input

from drio_tui.kinds import APP, AUTH, INTEGRATION, KINDS, TOOL
from drio_tui.schema.fields import MISSING
from drio_tui.schema.value_nodes import ScalarNode
from drio_tui.ui.app.recovery import Recovery
from drio_tui.ui.app_detail.app_screen import AppScreen
from drio_tui.ui.dialogs.confirm_dialog import ConfirmDialog
from drio_tui.ui.dialogs.select_dialog import SelectDialog
from drio_tui.ui.editing.batch_dialog import BatchDialog
from drio_tui.ui.editing.conflict_dialog import ConflictDialog
from drio_tui.ui.editing.edit_screen import EditScreen
from drio_tui.ui.editing.edit_target import EditTarget
from drio_tui.ui.editing.history_dialog import HistoryDialog
from drio_tui.ui.editing.recovery_dialog import RecoveryDialog
from drio_tui.ui.editing.review_dialog import ReviewDialog
from drio_tui.ui.forms.tabs import TabStrip
from drio_tui.workspace.saving import unsaved_edits
from tests import THOROUGH
from tests.ui.driving import click_button, running, text_of, until


@asynccontextmanager
async def app_of(sandbox: Any, monkeypatch: pytest.MonkeyPatch, **options: Any) -> AsyncIterator[tuple[Any, Any, Any]]:
    """A new app from the support template on the app screen, and a second client for it."""
    async with running(sandbox.base_url, monkeypatch, token=sandbox.token, **options) as pilot:
        client = await pilot.app.connection.ready()
        created = await client.create(
            APP, {"templateId": "support", "name": "Editing", "slug": f"e-{uuid.uuid4().hex[:12]}"}
        )
        pilot.app.navigator.open_app(created.id if hasattr(created, "id") else created.raw["id"])
        yield pilot, await opened(pilot), client


async def opened(pilot: Pilot[Any]) -> Any:
    app: Any = pilot.app
    await until(pilot, lambda: isinstance(app.screen, AppScreen) and app.screen.outline and not app.screen.loading_app)
    return app.screen


async def edit_of(pilot: Pilot[Any]) -> Any:
    app: Any = pilot.app
    await until(pilot, lambda: isinstance(app.screen, EditScreen) and app.screen.is_filled)
    await pilot.pause()
    return app.screen


async def edit(pilot: Pilot[Any], screen: Any, kind: str, number: int = 0) -> tuple[Any, str]:
    resource = list(screen.snapshot.resources(kind))[number]
    screen.tree_view.reveal(resource.key)
    await until(pilot, lambda: screen.selected_node.about == resource.key)
    await pilot.press("e")
    return await edit_of(pilot), resource.id


def set_field(screen: Any, name: str, value: Any) -> None:
    node = screen.form.model.root.properties[name]
    assert isinstance(node, ScalarNode)
    node.set_value(value)


async def test_a_field_is_changed_by_typing_and_the_tree_shows_it(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with app_of(sandbox_process, monkeypatch) as (pilot, screen, client):
        editing, id = await edit(pilot, screen, "tool")
        name = editing.base["name"]
        editing.form.show_node(editing.form.model.root.properties["name"])
        await pilot.pause()
        await pilot.press("end", "exclamation_mark")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: pilot.app.screen is screen and not screen.loading_app)
        assert (await client.get(TOOL, id, app=screen.app_id)).raw["name"] == f"{name}!"
        await until(pilot, lambda: screen.selected_node.about == ("tool", id) and f"{name}!" in text_of(pilot.app))
        assert [note.title for note in pilot.app._notifications] == [f"Saved tool {name}!"]


async def test_several_changes_are_reviewed_before_they_are_written(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with app_of(sandbox_process, monkeypatch) as (pilot, screen, client):
        editing, id = await edit(pilot, screen, "tool")
        before = editing.base
        set_field(editing, "name", "[red]New[/red]")
        set_field(editing, "description", "Other words")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(pilot.app.screen, ReviewDialog))
        assert "[red]New[/red]" in text_of(pilot.app)
        assert "Other words" in text_of(pilot.app)
        assert "Esc stops waiting" not in text_of(pilot.app)
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is editing)
        assert (await client.get(TOOL, id, app=screen.app_id)).raw == before
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(pilot.app.screen, ReviewDialog))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: pilot.app.screen is screen)
        assert (await client.get(TOOL, id, app=screen.app_id)).raw["description"] == "Other words"


async def test_a_remote_change_of_another_field_is_kept(sandbox_process: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """F31."""
    async with app_of(sandbox_process, monkeypatch) as (pilot, screen, client):
        editing, id = await edit(pilot, screen, "tool")
        await client.update(TOOL, id, {"description": "theirs"}, app=screen.app_id)
        set_field(editing, "name", "Mine")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: pilot.app.screen is screen)
        now = (await client.get(TOOL, id, app=screen.app_id)).raw
        assert (now["name"], now["description"]) == ("Mine", "theirs")


@pytest.mark.parametrize(("key", "left"), [("m", "Mine"), ("t", "Theirs")])
async def test_a_conflict_is_resolved_by_the_user(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch, key: str, left: str
) -> None:
    """F05 F31."""
    async with app_of(sandbox_process, monkeypatch) as (pilot, screen, client):
        editing, id = await edit(pilot, screen, "tool")
        await client.update(TOOL, id, {"name": "Theirs"}, app=screen.app_id)
        set_field(editing, "name", "Mine")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConflictDialog))
        assert "Theirs" in text_of(pilot.app)
        assert "Mine" in text_of(pilot.app)
        assert pilot.app.screen.query_one("#save", Button).disabled
        await pilot.press(key, "ctrl+s")
        await until(pilot, lambda: pilot.app.screen is screen)
        assert (await client.get(TOOL, id, app=screen.app_id)).raw["name"] == left


async def test_invalid_json_is_kept_and_not_written(sandbox_process: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async with app_of(sandbox_process, monkeypatch) as (pilot, screen, client):
        editing, id = await edit(pilot, screen, "integration")
        before = editing.base
        editing.show_page(len(editing._pages) - 1)
        await pilot.pause()
        await pilot.pause()
        area = editing._json_page._area
        area.text = "{ not yet"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "does not parse" in text_of(pilot.app))
        assert editing._json_page.draft == "{ not yet"
        await pilot.press("f5")
        await until(pilot, lambda: "JSON ✗1" in text_of(pilot.app))  # the page with the text to correct
        assert editing.unsaved_input()
        assert (await client.get(INTEGRATION, id, app=screen.app_id)).raw == before


async def test_e_edits_the_resource_in_the_external_editor_without_secrets(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script = tmp_path / "editor.py"
    script.write_text(
        "import json, pathlib, sys\npath = pathlib.Path(sys.argv[-1])\nheld = path.read_text()\n"
        f"pathlib.Path({str(tmp_path / 'seen')!r}).write_text(held)\n"
        "path.write_text(json.dumps(json.loads(held) | {'name': 'From outside'}))\n"
    )
    monkeypatch.setenv("VISUAL", f"{sys.executable} {script}")
    async with app_of(sandbox_process, monkeypatch) as (pilot, screen, client):
        monkeypatch.setattr(pilot.app, "suspend", nullcontext)  # a test has no terminal
        config = {"in": "header", "name": "X-Key", "apiKey": "kept-there"}
        body = {"name": "Key", "providerKey": "api-key", "config": config}
        created = await client.create(AUTH, body, app=screen.app_id)
        screen.action_refresh()
        await opened(pilot)
        number = [resource.id for resource in screen.snapshot.resources("auth")].index(created.raw["id"])
        editing, id = await edit(pilot, screen, "auth", number)
        editing.show_page(1)
        await pilot.pause()
        editing.editors[0].set_field("apiKey", "typed-secret")
        editing.editors[0].set_field("name", MISSING)
        set_field(editing, "name", "")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "Form ✗1" in text_of(pilot.app) and "Provider ✗1" in text_of(pilot.app))
        editing.editors[0].set_field("name", "X-Key")
        await until(pilot, lambda: "Provider ✗" not in text_of(pilot.app))
        editing.query_one(TabStrip).focus()
        await pilot.press("e")
        await until(pilot, lambda: editing.edited_resource()["name"] == "From outside")
        assert "typed-secret" not in (tmp_path / "seen").read_text()
        assert editing.edited_resource()["config"]["apiKey"] == "typed-secret"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(pilot.app.screen, ReviewDialog))
        assert "typed-secret" not in text_of(pilot.app)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: pilot.app.screen is screen)
        now = (await client.get(AUTH, id, app=screen.app_id)).raw
        assert (now["name"], now["config"]["name"]) == ("From outside", "X-Key")


async def test_a_connection_can_be_created_from_the_json_page_alone(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with app_of(sandbox_process, monkeypatch) as (pilot, screen, client):
        screen.actions.open_edit(EditTarget(screen.app_id, "auth"))
        editing = await edit_of(pilot)
        editing.show_json()
        await until(pilot, lambda: editing._json_page._area is not None)
        config = {"in": "query", "name": "key", "apiKey": "in-json"}
        editing._json_page._area.text = json.dumps({"name": "By hand", "providerKey": "api-key", "config": config})
        await pilot.press("shift+f5")
        await until(pilot, lambda: "query" in text_of(pilot.app) and "key" in text_of(pilot.app))
        assert "in-json" not in text_of(pilot.app)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: pilot.app.screen is screen)
        connections = (await client.list(AUTH, app=screen.app_id)).items
        created = next(connection for connection in connections if connection["name"] == "By hand")
        assert created["providerKey"] == "api-key"
        assert (created["config"]["in"], created["config"]["name"]) == ("query", "key")
        assert created["secretRef"]


async def test_editing_a_pending_connection_focuses_its_missing_secret(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with app_of(sandbox_process, monkeypatch) as (pilot, screen, client):
        body = {"providerKey": "api-key", "name": "Waiting", "config": {"name": "X-Api-Key"}}
        created = (await client.create(AUTH, body, app=screen.app_id)).raw
        assert created["status"] == "pending"
        screen.action_refresh()
        await until(pilot, lambda: screen.snapshot.resource("auth", created["id"]) and not screen.loading_app)
        number = [resource.id for resource in screen.snapshot.resources("auth")].index(created["id"])
        await edit(pilot, screen, "auth", number)
        await until(pilot, lambda: "not set" in text_of(pilot.app))
        assert "unchanged" not in text_of(pilot.app)
        await pilot.press(*"SECRET-typed", "ctrl+s")
        await until(pilot, lambda: isinstance(pilot.app.screen, ReviewDialog))
        assert "SECRET-typed" not in text_of(pilot.app)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: pilot.app.screen is screen)
        assert (await client.get(AUTH, created["id"], app=screen.app_id)).raw["status"] == "valid"
        await until(pilot, lambda: not screen.loading_app)
        await edit(pilot, screen, "auth", number)
        pilot.app.screen.show_page(1)
        await until(pilot, lambda: "unchanged" in text_of(pilot.app))


async def test_a_resource_deleted_elsewhere_can_be_created_again_from_the_edit(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F04."""
    async with app_of(sandbox_process, monkeypatch) as (pilot, screen, client):
        body = {"name": "Soon gone", "baseUrl": "https://a.test"}
        created = await client.create(INTEGRATION, body, app=screen.app_id)
        screen.action_refresh()
        await opened(pilot)
        number = [resource.id for resource in screen.snapshot.resources("integration")].index(created.raw["id"])
        editing, id = await edit(pilot, screen, "integration", number)
        await client.delete(INTEGRATION, id, app=screen.app_id)
        set_field(editing, "name", "Back again")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "deleted elsewhere" in text_of(pilot.app))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: pilot.app.screen is screen)
        names = [resource["name"] for resource in (await client.list(INTEGRATION, app=screen.app_id)).items]
        assert "Back again" in names
        assert "Soon gone" not in names


async def test_pressing_save_repeatedly_creates_one_integration(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F34."""
    async with app_of(sandbox_process, monkeypatch) as (pilot, screen, client):
        await pilot.press("a")
        await until(pilot, lambda: isinstance(pilot.app.screen, SelectDialog))
        await pilot.press(*"integration", "enter")
        editing = await edit_of(pilot)
        set_field(editing, "name", "Fresh")
        set_field(editing, "baseUrl", "https://fresh.test")
        for _ in range(20):
            editing.action_write()
        await until(pilot, lambda: pilot.app.screen is screen and not screen.loading_app)
        integrations = (await client.list(INTEGRATION, app=screen.app_id)).items
        assert [resource["name"] for resource in integrations].count("Fresh") == 1
        assert screen.selected_node.title == "Fresh"


async def test_a_delete_requires_the_name_and_is_undone_by_one_key(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with app_of(sandbox_process, monkeypatch) as (pilot, screen, client):
        tool = next(iter(screen.snapshot.resources("tool")))
        count = len(list(screen.snapshot.resources("tool")))
        screen.tree_view.reveal(tool.key)
        await until(pilot, lambda: screen.selected_node.about == tool.key)
        await pilot.press("D")
        await until(pilot, lambda: isinstance(pilot.app.screen, BatchDialog) and pilot.app.screen.is_mounted)
        dialog: Any = pilot.app.screen
        await until(pilot, lambda: dialog.focused is not None)
        assert dialog.focused.id == "typed"
        assert dialog.query_one("#go", Button).disabled
        assert "z brings" in text_of(pilot.app)
        dialog.query_one("#typed", Input).value = tool.name
        await until(pilot, lambda: not dialog.query_one("#go", Button).disabled)
        await pilot.pause()
        await click_button(pilot, "#go")
        await until(pilot, lambda: pilot.app.screen is screen and not screen.loading_app)
        assert tool.id not in [resource["id"] for resource in (await client.list(TOOL, app=screen.app_id)).items]
        await pilot.press("z")
        await until(pilot, lambda: len(list(screen.snapshot.resources("tool"))) == count and not screen.loading_app)
        names = [resource["name"] for resource in (await client.list(TOOL, app=screen.app_id)).items]
        assert tool.name in names
        await pilot.press("H")
        await until(pilot, lambda: isinstance(pilot.app.screen, HistoryDialog) and pilot.app.screen._history.entries)
        await until(pilot, lambda: "undone already" in text_of(pilot.app))


async def test_leaving_with_unsaved_edits_asks_first(sandbox_process: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """F36."""
    async with app_of(sandbox_process, monkeypatch) as (pilot, screen, _):
        editing, _ = await edit(pilot, screen, "tool")
        set_field(editing, "name", "Mine")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmDialog))
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is editing)


async def test_a_kept_edit_can_be_continued_at_the_next_start(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with app_of(sandbox_process, monkeypatch) as (pilot, screen, client):
        editing, id = await edit(pilot, screen, "tool")
        set_field(editing, "name", "Kept")
        pilot.app._keep("the program was ended by signal 15")
        await pilot.app.pop_screen()
        assert [edit.label for edit in unsaved_edits.load().buffers] == [editing.base["name"]]
        Recovery(pilot.app, pilot.app.connection).offer()  # as at the next start
        await until(pilot, lambda: isinstance(pilot.app.screen, RecoveryDialog))
        await until(pilot, lambda: "signal 15" in text_of(pilot.app))
        await pilot.press("enter")
        again = await edit_of(pilot)
        assert again.unsaved_input()
        await pilot.press("ctrl+s")
        await until(pilot, lambda: not isinstance(pilot.app.screen, EditScreen))
        assert (await client.get(TOOL, id, app=screen.app_id)).raw["name"] == "Kept"
        assert unsaved_edits.load().buffers == []


@pytest.mark.parametrize(("answer", "left"), [("escape", 1), ("ctrl+s", 0)])
async def test_a_kept_edit_is_forgotten_after_confirmation(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch, answer: str, left: int
) -> None:
    async with app_of(sandbox_process, monkeypatch) as (pilot, screen, _):
        editing, _id = await edit(pilot, screen, "tool")
        set_field(editing, "name", "Kept")
        pilot.app._keep("a test")
        await pilot.app.push_screen(RecoveryDialog(unsaved_edits.load().buffers))
        await until(pilot, lambda: isinstance(pilot.app.screen, RecoveryDialog))
        await pilot.press("D")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmDialog))
        await pilot.press(answer)
        await until(pilot, lambda: not isinstance(pilot.app.screen, ConfirmDialog))
        await until(pilot, lambda: len(unsaved_edits.load().buffers) == left)


async def test_nothing_can_be_changed_in_read_only_mode(sandbox_process: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async with app_of(sandbox_process, monkeypatch, read_only=True) as (pilot, screen, _):
        tool = next(iter(screen.snapshot.resources("tool")))
        screen.tree_view.reveal(tool.key)
        await until(pilot, lambda: screen.selected_node.about == tool.key)
        await pilot.press("e", "a", "D", "z", "x")
        assert pilot.app.screen is screen
        assert not {"e", "a", "D", "z"} & set(screen.active_bindings)


async def open_every_page(pilot: Any, screen: Any, kind: str, size: tuple[int, int]) -> None:
    """Open every page of the first resource of a kind, then edit it on the JSON page and discard the edit."""
    editing, _ = await edit(pilot, screen, kind)
    for _ in editing._pages:
        await pilot.press("f5")
        await pilot.pause()
        page = editing._pages[editing._page]
        assert page.region.height >= size[1] - 7, f"{kind}: {page.id} is not visible"
        assert editing.focused is None or editing.region.contains_region(editing.focused.region)
    assert not editing.dirty, kind
    assert not editing.form.model.check(), kind
    # Only what is changed on the JSON page is changed, and the keys still work.
    await pilot.press("shift+f5")
    await until(pilot, lambda: editing.focused is not None and editing.focused is editing._json_page._area)
    editing.focused.text = json.dumps(json.loads(editing.focused.text) | {"name": "By JSON"})
    await pilot.press("f5")
    await until(pilot, lambda: editing.focused is not None)
    assert editing.focused.is_attached
    await pilot.press("f5")
    assert editing._page == 1
    assert editing.edited_resource() == editing.base | {"name": "By JSON"}
    await pilot.press("escape")
    await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmDialog) and pilot.app.screen.focused)
    await pilot.press("right", "enter")
    await until(pilot, lambda: pilot.app.screen is screen)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)] if THOROUGH else [(80, 24)], ids=str)
async def test_opening_every_page_of_every_kind_changes_nothing(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    async with app_of(sandbox_process, monkeypatch, size=size) as (pilot, screen, client):
        if not list(screen.snapshot.resources("auth")):
            key = {"name": "Key", "providerKey": "api-key", "config": {"apiKey": "k"}}
            await client.create(AUTH, key, app=screen.app_id)
            screen.action_refresh()
            await opened(pilot)
        for kind in KINDS:
            await open_every_page(pilot, screen, kind, size)


def test_the_repr_of_a_target_hides_its_content() -> None:
    assert "hush" not in repr(EditTarget("a", "auth", local={"config": {"apiKey": "hush"}}))
