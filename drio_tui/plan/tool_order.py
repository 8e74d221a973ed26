"""The order of the tools that a plan creates. Imports no models, so that a document can be read without them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from drio_tui.plan.steps import Step


def next_order(tools: Iterable[Mapping[str, Any]]) -> int:
    """Return the `order` that puts a tool after all of these."""
    orders = (tool.get("order") for tool in tools)
    return 1 + max((order for order in orders if isinstance(order, int) and order < 1 << 31), default=-1)


def in_order(steps: Iterable[Step], first: int) -> Iterator[Step]:
    """Yield the steps, with increasing values of `order` in the creates of tools, from `first`.

    Without an order a tool is put last when drio creates it, and concurrent creates arrive in any order.
    """
    for step in steps:
        if (step.verb, step.kind) == ("create", "tool") and "order" not in step.body:
            step = replace(step, body={**step.body, "order": first})
            first += 1
        yield step
