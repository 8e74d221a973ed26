"""Undo: every kind of change comes back, also in a new process, and never over somebody else's work."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, Any

import pytest

from drio_tui.api import json_codec
from drio_tui.api.resource_type import Item
from drio_tui.kinds import APP, AUTH, INTEGRATION, KINDS, OPERATION, TOOL, WIDGET, Kind
from drio_tui.ui.editing.history_screen import told
from drio_tui.workspace.model.loader import load_app
from drio_tui.workspace.model.references import Links
from drio_tui.workspace.model.snapshot import Snapshot
from drio_tui.workspace.saving.delete_plan import plan_delete
from drio_tui.workspace.saving.save_result import Changed, Conflicted, Deleted, Edit, Saved
from drio_tui.workspace.saving.saver import Saver
from drio_tui.workspace.saving.undo import can_undo, notes, undo, undo_last
from tests.workspace.saving_world import Editor, World

pytest.importorskip("fastapi", reason="the sandbox extra is not installed")

if TYPE_CHECKING:
    from tests.sandbox_fixtures import InProcess


def restarted(world: World) -> Saver:
    """A saver as the next start of the program makes it: all that it knows of the past is in the file."""
    return Saver(world.one.client, world.one.journal)


async def everything(editor: Editor, app: str) -> dict[str, Any]:
    return await editor.client.config(app)


async def test_updates_come_back_in_reverse_order_after_a_restart(world: World) -> None:
    app, ids = world.app, world.ids
    before = await everything(world.one, app)
    for kind, name, change in (
        (APP, "app", {"description": "x", "branding": {"accentColor": "#000000"}}),
        (INTEGRATION, "integration", {"name": "x", "authId": None}),
        (TOOL, "tool a", {"binding": None}),  # before its operation changes: binding again takes the hash of the day
        (OPERATION, "operation", {"path": "/other"}),
        (TOOL, "tool a", {"description": None, "isEnabled": False, "nextToolIds": [ids["tool c"], ids["tool b"]]}),
        (WIDGET, "widget", {"visibility": "hidden", "actions": []}),
    ):
        outcome = await world.one.saver.save(await world.one.edit(kind, app, ids[name], **change))
        assert isinstance(outcome, Saved), outcome
    saver = restarted(world)
    for _ in range(6):
        steps = await undo_last(saver, app)
        assert steps
        assert all(step.ok for step in steps), [step.problem for step in steps]
    assert await undo_last(saver, app) == []
    assert await everything(world.one, app) == before


async def test_a_created_resource_is_deleted_by_undo_and_made_again_by_undoing_that(world: World) -> None:
    app = world.app
    made = await world.one.saver.create(TOOL, app, {"name": "New", "description": "fresh"})
    assert isinstance(made, Saved)
    (step,) = await undo_last(restarted(world), app)
    assert isinstance(step.outcome, Deleted)
    assert await world.one.saver.now(TOOL, app, made.id) is None
    history = world.one.journal(app).read()
    (again,) = await undo(world.one.saver, app, history.entries[-1])
    assert isinstance(again.outcome, Saved)
    assert again.outcome.raw["description"] == "fresh"
    assert not world.one.journal(app).read().undone(history.entries[0])


async def test_a_deleted_widget_comes_back_to_its_tool_with_mappings_and_actions(world: World) -> None:
    app, ids = world.app, world.ids
    odd = {"config": {"fieldMappings": {"rows": "$.r"}}, "x-odd": [1]}
    await world.one.client.update(WIDGET, ids["widget"], odd, app=app)
    before = await world.one.raw(WIDGET, app, ids["widget"])
    assert isinstance(
        await world.one.saver.delete(WIDGET, app, ids["widget"], links=[("tool", ids["tool a"], "widgetId")]), Deleted
    )
    (step,) = await undo_last(restarted(world), app)
    assert isinstance(step.outcome, Saved), step.problem
    assert step.outcome.raw == {**before, "id": step.outcome.id}
    assert (await world.one.raw(TOOL, app, ids["tool a"]))["widgetId"] == step.outcome.id
    assert "It will have a new id" in step.notes


async def test_a_whole_branch_comes_back_with_every_reference_remapped(world: World) -> None:
    """Widget, tools, operation, integration and auth are taken apart and deleted, then undone after a restart."""
    app, ids, saver = world.app, world.ids, world.one.saver
    before = await everything(world.one, app)
    group = "one-intent"
    assert isinstance(await saver.delete(WIDGET, app, ids["widget"], group=group), Deleted)
    assert isinstance(
        await saver.save(await world.one.edit(TOOL, app, ids["tool a"], nextToolIds=[]), group=group), Saved
    )
    assert isinstance(await saver.delete(TOOL, app, ids["tool b"], group=group), Deleted)
    order: list[tuple[Kind[Any], str]] = [
        (TOOL, "tool a"),
        (OPERATION, "operation"),
        (INTEGRATION, "integration"),
        (AUTH, "auth"),
    ]
    for kind, name in order:
        assert isinstance(await saver.delete(kind, app, ids[name], group=group), Deleted), name
    steps = await undo_last(restarted(world), app)
    assert len(steps) == 7
    assert all(step.ok for step in steps), [(step.entry.name, step.problem) for step in steps]
    history = world.one.journal(app).read()
    assert _renamed(await everything(world.one, app), {history.current(id): id for id in ids.values()}) == _renamed(
        before, {}
    )
    assert await undo_last(saver, app) == []


def _renamed(config: dict[str, Any], names: dict[str, str]) -> Any:
    """The config with ids as they were, in an order that does not depend on when resources were made."""

    def walk(value: Any) -> Any:
        if isinstance(value, str):
            return names.get(value, value)
        if isinstance(value, list):
            return [walk(item) for item in value]
        if isinstance(value, dict):
            return {name: walk(item) for name, item in value.items() if name != "lastValidatedAt"}
        return value

    return {
        name: sorted(walk(part), key=lambda resource: str(resource["id"])) if isinstance(part, list) else walk(part)
        for name, part in config.items()
    }


async def test_older_changes_of_a_resource_that_was_made_again_can_still_be_undone(world: World) -> None:
    app, tool = world.app, world.ids["tool c"]
    saver = world.one.saver
    assert isinstance(await saver.save(await world.one.edit(TOOL, app, tool, description="late")), Saved)
    assert isinstance(await saver.delete(TOOL, app, tool), Deleted)
    history = world.one.journal(app).read()
    assert can_undo(history, history.entries[0]) == "It was deleted since; undo that first"
    assert [step.ok for step in await undo_last(saver, app)] == [True]
    (step,) = await undo_last(restarted(world), app)
    assert isinstance(step.outcome, Saved)
    assert (step.outcome.raw["description"], step.outcome.raw["name"]) == (None, "tool c")


async def test_undo_keeps_what_others_changed_since_and_stops_at_an_overlap(world: World) -> None:
    app, tool = world.app, world.ids["tool a"]
    edit = await world.one.edit(TOOL, app, tool, name="Mine", description="mine")
    assert isinstance(await world.one.saver.save(edit), Saved)
    await world.one.client.update(TOOL, tool, {"annotations": {"title": "Theirs"}}, app=app)
    await world.one.client.update(TOOL, tool, {"name": "Theirs"}, app=app)
    (step,) = await undo_last(world.one.saver, app)
    assert isinstance(step.outcome, Conflicted)
    (field,) = step.outcome.fields
    assert (field.dotted, field.base, field.theirs, field.mine) == ("name", "Mine", "Theirs", "tool a")
    done = await world.one.saver.save(step.outcome.resolved({field.path: "Theirs"}), undoes=step.entry.id)
    assert isinstance(done, Saved)
    assert (done.raw["name"], done.raw["description"], done.raw["annotations"]) == (
        "Theirs",
        "first",
        {"title": "Theirs"},
    )
    assert await undo_last(world.one.saver, app) == []


async def test_undoing_a_create_that_others_built_on_asks_first(world: World) -> None:
    app = world.app
    made = await world.one.saver.create(TOOL, app, {"name": "New"})
    assert isinstance(made, Saved)
    await world.one.client.update(TOOL, made.id, {"description": "built on"}, app=app)
    (step,) = await undo_last(world.one.saver, app)
    assert isinstance(step.outcome, Changed)
    assert step.problem == "Someone else changed description"
    (forced,) = await undo(world.one.saver, app, step.entry, force=True)
    assert forced.ok


async def test_a_chain_is_undone_member_by_member(world: World) -> None:
    app, ids = world.app, world.ids
    extra = (await world.one.client.create(TOOL, {"name": "Extra"}, app=app)).raw["id"]
    edit = await world.one.edit(TOOL, app, ids["tool a"], nextToolIds=[ids["tool c"]])
    assert isinstance(await world.one.saver.save(edit), Saved)
    await world.one.client.set_chain(app, ids["tool a"], [ids["tool c"], extra])
    (step,) = await undo_last(world.one.saver, app)
    assert isinstance(step.outcome, Saved)
    assert step.outcome.raw["nextToolIds"] == [ids["tool b"], extra]


async def test_a_secret_is_never_in_the_journal_and_said_not_to_come_back(world: World) -> None:
    app = world.app
    saver = world.one.saver
    secret, late, header = "s3cr3t-at-first", "s3cr3t-later", "hush-hush-value"
    config = {"headerName": "X-Key", "apiKey": secret}
    made = await saver.create(AUTH, app, {"name": "Keyed", "providerKey": "api-key", "config": config})
    assert isinstance(made, Saved), made
    base = made.raw
    assert isinstance(
        await saver.save(Edit(AUTH, app, made.id, base, {**base, "config": {**base["config"], "apiKey": late}})), Saved
    )
    integration = await world.one.edit(
        INTEGRATION, app, world.ids["integration"], config={"headers": {"X-Auth-Token": header}}
    )
    assert isinstance(await saver.save(integration), Saved)
    assert isinstance(await saver.delete(AUTH, app, made.id), Deleted)
    journal = world.one.journal(app)
    text = journal.path.read_text()
    assert not any(each in text for each in (secret, late, header))
    assert stat.S_IMODE(journal.path.stat().st_mode) == 0o600
    history = journal.read()
    assert can_undo(history, history.entries[1]) == "Only a secret changed, and secrets are not kept"
    (taken_out,) = await undo(saver, app, history.entries[2])
    assert isinstance(taken_out.outcome, Saved), taken_out.problem
    assert taken_out.outcome.raw["config"] == {}
    assert "The secret in secretRef is not kept and cannot be brought back" in notes(history.entries[3])
    (step,) = await undo_last(restarted(world), app)
    assert isinstance(step.outcome, Saved), step.problem
    assert step.outcome.raw["status"] == "pending"
    assert "The secret could not be brought back" in step.notes
    assert [can_undo(journal.read(), entry) is None for entry in history.entries] == [True, False, False, False]
    assert not any(each in journal.path.read_text() for each in (secret, late, header))


async def test_what_cannot_be_undone_says_so_beforehand(sandbox: InProcess) -> None:
    one = Editor(sandbox)
    made = await one.saver.create(APP, "", {"templateId": "support", "name": "Mine"})
    assert isinstance(made, Saved)
    await one.saver.deploy(made.id)
    refused = await one.saver.create(TOOL, made.id, {"name": ""})
    assert not isinstance(refused, Saved)
    history = one.journal(made.id).read()
    assert [(entry.what, can_undo(history, entry)) for entry in history.entries] == [
        ("create", "drio has no way to delete an app"),
        ("deploy", "A deploy cannot be taken back: drio has no way to un-deploy"),
        ("create", "It did not happen"),
    ]
    steps = await undo_last(one.saver, made.id)
    assert [(step.entry.what, step.why_not.partition(":")[0]) for step in steps] == [
        ("deploy", "A deploy cannot be taken back"),
        ("create", "drio has no way to delete an app"),
    ]
    await one.client.aclose()


async def test_undo_after_a_deploy_takes_back_the_change_before_it_and_says_that_the_deploy_stays(
    sandbox: InProcess,
) -> None:
    one = Editor(sandbox)
    app = str((await one.client.list(APP)).items[0]["id"])
    tool = (await one.client.list(TOOL, app=app)).items[0]
    for text in ("one", "two"):
        assert isinstance(await one.saver.save(await one.edit(TOOL, app, tool["id"], description=text)), Saved)
    assert isinstance(await one.saver.deploy(app), Item)
    for left in ("one", tool["description"]):
        deploy, step = await undo_last(Saver(one.client, one.journal), app)
        assert deploy.entry.what == "deploy"
        assert deploy.outcome is None
        assert step.ok
        assert (await one.raw(TOOL, app, tool["id"]))["description"] == left
        assert told([deploy, step])[1]
        assert "Stays: deployed app" in told([deploy, step])[0]
    assert [step.entry.what for step in await undo_last(Saver(one.client, one.journal), app)] == ["deploy"]
    await one.client.aclose()


async def test_a_change_that_cannot_be_undone_is_tried_once_and_then_passed_over(world: World) -> None:
    """Somebody else's change overlaps with the newest one: undo says so, and the next time undoes the older one."""
    app, saver = world.app, restarted(world)
    for tool in ("tool c", "tool a"):
        assert isinstance(await saver.save(await world.one.edit(TOOL, app, world.ids[tool], name="Mine")), Saved)
    await world.one.client.update(TOOL, world.ids["tool a"], {"name": "Theirs"}, app=app)
    (step,) = await undo_last(saver, app)
    assert isinstance(step.outcome, Conflicted)
    stays, step = await undo_last(saver, app)
    assert stays.why_not.startswith("It could not be undone: ")
    assert step.ok
    assert (await world.one.raw(TOOL, app, world.ids["tool c"]))["name"] == "tool c"
    assert (await world.one.raw(TOOL, app, world.ids["tool a"]))["name"] == "Theirs"


