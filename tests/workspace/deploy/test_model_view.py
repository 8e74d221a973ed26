"""What a model sees, held against the config."""

from __future__ import annotations

from typing import Any

import pytest

from drio_tui.endpoint import SeenTool, Server
from drio_tui.endpoint.models import tool_from
from drio_tui.workspace.deploy.model_view import differences, expected
from drio_tui.workspace.model.snapshot import Snapshot
from tests.workspace.lint.test_preflight import sound
from tests.workspace.small_app import snapshot_of


def app() -> Snapshot:
    config = sound()
    config["app"]["serverInstructions"] = "Be brief."
    return snapshot_of(config)


def shown(snapshot: Snapshot) -> list[dict[str, Any]]:
    """The tools as an endpoint that follows the config lists them."""
    return [
        {
            "name": one.name, "title": one.title, "description": one.description, "inputSchema": one.schema,
            "annotations": {**one.annotations, "title": one.title},
        }
        for one in expected(snapshot)
    ]  # fmt: skip


def told(raws: list[dict[str, Any]], instructions: str = "Be brief.") -> list[tuple[str, str]]:
    found = differences(app(), Server("acme-support", instructions=instructions), [tool_from(raw) for raw in raws])
    assert all(one.message and one.as_dict()["code"] == one.code for one in found)
    return [(one.code, one.tool) for one in found]


def test_an_endpoint_that_does_as_the_config_says_differs_in_nothing() -> None:
    assert told(shown(app())) == []


@pytest.mark.parametrize(
    ("members", "difference"),
    [
        ({"description": "Other"}, "description"),
        ({"title": "Other"}, "title"),
        ({"inputSchema": {"type": "object", "properties": {"p": {}}}}, "input_schema"),
        ({"annotations": {"readOnlyHint": False}}, "annotations"),
        ({"annotations": {}}, "annotations"),
    ],
)
def test_each_way_of_differing_is_told(members: dict[str, Any], difference: str) -> None:
    tools = shown(app())
    tools[0] |= members
    assert told(tools) == [(difference, "search-tickets")]


def test_tools_that_are_missing_or_too_many_and_other_instructions_are_told() -> None:
    tools = shown(app())
    assert told([tools[0], {**tools[1], "name": "other"}], "Be long.") == [
        ("instructions", ""), ("missing_tool", "summarize"), ("extra_tool", "other"),
    ]  # fmt: skip
    assert told([]) == [("missing_tool", "search-tickets"), ("missing_tool", "summarize")]


def test_a_tool_known_by_another_of_its_names_is_the_same_tool() -> None:
    tools = shown(app())
    tools[0]["name"] = "Search Tickets"
    assert told(tools) == [("name", "Search Tickets")]


def test_hostile_tools_are_data() -> None:
    empty = SeenTool("\x1b[31m", "t", "d", {"properties": 5}, None, {"readOnlyHint": "yes"}, {"ui": 5})
    found = differences(app(), Server(), [empty, empty])
    assert [one.code for one in found].count("extra_tool") == 1
