"""Steps whose request may have been carried out: looked up before anything is sent again."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest

from drio_tui.api import transport
from drio_tui.api.http import httpx
from drio_tui.kinds import TOOL
from drio_tui.plan.executor import Executor
from drio_tui.plan.state import PlanState, StepState
from drio_tui.plan.undo import undo_last
from drio_tui.workspace.saving.without_secrets import fingerprints_of
from tests.plan.conftest import (
    Counting,
    create_tool,
    executor_of,
    tool_names,
    tool_steps,
)
from tests.workspace.saving_world import Editor, World

pytest.importorskip("fastapi", reason="the sandbox extra is not installed")


def sent_state(at: float = 0.0, **body: str) -> StepState:
    """Return the state of a create whose outcome is unknown."""
    return StepState("sent", sent=fingerprints_of(body), maybe=True, at=at)


async def test_namesake_of_a_create_with_an_unknown_outcome_waits_for_it(world: World) -> None:
    steps = [replace(create_tool("twin"), id=f"create:{number}", ref="") for number in range(2)]
    executor = executor_of(world, steps)
    world.editor.network.lose = {"POST": "request"}
    await executor.run()
    assert [executor.state(step).state for step in steps] == ["failed", "skipped"]
    assert "same name" in executor.state(steps[1]).why
    await executor.run()
    assert executor.complete
    assert len(await tool_names(world, "twin")) == 2


@pytest.mark.parametrize("lost", ["answer", "request"])
async def test_create_with_a_lost_response_is_not_repeated_blindly(world: World, lost: str) -> None:
    executor = executor_of(world, tool_steps(8))
    world.editor.network.lose = {"POST": lost}
    await executor.run()
    if lost == "request":
        (failed,) = executor.failed
        assert executor.state(failed.step).maybe
        assert "does not" in failed.problem or "did not" in failed.problem
        await executor.run()
    assert executor.complete
    names = [f"tool {number}" for number in range(8)]
    assert await tool_names(world) == sorted([*names, "tool a", "tool b", "tool c"])
    await executor.run()
    assert len(await tool_names(world)) == 11


async def test_create_that_may_have_been_carried_out_is_looked_up_after_a_restart(world: World) -> None:
    (step,) = tool_steps(1)
    before = [tool["id"] for tool in (await world.editor.client.list(TOOL, app=world.app)).items]
    made = await world.editor.client.create(TOOL, step.body, app=world.app)
    state = PlanState({step.id: sent_state(name="tool 0")}, {"tool": before})
    executor = executor_of(world, [step], state)
    network = world.editor.network.inner = Counting(world.editor.network.inner)
    await executor.run()
    assert executor.state(step).made == made.raw["id"]
    assert network.counts == {"GET": 1}


async def test_created_resource_is_found_by_its_name_if_drio_returns_no_key(world: World) -> None:
    (step,) = tool_steps(1)
    before = [tool["id"] for tool in (await world.editor.client.list(TOOL, app=world.app)).items]
    made = await world.editor.client.create(TOOL, step.body, app=world.app)
    state = PlanState(
        {step.id: sent_state(key="tool-0", name="tool 0")},
        {"tool": before},
    )
    executor = executor_of(world, [step], state)
    world.editor.network.inner = WithoutKeys(world.editor.network.inner)
    await executor.run()
    assert executor.state(step).made == made.raw["id"]
    assert len(await tool_names(world, "tool 0")) == 1


@pytest.mark.parametrize("differs", [False, True])
async def test_created_resource_that_drio_stored_under_another_key_is_found_after_a_restart(
    world: World, differs: bool
) -> None:
    step = replace(create_tool("tool 0"), body={"name": "tool 0", "key": "tool-0", "description": "It finds."})
    before = [tool["id"] for tool in (await world.editor.client.list(TOOL, app=world.app)).items]
    stored = step.body | {"key": "tool-0-2"} | ({"description": "Another one."} if differs else {})
    made = await world.editor.client.create(TOOL, stored, app=world.app)
    state = PlanState({step.id: sent_state(**step.body)}, {"tool": before})
    executor = executor_of(world, [step], state)
    await executor.run()
    assert await tool_names(world, "tool 0") == ["tool 0"]
    if differs:
        assert "is not as it was sent" in executor.failed[0].problem
        assert executor.state(step).maybe
    else:
        assert executor.state(step).made == made.raw["id"]


class WithoutKeys(httpx.AsyncBaseTransport):
    """A connection to a drio that returns no keys."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self.inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self.inner.handle_async_request(request)
        content = (await response.aread()).replace(b'"key":', b'"x-key":')
        return httpx.Response(
            response.status_code, headers={"Content-Type": "application/json"}, stream=httpx.ByteStream(content)
        )


async def test_resource_that_existed_before_or_that_another_step_made_is_not_taken_for_the_created_one(
    world: World,
) -> None:
    first, second = (replace(create_tool("twin"), id=f"create:{number}", ref="") for number in range(2))
    client, app = world.editor.client, world.app
    old = (await client.create(TOOL, {"name": "twin"}, app=app)).raw["id"]
    made = (await client.create(TOOL, {"name": "twin"}, app=app)).raw["id"]
    state = PlanState(
        {
            first.id: StepState("done", made=made),
            second.id: sent_state(name="twin"),
        },
        {"tool": [old]},
    )
    executor = executor_of(world, [first, second], state)
    await executor.run()
    assert executor.complete
    assert executor.state(second).made not in (old, made)
    assert len(await tool_names(world, "twin")) == 3


