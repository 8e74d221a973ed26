"""What the API shows of a resource beyond what is stored of it.

| kind        | member                       | follows from                                               |
|-------------|------------------------------|------------------------------------------------------------|
| integration | `status`                     | its auth connection: `ready`, or `needs_auth` unless valid |
| tool        | `binding.status`             | the operation: `ready`; `stale` when its schemaHash is not |
|             |                              | the one at bind time; `missing` when it is gone            |
| widget      | `actions[].targetToolName`   | the target tool's name                                     |
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Document = dict[str, Any]

SHOWN_AS_STORED = frozenset({"auth", "operation"})
"""The kinds of which `view` changes nothing."""


def bound_to(tool: Document) -> str | None:
    """The id of the operation that a tool is bound to."""
    binding = tool.get("binding")
    operation = binding.get("integrationOperationId") if isinstance(binding, dict) else None
    return operation if isinstance(operation, str) else None


def targets(widget: Document) -> Iterator[tuple[int, str]]:
    """The ids of the tools that a widget's actions name, with the place of each action."""
    for index, action in enumerate(widget.get("actions") or ()):
        target = action.get("targetToolId")
        if isinstance(target, str):
            yield index, target


def needed(kind: str, document: Document) -> Iterator[str]:
    """The ids of the resources that `view` wants to see beside the document."""
    if kind == "integration" and document.get("authId"):
        yield document["authId"]
    elif kind == "tool" and (operation := bound_to(document)):
        yield operation
    elif kind == "widget":
        yield from (target for _, target in targets(document))


def view(kind: str, document: Document, around: Mapping[str, Document]) -> Document:
    """The document as the API shows it; `around` holds the resources it needs, by id."""
    if kind == "integration":
        auth = document.get("authId")
        usable = auth is None or around.get(auth, {}).get("status") == "valid"
        return document | {"status": "ready" if usable else "needs_auth"}
    if kind == "tool" and (operation := bound_to(document)):
        binding = document["binding"]
        return document | {"binding": binding | {"status": binding_status(binding, around.get(operation))}}
    if kind == "widget" and document.get("actions"):
        actions = list(document["actions"])
        for index, target in targets(document):
            if target in around:
                actions[index] = actions[index] | {"targetToolName": around[target]["name"]}
        return document | {"actions": actions}
    return document


def binding_status(binding: Document, operation: Document | None) -> str:
    """Whether a binding still fits its operation."""
    if operation is None:
        return "missing"
    return "ready" if binding.get("schemaHashAtBindTime") == operation.get("schemaHash") else "stale"
