"""The sandbox as a process: the sandbox's own address, below `/sandbox` and not part of the management API."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response

from drio_tui import __version__
from drio_tui.sandbox.bodies import StrictRoute
from drio_tui.sandbox.core import reply
from drio_tui.sandbox.routes.common import Box, User

router = APIRouter(prefix="/sandbox", route_class=StrictRoute, include_in_schema=False)


@router.get("/status")
async def status(box: Box, user: User) -> Response:  # noqa: ARG001 - asking for the user wants a token
    """Its version, and how many connections are open; the one that asks is not counted."""
    return reply(200, {"version": __version__, "connections": max(0, box.connections() - 1)})
