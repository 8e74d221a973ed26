"""What an outcome tells and the journal notes, in every way in which a change can end; and which changes are one."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from drio_tui.api.client import DrioClient
from drio_tui.api.transport import Limits, Transport
from drio_tui.kinds import APP, AUTH, INTEGRATION, OPERATION, TOOL, WIDGET
from drio_tui.workspace.saving.cancellation import Stopped
from drio_tui.workspace.saving.journal import Entry, Journal, mark_of, marks_of
from drio_tui.workspace.saving.save_result import Deleted, DeletedElsewhere, Edit, Failed, Refused, Saved, Unknown
from drio_tui.workspace.saving.saver import Saver
from drio_tui.workspace.saving.undo import undo_last
from tests.ui.table_server import TableServer, serving
from tests.workspace.saving_world import Editor, World

pytest.importorskip("fastapi", reason="the sandbox extra is not installed")

if TYPE_CHECKING:
    pass


def entries(world: World) -> list[Entry]:
    return world.one.journal(world.app).read().entries


def go_offline_after(world: World, method: str) -> None:
    """The next request that changes something is carried out, its answer is lost, and so is the connection."""

    async def cut() -> None:
        world.one.network.offline = True

    world.one.network.before = [cut]
    world.one.network.lose = {method: "answer"}


# --- what is one change ----------------------------------------------------------------------------


@pytest.mark.parametrize("member", ["base", "mine", "again"])
async def test_saves_at_once_that_differ_in_anything_are_each_carried_out(world: World, member: str) -> None:
    one = world.one
    edit = await one.edit(TOOL, world.app, world.ids["tool a"])
    older = {**edit.base, "description": "older"}
    other = {"base": replace(edit, base=older), "mine": replace(edit, mine=older)}.get(
        member, replace(edit, again=("binding",))
    )
    first, second = await asyncio.gather(one.saver.save(edit), one.saver.save(other))
    assert isinstance(first, Saved)
    assert isinstance(second, Saved)
    assert first is not second


async def test_two_bodies_sent_at_once_make_two_resources(world: World) -> None:
    saver = world.one.saver
    made = await asyncio.gather(*(saver.create(TOOL, world.app, {"name": name}) for name in ("One", "Two")))
    assert [outcome.raw["name"] for outcome in made if isinstance(outcome, Saved)] == ["One", "Two"]


@pytest.mark.parametrize("group", ["", "one-intent"])
async def test_what_a_save_writes_by_several_routes_is_told_and_undone_as_one(world: World, group: str) -> None:
    one, ids = world.one, world.ids
    edit = await one.edit(TOOL, world.app, ids["tool a"], description="new", nextToolIds=[])
    outcome = await one.saver.save(edit, group=group)
    assert isinstance(outcome, Saved)
    assert [change.dotted for change in outcome.diff] == ["description", "nextToolIds"]
    assert len(set(outcome.request_ids)) == 2
    assert [(entry.part, entry.group) for entry in entries(world)] == [
        ("patch", outcome.group), ("chain", outcome.group),
    ]  # fmt: skip
    assert outcome.group == (group or outcome.group) != ""
    steps = await undo_last(one.saver, world.app)
    assert [step.ok for step in steps] == [True, True]


async def test_changes_that_nobody_put_together_are_undone_one_by_one(world: World) -> None:
    one, app = world.one, world.app
    for name in ("One", "Two"):
        assert isinstance(await one.saver.create(TOOL, app, {"name": name}), Saved)
        edit = await one.edit(TOOL, app, world.ids["tool a"], description=name)
        assert isinstance(await one.saver.save(edit), Saved)
    for tool in [raw for raw in (await one.client.list(TOOL, app=app)).items if raw["name"] in ("One", "Two")]:
        assert isinstance(await one.saver.delete(TOOL, app, tool["id"]), Deleted)
    for what in ("delete", "delete", "update", "create", "update", "create"):
        (step,) = await undo_last(one.saver, app)
        assert step.entry.what == what
        assert step.ok


@pytest.mark.parametrize("lost", [False, True])
@pytest.mark.parametrize("group", ["", "one-intent"])
@pytest.mark.parametrize("way", ["save", "create", "delete"])
async def test_an_outcome_names_the_group_of_its_entry(world: World, way: str, group: str, lost: bool) -> None:
    one, app, saver = world.one, world.app, world.one.saver
    edit = await one.edit(TOOL, app, world.ids["tool a"], description="new")
    doing: dict[str, Coroutine[Any, Any, Any]] = {
        "save": saver.save(edit, group=group),
        "create": saver.create(TOOL, app, {"name": "New"}, group=group),
        "delete": saver.delete(TOOL, app, world.ids["tool c"], group=group),
    }
    wanted = doing.pop(way)
    for other in doing.values():
        other.close()
    if lost:
        one.network.lose = dict.fromkeys(("PATCH", "POST", "DELETE"), "answer")
    outcome = await wanted
    assert isinstance(outcome, Unknown if lost else Saved | Deleted)
    (entry,) = entries(world)
    assert entry.group == outcome.group == (group or entry.group)
    assert entry.state == "done"
    assert lost or outcome.request_id


# --- given up --------------------------------------------------------------------------------------


@pytest.mark.parametrize("deploying", [False, True])
async def test_a_preview_is_given_up_without_the_deploy_that_goes_on(world: World, deploying: bool) -> None:
    one, app = world.one, world.app
    edit = await one.edit(TOOL, app, world.ids["tool a"], description="new")
    begun, release = asyncio.Event(), asyncio.Event()

    async def look() -> None:
        begun.set()
        await release.wait()

    deploy = asyncio.create_task(one.saver.deploy(app, look)) if deploying else None
    if deploy is not None:
        await begun.wait()
    one.network.hang = {"GET": "request"}
    preview = asyncio.create_task(one.saver.preview(edit))
    await one.network.hung.wait()
    assert one.saver.stop(app)
    outcome = await preview
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, Stopped)
    release.set()
    if deploy is not None:
        assert isinstance(await deploy, Refused), "it was sent, and this app is not ready"


async def test_a_deploy_is_given_up_by_a_stop_of_its_own(world: World) -> None:
    one, app = world.one, world.app
    one.network.hang = {"POST": "request"}
    deploy = asyncio.create_task(one.saver.deploy(app))
    await one.network.hung.wait()
    assert not one.saver.stop(app)
    assert one.saver.stop_deploy(app)
    outcome = await deploy
    assert isinstance(outcome, Unknown)
    assert isinstance(outcome.error, Stopped)
    assert "the request was given up" in str(outcome.error)
    assert [(entry.what, entry.state) for entry in entries(world)] == [("deploy", "unknown")]


async def test_a_preview_of_what_is_gone_gives_the_buffer_back(world: World, two: Editor) -> None:
    edit = await world.one.edit(TOOL, world.app, world.ids["tool c"], description="precious")
    world.one.network.offline = True
    assert isinstance(await world.one.saver.preview(edit), Failed)
    world.one.network.offline = False
    await two.client.delete(TOOL, edit.id, app=world.app)
    outcome = await world.one.saver.preview(edit)
    assert isinstance(outcome, DeletedElsewhere)
    assert outcome.buffer["description"] == "precious"


# --- what is noted before a request goes out -------------------------------------------------------


async def begun(world: World, doing: Coroutine[Any, Any, Any]) -> Entry:
    """The last entry while the request of a change is on its way."""
    network = world.one.network
    network.hang = dict.fromkeys(("PATCH", "POST", "DELETE"), "request")
    task = asyncio.create_task(doing)
    await network.hung.wait()
    network.hung.clear()
    entry = entries(world)[-1]
    network.hang = {}
    world.one.saver.stop(world.app)
    await task
    return entry


async def test_an_update_is_noted_before_it_is_sent_without_the_secrets_of_either_side(world: World) -> None:
    one, app, id = world.one, world.app, world.ids["integration"]
    had = {"headers": {"X-Auth-Token": "s3cret-before", "X-Plain": "a"}}
    await one.client.update(INTEGRATION, id, {"config": had}, app=app)
    config = {"headers": {"X-Api-Key": "s3cret-after", "X-Plain": "b"}}
    edit = await one.edit(INTEGRATION, app, id, name="Renamed", config=config)
    entry = await begun(world, one.saver.save(edit, undoes="another"))
    assert (entry.what, entry.kind, entry.resource, entry.name) == ("update", "integration", id, "integration")
    assert (entry.part, entry.undoes, entry.state) == ("patch", "another", "unknown")
    assert entry.before == {"name": "integration", "config": {"headers": {"X-Plain": "a"}}}
    assert entry.after == {"name": "Renamed", "config": {"headers": {"X-Plain": "b"}}}
    assert sorted(entry.lost) == ["config.headers.X-Api-Key", "config.headers.X-Auth-Token"]
    # The answer shows what else may be kept, and which secrets were not there before.
    config = {"headers": {"X-Auth-Token": "s3cret-later", "X-Api-Key": "s3cret-new"}, "x-odd": 1}
    assert isinstance(await one.saver.save(await one.edit(INTEGRATION, app, id, config=config)), Saved)
    entry = entries(world)[-1]
    assert entry.after == {"config": {"headers": {}, "x-odd": 1}}
    assert entry.added == (("config", "headers", "X-Api-Key"),)
    assert "s3cret" not in one.journal(app).path.read_text()


async def test_a_create_is_noted_with_what_tells_later_whether_it_was_made(world: World) -> None:
    one, app, ids = world.one, world.app, world.ids
    body = {"name": "Search", "method": "GET", "path": "/s"}
    doing = one.saver.create(OPERATION, app, body, parent=ids["integration"], group="one-intent", undoes="another")
    entry = await begun(world, doing)
    assert (entry.what, entry.kind, entry.resource, entry.name) == ("create", "operation", "", "Search")
    assert (entry.parent, entry.group, entry.undoes) == (ids["integration"], "one-intent", "another")
    assert entry.known == (mark_of(ids["operation"]),)
    assert entry.sent == marks_of(body)
    # Only the first of a group, kind and parent says what was there.
    other = (await one.client.create(INTEGRATION, {"name": "B", "baseUrl": "https://b.test"}, app=app)).raw["id"]
    again = [
        (body, ids["integration"], "one-intent", False),
        (body | {"name": "Other"}, other, "one-intent", True),
        (body | {"name": "Third"}, ids["integration"], "another-intent", True),
    ]
    for each, parent, group, noted in again:
        entry = await begun(world, one.saver.create(OPERATION, app, each, parent=parent, group=group))
        assert (entry.known is not None) == noted
    auth = {"name": "New", "providerKey": "none"}
    for doing in (
        one.saver.create(TOOL, app, {"name": "New"}, group="one-intent"),
        one.saver.create(AUTH, app, auth, group="one-intent"),
    ):
        entry = await begun(world, doing)
        assert entry.known is not None
        assert entry.parent == ""


async def test_a_delete_is_noted_with_all_that_making_it_again_takes(world: World) -> None:
    one, app, ids = world.one, world.app, world.ids
    raw = await one.raw(OPERATION, app, ids["operation"])
    links = [("tool", ids["tool a"], "binding")]
    doing = one.saver.delete(OPERATION, app, raw["id"], links=links, place=7, undoes="another")
    entry = await begun(world, doing)
    assert (entry.what, entry.kind, entry.resource, entry.name) == ("delete", "operation", raw["id"], "operation")
    assert (entry.parent, entry.place, entry.undoes) == (ids["integration"], 7, "another")
    assert entry.links == tuple(links)
    assert entry.before == raw
    body = {"name": "Keyed", "providerKey": "api-key", "config": {"headerName": "X-Key", "apiKey": "hush-hush"}}
    keyed = (await one.client.create(AUTH, body, app=app)).raw
    entry = await begun(world, one.saver.delete(AUTH, app, keyed["id"]))
    assert (entry.lost, entry.parent) == (("secretRef",), "")


# --- how a write ends ------------------------------------------------------------------------------


async def test_what_the_answer_does_not_show_is_noted_as_write_only(isolated: Path) -> None:
    """A member is named that was sent and does not come back; one that was taken away is simply gone."""
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


async def test_the_names_of_target_tools_go_along_with_the_actions(world: World, two: Editor) -> None:
    """For a server that does not add them: those of actions that others added, and of those that are new here."""
    app, ids = world.app, world.ids
    base = await world.one.raw(WIDGET, app, ids["widget"])
    act = {"trigger": "row.select", "type": "callTool"}
    mine = [*base["actions"], act | {"targetToolId": ids["tool c"], "targetToolName": "tool c"}]
    await two.client.set_actions(app, ids["widget"], [*base["actions"], act | {"targetToolId": ids["tool a"]}])
    outcome = await world.one.saver.save(Edit(WIDGET, app, ids["widget"], base, {**base, "actions": mine}))
    assert isinstance(outcome, Saved)
    sent = world.one.sent[-1][2]["actions"]
    assert sorted(action["targetToolName"] for action in sent) == ["tool a", "tool b", "tool c"]


@pytest.mark.parametrize("trouble", ["lost", "offline"])
async def test_what_had_got_through_before_the_trouble_is_told(world: World, trouble: str) -> None:
    one = world.one
    edit = await one.edit(TOOL, world.app, world.ids["tool a"], description="new", nextToolIds=[])
    if trouble == "lost":
        one.network.lose = {"PUT": "request"}
    else:
        go_offline_after(world, "nothing")
    outcome = await one.saver.save(edit)
    assert isinstance(outcome, Unknown if trouble == "lost" else Failed)
    assert [change.dotted for change in outcome.written] == ["description"]
    assert [entry.state for entry in entries(world)] == ["done", "failed"]


async def test_a_404_to_a_write_of_something_that_is_there_is_a_refusal(world: World) -> None:
    one = world.one
    edit = await one.edit(TOOL, world.app, world.ids["tool a"], description="new")
    one.network.refuse = [404]
    outcome = await one.saver.save(edit)
    assert isinstance(outcome, Refused)
    assert outcome.error.status == 404


async def test_another_refusal_of_something_that_moved_on_is_not_tried_again(world: World, two: Editor) -> None:
    one, tool = world.one, world.ids["tool a"]
    edit = await one.edit(TOOL, world.app, tool, description="mine")
    sent = len(one.sent)
    one.network.before = [lambda: two.client.update(TOOL, tool, {"name": "Theirs"}, app=world.app)]
    one.network.refuse = [400]
    assert isinstance(await one.saver.save(edit), Refused)
    assert len(one.sent) == sent + 1


async def test_everything_goes_without_a_journal_too(world: World) -> None:
    one, app = world.one, world.app
    saver = Saver(one.client)
    one.network.lose = {"PATCH": "answer"}
    lost = await saver.save(await one.edit(TOOL, app, world.ids["tool a"], description="new"))
    assert isinstance(lost, Unknown)
    assert lost.verdict == "applied"
    made = await saver.create(TOOL, app, {"name": "New"})
    assert isinstance(made, Saved)
    assert isinstance(await saver.delete(TOOL, app, made.id), Deleted)
    assert isinstance(await saver.deploy(app), Refused)
    assert await undo_last(saver, app) == []


async def test_what_no_file_can_hold_is_undone_from_memory(world: World, isolated: Path) -> None:
    (isolated / "state").write_text("a file where the folder should be")
    one, app, tool = world.one, world.app, world.ids["tool a"]
    assert isinstance(await one.saver.save(await one.edit(TOOL, app, tool, description="new")), Saved)
    journal = one.saver.journal(app)
    assert journal is not None
    assert "in memory only" in journal.notices[0]
    (step,) = await undo_last(one.saver, app)
    assert step.ok
    assert (await one.raw(TOOL, app, tool))["description"] == "first"


# --- making ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("lost", "verdict"), [("answer", "applied"), ("request", "not applied")])
async def test_a_lost_create_is_looked_for_where_it_stands(world: World, lost: str, verdict: str) -> None:
    """Under its parent, among all that goes by the same name there."""
    one, app, parent = world.one, world.app, world.ids["integration"]
    body = {"name": "operation", "method": "POST", "path": "/other"}
    one.network.lose = {"POST": lost}
    outcome = await one.saver.create(OPERATION, app, body, parent=parent)
    assert isinstance(outcome, Unknown)
    assert outcome.verdict == verdict
    there = await one.saver.listed(OPERATION, app, parent)
    assert isinstance(there, list)
    made = [raw for raw in there if raw["path"] == "/other"]
    assert made == ([outcome.raw] if outcome.raw else [])
    (entry,) = entries(world)
    assert (entry.state, entry.resource) == (("done", made[0]["id"]) if made else ("failed", ""))


async def test_two_that_are_alike_leave_it_open_which_one_was_made(world: World, two: Editor) -> None:
    one, app = world.one, world.app
    body = {"name": "Twin", "description": "a"}
    one.network.before = [lambda: two.client.create(TOOL, body, app=app)]
    one.network.lose = {"POST": "answer"}
    outcome = await one.saver.create(TOOL, app, body)
    assert isinstance(outcome, Unknown)
    assert (outcome.verdict, outcome.raw) == ("cannot tell", None)
    assert [entry.state for entry in entries(world)] == ["unknown"]


async def test_nothing_is_made_when_what_is_there_cannot_be_read(world: World) -> None:
    one = world.one
    sent = len(one.sent)
    one.network.offline = True
    assert isinstance(await one.saver.create(TOOL, world.app, {"name": "New"}), Failed)
    assert (len(one.sent), entries(world)) == (sent, [])


async def test_what_is_known_to_be_there_is_not_read_again(world: World) -> None:
    """Whoever makes many resources lists them once; what is not among those was made since."""
    one, app = world.one, world.app
    one.network.lose = {"POST": "request"}
    body = {"name": "tool b"}
    outcome = await one.saver.create(TOOL, app, body, known=[world.ids["tool a"], world.ids["tool c"]])
    assert isinstance(outcome, Unknown)
    assert outcome.raw
    assert (outcome.verdict, outcome.raw["id"]) == ("applied", world.ids["tool b"])


# --- deleting --------------------------------------------------------------------------------------


@pytest.mark.parametrize("seen", [True, False])
async def test_what_was_deleted_already_is_named(world: World, two: Editor, seen: bool) -> None:
    app, tool = world.app, world.ids["tool c"]
    base = await world.one.raw(TOOL, app, tool) if seen else None
    await two.client.delete(TOOL, tool, app=app)
    outcome = await world.one.saver.delete(TOOL, app, tool, base=base)
    assert outcome == Deleted("tool c" if seen else tool, already=True)
    assert entries(world) == []


async def test_a_delete_that_others_were_faster_with_is_noted_as_theirs(world: World, two: Editor) -> None:
    app, tool = world.app, world.ids["tool c"]
    world.one.network.before = [lambda: two.client.delete(TOOL, tool, app=app)]
    assert await world.one.saver.delete(TOOL, app, tool) == Deleted("tool c", already=True)
    assert [entry.state for entry in entries(world)] == ["failed"]


async def test_a_delete_that_cannot_be_looked_up_is_left_open(world: World) -> None:
    go_offline_after(world, "DELETE")
    outcome = await world.one.saver.delete(TOOL, world.app, world.ids["tool c"])
    assert isinstance(outcome, Unknown)
    assert (outcome.verdict, outcome.raw) == ("cannot tell", None)
    assert [entry.state for entry in entries(world)] == ["unknown"]


async def test_what_need_not_be_as_it_was_seen_does_not_keep_it_from_being_deleted(world: World, two: Editor) -> None:
    app, tool = world.app, world.ids["tool c"]
    base = await world.one.raw(TOOL, app, tool)
    await two.client.update(TOOL, tool, {"description": "new", "annotations": {"title": "new"}}, app=app)
    ignoring = ["description", "annotations.title"]
    assert not isinstance(await world.one.saver.delete(TOOL, app, tool, base=base, ignoring=ignoring[:1]), Deleted)
    assert isinstance(await world.one.saver.delete(TOOL, app, tool, base=base, ignoring=ignoring), Deleted)


# --- deploying -------------------------------------------------------------------------------------


async def test_a_deploy_of_an_app_that_is_gone_says_so_and_sends_nothing(world: World) -> None:
    outcome = await world.one.saver.deploy("app_gone")
    assert isinstance(outcome, Refused)
    assert outcome.error.status == 404
    assert outcome.error.message == "the app is not there any more"
    assert not any(method == "POST" and last == "deploy" for method, last, _ in world.one.sent)


@pytest.mark.parametrize("lost", ["", "answer", "request"])
async def test_a_deploy_is_noted_as_done_once_it_is_known_to_be_live(world: World, lost: str) -> None:
    one = world.one
    app = (await one.client.create(APP, {"templateId": "support", "name": "Ready"})).raw["id"]
    one.network.lose = {"POST": lost} if lost else {}
    outcome = await one.saver.deploy(app)
    (entry,) = one.journal(app).read().entries
    assert (entry.what, entry.name) == ("deploy", "Ready")
    assert entry.state == ("unknown" if lost == "request" else "done")
    if lost:
        assert isinstance(outcome, Unknown)
        assert outcome.group == entry.group
        assert outcome.raw == await one.raw(APP, app, app)
    assert isinstance(await one.saver.deploy(world.app), Refused)
    assert [entry.state for entry in entries(world)] == ["failed"]
