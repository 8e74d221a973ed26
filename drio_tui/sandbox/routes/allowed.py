"""Which private addresses deployed apps may call: the sandbox's own addresses, below `/sandbox`."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from drio_tui.sandbox.bodies import StrictRoute
from drio_tui.sandbox.core import Sandbox, reply
from drio_tui.sandbox.problems import invalid, missing
from drio_tui.sandbox.routes.common import Box, User
from drio_tui.tool_calls.egress import Origin, parse_origin

router = APIRouter(prefix="/sandbox/allowed-hosts", route_class=StrictRoute, include_in_schema=False)


class AllowInput(BaseModel):
    """A host and port, such as `127.0.0.1:8000`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    host: str = Field(max_length=300)


def _listed(box: Sandbox) -> dict[str, Any]:
    return {
        "hosts": box.allowed.as_wire(),
        "everything": box.settings.allow_private_egress,
        "command": box.allowed.command,
    }


def _origin(text: str) -> Origin:
    try:
        return parse_origin(text)
    except ValueError as error:
        raise invalid([("host", str(error))]) from None


@router.get("")
async def list_allowed(box: Box, user: User) -> Response:  # noqa: ARG001 - asking for the user wants a token
    """The allowed hosts, whether everything is allowed, and the command that allows a host."""
    return reply(200, _listed(box))


@router.post("")
async def allow_host(box: Box, user: User, body: AllowInput) -> Response:  # noqa: ARG001 - as above
    """Allow a host; one that is allowed already stays so."""
    box.allowed.allow(_origin(body.host))
    return reply(200, _listed(box))


@router.delete("/{host}")
async def revoke_host(box: Box, user: User, host: str) -> Response:  # noqa: ARG001 - as above
    """Allow a host no longer."""
    if not box.allowed.revoke(_origin(host)):
        raise missing("allowed host")
    return reply(200, _listed(box))
