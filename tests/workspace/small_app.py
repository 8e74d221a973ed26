"""A small app as the API returns it, and a server with a table of responses by path."""

from __future__ import annotations

import asyncio
import copy
import json
from typing import Any

from drio_tui.api.client import DrioClient
from drio_tui.api.exchange import Limits
from drio_tui.api.http import httpx
from drio_tui.api.transport import Transport
from drio_tui.workspace.model.snapshot import KIND_ORDER, PartLoaded, Snapshot, UnknownProperties, resources_of

APP: dict[str, Any] = {
    "id": "app_1",
    "slug": "acme-support",
    "name": "Acme Support",
    "version": "1.0.0",
    "status": "draft",
    "isEnabled": True,
    "templateId": "support",
    "branding": {"primaryColor": "#0f172a", "accentColor": "#22c55e", "borderRadius": "lg"},
}
AUTH = {
    "id": "auth_1",
    "name": "Helpdesk key",
    "providerId": "provider_1",
    "providerName": "API key",
    "status": "valid",
}
PROVIDER = {"id": "provider_1", "key": "api-key", "name": "API key", "kind": "apiKey"}
INTEGRATION = {"id": "integration_1", "name": "Helpdesk", "baseUrl": "https://help.acme.com", "authId": "auth_1"}
SEARCH = {
    "id": "operation_1",
    "integrationId": "integration_1",
    "name": "Search tickets",
    "method": "GET",
    "path": "/tickets",
    "schemaHash": "hash_1",
}
SEARCH_TOOL = {
    "id": "tool_1",
    "key": "search-tickets",
    "name": "Search Tickets",
    "order": 1,
    "isEnabled": True,
    "binding": {
        "type": "integration_operation",
        "integrationOperationId": "operation_1",
        "schemaHashAtBindTime": "hash_1",
        "status": "ready",
    },
    "nextToolIds": ["tool_2"],
    "widgetId": "widget_1",
}
SUMMARY_TOOL = {
    "id": "tool_2",
    "key": "summarize",
    "name": "Summarize",
    "order": 0,
    "isEnabled": False,
    "binding": None,
}
WIDGET = {
    "id": "widget_1",
    "toolId": "tool_1",
    "name": "Ticket table",
    "primitive": "data-table",
    "visibility": "visible",
    "actions": [{"trigger": "row.select", "type": "callTool", "targetToolId": "tool_2", "targetToolName": "Summarize"}],
}


def small_config() -> dict[str, Any]:
    """Return a valid config with all kinds of resources."""
    return copy.deepcopy(
        {
            "app": APP,
            "auth": [AUTH],
            "integrations": [INTEGRATION],
            "operations": [SEARCH],
            "tools": [SEARCH_TOOL, SUMMARY_TOOL],
            "widgets": [WIDGET],
        }
    )


def snapshot_of(config: dict[str, Any], **extra: Any) -> Snapshot:
    """Return a complete snapshot of a config, without validation against the models."""
    snapshot = Snapshot("app_1")
    keys = {
        "app": "app",
        "auth": "auth",
        "integration": "integrations",
        "operation": "operations",
        "tool": "tools",
        "widget": "widgets",
    }
    for kind in KIND_ORDER:
        raws = [PROVIDER] if kind == "provider" else config[keys[kind]]
        raws = [raws] if kind == "app" else raws
        snapshot.apply(PartLoaded(kind, resources_of(kind, raws, lambda raw: "")))
    snapshot.apply(UnknownProperties(extra))
    return snapshot


class RoundTripServer(httpx.AsyncBaseTransport):
    """A server with latency: it responds to concurrent requests together, when no further request arrives.

    `round_trips` has the paths of the requests of each round trip, so that a test can count them without a clock.
    """

    def __init__(self, responses: dict[str, Any]) -> None:
        self.responses = responses
        self.round_trips: list[list[str]] = []
        self._release: asyncio.Event | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/api/v1")
        if self._release is None:
            self._release = asyncio.Event()
            self.round_trips.append([])
            asyncio.get_running_loop().create_task(self._respond(self._release))
        self.round_trips[-1].append(path)
        await self._release.wait()
        response = self.responses.get(path, 404)
        status = response if isinstance(response, int) else 200
        if isinstance(response, int):
            response = {"error": {"code": "refused", "message": f"no {path}", "details": None, "requestId": None}}
        stream = httpx.ByteStream(json.dumps(response).encode())
        return httpx.Response(status, stream=stream, headers={"Content-Type": "application/json"})

    async def _respond(self, release: asyncio.Event) -> None:
        count = -1
        while count != len(self.round_trips[-1]):  # until some turns of the event loop brought no new request
            count = len(self.round_trips[-1])
            for _ in range(50):
                await asyncio.sleep(0)
        self._release = None
        release.set()


def client_of(server: httpx.AsyncBaseTransport) -> DrioClient:
    """Return a client of `server`."""
    return DrioClient(Transport("http://drio.test/api/v1", http=server, limits=Limits(retries=0)))


def list_routes(config: dict[str, Any]) -> dict[str, Any]:
    """Return the responses of the list routes for the same app."""
    routes: dict[str, Any] = {
        "/apps/app_1": {"app": config["app"]},
        "/apps/app_1/auth": {"auth": config["auth"], "providers": [PROVIDER]},
        "/apps/app_1/integrations": {"integrations": config["integrations"]},
        "/apps/app_1/tools": {"tools": config["tools"]},
        "/apps/app_1/widgets": {"widgets": config["widgets"]},
    }
    for integration in config["integrations"]:
        operations = [raw for raw in config["operations"] if raw.get("integrationId") == integration["id"]]
        routes[f"/apps/app_1/integrations/{integration['id']}/operations"] = {"operations": operations}
    return routes
