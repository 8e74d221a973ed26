"""Operations: the calls of an integration's API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from drio_tui.sandbox.core import Sandbox, json_response
from drio_tui.sandbox.oauth import Principal
from drio_tui.sandbox.routes import common
from drio_tui.sandbox.routes.common import DELETE, READ, WRITE, resource_response
from drio_tui.sandbox.services import operations
from drio_tui.sandbox.store import Store

if TYPE_CHECKING:
    from drio_tui.api.models import OperationCreate, OperationPatch

router = common.router("Operations")


@router.get(
    "/apps/{appId}/integrations/{integrationId}/operations",
    operation_id="listOperations",
    response_model="OperationList",
    responses=READ,
)
async def list_operations(sandbox: Sandbox, user: Principal, app_id: str, integration_id: str) -> Response:
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
    response_model="OperationAnswer",
    responses=WRITE,
)
async def create_operation(
    sandbox: Sandbox, user: Principal, app_id: str, integration_id: str, body: OperationCreate
) -> Response:
    """Create an operation."""
    async with sandbox.writing(user) as store:
        document = await store.view("operation", await operations.create(store, app_id, integration_id, body.to_wire()))
    return json_response(201, {"operation": document})


@router.get(
    "/apps/{appId}/operations/{operationId}",
    operation_id="getOperation",
    response_model="OperationAnswer",
    responses=READ,
)
async def get_operation(sandbox: Sandbox, user: Principal, app_id: str, operation_id: str) -> Response:
    """Show an operation."""
    return await resource_response(sandbox, user, app_id, "operation", operation_id)


@router.patch(
    "/apps/{appId}/operations/{operationId}",
    operation_id="updateOperation",
    response_model="OperationAnswer",
    responses=WRITE,
)
async def update_operation(
    sandbox: Sandbox, user: Principal, app_id: str, operation_id: str, body: OperationPatch
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
    responses=DELETE,
)
async def delete_operation(sandbox: Sandbox, user: Principal, app_id: str, operation_id: str) -> Response:
    """Delete an operation; refused while something refers to it (`details.referrers`)."""
    async with sandbox.writing(user) as store:
        await operations.remove(store, await store.get(app_id, "operation", operation_id))
    return Response(status_code=204)
