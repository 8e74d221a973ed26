"""Parameters, documented errors and responses that the routes share."""

from __future__ import annotations

from starlette.responses import Response

from drio_tui.sandbox.core import Sandbox, json_bytes
from drio_tui.sandbox.oauth import Principal
from drio_tui.sandbox.routing import Router
from drio_tui.sandbox.settings import API_PREFIX
from drio_tui.sandbox.store import PLURALS, Store

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


def router(*tags: str) -> Router:
    """Return a router of the management API with these tags."""
    return Router(API_PREFIX, *tags, models="drio_tui.api.models")


def errors(*statuses: int) -> dict[int, tuple[str, str]]:
    """Return the documented errors of a route: `statuses`, and those of every route."""
    return {status: ("ErrorEnvelope", _DESCRIPTIONS[status]) for status in sorted({*statuses, *_COMMON_STATUSES})}


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
