"""Widgets: CRUD and action wiring."""

from __future__ import annotations

from fastapi.responses import Response

from drio_tui.api.models import ActionsInput, WidgetCreate, WidgetPatch
from drio_tui.sandbox.core import json_response
from drio_tui.sandbox.routes import common, envelopes
from drio_tui.sandbox.routes.common import (
    DELETE,
    READ,
    WRITE,
    AppId,
    SandboxDep,
    User,
    WidgetId,
    list_response,
    resource_response,
)
from drio_tui.sandbox.services import widgets

router = common.router("Widgets")


@router.get("/apps/{appId}/widgets", operation_id="listWidgets", response_model=envelopes.WidgetList, responses=READ)
async def list_widgets(sandbox: SandboxDep, user: User, app_id: AppId) -> Response:
    """List an app's widgets."""
    return await list_response(sandbox, user, app_id, "widget")


@router.post(
    "/apps/{appId}/widgets",
    operation_id="createWidget",
    status_code=201,
    response_model=envelopes.WidgetAnswer,
    responses=WRITE,
)
async def create_widget(sandbox: SandboxDep, user: User, app_id: AppId, body: WidgetCreate) -> Response:
    """Create a widget."""
    async with sandbox.writing(user) as store:
        await store.app_json(app_id)
        document = await store.view("widget", await widgets.create(store, app_id, body.to_wire()))
    return json_response(201, {"widget": document})


@router.get(
    "/apps/{appId}/widgets/{widgetId}",
    operation_id="getWidget",
    response_model=envelopes.WidgetAnswer,
    responses=READ,
)
async def get_widget(sandbox: SandboxDep, user: User, app_id: AppId, widget_id: WidgetId) -> Response:
    """Show a widget."""
    return await resource_response(sandbox, user, app_id, "widget", widget_id)


@router.patch(
    "/apps/{appId}/widgets/{widgetId}",
    operation_id="updateWidget",
    response_model=envelopes.WidgetAnswer,
    responses=WRITE,
)
async def update_widget(
    sandbox: SandboxDep, user: User, app_id: AppId, widget_id: WidgetId, body: WidgetPatch
) -> Response:
    """Change a widget; what is absent stays, null clears, objects merge one level."""
    async with sandbox.writing(user) as store:
        before = await store.get(app_id, "widget", widget_id)
        document = await store.view("widget", await widgets.change(store, before, body.to_wire()))
    return json_response(200, {"widget": document})


@router.delete(
    "/apps/{appId}/widgets/{widgetId}",
    operation_id="deleteWidget",
    status_code=204,
    response_class=Response,
    responses=DELETE,
)
async def delete_widget(sandbox: SandboxDep, user: User, app_id: AppId, widget_id: WidgetId) -> Response:
    """Delete a widget; refused while something refers to it (`details.referrers`)."""
    async with sandbox.writing(user) as store:
        await widgets.remove(store, await store.get(app_id, "widget", widget_id))
    return Response(status_code=204)


@router.put(
    "/apps/{appId}/widgets/{widgetId}/actions",
    operation_id="setWidgetActions",
    response_model=envelopes.WidgetAnswer,
    responses=WRITE,
)
async def set_actions(
    sandbox: SandboxDep, user: User, app_id: AppId, widget_id: WidgetId, body: ActionsInput
) -> Response:
    """Replace a widget's actions; [] clears them."""
    async with sandbox.writing(user) as store:
        before = await store.get(app_id, "widget", widget_id)
        actions = body.to_wire()["actions"]
        document = await store.view("widget", await widgets.set_actions(store, before, actions))
    return json_response(200, {"widget": document})
