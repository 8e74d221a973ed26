"""Saving: what others did meanwhile is kept, overlaps stop, and every way in which a write can end is told apart."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from drio_tui.kinds import APP, AUTH, INTEGRATION, OPERATION, TOOL, WIDGET
from drio_tui.workspace.saving.save_result import (
    Changed,
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
    from tests.sandbox_fixtures import InProcess


async def test_only_what_changed_is_sent_and_the_answer_is_told(world: World) -> None:
    one = world.one
    outcome = await one.saver.save(await one.edit(TOOL, world.app, world.ids["tool a"], description="new"))
    assert isinstance(outcome, Saved)
    assert one.sent[-1] == ("PATCH", world.ids["tool a"], {"description": "new"})
    assert [(change.dotted, change.before, change.after) for change in outcome.diff] == [
        ("description", "first", "new")
    ]
    assert outcome.request_id
    assert outcome.raw["description"] == "new"


async def test_nothing_changed_sends_nothing(world: World) -> None:
    one = world.one
    before = len(one.sent)
    outcome = await one.saver.save(await one.edit(TOOL, world.app, world.ids["tool a"]))
    assert isinstance(outcome, Saved)
    assert outcome.diff == ()
    assert len(one.sent) == before


async def test_disjoint_changes_of_another_client_are_kept_and_named(world: World, two: Editor) -> None:
    app, tool = world.app, world.ids["tool a"]
    edit = await world.one.edit(TOOL, app, tool, description="mine")
    await two.client.update(TOOL, tool, {"name": "Theirs", "annotations": {"readOnlyHint": True}}, app=app)
    outcome = await world.one.saver.save(edit)
    assert isinstance(outcome, Saved)
    assert sorted(change.dotted for change in outcome.theirs) == ["annotations.readOnlyHint", "name"]
    now = await two.raw(TOOL, app, tool)
    assert (now["name"], now["description"], now["annotations"]["readOnlyHint"]) == ("Theirs", "mine", True)


async def test_an_overlap_stops_before_anything_is_written_and_can_be_decided(world: World, two: Editor) -> None:
    """F05 F31."""
    app, tool = world.app, world.ids["tool a"]
    edit = await world.one.edit(TOOL, app, tool, name="Mine", description="mine")
    await two.client.update(TOOL, tool, {"name": "Theirs"}, app=app)
    before = len(world.one.sent)
    outcome = await world.one.saver.save(edit)
    assert isinstance(outcome, Conflicted)
    assert [(field.dotted, field.theirs, field.mine) for field in outcome.fields] == [("name", "Theirs", "Mine")]
    assert len(world.one.sent) == before
    assert problem(outcome) == "Someone else changed name"
    (field,) = outcome.fields
    second = await world.one.saver.save(outcome.resolved({field.path: field.theirs}))
    assert isinstance(second, Saved)
    assert (second.raw["name"], second.raw["description"]) == ("Theirs", "mine")


async def test_a_preview_shows_the_same_and_writes_nothing(world: World, two: Editor) -> None:
    edit = await world.one.edit(APP, world.app, world.app, description="mine")
    await two.client.update(APP, world.app, {"name": "Theirs"})
    before = len(world.one.sent)
    found = await world.one.saver.preview(edit)
    assert isinstance(found, Preview)
    assert [change.dotted for change in found.diff] == ["description"]
    assert [change.dotted for change in found.merge.theirs] == ["name"]
    assert len(world.one.sent) == before


async def test_branding_merges_member_by_member(world: World, two: Editor) -> None:
    app = world.app
    base = await world.one.raw(APP, app, app)
    mine = {**base, "branding": {**base["branding"], "accentColor": "#123456"}}
    await two.client.update(APP, app, {"branding": {"primaryColor": "#654321"}})
    outcome = await world.one.saver.save(Edit(APP, app, app, base, mine))
    assert isinstance(outcome, Saved)
    assert world.one.sent[-1][2] == {"branding": {"accentColor": "#123456"}}
    assert (outcome.raw["branding"]["accentColor"], outcome.raw["branding"]["primaryColor"]) == ("#123456", "#654321")


async def test_a_stale_chain_keeps_what_another_client_added(world: World, two: Editor) -> None:
    """F37."""
    app, ids = world.app, world.ids
    extra = (await two.client.create(TOOL, {"name": "Extra"}, app=app)).raw["id"]
    edit = await world.one.edit(TOOL, app, ids["tool a"], nextToolIds=[ids["tool b"], ids["tool c"]])
    await two.client.set_chain(app, ids["tool a"], [ids["tool b"], extra])
    found = await world.one.saver.preview(edit)
    assert isinstance(found, Preview)
    (stale,) = found.merge.stale
    assert stale.would_remove == (extra,)
    outcome = await world.one.saver.save(edit)
    assert isinstance(outcome, Saved)
    assert sorted(outcome.raw["nextToolIds"]) == sorted([ids["tool b"], ids["tool c"], extra])
    assert [verb for verb, *_ in world.one.sent[-1:]] == ["PUT"]


async def test_stale_actions_keep_what_another_client_changed(world: World, two: Editor) -> None:
    """F37."""
    app, ids = world.app, world.ids
    base = await world.one.raw(WIDGET, app, ids["widget"])
    action = base["actions"][0]
    link = {"trigger": "button.click", "type": "openUrl", "template": "https://example.com", "x-odd": [1, {"y": None}]}
    edit = Edit(WIDGET, app, ids["widget"], base, {**base, "actions": [action, link]})
    await two.client.set_actions(app, ids["widget"], [{**action, "callMode": "sometimes"}])
    outcome = await world.one.saver.save(edit)
    assert isinstance(outcome, Saved)
    first, second = outcome.raw["actions"]
    assert (first["callMode"], first["targetToolName"]) == ("sometimes", "tool b")
    assert second["x-odd"] == [1, {"y": None}]


async def test_a_derived_name_that_moved_meanwhile_is_no_conflict(world: World, two: Editor) -> None:
    app, ids = world.app, world.ids
    base = await world.one.raw(WIDGET, app, ids["widget"])
    edit = Edit(WIDGET, app, ids["widget"], base, {**base, "actions": [{**base["actions"][0], "callMode": "always"}]})
    await two.client.update(TOOL, ids["tool b"], {"name": "Renamed"}, app=app)
    outcome = await world.one.saver.save(edit)
    assert isinstance(outcome, Saved)
    assert (outcome.raw["actions"][0]["callMode"], outcome.raw["actions"][0]["targetToolName"]) == ("always", "Renamed")


async def test_one_save_of_a_whole_tool_uses_every_route_it_needs(world: World) -> None:
    app, ids = world.app, world.ids
    binding = {"type": "integration_operation", "integrationOperationId": ids["operation"]}
    edit = await world.one.edit(
        TOOL, app, ids["tool c"], description="all", binding=binding, nextToolIds=[ids["tool b"]]
    )
    outcome = await world.one.saver.save(edit)
    assert isinstance(outcome, Saved)
    assert [(verb, last) for verb, last, _ in world.one.sent[-3:]] == [
        ("PATCH", ids["tool c"]),
        ("PUT", "binding"),
        ("PUT", "chain"),
    ]
    assert outcome.raw["binding"]["status"] == "ready"
    assert outcome.raw["nextToolIds"] == [ids["tool b"]]
    unbound = await world.one.saver.save(await world.one.edit(TOOL, app, ids["tool c"], binding=None, nextToolIds=None))
    assert isinstance(unbound, Saved)
    assert (unbound.raw["binding"], unbound.raw["nextToolIds"]) == (None, [])


async def test_a_stale_binding_is_renewed_though_it_names_the_same_operation(world: World, two: Editor) -> None:
    app, ids = world.app, world.ids
    await two.client.update(OPERATION, ids["operation"], {"inputSchema": {"required": ["q"]}}, app=app)
    edit = await world.one.edit(TOOL, app, ids["tool a"])
    assert edit.base["binding"]["status"] == "stale"
    outcome = await world.one.saver.save(Edit(TOOL, app, edit.id, edit.base, edit.mine, again=("binding",)))
    assert isinstance(outcome, Saved)
    assert outcome.raw["binding"]["status"] == "ready"


async def test_a_resource_deleted_elsewhere_gives_the_buffer_back(world: World, two: Editor) -> None:
    app, ids = world.app, world.ids
    edit = await world.one.edit(TOOL, app, ids["tool c"], description="precious")
    await two.client.delete(TOOL, ids["tool c"], app=app)
    outcome = await world.one.saver.save(edit)
    assert isinstance(outcome, DeletedElsewhere)
    assert outcome.buffer["description"] == "precious"


async def test_a_resource_deleted_between_the_read_and_the_write_gives_the_buffer_back(
    world: World, two: Editor
) -> None:
    app, ids = world.app, world.ids
    edit = await world.one.edit(TOOL, app, ids["tool c"], description="precious")
    world.one.network.before = [lambda: two.client.delete(TOOL, ids["tool c"], app=app)]
    outcome = await world.one.saver.save(edit)
    assert isinstance(outcome, DeletedElsewhere)


async def test_a_refusal_names_the_fields_and_what_had_got_through(world: World) -> None:
    app, ids = world.app, world.ids
    edit = await world.one.edit(TOOL, app, ids["tool b"], description="in", nextToolIds=[ids["tool a"]])
    outcome = await world.one.saver.save(edit)
    assert isinstance(outcome, Refused)
    assert [error.path for error in outcome.fields] == ["nextToolIds.0"]
    assert [change.dotted for change in outcome.written] == ["description"]
    assert not succeeded(outcome)
    taken = await world.one.saver.save(await world.one.edit(TOOL, app, ids["tool b"], key="tool-c"))
    assert isinstance(taken, Refused)
    assert [error.path for error in taken.fields] == ["key"]


async def test_a_server_that_says_it_moved_on_is_read_again_and_merged(world: World, two: Editor) -> None:
    """412: between the read and the write; the second round sees what came."""
    app, tool = world.app, world.ids["tool a"]
    edit = await world.one.edit(TOOL, app, tool, description="mine")
    world.one.network.before = [lambda: two.client.update(TOOL, tool, {"description": "theirs"}, app=app)]
    world.one.network.refuse = [412]
    outcome = await world.one.saver.save(edit)
    assert isinstance(outcome, Conflicted)
    assert [(field.dotted, field.theirs) for field in outcome.fields] == [("description", "theirs")]
    world.one.network.refuse = [412, 412, 412]
    third = await world.one.saver.save(outcome.resolved({("description",): "both"}))
    assert isinstance(third, Refused)
    assert third.error.status == 412


@pytest.mark.parametrize("status", [400, 403, 413, 415, 422, 429, 431, 503])
async def test_a_refusal_of_any_kind_is_told_and_nothing_is_sent_again(world: World, status: int) -> None:
    before = len(world.one.sent)
    world.one.network.refuse = [status]
    outcome = await world.one.saver.save(
        await world.one.edit(TOOL, world.app, world.ids["tool a"], description="kept by the form")
    )
    assert isinstance(outcome, Refused)
    assert outcome.error.status == status
    assert len(world.one.sent) == before + 1
    assert [entry.state for entry in world.one.journal(world.app).read().entries] == ["failed"]


async def test_being_offline_changes_nothing_and_says_so(world: World) -> None:
    edit = await world.one.edit(TOOL, world.app, world.ids["tool a"], description="later")
    world.one.network.offline = True
    outcome = await world.one.saver.save(edit)
    assert isinstance(outcome, Failed)
    assert "refused" in problem(outcome)
    world.one.network.offline = False
    assert isinstance(await world.one.saver.save(edit), Saved)


@pytest.mark.parametrize(("lost", "verdict"), [("answer", "applied"), ("request", "not applied")])
async def test_a_lost_answer_is_looked_up(world: World, lost: str, verdict: str) -> None:
    """F12."""
    edit = await world.one.edit(TOOL, world.app, world.ids["tool a"], description="new")
    world.one.network.lose = {"PATCH": lost}
    outcome = await world.one.saver.save(edit)
    assert isinstance(outcome, Unknown)
    assert outcome.verdict == verdict
    assert succeeded(outcome) == (verdict == "applied")
    states = [entry.state for entry in world.one.journal(world.app).read().entries]
    assert states == ["done" if verdict == "applied" else "failed"]


async def test_a_lost_answer_with_someone_elses_value_there_cannot_be_told(world: World, two: Editor) -> None:
    app, tool = world.app, world.ids["tool a"]
    edit = await world.one.edit(TOOL, app, tool, description="mine")
    world.one.network.lose = {"PATCH": "request"}
    world.one.network.before = [lambda: two.client.update(TOOL, tool, {"description": "theirs"}, app=app)]
    outcome = await world.one.saver.save(edit)
    assert isinstance(outcome, Unknown)
    assert outcome.verdict == "cannot tell"
    assert outcome.raw
    assert outcome.raw["description"] == "theirs"


@pytest.mark.parametrize(("lost", "verdict"), [("answer", "applied"), ("request", "not applied")])
async def test_a_create_whose_answer_is_lost_is_looked_up_and_made_once(world: World, lost: str, verdict: str) -> None:
    world.one.network.lose = {"POST": lost}
    body = {"name": "tool b", "description": "a namesake", "annotations": {"readOnlyHint": True}}
    outcome = await world.one.saver.create(TOOL, world.app, body)
    assert isinstance(outcome, Unknown)
    assert outcome.verdict == verdict
    made = [
        raw for raw in (await world.one.client.list(TOOL, app=world.app)).items if raw["description"] == "a namesake"
    ]
    assert [raw["id"] for raw in made] == ([outcome.raw["id"]] if outcome.raw else [])


async def test_the_same_key_pressed_twenty_times_sends_one_request(world: World) -> None:
    """F34."""
    one = world.one
    before = len(one.sent)
    edit = await one.edit(TOOL, world.app, world.ids["tool a"], description="once")
    saved = await asyncio.gather(*(one.saver.save(edit) for _ in range(20)))
    made = await asyncio.gather(*(one.saver.create(TOOL, world.app, {"name": "Once"}) for _ in range(20)))
    gone = await asyncio.gather(*(one.saver.delete(TOOL, world.app, made[0].id) for _ in range(20)))  # type: ignore[union-attr] # a failure here is the test's
    deployed = await asyncio.gather(*(one.saver.deploy(world.app) for _ in range(20)))
    assert [verb for verb, *_ in one.sent[before:]] == ["PATCH", "POST", "DELETE", "POST"]
    for outcomes in (saved, made, gone, deployed):
        assert len({id(outcome) for outcome in outcomes}) == 1


async def test_two_different_saves_of_one_resource_wait_for_each_other(world: World) -> None:
    base = await world.one.raw(TOOL, world.app, world.ids["tool a"])
    chains = [[*base["nextToolIds"], world.ids["tool c"]], []]
    edits = [Edit(TOOL, world.app, base["id"], base, {**base, "nextToolIds": chain}) for chain in chains]
    outcomes = await asyncio.gather(*(world.one.saver.save(edit) for edit in edits))
    assert all(isinstance(outcome, Saved) for outcome in outcomes)
    assert (await world.one.raw(TOOL, world.app, base["id"]))["nextToolIds"] == [world.ids["tool c"]]


async def test_a_save_whose_caller_goes_away_is_finished_and_noted(world: World) -> None:
    edit = await world.one.edit(TOOL, world.app, world.ids["tool a"], description="finished")
    caller = asyncio.create_task(world.one.saver.save(edit))
    while not world.one.saver.intents.busy(world.app):
        await asyncio.sleep(0)
    caller.cancel()
    await world.one.saver.intents.settle()
    assert (await world.one.raw(TOOL, world.app, edit.id))["description"] == "finished"
    assert [entry.state for entry in world.one.journal(world.app).read().entries] == ["done"]


async def test_a_deploy_waits_for_the_save_under_way(sandbox: InProcess) -> None:
    """F35."""
    one = Editor(sandbox)
    app = (await one.client.create(APP, {"templateId": "support", "name": "Ready"})).raw["id"]
    edit = await one.edit(APP, app, app, description="in the deploy")
    saving = asyncio.create_task(one.saver.save(edit))
    while not one.saver.intents.busy(app):
        await asyncio.sleep(0)
    deployed = await one.saver.deploy(app)
    assert [verb for verb, *_ in one.sent[-2:]] == ["PATCH", "POST"]
    assert isinstance(await saving, Saved)
    assert not isinstance(deployed, Refused | Failed | Unknown)
    assert deployed.raw["app"]["description"] == "in the deploy"
    await one.client.aclose()


async def test_a_delete_of_what_others_changed_meanwhile_asks_first(world: World, two: Editor) -> None:
    app, tool = world.app, world.ids["tool c"]
    seen = await world.one.raw(TOOL, app, tool)
    await two.client.update(TOOL, tool, {"description": "worth keeping"}, app=app)
    outcome = await world.one.saver.delete(TOOL, app, tool, base=seen)
    assert isinstance(outcome, Changed)
    assert [change.dotted for change in outcome.theirs] == ["description"]
    assert isinstance(await world.one.saver.delete(TOOL, app, tool, base=outcome.raw), Deleted)
    again = await world.one.saver.delete(TOOL, app, tool, base=outcome.raw)
    assert isinstance(again, Deleted)
    assert again.already


async def test_a_delete_that_is_refused_names_who_stands_in_the_way(world: World) -> None:
    outcome = await world.one.saver.delete(AUTH, world.app, world.ids["auth"])
    assert isinstance(outcome, Refused)
    assert [(each["kind"], each["id"]) for each in outcome.referrers] == [("integration", world.ids["integration"])]


@pytest.mark.parametrize(("lost", "verdict"), [("answer", "applied"), ("request", "not applied")])
async def test_a_delete_whose_answer_is_lost_is_looked_up(world: World, lost: str, verdict: str) -> None:
    world.one.network.lose = {"DELETE": lost}
    outcome = await world.one.saver.delete(TOOL, world.app, world.ids["tool c"])
    assert isinstance(outcome, Unknown)
    assert outcome.verdict == verdict
    assert (outcome.raw is None) == (verdict == "applied")
    (entry,) = world.one.journal(world.app).read().entries
    assert entry.state == ("done" if verdict == "applied" else "failed")


async def test_unknown_members_and_enum_values_survive_an_edit_of_something_else(world: World) -> None:
    """F20 F21."""
    app, ids = world.app, world.ids
    odd: dict[str, Any] = {"x-odd": {"deep": [1, {"no": None}], "n": 1.5}, "tier": "unheard-of"}
    for kind, name, change in (
        (APP, "app", {"description": "edited"}),
        (AUTH, "auth", {"name": "edited"}),
        (INTEGRATION, "integration", {"name": "edited"}),
        (OPERATION, "operation", {"description": "edited"}),
        (TOOL, "tool a", {"description": "edited", "nextToolIds": []}),
        (WIDGET, "widget", {"name": "edited", "actions": []}),
    ):
        more = {"displayMode": "hologram"} if kind is WIDGET else {"kind": "oracle"} if kind is TOOL else {}
        await world.one.client.update(kind, ids[name], odd | more, app=app)
        outcome = await world.one.saver.save(await world.one.edit(kind, app, ids[name], **change))
        assert isinstance(outcome, Saved), (kind.name, outcome)
        expected = odd | more | change
        assert {member: outcome.raw[member] for member in expected} == expected
