"""Widgets: how a tool's result is shown, and what happens on events in it."""

from __future__ import annotations

from typing import Any

from drio_tui.sandbox.naming import new_id
from drio_tui.sandbox.patching import Rules
from drio_tui.sandbox.references import refuse_if_referred
from drio_tui.sandbox.serialization import targets
from drio_tui.sandbox.services import pairing
from drio_tui.sandbox.services.common import settle_key
from drio_tui.sandbox.store import Store

Document = dict[str, Any]

RULES = Rules(
    order=("id", "appId", "toolId", "key", "name", "primitive", "displayMode", "visibility", "config", "actions"),
    required=frozenset({"name", "toolId", "primitive"}),
    fixed=frozenset({"id", "appId"}),
    defaults={"displayMode": "inline", "visibility": "visible", "config": {}, "actions": []},
    elsewhere={"actions": "PUT …/actions"},
)


async def create(store: Store, app_id: str, body: Document) -> Document:
    """A new widget, which its tool shows from now on. Raises `Problem` 409 for a tool and the key."""
    await store.app_text(app_id)
    document = RULES.new(body, id=new_id("widget"), appId=app_id)
    await _check(store, document)
    await settle_key(store, "widget", document)
    await store.add("widget", document)
    return await pairing.give_widget_its_tool(store, document, None)


async def change(store: Store, document: Document, patch: Document) -> Document:
    """The widget after `patch`."""
    shown = await store.view("widget", document)
    result = RULES.patched(shown, patch)
    await settle_key(store, "widget", result, document["key"])
    await store.save(result)
    return await pairing.give_widget_its_tool(store, result, document["toolId"])


async def set_actions(store: Store, document: Document, actions: list[Document]) -> Document:
    """The widget with other actions, replaced whole."""
    result = document | {"actions": actions}
    await _check(store, result)
    await store.save(result)
    return result


async def remove(store: Store, document: Document) -> None:
    await refuse_if_referred(store, document["appId"], "widget", document)
    await pairing.leave_tool(store, document)
    await store.remove(document["id"])


async def _check(store: Store, document: Document) -> None:
    for index, target in targets(document):
        await store.referred(document["appId"], "tool", target, f"actions.{index}.targetToolId")
