"""A plan killed at any request goes on without a loss or a duplicate; the long form is scripts/kill_plan.py."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from drio_tui.plan.record import PlanRecord, PlanSession, load_records
from drio_tui.plan.undo import undo_last
from tests import THOROUGH
from tests.plan.conftest import WHOLE_PLAN, Killed, Killing, created, tool_names, tool_steps, whole_plan
from tests.plan.dying import check_killed_plan
from tests.workspace.saving_world import Editor, World

pytest.importorskip("fastapi", reason="the sandbox extra is not installed")

if TYPE_CHECKING:
    from tests.sandbox_fixtures import InProcessSandbox, SandboxProcess

SOME = {"before": (1, 3, 8), "after": (1, 4, 9)}
"""The requests at which a short test run kills a plan."""
REQUESTS = 17
"""Of the whole plan."""


@pytest.mark.parametrize(
    ("at", "when"), [(at, when) for when in SOME for at in (range(1, REQUESTS + 1) if THOROUGH else SOME[when])]
)
async def test_a_plan_killed_at_any_request_goes_on_without_loss_or_duplicates(
    sandbox: InProcessSandbox, world: World, at: int, when: str
) -> None:
    record = PlanRecord("me", sandbox.base_url, world.app, "Everything", (*whole_plan(), *tool_steps(6)))
    session = PlanSession.begin(record)
    first = Editor(sandbox, "me")
    first.network.inner = Killing(first.network.inner, at, when)
    with pytest.raises(Killed):
        await session.executor(first.saver, pause=0).run()
    await first.saver.single_flight.wait_idle()  # the server carries out what it has received
    session.close()
    (interrupted,) = load_records("me", sandbox.base_url).records
    assert interrupted.steps == record.steps
    resumed = PlanSession.resume(interrupted.id)
    executor = resumed.executor(world.editor.saver, pause=0)
    await executor.run()
    assert executor.complete, executor.failed
    assert await created(world) == WHOLE_PLAN
    assert len(await tool_names(world)) == 6 + 3
    resumed.close(forget=True)
    assert not load_records().records
    steps = await undo_last(world.editor.saver, world.app)
    assert all(step.ok for step in steps), [(step.entry.name, step.problem) for step in steps]
    assert len(await tool_names(world)) == 3
    await first.client.aclose()


@pytest.mark.slow
@pytest.mark.parametrize(("at", "when"), [(2, "before"), (7, "after")])
def test_a_process_killed_with_a_plan_is_replaced_by_one_that_goes_on(
    sandbox_process: SandboxProcess, tmp_path: Path, at: int, when: str
) -> None:
    assert check_killed_plan(sandbox_process, tmp_path, at, at, when)
