"""Integrations: the upstream APIs of an app."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from drio_tui.sandbox.core import Sandbox, json_response
from drio_tui.sandbox.oauth import Principal
from drio_tui.sandbox.routes import common
from drio_tui.sandbox.routes.common import DELETE, READ, WRITE, list_response, resource_response
from drio_tui.sandbox.services import integrations

if TYPE_CHECKING:
    from drio_tui.api.models import IntegrationCreate, IntegrationPatch

router = common.router("Integrations")


@router.get(
    "/apps/{appId}/integrations",
    operation_id="listIntegrations",
    response_model="IntegrationList",
    responses=READ,
)
async def list_integrations(sandbox: Sandbox, user: Principal, app_id: str) -> Response:
    """List an app's integrations."""
    return await list_response(sandbox, user, app_id, "integration")


@router.post(
    "/apps/{appId}/integrations",
    operation_id="createIntegration",
    status_code=201,
    response_model="IntegrationAnswer",
    responses=WRITE,
)
async def create_integration(sandbox: Sandbox, user: Principal, app_id: str, body: IntegrationCreate) -> Response:
    """Create an integration."""
    async with sandbox.writing(user) as store:
        await store.app_json(app_id)
        document = await store.view("integration", await integrations.create(store, app_id, body.to_wire()))
    return json_response(201, {"integration": document})


@router.get(
    "/apps/{appId}/integrations/{integrationId}",
    operation_id="getIntegration",
    response_model="IntegrationAnswer",
    responses=READ,
)
async def get_integration(sandbox: Sandbox, user: Principal, app_id: str, integration_id: str) -> Response:
    """Show an integration."""
    return await resource_response(sandbox, user, app_id, "integration", integration_id)


@router.patch(
    "/apps/{appId}/integrations/{integrationId}",
    operation_id="updateIntegration",
    response_model="IntegrationAnswer",
    responses=WRITE,
)
async def update_integration(
    sandbox: Sandbox, user: Principal, app_id: str, integration_id: str, body: IntegrationPatch
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
    responses=DELETE,
)
async def delete_integration(sandbox: Sandbox, user: Principal, app_id: str, integration_id: str) -> Response:
    """Delete an integration; refused while something refers to it (`details.referrers`)."""
    async with sandbox.writing(user) as store:
        await integrations.remove(store, await store.get(app_id, "integration", integration_id))
    return Response(status_code=204)
