"""A deployment as a server of the official MCP SDK: its instructions, tools and widgets.

This module imports the SDK, so it is imported at the first MCP request only.
"""

from __future__ import annotations

import logging
from typing import Any

import mcp_types as types
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.shared.exceptions import MCPError

from drio_tui.sandbox.allowed import AllowedHosts
from drio_tui.sandbox.mcp import snapshot as snapshots
from drio_tui.sandbox.mcp.call_log import current_recorder
from drio_tui.sandbox.mcp.messages import CheckedManager
from drio_tui.sandbox.mcp.runtime import CallResult, Runtime
from drio_tui.sandbox.mcp.snapshot import DeployedTool
from drio_tui.sandbox.mcp.widgets import APPS_EXTENSION, MIME_TYPE, VIEW_META, Widget, widgets_of
from drio_tui.tool_calls.egress import Origin, Policy
from drio_tui.tool_calls.outputs import NOTE_META
from drio_tui.tool_calls.redaction import secret_names
from drio_tui.tool_calls.response import as_text
from drio_tui.tool_calls.tools import tool_list_entry

Context = Any  # the SDK's type, generic over a lifespan state that this server does not have

CHAIN_META = "drio/chain"
"""The property of a result's `_meta` with the steps of the chain."""


# They log the whole URL of every request at INFO, and its query can hold a key.
for _logger in ("httpx", "httpcore", "mcp"):
    logging.getLogger(_logger).setLevel(logging.WARNING)


def create_server(
    number: int,
    snapshot: dict[str, Any],
    secrets: dict[str, dict[str, Any]] | None,
    own_origin: Origin,
    own_prefix: str,
    *,
    allow_private: bool,
    allowed: AllowedHosts,
    max_body: int,
) -> tuple[CheckedManager, Runtime]:
    """Return the deployment's session manager and its runtime, which the caller closes after the manager."""
    deployment = snapshots.read(number, snapshot)
    policy = Policy(own_origin, own_prefix, allow_private, allowed)
    runtime = Runtime(deployment, policy, secrets, how_to_allow=allowed.advice)
    server = serve(runtime)
    # No security settings: `GuardMiddleware` checks Host and Origin before the request is routed.
    manager = StreamableHTTPSessionManager(
        server, json_response=True, stateless=True, max_request_body_size=max_body, security_settings=None
    )
    return CheckedManager(manager), runtime


def serve(runtime: Runtime) -> Server[dict[str, Any]]:
    """Return a server for one deployment."""
    deployment = runtime.deployment
    widgets = widgets_of(deployment)
    tools = [_tool(tool, widgets) for tool in deployment.tools.values()]
    resources = [_resource(widget) for widget in widgets.values()]
    by_uri = {widget.uri: widget for widget in widgets.values()}

    async def list_tools(_context: Context, _params: Any) -> types.ListToolsResult:
        return types.ListToolsResult(tools=tools)

    async def call_tool(_context: Context, params: types.CallToolRequestParams) -> types.CallToolResult:
        tool = deployment.tools.get(params.name)
        if tool is None:
            raise MCPError(types.INVALID_PARAMS, f"There is no tool {params.name[:80]!r}.")
        recorder = current_recorder()
        recorder.secret_arguments = secret_names(tool.input_schema)
        result = await runtime.call(tool, params.arguments or {})
        tool_result = _tool_result(result)
        texts = [content.text for content in tool_result.content if isinstance(content, types.TextContent)]
        recorder.finish(result.structured, "\n".join(texts), failed=result.failed)
        return tool_result

    async def list_resources(_context: Context, _params: Any) -> types.ListResourcesResult:
        return types.ListResourcesResult(resources=resources)

    async def list_resource_templates(_context: Context, _params: Any) -> types.ListResourceTemplatesResult:
        return types.ListResourceTemplatesResult(resource_templates=[])

    async def read_resource(_context: Context, params: types.ReadResourceRequestParams) -> types.ReadResourceResult:
        widget = by_uri.get(params.uri)
        if widget is None:
            raise MCPError(types.INVALID_PARAMS, f"There is no resource {params.uri[:200]!r}.")
        contents = types.TextResourceContents(
            uri=widget.uri, mime_type=MIME_TYPE, text=widget.html, _meta=widget.resource_meta
        )
        return types.ReadResourceResult(contents=[contents])

    app = deployment.app
    server: Server[dict[str, Any]] = Server(
        app.get("slug") or app["id"],
        version=app.get("version") or "",
        title=app["name"],
        description=app.get("description"),
        instructions=app.get("serverInstructions"),
        website_url=app.get("companyUrl"),
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        on_list_resources=list_resources,
        on_list_resource_templates=list_resource_templates,
        on_read_resource=read_resource,
        get_tool_input_schema=lambda name: deployment.tools[name].input_schema if name in deployment.tools else None,
    )
    if widgets:
        server.extensions[APPS_EXTENSION] = {"mimeTypes": [MIME_TYPE]}
    return server


def _tool(tool: DeployedTool, widgets: dict[str, Widget]) -> types.Tool:
    widget = widgets.get(tool.id)
    entry = tool_list_entry(
        tool.name, tool.title, tool.description, tool.input_schema, tool.output_schema, tool.annotations
    )
    return types.Tool.model_validate(entry | ({"_meta": widget.tool_meta} if widget else {}))


def _resource(widget: Widget) -> types.Resource:
    return types.Resource(
        uri=widget.uri,
        name=widget.key,
        title=widget.title,
        description=widget.description,
        mime_type=MIME_TYPE,
        size=len(widget.html.encode()),
        _meta=widget.resource_meta,
    )


def _tool_result(result: CallResult) -> types.CallToolResult:
    content: list[Any] = [types.TextContent(text=result.text)]
    meta: dict[str, Any] = {}
    if result.note:
        meta[NOTE_META] = result.note
        content.append(types.TextContent(text=result.note))
    if result.view is not None:
        meta[VIEW_META] = result.view
    if result.steps:
        meta[CHAIN_META] = result.steps
        content.append(types.TextContent(text=_chain_text(result.steps)))
    extra: dict[str, Any] = {} if result.structured is None else {"structured_content": result.structured}
    return types.CallToolResult(content=content, is_error=result.failed, _meta=meta or None, **extra)


def _chain_text(steps: list[dict[str, Any]]) -> str:
    lines = []
    for step in steps:
        if step["status"] == "done":
            lines.append(f"Then {step['tool']} with {as_text(step['arguments'])}: {as_text(step['result'])}")
        else:
            lines.append(f"Not done after it: {step['tool']} ({step['reason']})")
    return "\n".join(lines)
