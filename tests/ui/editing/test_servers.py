"""Editing on servers that are newer than this program, reject requests, lose responses, or fail for some of several."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from textual.widgets import Button

from drio_tui.plan import executor
from drio_tui.schema.value_nodes import ScalarNode
from drio_tui.ui.app_detail.app_screen import AppScreen
from drio_tui.ui.editing.batch_dialog import BatchDialog
from drio_tui.ui.editing.edit_screen import EditScreen
from drio_tui.ui.editing.review_dialog import ReviewDialog
from drio_tui.workspace.model import server_openapi
from tests.ui.driving import click_button, open_first_app, running, text_of, until
from tests.ui.editing.test_saving import edit_of
from tests.ui.table_server import TableServer, drio_of, serving
from tests.workspace.small_app import INTEGRATION, small_config

ITEM = "/apps/app_1/integrations/integration_1"
BODY = {
    "type": "object",
    "required": ["region"],
    "properties": {
        "name": {"type": "string"},
        "baseUrl": {"type": "string"},
        "kind": {"enum": ["rest", "hologram"]},
        "region": {"type": "string"},
        "limits": {"type": "object", "properties": {"burst": {"type": "integer"}}},
    },
}


def newer_openapi() -> dict[str, Any]:
    operation = {"requestBody": {"content": {"application/json": {"schema": BODY}}}}
    return {"openapi": "3.1.0", "paths": {"/api/v1/apps/{a}/integrations/{b}": {"patch": operation}}}


async def edit_integration(pilot: Any) -> Any:
    screen = await open_first_app(pilot)
    screen.tree_view.reveal(("integration", "integration_1"))
    await until(pilot, lambda: screen.selected_node.about == ("integration", "integration_1"))
    await pilot.press("e")
    return await edit_of(pilot)


def leaf(editing: Any, *path: str) -> ScalarNode:
    node = editing.form.model.root
    for name in path:
        node = node.properties[name]
    assert isinstance(node, ScalarNode)
    return node


async def test_fields_known_only_to_the_servers_document_are_edited_and_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = drio_of()
    answers["GET /openapi.json"] = newer_openapi()
    answers[f"GET {ITEM}"] = {"integration": INTEGRATION}
    answers[f"PATCH {ITEM}"] = {"integration": INTEGRATION}
    async with serving(TableServer(answers)) as server, running(server.base_url, monkeypatch) as pilot:
        editing = await edit_integration(pilot)
        assert "as this server describes them" in text_of(pilot.app)
        for label in ("Region*", "Limits", "Burst", "Kind"):
            assert label in text_of(pilot.app)
        leaf(editing, "region").set_value("eu")
        leaf(editing, "kind").set_value("hologram")
        editing.form.model.root.properties["limits"].ensure_present()
        leaf(editing, "limits", "burst").set_value(7)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(pilot.app.screen, ReviewDialog))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: server.asked("PATCH", ITEM))
        sent = next(body for method, _, body in server.requests if method == "PATCH")
        assert sent == {"region": "eu", "kind": "hologram", "limits": {"burst": 7}}


async def leave(pilot: Any) -> None:
    await pilot.press("escape")
    await until(pilot, lambda: isinstance(pilot.app.screen, AppScreen))


async def test_the_openapi_document_is_revalidated_by_etag_and_a_slow_one_is_not_awaited(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server_openapi, "FRESH_SECONDS", 0.0)
    answers = drio_of()
    answers["GET /openapi.json"] = (200, newer_openapi(), [("ETag", '"one"')])
    answers[f"GET {ITEM}"] = {"integration": INTEGRATION}
    async with serving(TableServer(answers)) as server:
        async with running(server.base_url, monkeypatch) as pilot:
            editing = await edit_integration(pilot)
            # When the versions were looked for, when the app was opened, and by the form. The first two may overlap.
            assert server.asked("GET", "/openapi.json") >= 3
            assert server.unchanged
            assert "region" in editing.form.model.root.properties
            await leave(pilot)
            changed = copy.deepcopy(newer_openapi())
            body = changed["paths"]["/api/v1/apps/{a}/integrations/{b}"]["patch"]["requestBody"]
            body["content"]["application/json"]["schema"]["properties"]["zone"] = {"type": "string"}
            server.answers["GET /openapi.json"] = (200, changed, [("ETag", '"two"')])
            await pilot.press("e")
            editing = await edit_of(pilot)
            assert "zone" in editing.form.model.root.properties
            await leave(pilot)
            server.hold("GET /openapi.json")
            await pilot.press("e")
            editing = await edit_of(pilot)
            assert "as this server described them" in text_of(pilot.app)
            unchanged = server.unchanged
            server.release()
            await until(pilot, lambda: server.unchanged == unchanged + 1)
            assert pilot.app.screen is editing
            await leave(pilot)
        # At the next start the stored document is used before the server has sent one.
        server.hold("GET /openapi.json")
        async with running(server.base_url, monkeypatch) as pilot:
            editing = await edit_integration(pilot)
            assert "zone" in editing.form.model.root.properties


@pytest.mark.parametrize("document", [404, {"openapi": "3.1.0", "paths": 3}, b"<html>", {}])
async def test_without_a_usable_document_the_built_in_fields_are_shown(
    monkeypatch: pytest.MonkeyPatch, document: Any
) -> None:
    answers = drio_of()
    answers["GET /openapi.json"] = document
    answers[f"GET {ITEM}"] = {"integration": INTEGRATION}
    async with serving(TableServer(answers)) as server, running(server.base_url, monkeypatch) as pilot:
        editing = await edit_integration(pilot)
        assert "as this version knows them" in text_of(pilot.app)
        assert "baseUrl" in editing.form.model.root.properties


async def test_a_server_error_is_shown_at_its_field_and_the_edit_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = drio_of()
    answers[f"GET {ITEM}"] = {"integration": INTEGRATION}
    details = [{"path": "name", "message": "is taken already"}]
    answers[f"PATCH {ITEM}"] = (422, {"error": {"code": "invalid", "message": "No.", "details": details}})
    async with serving(TableServer(answers)) as server, running(server.base_url, monkeypatch) as pilot:
        editing = await edit_integration(pilot)
        leaf(editing, "name").set_value("Mine")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: leaf(editing, "name").server_errors)
        await until(pilot, lambda: "is taken already" in text_of(pilot.app))
        assert editing.edited_resource()["name"] == "Mine"


async def test_a_save_with_unknown_outcome_is_reported_and_keeps_the_edit(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = drio_of()
    answers[f"GET {ITEM}"] = {"integration": INTEGRATION}
    answers[f"PATCH {ITEM}"] = 502
    async with serving(TableServer(answers)) as server, running(server.base_url, monkeypatch) as pilot:
        editing = await edit_integration(pilot)
        leaf(editing, "name").set_value("Mine")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "Nothing you typed is lost" in text_of(pilot.app))
        assert "did not happen" in text_of(pilot.app)
        assert server.asked("PATCH", ITEM) == 1
        assert isinstance(pilot.app.screen, EditScreen)
        assert editing.edited_resource()["name"] == "Mine"


async def test_a_batch_retries_only_the_failed_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executor, "PARALLEL", 1)  # the second step waits for the response to the first one's failure
    config = small_config()
    answers = drio_of(config)
    tools = [tool for tool in config["tools"] if isinstance(tool, dict)][:2]
    paths = [f"/apps/app_1/tools/{tool['id']}" for tool in tools]
    for path, tool in zip(paths, tools, strict=True):
        answers[f"GET {path}"] = {"tool": {**tool, "isEnabled": False}}
        answers[f"PATCH {path}"] = {"tool": {**tool, "isEnabled": True}}
    answers[f"PATCH {paths[0]}"] = 403
    async with serving(TableServer(answers)) as server, running(server.base_url, monkeypatch) as pilot:
        screen = await open_first_app(pilot)
        for tool in tools:
            screen.tree_view.reveal(("tool", tool["id"]))
            await until(pilot, lambda id=tool["id"]: screen.selected_node.about == ("tool", id))
            await pilot.press("m")
        assert "2 marked" in text_of(pilot.app)
        await pilot.press("x")
        await until(pilot, lambda: isinstance(pilot.app.screen, BatchDialog) and pilot.app.screen.focused)
        dialog: Any = pilot.app.screen
        await pilot.press("enter")
        await until(pilot, lambda: "Go on with the other one?" in text_of(pilot.app))
        await pilot.press("c")
        await until(pilot, lambda: dialog.work is not None and all(dialog.work.results) and not dialog._batch_running)
        assert [result.ok for result in dialog.work.results] == [False, True]
        assert str(dialog.query_one("#go", Button).label) == "Retry the failed"
        server.answers[f"PATCH {paths[0]}"] = {"tool": {**tools[0], "isEnabled": True}}
        await click_button(pilot, "#go")
        await until(pilot, lambda: pilot.app.screen is screen)
        assert [server.asked("PATCH", path) for path in paths] == [2, 1]
