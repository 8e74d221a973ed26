"""Changing many resources alike: values, text, names, keys and the integration of operations."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drio_tui.api.patterns import KEY
from drio_tui.kinds import INTEGRATION, KINDS, TOOL
from drio_tui.naming import KEY_MAX
from drio_tui.plan.bulk import BulkPlan, edit_all, is_repeatable
from drio_tui.plan.executor import Executor
from drio_tui.plan.key_order import is_made_of, temporary_key
from drio_tui.plan.moving import move_operations
from drio_tui.plan.renaming import rename_by_pattern
from drio_tui.plan.replacing import PROPERTIES, Replacement, replace_text
from drio_tui.plan.steps import with_changes
from drio_tui.plan.undo import undo_last
from drio_tui.schema.fields import MISSING
from drio_tui.workspace.model.loader import load_app
from drio_tui.workspace.model.references import Links
from drio_tui.workspace.model.snapshot import Resource, Snapshot
from drio_tui.workspace.saving.merge import FieldChange
from tests.workspace.saving_world import World
from tests.workspace.small_app import small_config, snapshot_of

pytest.importorskip("fastapi", reason="the sandbox extra is not installed")

MESSAGE = "Tell the ticket {{ row.ticket }} to the ticket desk"


def wordy_config() -> dict[str, Any]:
    """Return a config with text in every property in which it is replaced, and in some in which it is not."""
    config = small_config()
    config["app"] |= {"description": "Tickets.", "serverInstructions": "Close a ticket last. TICKET first."}
    config["operations"][0] |= {"description": "Finds tickets", "key": "search", "inputSchema": {"title": "ticket"}}
    config["tools"][0] |= {"description": "Finds a ticket.", "annotations": {"title": "a ticket", "readOnlyHint": True}}
    config["widgets"][0]["config"] = {
        "fieldMappings": {"rows": "$.ticket"},
        "style": {"submitLabel": "Send ticket", "groupBy": "ticket", "precision": 2},
    }
    config["widgets"][0]["actions"] += [
        {"trigger": "button.click", "type": "sendMessage", "template": MESSAGE},
        {"trigger": "button.click", "type": "callTool", "template": '{"ticket": "ticket"}', "targetToolId": "tool_2"},
    ]
    return config


def changes(plan: BulkPlan) -> list[tuple[str, str, Any]]:
    """Return the id of the resource, the dotted path and the new value of each change."""
    assert not plan.problems
    return [(step.ref, change.dotted, change.after) for step in plan.steps for change in step.changes]


@pytest.mark.parametrize(
    ("replacement", "properties", "expected"),
    [
        (
            Replacement("ticket", "case"),
            PROPERTIES,
            [
                ("app_1", "serverInstructions", "Close a case last. TICKET first."),
                ("operation_1", "name", "Search cases"),
                ("operation_1", "description", "Finds cases"),
                ("tool_1", "annotations.title", "a case"),
                ("tool_1", "description", "Finds a case."),
                ("widget_1", "actions[1].template", "Tell the case {{ row.ticket }} to the case desk"),
                ("widget_1", "config.style.submitLabel", "Send case"),
            ],
        ),
        (Replacement("ticket", "cow", whole_word=True), ("description",), [("tool_1", "description", "Finds a cow.")]),
        (
            Replacement("TICKET", "case", ignore_case=True),
            ("serverInstructions",),
            [("app_1", "serverInstructions", "Close a case last. case first.")],
        ),
        (
            Replacement(r"^Finds (an? )?(\w+)", r"\2: \g<1>found", regex=True),
            ("description",),
            [
                ("operation_1", "description", "tickets: found"),
                ("tool_1", "description", "ticket: a found."),
            ],
        ),
        (Replacement("s", "z", first=True), ("description",), [
            ("app_1", "description", "Ticketz."), ("operation_1", "description", "Findz tickets"),
            ("tool_1", "description", "Findz a ticket.")]),
        (Replacement("Tickets.", r"\1"), ("description",), [("app_1", "description", r"\1")]),
        (Replacement("nowhere", "x"), PROPERTIES, []),
    ],
)  # fmt: skip
def test_text_is_replaced_where_users_read_it(
    replacement: Replacement, properties: tuple[str, ...], expected: list[tuple[str, str, Any]]
) -> None:
    found = changes(replace_text(snapshot_of(wordy_config()), replacement, properties))
    shown = [
        (id, "actions[1].template", value[1]["template"]) if path == "actions" else (id, path, value)
        for id, path, value in found
    ]
    assert sorted(shown) == sorted(expected)


@pytest.mark.parametrize(
    ("replacement", "problem"),
    [
        (Replacement("", "x"), "nothing to find"),
        (Replacement("(", "x", regex=True), "no regular expression"),
        (Replacement("(a+)+$", "x", regex=True), "could take forever"),
        (Replacement("a" * 100_000, "x", regex=True), "This is no regular expression: it is too long."),
        (Replacement("(tT*)*!", "x", regex=True, ignore_case=True), "could take forever"),
        (Replacement("(?i)a", "x", regex=True), "the option for it"),
        (Replacement("t", r"\3", regex=True), "cannot be used: invalid group"),
        (Replacement(".*t.*t.*t", "x", regex=True), "takes too long in a text of 9,000"),
        (Replacement("t", "x" * 1000), "more than 100,000"),
        (Replacement("Acme Support", " "), "Acme Support would be blank"),
    ],
)
def test_a_replacement_that_cannot_be_made_says_why(replacement: Replacement, problem: str) -> None:
    config = wordy_config()
    config["app"]["description"] = "t" * 9_000
    plan = replace_text(snapshot_of(config), replacement)
    assert problem in " ".join(plan.problems)


TEXT = st.text(alphabet="ab {}.$", max_size=12)


@settings(max_examples=30, deadline=None)
@given(st.lists(TEXT, min_size=6, max_size=6), TEXT.filter(bool), TEXT, st.booleans())
def test_replacing_changes_texts_only_and_its_changes_can_be_taken_back(
    texts: list[str], find: str, text: str, whole_word: bool
) -> None:
    config = wordy_config()
    config["app"]["description"], config["tools"][0]["description"], config["operations"][0]["description"] = texts[:3]
    config["tools"][0]["annotations"]["title"], config["widgets"][0]["actions"][1]["template"] = texts[3:5]
    config["widgets"][0]["config"]["style"]["submitLabel"] = texts[5]
    snapshot = snapshot_of(config)
    plan = replace_text(snapshot, Replacement(find, text, whole_word=whole_word))
    for step in plan.steps:
        base = snapshot.at(step.key).raw  # type: ignore[union-attr]
        changed = with_changes(base, step.changes)
        undone = [FieldChange(change.path, change.after, change.before) for change in step.changes]
        assert without_target_names(with_changes(changed, undone)) == without_target_names(base)
        assert without_texts(changed) == without_texts(base)


def without_target_names(raw: dict[str, Any]) -> dict[str, Any]:
    """Return a copy without the names of tools that drio adds to actions."""
    actions = raw.get("actions") or []
    kept = [{name: value for name, value in action.items() if name != "targetToolName"} for action in actions]
    return {**raw, "actions": kept}


def without_texts(raw: dict[str, Any]) -> Any:
    """Return a copy without the properties in which text is replaced, and the lookups of templates as they are."""
    kept = {name: value for name, value in raw.items() if name not in ("name", "description", "serverInstructions")}
    annotations = {**(kept.pop("annotations", None) or {})}
    annotations.pop("title", None)
    config = kept.pop("config", None) or {}
    style = {name: value for name, value in config.get("style", {}).items() if name != "submitLabel"}
    actions = [
        {name: value for name, value in action.items() if name != "targetToolName"}
        | ({} if action["type"] == "callTool" else {"template": ""})
        for action in kept.pop("actions", None) or []
    ]
    return kept, annotations, {**config, "style": style}, actions


@pytest.mark.parametrize(
    ("pattern", "property_name", "expected"),
    [
        ("s/^search /Find /i", "name", ["Find Tickets"]),
        ("s/k/c/", "name", ["Search Ticcets"]),
        ("s|[Ss]|5|g", "name", ["5earch Ticket5", "5ummarize"]),
        (r"s/(\w+) (\w+)/\2, \1\/2/", "name", ["Tickets, Search/2"]),
        (r"s/^Search|\\/\\/", "name", ["\\ Tickets"]),
        ("{n:2} {key}", "name", ["01 search-tickets", "02 summarize"]),
        ("Desk: {name}", "name", ["Desk: Search Tickets", "Desk: Summarize"]),
        ("{name}-v2", "key", ["search-tickets-v2", "summarize-v2"]),
        ("s/tickets/cases/", "key", ["search-cases"]),
    ],
)
def test_names_and_keys_are_made_by_a_pattern(pattern: str, property_name: Any, expected: list[str]) -> None:
    snapshot = snapshot_of(small_config())
    tools = [tool for id in ("tool_1", "tool_2") if (tool := snapshot.at(("tool", id)))]
    plan = rename_by_pattern(snapshot, tools, pattern, property_name)
    assert [value for _, path, value in changes(plan) if path == property_name] == expected


@pytest.mark.parametrize(
    ("pattern", "property_name", "repeatable"),
    [
        ("s/^Search /Find /", "name", True),
        ("{n:2} {key}", "name", True),
        ("{n:2} {name}", "name", False),
        (r"s/^(\w+)-(\w+)$/\2-\1/", "key", False),
    ],
)
def test_a_plan_tells_whether_making_it_again_changes_more(pattern: str, property_name: Any, repeatable: bool) -> None:
    snapshot = snapshot_of(small_config())

    def make(tools: list[Resource]) -> BulkPlan:
        return rename_by_pattern(snapshot, tools, pattern, property_name)

    tools = [*snapshot.resources("tool")]
    plan = make(tools)
    assert plan.steps
    assert is_repeatable(plan, tools, make) == repeatable


@pytest.mark.parametrize(
    ("pattern", "property_name", "problem"),
    [
        ("s/a/b", "name", "Such a pattern is s/FIND/REPLACEMENT/"),
        ("s/(/b/", "name", "no regular expression"),
        ("Tool", "name", "with {name}, {key} or {n}"),
        ("{nam}", "name", "{nam} is not known"),
        ("s/.*//", "name", "would be blank"),
        ("{name}" * 20, "name", "longer than 200"),
        ("s/.*/!/", "key", "Nothing would be left of the key of Search Tickets"),
        ("s/.*/tool/", "key", "2 tools would have the key tool"),
    ],
)
def test_a_pattern_that_gives_no_good_names_says_why(pattern: str, property_name: Any, problem: str) -> None:
    snapshot = snapshot_of(small_config())
    plan = rename_by_pattern(snapshot, snapshot.resources("tool"), pattern, property_name)
    assert problem in " ".join(plan.problems)


def test_a_key_of_another_resource_is_not_taken() -> None:
    snapshot = snapshot_of(small_config())
    tool = snapshot.at(("tool", "tool_1"))
    assert tool is not None
    plan = rename_by_pattern(snapshot, [tool], "s/.*/summarize/", "key")
    assert plan.problems == ("The tool Summarize has the key summarize already.",)
    named = rename_by_pattern(snapshot, [tool], "s/.*/Summarize/")
    assert (named.problems, named.notes) == ((), ("2 tools would have the name Summarize.",))


def test_values_are_set_beside_what_each_resource_has() -> None:
    config = wordy_config()
    config["tools"][1]["annotations"] = {"destructiveHint": True, "readOnlyHint": True}
    snapshot = snapshot_of(config)
    steps = edit_all(
        snapshot.resources("tool"),
        {("annotations", "readOnlyHint"): True, ("annotations", "title"): MISSING, ("order",): 7},
    )
    found = {(step.ref, change.dotted): change.after for step in steps for change in step.changes}
    assert found == {("tool_1", "order"): 7, ("tool_2", "order"): 7, ("tool_1", "annotations.title"): MISSING}


# --- on the sandbox ------------------------------------------------------------------------------


async def read(world: World) -> Snapshot:
    snapshot = Snapshot(world.app)
    await load_app(world.editor.client, world.app, snapshot.apply)
    return snapshot


def named(snapshot: Snapshot, kind: str, name: str) -> Resource:
    (resource,) = [resource for resource in snapshot.resources(kind) if resource.name == name]
    return resource


def wiring(snapshot: Snapshot) -> list[tuple[str, str, str]]:
    """Return the references, by name."""
    return sorted(
        (resource.name, link.path, getattr(snapshot.at(link.target), "name", ""))
        for resource in snapshot
        for link in Links(snapshot).uses(resource.key)
    )


@pytest.mark.parametrize("lost", ["POST", "PUT", "DELETE", "PATCH"])
async def test_an_operation_is_moved_with_its_tools_though_a_response_is_lost(world: World, lost: str) -> None:
    target = await world.editor.client.create(
        INTEGRATION, {"name": "elsewhere", "baseUrl": "https://other.example.com"}, app=world.app
    )
    before = await read(world)
    operation = named(before, "operation", "operation")
    plan = move_operations(before, [operation], named(before, "integration", "elsewhere"))
    assert [step.about for step in plan.steps] == [
        "Let the operation operation give its key away", "Create the operation operation in elsewhere",
        "Bind the tool tool a to it", "Delete the operation operation where it was",
    ]  # fmt: skip
    world.editor.network.lose = {lost: "answer"}
    executor = Executor(world.editor.saver, world.app, plan.steps, pause=0)
    await executor.run()
    await executor.run()
    assert executor.complete, [result.problem for result in executor.failed]
    moved = await read(world)
    new = named(moved, "operation", "operation")
    assert new.id != operation.id
    assert new.raw | {"id": operation.id} == operation.raw | {"integrationId": target.raw["id"]}
    relocated = [
        ("operation", "integrationId", "elsewhere") if row[:2] == ("operation", "integrationId") else row
        for row in wiring(before)
    ]
    assert wiring(moved) == sorted(relocated)
    tool = named(moved, "tool", "tool a")
    assert tool.get("binding")["status"] == "ready"
    assert [step.problem for step in await undo_last(world.editor.saver, world.app) if not step.ok] == []
    undone = await read(world)
    assert wiring(undone) == wiring(before)
    assert named(undone, "operation", "operation").text("key") == "operation"


async def test_an_interrupted_move_goes_on_in_a_new_plan(world: World) -> None:
    client = world.editor.client
    await client.create(INTEGRATION, {"name": "elsewhere", "baseUrl": "https://other.example.com"}, app=world.app)
    before = await read(world)
    for number, goal in enumerate(("elsewhere", "integration", "elsewhere")):
        snapshot = await read(world)
        plan = move_operations(
            snapshot, [named(snapshot, "operation", "operation")], named(snapshot, "integration", goal)
        )
        await Executor(world.editor.saver, world.app, plan.steps).run(until=plan.steps[number].id)
        between = await read(world)
        chosen = [one for one in between.resources("operation") if one.name == "operation"][-1]  # the new one
        rest = move_operations(between, [chosen], named(between, "integration", goal))
        assert len(rest.steps) == 3 - number
        executor = Executor(world.editor.saver, world.app, rest.steps)
        await executor.run()
        assert executor.complete, [result.problem for result in executor.failed]
        now = await read(world)
        operation = named(now, "operation", "operation")
        assert (operation.text("key"), operation.get("integrationId")) == (
            "operation",
            named(now, "integration", goal).id,
        )
        assert [row for row in wiring(now) if row[0] != "operation"] == [
            row for row in wiring(before) if row[0] != "operation"
        ]
        assert move_operations(now, [operation], named(now, "integration", goal)).steps == ()


@pytest.mark.parametrize("key", ["find", "a" * 90 + "-" + "b" * 9, "a-" * 49 + "aa"])
def test_a_key_that_is_given_away_is_valid_and_recognized(key: str) -> None:
    def operation(id: str, key: str, path: str = "/a") -> Resource:
        return Resource("operation", id, {"id": id, "key": key, "method": "GET", "path": path})

    given_away = temporary_key(key, "operation_1")
    assert re.fullmatch(KEY, given_away)
    assert len(given_away) <= KEY_MAX
    old = operation("operation_1", given_away)
    assert is_made_of(operation("operation_2", key), old)
    assert not is_made_of(operation("operation_2", f"{key[:-1]}z", "/b"), old)
    assert not is_made_of(old, operation("operation_2", key))


async def test_keys_that_are_exchanged_and_replaced_texts_are_restored_by_undo(world: World) -> None:
    before = await read(world)
    tools = [named(before, "tool", name) for name in ("tool a", "tool b", "tool c")]
    assert [tool.text("key") for tool in tools] == ["tool-a", "tool-b", "tool-c"]
    for number, tool in enumerate(tools):  # 1, 2 and 3 become 2, 3 and 1
        await world.editor.client.update(TOOL, tool.id, {"key": f"tool-{number + 1}"}, app=world.app)
    numbered = await read(world)
    turned = [named(numbered, "tool", name) for name in ("tool c", "tool a", "tool b")]
    plan = rename_by_pattern(numbered, turned, "tool-{n}", "key")
    assert [step.id.partition(":")[0] for step in plan.steps].count("free") == 1
    executor = Executor(world.editor.saver, world.app, plan.steps)
    await executor.run()
    assert executor.complete, [result.problem for result in executor.failed]
    renamed = await read(world)
    assert [named(renamed, "tool", tool.name).text("key") for tool in turned] == ["tool-1", "tool-2", "tool-3"]
    replaced = replace_text(renamed, Replacement("tool", "thing"), ("name",))
    await Executor(world.editor.saver, world.app, replaced.steps).run()
    assert {tool.name for tool in (await read(world)).resources("tool")} >= {"thing a", "thing b", "thing c"}
    for expected in (renamed, numbered):
        assert all(step.ok for step in await undo_last(world.editor.saver, world.app))
        now = await read(world)
        assert [(one.kind, one.raw) for one in now if one.kind in KINDS] == [
            (one.kind, one.raw) for one in expected if one.kind in KINDS
        ]
