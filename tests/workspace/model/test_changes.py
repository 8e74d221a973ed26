"""What others have changed between two reads, without own writes and what follows from them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drio_tui.workspace.model.changes import changes_by_others, contents_of
from drio_tui.workspace.model.own_writes import OwnWrites, written_resource
from tests.workspace.small_app import small_config, snapshot_of

LISTS = {"auth": "auth", "integration": "integrations", "operation": "operations", "tool": "tools", "widget": "widgets"}


def changed(change: Any) -> dict[str, Any]:
    config = small_config()
    change(config)
    return config


def keys_of(after: dict[str, Any], *own: tuple[str, str]) -> set[tuple[str, ...]]:
    before = contents_of(snapshot_of(small_config()))
    return set(changes_by_others(before, contents_of(snapshot_of(after)), frozenset(own)))


def delete_integration(config: dict[str, Any]) -> None:
    """Delete the integration, as drio does: with its operation, and the binding to it is broken."""
    config["integrations"].clear()
    config["operations"].clear()
    config["tools"][0]["binding"]["status"] = "missing"


def rename_tool(config: dict[str, Any]) -> None:
    """Rename a tool, as drio does: the actions that call it show its name."""
    config["tools"][1]["name"] = config["widgets"][0]["actions"][0]["targetToolName"] = "New"


def create_widget(config: dict[str, Any]) -> None:
    """Create a widget of a tool that has one, as drio does: the tool leaves the other widget."""
    config["widgets"][0]["toolId"] = None
    config["widgets"].append({"id": "widget_9", "name": "Nine", "toolId": "tool_1"})
    config["tools"][0]["widgetId"] = "widget_9"


def import_operations(config: dict[str, Any]) -> None:
    """Change the integration, add an operation and a tool for it, and hand results to that tool."""
    config["integrations"][0]["baseUrl"] = "https://new.acme.com"
    config["operations"].append({"id": "operation_9", "integrationId": "integration_1", "name": "Nine"})
    config["tools"].append({"id": "tool_9", "binding": {"integrationOperationId": "operation_9"}})


@pytest.mark.parametrize(
    ("change", "own", "expected"),
    [
        (lambda c: None, [], set()),
        (lambda c: c["tools"][0].update(name="New"), [], {("tool", "tool_1")}),
        (lambda c: c["tools"][0].update(name="New"), [("tool", "tool_1")], set()),
        # What someone else changes while the user saves something unrelated is still marked.
        (lambda c: (c["tools"][0].update(name="New"), c["widgets"][0].update(name="New")), [("tool", "tool_1")],
         {("widget", "widget_1")}),
        (lambda c: c["tools"].append({"id": "tool_9", "name": "Nine"}), [], {("tool", "tool_9")}),
        (lambda c: c["tools"].append({"id": "tool_9", "name": "Nine"}), [("tool", "")], set()),
        (lambda c: c["widgets"].clear(), [], {("widget", "widget_1")}),
        (delete_integration, [("integration", "integration_1")], set()),
        (delete_integration, [], {("integration", "integration_1"), ("operation", "operation_1"), ("tool", "tool_1")}),
        # A reference that the user removed shows in the widget, too.
        (lambda c: (c["tools"][0].update(widgetId=None), c["widgets"][0].update(toolId=None)), [("tool", "tool_1")],
         set()),
        # The schema of an operation shows in the tools bound to it.
        (lambda c: c["tools"][0]["binding"].update(status="stale"), [("operation", "operation_1")], set()),
        (lambda c: c["app"].update(status="draft"), [("tool", "tool_1")], set()),
        (lambda c: c["auth"][0].update(lastValidatedAt="2026-01-01T00:00:00.000Z"), [], set()),
        (lambda c: c["app"].update(isEnabled=1), [], {("app", "app_1")}),
        # A tool's name shows in the actions of widgets; other changes of them do not follow from it.
        (rename_tool, [("tool", "tool_2")], set()),
        (rename_tool, [("tool", "tool_1")], {("tool", "tool_2")}),
        (rename_tool, [], {("tool", "tool_2"), ("widget", "widget_1")}),
        (lambda c: (rename_tool(c), c["widgets"][0].update(name="New")), [("tool", "tool_2")],
         {("widget", "widget_1")}),
        # A widget that was created, copied or restored is the widget of its tool, and of no other any more.
        (create_widget, [("widget", "")], set()),
        (create_widget, [], {("widget", "widget_9"), ("widget", "widget_1"), ("tool", "tool_1")}),
        (lambda c: (create_widget(c), c["tools"][0].update(name="New")), [("widget", "")], {("tool", "tool_1")}),
        (lambda c: (c["widgets"].clear(), c["tools"][0].update(widgetId=None)), [("widget", "widget_1")], set()),
        # A copied tool, and one that another was moved before: the others move.
        (lambda c: (c["tools"].append({"id": "tool_9", "name": "Nine", "order": 0}), c["tools"][1].update(order=2)),
         [("tool", "")], set()),
        (lambda c: c["tools"][0].update(order=7), [("tool", "tool_2")], set()),
        (lambda c: c["tools"][0].update(order=7), [("auth", "auth_1")], {("tool", "tool_1")}),
        (lambda c: c["tools"][0].update(order=7, name="New"), [("tool", "tool_2")], {("tool", "tool_1")}),
        # A new connection or operation shows in the status of what uses it.
        (lambda c: (c["auth"].append({"id": "auth_9"}), c["integrations"][0].update(authId="auth_9", status="ready")),
         [("auth", "")], set()),
        (lambda c: c["integrations"][0].update(status="needs_auth"), [("auth", "auth_1")], set()),
        (lambda c: (c["auth"].clear(), c["integrations"][0].update(authId=None)), [("auth", "auth_1")], set()),
        (lambda c: c["integrations"][0].update(baseUrl="https://x.test"), [("auth", "auth_1")],
         {("integration", "integration_1")}),
        # An import creates and changes resources of several kinds; a group is undone with one request each.
        (import_operations, [("integration", "integration_1"), ("operation", ""), ("tool", "")], set()),
        (lambda c: (import_operations(c), c["tools"].append({"id": "tool_8"})),
         [("integration", "integration_1"), ("operation", "")], {("tool", "tool_8")}),
        # Someone else deletes what the user only edits, or has just bound a new tool to.
        (lambda c: c["widgets"].clear(), [("tool", "tool_1")], {("widget", "widget_1")}),
        (lambda c: (c["tools"].append({"id": "tool_9", "nextToolIds": ["tool_2"]}), c["tools"].pop(1)),
         [("tool", "")], {("tool", "tool_2")}),
        # A deploy changes the app alone.
        (lambda c: (c["app"].update(status="deployed", version="1.0.1"), c["auth"][0].update(name="New")),
         [("app", "app_1")], {("auth", "auth_1")}),
    ],
)  # fmt: skip
def test_changes_by_others_leave_out_own_writes_and_what_follows_from_them(
    change: Any, own: list[tuple[str, str]], expected: set[tuple[str, str]]
) -> None:
    assert keys_of(changed(change), *own) == expected


@pytest.mark.parametrize(
    ("change", "recent", "expected"),
    [
        # The server fills in a created tool, and sets the status of a binding, after the read that contained them.
        (lambda c: c["tools"][0].update(annotations={}, order=3), [("tool", "tool_1")], set()),
        (lambda c: c["tools"][0]["binding"].update(status="stale"), [("operation", "operation_1")], set()),
        (lambda c: c["widgets"][0].update(toolId=None), [("tool", "tool_1")], set()),
        (delete_integration, [("tool", "tool_1")], {("integration", "integration_1"), ("operation", "operation_1")}),
        # Everything else is a change by someone else.
        (lambda c: c["tools"][0].update(name="New"), [("tool", "tool_1")], {("tool", "tool_1")}),
        (lambda c: c["tools"].append({"id": "tool_9"}), [("tool", "tool_1")], {("tool", "tool_9")}),
        (lambda c: c["tools"].pop(), [("tool", "tool_2")], {("tool", "tool_2")}),
    ],
)  # fmt: skip
def test_drio_may_derive_something_from_a_write_that_the_last_read_contained(
    change: Any, recent: list[tuple[str, str]], expected: set[tuple[str, str]]
) -> None:
    before = contents_of(snapshot_of(small_config()))
    after = contents_of(snapshot_of(changed(change)))
    assert set(changes_by_others(before, after, recent=frozenset(recent))) == expected


def test_a_delete_with_its_dependents_after_a_save_of_one_of_them_is_not_marked() -> None:
    before, after = contents_of(snapshot_of(small_config())), contents_of(snapshot_of(changed(delete_integration)))
    own, recent = frozenset({("integration", "integration_1")}), frozenset({("operation", "operation_1")})
    assert changes_by_others(before, after, own, own | recent) == {}
    assert set(changes_by_others(before, after, recent=recent)) == {
        ("integration", "integration_1"),
        ("operation", "operation_1"),
    }


def test_a_kind_that_could_not_be_read_has_no_changes() -> None:
    before = contents_of(snapshot_of(small_config()))
    snapshot = snapshot_of(changed(lambda c: c["tools"].clear()))
    snapshot.parts["tool"].state = "failed"
    assert changes_by_others(before, contents_of(snapshot)) == {}


def test_a_change_names_its_properties() -> None:
    after = changed(lambda c: c["tools"][0].update(name="New", description="Text"))
    changes = changes_by_others(contents_of(snapshot_of(small_config())), contents_of(snapshot_of(after)))
    assert changes["tool", "tool_1"].properties == ("description", "name")


@settings(max_examples=30, deadline=None)
@given(st.sets(st.sampled_from([(kind, i) for kind, name in LISTS.items() for i in range(len(small_config()[name]))])))
def test_what_this_program_wrote_is_never_marked(written: set[tuple[str, int]]) -> None:
    config, own = small_config(), []
    for kind, index in written:
        resource = config[LISTS[kind]][index]
        resource["name"] = "Written here"
        own.append((kind, resource["id"]))
    assert not keys_of(config, *own)
    assert keys_of(config) == set(own)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/apps", None),
        ("/me", None),
        ("/apps/a%2Fb", ("a/b", ("app", "a/b"))),
        ("/apps/a/deploy", ("a", ("app", "a"))),
        ("/sandbox/apps/a/restore", ("a", ("app", "a"))),
        ("/sandbox/allowed/restore", None),
        ("/apps/a/tools", ("a", ("tool", ""))),
        ("/apps/a/tools/t/chain", ("a", ("tool", "t"))),
        ("/apps/a/widgets/w/actions", ("a", ("widget", "w"))),
        ("/apps/a/tools/t/binding", ("a", ("tool", "t"))),
        ("/apps/a/auth/x?y=1", ("a", ("auth", "x"))),
        ("/apps/a/integrations/i/operations", ("a", ("operation", ""))),
        ("/apps/a/operations/o", ("a", ("operation", "o"))),
        ("/apps/a/unknown", None),
    ],
)
def test_the_path_of_a_write_names_its_resource(path: str, expected: Any) -> None:
    assert written_resource(path) == expected


def test_own_writes_know_what_is_running_and_what_came_after_a_read() -> None:
    writes = OwnWrites()
    writes.note(1, "GET", "/apps/a/tools/t", is_finished=False)
    assert not writes.position
    writes.note(2, "PATCH", "/apps/a/tools/t", is_finished=False)
    assert writes.is_running("a")
    assert not writes.is_running("b")
    during = writes.position
    writes.note(2, "PATCH", "/apps/a/tools/t", is_finished=True)
    assert not writes.is_running("a")
    # A read that began while the write ran may have missed it.
    assert writes.since("a", during) == {("tool", "t")}
    assert writes.apps_since(during) == {"a"}
    assert not writes.since("a", writes.position)
