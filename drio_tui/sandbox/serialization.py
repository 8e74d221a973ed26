"""Views of resources: the stored document plus the properties that are computed from other resources.

| kind        | property                     | computed from                                              |
|-------------|------------------------------|------------------------------------------------------------|
| integration | `status`                     | its auth connection: `ready`, or `needs_auth` unless valid |
| tool        | `binding.status`             | the operation: `ready`; `stale` if its schemaHash differs  |
|             |                              | from the one at bind time; `missing` if it does not exist  |
| widget      | `actions[].targetToolName`   | the target tool's name                                     |
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from drio_tui.api.json_codec import Document

SHOWN_AS_STORED = frozenset({"auth", "operation"})
"""The kinds whose view is the stored document."""


def bound_operation_id(tool: Document) -> str | None:
    """Return the id of the operation that a tool is bound to, None if it is not bound."""
    binding = tool.get("binding")
    operation_id = binding.get("integrationOperationId") if isinstance(binding, dict) else None
    return operation_id if isinstance(operation_id, str) else None


def action_targets(widget: Document) -> Iterator[tuple[int, str]]:
    """Yield the index and the target tool's id of each action of a widget that has a target."""
    for index, action in enumerate(widget.get("actions") or ()):
        target_id = action.get("targetToolId")
        if isinstance(target_id, str):
            yield index, target_id


def related_ids(kind: str, document: Document) -> Iterator[str]:
    """Yield the ids of the resources that `view` needs besides the document."""
    if kind == "integration" and document.get("authId"):
        yield document["authId"]
    elif kind == "tool" and (operation_id := bound_operation_id(document)):
        yield operation_id
    elif kind == "widget":
        yield from (target_id for _, target_id in action_targets(document))


def view(kind: str, document: Document, related: Mapping[str, Document]) -> Document:
    """Return the document as the API shows it; `related` are the resources of `related_ids`, by id."""
    if kind == "integration":
        auth_id = document.get("authId")
        usable = auth_id is None or related.get(auth_id, {}).get("status") == "valid"
        return document | {"status": "ready" if usable else "needs_auth"}
    if kind == "tool" and (operation_id := bound_operation_id(document)):
        binding = document["binding"]
        return document | {"binding": binding | {"status": binding_status(binding, related.get(operation_id))}}
    if kind == "widget" and document.get("actions"):
        actions = list(document["actions"])
        for index, target_id in action_targets(document):
            if target_id in related:
                actions[index] = actions[index] | {"targetToolName": related[target_id]["name"]}
        return document | {"actions": actions}
    return document


def binding_status(binding: Document, operation: Document | None) -> str:
    """Return whether a binding matches its operation: `ready`, `stale` or `missing`."""
    if operation is None:
        return "missing"
    return "ready" if binding.get("schemaHashAtBindTime") == operation.get("schemaHash") else "stale"
