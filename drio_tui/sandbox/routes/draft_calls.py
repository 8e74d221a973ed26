"""Trying a draft's tools: the sandbox's own addresses, below `/sandbox`, since drio documents nothing like them."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict

from drio_tui.sandbox.bodies import StrictRoute
from drio_tui.sandbox.core import reply
from drio_tui.sandbox.mcp.draft_calls import draft
from drio_tui.sandbox.routes.common import AppId, Box, ToolId, User

router = APIRouter(prefix="/sandbox/apps/{appId}/tools/{toolId}", route_class=StrictRoute, include_in_schema=False)


class TryInput(BaseModel):
    """The arguments of one call."""

    model_config = ConfigDict(extra="forbid", strict=True)

    arguments: dict[str, Any]


@router.post("/try")
async def try_tool(box: Box, user: User, app_id: AppId, tool_id: ToolId, body: TryInput) -> Response:
    """Run a tool of the draft once, without its chain."""
    async with box.reading(user) as store:
        found = await draft(box, store, app_id, tool_id)
    return reply(200, await found.run(body.arguments))


@router.get("/page")
async def widget_page(box: Box, user: User, app_id: AppId, tool_id: ToolId) -> Response:
    """The HTML of the widget of a tool of the draft."""
    async with box.reading(user) as store:
        found = await draft(box, store, app_id, tool_id)
    return reply(200, {"html": await found.page()})
