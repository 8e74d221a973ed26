"""Tools, which models can call: their bindings to operations, and their chains."""

from __future__ import annotations

from drio_tui.api.json_codec import Document
from drio_tui.sandbox.naming import new_id
from drio_tui.sandbox.patching import Rules
from drio_tui.sandbox.problems import FieldError, Problem, invalid, unknown_reference
from drio_tui.sandbox.references import cycle_through, refuse_if_referenced
from drio_tui.sandbox.services import pairing
from drio_tui.sandbox.services.common import assign_key
from drio_tui.sandbox.store import Store, by_id

RULES = Rules(
    order=(
        "id", "appId", "key", "name", "description", "kind", "isEnabled", "order", "annotations", "binding",
        "nextToolIds", "widgetId",
    ),
    required=frozenset({"name"}),
    read_only=frozenset({"id", "appId"}),
    defaults={"kind": "function", "isEnabled": True, "annotations": {}, "nextToolIds": []},
    set_elsewhere={"binding": "PUT …/binding", "nextToolIds": "PUT …/chain"},
)  # fmt: skip


async def create(store: Store, app_id: str, body: Document) -> Document:
    """Create a tool, last in the list unless it has an `order`.

    Raises `Problem` 409 for the key and for unknown ids, 400 for a chain that is not allowed.
    """
    next_rank = await store.next_rank(app_id)
    values = {name: value for name, value in body.items() if name not in ("binding", "nextToolIds") or value is None}
    document = RULES.new(values, id=new_id("tool"), appId=app_id)
    if document["order"] is None:
        document["order"] = next_rank
    if body.get("binding") is not None:
        document["binding"] = await _current_binding(store, app_id, body["binding"], "binding.")
    document["nextToolIds"] = await _checked_chain(store, document, body.get("nextToolIds") or [])
    await assign_key(store, "tool", document)
    await store.add("tool", document, rank=document["order"])
    return await pairing.update_widgets(store, document, None)


async def change(store: Store, document: Document, patch: Document) -> Document:
    """Apply `patch` to the tool; `"binding": null` unbinds it, since no route does. Raises `Problem` 400 and 409."""
    unbound = "binding" in patch and patch["binding"] is None
    base = document | {"binding": None} if unbound else await store.view("tool", document)
    result = RULES.patched(base, patch)
    if not unbound:
        result["binding"] = document["binding"]
    if result["order"] is None:
        result["order"] = await store.next_rank(document["appId"])
    await assign_key(store, "tool", result, document["key"])
    await store.save(result, rank=result["order"])
    return await pairing.update_widgets(store, result, document["widgetId"])


async def bind(store: Store, document: Document, body: Document) -> Document:
    """Bind the tool to an operation in its current state; hash and status in the body are ignored."""
    result = document | {"binding": await _current_binding(store, document["appId"], body, "")}
    await store.save(result, rank=result["order"])
    return result


async def set_chain(store: Store, document: Document, next_ids: list[str]) -> Document:
    """Replace the tool's next tools. Raises `Problem` 400 and 409."""
    result = document | {"nextToolIds": await _checked_chain(store, document, next_ids)}
    await store.save(result, rank=result["order"])
    return result


async def remove(store: Store, document: Document) -> None:
    """Delete the tool. Raises `Problem` 409 while another resource refers to it."""
    await refuse_if_referenced(store, document["appId"], "tool", document)
    await store.remove(document["id"])


async def _current_binding(store: Store, app_id: str, body: Document, prefix: str) -> Document:
    """Return the binding in `body` with the operation's current hash. Raises `Problem` 409."""
    operation = await store.get_referenced(
        app_id, "operation", body["integrationOperationId"], f"{prefix}integrationOperationId"
    )
    binding = {name: value for name, value in body.items() if name not in ("schemaHashAtBindTime", "status")}
    return binding | {"schemaHashAtBindTime": operation["schemaHash"], "status": "ready"}


async def _checked_chain(store: Store, document: Document, next_ids: list[str]) -> list[str]:
    """Return `next_ids`, each another tool of the app, without duplicates or cycles. Raises `Problem` 400 and 409."""
    if not next_ids:
        return []
    tools = by_id(await store.list_all(document["appId"], "tool"))
    errors: list[FieldError] = []
    unknown: list[FieldError] = []
    for index, tool_id in enumerate(next_ids):
        path = f"nextToolIds.{index}"
        if tool_id == document["id"]:
            errors.append((path, "a tool cannot follow itself"))
        elif tool_id not in tools:
            unknown.append((path, "no such tool"))
        elif tool_id in next_ids[:index]:
            errors.append((path, "is there twice"))
    if errors:
        raise invalid(errors + unknown)
    if unknown:
        raise unknown_reference("tool", [path for path, _ in unknown])
    chain = {tool["id"]: tool["nextToolIds"] for tool in tools.values()} | {document["id"]: next_ids}
    if cycle := cycle_through(document["id"], chain):
        names = [tools.get(tool_id, document)["name"] for tool_id in cycle]
        index = next_ids.index(cycle[1])
        raise Problem(
            400,
            f"The chain would go round: {' → '.join(names)}.",
            details={
                "fields": [{"path": f"nextToolIds.{index}", "message": "leads back to this tool"}],
                "cycle": cycle,
            },
        )
    return next_ids
