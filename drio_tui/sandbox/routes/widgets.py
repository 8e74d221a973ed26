"""Widgets: CRUD and action wiring."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from drio_tui.sandbox.core import Sandbox, json_response
from drio_tui.sandbox.oauth import Principal
from drio_tui.sandbox.routes import common
from drio_tui.sandbox.routes.common import DELETE, READ, WRITE, list_response, resource_response
from drio_tui.sandbox.services import widgets

if TYPE_CHECKING:
    from drio_tui.api.models import ActionsInput, WidgetCreate, WidgetPatch

router = common.router("Widgets")


@router.get("/apps/{appId}/widgets", operation_id="listWidgets", response_model="WidgetList", responses=READ)
async def list_widgets(sandbox: Sandbox, user: Principal, app_id: str) -> Response:
    """List an app's widgets."""
    return await list_response(sandbox, user, app_id, "widget")


@router.post(
    "/apps/{appId}/widgets",
    operation_id="createWidget",
    status_code=201,
    response_model="WidgetAnswer",
    responses=WRITE,
)
async def create_widget(sandbox: Sandbox, user: Principal, app_id: str, body: WidgetCreate) -> Response:
    """Create a widget."""
    async with sandbox.writing(user) as store:
        await store.app_json(app_id)
        document = await store.view("widget", await widgets.create(store, app_id, body.to_wire()))
    return json_response(201, {"widget": document})


@router.get(
    "/apps/{appId}/widgets/{widgetId}",
    operation_id="getWidget",
    response_model="WidgetAnswer",
    responses=READ,
)
async def get_widget(sandbox: Sandbox, user: Principal, app_id: str, widget_id: str) -> Response:
    """Show a widget."""
    return await resource_response(sandbox, user, app_id, "widget", widget_id)


@router.patch(
    "/apps/{appId}/widgets/{widgetId}",
    operation_id="updateWidget",
    response_model="WidgetAnswer",
    responses=WRITE,
)
async def update_widget(sandbox: Sandbox, user: Principal, app_id: str, widget_id: str, body: WidgetPatch) -> Response:
    """Change a widget; what is absent stays, null clears, objects merge one level."""
    async with sandbox.writing(user) as store:
        before = await store.get(app_id, "widget", widget_id)
        document = await store.view("widget", await widgets.change(store, before, body.to_wire()))
    return json_response(200, {"widget": document})


@router.delete(
    "/apps/{appId}/widgets/{widgetId}",
    operation_id="deleteWidget",
    status_code=204,
    responses=DELETE,
)
async def delete_widget(sandbox: Sandbox, user: Principal, app_id: str, widget_id: str) -> Response:
    """Delete a widget; refused while something refers to it (`details.referrers`)."""
    async with sandbox.writing(user) as store:
        await widgets.remove(store, await store.get(app_id, "widget", widget_id))
    return Response(status_code=204)


@router.put(
    "/apps/{appId}/widgets/{widgetId}/actions",
    operation_id="setWidgetActions",
    response_model="WidgetAnswer",
    responses=WRITE,
)
async def set_actions(sandbox: Sandbox, user: Principal, app_id: str, widget_id: str, body: ActionsInput) -> Response:
    """Replace a widget's actions; [] clears them."""
    async with sandbox.writing(user) as store:
        before = await store.get(app_id, "widget", widget_id)
        actions = body.to_wire()["actions"]
        document = await store.view("widget", await widgets.set_actions(store, before, actions))
    return json_response(200, {"widget": document})
