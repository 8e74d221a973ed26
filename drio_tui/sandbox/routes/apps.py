"""Apps: creation, updates, config and deploy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from drio_tui.sandbox.core import Sandbox, json_response
from drio_tui.sandbox.oauth import Principal
from drio_tui.sandbox.routes import common
from drio_tui.sandbox.routes.common import READ, WRITE, errors
from drio_tui.sandbox.services import apps
from drio_tui.sandbox.store import Store

if TYPE_CHECKING:
    from drio_tui.api.models import AppCreate, AppPatch

router = common.router("Apps")


@router.get("/apps", operation_id="listApps", response_model="AppList", responses=errors(401))
async def list_apps(sandbox: Sandbox, user: Principal) -> Response:
    """List your apps."""

    async def load(store: Store) -> bytes:
        return f'{{"apps":[{",".join(await store.apps())}]}}'.encode("ascii")

    return await sandbox.cached_response(user, ("apps",), load)


@router.post("/apps", operation_id="createApp", status_code=201, response_model="AppAnswer", responses=WRITE)
async def create_app(sandbox: Sandbox, user: Principal, body: AppCreate) -> Response:
    """Create an app from a template, with everything the template brings."""
    async with sandbox.writing(user) as store:
        document = await apps.create(store, body.to_wire(), upstream_key=sandbox.upstream_key)
    return json_response(201, {"app": document})


@router.get("/apps/{appId}", operation_id="getApp", response_model="AppAnswer", responses=READ)
async def get_app(sandbox: Sandbox, user: Principal, app_id: str) -> Response:
    """Show one app."""

    async def load(store: Store) -> bytes:
        return f'{{"app":{await store.app_json(app_id)}}}'.encode("ascii")

    return await sandbox.cached_response(user, (app_id,), load)


@router.patch("/apps/{appId}", operation_id="updateApp", response_model="AppAnswer", responses=WRITE)
async def update_app(sandbox: Sandbox, user: Principal, app_id: str, body: AppPatch) -> Response:
    """Change an app's metadata and branding; what is absent stays, null clears."""
    async with sandbox.writing(user) as store:
        document = await apps.change(store, await store.app(app_id), body.to_wire())
    return json_response(200, {"app": document})


@router.get("/apps/{appId}/config", operation_id="getAppConfig", response_model="ConfigAnswer", responses=READ)
async def get_config(sandbox: Sandbox, user: Principal, app_id: str) -> Response:
    """Show an app's whole authoring config."""

    async def load(store: Store) -> bytes:
        config = await store.config_json(app_id, await store.app_json(app_id))
        return f'{{"config":{config}}}'.encode("ascii")

    return await sandbox.cached_response(user, (app_id, "config"), load)


@router.post(
    "/apps/{appId}/deploy",
    operation_id="deployApp",
    response_model="DeployResult",
    responses=errors(401, 404, 507)
    | {
        409: (
            "NotDeployable",
            "Something in the app could not work once it is deployed; `details.problems` says what.",
        )
    },
)
async def deploy_app(sandbox: Sandbox, user: Principal, app_id: str) -> Response:
    """Publish an app as it is now, unless something in it could not work."""
    async with sandbox.writing(user) as store:
        document, endpoint = await apps.deploy(store, await store.app(app_id))
    return json_response(200, {"app": document, "endpoint": endpoint})
