"""Routes below `/sandbox`, for what drio documents no routes for; they take the same bearer token.

They are not part of the management API: the status of the process, an app's deployments, running a tool of a draft,
what MCP clients asked of deployed apps, the private addresses that those may call, and the fault lab.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from drio_tui import __version__
from drio_tui.api.json_codec import loads
from drio_tui.sandbox.core import Sandbox, json_response
from drio_tui.sandbox.faults.lab import parse_names
from drio_tui.sandbox.mcp.deployment_store import history
from drio_tui.sandbox.mcp.draft_calls import load_draft_tool
from drio_tui.sandbox.oauth import Principal
from drio_tui.sandbox.problems import invalid, not_found
from drio_tui.sandbox.routing import Router
from drio_tui.sandbox.services import apps
from drio_tui.tool_calls.egress import Origin, parse_origin

if TYPE_CHECKING:
    from drio_tui.sandbox.routes.inputs import AllowInput, AppQuery, CallsQuery, FaultsInput, RestoreInput, RunInput

router = Router("/sandbox", models="drio_tui.sandbox.routes.inputs")


@router.get("/status")
async def status(sandbox: Sandbox, user: Principal) -> Response:  # noqa: ARG001 - the parameter makes the token required
    """Return the version, and the number of open connections besides the one of this request."""
    return json_response(200, {"version": __version__, "connections": max(0, sandbox.connections() - 1)})


# --- deployments ----------------------------------------------------------------------------------


@router.get("/apps/{appId}/deployments")
async def list_deployments(sandbox: Sandbox, user: Principal, app_id: str) -> Response:
    """List the app's deployments, the live one first."""
    async with sandbox.reading(user) as store:
        return json_response(200, {"deployments": await history(store, app_id)})


@router.post("/apps/{appId}/restore")
async def restore_deployment(sandbox: Sandbox, user: Principal, app_id: str, body: RestoreInput) -> Response:
    """Publish an earlier deployment again, as a new version."""
    async with sandbox.writing(user) as store:
        document, endpoint = await apps.redeploy(store, app_id, body.version)
    return json_response(200, {"app": document, "endpoint": endpoint})


# --- calls ----------------------------------------------------------------------------------------


@router.get("/calls")
async def list_calls(sandbox: Sandbox, user: Principal, query: CallsQuery) -> Response:
    """List the newest MCP requests to the user's deployed apps, or to one `app`, oldest first.

    `last` is the number of the newest request; with it as `after`, only newer ones are listed. It begins again when
    the sandbox does: `log` is another one then.
    """
    async with sandbox.reading(user) as store:
        if query.app is not None:
            await store.app(query.app)
            app_ids = [query.app]
        else:
            app_ids = [loads(text)["id"] for text in await store.apps()]
    log = sandbox.calls
    return json_response(200, {"log": log.id, "last": log.last, "calls": log.calls(app_ids, query.after, query.limit)})


@router.get("/calls/tools")
async def count_calls(sandbox: Sandbox, user: Principal, query: AppQuery) -> Response:
    """Count the kept calls of each tool of an app: all, failed ones, and the tokens of the largest result."""
    async with sandbox.reading(user) as store:
        await store.app(query.app)
    return json_response(200, {"tools": sandbox.calls.tools(query.app)})


# --- draft calls ----------------------------------------------------------------------------------


@router.post("/apps/{appId}/tools/{toolId}/try")
async def run_tool(sandbox: Sandbox, user: Principal, app_id: str, tool_id: str, body: RunInput) -> Response:
    """Run a tool of the draft once, without its chain."""
    async with sandbox.reading(user) as store:
        draft_tool = await load_draft_tool(sandbox, store, app_id, tool_id)
    return json_response(200, await draft_tool.run(body.arguments))


@router.get("/apps/{appId}/tools/{toolId}/page")
async def widget_page(sandbox: Sandbox, user: Principal, app_id: str, tool_id: str) -> Response:
    """Return the HTML of the widget of a tool of the draft."""
    async with sandbox.reading(user) as store:
        draft_tool = await load_draft_tool(sandbox, store, app_id, tool_id)
    return json_response(200, {"html": await draft_tool.page()})


# --- allowed hosts --------------------------------------------------------------------------------


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
async def list_allowed(sandbox: Sandbox, user: Principal) -> Response:  # noqa: ARG001 - the parameter makes the token required
    """List the allowed hosts, whether everything is allowed, and the command that allows a host."""
    return json_response(200, _as_wire(sandbox))


@router.post("/allowed-hosts")
async def allow_host(sandbox: Sandbox, user: Principal, body: AllowInput) -> Response:  # noqa: ARG001 - as above
    """Allow a host, unless it is allowed already."""
    sandbox.allowed.allow(_origin(body.host))
    return json_response(200, _as_wire(sandbox))


@router.delete("/allowed-hosts/{host}")
async def revoke_host(sandbox: Sandbox, user: Principal, host: str) -> Response:  # noqa: ARG001 - as above
    """Revoke a host. Raises `Problem` 404 if it is not allowed."""
    if not sandbox.allowed.revoke(_origin(host)):
        raise not_found("allowed host")
    return json_response(200, _as_wire(sandbox))


# --- the fault lab --------------------------------------------------------------------------------


@router.get("/faults")
async def list_faults(sandbox: Sandbox, user: Principal) -> Response:  # noqa: ARG001 - the parameter makes the token required
    """Return what is on, what it has done, and which presets and faults there are."""
    return json_response(200, sandbox.faults.as_wire())


@router.post("/faults")
async def switch_faults(sandbox: Sandbox, user: Principal, body: FaultsInput) -> Response:  # noqa: ARG001 - as above
    """Switch faults on and off; with an invalid one, nothing is switched."""
    try:
        parse_names(body.off)
    except ValueError as error:
        raise invalid([("off", str(error))]) from None
    try:
        sandbox.faults.switch_on(body.on, body.seed)
    except ValueError as error:
        raise invalid([("on", str(error))]) from None
    sandbox.faults.switch_off(body.off)
    return json_response(200, sandbox.faults.as_wire())


@router.delete("/faults")
async def switch_faults_off(sandbox: Sandbox, user: Principal) -> Response:  # noqa: ARG001 - as above
    """Switch everything off."""
    sandbox.faults.switch_off()
    return json_response(200, sandbox.faults.as_wire())
