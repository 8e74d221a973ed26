"""Operations: the calls of an integration's API."""

from __future__ import annotations

from fastapi.responses import Response

from drio_tui.api.models import OperationCreate, OperationPatch
from drio_tui.sandbox.core import json_response
from drio_tui.sandbox.routes import common, envelopes
from drio_tui.sandbox.routes.common import (
    DELETE,
    READ,
    WRITE,
    AppId,
    IntegrationId,
    OperationId,
    SandboxDep,
    User,
    resource_response,
)
from drio_tui.sandbox.services import operations
from drio_tui.sandbox.store import Store

router = common.router("Operations")


@router.get(
    "/apps/{appId}/integrations/{integrationId}/operations",
    operation_id="listOperations",
    response_model=envelopes.OperationList,
    responses=READ,
)
async def list_operations(sandbox: SandboxDep, user: User, app_id: AppId, integration_id: IntegrationId) -> Response:
    """List an integration's operations."""

    async def load(store: Store) -> bytes:
        await store.get(app_id, "integration", integration_id)
        texts = await store.list_json(app_id, "operation", parent=integration_id)
        return f'{{"operations":[{",".join(texts)}]}}'.encode("ascii")

    return await sandbox.cached_response(user, (app_id, integration_id, "operations"), load)


@router.post(
    "/apps/{appId}/integrations/{integrationId}/operations",
    operation_id="createOperation",
    status_code=201,
    response_model=envelopes.OperationAnswer,
    responses=WRITE,
)
async def create_operation(
    sandbox: SandboxDep, user: User, app_id: AppId, integration_id: IntegrationId, body: OperationCreate
) -> Response:
    """Create an operation."""
    async with sandbox.writing(user) as store:
        document = await store.view("operation", await operations.create(store, app_id, integration_id, body.to_wire()))
    return json_response(201, {"operation": document})


@router.get(
    "/apps/{appId}/operations/{operationId}",
    operation_id="getOperation",
    response_model=envelopes.OperationAnswer,
    responses=READ,
)
async def get_operation(sandbox: SandboxDep, user: User, app_id: AppId, operation_id: OperationId) -> Response:
    """Show an operation."""
    return await resource_response(sandbox, user, app_id, "operation", operation_id)


@router.patch(
    "/apps/{appId}/operations/{operationId}",
    operation_id="updateOperation",
    response_model=envelopes.OperationAnswer,
    responses=WRITE,
)
async def update_operation(
    sandbox: SandboxDep, user: User, app_id: AppId, operation_id: OperationId, body: OperationPatch
) -> Response:
    """Change an operation; what is absent stays, null clears, objects merge one level."""
    async with sandbox.writing(user) as store:
        before = await store.get(app_id, "operation", operation_id)
        document = await store.view("operation", await operations.change(store, before, body.to_wire()))
    return json_response(200, {"operation": document})


@router.delete(
    "/apps/{appId}/operations/{operationId}",
    operation_id="deleteOperation",
    status_code=204,
    response_class=Response,
    responses=DELETE,
)
async def delete_operation(sandbox: SandboxDep, user: User, app_id: AppId, operation_id: OperationId) -> Response:
    """Delete an operation; refused while something refers to it (`details.referrers`)."""
    async with sandbox.writing(user) as store:
        await operations.remove(store, await store.get(app_id, "operation", operation_id))
    return Response(status_code=204)
