"""The graph of tools: what may be added to it, and its drawing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from drio_tui.workspace.lint.tool_chain import Chains

TOOLS = "abcdef"
EDGES = st.lists(st.tuples(st.sampled_from(TOOLS), st.sampled_from(TOOLS)), max_size=14)


def chains(edges: list[tuple[str, str]]) -> Chains:
    after: dict[str, list[str]] = {}
    for source, target in edges:
        after.setdefault(source, []).append(target)
    return Chains({tool: tool.upper() for tool in TOOLS}, after)


@given(EDGES)
def test_adding_only_what_is_not_refused_never_makes_a_circle(edges: list[tuple[str, str]]) -> None:
    graph = chains([])
    for source, target in edges:
        if not graph.refusal(source, target):
            graph = graph.with_next(source, (*graph.next.get(source, ()), target))
        else:
            again = chains([(tool, one) for tool, ones in graph.next.items() for one in ones] + [(source, target)])
            assert source == target or again.circle(source) or target in graph.next[source]
    assert not any(graph.circle(tool) for tool in TOOLS)


@given(EDGES)
def test_every_tool_is_drawn_or_alone_and_every_arrow_is_in_the_drawing(edges: list[tuple[str, str]]) -> None:
    graph = chains(edges)
    lines = graph.drawing()
    assert {line.tool for line in lines} | set(graph.alone()) == set(TOOLS)
    assert not {line.tool for line in lines} & set(graph.alone())
    arrows = sum(len(targets) for targets in graph.next.values())
    assert sum(not line.start for line in lines) == arrows
    assert all(line.start == (line.branch == "") for line in lines)


def test_a_circle_is_refused_with_the_way_it_would_go() -> None:
    graph = chains([("a", "b"), ("b", "c")])
    assert graph.refusal("c", "a") == "It would run in a circle: C → A → B → C."
    assert graph.refusal("a", "a") == "A cannot hand its result to itself."
    assert graph.refusal("a", "b") == "A hands its result to B already."
    assert graph.refusal("a", "z") == "There is no tool z."
    assert graph.refusal("a", "c") == ""


def test_the_drawing_shows_what_starts_where_and_does_not_repeat_itself() -> None:
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
    assert graph.alone() == ["f"]


def test_a_circle_that_is_there_is_drawn_once_and_marked() -> None:
    graph = chains([("a", "b"), ("b", "a")])
    assert [(line.tool, line.mark) for line in graph.drawing()] == [("a", ""), ("b", ""), ("a", "circle")]
    assert graph.circle("b") == ["b", "a", "b"]
