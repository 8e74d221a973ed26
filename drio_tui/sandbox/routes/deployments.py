"""Routes below `/sandbox` for an app's deployments: their history, and restoring one.

They are not part of the management API, since drio documents no such routes. They take the same bearer token.
"""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict

from drio_tui.sandbox.bodies import StrictRoute
from drio_tui.sandbox.core import json_response
from drio_tui.sandbox.mcp.deployment_store import history
from drio_tui.sandbox.routes.common import AppId, SandboxDep, User
from drio_tui.sandbox.services import apps

router = APIRouter(prefix="/sandbox/apps/{appId}", route_class=StrictRoute, include_in_schema=False)


class RestoreInput(BaseModel):
    """The version to publish again; null or absent for the one before the live one."""

    model_config = ConfigDict(extra="forbid", strict=True)

    version: str | None = None


@router.get("/deployments")
async def list_deployments(sandbox: SandboxDep, user: User, app_id: AppId) -> Response:
    """List the app's deployments, the live one first."""
    async with sandbox.reading(user) as store:
        return json_response(200, {"deployments": await history(store, app_id)})


@router.post("/restore")
async def restore_deployment(sandbox: SandboxDep, user: User, app_id: AppId, body: RestoreInput) -> Response:
    """Publish an earlier deployment again, as a new version."""
    async with sandbox.writing(user) as store:
        document, endpoint = await apps.redeploy(store, app_id, body.version)
    return json_response(200, {"app": document, "endpoint": endpoint})
