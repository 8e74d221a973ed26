"""A tool and its widget name each other: `tool.widgetId` and `widget.toolId`.

A tool has one widget at most and a widget one tool. Whoever is told last is right: the other side follows,
and a former partner is let go (its own member becomes null).
"""

from __future__ import annotations

from typing import Any

from drio_tui.sandbox.store import Store

Document = dict[str, Any]


async def give_tool_its_widget(store: Store, tool: Document, before: str | None) -> Document:
    """Make the widgets agree with `tool["widgetId"]`, which was `before`. Raises `Problem` 409."""
    app_id, wanted = tool["appId"], tool["widgetId"]
    if wanted == before:
        return tool
    if wanted is not None:
        widget = await store.referred(app_id, "widget", wanted, "widgetId")
        await _let_go(store, app_id, "tool", widget["toolId"], "widgetId", unless=tool["id"])
        await store.save(widget | {"toolId": tool["id"]})
    await _let_go(store, app_id, "widget", before, "toolId")
    return tool


async def give_widget_its_tool(store: Store, widget: Document, before: str | None) -> Document:
    """Make the tools agree with `widget["toolId"]`, which was `before`. Raises `Problem` 409."""
    app_id, wanted = widget["appId"], widget["toolId"]
    if wanted == before:
        return widget
    if wanted is not None:
        tool = await store.referred(app_id, "tool", wanted, "toolId")
        await _let_go(store, app_id, "widget", tool["widgetId"], "toolId", unless=widget["id"])
        await store.save(tool | {"widgetId": widget["id"]}, rank=tool["order"])
    await _let_go(store, app_id, "tool", before, "widgetId")
    return widget


async def leave_tool(store: Store, widget: Document) -> None:
    """Take a widget that is about to go out of its tool."""
    await _let_go(store, widget["appId"], "tool", widget["toolId"], "widgetId")


async def _let_go(
    store: Store, app_id: str, kind: str, resource_id: str | None, member: str, *, unless: str | None = None
) -> None:
    if resource_id is None or resource_id == unless:
        return
    resource = await store.find(app_id, kind, resource_id)
    if resource is not None:
        await store.save(resource | {member: None}, rank=resource.get("order", 0) if kind == "tool" else 0)
