"""The route `/sandbox/status` for the sandbox as a process; not part of the management API."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response

from drio_tui import __version__
from drio_tui.sandbox.bodies import StrictRoute
from drio_tui.sandbox.core import json_response
from drio_tui.sandbox.routes.common import SandboxDep, User

router = APIRouter(prefix="/sandbox", route_class=StrictRoute, include_in_schema=False)


@router.get("/status")
async def status(sandbox: SandboxDep, user: User) -> Response:  # noqa: ARG001 - the parameter makes the token required
    """Return the version, and the number of open connections besides the one of this request."""
    return json_response(200, {"version": __version__, "connections": max(0, sandbox.connections() - 1)})
