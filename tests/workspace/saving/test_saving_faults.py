"""Writing through trouble: what is given up is looked up, what may have been made is never made twice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest

from drio_tui.api.client import DrioClient
from drio_tui.api.transport import Limits, Transport
from drio_tui.kinds import INTEGRATION, OPERATION, TOOL, WIDGET
from drio_tui.workspace.saving.batch import set_enabled
from drio_tui.workspace.saving.cancellation import Stopped
from drio_tui.workspace.saving.journal import Journal
from drio_tui.workspace.saving.save_result import (
    Conflicted,
    Deleted,
    DeletedElsewhere,
    Edit,
    Failed,
    Refused,
    Saved,
    Unknown,
)
from drio_tui.workspace.saving.saver import Saver
from drio_tui.workspace.saving.undo import undo_last
from tests.ui.table_server import TableServer, serving
from tests.workspace.saving_world import Editor, World

pytest.importorskip("fastapi", reason="the sandbox extra is not installed")

if TYPE_CHECKING:
    from tests.sandbox_fixtures import InProcess


async def given_up(editor: Editor, app: str, doing: Awaitable[Any]) -> Any:
    """What comes of it when the person stops waiting once the network has gone silent."""
    task = asyncio.ensure_future(doing)
    await editor.network.hung.wait()
    editor.network.hung.clear()
    assert editor.saver.stop(app)
    return await task


async def test_a_read_that_is_given_up_writes_nothing(world: World) -> None:
    """F10: cancelled while it is read again before the write."""
    one = world.one
    edit = await one.edit(TOOL, world.app, world.ids["tool a"], description="new")
    sent = len(one.sent)
    one.network.hang = {"GET": "request"}
    outcome = await given_up(one, world.app, one.saver.save(edit))
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, Stopped)
    assert "nothing was written" in str(outcome.error)
    assert len(one.sent) == sent
    assert isinstance(await one.saver.save(edit), Saved)


@pytest.mark.parametrize(("silent", "verdict"), [("answer", "applied"), ("request", "not applied")])
async def test_a_write_that_is_given_up_is_read_again(world: World, silent: str, verdict: str) -> None:
    """F10 F12: whether the change was made is found out, and taken back by undo when it was."""
    one = world.one
    edit = await one.edit(TOOL, world.app, world.ids["tool a"], description="new")
    one.network.hang = {"PATCH": silent}
    outcome = await given_up(one, world.app, one.saver.save(edit))
    assert isinstance(outcome, Unknown)
    assert isinstance(outcome.error, Stopped)
    assert outcome.verdict == verdict
    assert not one.saver.intents.busy()
    # What did not arrive yet may still arrive: that is left open.
    (entry,) = one.journal(world.app).read().entries
    assert entry.state == ("done" if verdict == "applied" else "unknown")
    await undo_last(one.saver, world.app)
    assert (await one.raw(TOOL, world.app, edit.id))["description"] == "first"


async def test_the_looking_can_be_given_up_too(world: World) -> None:
    """F10 F12: a second stop ends it; what happened cannot be told."""
    one = world.one
    edit = await one.edit(TOOL, world.app, world.ids["tool a"], description="new")
    one.network.hang = {"PATCH": "answer"}
    saving = asyncio.create_task(one.saver.save(edit))
    await one.network.hung.wait()
    one.network.hung.clear()
    one.network.hang = {"GET": "request"}
    one.saver.stop(world.app)
    await one.network.hung.wait()
    one.saver.stop(world.app)
    outcome = await saving
    assert isinstance(outcome, Unknown)
    assert outcome.verdict == "cannot tell"


async def test_only_the_requests_of_the_app_are_given_up(world: World) -> None:
    """F10: and with nothing under way there is nothing to give up."""
    assert not world.one.saver.stop(world.app)
    saving = asyncio.create_task(world.one.saver.now(TOOL, world.app, world.ids["tool a"]))
    await asyncio.sleep(0)
    assert not world.one.saver.stop("another app")
    assert isinstance(await saving, dict)


@pytest.mark.parametrize(("silent", "verdict"), [("answer", "applied"), ("request", "not applied")])
@pytest.mark.parametrize("way", ["delete", "create"])
async def test_a_delete_and_a_create_are_given_up_alike(world: World, way: str, silent: str, verdict: str) -> None:
    """F10 F12: and what did not arrive yet may still arrive, so that is left open here too."""
    one, app = world.one, world.app
    one.network.hang = {"DELETE": silent, "POST": silent}
    doing = {
        "delete": lambda: one.saver.delete(TOOL, app, world.ids["tool c"]),
        "create": lambda: one.saver.create(TOOL, app, {"name": "Late"}),
    }[way]
    outcome = await given_up(one, app, doing())
    assert isinstance(outcome, Unknown)
    assert outcome.verdict == verdict
    (entry,) = one.journal(app).read().entries
    assert entry.state == ("done" if verdict == "applied" else "unknown")


async def unreadable_after_the_write(world: World) -> Unknown:
    """A create whose answer is lost, and nothing can be read afterwards."""
    network = world.one.network

    async def cut() -> None:
        network.offline = True

    network.lose = {"POST": "answer"}
    original = network.handle_async_request

    async def handle(request: Any) -> Any:
        try:
            return await original(request)
        finally:
            if request.method == "POST":
                await cut()

    network.handle_async_request = handle  # type: ignore[method-assign]
    outcome = await world.one.saver.create(TOOL, world.app, {"name": "Twin", "description": "a"}, intent="form 1")
    network.handle_async_request = original  # type: ignore[method-assign]
    network.offline = False
    assert isinstance(outcome, Unknown)
    assert outcome.verdict == "cannot tell"
    return outcome


@pytest.mark.parametrize("now", [{"name": "Twin", "description": "a"}, {"name": "Twin", "description": "b"}])
async def test_a_create_that_may_have_happened_is_looked_for_before_it_is_sent_again(
    world: World, now: dict[str, Any]
) -> None:
    """F08 F12: the person presses save again; the one that was made is found, and brought up to what is wanted now."""
    await unreadable_after_the_write(world)
    posts = [verb for verb, *_ in world.one.sent].count("POST")
    outcome = await world.one.saver.create(TOOL, world.app, now, intent="form 1")
    assert isinstance(outcome, Saved)
    assert [verb for verb, *_ in world.one.sent].count("POST") == posts
    twins = [raw for raw in (await world.one.client.list(TOOL, app=world.app)).items if raw["name"] == "Twin"]
    assert [(raw["id"], raw["description"]) for raw in twins] == [(outcome.id, now["description"])]
    first = world.one.journal(world.app).read().entries[0]
    assert (first.what, first.state, first.resource) == ("create", "done", outcome.id)
    while await undo_last(world.one.saver, world.app):
        pass
    assert not any(raw["name"] == "Twin" for raw in (await world.one.client.list(TOOL, app=world.app)).items)


async def test_what_others_do_to_the_one_that_was_found_stays(world: World, sandbox: InProcess) -> None:
    """F05 F12: between the looking and the bringing up to date; it was made, and is not overwritten."""
    lost = await unreadable_after_the_write(world)
    one, two, app = world.one, Editor(sandbox, "other"), world.app
    (twin,) = [raw for raw in (await one.client.list(TOOL, app=app)).items if raw["name"] == "Twin"]
    one.network.before = [lambda: two.client.update(TOOL, twin["id"], {"description": "theirs"}, app=app)]
    one.network.refuse = [412]
    wanted = {"name": "Twin", "description": "b"}
    outcome = await one.saver.create(TOOL, app, wanted, intent="form 1", group="one-intent")
    assert isinstance(outcome, Unknown)
    assert (outcome.verdict, outcome.group, outcome.raw) == ("applied", "one-intent", twin)
    assert type(outcome.error) is type(lost.error)
    assert (await one.raw(TOOL, app, twin["id"]))["description"] == "theirs"
    await two.client.aclose()


async def test_something_alike_but_not_the_same_stops_the_second_attempt(world: World) -> None:
    """F08 F12: it could be ours, changed by another one; making a second one blindly would not do."""
    await unreadable_after_the_write(world)
    (twin,) = [raw for raw in (await world.one.client.list(TOOL, app=world.app)).items if raw["name"] == "Twin"]
    await world.one.client.update(TOOL, twin["id"], {"description": "theirs"}, app=world.app)
    posts = [verb for verb, *_ in world.one.sent].count("POST")
    for _ in range(2):
        body = {"name": "Twin", "description": "a"}
        outcome = await world.one.saver.create(TOOL, world.app, body, intent="form 1", group="one-intent")
        assert isinstance(outcome, Unknown)
        assert (outcome.verdict, outcome.group) == ("cannot tell", "one-intent")
    assert [verb for verb, *_ in world.one.sent].count("POST") == posts
    # Another form that asks for the same is another wish.
    other = await world.one.saver.create(TOOL, world.app, {"name": "Twin", "description": "a"}, intent="form 2")
    assert isinstance(other, Saved)


@pytest.mark.parametrize("code", [409, 412])
async def test_a_write_refused_because_the_resource_moved_on_is_merged_again(
    world: World, sandbox: InProcess, code: int
) -> None:
    """F05: a 409 that means "someone else was first" is told from a clash by reading again."""
    one, two = world.one, Editor(sandbox, "other")
    app, tool = world.app, world.ids["tool a"]
    edit = await one.edit(TOOL, app, tool, description="mine")
    one.network.before = [lambda: two.client.update(TOOL, tool, {"name": "Theirs"}, app=app)]
    one.network.refuse = [code]
    outcome = await one.saver.save(edit)
    assert isinstance(outcome, Saved)
    assert (outcome.raw["name"], outcome.raw["description"]) == ("Theirs", "mine")
    edit = await one.edit(TOOL, app, tool, description="again mine")
    one.network.before = [lambda: two.client.update(TOOL, tool, {"description": "theirs"}, app=app)]
    one.network.refuse = [code]
    assert isinstance(await one.saver.save(edit), Conflicted)
    await two.client.aclose()


@pytest.mark.parametrize("refusals", [1, 2, 3])
async def test_a_resource_that_keeps_moving_on_is_tried_three_times(
    world: World, sandbox: InProcess, refusals: int
) -> None:
    one = world.one
    edit = await one.edit(TOOL, world.app, world.ids["tool a"], description="mine")
    sent = len(one.sent)
    one.network.refuse = [412] * refusals
    outcome = await one.saver.save(edit)
    assert isinstance(outcome, Saved if refusals < 3 else Refused)
    assert len(one.sent) - sent == min(refusals + 1, 3)


@pytest.mark.parametrize(
    "details",
    [
        {"referrers": [{"kind": "widget", "id": "w", "name": "W", "field": "toolId"}]},
        [{"path": "name", "message": "is taken"}],
    ],
)
async def test_a_409_that_names_its_reason_is_refused_once_although_the_resource_moved_on(
    world: World, sandbox: InProcess, details: Any
) -> None:
    one, two = world.one, Editor(sandbox, "other")
    tool = world.ids["tool a"]
    edit = await one.edit(TOOL, world.app, tool, description="mine")
    sent = len(one.sent)
    one.network.before = [lambda: two.client.update(TOOL, tool, {"name": "Theirs"}, app=world.app)]
    one.network.refuse = [(409, details)]
    outcome = await one.saver.save(edit)
    assert isinstance(outcome, Refused)
    assert outcome.referrers or outcome.fields
    assert len(one.sent) == sent + 1
    await two.client.aclose()


async def test_a_clash_with_something_else_is_refused_once(world: World) -> None:
    """F05: nothing moved, so nothing would be different the second time."""
    one = world.one
    sent = len(one.sent)
    one.network.refuse = [409]
    edit = await one.edit(TOOL, world.app, world.ids["tool a"], description="mine")
    outcome = await one.saver.save(edit)
    assert isinstance(outcome, Refused)
    assert len(one.sent) == sent + 1


async def test_what_stands_on_something_deleted_meanwhile_is_refused_and_kept(world: World, sandbox: InProcess) -> None:
    """F32: the integration of a new operation, the tool of a widget."""
    one, two = world.one, Editor(sandbox, "other")
    app = world.app
    parent = (await one.client.create(INTEGRATION, {"name": "Gone", "baseUrl": "https://a.test"}, app=app)).raw["id"]
    tool = (await one.client.create(TOOL, {"name": "Gone too"}, app=app)).raw["id"]
    await two.client.delete(INTEGRATION, parent, app=app)
    await two.client.delete(TOOL, tool, app=app)
    body = {"name": "Search", "method": "GET", "path": "/s"}
    orphan = await one.saver.create(OPERATION, app, body, parent=parent)
    assert isinstance(orphan, Refused)
    assert orphan.error.status == 404
    widget = await one.saver.create(WIDGET, app, {"name": "W", "toolId": tool, "primitive": "card"})
    assert isinstance(widget, Refused)
    assert [error.path for error in widget.fields] == ["toolId"]
    await two.client.aclose()


async def test_two_programs_of_one_profile_undo_each_others_changes_in_one_history(
    world: World, sandbox: InProcess
) -> None:
    """F33: nothing is shared in memory; each writes lines of its own into the journal."""
    one, two = world.one, Editor(sandbox, world.one.profile)
    app, tool = world.app, world.ids["tool a"]
    before = sorted(raw["name"] for raw in (await two.client.list(TOOL, app=app)).items)
    changes: list[Callable[[], Awaitable[Any]]] = [
        lambda: one.saver.create(TOOL, app, {"name": "From one"}),
        lambda: two.saver.create(TOOL, app, {"name": "From two"}),
        lambda: set_enabled(one.saver, TOOL, app, tool, False),
        lambda: two.saver.delete(TOOL, app, world.ids["tool c"]),
    ]
    await asyncio.gather(*(change() for change in changes))
    assert sorted(entry.what for entry in one.journal(app).read().entries) == ["create", "create", "delete", "update"]
    for _ in range(2):
        assert all(step.ok for step in await undo_last(one.saver, app))
        assert all(step.ok for step in await undo_last(two.saver, app))
    names = sorted(raw["name"] for raw in (await two.client.list(TOOL, app=app)).items)
    assert names == before
    assert (await one.raw(TOOL, app, tool))["isEnabled"] is True
    await two.client.aclose()


async def test_a_deploy_sends_the_revision_that_the_save_under_way_makes(world: World) -> None:
    """F35: the save is slow; the deploy waits for it, and is one however often it is asked for."""
    one, app = world.one, world.app
    release = asyncio.Event()
    one.network.before = [release.wait]
    edit = await one.edit(TOOL, app, world.ids["tool a"], description="in the deploy")
    saving = asyncio.create_task(one.saver.save(edit))
    while one.network.before:
        await asyncio.sleep(0)
    deploys = [asyncio.create_task(one.saver.deploy(app)) for _ in range(20)]
    for _ in range(20):
        await asyncio.sleep(0)
    assert [verb for verb, *_ in one.sent].count("PATCH") == 1
    posts = [verb for verb, *_ in one.sent].count("POST")
    release.set()
    assert isinstance(await saving, Saved)
    outcomes = [await deploy for deploy in deploys]
    assert len({id(outcome) for outcome in outcomes}) == 1
    assert [verb for verb, *_ in one.sent].count("POST") == posts + 1
    assert [verb for verb, *_ in one.sent][-2:] == ["PATCH", "POST"]


async def test_a_change_that_waits_for_a_deploy_is_given_up_without_it(world: World) -> None:
    """F35: Esc on an edit does not end the deploy that its save waits for."""
    one, app = world.one, world.app
    edit = await one.edit(TOOL, app, world.ids["tool a"], description="not in the deploy")
    begun, release = asyncio.Event(), asyncio.Event()

    async def look() -> None:
        begun.set()
        await release.wait()

    deploying = asyncio.create_task(one.saver.deploy(app, look))
    await begun.wait()
    saving = asyncio.create_task(one.saver.save(edit))
    while not one.saver.stop(app):
        await asyncio.sleep(0)
    outcome = await saving
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, Stopped)
    assert not one.saver.stop(app)
    release.set()
    assert not isinstance(await deploying, Failed | Unknown), "it was asked for and answered"
    verbs = [verb for verb, *_ in one.sent]
    assert (verbs.count("PATCH"), verbs[-1]) == (0, "POST")


async def test_a_resource_deleted_twice_at_once_is_simply_gone(world: World, sandbox: InProcess) -> None:
    """F04: whoever comes second is told that it was done already."""
    one, two = world.one, Editor(sandbox, "other")
    one.network.before = [lambda: two.client.delete(TOOL, world.ids["tool c"], app=world.app)]
    outcome = await one.saver.delete(TOOL, world.app, world.ids["tool c"])
    assert isinstance(outcome, Deleted)
    assert outcome.already
    edit = await one.edit(TOOL, world.app, world.ids["tool b"], description="mine")
    await two.client.set_chain(world.app, world.ids["tool a"], [])
    widget = await two.raw(WIDGET, world.app, world.ids["widget"])
    await two.client.set_actions(world.app, widget["id"], [])
    await two.client.delete(TOOL, world.ids["tool b"], app=world.app)
    assert isinstance(await one.saver.save(edit), DeletedElsewhere)
    await two.client.aclose()


HOSTILE_IDS = [
    "a/b",
    "?x=1",
    "#y",
    "100%",
    "%2e%2e",
    "a b",
    "..a..",
    "漢字 é",
    "'; rm -rf ~; '",
    "\u202e[red]",
    "x" * 900,
]


@pytest.mark.parametrize("id", HOSTILE_IDS)
async def test_an_id_of_any_characters_is_edited_chained_and_deleted_as_itself(id: str) -> None:
    """F23: one segment of the path, encoded once; found again in the journal."""
    raw = {"id": id, "name": "Odd", "description": "a", "nextToolIds": [], "order": 1}
    item = f"/apps/{id}/tools/{id}"
    answers = {
        f"GET {item}": {"tool": raw},
        f"PATCH {item}": {"tool": raw | {"description": "b"}},
        f"PUT {item}/chain": {"tool": raw | {"nextToolIds": ["tool_2"]}},
        f"DELETE {item}": {},
    }
    async with serving(TableServer(answers)) as server:
        client = DrioClient(Transport(f"{server.base_url}/api/v1", limits=Limits(retries=0)))
        saver = Saver(client, lambda app: Journal("me", server.base_url, app))
        edit = Edit(TOOL, id, id, raw, raw | {"description": "b", "nextToolIds": ["tool_2"]})
        assert isinstance(await saver.save(edit), Saved)
        assert isinstance(await saver.delete(TOOL, id, id, base=raw), Deleted)
        await client.aclose()
        assert {target.count("/") for target in server.targets} == {6, 7}  # /api/v1/apps/…/tools/…, and /chain
        assert all(unquote(target.split("/")[4]) == id for target in server.targets)
        assert [entry.resource for entry in Journal("me", server.base_url, id).read().entries] == [id] * 3


@pytest.mark.parametrize("id", ["..", ".", "", "x" * 100_000])
async def test_an_id_that_no_address_can_hold_is_refused_and_nothing_is_sent(id: str) -> None:
    """F23: it never leads to another resource."""
    async with serving(TableServer()) as server:
        client = DrioClient(Transport(f"{server.base_url}/api/v1", limits=Limits(retries=0)))
        saver = Saver(client)
        raw = {"id": id, "name": "Odd"}
        assert isinstance(await saver.save(Edit(TOOL, "app_1", id, raw, raw | {"name": "b"})), Failed)
        assert isinstance(await saver.delete(TOOL, "app_1", id, base=raw), Failed)
        await client.aclose()
        assert server.requests == []
