"""What the routes share: parameters, documented errors, and the answers that all kinds have in common."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path
from fastapi.responses import Response

from drio_tui.api.models import ErrorEnvelope
from drio_tui.sandbox.bodies import StrictRoute
from drio_tui.sandbox.core import Sandbox, as_json, require_sandbox
from drio_tui.sandbox.oauth import Principal, require_user
from drio_tui.sandbox.settings import API_PREFIX
from drio_tui.sandbox.store import PLURALS, Store

Box = Annotated[Sandbox, Depends(require_sandbox)]
User = Annotated[Principal, Depends(require_user)]

AppId = Annotated[str, Path(alias="appId", description="The app.")]
AuthId = Annotated[str, Path(alias="authId", description="The auth connection.")]
IntegrationId = Annotated[str, Path(alias="integrationId", description="The integration.")]
OperationId = Annotated[str, Path(alias="operationId", description="The operation.")]
ToolId = Annotated[str, Path(alias="toolId", description="The tool.")]
WidgetId = Annotated[str, Path(alias="widgetId", description="The widget.")]
TemplateId = Annotated[str, Path(alias="templateId", description="The template.")]

_MEANING = {
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
_ALWAYS = (500, 503)


def router(*tags: str) -> APIRouter:
    """A router whose routes stand under `tags` and read their bodies strictly."""
    return APIRouter(prefix=API_PREFIX, route_class=StrictRoute, tags=[*tags])


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The documented errors of a route: `statuses`, and those that any route can give."""
    return {
        status: {"model": ErrorEnvelope, "description": _MEANING[status]} for status in sorted({*statuses, *_ALWAYS})
    }


READ = errors(401, 404)
WRITE = errors(400, 401, 404, 409, 413, 415, 507)
DELETE = errors(401, 404, 409, 507)


async def list_of(box: Sandbox, user: Principal, app_id: str, kind: str) -> Response:
    """The answer that lists an app's resources of one kind."""

    async def load(store: Store) -> bytes:
        texts = await store.view_texts(kind, await store.texts(app_id, kind))
        return f'{{"{PLURALS[kind]}":[{",".join(texts)}]}}'.encode("ascii")

    return await box.show(user, (app_id, kind), load)


async def one_of(box: Sandbox, user: Principal, app_id: str, kind: str, resource_id: str) -> Response:
    """The answer that shows one thing."""

    async def load(store: Store) -> bytes:
        return as_json({kind: await store.view(kind, await store.one(app_id, kind, resource_id))})

    return await box.show(user, (app_id, kind, resource_id), load)