async def test_user_decides_when_several_resources_may_be_the_created_one(world: World) -> None:
    (step,) = tool_steps(1)
    for _ in range(2):
        await world.editor.client.create(TOOL, step.body, app=world.app)
    state = PlanState({step.id: sent_state(name="tool 0")})
    executor = executor_of(world, [step], state)
    await executor.run()
    (failed,) = executor.failed
    assert "Delete those that are too many" in failed.problem
    assert executor.state(step).maybe
    assert len(await tool_names(world, "tool 0")) == 2


async def test_conflict_of_a_repeated_create_means_that_it_was_carried_out_late(world: World) -> None:
    step = replace(create_tool("late"), body={"name": "late", "key": "late-key"})
    state = PlanState({step.id: sent_state(key="late-key")}, {"tool": []})
    executor = executor_of(world, [step], state)

    async def carry_out_late() -> None:
        await Editor(world.editor.sandbox).client.create(TOOL, step.body, app=world.app)

    world.editor.network.before = [carry_out_late]
    await executor.run()
    assert executor.complete, executor.failed
    assert await tool_names(world, "late") == ["late"]


@pytest.mark.parametrize("carried_out", [True, False])
async def test_create_answered_with_503_is_looked_up_before_it_is_sent_again(
    world: World, monkeypatch: pytest.MonkeyPatch, carried_out: bool
) -> None:
    """F08."""
    monkeypatch.setattr(transport.random, "uniform", lambda _low, _high: 0.0)  # the pause before it is sent again
    world.editor.network.faults = ["lost:503" if carried_out else "status:503"]
    world.editor.exchanges.clear()
    executor = executor_of(world, tool_steps(1))
    await executor.run()
    assert executor.complete
    sent = {exchange.number: exchange.method for exchange in world.editor.exchanges}
    assert [*sent.values()] == ["GET", "POST", "GET", "POST"][: 3 if carried_out else 4]
    assert await tool_names(world, "tool 0") == ["tool 0"]
    assert [step.ok for step in await undo_last(world.editor.saver, world.app)] == [True]
    assert await tool_names(world, "tool 0") == []


async def test_stop_with_cancel_ends_the_running_requests_and_a_later_run_looks_them_up(world: World) -> None:
    executor = executor_of(world, tool_steps(3), parallel=1)
    world.editor.network.hang = {"POST": "answer"}
    run = asyncio.create_task(executor.run())
    await world.editor.network.hung.wait()
    executor.stop(cancel=True)
    await run
    assert "cancelled" in {exchange.error for exchange in world.editor.exchanges}
    state = executor.state(executor.steps[0])
    assert (state.state == "done") or (state.state == "failed" and state.maybe)
    assert len(executor.untried) == 2
    await executor.run()
    assert executor.complete
    assert len(await tool_names(world)) == 6


async def test_create_sent_a_moment_ago_is_looked_up_twice(world: World) -> None:
    """The server may still be carrying it out."""
    (step,) = tool_steps(1)
    state = PlanState({step.id: sent_state(name="tool 0", at=time.time())})
    other = Editor(world.editor.sandbox)
    inner = world.editor.network.inner
    lists = 0

    class CarriedOutLate(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            nonlocal lists
            response = await inner.handle_async_request(request)
            lists += 1
            if lists == 1:
                await other.client.create(TOOL, step.body, app=world.app)
            return response

    world.editor.network.inner = CarriedOutLate()
    executor = Executor(world.editor.saver, world.app, [step], state, pause=0.001)
    await executor.run()
    assert executor.complete
    assert not world.editor.sent
    assert await tool_names(world, "tool 0") == ["tool 0"]
    await other.client.aclose()


async def test_no_further_step_is_started_after_several_unknown_outcomes_in_a_row(world: World) -> None:
    world.editor.network.faults = ["reset"] * 30
    executor = executor_of(world, tool_steps(30))
    await executor.run()
    assert len(world.editor.sent) <= 3 + 6
    assert len(executor.untried) >= 30 - 9
    world.editor.network.faults = []
    await executor.run()
    assert executor.complete
    assert len(await tool_names(world)) == 30 + 3


async def test_ids_from_before_a_create_with_an_unknown_outcome_count_until_it_is_known(world: World) -> None:
    old, new = tool_steps(2)
    before = [tool["id"] for tool in (await world.editor.client.list(TOOL, app=world.app)).items]
    made = await world.editor.client.create(TOOL, old.body, app=world.app)
    state = PlanState({old.id: sent_state(name="tool 0")}, {"tool": before})
    executor = executor_of(world, [new, old], state, parallel=1)
    await executor.run()
    assert executor.state(old).made == made.raw["id"]
    assert await tool_names(world, "tool 0") == ["tool 0"]


async def test_failed_create_that_may_have_been_carried_out_is_looked_up_by_the_next_process(world: World) -> None:
    (step,) = tool_steps(1)
    before = [tool["id"] for tool in (await world.editor.client.list(TOOL, app=world.app)).items]
    await world.editor.client.create(TOOL, step.body, app=world.app)
    state = PlanState({step.id: replace(sent_state(name="tool 0"), state="failed")}, {"tool": before})
    executor = executor_of(world, [step], state)
    await executor.run()
    assert executor.complete
    assert await tool_names(world, "tool 0") == ["tool 0"]


async def test_resource_of_a_namesake_that_was_just_created_is_not_taken_for_the_lost_one(world: World) -> None:
    steps = [replace(create_tool("twin"), id=f"create:{number}", ref="") for number in range(2)]
    executor = executor_of(world, steps)

    async def nothing() -> None:
        pass

    async def lose() -> None:
        world.editor.network.lose = {"POST": "request"}

    world.editor.network.before = [nothing, lose]
    await executor.run()
    await executor.run()
    assert executor.complete
    assert len(await tool_names(world, "twin")) == 2
