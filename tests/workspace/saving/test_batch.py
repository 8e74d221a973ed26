"""Deleting with everything that refers to it, copying, switching and doing many at once, against the sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from drio_tui.api.errors import UsageError
from drio_tui.kinds import APP, AUTH, INTEGRATION, KINDS, OPERATION, TOOL, WIDGET
from drio_tui.workspace.model.loader import load_app
from drio_tui.workspace.model.references import Links
from drio_tui.workspace.model.snapshot import Snapshot
from drio_tui.workspace.saving.batch import Choice, Result, can_be_switched, enable_all, set_enabled
from drio_tui.workspace.saving.delete_plan import blast_radius, plan_delete, rule_of
from drio_tui.workspace.saving.duplicate import copy_name, duplicate, made_id, needs, why_not_copied
from drio_tui.workspace.saving.save_result import Changed, Saved
from drio_tui.workspace.saving.undo import undo_last
from tests.workspace.saving_world import Editor, World
from tests.workspace.small_app import small_config, snapshot_of

pytest.importorskip("fastapi", reason="the sandbox extra is not installed")

if TYPE_CHECKING:
    from tests.sandbox_fixtures import InProcess


async def loaded(world: World) -> tuple[Snapshot, Links]:
    snapshot = Snapshot(world.app)
    await load_app(world.one.client, world.app, snapshot.apply)
    return snapshot, Links(snapshot)


async def ids_there(world: World) -> set[str]:
    config = await world.one.client.config(world.app)
    return {resource["id"] for part in config.values() if isinstance(part, list) for resource in part}


def test_what_a_holder_becomes_follows_from_the_kinds() -> None:
    rules = {(kind.name, each.path): rule_of(kind, each) for kind in KINDS.values() for each in kind.references}
    assert rules == {
        ("integration", "authId"): "detach",
        ("operation", "integrationId"): "goes too",
        ("tool", "binding.integrationOperationId"): "detach",
        ("tool", "nextToolIds[]"): "detach",
        ("tool", "widgetId"): "cleared",
        ("widget", "toolId"): "goes too",
        ("widget", "actions[].targetToolId"): "detach",
    }


async def test_the_blast_radius_names_everything_that_refers_to_it_nearest_first(world: World) -> None:
    snapshot, links = await loaded(world)
    hits = blast_radius(snapshot, links, [("auth", world.ids["auth"])])
    assert [(hit.name, hit.distance) for hit in hits] == [
        ("integration", 1), ("operation", 2), ("tool a", 3), ("widget", 4),
    ]  # fmt: skip
    assert hits[2].via[0].path == "binding.integrationOperationId"


@pytest.mark.parametrize("cascade", [True, False])
@pytest.mark.parametrize("name", ["auth", "integration", "operation", "tool a", "tool b", "tool c", "widget"])
async def test_every_resource_can_be_deleted_either_way_and_one_undo_brings_all_of_it_back(
    world: World, name: str, cascade: bool
) -> None:
    key = ({"tool a": "tool", "tool b": "tool", "tool c": "tool"}.get(name, name), world.ids[name])
    snapshot, links = await loaded(world)
    before = len(await ids_there(world))
    plan = plan_delete(snapshot, links, [key], cascade=cascade)
    batch = plan.batch(world.one.saver, world.app)
    await batch.run()
    assert batch.done, [(result.task.about, result.problem) for result in batch.failed]
    assert not {step.key[1] for step in plan.deleted} & await ids_there(world)
    assert len(await ids_there(world)) == before - len(plan.deleted)
    if not cascade:
        assert {step.key[0] for step in plan.along} <= {"operation", "widget"}
    steps = await undo_last(world.one.saver, world.app)
    assert all(step.ok for step in steps), [(step.entry.what, step.entry.name, step.problem) for step in steps]
    assert len(await ids_there(world)) == before
    after, _ = await loaded(world)
    assert not list(Links(after).broken())
    assert sorted(_shape(after)) == sorted(_shape(snapshot))


def _shape(snapshot: Snapshot) -> list[tuple[str, str, str]]:
    """Who refers to whom, by name."""
    links = Links(snapshot)
    return [
        (resource.name, link.path, getattr(snapshot.at(link.target), "name", ""))
        for resource in snapshot
        for link in links.uses(resource.key)
    ]


async def test_detaching_leaves_everything_else_of_the_holder_alone(world: World) -> None:
    snapshot, links = await loaded(world)
    plan = plan_delete(snapshot, links, [("tool", world.ids["tool b"])])
    assert [step.about for step in plan.steps] == [
        "Take tool b out of the chain of the tool tool a",
        "Take tool b out of the actions of the widget widget",
        "Delete the tool tool b",
    ]
    link = {"trigger": "button.click", "type": "openUrl", "template": "https://example.com"}
    widget = await world.one.raw(WIDGET, world.app, world.ids["widget"])
    await world.one.client.set_actions(world.app, widget["id"], [*widget["actions"], link])
    await world.one.client.set_chain(world.app, world.ids["tool a"], [world.ids["tool c"], world.ids["tool b"]])
    batch = plan.batch(world.one.saver, world.app)
    await batch.run()
    assert batch.done
    assert (await world.one.raw(TOOL, world.app, world.ids["tool a"]))["nextToolIds"] == [world.ids["tool c"]]
    (left,) = (await world.one.raw(WIDGET, world.app, world.ids["widget"]))["actions"]
    assert left["type"] == "openUrl"


async def test_what_others_changed_since_the_plan_was_shown_is_not_deleted(world: World) -> None:
    snapshot, links = await loaded(world)
    batch = plan_delete(snapshot, links, [("tool", world.ids["tool b"])]).batch(world.one.saver, world.app)
    await world.one.client.update(TOOL, world.ids["tool b"], {"description": "precious"}, app=world.app)
    await batch.run()
    (failed,) = batch.failed
    assert isinstance(failed.outcome, Changed)
    assert world.ids["tool b"] in await ids_there(world)


def test_chains_in_a_circle_are_opened_before_their_tools_go() -> None:
    config = small_config()
    config["tools"][1]["nextToolIds"] = ["tool_1"]
    snapshot = snapshot_of(config)
    plan = plan_delete(snapshot, Links(snapshot), [("tool", "tool_1"), ("tool", "tool_2")])
    gone: set[str] = set()
    chains = {"tool_1": {"tool_2"}, "tool_2": {"tool_1"}}
    for step in plan.steps:
        if step.verb == "detach":
            chains[step.key[1]] -= step.targets
        else:
            gone.add(step.key[1])
            holders = [tool for tool, after in chains.items() if step.key[1] in after and tool not in gone]
            assert not holders, step.about
    assert gone == {"tool_1", "tool_2", "widget_1"}


def test_an_app_and_a_resource_without_an_id_cannot_be_planned_away() -> None:
    config = small_config()
    config["tools"].append({"name": "no id"})
    snapshot = snapshot_of(config)
    with pytest.raises(UsageError, match="no way to delete an app"):
        plan_delete(snapshot, Links(snapshot), [("app", "app_1")])
    with pytest.raises(UsageError, match="no id"):
        plan_delete(snapshot, Links(snapshot), [("tool", "#3")])


async def test_item_seven_of_twenty_fails_and_only_that_is_retried(world: World) -> None:
    """F38."""
    for number in range(20):
        await world.one.client.create(TOOL, {"name": f"many {number}"}, app=world.app)
    snapshot, _ = await loaded(world)
    resources = [resource for resource in snapshot.resources("tool") if resource.name.startswith("many")]
    batch = enable_all(world.one.saver, world.app, resources, False)
    told: list[Result] = []

    def watch(result: Result) -> None:
        told.append(result)
        if len(told) == 6:
            world.one.network.lose = {"PATCH": "request"}

    await batch.run(on_result=watch)
    assert [result.task.about for result in batch.failed] == [f"Disable {resources[6].name}"]
    assert batch.failed[0].problem
    assert len(told) == 20
    sent = len(world.one.sent)
    again = await batch.run()
    assert [result.ok for result in again] == [True]
    assert len(world.one.sent) == sent + 1
    assert batch.done
    after, _ = await loaded(world)
    assert [resource.get("isEnabled") for resource in after.resources("tool") if resource.name.startswith("many")] == [
        False
    ] * 20
    steps = await undo_last(world.one.saver, world.app)
    assert len(steps) == 20
    assert all(step.ok for step in steps)


async def test_a_person_can_stop_at_a_failure_and_the_rest_is_untried(world: World) -> None:
    snapshot, _ = await loaded(world)
    resources = [resource for resource in snapshot.resources("tool") if resource.name.startswith("tool ")]
    batch = enable_all(world.one.saver, world.app, resources, False)
    world.one.network.lose = {"PATCH": "request"}

    async def stop(result: Result) -> Choice:
        return "stop"

    await batch.run(on_failure=stop)
    assert (len(batch.failed), len(batch.untried)) == (1, 2)
    await batch.run(on_failure=stop)
    assert batch.done


async def test_a_step_whose_ground_is_missing_is_passed_over(world: World) -> None:
    snapshot, links = await loaded(world)
    batch = plan_delete(snapshot, links, [("auth", world.ids["auth"])], cascade=True).batch(world.one.saver, world.app)
    world.one.network.lose = {"DELETE": "request"}
    await batch.run()
    assert [result.problem.partition(":")[0] for result in batch.failed[1:]] == ["It needs this first"] * 4
    await batch.run()
    assert batch.done


async def test_switching_keeps_what_others_do_at_the_same_time(world: World) -> None:
    assert [kind.name for kind in KINDS.values() if can_be_switched(kind)] == ["app", "tool"]
    off = await set_enabled(world.one.saver, TOOL, world.app, world.ids["tool a"], False)
    assert isinstance(off, Saved)
    assert world.one.sent[-1][2] == {"isEnabled": False}
    app_off = await set_enabled(world.one.saver, APP, world.app, world.app, False)
    assert isinstance(app_off, Saved)
    assert app_off.raw["isEnabled"] is False


async def test_a_copy_has_a_name_and_key_of_its_own_and_everything_else(world: World) -> None:
    app, ids = world.app, world.ids
    await world.one.client.update(TOOL, ids["tool a"], {"x-odd": {"deep": [1]}}, app=app)
    raw = await world.one.raw(TOOL, app, ids["tool a"])
    for name, key in (("tool a copy", "tool-a-copy"), ("tool a copy 2", "tool-a-copy-2")):
        copy = await duplicate(world.one.saver, TOOL, app, raw)
        assert isinstance(copy.outcome, Saved), copy
        made = copy.outcome.raw
        assert (made["name"], made["key"], made["widgetId"]) == (name, key, None)
        assert made["nextToolIds"] == raw["nextToolIds"]
        assert made["binding"]["integrationOperationId"] == ids["operation"]
        assert made["x-odd"] == {"deep": [1]}
    assert (await world.one.raw(TOOL, app, ids["tool a"]))["widgetId"] == ids["widget"]


async def test_an_integration_is_copied_with_its_operations_and_one_undo_takes_all_back(world: World) -> None:
    app, ids = world.app, world.ids
    before = await ids_there(world)
    copy = await duplicate(world.one.saver, INTEGRATION, app, await world.one.raw(INTEGRATION, app, ids["integration"]))
    assert copy.ok
    (inside,) = copy.inside
    operation = await world.one.raw(OPERATION, app, made_id(inside.outcome))
    assert (operation["integrationId"], operation["path"]) == (made_id(copy.outcome), "/search")
    assert all(step.ok for step in await undo_last(world.one.saver, app))
    assert await ids_there(world) == before


async def test_a_copied_connection_says_that_its_secret_was_left_out(world: World) -> None:
    config: dict[str, Any] = {"headerName": "X-Key", "apiKey": "hush-hush"}
    body = {"name": "Keyed", "providerKey": "api-key", "config": config}
    raw = (await world.one.client.create(AUTH, body, app=world.app)).raw
    copy = await duplicate(world.one.saver, AUTH, world.app, raw)
    assert isinstance(copy.outcome, Saved)
    assert copy.left_out == ("the secret",)
    assert (copy.outcome.raw["status"], copy.outcome.raw["config"]["headerName"]) == ("pending", "X-Key")


async def test_a_copied_widget_goes_to_the_tool_that_was_chosen(world: World) -> None:
    app, ids = world.app, world.ids
    assert needs(WIDGET) == ("toolId",)
    raw = await world.one.raw(WIDGET, app, ids["widget"])
    copy = await duplicate(world.one.saver, WIDGET, app, raw, changed={"toolId": ids["tool c"]})
    assert isinstance(copy.outcome, Saved)
    assert copy.outcome.raw["actions"] == raw["actions"]
    assert (await world.one.raw(TOOL, app, ids["tool a"]))["widgetId"] == ids["widget"]
    assert (await world.one.raw(TOOL, app, ids["tool c"]))["widgetId"] == copy.outcome.id


def test_copies_are_named_within_the_length_of_a_name() -> None:
    assert copy_name("n" * 200, []) == "n" * 195 + " copy"
    assert copy_name("a", ["a copy", "a copy 2"]) == "a copy 3"
    assert why_not_copied(APP)
    assert why_not_copied(TOOL) is None


async def test_one_editor_of_many_sees_the_plan_grow_stale_as_a_refusal(world: World, sandbox: InProcess) -> None:
    snapshot, links = await loaded(world)
    batch = plan_delete(snapshot, links, [("tool", world.ids["tool c"])]).batch(world.one.saver, world.app)
    other = Editor(sandbox, "other")
    await other.client.set_chain(world.app, world.ids["tool a"], [world.ids["tool c"]])
    await batch.run()
    (failed,) = batch.failed
    assert "still referred to" in failed.problem
    await other.client.aclose()
