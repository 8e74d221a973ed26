"""Plans that were interrupted by the end of the program are offered at the next start."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from drio_tui.kinds import TOOL
from drio_tui.plan.record import PlanRecord, PlanSession, load_records
from drio_tui.plan.steps import Step, changes_of
from drio_tui.ui.app.recovery import Recovery
from drio_tui.ui.editing.batch_dialog import BatchDialog, InterruptedPlanDialog
from tests.ui.driving import click_button, text_of, until
from tests.ui.editing.test_saving import app_of


def looking_for_plans(pilot: Any) -> bool:
    """Return whether the program is still looking for what earlier runs have kept."""
    return any(worker.group == "unsaved" and not worker.is_finished for worker in pilot.app.workers)


async def interrupted(pilot: Any, app: str, tools: list[dict[str, Any]]) -> PlanRecord:
    """Store a plan that renames tools, and of which the first step is done."""
    await until(pilot, lambda: pilot.app.recovery.offered and not looking_for_plans(pilot))
    steps = tuple(
        Step(f"rename:{tool['id']}", "update", "tool", f"Rename {tool['name']}", tool["id"],
             changes=changes_of({"description": "renamed"}))
        for tool in tools
    )  # fmt: skip
    record = PlanRecord(pilot.app.status.profile, pilot.app.connection.server, app, "Rename tools", steps)
    session = PlanSession.begin(record)
    record.state.step(steps[0].id).state = "done"
    await session.save()
    await asyncio.to_thread(session.close)
    return record


async def test_an_interrupted_plan_goes_on_after_a_confirmation(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with app_of(sandbox_process, monkeypatch) as (pilot, screen, client):
        tools = (await client.list(TOOL, app=screen.app_id)).items[:3]
        await interrupted(pilot, screen.app_id, tools)
        Recovery(pilot.app, pilot.app.connection).offer()  # as at the next start
        await until(pilot, lambda: isinstance(pilot.app.screen, InterruptedPlanDialog))
        await until(pilot, lambda: "1 of 3 steps were done" in text_of(pilot.app))
        await click_button(pilot, "#go")
        await until(pilot, lambda: not isinstance(pilot.app.screen, BatchDialog))
        after = {tool["id"]: tool["description"] for tool in (await client.list(TOOL, app=screen.app_id)).items}
        assert [after[tool["id"]] == "renamed" for tool in tools] == [False, True, True]
        assert not load_records().records
        await interrupted(pilot, screen.app_id, tools)  # of which the others are done in drio by now
        Recovery(pilot.app, pilot.app.connection).offer()
        await until(pilot, lambda: not load_records().records)
        assert pilot.app.screen is screen


async def test_no_plan_is_offered_over_a_dialog_or_a_form(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with app_of(sandbox_process, monkeypatch) as (pilot, screen, client):
        tools = (await client.list(TOOL, app=screen.app_id)).items[:2]
        await interrupted(pilot, screen.app_id, tools)
        for open_key in ("R", "e"):
            await pilot.press(open_key)
            await until(pilot, lambda: pilot.app.screen is not screen)
            recovery = Recovery(pilot.app, pilot.app.connection)
            recovery.offer()
            await until(pilot, lambda: not looking_for_plans(pilot))
            assert not any(isinstance(one, InterruptedPlanDialog) for one in pilot.app.screen_stack)
            await pilot.press("escape")
            await until(pilot, lambda: isinstance(pilot.app.screen, InterruptedPlanDialog))
            await pilot.press("escape")
            await until(pilot, lambda: pilot.app.screen is screen)


@pytest.mark.parametrize(("key", "left"), [("escape", 1), ("D", 0)])
async def test_an_interrupted_plan_is_kept_for_later_or_forgotten(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch, key: str, left: int
) -> None:
    async with app_of(sandbox_process, monkeypatch) as (pilot, screen, client):
        tools = (await client.list(TOOL, app=screen.app_id)).items[:2]
        record = await interrupted(pilot, screen.app_id, tools)
        await pilot.app.push_screen(InterruptedPlanDialog(record))
        await until(pilot, lambda: isinstance(pilot.app.screen, InterruptedPlanDialog))
        await pilot.press(key)
        await until(pilot, lambda: not isinstance(pilot.app.screen, BatchDialog))
        assert len(load_records().records) == left
