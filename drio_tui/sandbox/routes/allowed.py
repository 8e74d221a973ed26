"""Routes below `/sandbox` for the private addresses that deployed apps may call; not part of the management API."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from drio_tui.sandbox.bodies import StrictRoute
from drio_tui.sandbox.core import Sandbox, json_response
from drio_tui.sandbox.problems import invalid, not_found
from drio_tui.sandbox.routes.common import SandboxDep, User
from drio_tui.tool_calls.egress import Origin, parse_origin

router = APIRouter(prefix="/sandbox/allowed-hosts", route_class=StrictRoute, include_in_schema=False)


class AllowInput(BaseModel):
    """A host and port, such as `127.0.0.1:8000`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    host: str = Field(max_length=300)


def _as_wire(sandbox: Sandbox) -> dict[str, Any]:
    return {
        "hosts": sandbox.allowed.as_wire(),
        "everything": sandbox.settings.allow_private_egress,
        "command": sandbox.allowed.command,
    }


def _origin(text: str) -> Origin:
    try:
        return parse_origin(text)
    except ValueError as error:
        raise invalid([("host", str(error))]) from None


@router.get("")
async def list_allowed(sandbox: SandboxDep, user: User) -> Response:  # noqa: ARG001 - the parameter makes the token required
    """List the allowed hosts, whether everything is allowed, and the command that allows a host."""
    return json_response(200, _as_wire(sandbox))


@router.post("")
async def allow_host(sandbox: SandboxDep, user: User, body: AllowInput) -> Response:  # noqa: ARG001 - as above
    """Allow a host, unless it is allowed already."""
    sandbox.allowed.allow(_origin(body.host))
    return json_response(200, _as_wire(sandbox))


@router.delete("/{host}")
async def revoke_host(sandbox: SandboxDep, user: User, host: str) -> Response:  # noqa: ARG001 - as above
    """Revoke a host. Raises `Problem` 404 if it is not allowed."""
    if not sandbox.allowed.revoke(_origin(host)):
        raise not_found("allowed host")
    return json_response(200, _as_wire(sandbox))
