"""The import screen: load a document, choose operations, create them; by keyboard, by mouse, and with failures."""

from __future__ import annotations

import asyncio
import json
import uuid
from pathlib import Path
from typing import Any

import pytest

from drio_tui.kinds import APP, AUTH, INTEGRATION, OPERATION, TOOL, WIDGET
from drio_tui.openapi_import import document as documents
from drio_tui.openapi_import.import_steps import import_steps
from drio_tui.plan.executor import Executor
from drio_tui.ui.app_detail.app_screen import AppScreen
from drio_tui.ui.dialogs.confirm_dialog import ConfirmDialog
from drio_tui.ui.dialogs.select_dialog import SelectDialog
from drio_tui.ui.editing.edit_screen import EditScreen
from drio_tui.ui.openapi_import import import_document_screen
from drio_tui.ui.openapi_import.import_dialog import ImportDialog
from drio_tui.ui.openapi_import.import_document_screen import ImportDocumentScreen
from drio_tui.ui.openapi_import.import_screen import ImportScreen
from drio_tui.ui.openapi_import.proposals_screen import ProposalRows, ProposalsScreen, ToolTextsDialog
from drio_tui.ui.widgets.filter_input import FilterInput
from drio_tui.workspace.lint.allowed_hosts import allowed_hosts, revoke
from drio_tui.workspace.model.snapshot import Snapshot
from drio_tui.workspace.saving.saver import Saver
from tests.openapi_import.documents import PETS, document
from tests.sandbox_fixtures import SandboxProcess
from tests.ui.driving import click_button, open_first_app, running, text_of, until
from tests.ui.editing.test_kept import kept_edits
from tests.ui.editing.test_kept_forms import offered_again
from tests.ui.idle import parked
from tests.ui.table_server import TableServer, drio_of, serving
from tests.workspace.small_app import small_config

SMALL = (80, 24)
HOSTILE = "\x1b]52;c;ZXZp\x07 [bold]x[/] \u202e"


@pytest.fixture
def pets(tmp_path: Path) -> str:
    path = tmp_path / "pets.json"
    path.write_text(json.dumps(PETS))
    return str(path)


def creating(server: TableServer) -> None:
    """Let the server answer every create in the app, and the changes of an integration."""
    for id in ("integration_1", "integration_new"):
        integration = {"integration": {"id": id, "name": "New", "key": "new"}}
        for method in ("GET", "PATCH"):
            server.answers[f"{method} /apps/app_1/integrations/{id}"] = integration
    for kind, path in (("integration", "integrations"), ("tool", "tools")):
        server.answers[f"POST /apps/app_1/{path}"] = (201, {kind: {"id": f"{kind}_new", "name": "New", "key": "new"}})
    created = {"operation": {"id": "operation_new", "name": "New", "key": "new"}}
    for integration in ("integration_new", "integration_1"):
        server.answers[f"POST /apps/app_1/integrations/{integration}/operations"] = (201, created)
        server.answers[f"GET /apps/app_1/integrations/{integration}/operations"] = {"operations": []}


def posted(server: TableServer) -> list[tuple[str, str]]:
    """Return the creates that were sent: the last part of the URL, and the resource's path or key."""
    return [
        (path.rpartition("/")[2], body.get("path") or body["key"])
        for method, path, body in server.requests
        if method == "POST"
    ]


async def open_import_screen(pilot: Any, source: str) -> ImportScreen:
    """Open the import screen over the first app, and load the document."""
    await open_first_app(pilot)
    await pilot.press("i")
    await until(pilot, lambda: isinstance(pilot.app.screen, ImportScreen))
    screen: ImportScreen = pilot.app.screen
    screen.query_one(".-source").value = source  # type: ignore[attr-defined] # an input
    await pilot.press("enter")
    await until(pilot, lambda: screen.document is not None and screen.picker.current_id)
    return screen


