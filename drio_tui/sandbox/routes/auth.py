"""Auth connections: how an app authenticates to its upstreams."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from drio_tui.api.json_codec import dumps
from drio_tui.sandbox.core import Sandbox, json_response
from drio_tui.sandbox.oauth import Principal
from drio_tui.sandbox.providers import providers
from drio_tui.sandbox.routes import common
from drio_tui.sandbox.routes.common import DELETE, READ, WRITE, resource_response
from drio_tui.sandbox.services import auth
from drio_tui.sandbox.store import Store

if TYPE_CHECKING:
    from drio_tui.api.models import AuthConnectionCreate, AuthConnectionPatch

router = common.router("Auth")


@router.get("/apps/{appId}/auth", operation_id="listAuthConnections", response_model="AuthList", responses=READ)
async def list_auth(sandbox: Sandbox, user: Principal, app_id: str) -> Response:
    """List an app's auth connections, and the providers that there are."""

    async def load(store: Store) -> bytes:
        texts = ",".join(await store.list_json(app_id, "auth"))
        return f'{{"auth":[{texts}],"providers":{dumps(list(providers().values()))}}}'.encode("ascii")

    return await sandbox.cached_response(user, (app_id, "auth"), load)


@router.post(
    "/apps/{appId}/auth",
    operation_id="createAuthConnection",
    status_code=201,
    response_model="AuthAnswer",
    responses=WRITE,
)
async def create_auth(sandbox: Sandbox, user: Principal, app_id: str, body: AuthConnectionCreate) -> Response:
    """Create an auth connection."""
    async with sandbox.writing(user) as store:
        await store.app_json(app_id)
        document = await store.view("auth", await auth.create(store, app_id, body.to_wire()))
    return json_response(201, {"auth": document})


@router.get(
    "/apps/{appId}/auth/{authId}",
    operation_id="getAuthConnection",
    response_model="AuthAnswer",
    responses=READ,
)
async def get_auth(sandbox: Sandbox, user: Principal, app_id: str, auth_id: str) -> Response:
    """Show an auth connection."""
    return await resource_response(sandbox, user, app_id, "auth", auth_id)


@router.patch(
    "/apps/{appId}/auth/{authId}",
    operation_id="updateAuthConnection",
    response_model="AuthAnswer",
    responses=WRITE,
)
async def update_auth(
    sandbox: Sandbox, user: Principal, app_id: str, auth_id: str, body: AuthConnectionPatch
) -> Response:
    """Change an auth connection; what is absent stays, null clears, objects merge one level."""
    async with sandbox.writing(user) as store:
        before = await store.get(app_id, "auth", auth_id)
        document = await store.view("auth", await auth.change(store, before, body.to_wire()))
    return json_response(200, {"auth": document})


@router.delete(
    "/apps/{appId}/auth/{authId}",
    operation_id="deleteAuthConnection",
    status_code=204,
    responses=DELETE,
)
async def delete_auth(sandbox: Sandbox, user: Principal, app_id: str, auth_id: str) -> Response:
    """Delete an auth connection; refused while something refers to it (`details.referrers`)."""
    async with sandbox.writing(user) as store:
        await auth.remove(store, await store.get(app_id, "auth", auth_id))
    return Response(status_code=204)
