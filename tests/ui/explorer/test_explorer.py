"""The API explorer: operations of any server are listed, filled in, sent, and sent again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from drio_tui.ui.explorer.explorer_dialogs import RequestHistoryDialog, SendDialog
from drio_tui.ui.explorer.explorer_screen import ExplorerScreen
from drio_tui.ui.explorer.operation_screen import OperationScreen
from drio_tui.ui.forms.inputs import TextEditor
from drio_tui.ui.widgets.rich_text import Document
from drio_tui.ui.widgets.row_list import RowList
from tests.auth.httpd import HttpServer
from tests.explorer.servers import V3, ServerOfDocument, large
from tests.ui.driving import running, text_of, until
from tests.ui.hostile_data import HOSTILE
from tests.ui.test_hostile_text import unsafe


@asynccontextmanager
async def explorer_of(
    served: ServerOfDocument, monkeypatch: pytest.MonkeyPatch, **options: Any
) -> AsyncIterator[tuple[Pilot[Any], ExplorerScreen]]:
    async with HttpServer(served) as server, running(f"{server.origin}/api/v1", monkeypatch, **options) as pilot:
        app: Any = pilot.app
        await pilot.press("4")
        await until(pilot, lambda: is_loaded(app.screen))
        yield pilot, app.screen


def is_loaded(screen: Any) -> bool:
    return isinstance(screen, ExplorerScreen) and (screen.server_api is not None or screen.failure is not None)


def listed(screen: ExplorerScreen) -> list[str]:
    """Return method and path of the rows."""
    return [" ".join(cell.plain for cell in row.cells[:2]) for row in screen.query_one(RowList)._rows]


async def until_filled(pilot: Pilot[Any]) -> None:
    """Wait until the form of an operation is there."""
    app: Any = pilot.app
    await until(
        pilot, lambda: isinstance(app.screen, OperationScreen) and app.screen.form and app.screen.form.is_filled
    )


async def open_operation(pilot: Pilot[Any], id: str) -> OperationScreen:
    app: Any = pilot.app
    app.screen.query_one(RowList).choose(id)
    await pilot.press("enter")
    await until_filled(pilot)
    screen: OperationScreen = app.screen
    return screen


async def test_a_newer_api_is_listed_filled_in_sent_paged_and_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    served = ServerOfDocument()
    async with explorer_of(served, monkeypatch, size=(80, 24)) as (pilot, explorer):
        app: Any = pilot.app
        await until(pilot, lambda: "✗ is not an object" in text_of(app))
        assert "▲ 1 problem in the document" in text_of(app)
        await pilot.press("slash", *"list apps")
        await until(pilot, lambda: listed(explorer) == ["GET /api/v3/apps"])
        await until(pilot, lambda: "array of string" in explorer.query_one(Document).text)
        await pilot.press("enter")
        screen = await open_operation(pilot, "GET /apps")
        await pilot.press("tab", "1", "ctrl+r")  # limit
        await until(pilot, lambda: screen.response is not None)
        assert "✓ 200 OK" in text_of(app)
        assert '"next_cursor": "two"' in text_of(app)
        await pilot.press("f7")
        await until(pilot, lambda: '"app_2"' in text_of(app))
        assert screen.disabled_reason("next_page", ())
        await pilot.press("escape", "escape")
        await until(pilot, lambda: app.screen is explorer)
        again = await open_operation(pilot, "GET /apps")
        assert again.form is not None
        assert again.form.model.value() == {"limit": 1}  # what was typed is kept
        await pilot.press("f12")
        await until(pilot, lambda: isinstance(app.screen, RequestHistoryDialog))
        await pilot.press("j", "r")
        await until(pilot, lambda: len([call for call in served.calls if "?" in call]) == 3)
    assert [call for call in served.calls if "?" in call] == [
        "GET /api/v3/apps?limit=1", "GET /api/v3/apps?limit=1&cursor=two", "GET /api/v3/apps?limit=1",
    ]  # fmt: skip


async def test_a_change_is_shown_whole_before_it_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    copied: list[str] = []
    upload = {"post": {"requestBody": {"required": True, "content": {"multipart/form-data": {}}}}}
    served = ServerOfDocument(V3 | {"paths": V3["paths"] | {"/upload": upload}})
    async with explorer_of(served, monkeypatch) as (pilot, explorer):
        app: Any = pilot.app
        screen = await open_operation(pilot, "POST /apps")
        assert screen.form is not None
        await pilot.press("ctrl+r")
        assert "Some values are not right yet" in text_of(app)
        screen.form.model.assign({"Idempotency-Key": "k1", "name": "New", "api_token": "s3cr3t"})
        screen.form.load(screen.form.model.value())
        monkeypatch.setattr(app, "copy", lambda text, what="": copied.append(text))
        screen.action_command()
        await pilot.press("ctrl+r")
        await until(pilot, lambda: isinstance(app.screen, SendDialog))
        shown = text_of(app)
        assert "/api/v3/apps" in shown
        assert '"api_token": "••••••"' in shown
        await pilot.press("escape")
        await until(pilot, lambda: "Not sent." in text_of(app))
        assert not [call for call in served.calls if call.startswith("POST")]
        await pilot.press("ctrl+r")
        await until(pilot, lambda: isinstance(app.screen, SendDialog))
        await pilot.press("right", "enter")
        await until(pilot, lambda: screen.response is not None)
        assert "✓ 201 Created" in text_of(app)
        assert '"api_token": "••••••"' in text_of(app)  # the server answered with it
        assert "s3cr3t" not in text_of(app)
        assert "location: /api/v3/apps/app_1" in text_of(app)
        assert served.requests[-1].json == {"name": "New", "api_token": "s3cr3t"}
        await pilot.press("f6")  # by hand: whatever the document says
        await until(pilot, lambda: app.screen.query("#target"))
        app.screen.query_one("#target", Input).value = "/api/v3/apps?dry_run=true"
        await pilot.press("ctrl+r")
        await until(pilot, lambda: isinstance(app.screen, SendDialog))
        await pilot.press("right", "enter")
        await until(pilot, lambda: served.calls[-1] == "POST /api/v3/apps?dry_run=true")
        await until(pilot, lambda: not screen.busy)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is explorer)
        upload_screen = await open_operation(pilot, "POST /upload")  # a body that no form can make
        assert "F6 writes it by hand" in text_of(app)
        await pilot.press("f6")
        await until(pilot, lambda: app.screen.query("#media-type"))
        app.screen.query_one(TextEditor).text = "--x\n\n1\n--x--\n"
        await pilot.press("ctrl+r")
        assert "has to name the boundary" in text_of(app)
        app.screen.query_one("#media-type", Input).value += "; boundary=x"
        await pilot.press("ctrl+r")
        await until(pilot, lambda: isinstance(app.screen, SendDialog))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is upload_screen and not upload_screen.busy)
        await pilot.press("escape")
        await until(pilot, lambda: "You would lose the request that you wrote by hand." in text_of(app))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is upload_screen)
        await pilot.press("f6", "ctrl+r")
        await until(pilot, lambda: isinstance(app.screen, SendDialog))
        await pilot.press("right", "enter")
        await until(pilot, lambda: upload_screen.response is not None)
        assert not upload_screen.unsaved_input()
        assert served.requests[-1].headers["content-type"] == "multipart/form-data; boundary=x"
        assert served.requests[-1].body == b"--x\r\n\r\n1\r\n--x--\r\n"
        await pilot.press("3")
        await until(pilot, lambda: "POST" in text_of(app))
        assert "s3cr3t" not in repr(list(app.connection.log))
    assert copied[0].startswith(
        """printf %s '{"name":"New","api_token":"'"$SECRET"'"}' | drio-tui --base-url http://"""
    )