async def test_chosen_operations_become_an_integration_operations_and_tools(
    pets: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch, size=SMALL) as pilot:
        creating(server)
        screen = await open_import_screen(pilot, pets)
        screen.query_one("Segments").pick(1)  # type: ignore[attr-defined] # tools as documented
        await until(pilot, lambda: "✓ valid" in text_of(pilot.app))
        assert "5 operations" in text_of(pilot.app)
        await pilot.press("space", "down", "space")
        assert screen.picker.selection.chosen == ("GET /pets", "POST /pets")
        assert "● 2 chosen: 2 new  about" in text_of(pilot.app)
        assert "1 changes something" in text_of(pilot.app)
        assert "none: Enter adds what the document wants, API key X-Api-Key" in text_of(pilot.app)
        await pilot.press("enter")  # shows the tool as a model sees it
        await until(pilot, lambda: '"create-pet"' in text_of(pilot.app))
        await pilot.press("escape", "ctrl+s")
        await until(pilot, lambda: isinstance(pilot.app.screen, ImportDialog))
        assert "+ Create tool create-pet" in text_of(pilot.app)
        assert not posted(server)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, AppScreen))
        assert posted(server)[0] == ("integrations", "acme-api")
        assert sorted(posted(server)) == [
            ("integrations", "acme-api"), ("operations", "/pets"), ("operations", "/pets"), ("tools", "create-pet"),
            ("tools", "list-pets"),
        ]  # fmt: skip
        bodies = [body for method, _, body in server.requests if method == "POST"]
        assert bodies[0]["baseUrl"] == "https://api.example.com/v1"
        bindings = [body["binding"]["integrationOperationId"] for body in bodies if "binding" in body]
        assert bindings == ["operation_new"] * 2


async def test_operations_are_chosen_by_filter_tag_and_mouse_and_created_with_the_settings(
    pets: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        creating(server)
        screen = await open_import_screen(pilot, pets)
        screen.picker.query_one(FilterInput).value = "is:safe"
        await until(pilot, lambda: "2 of 5 operations" in text_of(pilot.app))
        await pilot.press("a")
        assert screen.picker.selection.chosen == ("GET /pets", "GET /pets/{petId}")
        await pilot.press("u")
        screen.picker.query_one(FilterInput).value = ""
        await pilot.press("g", "down", "A")
        assert len(screen.picker.selection) == 3
        await pilot.click("OperationRows", offset=(1, 1))
        await until(pilot, lambda: screen.picker.selection.chosen == ("POST /pets", "GET /pets/{petId}"))
        await pilot.press("w", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, SelectDialog))
        await pilot.press("down", "enter")
        await until(pilot, lambda: pilot.app.screen is screen)
        screen.query_one("Segments").pick(2)  # type: ignore[attr-defined] # operations only
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(pilot.app.screen, ImportDialog))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, AppScreen))
        assert sorted(posted(server)) == [("operations", "/pets"), ("operations", "/pets/{petId}")]


async def test_failed_steps_are_retried_and_created_resources_are_not_created_again(
    pets: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = small_config()
    async with serving(TableServer(drio_of(config))) as server, running(server.base_url, monkeypatch) as pilot:
        creating(server)
        server.answers["POST /apps/app_1/tools"] = 409
        screen = await open_import_screen(pilot, pets)
        screen.query_one("Segments").pick(1)  # type: ignore[attr-defined] # tools as documented
        await pilot.press("space", "ctrl+s")
        await until(pilot, lambda: isinstance(pilot.app.screen, ImportDialog))
        await pilot.press("enter")
        await until(pilot, lambda: "Retry the failed" in text_of(pilot.app))
        assert "refused with 409" in text_of(pilot.app)
        await pilot.press("escape", "ctrl+s")  # the same selection continues the same batch
        await until(pilot, lambda: isinstance(pilot.app.screen, ImportDialog))
        assert "Retry the failed" in text_of(pilot.app)
        await pilot.press("enter")
        await until(pilot, lambda: len(posted(server)) == 4)
        assert posted(server)[2:] == [("tools", "list-pets"), ("tools", "list-pets")]
        await until(pilot, lambda: "Retry the failed" in text_of(pilot.app))
        creating(server)
        integration = {
            "id": "integration_new",
            "name": "Acme API",
            "key": "acme-api",
            "baseUrl": "https://api.example.com/v1",
        }
        operation = {"id": "operation_new", "integrationId": "integration_new", "name": "List pets", "key": "list-pets"}
        config["integrations"].append(
            integration | {"config": {"openapi": {"title": "Acme API", "signIn": ["API key X-Api-Key in the header"]}}}
        )
        config["operations"].append(operation | {"method": "GET", "path": "/pets"})
        server.answers |= drio_of(config)
        await pilot.press("escape", "down", "space", "ctrl+s")  # another selection creates only what is missing
        await until(pilot, lambda: isinstance(pilot.app.screen, ImportDialog))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, AppScreen))
        created = posted(server)[4:]  # the tool of the existing operation and the new operation at the same time
        assert sorted(created) == [("operations", "/pets"), ("tools", "create-pet"), ("tools", "list-pets")]
        assert created.index(("operations", "/pets")) < created.index(("tools", "create-pet"))


