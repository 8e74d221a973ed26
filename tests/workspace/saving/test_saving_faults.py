"""Saving with faults: cancelled writes are read back, and a resource is never created twice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest

from drio_tui.api.client import DrioClient
from drio_tui.api.errors import OutcomeUnknown
from drio_tui.api.exchange import Limits
from drio_tui.api.transport import Transport
from drio_tui.kinds import INTEGRATION, OPERATION, TOOL, WIDGET
from drio_tui.plan.undo import undo_last
from drio_tui.workspace.saving.cancellation import RequestCancelled
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
    problem,
)
from drio_tui.workspace.saving.saver import Saver
from tests.ui.table_server import TableServer, serving
from tests.workspace.saving_world import Editor, World

pytest.importorskip("fastapi", reason="the sandbox extra is not installed")

if TYPE_CHECKING:
    from tests.sandbox_fixtures import InProcessSandbox


async def cancelled(editor: Editor, app: str, call: Awaitable[Any]) -> Any:
    """Cancel a call while its request hangs, and return its outcome."""
    task = asyncio.ensure_future(call)
    await editor.network.hung.wait()
    editor.network.hung.clear()
    assert editor.saver.stop(app)
    return await task


def test_what_reading_again_has_shown_is_said_once() -> None:
    """The sentence of a step whose answer was lost: it does not say that it is not known what is known."""
    error = OutcomeUnknown("POST /apps: reset by peer")
    assert problem(Unknown(error, "not applied")) == (
        "Reading again shows that it did not happen (POST /apps: reset by peer)"
    )
    assert problem(Unknown(error, "cannot tell")) == (
        "It is not known whether that happened: reading again does not show it"
    )
    assert problem(Unknown(error, "applied")) == ""


async def test_cancelled_read_writes_nothing(world: World) -> None:
    """F10: cancelled during the read before the write."""
    editor = world.editor
    edit = await editor.edit(TOOL, world.app, world.ids["tool a"], description="new")
    sent = len(editor.sent)
    editor.network.hang = {"GET": "request"}
    outcome = await cancelled(editor, world.app, editor.saver.save(edit))
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, RequestCancelled)
    assert "nothing was written" in str(outcome.error)
    assert len(editor.sent) == sent
    assert isinstance(await editor.saver.save(edit), Saved)


@pytest.mark.parametrize("change", ["save", "create", "delete"])
async def test_change_that_is_stopped_while_it_is_recorded_is_not_sent(
    world: World, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    editor, loop = world.editor, asyncio.get_running_loop()
    tool = world.ids["tool a"]
    edit = await editor.edit(TOOL, world.app, tool, description="new")
    begin = Journal.begin

    async def stop() -> bool:
        return editor.saver.stop(world.app)

    def begin_and_stop(journal: Journal, entry: Any) -> None:
        begin(journal, entry)
        assert asyncio.run_coroutine_threadsafe(stop(), loop).result()

    monkeypatch.setattr(Journal, "begin", begin_and_stop)
    calls: dict[str, Callable[[], Awaitable[Any]]] = {
        "save": lambda: editor.saver.save(edit),
        "create": lambda: editor.saver.create(TOOL, world.app, {"name": "Not sent", "key": "not-sent"}),
        "delete": lambda: editor.saver.delete(TOOL, world.app, tool),
    }
    outcome = await calls[change]()
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, RequestCancelled)
    assert not [method for method, *_ in editor.sent if method != "GET"]
    journal = editor.saver.journal(world.app)
    assert journal is not None
    assert journal.read().entries[-1].state == "failed"


@pytest.mark.parametrize(("hanging", "read_back"), [("answer", "applied"), ("request", "not applied")])
async def test_cancelled_write_is_read_back(world: World, hanging: str, read_back: str) -> None:
    """F10 F12: whether the change was made is read back, and it is undone if it was."""
    editor = world.editor
    edit = await editor.edit(TOOL, world.app, world.ids["tool a"], description="new")
    editor.network.hang = {"PATCH": hanging}
    outcome = await cancelled(editor, world.app, editor.saver.save(edit))
    assert isinstance(outcome, Unknown)
    assert isinstance(outcome.error, RequestCancelled)
    assert outcome.read_back == read_back
    assert not editor.saver.single_flight.is_busy()
    # A request that has not arrived may still arrive: the entry stays unknown.
    (entry,) = editor.journal(world.app).read().entries
    assert entry.state == ("done" if read_back == "applied" else "unknown")
    await undo_last(editor.saver, world.app)
    assert (await editor.raw(TOOL, world.app, edit.id))["description"] == "first"


async def test_reading_back_can_be_cancelled_too(world: World) -> None:
    """F10 F12: a second `stop` cancels the read; the outcome is unknown."""
    editor = world.editor
    edit = await editor.edit(TOOL, world.app, world.ids["tool a"], description="new")
    editor.network.hang = {"PATCH": "answer"}
    saving = asyncio.create_task(editor.saver.save(edit))
    await editor.network.hung.wait()
    editor.network.hung.clear()
    editor.network.hang = {"GET": "request"}
    editor.saver.stop(world.app)
    await editor.network.hung.wait()
    editor.saver.stop(world.app)
    outcome = await saving
    assert isinstance(outcome, Unknown)
    assert outcome.read_back == "cannot tell"


async def test_stop_cancels_only_requests_of_the_app(world: World) -> None:
    """F10: `stop` returns false if no request of the app is running."""
    assert not world.editor.saver.stop(world.app)
    reading = asyncio.create_task(world.editor.saver.read(TOOL, world.app, world.ids["tool a"]))
    await asyncio.sleep(0)
    assert not world.editor.saver.stop("another app")
    assert isinstance(await reading, dict)


@pytest.mark.parametrize(("hanging", "read_back"), [("answer", "applied"), ("request", "not applied")])
@pytest.mark.parametrize("method", ["delete", "create"])
async def test_cancelled_delete_and_create_are_read_back(
    world: World, method: str, hanging: str, read_back: str
) -> None:
    """F10 F12: a request that has not arrived may still arrive, so the entry stays unknown here too."""
    editor, app = world.editor, world.app
    editor.network.hang = {"DELETE": hanging, "POST": hanging}
    call = {
        "delete": lambda: editor.saver.delete(TOOL, app, world.ids["tool c"]),
        "create": lambda: editor.saver.create(TOOL, app, {"name": "Late"}),
    }[method]
    outcome = await cancelled(editor, app, call())
    assert isinstance(outcome, Unknown)
    assert outcome.read_back == read_back
    (entry,) = editor.journal(app).read().entries
    assert entry.state == ("done" if read_back == "applied" else "unknown")


async def create_with_unknown_outcome(world: World) -> Unknown:
    """Create a tool, lose the response, and go offline so that it cannot be read back."""
    network = world.editor.network
    network.lose = {"POST": "answer"}
    original = network.handle_async_request

    async def handle(request: Any) -> Any:
        try:
            return await original(request)
        finally:
            if request.method == "POST":
                network.offline = True

    network.handle_async_request = handle  # type: ignore[method-assign]
    outcome = await world.editor.saver.create(
        TOOL, world.app, {"name": "Twin", "description": "a"}, idempotency_key="form 1"
    )
    network.handle_async_request = original  # type: ignore[method-assign]
    network.offline = False
    assert isinstance(outcome, Unknown)
    assert outcome.read_back == "cannot tell"
    return outcome


@pytest.mark.parametrize("body", [{"name": "Twin", "description": "a"}, {"name": "Twin", "description": "b"}])
async def test_create_with_unknown_outcome_is_looked_for_before_it_is_sent_again(
    world: World, body: dict[str, Any]
) -> None:
    """F08 F12: the user saves again; the created tool is found and updated to the new body."""
    await create_with_unknown_outcome(world)
    posts = [verb for verb, *_ in world.editor.sent].count("POST")
    outcome = await world.editor.saver.create(TOOL, world.app, body, idempotency_key="form 1")
    assert isinstance(outcome, Saved)
    assert [verb for verb, *_ in world.editor.sent].count("POST") == posts
    twins = [raw for raw in (await world.editor.client.list(TOOL, app=world.app)).items if raw["name"] == "Twin"]
    assert [(raw["id"], raw["description"]) for raw in twins] == [(outcome.id, body["description"])]
    first = world.editor.journal(world.app).read().entries[0]
    assert (first.what, first.state, first.resource) == ("create", "done", outcome.id)
    while await undo_last(world.editor.saver, world.app):
        pass
    assert not any(raw["name"] == "Twin" for raw in (await world.editor.client.list(TOOL, app=world.app)).items)


async def test_remote_change_of_the_found_resource_is_not_overwritten(world: World, sandbox: InProcessSandbox) -> None:
    """F05 F12: a change between finding and updating it is kept."""
    lost = await create_with_unknown_outcome(world)
    editor, other_editor, app = world.editor, Editor(sandbox, "other"), world.app
    (twin,) = [raw for raw in (await editor.client.list(TOOL, app=app)).items if raw["name"] == "Twin"]
    editor.network.before = [lambda: other_editor.client.update(TOOL, twin["id"], {"description": "theirs"}, app=app)]
    editor.network.refuse = [412]
    wanted = {"name": "Twin", "description": "b"}
    outcome = await editor.saver.create(TOOL, app, wanted, idempotency_key="form 1", group="one-group")
    assert isinstance(outcome, Unknown)
    assert (outcome.read_back, outcome.group, outcome.raw) == ("applied", "one-group", twin)
    assert type(outcome.error) is type(lost.error)
    assert (await editor.raw(TOOL, app, twin["id"]))["description"] == "theirs"
    await other_editor.client.aclose()


async def test_partly_matching_resource_prevents_a_second_create(world: World) -> None:
    """F08 F12: it may be the created tool, changed by others; a second one must not be created."""
    await create_with_unknown_outcome(world)
    (twin,) = [raw for raw in (await world.editor.client.list(TOOL, app=world.app)).items if raw["name"] == "Twin"]
    await world.editor.client.update(TOOL, twin["id"], {"description": "theirs"}, app=world.app)
    posts = [verb for verb, *_ in world.editor.sent].count("POST")
    for _ in range(2):
        body = {"name": "Twin", "description": "a"}
        outcome = await world.editor.saver.create(TOOL, world.app, body, idempotency_key="form 1", group="one-group")
        assert isinstance(outcome, Unknown)
        assert (outcome.read_back, outcome.group) == ("cannot tell", "one-group")
    assert [verb for verb, *_ in world.editor.sent].count("POST") == posts
    # The same body from another form is another create.
    other = await world.editor.saver.create(
        TOOL, world.app, {"name": "Twin", "description": "a"}, idempotency_key="form 2"
    )
    assert isinstance(other, Saved)


@pytest.mark.parametrize("code", [409, 412])
async def test_write_refused_after_a_remote_change_is_merged_again(
    world: World, sandbox: InProcessSandbox, code: int
) -> None:
    """F05: reading again shows whether a 409 means a remote change or another conflict."""
    editor, other_editor = world.editor, Editor(sandbox, "other")
    app, tool = world.app, world.ids["tool a"]
    edit = await editor.edit(TOOL, app, tool, description="mine")
    editor.network.before = [lambda: other_editor.client.update(TOOL, tool, {"name": "Theirs"}, app=app)]
    editor.network.refuse = [code]
    outcome = await editor.saver.save(edit)
    assert isinstance(outcome, Saved)
    assert (outcome.raw["name"], outcome.raw["description"]) == ("Theirs", "mine")
    edit = await editor.edit(TOOL, app, tool, description="again mine")
    editor.network.before = [lambda: other_editor.client.update(TOOL, tool, {"description": "theirs"}, app=app)]
    editor.network.refuse = [code]
    assert isinstance(await editor.saver.save(edit), Conflicted)
    await other_editor.client.aclose()


@pytest.mark.parametrize("refusals", [1, 2, 3])
async def test_save_is_tried_three_times_after_412(world: World, sandbox: InProcessSandbox, refusals: int) -> None:
    editor = world.editor
    edit = await editor.edit(TOOL, world.app, world.ids["tool a"], description="mine")
    sent = len(editor.sent)
    editor.network.refuse = [412] * refusals
    outcome = await editor.saver.save(edit)
    assert isinstance(outcome, Saved if refusals < 3 else Refused)
    assert len(editor.sent) - sent == min(refusals + 1, 3)


@pytest.mark.parametrize(
    "details",
    [
        {"referrers": [{"kind": "widget", "id": "w", "name": "W", "field": "toolId"}]},
        [{"path": "name", "message": "is taken"}],
    ],
)
async def test_409_with_details_is_not_retried(world: World, sandbox: InProcessSandbox, details: Any) -> None:
    editor, other_editor = world.editor, Editor(sandbox, "other")
    tool = world.ids["tool a"]
    edit = await editor.edit(TOOL, world.app, tool, description="mine")
    sent = len(editor.sent)
    editor.network.before = [lambda: other_editor.client.update(TOOL, tool, {"name": "Theirs"}, app=world.app)]
    editor.network.refuse = [(409, details)]
    outcome = await editor.saver.save(edit)
    assert isinstance(outcome, Refused)
    assert outcome.referrers or outcome.fields
    assert len(editor.sent) == sent + 1
    await other_editor.client.aclose()


async def test_409_without_a_remote_change_is_not_retried(world: World) -> None:
    """F05: the resource did not change, so a second attempt would fail too."""
    editor = world.editor
    sent = len(editor.sent)
    editor.network.refuse = [409]
    edit = await editor.edit(TOOL, world.app, world.ids["tool a"], description="mine")
    outcome = await editor.saver.save(edit)
    assert isinstance(outcome, Refused)
    assert len(editor.sent) == sent + 1


async def test_create_with_a_deleted_parent_or_target_is_refused(world: World, sandbox: InProcessSandbox) -> None:
    """F32: the integration of a new operation, and the tool of a new widget."""
    editor, other_editor = world.editor, Editor(sandbox, "other")
    app = world.app
    parent = (await editor.client.create(INTEGRATION, {"name": "Gone", "baseUrl": "https://a.test"}, app=app)).raw["id"]
    tool = (await editor.client.create(TOOL, {"name": "Gone too"}, app=app)).raw["id"]
    await other_editor.client.delete(INTEGRATION, parent, app=app)
    await other_editor.client.delete(TOOL, tool, app=app)
    body = {"name": "Search", "method": "GET", "path": "/s"}
    orphan = await editor.saver.create(OPERATION, app, body, parent=parent)
    assert isinstance(orphan, Refused)
    assert orphan.error.status == 404
    widget = await editor.saver.create(WIDGET, app, {"name": "W", "toolId": tool, "primitive": "card"})
    assert isinstance(widget, Refused)
    assert [error.path for error in widget.fields] == ["toolId"]
    await other_editor.client.aclose()


async def test_two_processes_of_one_profile_share_one_undo_history(world: World, sandbox: InProcessSandbox) -> None:
    """F33: they share nothing in memory; each writes separate lines to the journal."""
    editor, other_editor = world.editor, Editor(sandbox, world.editor.profile)
    app, tool = world.app, world.ids["tool a"]
    before = sorted(raw["name"] for raw in (await other_editor.client.list(TOOL, app=app)).items)
    changes: list[Callable[[], Awaitable[Any]]] = [
        lambda: editor.saver.create(TOOL, app, {"name": "From one"}),
        lambda: other_editor.saver.create(TOOL, app, {"name": "From two"}),
        lambda: editor.saver.change(TOOL, app, tool, lambda raw: {**raw, "isEnabled": False}),
        lambda: other_editor.saver.delete(TOOL, app, world.ids["tool c"]),
    ]
    await asyncio.gather(*(change() for change in changes))
    assert sorted(entry.what for entry in editor.journal(app).read().entries) == [
        "create",
        "create",
        "delete",
        "update",
    ]
    for _ in range(2):
        assert all(step.ok for step in await undo_last(editor.saver, app))
        assert all(step.ok for step in await undo_last(other_editor.saver, app))
    names = sorted(raw["name"] for raw in (await other_editor.client.list(TOOL, app=app)).items)
    assert names == before
    assert (await editor.raw(TOOL, app, tool))["isEnabled"] is True
    await other_editor.client.aclose()


async def test_deploy_includes_the_running_save_and_is_sent_once(world: World) -> None:
    """F35: the deploy waits for the slow save, and concurrent calls send one request."""
    editor, app = world.editor, world.app
    release = asyncio.Event()
    editor.network.before = [release.wait]
    edit = await editor.edit(TOOL, app, world.ids["tool a"], description="in the deploy")
    saving = asyncio.create_task(editor.saver.save(edit))
    while editor.network.before:
        await asyncio.sleep(0)
    deploys = [asyncio.create_task(editor.saver.deploy(app)) for _ in range(20)]
    for _ in range(20):
        await asyncio.sleep(0)
    assert [verb for verb, *_ in editor.sent].count("PATCH") == 1
    posts = [verb for verb, *_ in editor.sent].count("POST")
    release.set()
    assert isinstance(await saving, Saved)
    outcomes = [await deploy for deploy in deploys]
    assert len({id(outcome) for outcome in outcomes}) == 1
    assert [verb for verb, *_ in editor.sent].count("POST") == posts + 1
    assert [verb for verb, *_ in editor.sent][-2:] == ["PATCH", "POST"]


async def test_cancelling_a_change_that_waits_for_a_deploy_keeps_the_deploy(world: World) -> None:
    """F35: cancelling a save does not cancel the deploy that it waits for."""
    editor, app = world.editor, world.app
    edit = await editor.edit(TOOL, app, world.ids["tool a"], description="not in the deploy")
    started, release = asyncio.Event(), asyncio.Event()

    async def look() -> None:
        started.set()
        await release.wait()

    deploying = asyncio.create_task(editor.saver.deploy(app, look))
    await started.wait()
    saving = asyncio.create_task(editor.saver.save(edit))
    while not editor.saver.stop(app):
        await asyncio.sleep(0)
    outcome = await saving
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, RequestCancelled)
    assert not editor.saver.stop(app)
    release.set()
    assert not isinstance(await deploying, Failed | Unknown), "it was sent and had a response"
    verbs = [verb for verb, *_ in editor.sent]
    assert (verbs.count("PATCH"), verbs[-1]) == (0, "POST")


async def test_concurrent_delete_of_one_resource_is_already_deleted(world: World, sandbox: InProcessSandbox) -> None:
    """F04: the second delete returns `already`."""
    editor, other_editor = world.editor, Editor(sandbox, "other")
    editor.network.before = [lambda: other_editor.client.delete(TOOL, world.ids["tool c"], app=world.app)]
    outcome = await editor.saver.delete(TOOL, world.app, world.ids["tool c"])
    assert isinstance(outcome, Deleted)
    assert outcome.already
    edit = await editor.edit(TOOL, world.app, world.ids["tool b"], description="mine")
    await other_editor.client.set_chain(world.app, world.ids["tool a"], [])
    widget = await other_editor.raw(WIDGET, world.app, world.ids["widget"])
    await other_editor.client.set_actions(world.app, widget["id"], [])
    await other_editor.client.delete(TOOL, world.ids["tool b"], app=world.app)
    assert isinstance(await editor.saver.save(edit), DeletedElsewhere)
    await other_editor.client.aclose()


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
async def test_ids_with_any_characters_are_encoded_as_one_path_segment(id: str) -> None:
    """F23: one path segment, encoded once; the journal has the original id."""
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
async def test_ids_that_no_url_can_contain_send_nothing(id: str) -> None:
    """F23: the request never goes to another resource."""
    async with serving(TableServer()) as server:
        client = DrioClient(Transport(f"{server.base_url}/api/v1", limits=Limits(retries=0)))
        saver = Saver(client)
        raw = {"id": id, "name": "Odd"}
        assert isinstance(await saver.save(Edit(TOOL, "app_1", id, raw, raw | {"name": "b"})), Failed)
        assert isinstance(await saver.delete(TOOL, "app_1", id, base=raw), Failed)
        await client.aclose()
        assert server.requests == []


async def test_an_undo_is_stopped_while_it_reads_the_journal(world: World) -> None:
    """F10: nothing is undone, and the next undo is not stopped."""
    editor, app = world.editor, world.app
    edit = await editor.edit(TOOL, app, world.ids["tool a"], description="new")
    await editor.saver.save(edit)
    undoing = asyncio.create_task(undo_last(editor.saver, app))
    await asyncio.sleep(0)
    assert editor.saver.stop(app)
    (step,) = await undoing
    assert "nothing was written" in step.problem
    (step,) = await undo_last(editor.saver, app)
    assert step.ok
