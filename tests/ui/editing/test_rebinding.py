"""A tool whose operation moved on: what changed is shown, and one key binds it anew."""

from __future__ import annotations

from typing import Any

import pytest

from drio_tui.kinds import OPERATION, TOOL
from drio_tui.ui.editing.review_dialog import ReviewScreen
from tests.ui.driving import text_of, until
from tests.ui.editing.test_saving import app_of, edit_of, opened


async def moved_on(pilot: Any, screen: Any, client: Any) -> tuple[str, str]:
    """A second client adds a required parameter to what the first tool calls; the tree shows it. Gives both ids."""
    tool = next(iter(screen.snapshot.resources("tool")))
    operation = tool.get("binding")["integrationOperationId"]
    await pilot.app.workers.wait_for_complete([one for one in pilot.app.workers if one.group == "schemas"])
    raw = (await client.get(OPERATION, operation, app=screen.app_id)).raw
    schema = raw["inputSchema"]
    schema["properties"]["region"] = {"type": "string"}
    schema["required"] = [*schema.get("required", ()), "region"]
    await client.update(OPERATION, operation, {"inputSchema": schema}, app=screen.app_id)
    screen.action_refresh()
    await opened(pilot)
    screen.tree_view.reveal(tool.key)
    await until(pilot, lambda: screen.chosen.about == tool.key)
    return tool.id, operation


async def holds(client: Any, app: str, tool: str, operation: str) -> bool:
    binding = (await client.get(TOOL, tool, app=app)).raw["binding"]
    hash = (await client.get(OPERATION, operation, app=app)).raw["schemaHash"]
    return bool(binding["schemaHashAtBindTime"] == hash and binding["status"] == "ready")


async def test_the_editor_shows_what_changed_since_the_app_was_last_open_and_f6_binds_anew(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with app_of(sandbox_process, monkeypatch) as (pilot, screen, client):
        tool, operation = await moved_on(pilot, screen, client)
        await pilot.press("e")
        editing = await edit_of(pilot)
        await pilot.press("f5")
        await until(pilot, lambda: "+ region  string, required" in text_of(pilot.app))
        await pilot.press("f6", "ctrl+s")
        await until(pilot, lambda: pilot.app.screen is screen)
        assert editing.saved is not None
        assert await holds(client, screen.app_id, tool, operation)


async def test_from_the_tree_b_shows_what_changed_and_binds_anew_and_says_why_not_where_it_holds(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with app_of(sandbox_process, monkeypatch) as (pilot, screen, client):
        tool, operation = await moved_on(pilot, screen, client)
        await pilot.press("b")
        await until(pilot, lambda: isinstance(pilot.app.screen, ReviewScreen))
        await until(pilot, lambda: "+ region  string, required  can break calls" in text_of(pilot.app))
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is screen)
        assert not await holds(client, screen.app_id, tool, operation)
        await until(pilot, lambda: not screen._under_way())
        await pilot.press("b")
        await until(pilot, lambda: isinstance(pilot.app.screen, ReviewScreen))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: any("Bound anew" in note.message for note in pilot.app._notifications))
        await opened(pilot)
        assert await holds(client, screen.app_id, tool, operation)
        assert screen.why_not("rebind_tool", ()) == "Its binding holds."
