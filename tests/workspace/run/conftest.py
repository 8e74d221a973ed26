"""Snapshots whose tools call an upstream of the tests, and the sandbox of the MCP tests."""

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
    """An app whose tools are bound to operations at `base_url`.

    Each tool's `method`, `path`, `schema`, `output`, `headers`, `auth`, `widget`, `hints` and `next` say what is
    not as usual; its id is `t1`, `t2`, … in order.
    """
    kinds: dict[str, list[Any]] = {kind: [] for kind in ("auth", "integration", "operation", "tool", "widget")}
    for number, spec in enumerate(tools or ({},), start=1):
        auth = spec.get("auth")
        if auth is not None:
            kinds["auth"].append({"id": f"a{number}", "name": "Key", "config": auth})
        kinds["integration"].append(
            {"id": f"i{number}", "name": "API", "baseUrl": spec.get("base", base_url),
             "authId": f"a{number}" if auth is not None else None, "config": {"headers": spec.get("headers", {})}}
        )  # fmt: skip
        kinds["operation"].append(
            {"id": f"o{number}", "integrationId": f"i{number}", "name": "Do", "method": spec.get("method", "GET"),
             "path": spec.get("path", "/things"), "inputSchema": spec.get("schema", SCHEMA),
             "outputSchema": spec.get("output")}
        )  # fmt: skip
        kinds["tool"].append(
            {"id": f"t{number}", "key": f"tool-{number}", "name": f"Tool {number}", "isEnabled": True, "order": number,
             "binding": {"integrationOperationId": f"o{number}"}, "annotations": spec.get("hints", {}),
             "nextToolIds": spec.get("next", [])}
        )  # fmt: skip
        if "widget" in spec:
            kinds["widget"].append({"id": f"w{number}", "toolId": f"t{number}", "name": "Widget", **spec["widget"]})
    snapshot = Snapshot("app_1")
    for kind, raws in kinds.items():
        snapshot.apply(PartLoaded(kind, resources_of(kind, raws, lambda _raw: "")))
    return snapshot


def bound(base_url: str, **spec: Any) -> BoundTool:
    """One tool, bound."""
    return bound_of(snapshot_of(base_url, spec), "t1")