async def test_an_unreadable_document_shows_the_reason_and_keeps_the_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "old.json").write_text('{"swagger": "2.0"}')
    hostile = document(
        {"/x": {"get": {"summary": HOSTILE, "tags": [HOSTILE], "parameters": [{"name": "s", "in": "cookie"}]}}}
    )
    (tmp_path / "evil.json").write_text(json.dumps(hostile | {"servers": [{"url": "/api"}]}))
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch, size=SMALL) as pilot:
        await open_first_app(pilot)
        await pilot.press("i")
        await until(pilot, lambda: isinstance(pilot.app.screen, ImportScreen))
        source = pilot.app.screen.query_one(".-source")
        source.value = "-"
        await pilot.press("enter")
        await until(pilot, lambda: "Standard input is the keyboard here" in text_of(pilot.app))
        source.value = str(tmp_path / "old.json")
        await pilot.press("enter")
        await until(pilot, lambda: "It is a Swagger 2.0 document" in text_of(pilot.app))
        assert source.value.endswith("old.json")
        assert source.has_focus
        source.value = str(tmp_path / "evil.json")
        await pilot.press("enter")
        screen: ImportScreen = pilot.app.screen
        await until(pilot, lambda: screen.document is not None and "1 operation " in text_of(pilot.app))
        text = text_of(pilot.app)
        assert not {"\x1b", "\x07", "\u202e"} & set(text)
        assert "[bold]x[/]" in text
        await pilot.press("space", "ctrl+s")
        await until(pilot, lambda: screen.query_one(".-base").has_focus)  # the document names no base URL
        await pilot.press(*"https://a.b", "ctrl+s")
        await until(pilot, lambda: isinstance(pilot.app.screen, ImportDialog))
        assert "The parameter s is sent as a cookie" in text_of(pilot.app)
        await pilot.press("escape", "escape", "escape")
        await until(pilot, lambda: "Leave it?" in text_of(pilot.app))


async def open_import_screen_of(pilot: Any, app_id: str, source: str) -> Any:
    """Open the import screen over an app of the sandbox, and load the document."""
    program: Any = pilot.app
    program.navigator.open_app(app_id)
    await until(pilot, lambda: isinstance(program.screen, AppScreen) and not program.screen.loading_app)
    await pilot.press("i")
    await until(pilot, lambda: isinstance(program.screen, ImportScreen))
    screen: Any = program.screen
    screen.query_one(".-source").value = source
    await pilot.press("enter")
    await until(pilot, lambda: screen.document is not None and screen.picker.current_id)
    return screen


async def test_an_unfinished_check_is_shown_and_does_not_prevent_the_import(
    pets: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "CHECK_SECONDS", 0.0)
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        program: Any = pilot.app
        screen = await open_import_screen_of(pilot, "app_1", pets)
        await until(pilot, lambda: "1 problem (p)" in text_of(program))
        assert "valid" not in text_of(program)
        await pilot.press("p")
        await until(pilot, lambda: any("was not finished" in note.message for note in program._notifications))
        await pilot.press("space")
        await until(pilot, lambda: program.screen is screen and screen.picker.selection.chosen)


