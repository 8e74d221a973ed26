"""Widgets: how a tool's result is shown, and the actions on events in it."""

from __future__ import annotations

from drio_tui.api.json_codec import Document
from drio_tui.sandbox.naming import new_id
from drio_tui.sandbox.patching import Rules
from drio_tui.sandbox.references import refuse_if_referenced
from drio_tui.sandbox.serialization import action_targets
from drio_tui.sandbox.services import pairing
from drio_tui.sandbox.services.common import assign_key
from drio_tui.sandbox.store import Store

RULES = Rules(
    order=("id", "appId", "toolId", "key", "name", "primitive", "displayMode", "visibility", "config", "actions"),
    required=frozenset({"name", "toolId", "primitive"}),
    read_only=frozenset({"id", "appId"}),
    defaults={"displayMode": "inline", "visibility": "visible", "config": {}, "actions": []},
    set_elsewhere={"actions": "PUT …/actions"},
)


async def create(store: Store, app_id: str, body: Document) -> Document:
    """Create a widget, the widget of its tool from then on. Raises `Problem` 404 for the app, 409 for tools and key."""
    await store.app_json(app_id)
    document = RULES.new(body, id=new_id("widget"), appId=app_id)
    await _check_targets(store, document)
    await assign_key(store, "widget", document)
    await store.add("widget", document)
    return await pairing.update_tools(store, document, None)


async def change(store: Store, document: Document, patch: Document) -> Document:
    """Apply `patch` to the widget. Raises `Problem` 400 and 409."""
    view = await store.view("widget", document)
    result = RULES.patched(view, patch)
    await assign_key(store, "widget", result, document["key"])
    await store.save(result)
    return await pairing.update_tools(store, result, document["toolId"])


async def set_actions(store: Store, document: Document, actions: list[Document]) -> Document:
    """Replace the widget's actions. Raises `Problem` 409 for an unknown tool."""
    result = document | {"actions": actions}
    await _check_targets(store, result)
    await store.save(result)
    return result


async def remove(store: Store, document: Document) -> None:
    """Delete the widget and clear its tool's `widgetId`."""
    await refuse_if_referenced(store, document["appId"], "widget", document)
    await pairing.clear_widget_id(store, document)
    await store.remove(document["id"])


async def _check_targets(store: Store, document: Document) -> None:
    """Raise `Problem` 409 if an action calls a tool that is not in the app."""
    for index, target_id in action_targets(document):
        await store.get_referenced(document["appId"], "tool", target_id, f"actions.{index}.targetToolId")
