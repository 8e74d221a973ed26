"""Importing the same document again: existing resources stay unchanged, and missing ones are created."""

from __future__ import annotations

import json
import random
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from drio_tui.kinds import AUTH, INTEGRATION, OPERATION, TOOL
from drio_tui.openapi_import.document import Document, open_document
from drio_tui.openapi_import.existing import ExistingResources, existing_resources
from drio_tui.openapi_import.import_steps import import_steps
from drio_tui.openapi_import.planning import ExistingIntegration, NewConnection, Plan
from drio_tui.openapi_import.security import connection_body, existing_connection_id
from drio_tui.plan.executor import Executor
from drio_tui.plan.undo import undo_last
from drio_tui.workspace.lint.import_source import MEMBER, wanted_sign_in
from drio_tui.workspace.model.loader import read_app
from tests import THOROUGH
from tests.openapi_import.documents import PETS, parser_of

pytest.importorskip("fastapi", reason="the sandbox extra is not installed")

from tests.sandbox_fixtures import InProcessSandbox
from tests.workspace.saving_world import Editor, World

ALL = ["GET /pets", "POST /pets", "GET /pets/{petId}", "PUT /pets/{petId}", "DELETE /pets/{petId}"]


async def pets(folder: Path, value: Any = PETS) -> Document:
    path = folder / "pets.json"
    path.write_text(json.dumps(value))
    return await open_document(str(path))


async def plan_now(editor: Editor, app: str, document: Document, *chosen: str, **options: Any) -> Plan:
    """Return the plan for the current state of the app."""
    present = existing_resources(await read_app(editor.client, app))
    return await document.plan(chosen or ALL, present=present, **options)


async def run(editor: Editor, app: str, document: Document, *chosen: str, **options: Any) -> Plan:
    plan = await plan_now(editor, app, document, *chosen, **options)
    await Executor(editor.saver, app, import_steps(plan)).run()
    return plan


async def config_of(editor: Editor, app: str) -> dict[str, Any]:
    """Return the app's resources, sorted, with keys instead of ids."""
    config = await editor.client.config(app)
    lists = ("auth", "integrations", "operations", "tools")
    keys = {resource["id"]: resource["key"] for name in lists for resource in config[name]} | {app: "app"}
    text = json.dumps({name: config[name] for name in lists})
    for id, key in keys.items():
        text = text.replace(f'"{id}"', json.dumps(f"<{key}>"))
    comparable: dict[str, Any] = json.loads(text)
    for resources in comparable.values():
        for resource in resources:
            for name in ("secretRef", "lastValidatedAt", "order", "widgetId"):
                resource.pop(name, None)
        resources.sort(key=lambda resource: resource["key"])
    return comparable


async def test_a_second_import_creates_nothing_and_lists_the_existing_operations(
    bare_sandbox: InProcessSandbox, tmp_path: Path
) -> None:
    world = await World.made(bare_sandbox)
    async with await pets(tmp_path) as document:
        first = await run(world.editor, world.app, document)
        assert len(first.resources) == 11
        before = await config_of(world.editor, world.app)
        second = await run(world.editor, world.app, document)
        assert second.resources == ()
        assert [skipped.source for skipped in second.skipped] == ALL
        assert second.skipped[0].key == "list-pets"
        assert second.tokens == 0
        assert await config_of(world.editor, world.app) == before
        existing = document.existing_operations(existing_resources(await read_app(world.editor.client, world.app)))
        assert sorted(existing) == sorted(ALL)


