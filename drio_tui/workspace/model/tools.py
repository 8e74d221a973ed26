"""The tools of a snapshot: the names they are called by, and which tool a resource belongs to."""

from __future__ import annotations

from drio_tui.tool_calls.tools import tool_name
from drio_tui.workspace.model.snapshot import Resource, Snapshot


def published_name(tool: Resource) -> str:
    """Return the name under which a tool is published, by which models call it."""
    return tool_name(tool.key_or_name)


def tool_of(snapshot: Snapshot, kind: str, id: str) -> str | None:
    """Return the id of the tool that a tool, widget or operation of the app belongs to; None where there is none."""
    resource = snapshot.resource(kind, id)
    if resource is None:
        return None
    if kind == "tool":
        return resource.id
    if kind == "widget":
        tool_id = resource.text("toolId")
        return tool_id if snapshot.resource("tool", tool_id) else None
    if kind == "operation":
        for tool in snapshot.resources("tool"):
            if _operation_of(tool) == id and not tool.made_up:
                return tool.id
    return None


def find_tool(snapshot: Snapshot, wanted: str) -> str | None:
    """Return the id of the tool with this id, key, name or name for models; None unless exactly one matches."""
    resources = [tool for tool in snapshot.resources("tool") if not tool.made_up]
    getters = (
        lambda tool: tool.id,
        lambda tool: tool.text("key"),
        published_name,
        lambda tool: tool.name,
    )
    for getter in getters:
        ids = [tool.id for tool in resources if getter(tool) == wanted]
        if len(ids) == 1:
            return ids[0]
    return None


def _operation_of(tool: Resource) -> object:
    binding = tool.get("binding")
    return binding.get("integrationOperationId") if isinstance(binding, dict) else None
