"""Parameters, documented errors and responses that the routes share."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path
from fastapi.responses import Response

from drio_tui.api.models import ErrorEnvelope
from drio_tui.sandbox.bodies import StrictRoute
from drio_tui.sandbox.core import Sandbox, json_bytes, require_sandbox
from drio_tui.sandbox.oauth import Principal, require_user
from drio_tui.sandbox.settings import API_PREFIX
from drio_tui.sandbox.store import PLURALS, Store

SandboxDep = Annotated[Sandbox, Depends(require_sandbox)]
User = Annotated[Principal, Depends(require_user)]

AppId = Annotated[str, Path(alias="appId", description="The app.")]
AuthId = Annotated[str, Path(alias="authId", description="The auth connection.")]
IntegrationId = Annotated[str, Path(alias="integrationId", description="The integration.")]
OperationId = Annotated[str, Path(alias="operationId", description="The operation.")]
ToolId = Annotated[str, Path(alias="toolId", description="The tool.")]
WidgetId = Annotated[str, Path(alias="widgetId", description="The widget.")]
TemplateId = Annotated[str, Path(alias="templateId", description="The template.")]

_DESCRIPTIONS = {
    400: "Something in the body is wrong; `details.fields` says what.",
    401: "There is no bearer token, or it does not count.",
    404: "There is no such resource, or it belongs to someone else.",
    409: "It does not fit what is there: a key or slug is taken, an id in the body unknown, or something refers to it.",
    413: "The body is too large.",
    415: "The body is not `application/json`.",
    500: "The sandbox failed.",
    503: "The database cannot be used.",
    507: "There is no room left for the database.",
}
_COMMON_STATUSES = (500, 503)


def router(*tags: str) -> APIRouter:
    """Return a router for `StrictRoute`s with these tags."""
    return APIRouter(prefix=API_PREFIX, route_class=StrictRoute, tags=[*tags])


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the documented errors of a route: `statuses`, and those of every route."""
    return {
        status: {"model": ErrorEnvelope, "description": _DESCRIPTIONS[status]}
        for status in sorted({*statuses, *_COMMON_STATUSES})
    }


READ = errors(401, 404)
WRITE = errors(400, 401, 404, 409, 413, 415, 507)
DELETE = errors(401, 404, 409, 507)


async def list_response(sandbox: Sandbox, user: Principal, app_id: str, kind: str) -> Response:
    """Return the response that lists an app's resources of one kind."""

    async def load(store: Store) -> bytes:
        texts = await store.views_json(kind, await store.list_json(app_id, kind))
        return f'{{"{PLURALS[kind]}":[{",".join(texts)}]}}'.encode("ascii")

    return await sandbox.cached_response(user, (app_id, kind), load)


async def resource_response(sandbox: Sandbox, user: Principal, app_id: str, kind: str, resource_id: str) -> Response:
    """Return the response that shows one resource."""

    async def load(store: Store) -> bytes:
        return json_bytes({kind: await store.view(kind, await store.get(app_id, kind, resource_id))})

    return await sandbox.cached_response(user, (app_id, kind, resource_id), load)
