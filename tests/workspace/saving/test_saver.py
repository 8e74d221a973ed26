"""Saving: remote changes are kept, conflicts are returned, and every kind of outcome is distinguished."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from drio_tui.kinds import APP, AUTH, INTEGRATION, OPERATION, TOOL, WIDGET
from drio_tui.workspace.saving import saver as saver_module
from drio_tui.workspace.saving.save_result import (
    ChangedMeanwhile,
    Conflicted,
    Deleted,
    DeletedElsewhere,
    Edit,
    Failed,
    Refused,
    Saved,
    Unknown,
    problem,
    succeeded,
)
from drio_tui.workspace.saving.saver import Preview
from tests.workspace.saving_world import Editor, World

pytest.importorskip("fastapi", reason="the sandbox extra is not installed")

if TYPE_CHECKING:
    from tests.sandbox_fixtures import InProcessSandbox


async def test_save_sends_only_the_changes_and_returns_the_response(world: World) -> None:
    editor = world.editor
    outcome = await editor.saver.save(await editor.edit(TOOL, world.app, world.ids["tool a"], description="new"))
    assert isinstance(outcome, Saved)
    assert editor.sent[-1] == ("PATCH", world.ids["tool a"], {"description": "new"})
    assert [(change.dotted, change.before, change.after) for change in outcome.diff] == [
        ("description", "first", "new")
    ]
    assert outcome.request_id
    assert outcome.raw["description"] == "new"


async def test_save_without_changes_sends_nothing(world: World) -> None:
    editor = world.editor
    before = len(editor.sent)
    outcome = await editor.saver.save(await editor.edit(TOOL, world.app, world.ids["tool a"]))
    assert isinstance(outcome, Saved)
    assert outcome.diff == ()
    assert len(editor.sent) == before


async def test_disjoint_remote_changes_are_kept_and_returned(world: World, other_editor: Editor) -> None:
    app, tool = world.app, world.ids["tool a"]
    edit = await world.editor.edit(TOOL, app, tool, description="mine")
    await other_editor.client.update(TOOL, tool, {"name": "Theirs", "annotations": {"readOnlyHint": True}}, app=app)
    outcome = await world.editor.saver.save(edit)
    assert isinstance(outcome, Saved)
    assert sorted(change.dotted for change in outcome.remote_changes) == ["annotations.readOnlyHint", "name"]
    now = await other_editor.raw(TOOL, app, tool)
    assert (now["name"], now["description"], now["annotations"]["readOnlyHint"]) == ("Theirs", "mine", True)


async def test_conflict_is_returned_before_writing_and_can_be_resolved(world: World, other_editor: Editor) -> None:
    """F05 F31."""
    app, tool = world.app, world.ids["tool a"]
    edit = await world.editor.edit(TOOL, app, tool, name="Mine", description="mine")
    await other_editor.client.update(TOOL, tool, {"name": "Theirs"}, app=app)
    before = len(world.editor.sent)
    outcome = await world.editor.saver.save(edit)
    assert isinstance(outcome, Conflicted)
    assert [(field.dotted, field.remote, field.local) for field in outcome.fields] == [("name", "Theirs", "Mine")]
    assert len(world.editor.sent) == before
    assert problem(outcome) == "Someone else changed name"
    (field,) = outcome.fields
    second = await world.editor.saver.save(outcome.resolved({field.path: field.remote}))
    assert isinstance(second, Saved)
    assert (second.raw["name"], second.raw["description"]) == ("Theirs", "mine")


async def test_preview_returns_the_merge_and_writes_nothing(world: World, other_editor: Editor) -> None:
    edit = await world.editor.edit(APP, world.app, world.app, description="mine")
    await other_editor.client.update(APP, world.app, {"name": "Theirs"})
    before = len(world.editor.sent)
    preview = await world.editor.saver.preview(edit)
    assert isinstance(preview, Preview)
    assert [change.dotted for change in preview.diff] == ["description"]
    assert [change.dotted for change in preview.merge.remote_changes] == ["name"]
    assert len(world.editor.sent) == before


async def test_a_save_after_a_recent_preview_does_not_read_again(
    world: World, other_editor: Editor, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor, app, tool = world.editor, world.app, world.ids["tool a"]
    for seconds, expected in ((60.0, ["GET", "PATCH"]), (0.0, ["GET", "GET", "PATCH"])):
        monkeypatch.setattr(saver_module, "PREVIEW_SECONDS", seconds)
        edit = await editor.edit(TOOL, app, tool, description=f"after {seconds}")
        editor.exchanges.clear()
        preview = await editor.saver.preview(edit)
        assert isinstance(preview, Preview)
        await other_editor.client.update(TOOL, tool, {"name": f"Remote {seconds}"}, app=app)
        outcome = await editor.saver.save(edit, preview=preview)
        assert isinstance(outcome, Saved)
        assert outcome.raw["name"] == f"Remote {seconds}"
        assert [exchange.method for exchange in {one.number: one for one in editor.exchanges}.values()] == expected


async def test_a_save_after_a_preview_reads_again_when_drio_says_that_the_resource_changed(
    world: World, other_editor: Editor
) -> None:
    editor, app, tool = world.editor, world.app, world.ids["tool a"]
    edit = await editor.edit(TOOL, app, tool, description="local")
    preview = await editor.saver.preview(edit)
    assert isinstance(preview, Preview)
    await other_editor.client.update(TOOL, tool, {"description": "remote"}, app=app)
    editor.network.refuse.append(412)
    outcome = await editor.saver.save(edit, preview=preview)
    assert isinstance(outcome, Conflicted)
    assert (await editor.raw(TOOL, app, tool))["description"] == "remote"


async def test_a_change_reads_once_and_writes_what_differs(world: World) -> None:
    editor, app, tool = world.editor, world.app, world.ids["tool a"]
    editor.exchanges.clear()
    outcome = await editor.saver.change(TOOL, app, tool, lambda raw: {**raw, "isEnabled": False})
    assert isinstance(outcome, Saved)
    assert [exchange.method for exchange in {one.number: one for one in editor.exchanges}.values()] == ["GET", "PATCH"]
    assert editor.sent == [("PATCH", tool, {"isEnabled": False})]
    assert isinstance(await editor.saver.change(TOOL, app, "tool_none", dict), DeletedElsewhere)


async def test_branding_is_merged_by_property(world: World, other_editor: Editor) -> None:
    app = world.app
    base = await world.editor.raw(APP, app, app)
    local = {**base, "branding": {**base["branding"], "accentColor": "#123456"}}
    await other_editor.client.update(APP, app, {"branding": {"primaryColor": "#654321"}})
    outcome = await world.editor.saver.save(Edit(APP, app, app, base, local))
    assert isinstance(outcome, Saved)
    assert world.editor.sent[-1][2] == {"branding": {"accentColor": "#123456"}}
    assert (outcome.raw["branding"]["accentColor"], outcome.raw["branding"]["primaryColor"]) == ("#123456", "#654321")


async def test_stale_chain_keeps_remote_additions(world: World, other_editor: Editor) -> None:
    """F37."""
    app, ids = world.app, world.ids
    extra = (await other_editor.client.create(TOOL, {"name": "Extra"}, app=app)).raw["id"]
    edit = await world.editor.edit(TOOL, app, ids["tool a"], nextToolIds=[ids["tool b"], ids["tool c"]])
    await other_editor.client.set_chain(app, ids["tool a"], [ids["tool b"], extra])
    preview = await world.editor.saver.preview(edit)
    assert isinstance(preview, Preview)
    (stale,) = preview.merge.stale
    assert stale.would_remove == (extra,)
    outcome = await world.editor.saver.save(edit)
    assert isinstance(outcome, Saved)
    assert sorted(outcome.raw["nextToolIds"]) == sorted([ids["tool b"], ids["tool c"], extra])
    assert [verb for verb, *_ in world.editor.sent[-1:]] == ["PUT"]


async def test_stale_actions_keep_remote_changes(world: World, other_editor: Editor) -> None:
    """F37."""
    app, ids = world.app, world.ids
    base = await world.editor.raw(WIDGET, app, ids["widget"])
    action = base["actions"][0]
    link = {"trigger": "button.click", "type": "openUrl", "template": "https://example.com", "x-odd": [1, {"y": None}]}
    edit = Edit(WIDGET, app, ids["widget"], base, {**base, "actions": [action, link]})
    await other_editor.client.set_actions(app, ids["widget"], [{**action, "callMode": "sometimes"}])
    outcome = await world.editor.saver.save(edit)
    assert isinstance(outcome, Saved)
    first, second = outcome.raw["actions"]
    assert (first["callMode"], first["targetToolName"]) == ("sometimes", "tool b")
    assert second["x-odd"] == [1, {"y": None}]


async def test_changed_target_tool_name_is_no_conflict(world: World, other_editor: Editor) -> None:
    app, ids = world.app, world.ids
    base = await world.editor.raw(WIDGET, app, ids["widget"])
    edit = Edit(WIDGET, app, ids["widget"], base, {**base, "actions": [{**base["actions"][0], "callMode": "always"}]})
    await other_editor.client.update(TOOL, ids["tool b"], {"name": "Renamed"}, app=app)
    outcome = await world.editor.saver.save(edit)
    assert isinstance(outcome, Saved)
    assert (outcome.raw["actions"][0]["callMode"], outcome.raw["actions"][0]["targetToolName"]) == ("always", "Renamed")


async def test_save_of_a_tool_uses_all_its_routes(world: World) -> None:
    app, ids = world.app, world.ids
    binding = {"type": "integration_operation", "integrationOperationId": ids["operation"]}
    edit = await world.editor.edit(
        TOOL, app, ids["tool c"], description="all", binding=binding, nextToolIds=[ids["tool b"]]
    )
    outcome = await world.editor.saver.save(edit)
    assert isinstance(outcome, Saved)
    assert [(verb, last) for verb, last, _ in world.editor.sent[-3:]] == [
        ("PATCH", ids["tool c"]),
        ("PUT", "binding"),
        ("PUT", "chain"),
    ]
    assert outcome.raw["binding"]["status"] == "ready"
    assert outcome.raw["nextToolIds"] == [ids["tool b"]]
    unbound = await world.editor.saver.save(
        await world.editor.edit(TOOL, app, ids["tool c"], binding=None, nextToolIds=None)
    )
    assert isinstance(unbound, Saved)
    assert (unbound.raw["binding"], unbound.raw["nextToolIds"]) == (None, [])


async def test_stale_binding_to_the_same_operation_is_sent_again(world: World, other_editor: Editor) -> None:
    app, ids = world.app, world.ids
    await other_editor.client.update(OPERATION, ids["operation"], {"inputSchema": {"required": ["q"]}}, app=app)
    edit = await world.editor.edit(TOOL, app, ids["tool a"])
    assert edit.base["binding"]["status"] == "stale"
    outcome = await world.editor.saver.save(Edit(TOOL, app, edit.id, edit.base, edit.local, again=("binding",)))
    assert isinstance(outcome, Saved)
    assert outcome.raw["binding"]["status"] == "ready"


async def test_save_of_a_deleted_resource_returns_the_edited_value(world: World, other_editor: Editor) -> None:
    app, ids = world.app, world.ids
    edit = await world.editor.edit(TOOL, app, ids["tool c"], description="precious")
    await other_editor.client.delete(TOOL, ids["tool c"], app=app)
    outcome = await world.editor.saver.save(edit)
    assert isinstance(outcome, DeletedElsewhere)
    assert outcome.buffer["description"] == "precious"


async def test_save_of_a_resource_deleted_after_the_read_is_deleted_elsewhere(
    world: World, other_editor: Editor
) -> None:
    app, ids = world.app, world.ids
    edit = await world.editor.edit(TOOL, app, ids["tool c"], description="precious")
    world.editor.network.before = [lambda: other_editor.client.delete(TOOL, ids["tool c"], app=app)]
    outcome = await world.editor.saver.save(edit)
    assert isinstance(outcome, DeletedElsewhere)


async def test_refused_save_has_field_errors_and_written_changes(world: World) -> None:
    app, ids = world.app, world.ids
    edit = await world.editor.edit(TOOL, app, ids["tool b"], description="in", nextToolIds=[ids["tool a"]])
    outcome = await world.editor.saver.save(edit)
    assert isinstance(outcome, Refused)
    assert [error.path for error in outcome.fields] == ["nextToolIds.0"]
    assert [change.dotted for change in outcome.written] == ["description"]
    assert not succeeded(outcome)
    taken = await world.editor.saver.save(await world.editor.edit(TOOL, app, ids["tool b"], key="tool-c"))
    assert isinstance(taken, Refused)
    assert [error.path for error in taken.fields] == ["key"]


async def test_412_is_read_and_merged_again(world: World, other_editor: Editor) -> None:
    """The resource changes between the read and the write; the second attempt finds the conflict."""
    app, tool = world.app, world.ids["tool a"]
    edit = await world.editor.edit(TOOL, app, tool, description="mine")
    world.editor.network.before = [lambda: other_editor.client.update(TOOL, tool, {"description": "theirs"}, app=app)]
    world.editor.network.refuse = [412]
    outcome = await world.editor.saver.save(edit)
    assert isinstance(outcome, Conflicted)
    assert [(field.dotted, field.remote) for field in outcome.fields] == [("description", "theirs")]
    world.editor.network.refuse = [412, 412, 412]
    third = await world.editor.saver.save(outcome.resolved({("description",): "both"}))
    assert isinstance(third, Refused)
    assert third.error.status == 412


@pytest.mark.parametrize("status", [400, 403, 413, 415, 422, 429, 431, 503])
async def test_error_response_is_returned_and_not_retried(world: World, status: int) -> None:
    before = len(world.editor.sent)
    world.editor.network.refuse = [status]
    outcome = await world.editor.saver.save(
        await world.editor.edit(TOOL, world.app, world.ids["tool a"], description="kept by the form")
    )
    assert isinstance(outcome, Refused)
    assert outcome.error.status == status
    assert len(world.editor.sent) == before + 1
    assert [entry.state for entry in world.editor.journal(world.app).read().entries] == ["failed"]


async def test_offline_save_fails_without_changes(world: World) -> None:
    edit = await world.editor.edit(TOOL, world.app, world.ids["tool a"], description="later")
    world.editor.network.offline = True
    outcome = await world.editor.saver.save(edit)
    assert isinstance(outcome, Failed)
    assert "refused" in problem(outcome)
    world.editor.network.offline = False
    assert isinstance(await world.editor.saver.save(edit), Saved)


@pytest.mark.parametrize(("lost", "read_back"), [("answer", "applied"), ("request", "not applied")])
async def test_update_with_lost_response_is_read_back(world: World, lost: str, read_back: str) -> None:
    """F12."""
    edit = await world.editor.edit(TOOL, world.app, world.ids["tool a"], description="new")
    world.editor.network.lose = {"PATCH": lost}
    outcome = await world.editor.saver.save(edit)
    assert isinstance(outcome, Unknown)
    assert outcome.read_back == read_back
    assert succeeded(outcome) == (read_back == "applied")
    states = [entry.state for entry in world.editor.journal(world.app).read().entries]
    assert states == ["done" if read_back == "applied" else "failed"]


async def test_read_back_after_a_remote_change_is_inconclusive(world: World, other_editor: Editor) -> None:
    app, tool = world.app, world.ids["tool a"]
    edit = await world.editor.edit(TOOL, app, tool, description="mine")
    world.editor.network.lose = {"PATCH": "request"}
    world.editor.network.before = [lambda: other_editor.client.update(TOOL, tool, {"description": "theirs"}, app=app)]
    outcome = await world.editor.saver.save(edit)
    assert isinstance(outcome, Unknown)
    assert outcome.read_back == "cannot tell"
    assert outcome.raw
    assert outcome.raw["description"] == "theirs"


@pytest.mark.parametrize(("lost", "read_back"), [("answer", "applied"), ("request", "not applied")])
async def test_create_with_lost_response_is_read_back(world: World, lost: str, read_back: str) -> None:
    world.editor.network.lose = {"POST": lost}
    body = {"name": "tool b", "description": "a namesake", "annotations": {"readOnlyHint": True}}
    outcome = await world.editor.saver.create(TOOL, world.app, body)
    assert isinstance(outcome, Unknown)
    assert outcome.read_back == read_back
    created = [
        raw for raw in (await world.editor.client.list(TOOL, app=world.app)).items if raw["description"] == "a namesake"
    ]
    assert [raw["id"] for raw in created] == ([outcome.raw["id"]] if outcome.raw else [])


async def test_equal_concurrent_calls_send_one_request(world: World) -> None:
    """F34."""
    editor = world.editor
    before = len(editor.sent)
    edit = await editor.edit(TOOL, world.app, world.ids["tool a"], description="once")
    saved = await asyncio.gather(*(editor.saver.save(edit) for _ in range(20)))
    created = await asyncio.gather(*(editor.saver.create(TOOL, world.app, {"name": "Once"}) for _ in range(20)))
    deleted = await asyncio.gather(*(editor.saver.delete(TOOL, world.app, created[0].id) for _ in range(20)))  # type: ignore[union-attr] # it is a `Saved`, else the test fails
    deployed = await asyncio.gather(*(editor.saver.deploy(world.app) for _ in range(20)))
    assert [verb for verb, *_ in editor.sent[before:]] == ["PATCH", "POST", "DELETE", "POST"]
    for outcomes in (saved, created, deleted, deployed):
        assert len({id(outcome) for outcome in outcomes}) == 1


async def test_saves_of_one_resource_are_serialized(world: World) -> None:
    base = await world.editor.raw(TOOL, world.app, world.ids["tool a"])
    chains = [[*base["nextToolIds"], world.ids["tool c"]], []]
    edits = [Edit(TOOL, world.app, base["id"], base, {**base, "nextToolIds": chain}) for chain in chains]
    outcomes = await asyncio.gather(*(world.editor.saver.save(edit) for edit in edits))
    assert all(isinstance(outcome, Saved) for outcome in outcomes)
    assert (await world.editor.raw(TOOL, world.app, base["id"]))["nextToolIds"] == [world.ids["tool c"]]


async def test_save_with_cancelled_caller_is_completed_and_recorded(world: World) -> None:
    edit = await world.editor.edit(TOOL, world.app, world.ids["tool a"], description="finished")
    caller = asyncio.create_task(world.editor.saver.save(edit))
    while not world.editor.saver.single_flight.is_busy(world.app):
        await asyncio.sleep(0)
    caller.cancel()
    await world.editor.saver.single_flight.wait_idle()
    assert (await world.editor.raw(TOOL, world.app, edit.id))["description"] == "finished"
    assert [entry.state for entry in world.editor.journal(world.app).read().entries] == ["done"]


async def test_deploy_waits_for_the_running_save(sandbox: InProcessSandbox) -> None:
    """F35."""
    editor = Editor(sandbox)
    app = (await editor.client.create(APP, {"templateId": "support", "name": "Ready"})).raw["id"]
    edit = await editor.edit(APP, app, app, description="in the deploy")
    saving = asyncio.create_task(editor.saver.save(edit))
    while not editor.saver.single_flight.is_busy(app):
        await asyncio.sleep(0)
    deployed = await editor.saver.deploy(app)
    assert [verb for verb, *_ in editor.sent[-2:]] == ["PATCH", "POST"]
    assert isinstance(await saving, Saved)
    assert not isinstance(deployed, Refused | Failed | Unknown)
    assert deployed.raw["app"]["description"] == "in the deploy"
    await editor.client.aclose()


async def test_delete_of_a_resource_changed_meanwhile_is_not_sent(world: World, other_editor: Editor) -> None:
    app, tool = world.app, world.ids["tool c"]
    seen = await world.editor.raw(TOOL, app, tool)
    await other_editor.client.update(TOOL, tool, {"description": "worth keeping"}, app=app)
    outcome = await world.editor.saver.delete(TOOL, app, tool, base=seen)
    assert isinstance(outcome, ChangedMeanwhile)
    assert [change.dotted for change in outcome.remote_changes] == ["description"]
    assert isinstance(await world.editor.saver.delete(TOOL, app, tool, base=outcome.raw), Deleted)
    again = await world.editor.saver.delete(TOOL, app, tool, base=outcome.raw)
    assert isinstance(again, Deleted)
    assert again.already


async def test_refused_delete_has_the_dependents(world: World) -> None:
    outcome = await world.editor.saver.delete(AUTH, world.app, world.ids["auth"])
    assert isinstance(outcome, Refused)
    assert [(referrer["kind"], referrer["id"]) for referrer in outcome.referrers] == [
        ("integration", world.ids["integration"])
    ]


@pytest.mark.parametrize(("lost", "read_back"), [("answer", "applied"), ("request", "not applied")])
async def test_delete_with_lost_response_is_read_back(world: World, lost: str, read_back: str) -> None:
    world.editor.network.lose = {"DELETE": lost}
    outcome = await world.editor.saver.delete(TOOL, world.app, world.ids["tool c"])
    assert isinstance(outcome, Unknown)
    assert outcome.read_back == read_back
    assert (outcome.raw is None) == (read_back == "applied")
    (entry,) = world.editor.journal(world.app).read().entries
    assert entry.state == ("done" if read_back == "applied" else "failed")


async def test_unknown_properties_and_enum_values_survive_other_edits(world: World) -> None:
    """F20 F21."""
    app, ids = world.app, world.ids
    unknown: dict[str, Any] = {"x-odd": {"deep": [1, {"no": None}], "n": 1.5}, "tier": "unheard-of"}
    for kind, name, change in (
        (APP, "app", {"description": "edited"}),
        (AUTH, "auth", {"name": "edited"}),
        (INTEGRATION, "integration", {"name": "edited"}),
        (OPERATION, "operation", {"description": "edited"}),
        (TOOL, "tool a", {"description": "edited", "nextToolIds": []}),
        (WIDGET, "widget", {"name": "edited", "actions": []}),
    ):
        unknown_enum = {"displayMode": "hologram"} if kind is WIDGET else {"kind": "oracle"} if kind is TOOL else {}
        await world.editor.client.update(kind, ids[name], unknown | unknown_enum, app=app)
        outcome = await world.editor.saver.save(await world.editor.edit(kind, app, ids[name], **change))
        assert isinstance(outcome, Saved), (kind.name, outcome)
        expected = unknown | unknown_enum | change
        assert {name: outcome.raw[name] for name in expected} == expected
