"""Updating from the import screen: what changed is marked, chosen, reviewed, made, and taken back by one undo."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from drio_tui.kinds import APP, OPERATION, TOOL
from drio_tui.openapi_import.document import open_document
from drio_tui.openapi_import.import_steps import import_steps
from drio_tui.plan.executor import Executor
from drio_tui.plan.undo import undo_last
from drio_tui.ui.app_detail.app_screen import AppScreen
from drio_tui.ui.base.services import get_saver
from drio_tui.ui.openapi_import.import_dialog import ImportDialog
from drio_tui.ui.openapi_import.import_screen import ImportScreen
from drio_tui.ui.openapi_import.update_screen import UpdateScreen
from drio_tui.ui.widgets.filter_input import FilterInput
from drio_tui.workspace.saving.saver import Saver
from tests.openapi_import.documents import PETS, newer_pets
from tests.sandbox_fixtures import SandboxProcess
from tests.ui.driving import running, text_of, until
from tests.ui.openapi_import.test_import_screen import open_import_screen_of

ALL = ("GET /pets", "POST /pets", "GET /pets/{petId}", "PUT /pets/{petId}", "DELETE /pets/{petId}")


async def imported_app(client: Any, folder: Path) -> str:
    """Return the id of a new app with the operations of PETS; leave a newer version of it in `newer.json`."""
    (folder / "pets.json").write_text(json.dumps(PETS))
    (folder / "newer.json").write_text(json.dumps(newer_pets()))
    body = {"templateId": "blank", "name": "Pets", "slug": f"pets-{uuid.uuid4().hex[:8]}"}
    app: str = (await client.create(APP, body)).raw["id"]
    async with await open_document(str(folder / "pets.json")) as document:
        executor = Executor(Saver(client), app, import_steps(await document.plan(ALL)))
        await executor.run()
    assert executor.complete
    return app


@asynccontextmanager
async def newer_document(
    sandbox: SandboxProcess, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Any, Any, str, ImportScreen]]:
    """Provide the pilot, the client, an imported app, and the import screen with the newer document.

    What changed is marked already.
    """
    async with running(sandbox.base_url, monkeypatch, token=sandbox.token) as pilot:
        client = await pilot.app.connection.ready()
        app = await imported_app(client, folder)
        screen = await open_import_screen_of(pilot, app, str(folder / "newer.json"))
        await until(pilot, lambda: screen.picker.selection.changed)
        yield pilot, client, app, screen


async def until_prepared(pilot: Any) -> None:
    """Wait until the screen with the changes of the update is there."""
    await until(pilot, lambda: isinstance(pilot.app.screen, UpdateScreen) and pilot.app.screen.prepared)


async def until_updated(pilot: Any) -> None:
    """Wait until the app is shown again after the update."""
    await until(pilot, lambda: isinstance(pilot.app.screen, AppScreen) and not pilot.app.screen.loading_app)


async def tools_of(client: Any, app: str) -> dict[str, dict[str, Any]]:
    return {tool["key"]: tool for tool in (await client.list(TOOL, app=app)).items}


async def test_changed_operations_are_chosen_reviewed_and_updated_and_one_undo_takes_it_back(
    sandbox_process: SandboxProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with newer_document(sandbox_process, tmp_path, monkeypatch) as (pilot, client, app, screen):
        program: Any = pilot.app
        before = await tools_of(client, app)
        assert screen.picker.selection.changed == {"GET /pets", "POST /pets"}
        assert screen.picker.selection.gone == {"DELETE /pets/{petId}"}
        text = text_of(program)
        assert "5 operations  ○ 1 new  ✓ 2 unchanged  ~ 2 changed  - 1 gone" in text
        assert "○~  GET" in text
        assert "✓   PUT" in text
        assert "○-  DELETE" in text
        await until(pilot, lambda: "Changed since it was imported" in text_of(program))
        await pilot.press("a")
        assert screen.picker.selection.chosen == ("GET /pets", "POST /pets", "GET /shops")  # none to delete
        assert "● 3 chosen: 1 new, 2 to update" in text_of(program)
        await pilot.press("ctrl+s")
        await until_prepared(pilot)
        await until(pilot, lambda: "~ tool list-pets" in text_of(program))
        text = text_of(program)
        assert "Update from Acme API 2.0" in text
        assert "+ tool List shops" in text
        assert (await tools_of(client, app)) == before
        await pilot.press("ctrl+s")
        await until_updated(pilot)
        after = await tools_of(client, app)
        assert after["create-pet"]["name"] == "Add a pet"
        assert after["list-pets"]["binding"]["status"] == after["list-shops"]["binding"]["status"] == "ready"
        assert "delete-pet" in after
        await undo_last(get_saver(program.connection, client), app)
        assert await tools_of(client, app) == before


async def test_an_operation_that_is_gone_is_deleted_only_if_it_is_chosen(
    sandbox_process: SandboxProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with newer_document(sandbox_process, tmp_path, monkeypatch) as (pilot, client, app, screen):
        program: Any = pilot.app
        screen.picker.query_one(FilterInput).value = "is:gone"
        await until(pilot, lambda: screen.picker.current_id == "DELETE /pets/{petId}")
        await until(pilot, lambda: "Space chooses it, to delete" in text_of(program))
        assert "delete-pet" in text_of(program)
        await pilot.press("space", "ctrl+s")
        await until_prepared(pilot)
        await until(pilot, lambda: "- operation delete-pet" in text_of(program))
        await pilot.press("escape")
        await until(pilot, lambda: program.screen is screen)
        assert "delete-pet" in await tools_of(client, app)
        await pilot.press("ctrl+s")
        await until_prepared(pilot)
        await pilot.press("ctrl+s")
        await until_updated(pilot)
        assert "delete-pet" not in await tools_of(client, app)
        (integration,) = program.screen.snapshot.resources("integration")
        operations = (await client.list(OPERATION, app=app, parent=integration.id)).items
        assert sorted(operation["method"] for operation in operations) == ["GET", "GET", "POST", "PUT"]


async def test_an_update_that_stops_at_a_conflict_goes_on_from_there(
    sandbox_process: SandboxProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with newer_document(sandbox_process, tmp_path, monkeypatch) as (pilot, client, app, _screen):
        program: Any = pilot.app
        await pilot.press("space", "ctrl+s")
        await until_prepared(pilot)
        tool = (await tools_of(client, app))["list-pets"]
        await client.update(TOOL, tool["id"], {"description": "Mine."}, app=app)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "Ctrl+S tries again" in text_of(program))
        assert (await tools_of(client, app))["list-pets"]["description"] == "Mine."
        await client.update(TOOL, tool["id"], {"description": tool["description"]}, app=app)
        await pilot.press("ctrl+s")
        await until_updated(pilot)
        description = (await tools_of(client, app))["list-pets"]["description"]
        assert description == "List pets\n\nLists the pets of the shop."


async def test_new_operations_alone_are_created_as_in_the_first_import(
    sandbox_process: SandboxProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with newer_document(sandbox_process, tmp_path, monkeypatch) as (pilot, client, app, screen):
        program: Any = pilot.app
        screen.picker.query_one(FilterInput).value = "shops"
        await until(pilot, lambda: screen.picker.current_id == "GET /shops")
        await pilot.press("space", "ctrl+s")
        await until(pilot, lambda: isinstance(program.screen, ImportDialog))
        await pilot.press("enter")
        await until_updated(pilot)
        tools = await tools_of(client, app)
        assert tools["list-shops"]["binding"]["status"] == "ready"
        assert tools["create-pet"]["name"] == "Create a pet"
