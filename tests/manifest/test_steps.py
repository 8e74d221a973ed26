"""The steps of a plan: in whatever order the ones that do not wait for each other are carried out, drio takes them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations
from typing import Any, NamedTuple

import pytest

from drio_tui.manifest.apply import plan_for
from drio_tui.manifest.steps import plan_steps
from drio_tui.workspace.lint.tool_chain import Chains
from tests.manifest.apps import snapshot_of


class ChainStep(NamedTuple):
    id: str
    after: tuple[str, ...]
    tool: str
    next: list[str]


def tools_of(chains: str) -> dict[str, Any]:
    """Return the tools of chains, each the key of a tool and of what follows it: `a>bc b> c`.

    A tool without `>` does not declare its chain.
    """
    return {tool[0]: {"name": tool[0]} | ({"next": [*tool[2:]]} if ">" in tool else {}) for tool in chains.split()}


def planned(in_drio: str, declared: str) -> tuple[tuple[str, ...], list[ChainStep]]:
    """Return the problems of a plan, and its steps: their ids, those that they wait for, and the chain in keys."""
    app = {"slug": "acme", "template": "blank"}
    snapshot = snapshot_of({"app": app, "tools": tools_of(in_drio)})
    keys = {tool.id: tool.text("key") for tool in snapshot.resources("tool")}
    comparison = plan_for({"app": app, "tools": tools_of(declared)}, snapshot).comparison
    steps = [
        ChainStep(step.id, step.after, keys[step.ref], [keys[id] for id in step.changes[0].after])
        for step in plan_steps(comparison.changes, comparison.ids, snapshot).steps
        if step.id.startswith("chain:")
    ]
    return comparison.problems, steps


def orders(steps: list[ChainStep]) -> Iterator[tuple[ChainStep, ...]]:
    """Yield all orders in which the steps may be carried out."""
    for order in permutations(steps):
        places = {step.id: place for place, step in enumerate(order)}
        if all(places[id] < places[step.id] for step in steps for id in step.after):
            yield order


@pytest.mark.parametrize(
    ("in_drio", "declared", "sent"),
    [
        ("a>b b", "a> b>a", "ab"),
        ("a b>a", "a>b b>", "ba"),
        ("a>b b>c c", "a b> c>a", "bc"),  # by the chain of a, which stays
        ("a>b b>c c>d d", "a> b>a c>b d>c", "abcd"),
        ("a>b b c>d d", "a>d b>c c> d>b", "cadb"),
        ("a>b b c>d d", "a>d b c>b d>", "ac"),  # no circle in between
        ("a>c b>d c d>a", "a> b>ac c>d d>", "abcd"),
    ],
)
def test_no_order_of_the_steps_leads_round_in_between(in_drio: str, declared: str, sent: str) -> None:
    problems, steps = planned(in_drio, declared)
    assert not problems
    assert {step.tool for step in steps} == {*sent}
    before, after = tools_of(in_drio), tools_of(declared)
    wanted = {tool: (before[tool] | after[tool]).get("next", []) for tool in before}
    possible = [*orders(steps)]
    assert possible
    for order in possible:
        chains = Chains({}, {tool: entry.get("next", []) for tool, entry in before.items()})
        for step in order:
            chains = chains.with_next(step.tool, step.next)
            assert not chains.cycle(step.tool), [step.id for step in order]
        assert {tool: [*chains.next.get(tool, ())] for tool in wanted} == wanted


@pytest.mark.parametrize(
    ("in_drio", "declared", "problem"),
    [
        (
            "a>b b",
            "a b>a",
            "tools/b#next: the chain would run in a circle: b → a → b; a → b is in drio already: `next: []` at tools/a",
        ),
        (
            "a>bd b>c c d",
            "a b c>a d",
            "tools/c#next: the chain would run in a circle: c → a → b → c; a → b is in drio "
            "already: `next: [d]` at tools/a in the document ",
        ),
        ("a b", "a>b b>a", "tools/b#next: the chain would run in a circle: b → a → b"),
    ],
)
def test_a_chain_that_stays_and_closes_a_circle_is_a_problem(in_drio: str, declared: str, problem: str) -> None:
    problems, _ = planned(in_drio, declared)
    (found,) = problems
    assert found.startswith(problem)
    assert (" already: " in found) == (" already: " in problem)
