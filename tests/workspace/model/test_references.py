"""References in both directions, broken references, and cycles of chains."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from drio_tui.workspace.model.references import Links
from drio_tui.workspace.model.snapshot import PartLoaded, Snapshot, resources_of
from tests.workspace.small_app import SEARCH_TOOL, small_config, snapshot_of


def tools(chains: dict[str, list[str]]) -> Snapshot:
    snapshot = Snapshot("app_1")
    raws = [{"id": id, "name": id, "nextToolIds": chain} for id, chain in chains.items()]
    snapshot.apply(PartLoaded("tool", resources_of("tool", raws, lambda raw: "")))
    return snapshot


def test_references_are_listed_in_both_directions() -> None:
    links = Links(snapshot_of(small_config()))
    references = {(link.path, link.target) for link in links.uses(("tool", "tool_1"))}
    assert references == {
        ("binding.integrationOperationId", ("operation", "operation_1")),
        ("nextToolIds[0]", ("tool", "tool_2")),
        ("widgetId", ("widget", "widget_1")),
    }
    referrers = {(link.path, link.source) for link in links.used_by(("tool", "tool_2"))}
    assert referrers == {("nextToolIds[0]", ("tool", "tool_1")), ("actions[0].targetToolId", ("widget", "widget_1"))}
    assert [link.source for link in links.used_by(("provider", "provider_1"))] == [("auth", "auth_1")]


def test_valid_app_has_no_broken_references_or_cycles() -> None:
    links = Links(snapshot_of(small_config()))
    assert list(links.broken()) == []
    assert links.cycles() == []


def test_reference_to_a_missing_resource_is_broken() -> None:
    config = small_config()
    config["operations"] = []
    config["widgets"][0]["actions"][0]["targetToolId"] = "tool_9"
    broken = {(link.source, link.path) for link in Links(snapshot_of(config)).broken()}
    assert broken == {
        (("tool", "tool_1"), "binding.integrationOperationId"),
        (("widget", "widget_1"), "actions[0].targetToolId"),
    }


def test_reference_to_a_kind_that_was_not_read_is_not_broken() -> None:
    snapshot = Snapshot("app_1")
    snapshot.apply(PartLoaded("tool", resources_of("tool", [SEARCH_TOOL], lambda raw: "")))
    assert {link.path for link in Links(snapshot).broken()} == {"nextToolIds[0]"}


def test_chain_cycles_and_self_references_are_found() -> None:
    links = Links(tools({"a": ["b"], "b": ["c"], "c": ["a"], "d": ["d"], "e": ["a"], "f": []}))
    assert links.cycles() == [[("tool", "a"), ("tool", "b"), ("tool", "c")], [("tool", "d")]]


def test_chain_of_thousands_does_not_exceed_the_recursion_limit() -> None:
    chains = {str(n): [str(n + 1)] for n in range(5000)}
    assert Links(tools({**chains, "5000": ["0"]})).cycles()[0][:2] == [("tool", "0"), ("tool", "1")]
    assert Links(tools({**chains, "5000": []})).cycles() == []


ids = st.integers(0, 7).map(str)


@given(st.dictionaries(ids, st.lists(ids, max_size=4)))
def test_cycles_have_exactly_the_tools_that_reach_themselves(chains: dict[str, list[str]]) -> None:
    def reaches(start: str) -> bool:
        seen: set[str] = set()
        pending = list(chains[start])
        while pending:
            tool = pending.pop()
            if tool == start:
                return True
            if tool not in seen:
                seen.add(tool)
                pending += chains.get(tool, [])
        return False

    in_cycles = {key[1] for cycle in Links(tools(chains)).cycles() for key in cycle}
    assert in_cycles == {tool for tool in chains if reaches(tool)}


def test_references_of_the_wrong_type_are_ignored() -> None:
    config: dict[str, Any] = small_config()
    config["tools"] = [
        {"id": "t1", "binding": "x", "nextToolIds": "tool_2"},
        {"id": "t2", "binding": [], "nextToolIds": [1, None, {}]},
        None,
    ]
    config["widgets"] = [{"id": "w", "actions": [None, "x", {"targetToolId": 4}]}]
    links = Links(snapshot_of(config))
    assert [*links.uses(("tool", "t1")), *links.uses(("tool", "t2")), *links.uses(("widget", "w"))] == []