async def created(world: World, names: list[str], group: str = "one-import") -> list[str]:
    """Operations and tools as an import makes them; their ids."""
    ids = []
    for name in names:
        outcome = await world.one.saver.create(
            OPERATION, world.app, {"name": name, "method": "GET", "path": f"/{name}"},
            parent=world.ids["integration"], group=group,
        )  # fmt: skip
        assert isinstance(outcome, Saved), outcome
        binding = {"type": "integration_operation", "integrationOperationId": outcome.id}
        tool = await world.one.saver.create(TOOL, world.app, {"name": name, "binding": binding}, group=group)
        assert isinstance(tool, Saved), tool
        ids += [outcome.id, tool.id]
    return ids


def forget_ends(world: World, last: int, *, also: tuple[str, ...] = ()) -> None:
    """Take the ends of the last creates out of the journal, as if the program had been killed before it noted them."""
    path = world.one.journal(world.app).path
    lines = [json_codec.loads(line) for line in path.read_bytes().splitlines()]
    begun = [line["begin"]["id"] for line in lines if "begin" in line][-last:]
    kept = [line for line in lines if line.get("end") not in begun]
    for line in kept:
        for name in also:
            line.get("begin", {}).pop(name, None)
    path.write_text("".join(json_codec.dumps(line) + "\n" for line in kept))


