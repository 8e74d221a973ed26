"""References between resources, and which of them prevent a delete.

| to delete      | prevented by                     | property of the referrer         |
|----------------|----------------------------------|----------------------------------|
| auth           | integrations that use it         | `authId`                         |
| integration    | its operations                   | `integrationId`                  |
| operation      | tools bound to it                | `binding.integrationOperationId` |
| tool           | tools that chain to it           | `nextToolIds`                    |
|                | its widget                       | `toolId`                         |
|                | widgets whose actions call it    | `actions.N.targetToolId`         |
| widget         | nothing: the `widgetId` of its tool is cleared |                    |

A delete is refused (409) with the referrers; it never cascades. That is the sandbox's choice: what drio does
is not documented.
"""

from __future__ import annotations

from collections.abc import Iterator

from drio_tui.api.json_codec import Document
from drio_tui.sandbox.problems import Problem
from drio_tui.sandbox.serialization import action_targets, bound_operation_id
from drio_tui.sandbox.store import LABELS, Store


def references(kind: str, document: Document) -> Iterator[tuple[str, str]]:
    """Yield the path and the id of each reference of a resource, except a tool's `widgetId`."""
    if kind == "integration" and document.get("authId"):
        yield "authId", document["authId"]
    elif kind == "operation":
        yield "integrationId", document["integrationId"]
    elif kind == "tool":
        if operation_id := bound_operation_id(document):
            yield "binding.integrationOperationId", operation_id
        for next_id in document.get("nextToolIds") or ():
            yield "nextToolIds", next_id
    elif kind == "widget":
        if document.get("toolId"):
            yield "toolId", document["toolId"]
        for index, target_id in action_targets(document):
            yield f"actions.{index}.targetToolId", target_id


async def refuse_if_referenced(store: Store, app_id: str, kind: str, document: Document) -> None:
    """Raise `Problem` 409 with every referrer in `details` if another resource refers to this one."""
    referrers = [
        {"kind": other_kind, "id": other["id"], "name": other["name"], "field": path}
        for other_kind, other in await store.containing(app_id, document["id"])
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
    """Return a path from `start` along `chain` (tool id to the next tool ids) back to `start`; [] if there is none."""
    predecessors: dict[str, str] = {}
    pending = [start]
    while pending:
        current = pending.pop()
        for next_id in chain.get(current, ()):
            if next_id == start:
                path = [start, current]
                while path[-1] != start:
                    path.append(predecessors[path[-1]])
                return path[::-1] if current != start else [start, start]
            if next_id not in predecessors:
                predecessors[next_id] = current
                pending.append(next_id)
    return []
