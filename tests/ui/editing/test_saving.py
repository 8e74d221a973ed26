"""Changing an app from the terminal, against a real sandbox: edit, conflict, add, delete, undo."""

from __future__ import annotations

import json
import sys
import time
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
from drio_tui.schema.leaves import Leaf
from drio_tui.ui.app_detail.app_screen import AppScreen
from drio_tui.ui.dialogs.confirm_dialog import ConfirmScreen
from drio_tui.ui.dialogs.select_dialog import ChooserScreen
from drio_tui.ui.editing.batch_dialog import BatchDialog
from drio_tui.ui.editing.conflict_dialog import ConflictScreen
from drio_tui.ui.editing.edit_screen import EditScreen, Target
from drio_tui.ui.editing.history_screen import HistoryScreen
from drio_tui.ui.editing.recovery_screen import RecoveryScreen
from drio_tui.ui.editing.review_dialog import ReviewScreen
from drio_tui.ui.forms.tabs import TabStrip
from drio_tui.workspace.saving import unsaved_edits
from tests import THOROUGH
from tests.ui.driving import click_button, running, text_of, until


@asynccontextmanager
async def app_of(sandbox: Any, monkeypatch: pytest.MonkeyPatch, **options: Any) -> AsyncIterator[tuple[Any, Any, Any]]:
    """A new app of the support template, open on the screen; with a second client's hands on it."""
    async with running(sandbox.base_url, monkeypatch, token=sandbox.token, **options) as pilot:
        client = await pilot.app.backend.ready()
        made = await client.create(
            APP, {"templateId": "support", "name": "Editing", "slug": f"e-{uuid.uuid4().hex[:12]}"}
        )
        pilot.app.open_app(made.id if hasattr(made, "id") else made.raw["id"])
        yield pilot, await opened(pilot), client


async def opened(pilot: Pilot[Any]) -> Any:
    app: Any = pilot.app
    await until(pilot, lambda: isinstance(app.screen, AppScreen) and app.screen.outline and not app.screen.loading_app)
    return app.screen


async def edit_of(pilot: Pilot[Any]) -> Any:
    app: Any = pilot.app
    await until(pilot, lambda: isinstance(app.screen, EditScreen) and app.screen._filled)
    await pilot.pause()
    return app.screen


async def edit(pilot: Pilot[Any], screen: Any, kind: str, number: int = 0) -> tuple[Any, str]:
    resource = list(screen.snapshot.resources(kind))[number]
    screen.tree_view.reveal(resource.key)
    await until(pilot, lambda: screen.chosen.about == resource.key)
    await pilot.press("e")
    return await edit_of(pilot), resource.id


def put(screen: Any, member: str, value: Any) -> None:
    node = screen.form.model.root.members[member]
    assert isinstance(node, Leaf)
    node.set_value(value)


async def test_a_field_is_changed_by_typing_and_the_tree_shows_it(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with app_of(sandbox_process, monkeypatch) as (pilot, screen, client):
        editing, id = await edit(pilot, screen, "tool")
        name = editing.base["name"]
        editing.form.show_node(editing.form.model.root.members["name"])
        await pilot.pause()
        await pilot.press("end", "exclamation_mark")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: pilot.app.screen is screen and not screen.loading_app)
        assert (await client.get(TOOL, id, app=screen.app_id)).raw["name"] == f"{name}!"
        await until(pilot, lambda: screen.chosen.about == ("tool", id) and f"{name}!" in text_of(pilot.app))
        assert any("request " in note.message for note in pilot.app._notifications)


async def test_more_than_one_change_is_shown_before_it_is_written(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with app_of(sandbox_process, monkeypatch) as (pilot, screen, client):
        editing, id = await edit(pilot, screen, "tool")
        before = editing.base
        put(editing, "name", "[red]New[/red]")
        put(editing, "description", "Other words")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(pilot.app.screen, ReviewScreen))
        assert "[red]New[/red]" in text_of(pilot.app)
        assert "Other words" in text_of(pilot.app)
        assert "Esc stops waiting" not in text_of(pilot.app)
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is editing)
        assert (await client.get(TOOL, id, app=screen.app_id)).raw == before
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(pilot.app.screen, ReviewScreen))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: pilot.app.screen is screen)
        assert (await client.get(TOOL, id, app=screen.app_id)).raw["description"] == "Other words"


