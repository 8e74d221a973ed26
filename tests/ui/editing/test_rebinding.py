"""A tool whose operation has a new schema: the changes are shown, and one key rebinds it."""

from __future__ import annotations

from typing import Any

import pytest

from drio_tui.kinds import OPERATION, TOOL
from drio_tui.ui.editing.review_dialog import ReviewDialog
from tests.ui.driving import text_of, until
from tests.ui.editing.test_saving import app_of, edit_of, opened


async def change_bound_operation(pilot: Any, screen: Any, client: Any) -> tuple[str, str]:
    """Add a required parameter to the first tool's operation, with a second client; return the ids of both."""
    tool = next(iter(screen.snapshot.resources("tool")))
    operation = tool.get("binding")["integrationOperationId"]
    await pilot.app.workers.wait_for_complete([worker for worker in pilot.app.workers if worker.group == "schemas"])
    raw = (await client.get(OPERATION, operation, app=screen.app_id)).raw
    schema = raw["inputSchema"]
    schema["properties"]["region"] = {"type": "string"}
    schema["required"] = [*schema.get("required", ()), "region"]
    await client.update(OPERATION, operation, {"inputSchema": schema}, app=screen.app_id)
    screen.action_refresh()
    await opened(pilot)
    screen.tree_view.reveal(tool.key)
    await until(pilot, lambda: screen.selected_node.about == tool.key)
    return tool.id, operation


async def is_current(client: Any, app: str, tool: str, operation: str) -> bool:
    binding = (await client.get(TOOL, tool, app=app)).raw["binding"]
    hash = (await client.get(OPERATION, operation, app=app)).raw["schemaHash"]
    return bool(binding["schemaHashAtBindTime"] == hash and binding["status"] == "ready")


async def test_the_editor_shows_schema_changes_and_f6_rebinds(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with app_of(sandbox_process, monkeypatch) as (pilot, screen, client):
        tool, operation = await change_bound_operation(pilot, screen, client)
        await pilot.press("e")
        editing = await edit_of(pilot)
        await pilot.press("f5")
        await until(pilot, lambda: "+ region  string, required" in text_of(pilot.app))
        await pilot.press("f6", "ctrl+s")
        await until(pilot, lambda: pilot.app.screen is screen)
        assert editing.saved is not None
        assert await is_current(client, screen.app_id, tool, operation)


async def test_b_in_the_tree_shows_schema_changes_and_rebinds_or_says_why_not(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with app_of(sandbox_process, monkeypatch) as (pilot, screen, client):
        tool, operation = await change_bound_operation(pilot, screen, client)
        await pilot.press("b")
        await until(pilot, lambda: isinstance(pilot.app.screen, ReviewDialog))
        await until(pilot, lambda: "+ region  string, required  can break calls" in text_of(pilot.app))
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is screen)
        assert not await is_current(client, screen.app_id, tool, operation)
        await until(pilot, lambda: not screen._running_workers())
        await pilot.press("b")
        await until(pilot, lambda: isinstance(pilot.app.screen, ReviewDialog))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: any("Rebound" in note.message for note in pilot.app._notifications))
        await opened(pilot)
        assert await is_current(client, screen.app_id, tool, operation)
        assert screen.disabled_reason("rebind_tool", ()) == "Its binding holds."
