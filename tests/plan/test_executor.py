"""Carrying out steps: concurrently, in the order of their dependencies, and each once."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from drio_tui.api import transport
from drio_tui.api.http import httpx
from drio_tui.kinds import TOOL
from drio_tui.plan.executor import Choice, Executor, Result
from drio_tui.plan.schedule import Schedule
from drio_tui.plan.state import PlanState, StepState
from drio_tui.plan.steps import Step, changes_of
from drio_tui.plan.undo import undo_last
from drio_tui.workspace.saving.save_result import Conflicted
from drio_tui.workspace.saving.without_secrets import fingerprints_of
from tests.plan.conftest import (
    WHOLE_PLAN,
    Counting,
    create_tool,
    created,
    tool_names,
    tool_steps,
    whole_plan,
)
from tests.workspace.saving_world import Editor, World

pytest.importorskip("fastapi", reason="the sandbox extra is not installed")

if TYPE_CHECKING:
    from tests.sandbox_fixtures import InProcessSandbox


def executor_of(world: World, steps: list[Step], state: PlanState | None = None, **options: Any) -> Executor:
    return Executor(world.editor.saver, world.app, steps, state, pause=0, **options)


def sent_state(at: float = 0.0, **body: str) -> StepState:
    """Return the state of a create whose outcome is unknown."""
    return StepState("sent", sent=fingerprints_of(body), maybe=True, at=at)


async def test_steps_run_after_those_they_need_with_ids_for_refs_and_one_undo(world: World) -> None:
    executor = executor_of(world, [*reversed(whole_plan())])
    results = await executor.run()
    assert [result.problem for result in results] == [""] * 10
    assert executor.complete
    assert await created(world) == WHOLE_PLAN
    assert executor.ids["ref:find"] in {tool["id"] for tool in (await world.editor.client.config(world.app))["tools"]}
    steps = await undo_last(world.editor.saver, world.app)
    assert all(step.ok for step in steps), [(step.entry.name, step.problem) for step in steps]
    assert await tool_names(world, "find") == []


async def test_errors_of_fields_are_in_the_state_of_a_step(world: World) -> None:
    changes = changes_of({"name": ""})
    create = create_tool("broken")
    create.body["name"] = 7
    executor = executor_of(world, [create, Step("r", "update", "tool", "Rename", world.ids["tool a"], changes=changes)])
    await executor.run()
    assert [[*executor.state(step).fields] for step in executor.steps] == [["name"], ["name"]]


async def test_six_requests_run_at_a_time_and_a_collection_is_listed_once(world: World) -> None:
    network = world.editor.network.inner = Counting(world.editor.network.inner, together=6)
    executor = executor_of(world, tool_steps(30))
    await executor.run()
    assert executor.complete
    assert network.most == 6
    assert network.counts == {"GET": 1, "POST": 30}
    assert len(await tool_names(world)) == 30 + 3


async def test_creates_of_the_same_name_do_not_run_at_a_time(world: World) -> None:
    network = world.editor.network.inner = Counting(world.editor.network.inner)
    steps = [replace(create_tool("twin"), id=f"create:{number}", ref="") for number in range(4)]
    executor = executor_of(world, steps)
    world.editor.network.lose = {"POST": "answer"}
    await executor.run()
    assert executor.complete
    assert network.most == 1
    assert len(await tool_names(world, "twin")) == 4


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


async def test_state_is_saved_before_each_request_and_saves_are_shared(world: World) -> None:
    state = PlanState()
    saved: list[dict[str, str]] = []

    async def save() -> None:
        saved.append({id: step.state for id, step in state.steps.items()})
        await asyncio.sleep(0)

    async def check() -> None:
        running = {id for id, step in state.steps.items() if step.state == "sent"}
        assert any(all(states.get(id) == "sent" for id in running) for states in saved)

    executor = executor_of(world, tool_steps(12), state, save=save)
    world.editor.network.before = [check] * 12
    await executor.run()
    assert executor.complete
    assert set(saved[-1].values()) == {"done"}
    assert len(saved) < 24


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


async def test_request_answered_with_429_is_sent_again(sandbox: InProcessSandbox, world: World) -> None:
    """F07."""
    editor = Editor(sandbox, retries=3)
    editor.network.faults = ["rate-limit:0"] * 3
    changes = changes_of({"name": "tool z"})
    executor = Executor(
        editor.saver, world.app, [Step("r", "update", "tool", "Rename", world.ids["tool a"], changes=changes),
                                  *tool_steps(5)], pause=0,
    )  # fmt: skip
    await executor.run()
    assert executor.complete, executor.failed
    assert editor.network.sent_count == 6 + 3
    assert len(await tool_names(world)) == 8
    await editor.client.aclose()


async def test_no_step_is_started_while_drio_refuses_all_of_them(sandbox: InProcessSandbox, world: World) -> None:
    editor = Editor(sandbox)
    editor.network.faults = ["rate-limit:300"] * 99
    executor = Executor(editor.saver, world.app, tool_steps(30), pause=0)
    await executor.run()
    assert editor.network.sent_count <= 6
    assert len(executor.untried) >= 24
    assert not any(executor.state(result.step).maybe for result in executor.failed)
    await editor.client.aclose()


async def test_failed_step_keeps_only_its_dependents_from_running(world: World) -> None:
    executor = executor_of(world, whole_plan(), parallel=1)
    world.editor.network.refuse = [422]
    results = await executor.run()
    states = {step.id: executor.state(step).state for step in executor.steps}
    assert states.pop("create:auth") == "failed"
    assert set(states.values()) == {"skipped"}
    assert len(results) == 10
    assert executor.state(executor.steps[1]).why == "It needs this first: Create desk"
    await executor.run()
    assert executor.complete
    assert await created(world) == WHOLE_PLAN


def test_long_chain_of_skipped_steps_is_no_recursion() -> None:
    steps = [
        Step(f"{number}", "run", "tool", "Run", after=(f"{number - 1}",) if number else ()) for number in range(5000)
    ]
    state = PlanState()
    schedule = Schedule(steps, lambda step: state.step(step.id))
    first = schedule.next()
    assert first is steps[0]
    assert schedule.next() is None
    state.step("0").state = "failed"
    schedule.finished(first)
    assert len([*schedule.take_skipped()]) == 4999


async def test_question_after_a_failure_keeps_further_steps_from_starting(world: World) -> None:
    executor = executor_of(world, tool_steps(10), parallel=1)
    world.editor.network.refuse = [422, 422]
    asked: list[tuple[str, int]] = []

    async def answer(result: Result) -> Choice:
        asked.append((result.step.id, executor.left))
        return "continue" if len(asked) == 1 else "stop"

    await executor.run(on_failure=answer)
    assert asked == [("create:tool 0", 9), ("create:tool 1", 8)]
    assert len(executor.untried) == 8
    await executor.run(on_failure=answer)
    assert executor.complete


async def test_stop_finishes_the_running_steps(world: World) -> None:
    executor = executor_of(world, tool_steps(20))
    network = world.editor.network.inner = Counting(world.editor.network.inner, together=6)

    async def stop() -> None:
        executor.stop()

    world.editor.network.before = [stop]
    await executor.run()
    assert network.counts["POST"] == 6
    assert [executor.state(step).state for step in executor.steps] == ["done"] * 6 + ["todo"] * 14


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


async def test_no_further_step_is_started_when_drio_cannot_be_reached(world: World) -> None:
    executor = executor_of(world, tool_steps(30))
    await executor.run("create:tool 0")
    world.editor.network.offline = True
    await executor.run()
    assert len(executor.untried) == 30 - 1 - 6
    assert not any(executor.state(result.step).maybe for result in executor.failed)


async def test_update_with_base_keeps_changes_of_others_and_reports_conflicts(
    world: World, other_editor: Editor
) -> None:
    app, tool = world.app, world.ids["tool a"]
    base = await world.editor.raw(TOOL, app, tool)
    changes = changes_of({"description": "mine"})
    step = Step("describe", "update", "tool", "Describe", tool, changes=changes, base=base)
    await other_editor.client.update(TOOL, tool, {"name": "tool y"}, app=app)
    executor = executor_of(world, [step])
    await executor.run()
    assert executor.complete
    raw = await world.editor.raw(TOOL, app, tool)
    assert (raw["name"], raw["description"]) == ("tool y", "mine")
    await other_editor.client.update(TOOL, tool, {"description": "theirs"}, app=app)
    conflicting = replace(step, mark="2", changes=changes_of({"description": "mine again"}))
    executor = executor_of(world, [conflicting])
    await executor.run()
    (failed,) = executor.failed
    assert isinstance(failed.outcome, Conflicted)
    assert (await world.editor.raw(TOOL, app, tool))["description"] == "theirs"


async def test_done_update_is_sent_again_only_if_its_mark_differs(world: World) -> None:
    step = Step(
        "d", "update", "tool", "Describe", world.ids["tool a"], changes=changes_of({"description": "x"}), mark="1"
    )
    state = PlanState()
    await executor_of(world, [step], state).run()
    sent = len(world.editor.sent)
    await executor_of(world, [step], state).run()
    assert len(world.editor.sent) == sent
    await executor_of(world, [replace(step, mark="2", changes=changes_of({"description": "y"}))], state).run()
    assert len(world.editor.sent) == sent + 1


async def test_step_whose_secret_was_not_kept_says_so_and_sends_nothing(world: World) -> None:
    step = replace(create_tool("tool secret"), lost=("config.apiKey",))
    executor = executor_of(world, [step])
    await executor.run()
    assert "config.apiKey" in executor.failed[0].problem
    assert not world.editor.sent


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


async def test_operations_of_a_new_integration_are_not_listed(world: World) -> None:
    await executor_of(world, whole_plan()).run()
    exchanges = {exchange.number: exchange for exchange in world.editor.exchanges}
    listed = [exchange.path.rpartition("/")[2] for exchange in exchanges.values() if exchange.method == "GET"]
    assert "operations" not in listed
    assert {name: listed.count(name) for name in ("auth", "integrations", "tools", "widgets")} == {
        "auth": 1, "integrations": 1, "tools": 1, "widgets": 1,
    }  # fmt: skip


async def test_plan_can_create_the_app_itself_and_go_on_in_it(world: World) -> None:
    app = Step("create:app", "create", "app", "Create it", "ref:app", body={"name": "New", "templateId": "blank"})
    tools = [replace(step, after=("create:app",)) for step in tool_steps(2)]
    state = PlanState()
    first = Executor(world.editor.saver, "", [app, *tools], state, pause=0)
    await first.run("create:app")
    assert [first.state(step).state for step in first.steps] == ["done", "todo", "todo"]
    second = Executor(world.editor.saver, "", [app, *tools], state, pause=0, group=first.group)
    assert second.app == state.steps["create:app"].made
    await second.run()
    assert second.complete
    names = [tool["name"] for tool in (await world.editor.client.list(TOOL, app=second.app)).items]
    assert {"tool 0", "tool 1"} <= set(names)


async def test_references_that_drio_rejects_are_left_out_of_a_copy(world: World) -> None:
    step = replace(create_tool("tool x"), body={"name": "tool x", "nextToolIds": ["gone"]}, drops_rejected=True)
    executor = executor_of(world, [step, replace(step, id="strict", ref="", drops_rejected=False)])
    await executor.run()
    kept, strict = executor.results
    assert kept is not None
    assert kept.ok
    assert kept.left_out == ("a tool of the chain",)
    assert strict is not None
    assert not strict.ok
    assert await tool_names(world, "tool x") == ["tool x"]


async def test_step_that_follows_another_runs_after_it_whether_that_was_done_or_not(world: World) -> None:
    first, second = tool_steps(2)
    executor = executor_of(world, [replace(second, follows=(first.id,)), first])
    world.editor.network.refuse = [422]
    results = await executor.run()
    assert [(result.step.id, result.ok) for result in results] == [(first.id, False), (second.id, True)]


async def test_delete_of_what_does_not_exist_is_done(world: World) -> None:
    steps = [Step("a", "delete", "tool", "Delete", "ref:gone"), Step("b", "delete", "tool", "Delete", "tool_gone")]
    executor = executor_of(world, steps, ids={"ref:gone": ""})
    await executor.run()
    assert executor.complete
    assert not world.editor.sent


async def test_update_sends_again_what_is_unchanged_if_the_step_says_so(world: World) -> None:
    step = Step("rebind", "update", "tool", "Rebind", world.ids["tool a"], again=("binding",))
    executor = executor_of(world, [step])
    await executor.run()
    assert executor.complete
    assert [(method, path) for method, path, _ in world.editor.sent] == [("PUT", "binding")]


async def test_step_that_is_saved_when_the_user_stops_is_not_sent(world: World) -> None:
    async def save() -> None:
        executor.stop(cancel=True)

    executor = executor_of(world, tool_steps(3), save=save)
    await executor.run()
    assert not world.editor.sent
    assert not any(executor.state(step).maybe for step in executor.steps)


async def test_reference_to_a_resource_that_was_not_created_fails_without_a_request(world: World) -> None:
    step = replace(create_tool("tool x"), body={"name": "tool x", "nextToolIds": ["ref:missing"]})
    executor = executor_of(world, [step], ids={"ref:missing": ""})
    await executor.run()
    assert executor.failed[0].problem == "What it refers to is not there: ref:missing"
    assert not world.editor.sent


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


async def test_stop_ends_a_wait_that_drio_asked_for(sandbox: InProcessSandbox, world: World) -> None:
    """F07."""
    editor = Editor(sandbox, retries=3)
    editor.network.faults = ["rate-limit:50"] * 9

    def stop_when_waiting() -> None:
        if executor.backoff.seconds_left:
            executor.stop()

    executor = Executor(editor.saver, world.app, tool_steps(12), on_change=stop_when_waiting, pause=0)
    await asyncio.wait_for(executor.run(), 30)
    assert executor.failed
    assert editor.network.sent_count <= 6
    assert not any(executor.state(step).maybe for step in executor.steps)
    assert len(await tool_names(world)) == 3
    await editor.client.aclose()


async def test_time_left_is_estimated_without_the_time_in_which_the_user_is_asked(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [100.0]
    monkeypatch.setattr("drio_tui.plan.executor.time", SimpleNamespace(monotonic=lambda: clock[0]))
    broken = create_tool("broken")
    broken.body["name"] = 7
    executor = executor_of(world, [broken, *tool_steps(9)], parallel=1)
    estimates: list[float | None] = []

    def add_time(_: Result) -> None:
        clock[0] += 2
        estimates.append(executor.seconds_left())

    async def ask(_: Result) -> Choice:
        clock[0] += 1000
        return "continue"

    await executor.run(on_result=add_time, on_failure=ask)
    assert estimates == [None] * 4 + [10, 8, 6, 4, 2, 0]
    assert executor.seconds_left() is None