async def test_what_someone_else_changed_in_another_field_stays(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F31."""
    async with app_of(sandbox_process, monkeypatch) as (pilot, screen, client):
        editing, id = await edit(pilot, screen, "tool")
        await client.update(TOOL, id, {"description": "theirs"}, app=screen.app_id)
        put(editing, "name", "Mine")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: pilot.app.screen is screen)
        now = (await client.get(TOOL, id, app=screen.app_id)).raw
        assert (now["name"], now["description"]) == ("Mine", "theirs")


@pytest.mark.parametrize(("key", "left"), [("m", "Mine"), ("t", "Theirs")])
async def test_where_both_changed_a_field_the_person_decides(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch, key: str, left: str
) -> None:
    """F05 F31."""
    async with app_of(sandbox_process, monkeypatch) as (pilot, screen, client):
        editing, id = await edit(pilot, screen, "tool")
        await client.update(TOOL, id, {"name": "Theirs"}, app=screen.app_id)
        put(editing, "name", "Mine")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConflictScreen))
        assert "Theirs" in text_of(pilot.app)
        assert "Mine" in text_of(pilot.app)
        assert pilot.app.screen.query_one("#save", Button).disabled
        await pilot.press(key, "ctrl+s")
        await until(pilot, lambda: pilot.app.screen is screen)
        assert (await client.get(TOOL, id, app=screen.app_id)).raw["name"] == left


async def test_text_that_does_not_parse_is_kept_and_not_written(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with app_of(sandbox_process, monkeypatch) as (pilot, screen, client):
        editing, id = await edit(pilot, screen, "integration")
        before = editing.base
        editing.show_page(len(editing._pages) - 1)
        await pilot.pause()
        await pilot.pause()
        area = editing._whole._area
        area.text = "{ not yet"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "does not parse" in text_of(pilot.app))
        assert editing._whole.draft == "{ not yet"
        await pilot.press("f5")
        await until(pilot, lambda: "JSON ✗1" in text_of(pilot.app))  # where it waits to be put right
        assert editing.unsaved()
        assert (await client.get(INTEGRATION, id, app=screen.app_id)).raw == before


async def test_e_edits_the_whole_in_the_persons_own_editor_without_its_secrets(
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
        monkeypatch.setattr(pilot.app, "suspend", nullcontext)  # a test has no terminal to lend
        config = {"in": "header", "name": "X-Key", "apiKey": "kept-there"}
        made = await client.create(AUTH, {"name": "Key", "providerKey": "api-key", "config": config}, app=screen.app_id)
        screen.action_refresh()
        await opened(pilot)
        number = [resource.id for resource in screen.snapshot.resources("auth")].index(made.raw["id"])
        editing, id = await edit(pilot, screen, "auth", number)
        editing.show_page(1)
        await pilot.pause()
        editing.editors[0].put("apiKey", "typed-secret")
        editing.editors[0].put("name", MISSING)
        put(editing, "name", "")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "Form ✗1" in text_of(pilot.app) and "Provider ✗1" in text_of(pilot.app))
        editing.editors[0].put("name", "X-Key")
        await until(pilot, lambda: "Provider ✗" not in text_of(pilot.app))
        editing.query_one(TabStrip).focus()
        await pilot.press("e")
        await until(pilot, lambda: editing.mine()["name"] == "From outside")
        assert "typed-secret" not in (tmp_path / "seen").read_text()
        assert editing.mine()["config"]["apiKey"] == "typed-secret"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(pilot.app.screen, ReviewScreen))
        assert "typed-secret" not in text_of(pilot.app)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: pilot.app.screen is screen)
        now = (await client.get(AUTH, id, app=screen.app_id)).raw
        assert (now["name"], now["config"]["name"]) == ("From outside", "X-Key")


async def test_a_new_connection_is_made_on_the_json_page_alone(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with app_of(sandbox_process, monkeypatch) as (pilot, screen, client):
        screen.open_edit(Target(screen.app_id, "auth"))
        editing = await edit_of(pilot)
        editing.show_json()
        await until(pilot, lambda: editing._whole._area is not None)
        config = {"in": "query", "name": "key", "apiKey": "in-json"}
        editing._whole._area.text = json.dumps({"name": "By hand", "providerKey": "api-key", "config": config})
        await pilot.press("shift+f5")
        await until(pilot, lambda: "query" in text_of(pilot.app) and "key" in text_of(pilot.app))
        assert "in-json" not in text_of(pilot.app)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: pilot.app.screen is screen)
        made = next(one for one in (await client.list(AUTH, app=screen.app_id)).items if one["name"] == "By hand")
        assert (made["providerKey"], made["config"]["in"], made["config"]["name"]) == ("api-key", "query", "key")
        assert made["secretRef"]


async def test_a_pending_connection_is_edited_where_its_secret_is_missing(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with app_of(sandbox_process, monkeypatch) as (pilot, screen, client):
        body = {"providerKey": "api-key", "name": "Waiting", "config": {"name": "X-Api-Key"}}
        made = (await client.create(AUTH, body, app=screen.app_id)).raw
        assert made["status"] == "pending"
        screen.action_refresh()
        await until(pilot, lambda: screen.snapshot.resource("auth", made["id"]) and not screen.loading_app)
        number = [resource.id for resource in screen.snapshot.resources("auth")].index(made["id"])
        await edit(pilot, screen, "auth", number)
        await until(pilot, lambda: "not set" in text_of(pilot.app))
        assert "unchanged" not in text_of(pilot.app)
        await pilot.press(*"SECRET-typed", "ctrl+s")
        await until(pilot, lambda: isinstance(pilot.app.screen, ReviewScreen))
        assert "SECRET-typed" not in text_of(pilot.app)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: pilot.app.screen is screen)
        assert (await client.get(AUTH, made["id"], app=screen.app_id)).raw["status"] == "valid"
        await until(pilot, lambda: not screen.loading_app)
        await edit(pilot, screen, "auth", number)
        pilot.app.screen.show_page(1)
        await until(pilot, lambda: "unchanged" in text_of(pilot.app))


async def test_something_deleted_elsewhere_can_be_made_anew_from_what_was_typed(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F04."""
    async with app_of(sandbox_process, monkeypatch) as (pilot, screen, client):
        made = await client.create(INTEGRATION, {"name": "Soon gone", "baseUrl": "https://a.test"}, app=screen.app_id)
        screen.action_refresh()
        await opened(pilot)
        number = [resource.id for resource in screen.snapshot.resources("integration")].index(made.raw["id"])
        editing, id = await edit(pilot, screen, "integration", number)
        await client.delete(INTEGRATION, id, app=screen.app_id)
        put(editing, "name", "Back again")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "deleted elsewhere" in text_of(pilot.app))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: pilot.app.screen is screen)
        names = [one["name"] for one in (await client.list(INTEGRATION, app=screen.app_id)).items]
        assert "Back again" in names
        assert "Soon gone" not in names