async def test_read_only_hides_what_changes_and_a_large_document_is_filtered(monkeypatch: pytest.MonkeyPatch) -> None:
    document = large(600)
    document["paths"]["/resources/0001/{id}"]["delete"] = {}
    async with explorer_of(ServerOfDocument(document), monkeypatch, read_only=True) as (pilot, explorer):
        await until(pilot, lambda: len(listed(explorer)) == 600)
        assert not [row for row in listed(explorer) if row.startswith("DELETE")]
        await pilot.press("slash", *"number 599")
        await until(pilot, lambda: listed(explorer) == ["GET /resources/0599/{id}"])
        assert explorer.server_api is not None
        app: Any = pilot.app
        app.push_screen(OperationScreen(await explorer.server_api.operation("DELETE /resources/0001/{id}")))
        await until_filled(pilot)
        assert [app.screen.check_action(action, ()) for action in ("send", "raw")] == [False, False]
        app.screen.form.model.assign({"id": "1"})
        app.screen.action_send()
        assert not app.screen.busy


async def test_without_a_document_it_is_shown_what_was_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    async with explorer_of(ServerOfDocument(path="/elsewhere"), monkeypatch) as (pilot, _):
        assert "This server does not describe its operations" in text_of(pilot.app)
        assert "/api/openapi.json (HTTP 404)" in text_of(pilot.app).replace("\n", "")


async def test_hostile_documents_are_shown_literally(monkeypatch: pytest.MonkeyPatch) -> None:
    text = HOSTILE.replace("\ud800", "")
    operation = {
        "operationId": text, "summary": text, "description": text, "tags": [text, 7], "deprecated": True,
        "parameters": [{"name": text, "in": "query", "description": text, "schema": {"enum": [text], "title": text}}],
        "requestBody": {"description": text, "content": {text: {}, "application/json": {"schema": {"title": text}}}},
        "responses": {text: {"description": text, "content": {text: {}}}},
    }  # fmt: skip
    document = {"openapi": "3.1.0", "info": {"title": text, "version": text}, "paths": {f"/{text}": {"post": operation},
        "/a": {"get": operation, text: operation, "put": text}}}  # fmt: skip
    async with explorer_of(ServerOfDocument(document), monkeypatch) as (pilot, explorer):
        app: Any = pilot.app
        texts = [text_of(app)]
        for id in [operation.id for operation in explorer.server_api.operations]:  # type: ignore[union-attr]
            explorer.query_one(RowList).choose(id)
            await until(pilot, lambda: "Answers" in explorer.query_one(Document).text or "✗" in text_of(app))
            texts.append(text_of(app))
        screen = await open_operation(pilot, "GET /a")
        texts += [text_of(app), screen.query_one("#details", Document).text]
    assert unsafe("\n".join(texts)) == set()
    assert "[@click=app.quit]x[/]" in "\n".join(texts)
