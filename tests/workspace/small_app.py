"""A small app as the API gives it, and a server that answers from a table of paths."""

from __future__ import annotations

import asyncio
import copy
import json
from typing import Any

from drio_tui.api.client import DrioClient
from drio_tui.api.http import httpx
from drio_tui.api.transport import Limits, Transport
from drio_tui.workspace.model.snapshot import KIND_ORDER, PartLoaded, Snapshot, UnknownMember, resources_of

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
    """The config of an app with one or two of everything, in which nothing is wrong."""
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
    """A complete snapshot of a config, nothing checked against the models."""
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
    snapshot.apply(UnknownMember(extra))
    return snapshot


class Waves(httpx.AsyncBaseTransport):
    """A server with a latency: requests are answered together once no further one comes in.

    `waves` lists the paths of each round trip, so that a test can count them without a clock.
    """

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = answers
        self.waves: list[list[str]] = []
        self._open: asyncio.Event | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/api/v1")
        if self._open is None:
            self._open = asyncio.Event()
            self.waves.append([])
            asyncio.get_running_loop().create_task(self._answer(self._open))
        self.waves[-1].append(path)
        await self._open.wait()
        answer = self.answers.get(path, 404)
        status = answer if isinstance(answer, int) else 200
        if isinstance(answer, int):
            answer = {"error": {"code": "refused", "message": f"no {path}", "details": None, "requestId": None}}
        stream = httpx.ByteStream(json.dumps(answer).encode())
        return httpx.Response(status, stream=stream, headers={"Content-Type": "application/json"})

    async def _answer(self, gate: asyncio.Event) -> None:
        seen = -1
        while seen != len(self.waves[-1]):  # until a few turns of the loop brought nothing new
            seen = len(self.waves[-1])
            for _ in range(50):
                await asyncio.sleep(0)
        self._open = None
        gate.set()


def client_of(server: httpx.AsyncBaseTransport) -> DrioClient:
    """The real client, speaking to `server`."""
    return DrioClient(Transport("http://drio.test/api/v1", http=server, limits=Limits(retries=0)))


def list_routes(config: dict[str, Any]) -> dict[str, Any]:
    """What the list routes of the same app answer."""
    routes: dict[str, Any] = {
        "/apps/app_1": {"app": config["app"]},
        "/apps/app_1/auth": {"auth": config["auth"], "providers": [PROVIDER]},
        "/apps/app_1/integrations": {"integrations": config["integrations"]},
        "/apps/app_1/tools": {"tools": config["tools"]},
        "/apps/app_1/widgets": {"widgets": config["widgets"]},
    }
    for integration in config["integrations"]:
        mine = [one for one in config["operations"] if one.get("integrationId") == integration["id"]]
        routes[f"/apps/app_1/integrations/{integration['id']}/operations"] = {"operations": mine}
    return routes
