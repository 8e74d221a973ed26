"""Problems of resources: they are found, located, and counted in the tree."""

from __future__ import annotations

from typing import Any

import pytest

from drio_tui.api.errors import ServerError
from drio_tui.tool_calls.tools import tool_name
from drio_tui.workspace.lint.call_checks import LARGE_RESULT_TOKENS, MIN_FAILED
from drio_tui.workspace.model.snapshot import PartFailed, ToolCalls
from drio_tui.workspace.model.tree_model import TreeModel
from tests.workspace.small_app import small_config, snapshot_of


def problems_of(config: dict[str, Any]) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(problem.severity, problem.code, problem.key) for problem in TreeModel(snapshot_of(config)).problems]


def test_a_valid_app_has_no_problems() -> None:
    assert problems_of(small_config()) == []


def test_a_binding_with_another_schema_hash_is_stale_despite_status_ready() -> None:
    config = small_config()
    config["operations"][0]["schemaHash"] = "hash_2"
    assert problems_of(config) == [("error", "stale_binding", ("tool", "tool_1"))]


def test_a_binding_with_status_stale_is_stale() -> None:
    config = small_config()
    config["tools"][0]["binding"]["status"] = "stale"
    assert problems_of(config) == [("error", "stale_binding", ("tool", "tool_1"))]


def test_a_stale_binding_of_a_disabled_tool_is_a_warning() -> None:
    config = small_config()
    config["tools"][0] |= {"isEnabled": False, "binding": config["tools"][0]["binding"] | {"status": "stale"}}
    assert problems_of(config) == [("warning", "stale_binding", ("tool", "tool_1"))]


def test_an_invalid_connection_has_its_error_in_the_message() -> None:
    config = small_config()
    config["auth"][0] |= {"status": "invalid", "lastError": {"code": "x", "message": "the key was revoked"}}
    problems = TreeModel(snapshot_of(config)).problems
    assert [(problem.code, problem.key) for problem in problems] == [("invalid_auth", ("auth", "auth_1"))]
    assert "the key was revoked" in problems[0].message


def test_errors_come_before_warnings() -> None:
    config = small_config()
    config["auth"][0]["status"] = "pending"
    config["tools"][0]["widgetId"] = "widget_9"
    config["tools"][1]["nextToolIds"] = ["tool_2"]
    assert problems_of(config) == [
        ("error", "chain_cycle", ("tool", "tool_2")),
        ("error", "dangling_reference", ("tool", "tool_1")),
        ("warning", "pending_auth", ("auth", "auth_1")),
    ]


def test_problems_are_counted_on_their_node_and_on_every_parent() -> None:
    config = small_config()
    config["tools"][0] |= {"isEnabled": False, "binding": config["tools"][0]["binding"] | {"status": "stale"}}
    config["widgets"][0]["actions"][0]["targetToolId"] = "tool_9"
    tree = TreeModel(snapshot_of(config))
    assert tree.by_key[("binding", "tool_1")].warnings == 1
    assert tree.by_key[("action", "widget_1", "0")].errors == 1
    assert tree.by_key[("widget", "widget_1")].errors_below == 1
    tool = tree.by_key[("tool", "tool_1")]
    assert (tool.errors, tool.warnings, tool.errors_below, tool.warnings_below) == (0, 0, 1, 1)
    assert (tree.root.errors_below, tree.root.warnings_below) == (1, 1)
    assert tree.by_key[("group", "integration")].errors_below == 0


def test_an_unread_part_is_a_problem_of_its_group() -> None:
    snapshot = snapshot_of(small_config())
    snapshot.apply(PartFailed("widget", ServerError("down")))
    tree = TreeModel(snapshot)
    assert [problem.code for problem in tree.problems] == ["part_unread"]
    assert tree.by_key[("group", "tool")].errors == 1


@pytest.mark.parametrize(
    ("calls", "failed", "tokens", "codes"),
    [
        (9, 0, LARGE_RESULT_TOKENS, ["large_result"]),
        (9, 0, LARGE_RESULT_TOKENS - 1, []),
        (9, MIN_FAILED, 10, ["often_failed"]),
        (2, MIN_FAILED - 1, 10, []),
        (100, MIN_FAILED, 10, []),
        (4, 4, LARGE_RESULT_TOKENS, ["large_result", "often_failed"]),
    ],
)
def test_tools_with_large_results_or_many_failed_calls_are_marked(
    calls: int, failed: int, tokens: int, codes: list[str]
) -> None:
    snapshot = snapshot_of(small_config())
    name = tool_name(snapshot.parts["tool"].resources["tool_1"].text("key"))
    snapshot.calls = [ToolCalls(name, calls, failed, tokens), ToolCalls("deleted", 9, 9, 99_999)]
    tree = TreeModel(snapshot)
    assert [problem.code for problem in tree.problems] == codes
    assert tree.by_key[("tool", "tool_1")].warnings == len(codes)
