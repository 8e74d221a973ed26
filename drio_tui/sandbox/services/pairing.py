"""The two-way reference between a tool and its widget: `tool.widgetId` and `widget.toolId`.

A tool has at most one widget, and a widget one tool. The last write wins: the other side is updated, and the
reference of a former partner becomes null.
"""

from __future__ import annotations

from drio_tui.api.json_codec import Document
from drio_tui.sandbox.store import Store


async def update_widgets(store: Store, tool: Document, old_widget_id: str | None) -> Document:
    """Update the widgets after a change of `tool["widgetId"]`; return the tool. Raises `Problem` 409."""
    app_id, widget_id = tool["appId"], tool["widgetId"]
    if widget_id == old_widget_id:
        return tool
    if widget_id is not None:
        widget = await store.get_referenced(app_id, "widget", widget_id, "widgetId")
        await _clear(store, app_id, "tool", widget["toolId"], "widgetId", unless=tool["id"])
        await store.save(widget | {"toolId": tool["id"]})
    await _clear(store, app_id, "widget", old_widget_id, "toolId")
    return tool


async def update_tools(store: Store, widget: Document, old_tool_id: str | None) -> Document:
    """Update the tools after a change of `widget["toolId"]`; return the widget. Raises `Problem` 409."""
    app_id, tool_id = widget["appId"], widget["toolId"]
    if tool_id == old_tool_id:
        return widget
    if tool_id is not None:
        tool = await store.get_referenced(app_id, "tool", tool_id, "toolId")
        await _clear(store, app_id, "widget", tool["widgetId"], "toolId", unless=widget["id"])
        await store.save(tool | {"widgetId": widget["id"]}, rank=tool["order"])
    await _clear(store, app_id, "tool", old_tool_id, "widgetId")
    return widget


async def clear_widget_id(store: Store, widget: Document) -> None:
    """Clear the `widgetId` of a widget's tool, before the widget is deleted."""
    await _clear(store, widget["appId"], "tool", widget["toolId"], "widgetId")


async def _clear(
    store: Store, app_id: str, kind: str, resource_id: str | None, name: str, *, unless: str | None = None
) -> None:
    """Set the property `name` of a resource to null, if the resource exists and its id is not `unless`."""
    if resource_id is None or resource_id == unless:
        return
    resource = await store.find(app_id, kind, resource_id)
    if resource is not None:
        await store.save(resource | {name: None}, rank=resource.get("order", 0) if kind == "tool" else 0)
