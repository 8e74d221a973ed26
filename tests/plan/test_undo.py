"""Undo: all kinds of changes, also in a new process, without overwriting remote changes."""

from __future__ import annotations

import stat
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from drio_tui.api import json_codec
from drio_tui.api.resource_type import Item
from drio_tui.kinds import APP, AUTH, INTEGRATION, KINDS, OPERATION, TOOL, WIDGET, Kind
from drio_tui.plan.deletion import plan_delete
from drio_tui.plan.executor import Executor
from drio_tui.plan.undo import _with_predecessors, undo, undo_last, undo_notes, why_not_undoable
from drio_tui.ui.editing.history_dialog import undo_report
from drio_tui.workspace.model.loader import load_app
from drio_tui.workspace.model.references import Links
from drio_tui.workspace.model.snapshot import Snapshot
from drio_tui.workspace.saving.history import History, new_entry
from drio_tui.workspace.saving.journal import Journal
from drio_tui.workspace.saving.save_result import ChangedMeanwhile, Conflicted, Deleted, Edit, Saved
from drio_tui.workspace.saving.saver import Saver
from tests import THOROUGH
from tests.plan.conftest import Counting, tool_steps
from tests.workspace.saving_world import Editor, World

pytest.importorskip("fastapi", reason="the sandbox extra is not installed")

if TYPE_CHECKING:
    from tests.sandbox_fixtures import InProcessSandbox


def restarted(world: World) -> Saver:
    """Return a saver as after a restart: it knows earlier changes only from the journal file."""
    return Saver(world.editor.client, world.editor.journal)


async def config_of(editor: Editor, app: str) -> dict[str, Any]:
    return await editor.client.config(app)


async def test_updates_are_undone_in_reverse_order_after_a_restart(world: World) -> None:
    app, ids = world.app, world.ids
    before = await config_of(world.editor, app)
    for kind, name, change in (
        (APP, "app", {"description": "x", "branding": {"accentColor": "#000000"}}),
        (INTEGRATION, "integration", {"name": "x", "authId": None}),
        (TOOL, "tool a", {"binding": None}),  # before the operation changes: rebinding takes its current hash
        (OPERATION, "operation", {"path": "/other"}),
        (TOOL, "tool a", {"description": None, "isEnabled": False, "nextToolIds": [ids["tool c"], ids["tool b"]]}),
        (WIDGET, "widget", {"visibility": "hidden", "actions": []}),
    ):
        outcome = await world.editor.saver.save(await world.editor.edit(kind, app, ids[name], **change))
        assert isinstance(outcome, Saved), outcome
    saver = restarted(world)
    for _ in range(6):
        steps = await undo_last(saver, app)
        assert steps
        assert all(step.ok for step in steps), [step.problem for step in steps]
    assert await undo_last(saver, app) == []
    assert await config_of(world.editor, app) == before


async def test_undo_of_a_create_deletes_and_can_be_undone(world: World) -> None:
    app = world.app
    created = await world.editor.saver.create(TOOL, app, {"name": "New", "description": "fresh"})
    assert isinstance(created, Saved)
    (step,) = await undo_last(restarted(world), app)
    assert isinstance(step.outcome, Deleted)
    assert await world.editor.saver.read(TOOL, app, created.id) is None
    history = world.editor.journal(app).read()
    (redo,) = await undo(world.editor.saver, app, history.entries[-1])
    assert isinstance(redo.outcome, Saved)
    assert redo.outcome.raw["description"] == "fresh"
    assert not world.editor.journal(app).read().is_undone(history.entries[0])