async def test_a_connection_is_created_in_place_and_a_second_import_marks_existing_operations(
    sandbox_process: SandboxProcess, pets: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(sandbox_process.base_url, monkeypatch, token=sandbox_process.token, size=SMALL) as pilot:
        program: Any = pilot.app
        client = await program.connection.ready()
        body = {"templateId": "blank", "name": "Pets", "slug": f"pets-{uuid.uuid4().hex[:8]}"}
        app = (await client.create(APP, body)).raw["id"]
        screen = await open_import_screen_of(pilot, app, pets)
        await pilot.press("space")
        assert "none: Enter adds what the document wants, API key X-Api-Key" in text_of(program)
        screen.query_one(".-auth").focus()
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(program.screen, SelectDialog))
        assert "new: API key X-Api-Key in the header" in text_of(program)
        await pilot.press("down", "enter")
        await until(pilot, lambda: isinstance(program.screen, EditScreen) and program.screen.is_filled)
        await pilot.pause()
        await until(pilot, lambda: "X-Api-Key" in text_of(program))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "is required" in text_of(program))
        assert (await client.list(AUTH, app=app)).items == []
        await pilot.press(*"SECRET-typed")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: program.screen is screen)
        await until(pilot, lambda: "Acme API: key" in text_of(program))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(program.screen, ImportDialog))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(program.screen, AppScreen) and not program.screen.loading_app)
        (integration,) = (await client.list(INTEGRATION, app=app)).items
        (connection,) = (await client.list(AUTH, app=app)).items
        assert integration["authId"] == connection["id"]
        assert connection["status"] == "valid"

        screen = await open_import_screen_of(pilot, app, pets)
        assert screen.picker.selection.existing == {"GET /pets"}
        assert "✓  GET" in text_of(program)
        assert "Acme API: key (the integration's own)" in text_of(program)
        await pilot.press("space")
        assert len(screen.picker.selection) == 0
        await pilot.press("a", "ctrl+s")
        await until(pilot, lambda: isinstance(program.screen, ImportDialog))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(program.screen, AppScreen) and not program.screen.loading_app)
        assert len((await client.list(INTEGRATION, app=app)).items) == 1
        assert len((await client.list(OPERATION, app=app, parent=integration["id"])).items) == 5
        assert len((await client.list(TOOL, app=app)).items) == 5


