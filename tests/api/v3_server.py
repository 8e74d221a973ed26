"""A drio that serves API v3 only, over real HTTP, as far as v3 is documented (docs/maintaining/contract.md, section 5).

`FaultServer(V3Drio())` listens; `python -m tests.api.v3_server PORT` does so until it is interrupted. The values of the
examples are those of the v1 examples, in the documented members of v3. What is guessed carries a comment that says so.
"""

from __future__ import annotations

import asyncio
import copy
import json
import sys
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.api.fault_server import Connection, FaultServer, RecordedRequest, message

Json = dict[str, Any]
REQUEST_ID = "d385ab22-0f51-4b97-9ecd-b8ff3fd4fcb6"


def app(number: int = 123, name: str = "Acme Support") -> Json:
    """Return an app. Guessed: all members but the id; documented is only that it has metadata of its release."""
    slug = name.lower().replace(" ", "-")
    return {
        "id": f"app_{number}",
        "slug": slug,
        "name": name,
        "description": "Support copilot",
        "release": {"state": "published", "endpoint": f"https://mcp-{number}.mcp.getdrio.com/mcp"},
        "created_at": "2026-03-15T12:00:00.000Z",
    }


def tool(number: int = 123, name: str = "Search Contacts", **changes: Any) -> Json:
    """Return a tool with every documented member."""
    return {
        "id": f"tool_{number}",
        "app_id": "app_123",
        "key": name.lower().replace(" ", "-"),
        "name": name,
        "description": "Searches HubSpot contacts.",
        "enabled": True,
        "order": 0,
        "annotations": {
            "title": name,
            "read_only_hint": True,
            "destructive_hint": False,
            "idempotent_hint": True,
            "open_world_hint": True,
        },
        "source": {"type": "integration_operation", "integration_id": "integration_123", "operation_id": "op_123"},
        "runtime_status": {"state": "exposed", "reason": None},
        "widget_id": "widget_123",
    } | changes


# Guessed: all members but the id.
INTEGRATION: Json = {
    "id": "integration_123",
    "key": "hubspot",
    "name": "HubSpot",
    "base_url": "https://api.hubspot.com",
}
OPERATION: Json = {
    "id": "op_123",
    "integration_id": "integration_123",
    "name": "Search",
    "method": "GET",
    "path": "/v3",
}
VALID: Json = {"ok": True, "error_count": 0, "warning_count": 0, "blocking_count": 0, "issues": []}
INVALID: Json = {
    "ok": False,
    "error_count": 1,
    "warning_count": 1,
    "blocking_count": 1,
    "issues": [
        {
            "code": "operation_missing",
            "severity": "error",
            "blocks_publish": True,
            "message": "The operation of the tool does not exist.",
            "references": [
                {
                    "entity_type": "tool",
                    "entity_id": "tool_123",
                    "label": "Search Contacts",
                    "supporting_label": "HubSpot",
                    "description": "Searches HubSpot contacts.",
                }
            ],
        },
        {
            "code": "description_short",
            "severity": "warning",
            "blocks_publish": False,
            "message": "The description is short.",
            "references": [],
        },
    ],
}
"""A result of `draft/validate` with every documented member."""


def error(code: str, text: str) -> Json:
    """Return an error in the envelope of v3."""
    return {"error": {"code": code, "message": text, "details": None, "request_id": REQUEST_ID}}


