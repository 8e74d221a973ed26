"""What refers to what, and which references keep a resource from being deleted.

| to delete      | these stand in the way           | member of the referrer           |
|----------------|----------------------------------|----------------------------------|
| auth           | integrations that sign in by it  | `authId`                         |
| integration    | its operations                   | `integrationId`                  |
| operation      | tools bound to it                | `binding.integrationOperationId` |
| tool           | tools that chain to it           | `nextToolIds`                    |
|                | its widget                       | `toolId`                         |
|                | widgets whose actions call it    | `actions.N.targetToolId`         |
| widget         | nothing: the `widgetId` of its own tool is cleared with it |        |

Deleting is refused (409) with the referrers; nothing is ever deleted along. That is this sandbox's own
choice: what drio does is not documented.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from drio_tui.sandbox.problems import Problem
from drio_tui.sandbox.serialization import bound_to, targets
from drio_tui.sandbox.store import LABELS, Store

Document = dict[str, Any]


def references(kind: str, document: Document) -> Iterator[tuple[str, str]]:
    """Each id that a resource refers to, with the path of the member that holds it; a tool's own widget apart."""
    if kind == "integration" and document.get("authId"):
        yield "authId", document["authId"]
    elif kind == "operation":
        yield "integrationId", document["integrationId"]
    elif kind == "tool":
        if operation := bound_to(document):
            yield "binding.integrationOperationId", operation
        for following in document.get("nextToolIds") or ():
            yield "nextToolIds", following
    elif kind == "widget":
        if document.get("toolId"):
            yield "toolId", document["toolId"]
        for index, target in targets(document):
            yield f"actions.{index}.targetToolId", target


async def refuse_if_referred(store: Store, app_id: str, kind: str, document: Document) -> None:
    """Raise `Problem` 409 with every referrer in `details` where something else refers to the resource."""
    referrers = [
        {"kind": other_kind, "id": other["id"], "name": other["name"], "field": path}
        for other_kind, other in await store.holding(app_id, document["id"])
        if other["id"] != document["id"]
        for path, target in references(other_kind, other)
        if target == document["id"]
    ]
    if referrers:
        count = len(referrers)
        raise Problem(
            409,
            f"The {LABELS[kind]} is still referred to in {count} {'place' if count == 1 else 'places'}.",
            details={"referrers": referrers},
        )


def cycle_through(start: str, chain: dict[str, list[str]]) -> list[str]:
    """A way from `start` along `chain` (tool id to the ids after it) back to `start`; [] where none is."""
    before: dict[str, str] = {}
    waiting = [start]
    while waiting:
        current = waiting.pop()
        for following in chain.get(current, ()):
            if following == start:
                way = [start, current]
                while way[-1] != start:
                    way.append(before[way[-1]])
                return way[::-1] if current != start else [start, start]
            if following not in before:
                before[following] = current
                waiting.append(following)
    return []
