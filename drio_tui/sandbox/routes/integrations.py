"""Integrations: the upstream APIs of an app."""

from __future__ import annotations

from fastapi.responses import Response

from drio_tui.api.models import IntegrationCreate, IntegrationPatch
from drio_tui.sandbox.core import json_response
from drio_tui.sandbox.routes import common, envelopes
from drio_tui.sandbox.routes.common import (
    DELETE,
    READ,
    WRITE,
    AppId,
    IntegrationId,
    SandboxDep,
    User,
    list_response,
    resource_response,
)
from drio_tui.sandbox.services import integrations

router = common.router("Integrations")


@router.get(
    "/apps/{appId}/integrations",
    operation_id="listIntegrations",
    response_model=envelopes.IntegrationList,
    responses=READ,
)
async def list_integrations(sandbox: SandboxDep, user: User, app_id: AppId) -> Response:
    """List an app's integrations."""
    return await list_response(sandbox, user, app_id, "integration")


@router.post(
    "/apps/{appId}/integrations",
    operation_id="createIntegration",
    status_code=201,
    response_model=envelopes.IntegrationAnswer,
    responses=WRITE,
)
async def create_integration(sandbox: SandboxDep, user: User, app_id: AppId, body: IntegrationCreate) -> Response:
    """Create an integration."""
    async with sandbox.writing(user) as store:
        await store.app_json(app_id)
        document = await store.view("integration", await integrations.create(store, app_id, body.to_wire()))
    return json_response(201, {"integration": document})


@router.get(
    "/apps/{appId}/integrations/{integrationId}",
    operation_id="getIntegration",
    response_model=envelopes.IntegrationAnswer,
    responses=READ,
)
async def get_integration(sandbox: SandboxDep, user: User, app_id: AppId, integration_id: IntegrationId) -> Response:
    """Show an integration."""
    return await resource_response(sandbox, user, app_id, "integration", integration_id)


@router.patch(
    "/apps/{appId}/integrations/{integrationId}",
    operation_id="updateIntegration",
    response_model=envelopes.IntegrationAnswer,
    responses=WRITE,
)
async def update_integration(
    sandbox: SandboxDep, user: User, app_id: AppId, integration_id: IntegrationId, body: IntegrationPatch
) -> Response:
    """Change an integration; what is absent stays, null clears, objects merge one level."""
    async with sandbox.writing(user) as store:
        before = await store.get(app_id, "integration", integration_id)
        document = await store.view("integration", await integrations.change(store, before, body.to_wire()))
    return json_response(200, {"integration": document})


@router.delete(
    "/apps/{appId}/integrations/{integrationId}",
    operation_id="deleteIntegration",
    status_code=204,
    response_class=Response,
    responses=DELETE,
)
async def delete_integration(sandbox: SandboxDep, user: User, app_id: AppId, integration_id: IntegrationId) -> Response:
    """Delete an integration; refused while something refers to it (`details.referrers`)."""
    async with sandbox.writing(user) as store:
        await integrations.remove(store, await store.get(app_id, "integration", integration_id))
    return Response(status_code=204)
