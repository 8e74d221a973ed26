"""The outcomes and journal entries of changes in all cases, and which concurrent changes are sent once."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from drio_tui.api.client import DrioClient
from drio_tui.api.exchange import Limits
from drio_tui.api.transport import Transport
from drio_tui.kinds import APP, AUTH, INTEGRATION, OPERATION, TOOL, WIDGET
from drio_tui.plan.undo import undo_last
from drio_tui.workspace.saving.cancellation import RequestCancelled
from drio_tui.workspace.saving.history import Entry
from drio_tui.workspace.saving.journal import Journal
from drio_tui.workspace.saving.save_result import Deleted, DeletedElsewhere, Edit, Failed, Refused, Saved, Unknown
from drio_tui.workspace.saving.saver import Saver
from drio_tui.workspace.saving.without_secrets import fingerprint_of, fingerprints_of
from tests.ui.table_server import TableServer, serving
from tests.workspace.saving_world import Editor, World

pytest.importorskip("fastapi", reason="the sandbox extra is not installed")

if TYPE_CHECKING:
    pass


def entries(world: World) -> list[Entry]:
    return world.editor.journal(world.app).read().entries


def go_offline_after(world: World, method: str) -> None:
    """Carry out the next request other than GET, lose its response, and go offline."""

    async def cut() -> None:
        world.editor.network.offline = True

    world.editor.network.before = [cut]
    world.editor.network.lose = {method: "answer"}


# --- single flight and groups ----------------------------------------------------------------------


@pytest.mark.parametrize("field", ["base", "local", "again"])
async def test_concurrent_saves_with_different_edits_are_all_sent(world: World, field: str) -> None:
    editor = world.editor
    edit = await editor.edit(TOOL, world.app, world.ids["tool a"])
    older = {**edit.base, "description": "older"}
    other = {"base": replace(edit, base=older), "local": replace(edit, local=older)}.get(
        field, replace(edit, again=("binding",))
    )
    first, second = await asyncio.gather(editor.saver.save(edit), editor.saver.save(other))
    assert isinstance(first, Saved)
    assert isinstance(second, Saved)
    assert first is not second


async def test_concurrent_creates_with_different_bodies_create_two_resources(world: World) -> None:
    saver = world.editor.saver
    outcomes = await asyncio.gather(*(saver.create(TOOL, world.app, {"name": name}) for name in ("One", "Two")))
    assert [outcome.raw["name"] for outcome in outcomes if isinstance(outcome, Saved)] == ["One", "Two"]


@pytest.mark.parametrize("group", ["", "one-group"])
async def test_save_with_several_requests_is_one_outcome_and_one_undo(world: World, group: str) -> None:
    editor, ids = world.editor, world.ids
    edit = await editor.edit(TOOL, world.app, ids["tool a"], description="new", nextToolIds=[])
    outcome = await editor.saver.save(edit, group=group)
    assert isinstance(outcome, Saved)
    assert [change.dotted for change in outcome.diff] == ["description", "nextToolIds"]
    assert len(set(outcome.request_ids)) == 2
    assert [(entry.part, entry.group) for entry in entries(world)] == [
        ("patch", outcome.group), ("chain", outcome.group),
    ]  # fmt: skip
    assert outcome.group == (group or outcome.group) != ""
    steps = await undo_last(editor.saver, world.app)
    assert [step.ok for step in steps] == [True, True]


async def test_changes_without_group_are_undone_one_by_one(world: World) -> None:
    editor, app = world.editor, world.app
    for name in ("One", "Two"):
        assert isinstance(await editor.saver.create(TOOL, app, {"name": name}), Saved)
        edit = await editor.edit(TOOL, app, world.ids["tool a"], description=name)
        assert isinstance(await editor.saver.save(edit), Saved)
    for tool in [raw for raw in (await editor.client.list(TOOL, app=app)).items if raw["name"] in ("One", "Two")]:
        assert isinstance(await editor.saver.delete(TOOL, app, tool["id"]), Deleted)
    for what in ("delete", "delete", "update", "create", "update", "create"):
        (step,) = await undo_last(editor.saver, app)
        assert step.entry.what == what
        assert step.ok


@pytest.mark.parametrize("lost", [False, True])
@pytest.mark.parametrize("group", ["", "one-group"])
@pytest.mark.parametrize("method", ["save", "create", "delete"])
async def test_outcome_has_the_group_of_its_entry(world: World, method: str, group: str, lost: bool) -> None:
    editor, app, saver = world.editor, world.app, world.editor.saver
    edit = await editor.edit(TOOL, app, world.ids["tool a"], description="new")
    calls: dict[str, Coroutine[Any, Any, Any]] = {
        "save": saver.save(edit, group=group),
        "create": saver.create(TOOL, app, {"name": "New"}, group=group),
        "delete": saver.delete(TOOL, app, world.ids["tool c"], group=group),
    }
    call = calls.pop(method)
    for unused in calls.values():
        unused.close()
    if lost:
        editor.network.lose = dict.fromkeys(("PATCH", "POST", "DELETE"), "answer")
    outcome = await call
    assert isinstance(outcome, Unknown if lost else Saved | Deleted)
    (entry,) = entries(world)
    assert entry.group == outcome.group == (group or entry.group)
    assert entry.state == "done"
    assert lost or outcome.request_id


# --- cancellation ----------------------------------------------------------------------------------


@pytest.mark.parametrize("deploying", [False, True])
async def test_cancelling_a_preview_does_not_cancel_the_deploy(world: World, deploying: bool) -> None:
    editor, app = world.editor, world.app
    edit = await editor.edit(TOOL, app, world.ids["tool a"], description="new")
    started, release = asyncio.Event(), asyncio.Event()

    async def look() -> None:
        started.set()
        await release.wait()

    deploy = asyncio.create_task(editor.saver.deploy(app, look)) if deploying else None
    if deploy is not None:
        await started.wait()
    editor.network.hang = {"GET": "request"}
    preview = asyncio.create_task(editor.saver.preview(edit))
    await editor.network.hung.wait()
    assert editor.saver.stop(app)
    outcome = await preview
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, RequestCancelled)
    release.set()
    if deploy is not None:
        assert isinstance(await deploy, Refused), "it was sent and refused, since the app is not ready"


async def test_deploy_is_cancelled_only_by_stop_deploy(world: World) -> None:
    editor, app = world.editor, world.app
    editor.network.hang = {"POST": "request"}
    deploy = asyncio.create_task(editor.saver.deploy(app))
    await editor.network.hung.wait()
    assert not editor.saver.stop(app)
    assert editor.saver.stop_deploy(app)
    outcome = await deploy
    assert isinstance(outcome, Unknown)
    assert isinstance(outcome.error, RequestCancelled)
    assert "the request was given up" in str(outcome.error)
    assert [(entry.what, entry.state) for entry in entries(world)] == [("deploy", "unknown")]


async def test_preview_of_a_deleted_resource_returns_the_edited_value(world: World, other_editor: Editor) -> None:
    edit = await world.editor.edit(TOOL, world.app, world.ids["tool c"], description="precious")
    world.editor.network.offline = True
    assert isinstance(await world.editor.saver.preview(edit), Failed)
    world.editor.network.offline = False
    await other_editor.client.delete(TOOL, edit.id, app=world.app)
    outcome = await world.editor.saver.preview(edit)
    assert isinstance(outcome, DeletedElsewhere)
    assert outcome.buffer["description"] == "precious"


# --- the journal before a request is sent ----------------------------------------------------------


async def entry_while_sending(world: World, change: Coroutine[Any, Any, Any]) -> Entry:
    """Return the last journal entry while the request of `change` is running, and cancel it."""
    network = world.editor.network
    network.hang = dict.fromkeys(("PATCH", "POST", "DELETE"), "request")
    task = asyncio.create_task(change)
    await network.hung.wait()
    network.hung.clear()
    entry = entries(world)[-1]
    network.hang = {}
    world.editor.saver.stop(world.app)
    await task
    return entry


async def test_update_is_recorded_without_secrets_before_it_is_sent(world: World) -> None:
    editor, app, id = world.editor, world.app, world.ids["integration"]
    old_config = {"headers": {"X-Auth-Token": "s3cret-before", "X-Plain": "a"}}
    await editor.client.update(INTEGRATION, id, {"config": old_config}, app=app)
    config = {"headers": {"X-Api-Key": "s3cret-after", "X-Plain": "b"}}
    edit = await editor.edit(INTEGRATION, app, id, name="Renamed", config=config)
    entry = await entry_while_sending(world, editor.saver.save(edit, undoes="another"))
    assert (entry.what, entry.kind, entry.resource, entry.name) == ("update", "integration", id, "integration")
    assert (entry.part, entry.undoes, entry.state) == ("patch", "another", "unknown")
    assert entry.before == {"name": "integration", "config": {"headers": {"X-Plain": "a"}}}
    assert entry.after == {"name": "Renamed", "config": {"headers": {"X-Plain": "b"}}}
    assert sorted(entry.lost) == ["config.headers.X-Api-Key", "config.headers.X-Auth-Token"]
    # The response shows what else may be recorded, and which secrets did not exist before.
    config = {"headers": {"X-Auth-Token": "s3cret-later", "X-Api-Key": "s3cret-new"}, "x-odd": 1}
    assert isinstance(await editor.saver.save(await editor.edit(INTEGRATION, app, id, config=config)), Saved)
    entry = entries(world)[-1]
    assert entry.after == {"config": {"headers": {}, "x-odd": 1}}
    assert entry.added == (("config", "headers", "X-Api-Key"),)
    assert "s3cret" not in editor.journal(app).path.read_text()


async def test_create_is_recorded_with_fingerprints_before_it_is_sent(world: World) -> None:
    editor, app, ids = world.editor, world.app, world.ids
    body = {"name": "Search", "method": "GET", "path": "/s"}
    create = editor.saver.create(OPERATION, app, body, parent=ids["integration"], group="one-group", undoes="another")
    entry = await entry_while_sending(world, create)
    assert (entry.what, entry.kind, entry.resource, entry.name) == ("create", "operation", "", "Search")
    assert (entry.parent, entry.group, entry.undoes) == (ids["integration"], "one-group", "another")
    assert entry.known == (fingerprint_of(ids["operation"]),)
    assert entry.sent == fingerprints_of(body)
    # Only the first create of a group, kind and parent has the existing ids.
    other_parent = (await editor.client.create(INTEGRATION, {"name": "B", "baseUrl": "https://b.test"}, app=app)).raw[
        "id"
    ]
    creates = [
        (body, ids["integration"], "one-group", False),
        (body | {"name": "Other"}, other_parent, "one-group", True),
        (body | {"name": "Third"}, ids["integration"], "another-group", True),
    ]
    for create_body, parent, group, has_known in creates:
        entry = await entry_while_sending(
            world, editor.saver.create(OPERATION, app, create_body, parent=parent, group=group)
        )
        assert (entry.known is not None) == has_known
    auth = {"name": "New", "providerKey": "none"}
    for create in (
        editor.saver.create(TOOL, app, {"name": "New"}, group="one-group"),
        editor.saver.create(AUTH, app, auth, group="one-group"),
    ):
        entry = await entry_while_sending(world, create)
        assert entry.known is not None
        assert entry.parent == ""


async def test_delete_is_recorded_with_the_whole_resource_before_it_is_sent(world: World) -> None:
    editor, app, ids = world.editor, world.app, world.ids
    raw = await editor.raw(OPERATION, app, ids["operation"])
    links = [("tool", ids["tool a"], "binding")]
    delete = editor.saver.delete(OPERATION, app, raw["id"], links=links, place=7, undoes="another")
    entry = await entry_while_sending(world, delete)
    assert (entry.what, entry.kind, entry.resource, entry.name) == ("delete", "operation", raw["id"], "operation")
    assert (entry.parent, entry.place, entry.undoes) == (ids["integration"], 7, "another")
    assert entry.links == tuple(links)
    assert entry.before == raw
    body = {"name": "Keyed", "providerKey": "api-key", "config": {"headerName": "X-Key", "apiKey": "hush-hush"}}
    keyed = (await editor.client.create(AUTH, body, app=app)).raw
    entry = await entry_while_sending(world, editor.saver.delete(AUTH, app, keyed["id"]))
    assert (entry.lost, entry.parent) == (("secretRef",), "")


# --- outcomes of writes ----------------------------------------------------------------------------


async def test_properties_missing_in_the_response_are_recorded_as_write_only(isolated: Path) -> None:
    """Only properties that were sent and are missing in the response; not those that were removed."""
    raw = {"id": "auth_1", "name": "Odd", "config": {"pin": None, "hint": "a"}, "tier": "b"}
    wanted = raw | {"config": {"pin": "1234", "phrase": "abcd"}, "tier": None}
    item = "/apps/app_1/auth/auth_1"
    answers = {f"GET {item}": {"auth": raw}, f"PATCH {item}": {"auth": {"id": "auth_1", "name": "Odd", "config": {}}}}
    async with serving(TableServer(answers)) as server:
        client = DrioClient(Transport(f"{server.base_url}/api/v1", limits=Limits(retries=0)))
        journal = Journal("me", server.base_url, "app_1")
        outcome = await Saver(client, lambda _: journal).save(Edit(AUTH, "app_1", "auth_1", raw, wanted))
        await client.aclose()
        assert isinstance(outcome, Saved), outcome
        (entry,) = journal.read().entries
        assert sorted(entry.lost) == ["config.phrase", "config.pin"]


async def test_actions_are_sent_with_target_tool_names(world: World, other_editor: Editor) -> None:
    """For a server that does not add them: the names of remote actions and of new ones."""
    app, ids = world.app, world.ids
    base = await world.editor.raw(WIDGET, app, ids["widget"])
    call = {"trigger": "row.select", "type": "callTool"}
    local = [*base["actions"], call | {"targetToolId": ids["tool c"], "targetToolName": "tool c"}]
    remote = [*base["actions"], call | {"targetToolId": ids["tool a"]}]
    await other_editor.client.set_actions(app, ids["widget"], remote)
    outcome = await world.editor.saver.save(Edit(WIDGET, app, ids["widget"], base, {**base, "actions": local}))
    assert isinstance(outcome, Saved)
    sent = world.editor.sent[-1][2]["actions"]
    assert sorted(action["targetToolName"] for action in sent) == ["tool a", "tool b", "tool c"]


@pytest.mark.parametrize("fault", ["lost", "offline"])
async def test_outcome_has_the_changes_written_before_the_error(world: World, fault: str) -> None:
    editor = world.editor
    edit = await editor.edit(TOOL, world.app, world.ids["tool a"], description="new", nextToolIds=[])
    if fault == "lost":
        editor.network.lose = {"PUT": "request"}
    else:
        go_offline_after(world, "nothing")
    outcome = await editor.saver.save(edit)
    assert isinstance(outcome, Unknown if fault == "lost" else Failed)
    assert [change.dotted for change in outcome.written] == ["description"]
    assert [entry.state for entry in entries(world)] == ["done", "failed"]


async def test_404_for_an_existing_resource_is_refused(world: World) -> None:
    editor = world.editor
    edit = await editor.edit(TOOL, world.app, world.ids["tool a"], description="new")
    editor.network.refuse = [404]
    outcome = await editor.saver.save(edit)
    assert isinstance(outcome, Refused)
    assert outcome.error.status == 404


async def test_400_is_not_retried_although_the_resource_changed(world: World, other_editor: Editor) -> None:
    editor, tool = world.editor, world.ids["tool a"]
    edit = await editor.edit(TOOL, world.app, tool, description="mine")
    sent = len(editor.sent)
    editor.network.before = [lambda: other_editor.client.update(TOOL, tool, {"name": "Theirs"}, app=world.app)]
    editor.network.refuse = [400]
    assert isinstance(await editor.saver.save(edit), Refused)
    assert len(editor.sent) == sent + 1


async def test_saver_works_without_a_journal(world: World) -> None:
    editor, app = world.editor, world.app
    saver = Saver(editor.client)
    editor.network.lose = {"PATCH": "answer"}
    lost = await saver.save(await editor.edit(TOOL, app, world.ids["tool a"], description="new"))
    assert isinstance(lost, Unknown)
    assert lost.read_back == "applied"
    created = await saver.create(TOOL, app, {"name": "New"})
    assert isinstance(created, Saved)
    assert isinstance(await saver.delete(TOOL, app, created.id), Deleted)
    assert isinstance(await saver.deploy(app), Refused)
    assert await undo_last(saver, app) == []


async def test_change_is_undone_from_memory_without_a_journal_file(world: World, isolated: Path) -> None:
    (isolated / "state").write_text("a file where the folder should be")
    editor, app, tool = world.editor, world.app, world.ids["tool a"]
    assert isinstance(await editor.saver.save(await editor.edit(TOOL, app, tool, description="new")), Saved)
    journal = editor.saver.journal(app)
    assert journal is not None
    assert "in memory only" in journal.notices[0]
    (step,) = await undo_last(editor.saver, app)
    assert step.ok
    assert (await editor.raw(TOOL, app, tool))["description"] == "first"


# --- creating --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("lost", "read_back"), [("answer", "applied"), ("request", "not applied")])
async def test_create_with_lost_response_is_looked_for_under_its_parent(
    world: World, lost: str, read_back: str
) -> None:
    """Among the resources with the same name under the same parent."""
    editor, app, parent = world.editor, world.app, world.ids["integration"]
    body = {"name": "operation", "method": "POST", "path": "/other"}
    editor.network.lose = {"POST": lost}
    outcome = await editor.saver.create(OPERATION, app, body, parent=parent)
    assert isinstance(outcome, Unknown)
    assert outcome.read_back == read_back
    operations = await editor.saver.list_resources(OPERATION, app, parent)
    assert isinstance(operations, list)
    created = [raw for raw in operations if raw["path"] == "/other"]
    assert created == ([outcome.raw] if outcome.raw else [])
    (entry,) = entries(world)
    assert (entry.state, entry.resource) == (("done", created[0]["id"]) if created else ("failed", ""))


async def test_two_matching_resources_leave_a_create_unknown(world: World, other_editor: Editor) -> None:
    editor, app = world.editor, world.app
    body = {"name": "Twin", "description": "a"}
    editor.network.before = [lambda: other_editor.client.create(TOOL, body, app=app)]
    editor.network.lose = {"POST": "answer"}
    outcome = await editor.saver.create(TOOL, app, body)
    assert isinstance(outcome, Unknown)
    assert (outcome.read_back, outcome.raw) == ("cannot tell", None)
    assert [entry.state for entry in entries(world)] == ["unknown"]


async def test_nothing_is_created_if_the_existing_resources_cannot_be_read(world: World) -> None:
    editor = world.editor
    sent = len(editor.sent)
    editor.network.offline = True
    assert isinstance(await editor.saver.create(TOOL, world.app, {"name": "New"}), Failed)
    assert (len(editor.sent), entries(world)) == (sent, [])


async def test_given_ids_replace_reading_the_existing_resources(world: World) -> None:
    """A caller that creates many resources lists them once; others were created since."""
    editor, app = world.editor, world.app
    editor.network.lose = {"POST": "request"}
    body = {"name": "tool b"}
    outcome = await editor.saver.create(TOOL, app, body, known=[world.ids["tool a"], world.ids["tool c"]])
    assert isinstance(outcome, Unknown)
    assert outcome.raw
    assert (outcome.read_back, outcome.raw["id"]) == ("applied", world.ids["tool b"])


# --- deleting --------------------------------------------------------------------------------------


@pytest.mark.parametrize("with_base", [True, False])
async def test_delete_of_a_missing_resource_is_already_deleted(
    world: World, other_editor: Editor, with_base: bool
) -> None:
    app, tool = world.app, world.ids["tool c"]
    base = await world.editor.raw(TOOL, app, tool) if with_base else None
    await other_editor.client.delete(TOOL, tool, app=app)
    outcome = await world.editor.saver.delete(TOOL, app, tool, base=base)
    assert outcome == Deleted("tool c" if with_base else tool, already=True)
    assert entries(world) == []


async def test_delete_answered_with_404_is_recorded_as_failed(world: World, other_editor: Editor) -> None:
    app, tool = world.app, world.ids["tool c"]
    world.editor.network.before = [lambda: other_editor.client.delete(TOOL, tool, app=app)]
    assert await world.editor.saver.delete(TOOL, app, tool) == Deleted("tool c", already=True)
    assert [entry.state for entry in entries(world)] == ["failed"]


async def test_delete_that_cannot_be_read_back_stays_unknown(world: World) -> None:
    go_offline_after(world, "DELETE")
    outcome = await world.editor.saver.delete(TOOL, world.app, world.ids["tool c"])
    assert isinstance(outcome, Unknown)
    assert (outcome.read_back, outcome.raw) == ("cannot tell", None)
    assert [entry.state for entry in entries(world)] == ["unknown"]


async def test_ignored_changes_do_not_prevent_a_delete(world: World, other_editor: Editor) -> None:
    app, tool = world.app, world.ids["tool c"]
    base = await world.editor.raw(TOOL, app, tool)
    await other_editor.client.update(TOOL, tool, {"description": "new", "annotations": {"title": "new"}}, app=app)
    ignoring = ["description", "annotations.title"]
    assert not isinstance(await world.editor.saver.delete(TOOL, app, tool, base=base, ignoring=ignoring[:1]), Deleted)
    assert isinstance(await world.editor.saver.delete(TOOL, app, tool, base=base, ignoring=ignoring), Deleted)


# --- deploying -------------------------------------------------------------------------------------


async def test_deploy_of_a_deleted_app_is_refused_and_not_sent(world: World) -> None:
    outcome = await world.editor.saver.deploy("app_gone")
    assert isinstance(outcome, Refused)
    assert outcome.error.status == 404
    assert outcome.error.message == "the app is not there any more"
    assert not any(method == "POST" and last == "deploy" for method, last, _ in world.editor.sent)


@pytest.mark.parametrize("lost", ["", "answer", "request"])
async def test_deploy_is_recorded_as_done_if_the_version_changed(world: World, lost: str) -> None:
    editor = world.editor
    app = (await editor.client.create(APP, {"templateId": "support", "name": "Ready"})).raw["id"]
    editor.network.lose = {"POST": lost} if lost else {}
    outcome = await editor.saver.deploy(app)
    (entry,) = editor.journal(app).read().entries
    assert (entry.what, entry.name) == ("deploy", "Ready")
    assert entry.state == ("unknown" if lost == "request" else "done")
    if lost:
        assert isinstance(outcome, Unknown)
        assert outcome.group == entry.group
        assert outcome.raw == await editor.raw(APP, app, app)
    assert isinstance(await editor.saver.deploy(world.app), Refused)
    assert [entry.state for entry in entries(world)] == ["failed"]