async def test_an_import_that_was_killed_midway_is_undone_by_what_is_there(world: World) -> None:
    before = await everything(world.one, world.app)
    ids = await created(world, ["pets", "owners"])
    await world.one.client.delete(TOOL, ids[-1], app=world.app)  # as if that request had never arrived
    forget_ends(world, 2)
    steps = await undo_last(restarted(world), world.app)
    assert [(step.entry.kind, step.entry.name, step.ok) for step in steps] == [
        ("operation", "owners", True), ("tool", "pets", True), ("operation", "pets", True),
    ]  # fmt: skip
    assert await everything(world.one, world.app) == before
    assert await undo_last(restarted(world), world.app) == []


async def test_what_was_there_before_is_never_taken_for_what_a_killed_create_made(world: World) -> None:
    theirs = (await world.one.client.create(TOOL, {"name": "pets"}, app=world.app)).raw["id"]
    ids = await created(world, ["pets"])
    await world.one.client.delete(TOOL, ids[-1], app=world.app)
    forget_ends(world, 1)
    steps = await undo_last(restarted(world), world.app)
    assert [(step.entry.kind, step.ok) for step in steps] == [("operation", True)]
    assert (await world.one.raw(TOOL, world.app, theirs))["name"] == "pets"


@pytest.mark.parametrize("also", [(), ("known", "sent")], ids=["", "by an earlier version"])
async def test_a_create_that_cannot_be_told_apart_is_left_and_older_changes_are_undone(
    world: World, also: tuple[str, ...]
) -> None:
    """Somebody else has changed it since, or made another one of that name: it is reported once, and undo goes on."""
    tool = world.ids["tool a"]
    assert isinstance(await world.one.saver.save(await world.one.edit(TOOL, world.app, tool, description="x")), Saved)
    ids = await created(world, ["pets"])
    if not also:
        await world.one.client.update(TOOL, ids[-1], {"description": "theirs"}, app=world.app)
        await world.one.client.update(TOOL, ids[-1], {"order": 77}, app=world.app)
        await world.one.client.create(TOOL, {"name": "pets"}, app=world.app)
    forget_ends(world, 1, also=also)
    saver = restarted(world)
    steps = await undo_last(saver, world.app)
    assert steps[0].why_not == "It is not known whether this tool was made; if it was, delete it by hand"
    assert "1 place" in steps[1].problem  # its operation, which it needs
    assert (await world.one.raw(TOOL, world.app, ids[-1]))["name"] == "pets"
    steps = await undo_last(saver, world.app)
    assert [step.ok for step in steps] == [False, False, True]
    assert (await world.one.raw(TOOL, world.app, tool))["description"] == "first"


