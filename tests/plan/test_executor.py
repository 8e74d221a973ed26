"""Carrying out steps: concurrently, in the order of their dependencies, and each once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from drio_tui.kinds import TOOL
from drio_tui.plan.executor import Choice, Executor, Result
from drio_tui.plan.schedule import Schedule
from drio_tui.plan.state import PlanState
from drio_tui.plan.steps import Step, changes_of
from drio_tui.plan.undo import undo_last
from drio_tui.workspace.saving.save_result import Conflicted
from tests.plan.conftest import (
    WHOLE_PLAN,
    Counting,
    create_tool,
    created,
    executor_of,
    tool_names,
    tool_steps,
    whole_plan,
)
from tests.workspace.saving_world import Editor, World

pytest.importorskip("fastapi", reason="the sandbox extra is not installed")

if TYPE_CHECKING:
    from tests.sandbox_fixtures import InProcessSandbox


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
    assert executor.counts == (0, 10)
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
