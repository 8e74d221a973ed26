"""Carrying out an import plan on the sandbox: in order, with retries, without duplicates, and with one undo."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from drio_tui.kinds import INTEGRATION, OPERATION, TOOL
from drio_tui.openapi_import.document import open_document
from drio_tui.openapi_import.existing import existing_resources
from drio_tui.openapi_import.import_steps import import_steps
from drio_tui.openapi_import.planning import ExistingIntegration, Plan
from drio_tui.plan.executor import Executor
from drio_tui.plan.undo import undo_last
from drio_tui.workspace.model.loader import load_app
from drio_tui.workspace.model.snapshot import Snapshot
from tests.openapi_import.documents import PETS

pytest.importorskip("fastapi", reason="the sandbox extra is not installed")

from tests.sandbox_fixtures import InProcessSandbox
from tests.workspace.saving_world import World


async def plan_of(folder: Path, *chosen: str, **options: Any) -> Plan:
    path = folder / "pets.json"
    path.write_text(json.dumps(PETS))
    async with await open_document(str(path)) as document:
        return await document.plan(chosen or [operation.id for operation in document.operations], **options)


async def counts(world: World) -> tuple[int, int, int]:
    """Return the numbers of integrations, of tools, and of operations of all integrations."""
    client, app = world.editor.client, world.ids["app"]
    integrations = (await client.list(INTEGRATION, app=app)).items
    operations = 0
    for integration in integrations:
        operations += len((await client.list(OPERATION, app=app, parent=integration["id"])).items)
    return len(integrations), len((await client.list(TOOL, app=app)).items), operations


async def test_all_resources_are_created_and_bound_and_undone_together(
    bare_sandbox: InProcessSandbox, tmp_path: Path
) -> None:
    world = await World.made(bare_sandbox)
    before = await counts(world)
    plan = await plan_of(tmp_path, auth=world.ids["auth"])
    work = Executor(world.editor.saver, world.ids["app"], import_steps(plan), parallel=1)
    results = await work.run()
    assert [result.ok for result in results] == [True] * 11
    assert await counts(world) == (before[0] + 1, before[1] + 5, before[2] + 5)
    tools = {tool["key"]: tool for tool in (await world.editor.client.list(TOOL, app=world.ids["app"])).items}
    assert tools["replace-pet"]["binding"]["status"] == "ready"
    assert tools["get-pet"]["annotations"] == {"readOnlyHint": True, "openWorldHint": True}
    steps = await undo_last(world.editor.saver, world.ids["app"])
    assert steps
    assert await counts(world) == before


@pytest.mark.parametrize("lost", ["answer", "request"])
async def test_a_retry_of_a_failed_step_creates_no_duplicates(
    bare_sandbox: InProcessSandbox, tmp_path: Path, lost: str
) -> None:
    world = await World.made(bare_sandbox)
    before = await counts(world)
    plan = await plan_of(tmp_path, "GET /pets", "POST /pets")
    work = Executor(world.editor.saver, world.ids["app"], import_steps(plan))
    world.editor.network.lose["POST"] = lost
    await work.run()
    if lost == "request":  # the request for the integration, on which all others depend
        assert len(work.failed) == 5
        assert await counts(world) == before
    await work.run()
    assert work.done
    await work.run()
    assert await counts(world) == (before[0] + 1, before[1] + 2, before[2] + 2)


async def test_a_rejected_step_blocks_only_its_dependents(bare_sandbox: InProcessSandbox, tmp_path: Path) -> None:
    world = await World.made(bare_sandbox)
    plan = await plan_of(
        tmp_path,
        "GET /pets",
        "POST /pets",
        integration=ExistingIntegration(world.ids["integration"], "https://api.example.com"),
    )
    work = Executor(world.editor.saver, world.ids["app"], import_steps(plan), parallel=1)
    world.editor.network.refuse = [422]
    await work.run()
    assert [result is not None and result.ok for result in work.results] == [False, False, True, True]
    assert work.results[1] is not None
    assert work.results[1].problem == "It needs this first: Create operation GET /pets"
    world.editor.exchanges.clear()
    await work.run()
    assert work.done
    assert [path for _, path, _ in world.editor.sent] == ["operations", "tools"]


async def test_a_key_taken_meanwhile_fails_with_a_message(bare_sandbox: InProcessSandbox, tmp_path: Path) -> None:
    world = await World.made(bare_sandbox)
    plan = await plan_of(tmp_path, "GET /pets")
    await world.editor.client.create(TOOL, {"name": "List pets", "key": "list-pets"}, app=world.ids["app"])
    work = Executor(world.editor.saver, world.ids["app"], import_steps(plan), parallel=1)
    await work.run()
    (failed,) = work.failed
    assert failed.step.about == "Create tool list-pets"
    assert "list-pets" in failed.problem


async def test_tools_are_in_the_order_of_the_document_after_those_of_the_app(
    bare_sandbox: InProcessSandbox, tmp_path: Path
) -> None:
    world = await World.made(bare_sandbox)
    app = world.ids["app"]
    before = [tool["key"] for tool in (await world.editor.client.list(TOOL, app=app)).items]
    snapshot = Snapshot(app)
    await load_app(world.editor.client, app, snapshot.apply)
    plan = await plan_of(tmp_path, present=existing_resources(snapshot))
    steps = import_steps(plan)
    executor = Executor(world.editor.saver, app, (steps[0], *steps[:0:-1]))
    await executor.run()
    assert executor.complete
    assert [tool["key"] for tool in (await world.editor.client.list(TOOL, app=app)).items] == [
        *before, "list-pets", "create-pet", "get-pet", "replace-pet", "delete-pet",
    ]  # fmt: skip