async def test_a_delete_whose_end_was_not_noted_is_looked_up(world: World) -> None:
    app, tool = world.app, world.ids["tool c"]
    assert isinstance(await world.one.saver.delete(TOOL, app, tool), Deleted)
    forget_ends(world, 1)
    (step,) = await undo_last(restarted(world), app)
    assert step.ok
    names = [raw["name"] for raw in (await world.one.client.list(TOOL, app=app)).items]
    assert names.count("tool c") == 1
    forget_ends(world, 1)  # the undo itself was killed: it is not done twice
    steps = await undo_last(restarted(world), app)
    assert steps == []
    names = [raw["name"] for raw in (await world.one.client.list(TOOL, app=app)).items]
    assert names.count("tool c") == 1


def order_of(config: dict[str, Any]) -> dict[str, Any]:
    """The names of everything as drio lists it, with what each tool hands on to and each widget calls."""
    names = {
        resource["id"]: resource["name"] for part in config.values() if isinstance(part, list) for resource in part
    }
    found: dict[str, Any] = {
        part: [resource["name"] for resource in resources]
        for part, resources in config.items()
        if isinstance(resources, list)
    }
    found["chains"] = {tool["name"]: [names[id] for id in tool["nextToolIds"]] for tool in config["tools"]}
    found["actions"] = {
        widget["name"]: [names.get(action.get("targetToolId"), "") for action in widget["actions"]]
        for widget in config["widgets"]
    }
    return found


