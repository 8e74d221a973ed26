"""Tools: CRUD, bindings, and tool chaining."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from drio_tui.sandbox.core import Sandbox, json_response
from drio_tui.sandbox.oauth import Principal
from drio_tui.sandbox.routes import common
from drio_tui.sandbox.routes.common import DELETE, READ, WRITE, list_response, resource_response
from drio_tui.sandbox.services import tools

if TYPE_CHECKING:
    from drio_tui.api.models import BindingInput, ChainInput, ToolCreate, ToolPatch

router = common.router("Tools")


@router.get("/apps/{appId}/tools", operation_id="listTools", response_model="ToolList", responses=READ)
async def list_tools(sandbox: Sandbox, user: Principal, app_id: str) -> Response:
    """List an app's tools."""
    return await list_response(sandbox, user, app_id, "tool")


@router.post(
    "/apps/{appId}/tools",
    operation_id="createTool",
    status_code=201,
    response_model="ToolAnswer",
    responses=WRITE,
)
async def create_tool(sandbox: Sandbox, user: Principal, app_id: str, body: ToolCreate) -> Response:
    """Create a tool."""
    async with sandbox.writing(user) as store:
        await store.app_json(app_id)
        document = await store.view("tool", await tools.create(store, app_id, body.to_wire()))
    return json_response(201, {"tool": document})


@router.get("/apps/{appId}/tools/{toolId}", operation_id="getTool", response_model="ToolAnswer", responses=READ)
async def get_tool(sandbox: Sandbox, user: Principal, app_id: str, tool_id: str) -> Response:
    """Show a tool."""
    return await resource_response(sandbox, user, app_id, "tool", tool_id)


@router.patch(
    "/apps/{appId}/tools/{toolId}",
    operation_id="updateTool",
    response_model="ToolAnswer",
    responses=WRITE,
)
async def update_tool(sandbox: Sandbox, user: Principal, app_id: str, tool_id: str, body: ToolPatch) -> Response:
    """Change a tool; what is absent stays, null clears, objects merge one level."""
    async with sandbox.writing(user) as store:
        before = await store.get(app_id, "tool", tool_id)
        document = await store.view("tool", await tools.change(store, before, body.to_wire()))
    return json_response(200, {"tool": document})


@router.delete(
    "/apps/{appId}/tools/{toolId}",
    operation_id="deleteTool",
    status_code=204,
    responses=DELETE,
)
async def delete_tool(sandbox: Sandbox, user: Principal, app_id: str, tool_id: str) -> Response:
    """Delete a tool; refused while something refers to it (`details.referrers`)."""
    async with sandbox.writing(user) as store:
        await tools.remove(store, await store.get(app_id, "tool", tool_id))
    return Response(status_code=204)


@router.put(
    "/apps/{appId}/tools/{toolId}/binding",
    operation_id="setToolBinding",
    response_model="ToolAnswer",
    responses=WRITE,
)
async def set_binding(sandbox: Sandbox, user: Principal, app_id: str, tool_id: str, body: BindingInput) -> Response:
    """Bind a tool to an operation as that is now."""
    async with sandbox.writing(user) as store:
        before = await store.get(app_id, "tool", tool_id)
        document = await store.view("tool", await tools.bind(store, before, body.to_wire()))
    return json_response(200, {"tool": document})


@router.put(
    "/apps/{appId}/tools/{toolId}/chain",
    operation_id="setToolChain",
    response_model="ToolAnswer",
    responses=WRITE,
)
async def set_chain(sandbox: Sandbox, user: Principal, app_id: str, tool_id: str, body: ChainInput) -> Response:
    """Replace the tools that a tool hands its result to; [] clears them."""
    async with sandbox.writing(user) as store:
        before = await store.get(app_id, "tool", tool_id)
        document = await store.view("tool", await tools.set_chain(store, before, body.next_tool_ids))
    return json_response(200, {"tool": document})
