"""The order of the tools: in a document that lists every tool, their position is their order."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from drio_tui.manifest.lock import Base
from drio_tui.manifest.matching import Matching
from drio_tui.schema.fields import MISSING
from drio_tui.workspace.saving.merge import Object

Orders = dict[str, tuple[Any, int]]
"""By the document's key of a tool: its `order` now (`MISSING` for a new one), and the one that it gets."""

_MOST = 2**31 - 1


def new_orders(
    desired: Object, matching: Matching, deleted: Collection[str] = (), absent: Collection[str] = ()
) -> Orders:
    """Return the orders to set so that the tools are in the document's order: as few as possible.

    There are none if the document does not list every tool of the app but the `deleted` ones, or sets `order` itself.
    `absent` are tools of the document that are not in the app and are not created.
    """
    current = _current(matching, deleted)
    existing = set(current)
    if not sets_order(desired, existing):
        return {}
    wanted = [key for key in desired["tools"] if key not in absent]
    orders = {matching.document_key("tool", key): order for key, order in matching.form.orders.items()}
    orders = {key: orders[key] for key in current if key in orders}
    in_order = [key for key in wanted if key in existing] == current
    kept = existing if in_order else _longest_increasing([key for key in wanted if key in orders], orders)
    return _fill(wanted, kept, orders)


def sets_order(desired: Object, existing: Iterable[str]) -> bool:
    """Return whether the order of the tools in a document counts: it lists all that exist, and no `order`."""
    tools = desired.get("tools")
    if not isinstance(tools, dict) or any(isinstance(tool, dict) and "order" in tool for tool in tools.values()):
        return False
    return tools.keys() >= {*existing}


def changed_in_drio(matching: Matching, base: Base) -> bool:
    """Return whether the tools have another order in drio than after the last apply, new and deleted ones aside."""
    ids = {key: id for (kind, key), id in base.ids.items() if kind == "tool"}  # keys may have been swapped since
    applied = [ids.get(key, key) for key in base.order]
    known = set(ids.values())
    current: list[str] = []
    for key in matching.tools_before_begun_changes():
        id = matching.form.ids["tool", key]
        current.append(id if id in known else matching.document_key("tool", key))
    return [item for item in current if item in applied] != [item for item in applied if item in current]


def _current(matching: Matching, deleted: Collection[str]) -> list[str]:
    """Return the document's keys of the tools, in the order of the app."""
    tools: Object = matching.form.data.get("tools", {})
    return [matching.document_key("tool", key) for key in tools if key not in deleted]


def _longest_increasing(wanted: list[str], orders: Mapping[str, int]) -> set[str]:
    """Return the largest set of tools whose orders increase already when they are in the wanted order."""
    tails: list[int] = []
    ends: list[str] = []
    previous: dict[str, str | None] = {}
    for key in wanted:
        index = bisect_left(tails, orders[key])
        previous[key] = ends[index - 1] if index else None
        tails[index : index + 1] = [orders[key]]
        ends[index : index + 1] = [key]
    kept: set[str] = set()
    last = ends[-1] if ends else None
    while last is not None:
        kept.add(last)
        last = previous[last]
    return kept


def _fill(wanted: list[str], kept: Collection[str], orders: Mapping[str, int]) -> Orders:
    """Return the orders of the tools that are not kept, between those of their neighbours.

    If they do not fit between those, all tools are numbered from 0.
    """
    result: Orders = {}
    lowest = -1
    for index, key in enumerate(wanted):
        if key in kept:
            lowest = max(lowest, orders.get(key, lowest))
            continue
        room = next((count for count, other in enumerate(wanted[index:]) if other in kept), None)
        order = lowest + 1
        following = orders.get(wanted[index + room]) if room is not None else None
        if (following is not None and room is not None and order + room > following) or order > _MOST:
            return {
                other: (orders.get(other, MISSING), position)
                for position, other in enumerate(wanted)
                if orders.get(other) != position
            }
        result[key] = (orders.get(key, MISSING), order)
        lowest = order
    return result
