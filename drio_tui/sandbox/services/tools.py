"""Tools: what models can call, what each is bound to, and what it hands its result to."""

from __future__ import annotations

from typing import Any

from drio_tui.sandbox.naming import new_id
from drio_tui.sandbox.patching import Rules
from drio_tui.sandbox.problems import Field, Problem, invalid, unknown
from drio_tui.sandbox.references import cycle_through, refuse_if_referred
from drio_tui.sandbox.services import pairing
from drio_tui.sandbox.services.common import settle_key
from drio_tui.sandbox.store import Store, by_id

Document = dict[str, Any]

RULES = Rules(
    order=(
        "id", "appId", "key", "name", "description", "kind", "isEnabled", "order", "annotations", "binding",
        "nextToolIds", "widgetId",
    ),
    required=frozenset({"name"}),
    fixed=frozenset({"id", "appId"}),
    defaults={"kind": "function", "isEnabled": True, "annotations": {}, "nextToolIds": []},
    elsewhere={"binding": "PUT …/binding", "nextToolIds": "PUT …/chain"},
)  # fmt: skip


async def create(store: Store, app_id: str, body: Document) -> Document:
    """A new tool, last in the list unless it says otherwise.

    Raises `Problem` 409 for the key and for ids, 400 for a chain that cannot be.
    """
    last = await store.next_rank(app_id)
    given = {name: value for name, value in body.items() if name not in ("binding", "nextToolIds") or value is None}
    document = RULES.new(given, id=new_id("tool"), appId=app_id)
    if document["order"] is None:
        document["order"] = last
    if body.get("binding") is not None:
        document["binding"] = await _binding(store, app_id, body["binding"], "binding.")
    document["nextToolIds"] = await _chain(store, document, body.get("nextToolIds") or [])
    await settle_key(store, "tool", document)
    await store.add("tool", document, rank=document["order"])
    return await pairing.give_tool_its_widget(store, document, None)


async def change(store: Store, document: Document, patch: Document) -> Document:
    """The tool after `patch`. `"binding": null` takes the binding away, which has no route of its own."""
    unbound = "binding" in patch and patch["binding"] is None
    base = document | {"binding": None} if unbound else await store.view("tool", document)
    result = RULES.patched(base, patch)
    if not unbound:
        result["binding"] = document["binding"]
    if result["order"] is None:
        result["order"] = await store.next_rank(document["appId"])
    await settle_key(store, "tool", result, document["key"])
    await store.save(result, rank=result["order"])
    return await pairing.give_tool_its_widget(store, result, document["widgetId"])


async def bind(store: Store, document: Document, body: Document) -> Document:
    """The tool bound to an operation as that is now; the body's own hash and status do not count."""
    result = document | {"binding": await _binding(store, document["appId"], body, "")}
    await store.save(result, rank=result["order"])
    return result


async def set_chain(store: Store, document: Document, following: list[str]) -> Document:
    """The tool with another chain, replaced whole."""
    result = document | {"nextToolIds": await _chain(store, document, following)}
    await store.save(result, rank=result["order"])
    return result


async def remove(store: Store, document: Document) -> None:
    await refuse_if_referred(store, document["appId"], "tool", document)
    await store.remove(document["id"])


async def _binding(store: Store, app_id: str, body: Document, prefix: str) -> Document:
    operation = await store.referred(
        app_id, "operation", body["integrationOperationId"], f"{prefix}integrationOperationId"
    )
    bound = {name: value for name, value in body.items() if name not in ("schemaHashAtBindTime", "status")}
    return bound | {"schemaHashAtBindTime": operation["schemaHash"], "status": "ready"}


async def _chain(store: Store, document: Document, following: list[str]) -> list[str]:
    """`following`, where each is another tool of the app, named once, and no way leads back."""
    if not following:
        return []
    tools = by_id(await store.all(document["appId"], "tool"))
    wrong: list[Field] = []
    absent: list[Field] = []
    for index, tool_id in enumerate(following):
        path = f"nextToolIds.{index}"
        if tool_id == document["id"]:
            wrong.append((path, "a tool cannot follow itself"))
        elif tool_id not in tools:
            absent.append((path, "no such tool"))
        elif tool_id in following[:index]:
            wrong.append((path, "is there twice"))
    if wrong:
        raise invalid(wrong + absent)
    if absent:
        raise unknown("tool", [path for path, _ in absent])
    chain = {tool["id"]: tool["nextToolIds"] for tool in tools.values()} | {document["id"]: following}
    if way := cycle_through(document["id"], chain):
        names = [tools.get(tool_id, document)["name"] for tool_id in way]
        index = following.index(way[1])
        raise Problem(
            400,
            f"The chain would go round: {' → '.join(names)}.",
            details={"fields": [{"path": f"nextToolIds.{index}", "message": "leads back to this tool"}], "cycle": way},
        )
    return following
