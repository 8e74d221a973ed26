"""Routes below `/sandbox` that run a tool of a draft, and return its widget; drio documents no such routes."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict

from drio_tui.sandbox.bodies import StrictRoute
from drio_tui.sandbox.core import json_response
from drio_tui.sandbox.mcp.draft_calls import load_draft_tool
from drio_tui.sandbox.routes.common import AppId, SandboxDep, ToolId, User

router = APIRouter(prefix="/sandbox/apps/{appId}/tools/{toolId}", route_class=StrictRoute, include_in_schema=False)


class RunInput(BaseModel):
    """The arguments of one call."""

    model_config = ConfigDict(extra="forbid", strict=True)

    arguments: dict[str, Any]


@router.post("/try")
async def run_tool(sandbox: SandboxDep, user: User, app_id: AppId, tool_id: ToolId, body: RunInput) -> Response:
    """Run a tool of the draft once, without its chain."""
    async with sandbox.reading(user) as store:
        draft_tool = await load_draft_tool(sandbox, store, app_id, tool_id)
    return json_response(200, await draft_tool.run(body.arguments))


@router.get("/page")
async def widget_page(sandbox: SandboxDep, user: User, app_id: AppId, tool_id: ToolId) -> Response:
    """Return the HTML of the widget of a tool of the draft."""
    async with sandbox.reading(user) as store:
        draft_tool = await load_draft_tool(sandbox, store, app_id, tool_id)
    return json_response(200, {"html": await draft_tool.page()})
