"""Deployments: what was live, and making it live again.

The sandbox's own addresses, below `/sandbox` and not part of the management API: drio documents nothing like
them. They take the same bearer token.
"""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict

from drio_tui.sandbox.bodies import StrictRoute
from drio_tui.sandbox.core import reply
from drio_tui.sandbox.mcp.deployment_store import history
from drio_tui.sandbox.routes.common import AppId, Box, User
from drio_tui.sandbox.services import apps

router = APIRouter(prefix="/sandbox/apps/{appId}", route_class=StrictRoute, include_in_schema=False)


class RestoreInput(BaseModel):
    """Which version to publish again; the one before the live one where none is named."""

    model_config = ConfigDict(extra="forbid", strict=True)

    version: str | None = None


@router.get("/deployments")
async def list_deployments(box: Box, user: User, app_id: AppId) -> Response:
    """The app's deployments, the live one first."""
    async with box.reading(user) as store:
        return reply(200, {"deployments": await history(store, app_id)})


@router.post("/restore")
async def restore_deployment(box: Box, user: User, app_id: AppId, body: RestoreInput) -> Response:
    """Publish an earlier deployment again, as a new version."""
    async with box.writing(user) as store:
        document, endpoint = await apps.redeploy(store, app_id, body.version)
    return reply(200, {"app": document, "endpoint": endpoint})