class V3Drio:
    """A behaviour of `FaultServer`: drio with API v3, or with `also_v1` v1 too, which has no apps.

    `apps`, `tools` and `validation` are what it serves; `answers` replaces a route (`GET /apps`) by a status and a
    body; a route in `held` is answered once its event is set. Lists have pages of at most `limit` resources, by
    default `page_size`; cursors are opaque.
    """

    def __init__(self, *, also_v1: bool = False, page_size: int = 50) -> None:
        self.also_v1 = also_v1
        self.page_size = page_size
        self.apps = [app()]
        self.tools = [
            tool(),
            tool(456, "Summarize Contact", enabled=False, order=1, widget_id=None,
                 runtime_status={"state": "hidden", "reason": "The tool is disabled."}),
        ]  # fmt: skip
        self.validation = INVALID
        self.answers: dict[str, tuple[int, Any]] = {}
        self.held: dict[str, asyncio.Event] = {}

    async def __call__(self, request: RecordedRequest, connection: Connection) -> bool:
        url = urlsplit(request.target)
        query = {name: values[-1] for name, values in parse_qs(url.query).items()}
        status, body = self._respond(request, unquote(url.path), query)
        route = f"{request.method} {url.path.removeprefix('/api/v3')}"
        if route in self.held:
            await self.held[route].wait()
        await connection.send(message(body, status=status))
        return True

    def _respond(self, request: RecordedRequest, path: str, query: dict[str, str]) -> tuple[int, Any]:
        if request.method == "GET" and path in ("/api/openapi.json", "/api/v3/openapi.json"):  # guessed, as for v1
            return 200, openapi_document()
        if self.also_v1 and path.startswith("/api/v1/"):
            return self._respond_v1(request, path.removeprefix("/api/v1"))
        if not path.startswith("/api/v3/"):
            return 404, error("not_found", "No such route.")
        if not request.headers.get("authorization", "").startswith("Bearer "):
            return 401, error("unauthorized", "No token.")
        route = f"{request.method} {path.removeprefix('/api/v3')}"
        if route in self.answers:
            return self.answers[route]
        return self._respond_v3(request, path.removeprefix("/api/v3/").split("/"), query)

    def _respond_v1(self, request: RecordedRequest, path: str) -> tuple[int, Any]:
        if not request.headers.get("authorization") and path != "/templates":
            return 401, error("unauthorized", "No token.")
        answers = {"/apps": {"apps": []}, "/templates": {"templates": []}, "/me": {"user": {"id": "user_1"}}}
        return (200, answers[path]) if path in answers else (404, error("not_found", "No such resource."))

    def _respond_v3(self, request: RecordedRequest, parts: list[str], query: dict[str, str]) -> tuple[int, Any]:
        method = request.method
        known = {resource["id"]: resource for resource in self.apps}
        if parts == ["apps"] and method == "GET":
            return self._page(self.apps, query)
        if len(parts) < 2 or parts[0] != "apps" or parts[1] not in known:
            return 404, error("not_found", "No such resource.")
        match method, *parts[2:]:
            case ["GET"]:
                return 200, known[parts[1]]  # guessed: without an envelope
            case ["GET", "authoring-state"]:  # guessed: the names of the members
                state = {"integrations": [INTEGRATION], "operations": [OPERATION]}
                return 200, state | {"tools": self.tools, "validation": self.validation}
            case ["GET", "tools"]:
                return self._page(self.tools, query)
            case ["POST", "tools"]:  # guessed: the status, and that the response is the bare tool
                number = 1000 + len(self.tools)
                self.tools.append(tool(number) | request.json | {"id": f"tool_{number}", "app_id": parts[1]})
                return 201, self.tools[-1]
            case ["GET", "integrations", "integration_123", "operations"]:
                return self._page([OPERATION], query)
            case ["POST", "draft", "validate"]:
                return 200, self.validation
            case ["GET", "draft", "runtime-preview"]:  # guessed: what `runtime` holds
                return 200, {"runtime": {"tools": [{"name": "search-contacts"}]}, "validation": self.validation}
        return 404, error("not_found", "No such route.")

    def _page(self, resources: list[Json], query: dict[str, str]) -> tuple[int, Any]:
        limit, start = int(query.get("limit", self.page_size)), query.get("cursor", "after-0")
        if not 1 <= limit <= 100 or not start.startswith("after-"):
            return 400, error("bad_request", "limit must be 1 to 100, and cursor that of a page.")
        words = query.get("query", "").lower()  # guessed: where it looks
        found = [resource for resource in resources if words in json.dumps(resource).lower()]
        first = int(start.removeprefix("after-"))
        rest = first + limit < len(found)
        return 200, {"items": found[first : first + limit], "next_cursor": f"after-{first + limit}" if rest else None}


# --- the OpenAPI document -------------------------------------------------------------------------


def _object(properties: Json, *required: str) -> Json:
    return {"type": "object", "properties": properties} | ({"required": [*required]} if required else {})


def _list_of(schema: Json) -> Json:
    return {"type": "array", "items": schema}


