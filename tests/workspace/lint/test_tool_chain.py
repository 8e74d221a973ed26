"""The graph of tools: which links may be added, and its drawing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from drio_tui.workspace.lint.tool_chain import Chains

TOOLS = "abcdef"
EDGES = st.lists(st.tuples(st.sampled_from(TOOLS), st.sampled_from(TOOLS)), max_size=14)


def chains(edges: list[tuple[str, str]]) -> Chains:
    successors: dict[str, list[str]] = {}
    for source, target in edges:
        successors.setdefault(source, []).append(target)
    return Chains({tool: tool.upper() for tool in TOOLS}, successors)


@given(EDGES)
def test_adding_only_allowed_links_never_makes_a_cycle(edges: list[tuple[str, str]]) -> None:
    graph = chains([])
    for source, target in edges:
        if not graph.why_not_linkable(source, target):
            graph = graph.with_next(source, (*graph.next.get(source, ()), target))
        else:
            links = [(tool, successor) for tool, successors in graph.next.items() for successor in successors]
            extended = chains([*links, (source, target)])
            assert source == target or extended.cycle(source) or target in graph.next[source]
    assert not any(graph.cycle(tool) for tool in TOOLS)


@given(EDGES)
def test_every_tool_is_drawn_or_isolated_and_every_link_is_drawn(edges: list[tuple[str, str]]) -> None:
    graph = chains(edges)
    lines = graph.drawing()
    assert {line.tool for line in lines} | set(graph.isolated_tools()) == set(TOOLS)
    assert not {line.tool for line in lines} & set(graph.isolated_tools())
    link_count = sum(len(targets) for targets in graph.next.values())
    assert sum(not line.start for line in lines) == link_count
    assert all(line.start == (line.branch == "") for line in lines)


def test_a_cycle_is_refused_with_its_path() -> None:
    graph = chains([("a", "b"), ("b", "c")])
    assert graph.why_not_linkable("c", "a") == "It would run in a circle: C → A → B → C."
    assert graph.why_not_linkable("a", "a") == "A cannot hand its result to itself."
    assert graph.why_not_linkable("a", "b") == "A hands its result to B already."
    assert graph.why_not_linkable("a", "z") == "There is no tool z."
    assert graph.why_not_linkable("a", "c") == ""


def test_the_drawing_starts_at_first_tools_and_repeats_no_subtree() -> None:
    graph = chains([("a", "b"), ("a", "c"), ("c", "b"), ("b", "d"), ("e", "gone")])
    assert [(line.branch + line.tool, line.mark) for line in graph.drawing()] == [
        ("a", ""),
        ("├─▶ b", ""),
        ("│   └─▶ d", ""),
        ("└─▶ c", ""),
        ("    └─▶ b", "again"),
        ("e", ""),
        ("└─▶ gone", "missing"),
    ]
    assert graph.isolated_tools() == ["f"]


def test_an_existing_cycle_is_drawn_once_and_marked() -> None:
    graph = chains([("a", "b"), ("b", "a")])
    assert [(line.tool, line.mark) for line in graph.drawing()] == [("a", ""), ("b", ""), ("a", "circle")]
    assert graph.cycle("b") == ["b", "a", "b"]
