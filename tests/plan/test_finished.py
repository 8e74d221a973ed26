"""A plan that was interrupted is done once its command was run again, whatever its own record says."""

from __future__ import annotations

from typing import Any

import pytest

from drio_tui.plan.finished import has_nothing_left
from drio_tui.plan.moving import move_operations
from drio_tui.plan.record import PlanRecord
from drio_tui.plan.steps import Step, changes_of
from tests.workspace.small_app import INTEGRATION, SEARCH, small_config, snapshot_of

TARGET = INTEGRATION | {"id": "integration_2", "name": "Elsewhere"}


def config_of(*operations: dict[str, Any], tool_of: str) -> dict[str, Any]:
    """Return the small app with two integrations, these operations, and its first tool bound to one of them."""
    config = small_config()
    config["integrations"].append(TARGET)
    config["operations"] = [*operations]
    config["tools"][0]["binding"]["integrationOperationId"] = tool_of
    return config


OLD = SEARCH | {"key": "search"}
NEW = OLD | {"id": "operation_9", "integrationId": "integration_2"}


@pytest.mark.parametrize(
    ("operations", "tool_of", "expected"),
    [
        ([NEW], "operation_9", True),  # the move was carried out by another plan
        ([OLD | {"key": "search-old"}], "operation_1", False),
        ([OLD | {"key": "search-old"}, NEW], "operation_1", False),
        ([OLD | {"key": "search-old"}, NEW], "operation_9", False),  # the old one is to be deleted
        ([NEW], "operation_1", False),  # the tool refers to the one that is gone
        ([], "operation_7", False),  # the new one was deleted, or never made
    ],
)
def test_a_move_is_done_when_its_operation_is_elsewhere(
    operations: list[dict[str, Any]], tool_of: str, expected: bool
) -> None:
    snapshot = snapshot_of(config_of(OLD, tool_of="operation_1"))
    (target,) = [one for one in snapshot.resources("integration") if one.id == "integration_2"]
    plan = move_operations(snapshot, snapshot.resources("operation"), target)
    record = PlanRecord("default", "server", "app_1", "Move", plan.steps)
    record.state.step(plan.steps[0].id).state = "done"
    assert has_nothing_left(record, snapshot_of(config_of(*operations, tool_of=tool_of))) is expected


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (Step("a", "update", "tool", "", "tool_1", changes=changes_of({"order": 1})), True),
        (Step("a", "update", "tool", "", "tool_1", changes=changes_of({"order": 2})), False),
        (Step("a", "update", "tool", "", "tool_1", changes=changes_of({"order": 1}), lost=("order",)), False),
        (Step("a", "update", "tool", "", "gone", changes=changes_of({"order": 2})), True),
        (Step("a", "delete", "tool", "", "tool_1"), False),
        (Step("a", "delete", "tool", "", "gone"), True),
        (Step("a", "detach", "tool", "", "tool_1", property_name="nextToolIds", targets=frozenset({"x"})), True),
        (Step("a", "detach", "tool", "", "tool_1", property_name="nextToolIds", targets=frozenset({"tool_2"})), False),
        (Step("a", "create", "tool", "", body={"key": "search-tickets", "name": "Search Tickets"}), True),
        (Step("a", "create", "tool", "", body={"key": "other", "name": "Other"}), False),
    ],
)
def test_each_kind_of_step_is_compared_with_the_app(step: Step, expected: bool) -> None:
    record = PlanRecord("default", "server", "app_1", "Change", (step,))
    assert has_nothing_left(record, snapshot_of(small_config())) is expected
    twice = PlanRecord("default", "server", "app_1", "Change", (step, step))
    if step.verb == "create":
        assert not has_nothing_left(twice, snapshot_of(small_config()))  # there is only one of them
