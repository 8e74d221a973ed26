"""What is wrong with an app is found, told with its place, and counted on the tree."""

from __future__ import annotations

from typing import Any

from drio_tui.api.errors import ServerError
from drio_tui.workspace.model.snapshot import Failed
from drio_tui.workspace.model.tree_model import TreeModel
from tests.workspace.small_app import small_config, snapshot_of


def problems(config: dict[str, Any]) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(problem.severity, problem.code, problem.key) for problem in TreeModel(snapshot_of(config)).problems]


def test_a_sound_app_has_no_problems() -> None:
    assert problems(small_config()) == []


def test_a_binding_whose_operation_moved_on_is_stale_even_if_it_says_ready() -> None:
    config = small_config()
    config["operations"][0]["schemaHash"] = "hash_2"
    assert problems(config) == [("warning", "stale_binding", ("tool", "tool_1"))]


def test_a_binding_that_says_stale_is_stale() -> None:
    config = small_config()
    config["tools"][0]["binding"]["status"] = "stale"
    assert problems(config) == [("warning", "stale_binding", ("tool", "tool_1"))]


def test_an_invalid_connection_says_why() -> None:
    config = small_config()
    config["auth"][0] |= {"status": "invalid", "lastError": {"code": "x", "message": "the key was revoked"}}
    found = TreeModel(snapshot_of(config)).problems
    assert [(problem.code, problem.key) for problem in found] == [("invalid_auth", ("auth", "auth_1"))]
    assert "the key was revoked" in found[0].message


def test_errors_come_before_warnings() -> None:
    config = small_config()
    config["auth"][0]["status"] = "pending"
    config["tools"][0]["widgetId"] = "widget_9"
    config["tools"][1]["nextToolIds"] = ["tool_2"]
    assert problems(config) == [
        ("error", "chain_cycle", ("tool", "tool_2")),
        ("error", "dangling_reference", ("tool", "tool_1")),
        ("warning", "pending_auth", ("auth", "auth_1")),
    ]


def test_problems_are_marked_on_the_part_they_concern_and_counted_on_every_parent() -> None:
    config = small_config()
    config["tools"][0]["binding"]["status"] = "stale"
    config["widgets"][0]["actions"][0]["targetToolId"] = "tool_9"
    outline = TreeModel(snapshot_of(config))
    assert outline.by_key[("binding", "tool_1")].warnings == 1
    assert outline.by_key[("action", "widget_1", "0")].errors == 1
    assert outline.by_key[("widget", "widget_1")].errors_below == 1
    tool = outline.by_key[("tool", "tool_1")]
    assert (tool.errors, tool.warnings, tool.errors_below, tool.warnings_below) == (0, 0, 1, 1)
    assert (outline.root.errors_below, outline.root.warnings_below) == (1, 1)
    assert outline.by_key[("group", "integration")].errors_below == 0


def test_a_part_that_could_not_be_read_is_a_problem_of_its_group() -> None:
    snapshot = snapshot_of(small_config())
    snapshot.apply(Failed("widget", ServerError("down")))
    outline = TreeModel(snapshot)
    assert [problem.code for problem in outline.problems] == ["part_unread"]
    assert outline.by_key[("group", "tool")].errors == 1