@pytest.mark.parametrize("seed", range(6 if THOROUGH else 2))
async def test_repeated_imports_with_failures_have_the_same_result_as_one(
    bare_sandbox: InProcessSandbox, tmp_path: Path, seed: int
) -> None:
    """Requests are rejected, connections break before or after a request is carried out, or the program is killed."""
    choose = random.Random(seed)
    once = await World.made(bare_sandbox)
    broken = await World.made(bare_sandbox)
    auth = NewConnection(connection_of_pets())
    async with await pets(tmp_path) as document:
        await run(once.editor, once.app, document, auth=auth)
        for _ in range(choose.randint(3, 6)):
            editor = Editor(bare_sandbox)  # as a new process

            async def fail(editor: Editor = editor) -> None:
                match choose.choice(["refused", "answer lost", "request lost", "killed", "killed after"]):
                    case "refused":
                        editor.network.refuse = [choose.choice([500, 422, 429])]
                    case "answer lost":
                        editor.network.lose["POST"] = "answer"
                    case "request lost":
                        editor.network.lose["POST"] = "request"
                    case "killed":
                        editor.network.lose = {"POST": "request", "PATCH": "request"}
                        editor.network.offline = True  # from the next request on
                    case "killed after":
                        editor.network.lose = {"POST": "answer", "PATCH": "answer"}
                        editor.network.offline = True

            async def succeed() -> None: ...

            editor.network.before = [succeed] * choose.randint(0, 8) + [fail]
            chosen = choose.sample(ALL, choose.randint(1, 5))
            await run(
                editor,
                broken.app,
                document,
                *chosen,
                tools=choose.random() < 0.8,
                auth=await connection_now(editor, broken),
            )
        await run(Editor(bare_sandbox), broken.app, document, auth=await connection_now(Editor(bare_sandbox), broken))
        last = await plan_now(broken.editor, broken.app, document)
        assert last.resources == ()
    actual, expected = await config_of(broken.editor, broken.app), await config_of(once.editor, once.app)
    for name in actual:
        assert actual[name] == expected[name], name


async def acme(world: World) -> dict[str, Any]:
    """Return the integration that the import created."""
    integrations = (await world.editor.client.list(INTEGRATION, app=world.app)).items
    (integration,) = [integration for integration in integrations if integration["key"] == "acme-api"]
    return integration


def connection_of_pets() -> dict[str, Any]:
    (scheme,) = parser_of(PETS["paths"], components=PETS["components"]).head().schemes
    return connection_body(scheme, "Acme API", secret="typed")


async def connection_now(editor: Editor, world: World) -> NewConnection:
    """Return the import's connection, with its id if it exists already."""
    body = connection_of_pets()
    return NewConnection(body, existing_connection_id((await editor.client.list(AUTH, app=world.app)).items, body))


async def test_renamed_resources_and_renamed_parameters_are_recognised(
    bare_sandbox: InProcessSandbox, tmp_path: Path
) -> None:
    world = await World.made(bare_sandbox)
    client, app = world.editor.client, world.app
    async with await pets(tmp_path) as document:
        await run(world.editor, app, document)
        integration = await acme(world)
        changes = {"name": "Mine", "baseUrl": "https://API.example.com/v1/"}
        await client.update(INTEGRATION, integration["id"], changes, app=app)
        for operation in (await client.list(OPERATION, app=app, parent=integration["id"])).items:
            path = operation["path"].replace("{petId}", "{id}")
            schema = json.loads(json.dumps(operation["inputSchema"]).replace('"petId"', '"id"'))
            changes = {"name": "Mine", "path": path, "inputSchema": schema}
            await client.update(OPERATION, operation["id"], changes, app=app)
        plan = await plan_now(world.editor, app, document)
        assert plan.resources == ()
        assert len(plan.skipped) == 5


async def test_another_title_another_name_or_again_creates_another_integration(
    bare_sandbox: InProcessSandbox, tmp_path: Path
) -> None:
    world = await World.made(bare_sandbox)
    async with await pets(tmp_path) as document:
        await run(world.editor, world.app, document)
        assert len((await plan_now(world.editor, world.app, document, integration="Second")).of("integration")) == 1
        assert len((await plan_now(world.editor, world.app, document, again=True)).resources) == 11
        await run(world.editor, world.app, document, integration="Second")
        assert (await plan_now(world.editor, world.app, document, integration="Second")).resources == ()
    other = deepcopy(PETS)
    other["info"]["title"] = "Other API"
    async with await pets(tmp_path, other) as document:
        plan = await plan_now(world.editor, world.app, document)
        assert [resource.body["name"] for resource in plan.of("integration")] == ["Other API"]


