"""Snapshots whose tools call a test upstream, and the sandbox of the MCP tests."""

from __future__ import annotations

from typing import Any

from drio_tui.workspace.model.snapshot import PartLoaded, Snapshot, resources_of
from drio_tui.workspace.run.bound_tool import BoundTool, bound_of
from tests.sandbox.mcp.conftest import helpdesk, lax, other, upstream

__all__ = ["helpdesk", "lax", "other", "upstream"]

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"id": {"type": "string"}, "q": {"type": "string"}, "X-Trace": {"type": "string", "x-in": "header"}},
}


def snapshot_of(base_url: str, *tools: dict[str, Any]) -> Snapshot:
    """Return an app whose tools are bound to operations at `base_url`.

    `method`, `path`, `schema`, `output`, `headers`, `auth`, `widget`, `hints` and `next` of a tool override the
    defaults; the ids are `t1`, `t2`, … in order.
    """
    raws_by_kind: dict[str, list[Any]] = {kind: [] for kind in ("auth", "integration", "operation", "tool", "widget")}
    for number, spec in enumerate(tools or ({},), start=1):
        auth = spec.get("auth")
        if auth is not None:
            raws_by_kind["auth"].append({"id": f"a{number}", "name": "Key", "config": auth})
        raws_by_kind["integration"].append(
            {"id": f"i{number}", "name": "API", "baseUrl": spec.get("base", base_url),
             "authId": f"a{number}" if auth is not None else None, "config": {"headers": spec.get("headers", {})}}
        )  # fmt: skip
        raws_by_kind["operation"].append(
            {"id": f"o{number}", "integrationId": f"i{number}", "name": "Do", "method": spec.get("method", "GET"),
             "path": spec.get("path", "/things"), "inputSchema": spec.get("schema", SCHEMA),
             "outputSchema": spec.get("output")}
        )  # fmt: skip
        raws_by_kind["tool"].append(
            {"id": f"t{number}", "key": f"tool-{number}", "name": f"Tool {number}", "isEnabled": True, "order": number,
             "binding": {"integrationOperationId": f"o{number}"}, "annotations": spec.get("hints", {}),
             "nextToolIds": spec.get("next", [])}
        )  # fmt: skip
        if "widget" in spec:
            raws_by_kind["widget"].append(
                {"id": f"w{number}", "toolId": f"t{number}", "name": "Widget", **spec["widget"]}
            )
    snapshot = Snapshot("app_1")
    for kind, raws in raws_by_kind.items():
        snapshot.apply(PartLoaded(kind, resources_of(kind, raws, lambda _raw: "")))
    return snapshot


def bound(base_url: str, **spec: Any) -> BoundTool:
    """Return a single bound tool."""
    return bound_of(snapshot_of(base_url, spec), "t1")