async def test_deleted_widget_is_restored_with_its_tool_mappings_and_actions(world: World) -> None:
    app, ids = world.app, world.ids
    unknown = {"config": {"fieldMappings": {"rows": "$.r"}}, "x-odd": [1]}
    await world.editor.client.update(WIDGET, ids["widget"], unknown, app=app)
    before = await world.editor.raw(WIDGET, app, ids["widget"])
    assert isinstance(
        await world.editor.saver.delete(WIDGET, app, ids["widget"], links=[("tool", ids["tool a"], "widgetId")]),
        Deleted,
    )
    (step,) = await undo_last(restarted(world), app)
    assert isinstance(step.outcome, Saved), step.problem
    assert step.outcome.raw == {**before, "id": step.outcome.id}
    assert (await world.editor.raw(TOOL, app, ids["tool a"]))["widgetId"] == step.outcome.id
    assert "It will have a new id" in step.notes


async def test_deleted_branch_is_restored_with_new_ids_in_all_references(world: World) -> None:
    """Widget, tools, operation, integration and auth are deleted, and restored after a restart."""
    app, ids, saver = world.app, world.ids, world.editor.saver
    before = await config_of(world.editor, app)
    group = "one-group"
    assert isinstance(await saver.delete(WIDGET, app, ids["widget"], group=group), Deleted)
    assert isinstance(
        await saver.save(await world.editor.edit(TOOL, app, ids["tool a"], nextToolIds=[]), group=group), Saved
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
    history = world.editor.journal(app).read()
    assert _renamed(await config_of(world.editor, app), {history.current(id): id for id in ids.values()}) == _renamed(
        before, {}
    )
    assert await undo_last(saver, app) == []


def _renamed(config: dict[str, Any], names: dict[str, str]) -> Any:
    """Return the config with the ids in `names` replaced, in an order independent of the creation of resources."""

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


async def test_older_changes_of_a_restored_resource_can_be_undone(world: World) -> None:
    app, tool = world.app, world.ids["tool c"]
    saver = world.editor.saver
    assert isinstance(await saver.save(await world.editor.edit(TOOL, app, tool, description="late")), Saved)
    assert isinstance(await saver.delete(TOOL, app, tool), Deleted)
    history = world.editor.journal(app).read()
    assert why_not_undoable(history, history.entries[0]) == "It has been deleted since; undo that first"
    assert [step.ok for step in await undo_last(saver, app)] == [True]
    (step,) = await undo_last(restarted(world), app)
    assert isinstance(step.outcome, Saved)
    assert (step.outcome.raw["description"], step.outcome.raw["name"]) == (None, "tool c")


async def test_undo_keeps_remote_changes_and_reports_conflicts(world: World) -> None:
    app, tool = world.app, world.ids["tool a"]
    edit = await world.editor.edit(TOOL, app, tool, name="Mine", description="mine")
    assert isinstance(await world.editor.saver.save(edit), Saved)
    await world.editor.client.update(TOOL, tool, {"annotations": {"title": "Theirs"}}, app=app)
    await world.editor.client.update(TOOL, tool, {"name": "Theirs"}, app=app)
    (step,) = await undo_last(world.editor.saver, app)
    assert isinstance(step.outcome, Conflicted)
    (field,) = step.outcome.fields
    assert (field.dotted, field.base, field.remote, field.local) == ("name", "Mine", "Theirs", "tool a")
    done = await world.editor.saver.save(step.outcome.resolved({field.path: "Theirs"}), undoes=step.entry.id)
    assert isinstance(done, Saved)
    assert (done.raw["name"], done.raw["description"], done.raw["annotations"]) == (
        "Theirs",
        "first",
        {"title": "Theirs"},
    )
    assert await undo_last(world.editor.saver, app) == []


async def test_undo_of_a_create_changed_by_others_needs_force(world: World) -> None:
    app = world.app
    created = await world.editor.saver.create(TOOL, app, {"name": "New"})
    assert isinstance(created, Saved)
    await world.editor.client.update(TOOL, created.id, {"description": "built on"}, app=app)
    (step,) = await undo_last(world.editor.saver, app)
    assert isinstance(step.outcome, ChangedMeanwhile)
    assert step.problem == "Someone else changed description"
    (forced,) = await undo(world.editor.saver, app, step.entry, force=True)
    assert forced.ok


async def test_undo_of_a_chain_keeps_remote_additions(world: World) -> None:
    app, ids = world.app, world.ids
    extra = (await world.editor.client.create(TOOL, {"name": "Extra"}, app=app)).raw["id"]
    edit = await world.editor.edit(TOOL, app, ids["tool a"], nextToolIds=[ids["tool c"]])
    assert isinstance(await world.editor.saver.save(edit), Saved)
    await world.editor.client.set_chain(app, ids["tool a"], [ids["tool c"], extra])
    (step,) = await undo_last(world.editor.saver, app)
    assert isinstance(step.outcome, Saved)
    assert step.outcome.raw["nextToolIds"] == [ids["tool b"], extra]


@pytest.mark.parametrize(
    ("changes", "predecessors"),
    [
        ([("", "a"), ("c", "")], ["", "0"]),
        ([("c", ""), ("", "a")], ["", ""]),
        ([("", "a"), ("", "b"), ("c", ""), ("d", "")], ["", "", "01", "01"]),
        ([("", "a"), ("b", "c"), ("d", "e"), ("f", "")], ["", "0", "1", "2"]),
        ([("a", "a"), ("", "b"), ("", "")], ["", "", ""]),
    ],
)
def test_a_next_tool_is_restored_after_those_that_are_taken_away(
    changes: list[tuple[str, str]], predecessors: list[str]
) -> None:
    """Each change is the next tools before and after it, and its predecessors are places in the list."""
    entries = [
        replace(
            new_entry("update", "app", "tool", f"tool_{place}", "", before={"nextToolIds": [*before]},
                      after={"nextToolIds": [*after]}),
            id=str(place),
        )
        for place, (before, after) in enumerate(changes)
    ]  # fmt: skip
    assert ["".join(ids) for _, ids in _with_predecessors(entries, History())] == predecessors


async def test_secrets_are_not_in_the_journal_and_reported_as_lost(world: World) -> None:
    app = world.app
    saver = world.editor.saver
    secret, late, header = "s3cr3t-at-first", "s3cr3t-later", "hush-hush-value"
    config = {"headerName": "X-Key", "apiKey": secret}
    created = await saver.create(AUTH, app, {"name": "Keyed", "providerKey": "api-key", "config": config})
    assert isinstance(created, Saved), created
    base = created.raw
    assert isinstance(
        await saver.save(Edit(AUTH, app, created.id, base, {**base, "config": {**base["config"], "apiKey": late}})),
        Saved,
    )
    integration = await world.editor.edit(
        INTEGRATION, app, world.ids["integration"], config={"headers": {"X-Auth-Token": header}}
    )
    assert isinstance(await saver.save(integration), Saved)
    assert isinstance(await saver.delete(AUTH, app, created.id), Deleted)
    journal = world.editor.journal(app)
    text = journal.path.read_text()
    assert not any(value in text for value in (secret, late, header))
    assert stat.S_IMODE(journal.path.stat().st_mode) == 0o600
    history = journal.read()
    assert why_not_undoable(history, history.entries[1]) == "Only a secret changed, and secrets are not kept"
    (removed,) = await undo(saver, app, history.entries[2])
    assert isinstance(removed.outcome, Saved), removed.problem
    assert removed.outcome.raw["config"] == {}
    assert "The secret in secretRef is not kept and cannot be brought back" in undo_notes(history.entries[3])
    (step,) = await undo_last(restarted(world), app)
    assert isinstance(step.outcome, Saved), step.problem
    assert step.outcome.raw["status"] == "pending"
    assert "The secret could not be brought back" in step.notes
    assert [why_not_undoable(journal.read(), entry) is None for entry in history.entries] == [True, False, False, False]
    assert not any(value in journal.path.read_text() for value in (secret, late, header))


async def test_can_undo_returns_why_a_change_cannot_be_undone(sandbox: InProcessSandbox) -> None:
    editor = Editor(sandbox)
    created = await editor.saver.create(APP, "", {"templateId": "support", "name": "Mine"})
    assert isinstance(created, Saved)
    await editor.saver.deploy(created.id)
    refused = await editor.saver.create(TOOL, created.id, {"name": ""})
    assert not isinstance(refused, Saved)
    history = editor.journal(created.id).read()
    assert [(entry.what, why_not_undoable(history, entry)) for entry in history.entries] == [
        ("create", "drio has no way to delete an app"),
        ("deploy", "A deploy cannot be taken back: drio has no way to un-deploy"),
        ("create", "It did not happen"),
    ]
    steps = await undo_last(editor.saver, created.id)
    assert [(step.entry.what, step.why_not.partition(":")[0]) for step in steps] == [
        ("deploy", "A deploy cannot be taken back"),
        ("create", "drio has no way to delete an app"),
    ]
    await editor.client.aclose()


async def test_undo_after_a_deploy_undoes_the_change_before_it(
    sandbox: InProcessSandbox,
) -> None:
    editor = Editor(sandbox)
    app = str((await editor.client.list(APP)).items[0]["id"])
    tool = (await editor.client.list(TOOL, app=app)).items[0]
    for text in ("one", "two"):
        assert isinstance(await editor.saver.save(await editor.edit(TOOL, app, tool["id"], description=text)), Saved)
    assert isinstance(await editor.saver.deploy(app), Item)
    for description in ("one", tool["description"]):
        deploy, step = await undo_last(Saver(editor.client, editor.journal), app)
        assert deploy.entry.what == "deploy"
        assert deploy.outcome is None
        assert step.ok
        assert (await editor.raw(TOOL, app, tool["id"]))["description"] == description
        assert undo_report([deploy, step])[1]
        assert "Stays: deployed app" in undo_report([deploy, step])[0]
    assert [step.entry.what for step in await undo_last(Saver(editor.client, editor.journal), app)] == ["deploy"]
    await editor.client.aclose()


async def test_change_that_cannot_be_undone_is_tried_once_then_skipped(world: World) -> None:
    """A remote change conflicts with the newest change: undo reports it, and undoes the older one the next time."""
    app, saver = world.app, restarted(world)
    for tool in ("tool c", "tool a"):
        assert isinstance(await saver.save(await world.editor.edit(TOOL, app, world.ids[tool], name="Mine")), Saved)
    await world.editor.client.update(TOOL, world.ids["tool a"], {"name": "Theirs"}, app=app)
    (step,) = await undo_last(saver, app)
    assert isinstance(step.outcome, Conflicted)
    skipped, step = await undo_last(saver, app)
    assert skipped.why_not.startswith("It could not be undone: ")
    assert step.ok
    assert (await world.editor.raw(TOOL, app, world.ids["tool c"]))["name"] == "tool c"
    assert (await world.editor.raw(TOOL, app, world.ids["tool a"]))["name"] == "Theirs"


async def import_operations(world: World, names: list[str], group: str = "one-import") -> list[str]:
    """Create operations and tools as an import does; return their ids."""
    ids = []
    for name in names:
        outcome = await world.editor.saver.create(
            OPERATION, world.app, {"name": name, "method": "GET", "path": f"/{name}"},
            parent=world.ids["integration"], group=group,
        )  # fmt: skip
        assert isinstance(outcome, Saved), outcome
        binding = {"type": "integration_operation", "integrationOperationId": outcome.id}
        tool = await world.editor.saver.create(TOOL, world.app, {"name": name, "binding": binding}, group=group)
        assert isinstance(tool, Saved), tool
        ids += [outcome.id, tool.id]
    return ids


def remove_end_lines(world: World, last: int, *, remove_fields: tuple[str, ...] = ()) -> None:
    """Remove the end lines of the last changes, as if the program had been killed before it wrote them."""
    path = world.editor.journal(world.app).path
    lines = [json_codec.loads(line) for line in path.read_bytes().splitlines()]
    ids = [line["begin"]["id"] for line in lines if "begin" in line][-last:]
    kept = [line for line in lines if line.get("end") not in ids]
    for line in kept:
        for name in remove_fields:
            line.get("begin", {}).pop(name, None)
    path.write_text("".join(json_codec.dumps(line) + "\n" for line in kept))


async def test_killed_import_is_reconciled_and_undone(world: World) -> None:
    before = await config_of(world.editor, world.app)
    ids = await import_operations(world, ["pets", "owners"])
    await world.editor.client.delete(TOOL, ids[-1], app=world.app)  # as if that request had not arrived
    remove_end_lines(world, 2)
    steps = await undo_last(restarted(world), world.app)
    assert [(step.entry.kind, step.entry.name, step.ok) for step in steps] == [
        ("operation", "owners", True), ("tool", "pets", True), ("operation", "pets", True),
    ]  # fmt: skip
    assert await config_of(world.editor, world.app) == before
    assert await undo_last(restarted(world), world.app) == []


async def test_resource_that_existed_before_a_killed_create_is_not_deleted(world: World) -> None:
    existing_id = (await world.editor.client.create(TOOL, {"name": "pets"}, app=world.app)).raw["id"]
    ids = await import_operations(world, ["pets"])
    await world.editor.client.delete(TOOL, ids[-1], app=world.app)
    remove_end_lines(world, 1)
    steps = await undo_last(restarted(world), world.app)
    assert [(step.entry.kind, step.ok) for step in steps] == [("operation", True)]
    assert (await world.editor.raw(TOOL, world.app, existing_id))["name"] == "pets"


@pytest.mark.parametrize("remove_fields", [(), ("known", "sent")], ids=["", "by an earlier version"])
async def test_ambiguous_create_is_reported_and_older_changes_are_undone(
    world: World, remove_fields: tuple[str, ...]
) -> None:
    """It was changed by others, and another one with that name was created: it is reported, and undo continues."""
    tool = world.ids["tool a"]
    assert isinstance(
        await world.editor.saver.save(await world.editor.edit(TOOL, world.app, tool, description="x")), Saved
    )
    ids = await import_operations(world, ["pets"])
    if not remove_fields:
        await world.editor.client.update(TOOL, ids[-1], {"description": "theirs"}, app=world.app)
        await world.editor.client.update(TOOL, ids[-1], {"order": 77}, app=world.app)
        await world.editor.client.create(TOOL, {"name": "pets"}, app=world.app)
    remove_end_lines(world, 1, remove_fields=remove_fields)
    saver = restarted(world)
    steps = await undo_last(saver, world.app)
    assert steps[0].why_not == "It is not known whether this tool was made; if it was, delete it by hand"
    assert "1 place" in steps[1].problem  # its operation, which the tool refers to
    assert (await world.editor.raw(TOOL, world.app, ids[-1]))["name"] == "pets"
    steps = await undo_last(saver, world.app)
    assert [step.ok for step in steps] == [False, False, True]
    assert (await world.editor.raw(TOOL, world.app, tool))["description"] == "first"


async def test_delete_without_end_line_is_reconciled(world: World) -> None:
    app, tool = world.app, world.ids["tool c"]
    assert isinstance(await world.editor.saver.delete(TOOL, app, tool), Deleted)
    remove_end_lines(world, 1)
    (step,) = await undo_last(restarted(world), app)
    assert step.ok
    names = [raw["name"] for raw in (await world.editor.client.list(TOOL, app=app)).items]
    assert names.count("tool c") == 1
    remove_end_lines(world, 1)  # the undo was killed: it must not be done twice
    steps = await undo_last(restarted(world), app)
    assert steps == []
    names = [raw["name"] for raw in (await world.editor.client.list(TOOL, app=app)).items]
    assert names.count("tool c") == 1


def order_of(config: dict[str, Any]) -> dict[str, Any]:
    """Return the names of all resources in the order of drio's lists, with the chains and the targets of actions."""
    names = {
        resource["id"]: resource["name"] for part in config.values() if isinstance(part, list) for resource in part
    }
    order: dict[str, Any] = {
        part: [resource["name"] for resource in resources]
        for part, resources in config.items()
        if isinstance(resources, list)
    }
    order["chains"] = {tool["name"]: [names[id] for id in tool["nextToolIds"]] for tool in config["tools"]}
    order["actions"] = {
        widget["name"]: [names.get(action.get("targetToolId"), "") for action in widget["actions"]]
        for widget in config["widgets"]
    }
    return order


@pytest.mark.parametrize(
    ("kind", "cascade"),
    [
        (kind, cascade)
        for kind in ("auth", "integration", "tool", "widget", "everything")
        for cascade in ((False, True) if THOROUGH else (kind in ("integration", "everything"),))
    ],
)
async def test_undo_of_a_delete_restores_the_order_of_all_resources(world: World, kind: str, cascade: bool) -> None:
    app, ids, client = world.app, world.ids, world.editor.client
    await import_operations(world, ["c", "a", "b"])
    tools = {raw["name"]: raw["id"] for raw in (await client.list(TOOL, app=app)).items}
    await client.set_chain(app, tools["tool a"], [tools["b"], tools["tool b"], tools["a"], tools["c"]])
    call = {"trigger": "row.select", "type": "callTool"}
    targets = [tools["b"], tools["tool b"], tools["a"]]
    await client.set_actions(app, ids["widget"], [call | {"targetToolId": id} for id in targets])
    await client.create(WIDGET, {"toolId": tools["a"], "name": "second", "primitive": "card"}, app=app)
    await client.create(WIDGET, {"toolId": tools["c"], "name": "first", "primitive": "card"}, app=app)
    before = order_of(await config_of(world.editor, app))
    snapshot = Snapshot(app)
    await load_app(client, app, snapshot.apply)
    keys = [resource.key for name in KINDS for resource in snapshot.resources(name) if kind in (name, "everything")]
    keys = [key for key in keys if KINDS[key[0]].deletable][::-1]  # as if selected from bottom to top
    batch = Executor(world.editor.saver, app, plan_delete(snapshot, Links(snapshot), keys, cascade=cascade).steps)
    assert all(result.ok for result in await batch.run())
    assert order_of(await config_of(world.editor, app)) != before
    steps = await undo_last(restarted(world), app)
    assert all(step.ok for step in steps), [(step.entry.name, step.problem) for step in steps if not step.ok]
    assert order_of(await config_of(world.editor, app)) == before


async def test_update_without_end_line_is_undone(world: World) -> None:
    """The begin line of a change is written before its request is sent; the end line may be missing."""
    app, tool = world.app, world.ids["tool a"]
    edit = await world.editor.edit(TOOL, app, tool, description="half")
    assert isinstance(await world.editor.saver.save(edit), Saved)
    journal = world.editor.journal(app)
    first, *_ = journal.path.read_bytes().splitlines(keepends=True)
    journal.path.write_bytes(first)
    (entry,) = journal.read().entries
    assert entry.state == "unknown"
    (step,) = await undo_last(restarted(world), app)
    assert isinstance(step.outcome, Saved)
    assert step.outcome.raw["description"] == "first"


async def test_many_creates_are_undone_at_a_time_with_few_reads_of_the_journal(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    executor = Executor(world.editor.saver, world.app, tool_steps(30))
    await executor.run()
    network = world.editor.network.inner = Counting(world.editor.network.inner, together=6)
    reads: list[Journal] = []
    read = Journal.read
    monkeypatch.setattr(Journal, "read", lambda journal: (reads.append(journal), read(journal))[1])
    steps = await undo_last(world.editor.saver, world.app)
    assert [step.ok for step in steps] == [True] * 30
    assert (network.counts["DELETE"], network.most) == (30, 6)
    assert len(reads) <= 3
