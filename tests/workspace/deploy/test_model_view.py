"""What a model sees, compared with the config."""

from __future__ import annotations

from typing import Any

import pytest

from drio_tui.endpoint import SeenTool, Server
from drio_tui.endpoint.models import tool_from
from drio_tui.workspace.deploy.model_view import differences, expected
from drio_tui.workspace.model.snapshot import Snapshot
from tests.workspace.lint.test_preflight import sound
from tests.workspace.small_app import snapshot_of


def configured_app() -> Snapshot:
    config = sound()
    config["app"]["serverInstructions"] = "Be brief."
    return snapshot_of(config)


def listed_tools(snapshot: Snapshot) -> list[dict[str, Any]]:
    """Return the tools as an endpoint that follows the config lists them."""
    return [
        {
            "name": tool.name, "title": tool.title, "description": tool.description, "inputSchema": tool.schema,
            "annotations": {**tool.annotations, "title": tool.title},
        }
        for tool in expected(snapshot)
    ]  # fmt: skip


def differences_of(raws: list[dict[str, Any]], instructions: str = "Be brief.") -> list[tuple[str, str]]:
    result = differences(
        configured_app(), Server("acme-support", instructions=instructions), [tool_from(raw) for raw in raws]
    )
    assert all(difference.message and difference.as_dict()["code"] == difference.code for difference in result)
    return [(difference.code, difference.tool) for difference in result]


def test_an_endpoint_that_follows_the_config_has_no_differences() -> None:
    assert differences_of(listed_tools(configured_app())) == []


@pytest.mark.parametrize(
    ("properties", "difference"),
    [
        ({"description": "Other"}, "description"),
        ({"title": "Other"}, "title"),
        ({"inputSchema": {"type": "object", "properties": {"p": {}}}}, "input_schema"),
        ({"annotations": {"readOnlyHint": False}}, "annotations"),
        ({"annotations": {}}, "annotations"),
    ],
)
def test_each_kind_of_difference_is_reported(properties: dict[str, Any], difference: str) -> None:
    tools = listed_tools(configured_app())
    tools[0] |= properties
    assert differences_of(tools) == [(difference, "search-tickets")]


def test_missing_and_extra_tools_and_other_instructions_are_reported() -> None:
    tools = listed_tools(configured_app())
    assert differences_of([tools[0], {**tools[1], "name": "other"}], "Be long.") == [
        ("instructions", ""), ("missing_tool", "summarize"), ("extra_tool", "other"),
    ]  # fmt: skip
    assert differences_of([]) == [("missing_tool", "search-tickets"), ("missing_tool", "summarize")]


def test_a_tool_is_matched_by_any_of_its_names() -> None:
    tools = listed_tools(configured_app())
    tools[0]["name"] = "Search Tickets"
    assert differences_of(tools) == [("name", "Search Tickets")]


def test_malformed_tools_are_compared() -> None:
    empty = SeenTool("\x1b[31m", "t", "d", {"properties": 5}, None, {"readOnlyHint": "yes"}, {"ui": 5})
    result = differences(configured_app(), Server(), [empty, empty])
    assert [difference.code for difference in result].count("extra_tool") == 1
