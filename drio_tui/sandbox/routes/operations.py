"""Operations: the single calls of an integration's API."""

from __future__ import annotations

from fastapi.responses import Response

from drio_tui.api.models import OperationCreate, OperationPatch
from drio_tui.sandbox.core import reply
from drio_tui.sandbox.routes import common, envelopes
from drio_tui.sandbox.routes.common import DELETE, READ, WRITE, AppId, Box, IntegrationId, OperationId, User, one_of
from drio_tui.sandbox.services import operations
from drio_tui.sandbox.store import Store

router = common.router("Operations")


@router.get(
    "/apps/{appId}/integrations/{integrationId}/operations",
    operation_id="listOperations",
    response_model=envelopes.OperationList,
    responses=READ,
)
async def list_operations(box: Box, user: User, app_id: AppId, integration_id: IntegrationId) -> Response:
    """List an integration's operations."""

    async def load(store: Store) -> bytes:
        await store.one(app_id, "integration", integration_id)
        texts = await store.texts(app_id, "operation", parent=integration_id)
        return f'{{"operations":[{",".join(texts)}]}}'.encode("ascii")

    return await box.show(user, (app_id, integration_id, "operations"), load)


@router.post(
    "/apps/{appId}/integrations/{integrationId}/operations",
    operation_id="createOperation",
    status_code=201,
    response_model=envelopes.OperationAnswer,
    responses=WRITE,
)
async def create_operation(
    box: Box, user: User, app_id: AppId, integration_id: IntegrationId, body: OperationCreate
) -> Response:
    """Create an operation."""
    async with box.writing(user) as store:
        document = await store.view("operation", await operations.create(store, app_id, integration_id, body.to_wire()))
    return reply(201, {"operation": document})


@router.get(
    "/apps/{appId}/operations/{operationId}",
    operation_id="getOperation",
    response_model=envelopes.OperationAnswer,
    responses=READ,
)
async def get_operation(box: Box, user: User, app_id: AppId, operation_id: OperationId) -> Response:
    """Show an operation."""
    return await one_of(box, user, app_id, "operation", operation_id)


@router.patch(
    "/apps/{appId}/operations/{operationId}",
    operation_id="updateOperation",
    response_model=envelopes.OperationAnswer,
    responses=WRITE,
)
async def update_operation(
    box: Box, user: User, app_id: AppId, operation_id: OperationId, body: OperationPatch
) -> Response:
    """Change an operation; what is absent stays, null clears, objects merge one level."""
    async with box.writing(user) as store:
        before = await store.one(app_id, "operation", operation_id)
        document = await store.view("operation", await operations.change(store, before, body.to_wire()))
    return reply(200, {"operation": document})


@router.delete(
    "/apps/{appId}/operations/{operationId}",
    operation_id="deleteOperation",
    status_code=204,
    response_class=Response,
    responses=DELETE,
)
async def delete_operation(box: Box, user: User, app_id: AppId, operation_id: OperationId) -> Response:
    """Delete an operation; refused while something refers to it (`details.referrers`)."""
    async with box.writing(user) as store:
        await operations.remove(store, await store.one(app_id, "operation", operation_id))
    return Response(status_code=204)