async def test_an_integration_is_added_from_the_tree_once_however_often_save_is_pressed(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F34."""
    async with app_of(sandbox_process, monkeypatch) as (pilot, screen, client):
        await pilot.press("a")
        await until(pilot, lambda: isinstance(pilot.app.screen, ChooserScreen))
        await pilot.press(*"integration", "enter")
        editing = await edit_of(pilot)
        put(editing, "name", "Fresh")
        put(editing, "baseUrl", "https://fresh.test")
        for _ in range(20):
            editing.action_write()
        await until(pilot, lambda: pilot.app.screen is screen and not screen.loading_app)
        found = (await client.list(INTEGRATION, app=screen.app_id)).items
        assert [one["name"] for one in found].count("Fresh") == 1
        assert screen.chosen.title == "Fresh"


async def test_a_delete_shows_what_refers_to_it_waits_for_the_name_and_is_undone_by_one_key(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with app_of(sandbox_process, monkeypatch) as (pilot, screen, client):
        tool = next(iter(screen.snapshot.resources("tool")))
        count = len(list(screen.snapshot.resources("tool")))
        screen.tree_view.reveal(tool.key)
        await until(pilot, lambda: screen.chosen.about == tool.key)
        await pilot.press("D")
        await until(pilot, lambda: isinstance(pilot.app.screen, BatchDialog) and pilot.app.screen.is_mounted)
        asked: Any = pilot.app.screen
        await until(pilot, lambda: asked.focused is not None)
        assert asked.focused.id == "typed"
        assert asked.query_one("#go", Button).disabled
        assert "z brings" in text_of(pilot.app)
        asked.query_one("#typed", Input).value = tool.name
        await until(pilot, lambda: not asked.query_one("#go", Button).disabled)
        await pilot.pause()
        await click_button(pilot, "#go")
        await until(pilot, lambda: pilot.app.screen is screen and not screen.loading_app)
        assert tool.id not in [one["id"] for one in (await client.list(TOOL, app=screen.app_id)).items]
        await pilot.press("z")
        await until(pilot, lambda: len(list(screen.snapshot.resources("tool"))) == count and not screen.loading_app)
        names = [one["name"] for one in (await client.list(TOOL, app=screen.app_id)).items]
        assert tool.name in names
        await pilot.press("H")
        await until(pilot, lambda: isinstance(pilot.app.screen, HistoryScreen) and pilot.app.screen._history.entries)
        await until(pilot, lambda: "undone already" in text_of(pilot.app))


async def test_leaving_with_something_unsaved_asks_first(sandbox_process: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """F36."""
    async with app_of(sandbox_process, monkeypatch) as (pilot, screen, _):
        editing, _ = await edit(pilot, screen, "tool")
        put(editing, "name", "Mine")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmScreen))
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is editing)


async def test_an_edit_that_was_kept_when_the_program_ended_goes_on_at_the_next_start(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with app_of(sandbox_process, monkeypatch) as (pilot, screen, client):
        editing, id = await edit(pilot, screen, "tool")
        put(editing, "name", "Kept")
        pilot.app._keep("the program was ended by signal 15")
        await pilot.app.pop_screen()
        assert [buffer.label for buffer in unsaved_edits.load().buffers] == [editing.base["name"]]
        pilot.app._offered, pilot.app._began = False, time.time()  # as at the next start
        pilot.app._offer_kept()
        await until(pilot, lambda: isinstance(pilot.app.screen, RecoveryScreen))
        await until(pilot, lambda: "signal 15" in text_of(pilot.app))
        await pilot.press("enter")
        again = await edit_of(pilot)
        assert again.unsaved()
        await pilot.press("ctrl+s")
        await until(pilot, lambda: not isinstance(pilot.app.screen, EditScreen))
        assert (await client.get(TOOL, id, app=screen.app_id)).raw["name"] == "Kept"
        assert unsaved_edits.load().buffers == []


@pytest.mark.parametrize(("answer", "left"), [("escape", 1), ("ctrl+s", 0)])
async def test_an_edit_that_was_kept_is_forgotten_after_a_question(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch, answer: str, left: int
) -> None:
    async with app_of(sandbox_process, monkeypatch) as (pilot, screen, _):
        editing, _id = await edit(pilot, screen, "tool")
        put(editing, "name", "Kept")
        pilot.app._keep("a test")
        await pilot.app.push_screen(RecoveryScreen(unsaved_edits.load().buffers))
        await until(pilot, lambda: isinstance(pilot.app.screen, RecoveryScreen))
        await pilot.press("D")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmScreen))
        await pilot.press(answer)
        await until(pilot, lambda: not isinstance(pilot.app.screen, ConfirmScreen))
        await until(pilot, lambda: len(unsaved_edits.load().buffers) == left)


async def test_nothing_can_be_changed_when_only_reading(sandbox_process: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async with app_of(sandbox_process, monkeypatch, read_only=True) as (pilot, screen, _):
        tool = next(iter(screen.snapshot.resources("tool")))
        screen.tree_view.reveal(tool.key)
        await until(pilot, lambda: screen.chosen.about == tool.key)
        await pilot.press("e", "a", "D", "z", "x")
        assert pilot.app.screen is screen
        assert not {"e", "a", "D", "z"} & set(screen.active_bindings)


async def look_through(pilot: Any, screen: Any, kind: str, size: tuple[int, int]) -> None:
    """Every page of the editor of the first thing of a kind, there and back."""
    editing, _ = await edit(pilot, screen, kind)
    for _ in editing._pages:
        await pilot.press("f5")
        await pilot.pause()
        page = editing.query_one("#pages").visible_content
        assert page.region.height >= size[1] - 7, f"{kind}: {page.id} is not in sight"
        assert editing.focused is None or editing.region.contains_region(editing.focused.region)
    assert not editing.dirty, kind
    assert not editing.form.model.check(), kind
    # What is changed on the JSON page is all that is changed, and keys go on to work.
    await pilot.press("shift+f5")
    await until(pilot, lambda: editing.focused is not None and editing.focused is editing._whole._area)
    editing.focused.text = json.dumps(json.loads(editing.focused.text) | {"name": "By JSON"})
    await pilot.press("f5")
    await until(pilot, lambda: editing.focused is not None)
    assert editing.focused.is_attached
    await pilot.press("f5")
    assert editing._page == 1
    assert editing.mine() == editing.base | {"name": "By JSON"}
    await pilot.press("escape")
    await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmScreen) and pilot.app.screen.focused)
    await pilot.press("right", "enter")
    await until(pilot, lambda: pilot.app.screen is screen)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)] if THOROUGH else [(80, 24)], ids=str)
async def test_every_page_of_every_kind_opens_and_nothing_is_changed_by_looking(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    async with app_of(sandbox_process, monkeypatch, size=size) as (pilot, screen, client):
        if not list(screen.snapshot.resources("auth")):
            key = {"name": "Key", "providerKey": "api-key", "config": {"apiKey": "k"}}
            await client.create(AUTH, key, app=screen.app_id)
            screen.action_refresh()
            await opened(pilot)
        for kind in KINDS:
            await look_through(pilot, screen, kind, size)


def test_a_target_does_not_show_what_is_in_it() -> None:
    assert "hush" not in repr(Target("a", "auth", mine={"config": {"apiKey": "hush"}}))
