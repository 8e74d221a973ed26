"""Apps: creation, updates, config and deploy."""

from __future__ import annotations

from fastapi.responses import Response

from drio_tui.api.models import AppCreate, AppPatch, DeployResult
from drio_tui.sandbox.core import json_response
from drio_tui.sandbox.routes import common, envelopes
from drio_tui.sandbox.routes.common import READ, WRITE, AppId, SandboxDep, User, errors
from drio_tui.sandbox.services import apps
from drio_tui.sandbox.store import Store

router = common.router("Apps")


@router.get("/apps", operation_id="listApps", response_model=envelopes.AppList, responses=errors(401))
async def list_apps(sandbox: SandboxDep, user: User) -> Response:
    """List your apps."""

    async def load(store: Store) -> bytes:
        return f'{{"apps":[{",".join(await store.apps())}]}}'.encode("ascii")

    return await sandbox.cached_response(user, ("apps",), load)


@router.post("/apps", operation_id="createApp", status_code=201, response_model=envelopes.AppAnswer, responses=WRITE)
async def create_app(sandbox: SandboxDep, user: User, body: AppCreate) -> Response:
    """Create an app from a template, with everything the template brings."""
    async with sandbox.writing(user) as store:
        document = await apps.create(store, body.to_wire(), upstream_key=sandbox.upstream_key)
    return json_response(201, {"app": document})


@router.get("/apps/{appId}", operation_id="getApp", response_model=envelopes.AppAnswer, responses=READ)
async def get_app(sandbox: SandboxDep, user: User, app_id: AppId) -> Response:
    """Show one app."""

    async def load(store: Store) -> bytes:
        return f'{{"app":{await store.app_json(app_id)}}}'.encode("ascii")

    return await sandbox.cached_response(user, (app_id,), load)


@router.patch("/apps/{appId}", operation_id="updateApp", response_model=envelopes.AppAnswer, responses=WRITE)
async def update_app(sandbox: SandboxDep, user: User, app_id: AppId, body: AppPatch) -> Response:
    """Change an app's metadata and branding; what is absent stays, null clears."""
    async with sandbox.writing(user) as store:
        document = await apps.change(store, await store.app(app_id), body.to_wire())
    return json_response(200, {"app": document})


@router.get("/apps/{appId}/config", operation_id="getAppConfig", response_model=envelopes.ConfigAnswer, responses=READ)
async def get_config(sandbox: SandboxDep, user: User, app_id: AppId) -> Response:
    """Show an app's whole authoring config."""

    async def load(store: Store) -> bytes:
        config = await store.config_json(app_id, await store.app_json(app_id))
        return f'{{"config":{config}}}'.encode("ascii")

    return await sandbox.cached_response(user, (app_id, "config"), load)


@router.post(
    "/apps/{appId}/deploy",
    operation_id="deployApp",
    response_model=DeployResult,
    responses=errors(401, 404, 507)
    | {
        409: {
            "model": envelopes.NotDeployable,
            "description": "Something in the app could not work once it is deployed; `details.problems` says what.",
        }
    },
)
async def deploy_app(sandbox: SandboxDep, user: User, app_id: AppId) -> Response:
    """Publish an app as it is now, unless something in it could not work."""
    async with sandbox.writing(user) as store:
        document, endpoint = await apps.deploy(store, await store.app(app_id))
    return json_response(200, {"app": document, "endpoint": endpoint})
