"""Which changes are reviewed before they are saved, and which requests save them."""

from __future__ import annotations

from typing import Any

import pytest

from drio_tui.kinds import APP, AUTH, INTEGRATION, KINDS, OPERATION, TOOL, WIDGET, Kind
from drio_tui.workspace.saving.merge import FieldChange, diff
from drio_tui.workspace.saving.save_requests import (
    comparable,
    identity_lists,
    needs_review,
    requests_for,
    review_reason,
)


@pytest.mark.parametrize(
    ("kind", "before", "after", "danger"),
    [
        (TOOL, {"isEnabled": True}, {"isEnabled": False}, "switches it off"),
        (TOOL, {"isEnabled": False}, {"isEnabled": True}, ""),
        (TOOL, {"name": "a"}, {"name": "b"}, ""),
        (APP, {"slug": "a"}, {"slug": "b"}, "others may know it by this name"),
        (TOOL, {"key": "a"}, {"key": "b"}, "others may know it by this name"),
        (TOOL, {"description": "a"}, {"description": None}, "takes a value away"),
        (TOOL, {"nextToolIds": ["a", "b"]}, {"nextToolIds": ["b", "c"]}, "takes entries out of the list"),
        (TOOL, {"nextToolIds": ["a", "b"]}, {"nextToolIds": ["b", "c", "a"]}, ""),
        (TOOL, {"binding": {"integrationOperationId": "a"}}, {"binding": {"integrationOperationId": "b"}},
         "changes what it calls"),
        (TOOL, {"annotations": {}}, {"annotations": {"destructiveHint": False}}, "changes what callers are promised"),
        (INTEGRATION, {"baseUrl": "https://a"}, {"baseUrl": "https://b"}, "changes where calls or credentials go"),
        (AUTH, {"config": {"tokenEndpoint": "a"}}, {"config": {"tokenEndpoint": "b"}},
         "changes where calls or credentials go"),
        (AUTH, {"config": {}}, {"config": {"clientSecret": "x"}}, "replaces a secret"),
        (OPERATION, {"inputSchema": {"type": "object"}}, {"inputSchema": {"type": "array"}},
         "changes what callers are promised"),
        (WIDGET, {"config": {"style": {"density": "a"}}}, {"config": {"style": {"density": "b"}}}, ""),
    ],
)  # fmt: skip
def test_danger_of_each_change(kind: Kind[Any], before: dict[str, Any], after: dict[str, Any], danger: str) -> None:
    changes = diff(before, after)
    assert [review_reason(kind, change) for change in changes] == [danger]
    assert needs_review(kind, changes) == bool(danger)


def test_more_than_one_change_needs_review() -> None:
    assert needs_review(TOOL, diff({"name": "a"}, {"name": "b", "description": "c"}))


def test_repr_of_a_change_has_no_values() -> None:
    assert "hunter2" not in repr(FieldChange(("config", "clientSecret"), "hunter1", "hunter2"))


def test_identity_lists_are_those_with_references() -> None:
    lists = {kind.name: identity_lists(kind) for kind in KINDS.values()}
    assert {name: paths for name, paths in lists.items() if paths} == {
        "tool": {("nextToolIds",)},
        "widget": {("actions",)},
    }


def test_put_has_the_whole_property_and_target_names() -> None:
    before = {"actions": [{"targetToolId": "t", "targetToolName": "T"}], "name": "w"}
    after = {"actions": [{"targetToolId": "t", "callMode": "once"}], "name": "v"}
    patch, put = requests_for(WIDGET, comparable(WIDGET, before), comparable(WIDGET, after), (), before)
    assert (patch.part, patch.body) == ("patch", {"name": "v"})
    assert (put.part, put.body) == (
        "actions",
        [{"targetToolId": "t", "callMode": "once", "targetToolName": "T"}],
    )


def test_unexpected_shapes_do_not_raise() -> None:
    invalid = {"actions": 3, "binding": "x", "nextToolIds": {"a": 1}}
    for kind in (TOOL, WIDGET):
        assert comparable(kind, invalid) == invalid
        assert requests_for(kind, invalid, invalid, (), invalid) == []
    assert requests_for(
        WIDGET, {"actions": [1, {"targetToolId": []}]}, {"actions": [{"targetToolId": ["x"]}, None]}, (), invalid
    )
