"""Routes below `/sandbox`, for what drio documents no routes for; they take the same bearer token.

They are not part of the management API: the status of the process, an app's deployments, running a tool of a draft,
what MCP clients asked of deployed apps, the private addresses that those may call, and the fault lab.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from drio_tui import __version__
from drio_tui.api.json_codec import loads
from drio_tui.sandbox.bodies import StrictRoute
from drio_tui.sandbox.core import Sandbox, json_response
from drio_tui.sandbox.mcp.call_log import MAX_CALLS
from drio_tui.sandbox.mcp.deployment_store import history
from drio_tui.sandbox.mcp.draft_calls import load_draft_tool
from drio_tui.sandbox.problems import invalid, not_found
from drio_tui.sandbox.routes.common import AppId, SandboxDep, ToolId, User
from drio_tui.sandbox.services import apps
from drio_tui.tool_calls.egress import Origin, parse_origin

router = APIRouter(prefix="/sandbox", route_class=StrictRoute, include_in_schema=False)


@router.get("/status")
async def status(sandbox: SandboxDep, user: User) -> Response:  # noqa: ARG001 - the parameter makes the token required
    """Return the version, and the number of open connections besides the one of this request."""
    return json_response(200, {"version": __version__, "connections": max(0, sandbox.connections() - 1)})


# --- deployments ----------------------------------------------------------------------------------


class RestoreInput(BaseModel):
    """The version to publish again; null or absent for the one before the live one."""

    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True)

    version: str | None = None


@router.get("/apps/{appId}/deployments")
async def list_deployments(sandbox: SandboxDep, user: User, app_id: AppId) -> Response:
    """List the app's deployments, the live one first."""
    async with sandbox.reading(user) as store:
        return json_response(200, {"deployments": await history(store, app_id)})


@router.post("/apps/{appId}/restore")
async def restore_deployment(sandbox: SandboxDep, user: User, app_id: AppId, body: RestoreInput) -> Response:
    """Publish an earlier deployment again, as a new version."""
    async with sandbox.writing(user) as store:
        document, endpoint = await apps.redeploy(store, app_id, body.version)
    return json_response(200, {"app": document, "endpoint": endpoint})


# --- calls ----------------------------------------------------------------------------------------


@router.get("/calls")
async def list_calls(
    sandbox: SandboxDep,
    user: User,
    app: Annotated[str | None, Query()] = None,
    after: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=MAX_CALLS)] = MAX_CALLS,
) -> Response:
    """List the newest MCP requests to the user's deployed apps, or to one `app`, oldest first.

    `last` is the number of the newest request; with it as `after`, only newer ones are listed. It begins again when
    the sandbox does: `log` is another one then.
    """
    async with sandbox.reading(user) as store:
        if app is not None:
            await store.app(app)
            app_ids = [app]
        else:
            app_ids = [loads(text)["id"] for text in await store.apps()]
    log = sandbox.calls
    return json_response(200, {"log": log.id, "last": log.last, "calls": log.calls(app_ids, after, limit)})


@router.get("/calls/tools")
async def count_calls(sandbox: SandboxDep, user: User, app: Annotated[str, Query()]) -> Response:
    """Count the kept calls of each tool of an app: all, failed ones, and the tokens of the largest result."""
    async with sandbox.reading(user) as store:
        await store.app(app)
    return json_response(200, {"tools": sandbox.calls.tools(app)})


# --- draft calls ----------------------------------------------------------------------------------


class RunInput(BaseModel):
    """The arguments of one call."""

    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True)

    arguments: dict[str, Any]


@router.post("/apps/{appId}/tools/{toolId}/try")
async def run_tool(sandbox: SandboxDep, user: User, app_id: AppId, tool_id: ToolId, body: RunInput) -> Response:
    """Run a tool of the draft once, without its chain."""
    async with sandbox.reading(user) as store:
        draft_tool = await load_draft_tool(sandbox, store, app_id, tool_id)
    return json_response(200, await draft_tool.run(body.arguments))


@router.get("/apps/{appId}/tools/{toolId}/page")
async def widget_page(sandbox: SandboxDep, user: User, app_id: AppId, tool_id: ToolId) -> Response:
    """Return the HTML of the widget of a tool of the draft."""
    async with sandbox.reading(user) as store:
        draft_tool = await load_draft_tool(sandbox, store, app_id, tool_id)
    return json_response(200, {"html": await draft_tool.page()})


# --- allowed hosts --------------------------------------------------------------------------------


class AllowInput(BaseModel):
    """A host and port, such as `127.0.0.1:8000`."""

    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True)

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


@router.get("/allowed-hosts")
async def list_allowed(sandbox: SandboxDep, user: User) -> Response:  # noqa: ARG001 - the parameter makes the token required
    """List the allowed hosts, whether everything is allowed, and the command that allows a host."""
    return json_response(200, _as_wire(sandbox))


@router.post("/allowed-hosts")
async def allow_host(sandbox: SandboxDep, user: User, body: AllowInput) -> Response:  # noqa: ARG001 - as above
    """Allow a host, unless it is allowed already."""
    sandbox.allowed.allow(_origin(body.host))
    return json_response(200, _as_wire(sandbox))


@router.delete("/allowed-hosts/{host}")
async def revoke_host(sandbox: SandboxDep, user: User, host: str) -> Response:  # noqa: ARG001 - as above
    """Revoke a host. Raises `Problem` 404 if it is not allowed."""
    if not sandbox.allowed.revoke(_origin(host)):
        raise not_found("allowed host")
    return json_response(200, _as_wire(sandbox))


# --- the fault lab --------------------------------------------------------------------------------


class FaultsInput(BaseModel):
    """Presets and rules to switch on and off, and the seed of their probabilities."""

    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True)

    on: list[str] = Field([], max_length=100)
    off: list[str] = Field([], max_length=100)
    seed: int | None = Field(None, ge=0, lt=1 << 53)


@router.get("/faults")
async def list_faults(sandbox: SandboxDep, user: User) -> Response:  # noqa: ARG001 - the parameter makes the token required
    """Return what is on, what it has done, and which presets and faults there are."""
    return json_response(200, sandbox.faults.as_wire())


@router.post("/faults")
async def switch_faults(sandbox: SandboxDep, user: User, body: FaultsInput) -> Response:  # noqa: ARG001 - as above
    """Switch faults on and off; with an invalid one, nothing is switched."""
    try:
        sandbox.faults.switch_on(body.on, body.seed)
    except ValueError as error:
        raise invalid([("on", str(error))]) from None
    sandbox.faults.switch_off(body.off)
    return json_response(200, sandbox.faults.as_wire())


@router.delete("/faults")
async def switch_faults_off(sandbox: SandboxDep, user: User) -> Response:  # noqa: ARG001 - as above
    """Switch everything off."""
    sandbox.faults.switch_off()
    return json_response(200, sandbox.faults.as_wire())