@pytest.mark.parametrize("cascade", [False, True])
@pytest.mark.parametrize("kind", ["auth", "integration", "tool", "widget", "everything"])
async def test_undo_of_a_delete_restores_the_order_of_everything(world: World, kind: str, cascade: bool) -> None:
    app, ids, client = world.app, world.ids, world.one.client
    await created(world, ["c", "a", "b"])
    tools = {raw["name"]: raw["id"] for raw in (await client.list(TOOL, app=app)).items}
    await client.set_chain(app, tools["tool a"], [tools["b"], tools["tool b"], tools["a"], tools["c"]])
    act = {"trigger": "row.select", "type": "callTool"}
    targets = [tools["b"], tools["tool b"], tools["a"]]
    await client.set_actions(app, ids["widget"], [act | {"targetToolId": id} for id in targets])
    await client.create(WIDGET, {"toolId": tools["a"], "name": "second", "primitive": "card"}, app=app)
    await client.create(WIDGET, {"toolId": tools["c"], "name": "first", "primitive": "card"}, app=app)
    before = order_of(await everything(world.one, app))
    snapshot = Snapshot(app)
    await load_app(client, app, snapshot.apply)
    wanted = [resource.key for each in KINDS for resource in snapshot.resources(each) if kind in (each, "everything")]
    wanted = [key for key in wanted if KINDS[key[0]].deletable][::-1]  # marked from below
    batch = plan_delete(snapshot, Links(snapshot), wanted, cascade=cascade).batch(world.one.saver, app)
    assert all(result.ok for result in await batch.run())
    assert order_of(await everything(world.one, app)) != before
    steps = await undo_last(restarted(world), app)
    assert all(step.ok for step in steps), [(step.entry.name, step.problem) for step in steps if not step.ok]
    assert order_of(await everything(world.one, app)) == before


async def test_a_write_whose_process_died_is_undone_by_what_is_there(world: World) -> None:
    """The begin of a change is on disk before its request goes out; its end may never come."""
    app, tool = world.app, world.ids["tool a"]
    edit = await world.one.edit(TOOL, app, tool, description="half")
    assert isinstance(await world.one.saver.save(edit), Saved)
    journal = world.one.journal(app)
    first, *_ = journal.path.read_bytes().splitlines(keepends=True)
    journal.path.write_bytes(first)
    (entry,) = journal.read().entries
    assert entry.state == "unknown"
    (step,) = await undo_last(restarted(world), app)
    assert isinstance(step.outcome, Saved)
    assert step.outcome.raw["description"] == "first"