async def test_a_new_connection_is_created_first_and_used_by_an_existing_integration(
    bare_sandbox: InProcessSandbox, tmp_path: Path
) -> None:
    world = await World.made(bare_sandbox)
    client, app = world.editor.client, world.app
    async with await pets(tmp_path) as document:
        await run(world.editor, app, document, "GET /pets")
        integration = await acme(world)
        assert integration["authId"] is None
        assert wanted_sign_in(integration) == ["API key X-Api-Key in the header"]
        secret = connection_of_pets() | {"config": connection_of_pets()["config"] | {"apiKey": "SECRET-of-pets"}}
        plan = await run(world.editor, app, document, "GET /pets", "POST /pets", auth=NewConnection(secret))
        assert [(resource.kind, bool(resource.changes)) for resource in plan.resources] == [
            ("auth", False), ("integration", True), ("operation", False), ("tool", False),
        ]  # fmt: skip
        assert "SECRET-of-pets" not in json.dumps(plan.as_dict()) + repr(plan)
        integration = await acme(world)
        connections = (await client.list(AUTH, app=app)).items
        (connection,) = [connection for connection in connections if connection["id"] == integration["authId"]]
        created = (connection["providerKey"], connection["status"], connection["name"])
        assert created == ("api-key", "valid", "Acme API: key")
        assert integration["config"][MEMBER]["title"] == "Acme API"
        assert "SECRET-of-pets" not in world.editor.journal(app).path.read_text()
        with_other_auth = await plan_now(world.editor, app, document, auth=world.ids["auth"])
        assert "signs in with another connection, which is kept" in str(with_other_auth.problems)
        await undo_last(world.editor.saver, app)
        integration = await acme(world)
        assert integration["authId"] is None


async def test_an_integration_created_by_hand_is_used_and_keeps_its_config(
    bare_sandbox: InProcessSandbox, tmp_path: Path
) -> None:
    world = await World.made(bare_sandbox)
    client, app = world.editor.client, world.app
    body = {"name": "By hand", "baseUrl": "https://api.example.com/v1", "config": {"headers": {"X-A": "1"}}}
    integration = (await client.create(INTEGRATION, body, app=app)).raw["id"]
    await client.create(OPERATION, {"name": "List", "method": "GET", "path": "/pets"}, app=app, parent=integration)
    before = len((await client.list(TOOL, app=app)).items)
    async with await pets(tmp_path) as document:
        plan = await run(world.editor, app, document, "GET /pets", "POST /pets")
        assert [(resource.kind, resource.source) for resource in plan.resources] == [
            ("integration", ""), ("tool", "GET /pets"), ("operation", "POST /pets"), ("tool", "POST /pets"),
        ]  # fmt: skip
        raw = await world.editor.raw(INTEGRATION, app, integration)
        assert raw["config"]["headers"] == {"X-A": "1"}
        assert wanted_sign_in(raw)
        assert len((await client.list(OPERATION, app=app, parent=integration)).items) == 2
        assert len((await client.list(TOOL, app=app)).items) == before + 2


def test_an_operation_of_the_app_matches_one_of_the_document() -> None:
    present = ExistingResources(operations=({"id": "1", "integrationId": "i", "method": "get", "path": "/a/{x}"},))
    calls = {"GET /a/{y}": ("GET", "/a/{y}"), "GET /a/{x}": ("GET", "/a/{x}")}
    assert list(present.operations_of("i", calls)) == ["GET /a/{x}"]
    assert list(present.operations_of("i", {"GET /a/{y}": ("GET", "/a/{y}")})) == ["GET /a/{y}"]
    assert present.operations_of("other", calls) == {}


def test_an_integration_of_another_document_does_not_match() -> None:
    raw = {"id": "i", "baseUrl": "https://a.example", "config": {MEMBER: {"title": "Other"}}}
    assert ExistingResources((raw,)).integration("https://a.example", "Acme API") is None
    assert ExistingResources((raw,)).integration("https://a.example/", "Other") is raw
    assert ExistingIntegration("i", "https://a.example").id == "i"