async def test_operations_imported_meanwhile_are_not_created_again(
    sandbox_process: SandboxProcess, pets: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(sandbox_process.base_url, monkeypatch, token=sandbox_process.token, size=SMALL) as pilot:
        program: Any = pilot.app
        client = await program.connection.ready()
        body = {"templateId": "blank", "name": "Pets", "slug": f"pets-{uuid.uuid4().hex[:8]}"}
        app = (await client.create(APP, body)).raw["id"]
        screen = await open_import_screen_of(pilot, app, pets)
        await pilot.press("space")
        plan = await screen.document.plan(["GET /pets"])
        await Executor(Saver(client), app, import_steps(plan)).run()
        await pilot.press("ctrl+s")
        await until(pilot, lambda: screen.picker.selection.existing == {"GET /pets"})
        assert program.screen is screen
        assert len((await client.list(TOOL, app=app)).items) == 1


async def test_importing_a_local_api_asks_to_allow_its_address(
    sandbox_process: SandboxProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = PETS | {"servers": [{"url": "http://127.0.0.1:9/v1"}]}
    (tmp_path / "local.json").write_text(json.dumps(local))
    async with running(sandbox_process.base_url, monkeypatch, token=sandbox_process.token, size=SMALL) as pilot:
        program: Any = pilot.app
        client = await program.connection.ready()
        body = {"templateId": "blank", "name": "Pets", "slug": f"pets-{uuid.uuid4().hex[:8]}"}
        app = (await client.create(APP, body)).raw["id"]
        await open_import_screen_of(pilot, app, str(tmp_path / "local.json"))
        await pilot.press("space", "ctrl+s")
        await until(pilot, lambda: isinstance(program.screen, ImportDialog))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(program.screen, ConfirmDialog))
        assert "Let the sandbox call 127.0.0.1:9?" in text_of(program)
        await click_button(pilot, "#yes")
        await until(pilot, lambda: isinstance(program.screen, AppScreen) and not program.screen.loading_app)
        known = await allowed_hosts(client)
        assert known is not None
        assert ("127.0.0.1", 9) in known
        await revoke(client, ("127.0.0.1", 9))


async def test_a_document_loaded_after_the_screen_closed_is_closed(pets: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Textual calls a screen's `on_unmount` before it cancels the screen's workers."""
    loaded: list[documents.Document] = []
    unmounted = asyncio.Event()

    async def open_after_unmount(where: str, progress: Any = None) -> documents.Document:
        await unmounted.wait()
        loaded.append(await documents.open_document(where, progress))
        return loaded[0]

    on_unmount = ImportDocumentScreen.on_unmount

    async def unmount_and_wait(self: ImportDocumentScreen) -> None:
        await on_unmount(self)
        unmounted.set()
        await asyncio.wait([worker._task for worker in self.workers if worker.name == "read" and worker._task])

    monkeypatch.setattr(import_document_screen, "open_document", open_after_unmount)
    monkeypatch.setattr(ImportDocumentScreen, "on_unmount", unmount_and_wait)
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        program: Any = pilot.app
        await program.connection.ready()
        await program.push_screen(ImportScreen("app_1", Snapshot("app_1"), pets))
        await until(pilot, lambda: program.screen.progress)
        program.screen.dismiss(None)
        await until(pilot, lambda: loaded and loaded[0]._worker is None)


async def test_proposals_are_refused_and_edited_in_one_list_and_then_created(
    sandbox_process: SandboxProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = str(Path(__file__).parents[2] / "openapi_import" / "field_service.json")
    async with running(sandbox_process.base_url, monkeypatch, token=sandbox_process.token, size=SMALL) as pilot:
        program: Any = pilot.app
        client = await program.connection.ready()
        body = {"templateId": "blank", "name": "Field", "slug": f"field-{uuid.uuid4().hex[:8]}"}
        app = (await client.create(APP, body)).raw["id"]
        await client.create(TOOL, {"name": "Mine", "key": "my-tool"}, app=app)
        screen = await open_import_screen_of(pilot, app, source)
        await pilot.press("space", "down", "space", "down", "space")
        gate, propose = asyncio.Event(), screen._propose

        async def propose_slowly(*arguments: Any) -> Any:
            with parked():
                await gate.wait()
            return await propose(*arguments)

        monkeypatch.setattr(screen, "_propose", propose_slowly)
        await pilot.press("t", "3")  # they are shown where they belong, also if they come later
        await until(pilot, lambda: program.current_mode == "requests")
        gate.set()
        await until(pilot, lambda: not screen.has_request("plan"))
        assert len(program.screen_stack) == 1
        await pilot.press("2")
        await until(pilot, lambda: isinstance(program.screen, ProposalsScreen) and program.screen.current)
        assert "▸ ✓ Name: List customers (list-customers)" in text_of(program)
        assert "✓ Chain: → Get customer: customerId from $.results[*].id" in text_of(program)
        await pilot.press("right", "right", "right", "space", "right", "down", "space")
        assert "✗ Widget: Customers table" not in text_of(program)
        await until(
            pilot,
            lambda: any("No chain is proposed: " in note.message for note in program._notifications),
        )
        await pilot.press("left", "left", "a", "enter")
        await until(pilot, lambda: isinstance(program.screen, ToolTextsDialog))
        await pilot.press("end", *" now", "tab", *"-", "ctrl+s")
        await until(pilot, lambda: "A key has lower-case letters" in text_of(program))
        program.screen.query_one("#tool-key").value = "list-customers"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "The tool List customers has this key." in text_of(program))
        program.screen.query_one("#tool-key").value = "my-tool"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "The tool Mine has this key." in text_of(program))
        program.screen.query_one("#tool-key").value = "create-customer-"
        await pilot.press("end", "x", "ctrl+s")
        await until(pilot, lambda: "Name: Create a customer now (create-customer-x)" in text_of(program))
        await pilot.click(ProposalRows, offset=(1, 3))  # the mark of the third name
        await until(pilot, lambda: "✗ Customer" in text_of(program))
        await pilot.press("escape", "t")  # what was decided stays
        await until(pilot, lambda: isinstance(program.screen, ProposalsScreen) and "✗ Customer" in text_of(program))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(program.screen, ImportDialog))
        assert "The tools are as proposed" in text_of(program)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(program.screen, AppScreen) and not program.screen.loading_app)
        tools = {tool["name"]: tool for tool in (await client.list(TOOL, app=app)).items}
        assert sorted((name, tool["key"]) for name, tool in tools.items()) == [
            ("Create a customer now", "create-customer-x"), ("Customer", "customers-get"),
            ("List customers", "list-customers"), ("Mine", "my-tool"),
        ]  # fmt: skip
        assert tools["List customers"]["nextToolIds"] == [tools["Customer"]["id"]]
        assert tools["List customers"]["annotations"] == {"readOnlyHint": True, "openWorldHint": True}
        widgets = {widget["toolId"] for widget in (await client.list(WIDGET, app=app)).items}
        assert widgets == {tools["Create a customer now"]["id"], tools["Customer"]["id"]}


async def test_texts_of_proposals_are_kept_while_they_are_typed_and_offered_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation = {"get": {"summary": "Get token", "responses": {"200": {"description": "ok"}}}}
    old = {"get": operation["get"] | {"description": "One line.\r\nAnother one."}}
    paths = PETS["paths"] | {"/auth/old": old, "/auth/token": operation}
    (tmp_path / "api.json").write_text(json.dumps({**PETS, "paths": paths}))
    async with serving(TableServer(drio_of(small_config()))) as server, running(server.base_url, monkeypatch) as pilot:
        program: Any = pilot.app
        monkeypatch.chdir(tmp_path)
        screen = await open_import_screen(pilot, "api.json")
        await pilot.press("a", "t")
        await until(pilot, lambda: isinstance(program.screen, ProposalsScreen) and program.screen.current)
        assert not kept_edits()
        last = screen._proposals.all[-1].id
        assert last == "GET /auth/token"
        # Refuses the annotations of the last two operations, and the better description of the last but one.
        await pilot.press("G", "right", "right", "space", "up", "space", "left", "space", "enter")
        await until(pilot, lambda: isinstance(program.screen, ToolTextsDialog))
        assert "\r\n" in program.screen._proposal.tool["description"]
        await pilot.press("escape")  # nothing was typed, though the field shows all line ends alike
        await until(pilot, lambda: isinstance(program.screen, ProposalsScreen))
        await pilot.press("down", "left", "enter")
        await until(pilot, lambda: isinstance(program.screen, ToolTextsDialog))
        await pilot.press("end", *" A", "ctrl+s")
        await until(pilot, lambda: isinstance(program.screen, ProposalsScreen))
        await pilot.press("g", "enter")
        await until(pilot, lambda: isinstance(program.screen, ToolTextsDialog))
        await pilot.press("end", *" B", "tab", "tab", *"New. ")
        await until(pilot, lambda: typed_text().startswith("New. "))
        monkeypatch.chdir("/")
        (tmp_path / "api.json").write_text(json.dumps({**PETS, "paths": {**paths, "/auth/old": {}}}))
        dialog = await offered_again(pilot, "proposals for the import of Acme API", ToolTextsDialog, "TextEditor")
        assert "the document no longer has GET /auth/old." in [text.message for text in program._notifications][-1]
        assert dialog.query_one("#tool-name").value.endswith(" B")
        assert dialog.query_one("TextEditor").text.startswith("New. ")
        assert dialog.unsaved_input() == "the texts of the tool"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(program.screen, ProposalsScreen))
        proposals = program.screen.proposals
        first, token = proposals.all[0], proposals.get(last)
        assert first.name.endswith(" B")
        assert first.description.startswith("New. ")
        assert (token.name, token.refused) == ("Get token A", {"annotations"})
        await pilot.press("escape", "escape")
        await until(pilot, lambda: isinstance(program.screen, ConfirmDialog))
        assert "changed of the proposals" in " ".join(text_of(program).replace("│", " ").split())
        await pilot.press("right", "enter")
        await until(pilot, lambda: isinstance(program.screen, AppScreen))
        assert not kept_edits()


def typed_text() -> str:
    """Return the description in the kept edit."""
    return "".join(text for edit in kept_edits() for text in edit.local["typed"][3:])
