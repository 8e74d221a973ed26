"""Delete plans, copies, and enabling, against the sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from drio_tui.api.errors import UsageError
from drio_tui.kinds import APP, AUTH, INTEGRATION, KINDS, OPERATION, TOOL, WIDGET
from drio_tui.plan.bulk import enable_all
from drio_tui.plan.deletion import find_dependents, plan_delete, rule_of
from drio_tui.plan.duplicate import copy_name, duplicate
from drio_tui.plan.executor import Choice, Executor, Result
from drio_tui.plan.rejected_references import id_of_created
from drio_tui.plan.undo import undo_last
from drio_tui.workspace.model.loader import load_app
from drio_tui.workspace.model.references import Links
from drio_tui.workspace.model.snapshot import Snapshot
from drio_tui.workspace.saving.save_result import ChangedMeanwhile, Saved
from tests.workspace.saving_world import Editor, World
from tests.workspace.small_app import small_config, snapshot_of

pytest.importorskip("fastapi", reason="the sandbox extra is not installed")

if TYPE_CHECKING:
    from tests.sandbox_fixtures import InProcessSandbox


async def loaded(world: World) -> tuple[Snapshot, Links]:
    snapshot = Snapshot(world.app)
    await load_app(world.editor.client, world.app, snapshot.apply)
    return snapshot, Links(snapshot)


async def existing_ids(world: World) -> set[str]:
    config = await world.editor.client.config(world.app)
    return {resource["id"] for part in config.values() if isinstance(part, list) for resource in part}


def test_rule_for_each_reference_is_derived_from_the_kinds() -> None:
    rules = {
        (kind.name, reference.path): rule_of(kind, reference)
        for kind in KINDS.values()
        for reference in kind.references
    }
    assert rules == {
        ("integration", "authId"): "detached",
        ("operation", "integrationId"): "deleted",
        ("tool", "binding.integrationOperationId"): "detached",
        ("tool", "nextToolIds[]"): "detached",
        ("tool", "widgetId"): "cleared",
        ("widget", "toolId"): "deleted",
        ("widget", "actions[].targetToolId"): "detached",
    }


async def test_dependents_are_listed_by_distance(world: World) -> None:
    snapshot, links = await loaded(world)
    dependents = find_dependents(snapshot, links, [("auth", world.ids["auth"])])
    assert [(dependent.name, dependent.distance) for dependent in dependents] == [
        ("integration", 1), ("operation", 2), ("tool a", 3), ("widget", 4),
    ]  # fmt: skip
    assert dependents[2].via[0].path == "binding.integrationOperationId"


@pytest.mark.parametrize("cascade", [True, False])
@pytest.mark.parametrize("name", ["auth", "integration", "operation", "tool a", "tool b", "tool c", "widget"])
async def test_every_resource_can_be_deleted_and_restored_by_one_undo(world: World, name: str, cascade: bool) -> None:
    key = ({"tool a": "tool", "tool b": "tool", "tool c": "tool"}.get(name, name), world.ids[name])
    snapshot, links = await loaded(world)
    before = len(await existing_ids(world))
    plan = plan_delete(snapshot, links, [key], cascade=cascade)
    batch = Executor(world.editor.saver, world.app, plan.steps)
    await batch.run()
    assert batch.done, [(result.step.about, result.problem) for result in batch.failed]
    assert not {step.key[1] for step in plan.deleted} & await existing_ids(world)
    assert len(await existing_ids(world)) == before - len(plan.deleted)
    if not cascade:
        assert {step.key[0] for step in plan.also_deleted} <= {"operation", "widget"}
    steps = await undo_last(world.editor.saver, world.app)
    assert all(step.ok for step in steps), [(step.entry.what, step.entry.name, step.problem) for step in steps]
    assert len(await existing_ids(world)) == before
    after, _ = await loaded(world)
    assert not list(Links(after).broken())
    assert sorted(_references(after)) == sorted(_references(snapshot))


def _references(snapshot: Snapshot) -> list[tuple[str, str, str]]:
    """Return the references of a snapshot: names of source and target, and the path."""
    links = Links(snapshot)
    return [
        (resource.name, link.path, getattr(snapshot.at(link.target), "name", ""))
        for resource in snapshot
        for link in links.uses(resource.key)
    ]


async def test_detach_keeps_concurrent_changes_of_the_dependent(world: World) -> None:
    snapshot, links = await loaded(world)
    plan = plan_delete(snapshot, links, [("tool", world.ids["tool b"])])
    assert [step.about for step in plan.steps] == [
        "Take tool b out of the chain of the tool tool a",
        "Take tool b out of the actions of the widget widget",
        "Delete the tool tool b",
    ]
    link = {"trigger": "button.click", "type": "openUrl", "template": "https://example.com"}
    widget = await world.editor.raw(WIDGET, world.app, world.ids["widget"])
    await world.editor.client.set_actions(world.app, widget["id"], [*widget["actions"], link])
    await world.editor.client.set_chain(world.app, world.ids["tool a"], [world.ids["tool c"], world.ids["tool b"]])
    batch = Executor(world.editor.saver, world.app, plan.steps)
    await batch.run()
    assert batch.done
    assert (await world.editor.raw(TOOL, world.app, world.ids["tool a"]))["nextToolIds"] == [world.ids["tool c"]]
    (remaining,) = (await world.editor.raw(WIDGET, world.app, world.ids["widget"]))["actions"]
    assert remaining["type"] == "openUrl"


async def test_resource_changed_since_the_plan_was_shown_is_not_deleted(world: World) -> None:
    snapshot, links = await loaded(world)
    plan = plan_delete(snapshot, links, [("tool", world.ids["tool b"])])
    batch = Executor(world.editor.saver, world.app, plan.steps)
    await world.editor.client.update(TOOL, world.ids["tool b"], {"description": "precious"}, app=world.app)
    await batch.run()
    (failed,) = batch.failed
    assert isinstance(failed.outcome, ChangedMeanwhile)
    assert world.ids["tool b"] in await existing_ids(world)


def test_chain_cycles_are_broken_before_their_tools_are_deleted() -> None:
    config = small_config()
    config["tools"][1]["nextToolIds"] = ["tool_1"]
    snapshot = snapshot_of(config)
    plan = plan_delete(snapshot, Links(snapshot), [("tool", "tool_1"), ("tool", "tool_2")])
    deleted: set[str] = set()
    chains = {"tool_1": {"tool_2"}, "tool_2": {"tool_1"}}
    for step in plan.steps:
        if step.verb == "detach":
            chains[step.key[1]] -= step.targets
        else:
            deleted.add(step.key[1])
            referrers = [tool for tool, targets in chains.items() if step.key[1] in targets and tool not in deleted]
            assert not referrers, step.about
    assert deleted == {"tool_1", "tool_2", "widget_1"}


def test_deleting_an_app_or_a_resource_without_id_raises_usage_error() -> None:
    config = small_config()
    config["tools"].append({"name": "no id"})
    snapshot = snapshot_of(config)
    with pytest.raises(UsageError, match="no way to delete an app"):
        plan_delete(snapshot, Links(snapshot), [("app", "app_1")])
    with pytest.raises(UsageError, match="no id"):
        plan_delete(snapshot, Links(snapshot), [("tool", "#3")])


async def test_only_the_failed_task_of_a_batch_is_retried(world: World) -> None:
    """F38."""
    for number in range(20):
        await world.editor.client.create(TOOL, {"name": f"many {number}"}, app=world.app)
    snapshot, _ = await loaded(world)
    resources = [resource for resource in snapshot.resources("tool") if resource.name.startswith("many")]
    batch = Executor(world.editor.saver, world.app, enable_all(resources, False), parallel=1)
    results: list[Result] = []

    def lose_next_request(result: Result) -> None:
        results.append(result)
        if len(results) == 6:
            world.editor.network.lose = {"PATCH": "request"}

    await batch.run(on_result=lose_next_request)
    assert [result.step.about for result in batch.failed] == [f"Disable {resources[6].name}"]
    assert batch.failed[0].problem
    assert len(results) == 20
    sent = len(world.editor.sent)
    retried = await batch.run()
    assert [result.ok for result in retried] == [True]
    assert len(world.editor.sent) == sent + 1
    assert batch.done
    after, _ = await loaded(world)
    assert [resource.get("isEnabled") for resource in after.resources("tool") if resource.name.startswith("many")] == [
        False
    ] * 20
    steps = await undo_last(world.editor.saver, world.app)
    assert len(steps) == 20
    assert all(step.ok for step in steps)


async def test_batch_stopped_after_a_failure_leaves_the_rest_untried(world: World) -> None:
    snapshot, _ = await loaded(world)
    resources = [resource for resource in snapshot.resources("tool") if resource.name.startswith("tool ")]
    batch = Executor(world.editor.saver, world.app, enable_all(resources, False), parallel=1)
    world.editor.network.lose = {"PATCH": "request"}

    async def stop(result: Result) -> Choice:
        return "stop"

    await batch.run(on_failure=stop)
    assert (len(batch.failed), len(batch.untried)) == (1, 2)
    await batch.run(on_failure=stop)
    assert batch.done


async def test_task_is_skipped_if_a_task_it_depends_on_failed(world: World) -> None:
    snapshot, links = await loaded(world)
    plan = plan_delete(snapshot, links, [("auth", world.ids["auth"])], cascade=True)
    batch = Executor(world.editor.saver, world.app, plan.steps)
    world.editor.network.lose = {"DELETE": "request"}
    await batch.run()
    assert [result.problem.partition(":")[0] for result in batch.failed[1:]] == ["It needs this first"] * 4
    await batch.run()
    assert batch.done


async def test_disabling_sends_only_is_enabled(world: World) -> None:
    patched = {kind.name: kind.patch_model for kind in KINDS.values()}
    switchable = [name for name, model in patched.items() if model is not None and "is_enabled" in model.model_fields]
    assert [kind.name for kind in KINDS.values() if kind.switchable] == switchable == ["app", "tool"]
    tool_outcome = await world.editor.saver.change(
        TOOL, world.app, world.ids["tool a"], lambda raw: {**raw, "isEnabled": False}
    )
    assert isinstance(tool_outcome, Saved)
    assert world.editor.sent[-1][2] == {"isEnabled": False}
    app_outcome = await world.editor.saver.change(APP, world.app, world.app, lambda raw: {**raw, "isEnabled": False})
    assert isinstance(app_outcome, Saved)
    assert app_outcome.raw["isEnabled"] is False


async def test_copy_has_new_name_and_key_and_all_other_properties(world: World) -> None:
    app, ids = world.app, world.ids
    await world.editor.client.update(TOOL, ids["tool a"], {"x-odd": {"deep": [1]}}, app=app)
    raw = await world.editor.raw(TOOL, app, ids["tool a"])
    for name, key in (("tool a copy", "tool-a-copy"), ("tool a copy 2", "tool-a-copy-2")):
        copy = await duplicate(world.editor.saver, TOOL, app, raw)
        assert isinstance(copy.outcome, Saved), copy
        copied = copy.outcome.raw
        assert (copied["name"], copied["key"], copied["widgetId"]) == (name, key, None)
        assert copied["nextToolIds"] == raw["nextToolIds"]
        assert copied["binding"]["integrationOperationId"] == ids["operation"]
        assert copied["x-odd"] == {"deep": [1]}
    assert (await world.editor.raw(TOOL, app, ids["tool a"]))["widgetId"] == ids["widget"]


async def test_integration_is_copied_with_its_operations_and_undone_at_once(world: World) -> None:
    app, ids = world.app, world.ids
    before = await existing_ids(world)
    copy = await duplicate(
        world.editor.saver, INTEGRATION, app, await world.editor.raw(INTEGRATION, app, ids["integration"])
    )
    assert copy.ok
    (inside,) = copy.inside
    operation = await world.editor.raw(OPERATION, app, id_of_created(inside.outcome))
    assert (operation["integrationId"], operation["path"]) == (id_of_created(copy.outcome), "/search")
    assert all(step.ok for step in await undo_last(world.editor.saver, app))
    assert await existing_ids(world) == before


async def test_copy_of_auth_connection_reports_the_missing_secret(world: World) -> None:
    config: dict[str, Any] = {"headerName": "X-Key", "apiKey": "hush-hush"}
    body = {"name": "Keyed", "providerKey": "api-key", "config": config}
    raw = (await world.editor.client.create(AUTH, body, app=world.app)).raw
    copy = await duplicate(world.editor.saver, AUTH, world.app, raw)
    assert isinstance(copy.outcome, Saved)
    assert copy.left_out == ("the secret",)
    assert (copy.outcome.raw["status"], copy.outcome.raw["config"]["headerName"]) == ("pending", "X-Key")


async def test_copied_widget_belongs_to_the_chosen_tool(world: World) -> None:
    app, ids = world.app, world.ids
    raw = await world.editor.raw(WIDGET, app, ids["widget"])
    copy = await duplicate(world.editor.saver, WIDGET, app, raw, changed={"toolId": ids["tool c"]})
    assert isinstance(copy.outcome, Saved)
    assert copy.outcome.raw["actions"] == raw["actions"]
    assert (await world.editor.raw(TOOL, app, ids["tool a"]))["widgetId"] == ids["widget"]
    assert (await world.editor.raw(TOOL, app, ids["tool c"]))["widgetId"] == copy.outcome.id


def test_copy_names_are_cut_to_the_maximum_length() -> None:
    assert copy_name("n" * 200, []) == "n" * 195 + " copy"
    assert copy_name("a", ["a copy", "a copy 2"]) == "a copy 3"


async def test_delete_fails_if_another_user_added_a_reference_meanwhile(
    world: World, sandbox: InProcessSandbox
) -> None:
    snapshot, links = await loaded(world)
    plan = plan_delete(snapshot, links, [("tool", world.ids["tool c"])])
    batch = Executor(world.editor.saver, world.app, plan.steps)
    other_editor = Editor(sandbox, "other")
    await other_editor.client.set_chain(world.app, world.ids["tool a"], [world.ids["tool c"]])
    await batch.run()
    (failed,) = batch.failed
    assert "still referred to" in failed.problem
    await other_editor.client.aclose()