_STRING: Json = {"type": "string"}
_NULLABLE: Json = {"type": ["string", "null"]}
_FLAG: Json = {"type": "boolean"}
_COUNT: Json = {"type": "integer", "minimum": 0}
_FREE: Json = {"type": "object", "additionalProperties": True}
_SOURCE = _object({"type": _STRING, "integration_id": _STRING, "operation_id": _STRING}, "type")
_REFERENCE = ("entity_type", "entity_id", "label", "supporting_label", "description")
_ERROR = {"code": _STRING, "message": _STRING, "details": {}, "request_id": _STRING | {"format": "uuid"}}
_HINTS = ("read_only_hint", "destructive_hint", "idempotent_hint", "open_world_hint")
_SCHEMAS: Json = {
    "App": _object({"id": _STRING}, "id") | {"additionalProperties": True},
    "Tool": _object(
        {
            **dict.fromkeys(("id", "app_id", "key", "name", "description"), _STRING),
            "enabled": _FLAG,
            "order": _COUNT,
            "annotations": _object({"title": _STRING, **dict.fromkeys(_HINTS, _FLAG)}),
            "source": _SOURCE,
            "runtime_status": _object({"state": _STRING, "reason": _NULLABLE}),
            "widget_id": _NULLABLE,
        },
        "id", "app_id", "key", "name",
    ),
    "ToolCreate": _object({"name": _STRING, "description": _STRING, "source": _SOURCE}, "name", "source"),
    "Reference": _object(dict.fromkeys(_REFERENCE, _STRING)),
    "Issue": _object(
        {
            **dict.fromkeys(("code", "severity", "message"), _STRING),
            "blocks_publish": _FLAG,
            "references": _list_of({"$ref": "#/components/schemas/Reference"}),
        }
    ),
    "Validation": _object(
        {
            "ok": _FLAG,
            **dict.fromkeys(("error_count", "warning_count", "blocking_count"), _COUNT),
            "issues": _list_of({"$ref": "#/components/schemas/Issue"}),
        }
    ),
    "Error": _object({"error": _object(_ERROR)}),
}  # fmt: skip


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _operation(name: str, summary: str, tag: str, result: Json, *parameters: str, paged: bool = False) -> Json:
    described: list[Json] = [{"name": part, "in": "path", "required": True, "schema": _STRING} for part in parameters]
    if paged:
        described += [
            {"name": "cursor", "in": "query", "schema": _STRING},
            {
                "name": "limit",
                "in": "query",
                "schema": {"type": "integer", "minimum": 1, "maximum": 100, "default": 50},
            },
            {"name": "query", "in": "query", "schema": _STRING},
        ]
        result = _object({"items": _list_of(result), "next_cursor": _NULLABLE}, "items", "next_cursor")
    failures = {
        str(status): {"description": text, "content": {"application/json": {"schema": _ref("Error")}}}
        for status, text in (
            (400, "Invalid"),
            (401, "No token"),
            (403, "Not allowed"),
            (404, "Missing"),
            (500, "Failed"),
        )
    }
    return {
        "operationId": name,
        "summary": summary,
        "tags": [tag],
        "security": [{"bearer": ["openid", "profile", "email"]}],
        "parameters": described,
        "responses": {"200": {"description": "Success", "content": {"application/json": {"schema": result}}}}
        | failures,
    }


def openapi_document() -> Json:
    """Return an OpenAPI document of the routes above.

    Guessed: where it is served, its operation ids, its servers, and which statuses have a response.
    """
    create = _operation("create_tool", "Create a tool from an operation", "Tools", _ref("Tool"), "app_id")
    create["requestBody"] = {"required": True, "content": {"application/json": {"schema": _ref("ToolCreate")}}}
    app_path = "/apps/{app_id}"
    return {
        "openapi": "3.1.0",
        "info": {"title": "drio API", "version": "3.0.0"},
        "servers": [{"url": "/api/v3"}],
        "paths": {
            "/apps": {"get": _operation("list_apps", "List apps", "Apps", _ref("App"), paged=True)},
            app_path: {"get": _operation("get_app", "Get an app", "Apps", _ref("App"), "app_id")},
            f"{app_path}/authoring-state": {
                "get": _operation("get_authoring_state", "Get the authoring state", "Apps", _FREE, "app_id")
            },
            f"{app_path}/integrations/{{integration_id}}/operations": {
                "get": _operation(
                    "list_operations", "List operations", "Tools", _FREE, "app_id", "integration_id", paged=True
                )
            },
            f"{app_path}/tools": {
                "get": _operation("list_tools", "List tools", "Tools", _ref("Tool"), "app_id", paged=True),
                "post": create,
            },
            f"{app_path}/draft/validate": {
                "post": _operation("validate_draft", "Validate the draft", "Draft", _ref("Validation"), "app_id")
            },
            f"{app_path}/draft/runtime-preview": {
                "get": _operation(
                    "preview_runtime",
                    "Preview the runtime",
                    "Draft",
                    _object({"runtime": _FREE, "validation": _ref("Validation")}),
                    "app_id",
                )
            },
        },
        "components": {
            "schemas": copy.deepcopy(_SCHEMAS),
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


async def _serve(port: int) -> None:
    server = await FaultServer(V3Drio()).start(port)
    print(json.dumps({"base_url": server.origin}), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]) if len(sys.argv) > 1 else 0))
