"""Undo: every kind of change comes back, also in a new process, and never over somebody else's work."""

from __future__ import annotations

import stat
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import pytest

from drio_tui.kinds import APP, AUTH, INTEGRATION, OPERATION, TOOL, WIDGET, Kind
from drio_tui.workspace.outcomes import Changed, Conflicted, Deleted, Edit, Saved
from drio_tui.workspace.saving import Saver
from drio_tui.workspace.undo import can_undo, notes, undo, undo_last
from tests.workspace.saving_world import Editor, World

pytest.importorskip("fastapi", reason="the sandbox extra is not installed")

if TYPE_CHECKING:
    from tests.sandbox_fixtures import InProcess


@pytest.fixture
async def world(sandbox: InProcess) -> AsyncIterator[World]:
    world = await World.made(sandbox)
    yield world
    await world.one.client.aclose()


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


async def test_a_created_thing_is_deleted_by_undo_and_made_again_by_undoing_that(world: World) -> None:
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
    """The config with ids as they were, in an order that does not depend on when things were made."""

    def walk(value: Any) -> Any:
        if isinstance(value, str):
            return names.get(value, value)
        if isinstance(value, list):
            return [walk(item) for item in value]
        if isinstance(value, dict):
            return {name: walk(item) for name, item in value.items() if name != "lastValidatedAt"}
        return value

    return {
        name: sorted(walk(part), key=lambda thing: str(thing["id"])) if isinstance(part, list) else walk(part)
        for name, part in config.items()
    }


async def test_older_changes_of_a_thing_that_was_made_again_can_still_be_undone(world: World) -> None:
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
    (step,) = await undo_last(one.saver, made.id)
    assert step.why_not.startswith("A deploy cannot be taken back")
    await one.client.aclose()


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
