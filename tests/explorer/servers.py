"""Servers whose API this program does not know: their documents, and what they answer."""

from __future__ import annotations

import copy
import json
from typing import Any

from tests.auth.httpd import Raw, Reply, Request, json_reply

APP = {"id": "app_1", "name": "Orders", "current_release": None}

V3: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "drio v3", "version": "3.2"},
    "servers": [{"url": "/api/v3"}],
    "paths": {
        "/apps": {
            "get": {
                "operationId": "list_apps",
                "summary": "List apps",
                "tags": ["Apps"],
                "parameters": [
                    {"name": "cursor", "in": "query", "schema": {"type": "string"}},
                    {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 100}},
                    {"name": "ids", "in": "query", "explode": False,
                     "schema": {"type": "array", "items": {"type": "string"}}},
                ],
                "responses": {"200": {"$ref": "#/components/responses/Page"}},
            },
            "post": {
                "operationId": "create_app",
                "summary": "Create an app",
                "tags": ["Apps"],
                "parameters": [{"$ref": "#/components/parameters/Key"}],
                "requestBody": {"required": True, "content": {"application/json": {
                    "schema": {"$ref": "#/components/schemas/NewApp"}}}},
                "responses": {"201": {"description": "Created"}},
            },
        },
        "/apps/{app_id}": {
            "parameters": [{"name": "app_id", "in": "path", "required": True, "schema": {"type": "string"}}],
            "get": {"operationId": "get_app", "summary": "Show an app", "tags": ["Apps"]},
            "delete": {"operationId": "delete_app", "summary": "Delete an app", "deprecated": True},
            "put": "not an operation",
            "patch": {"requestBody": {"$ref": "#/components/requestBodies/Missing"}},
        },
        "/export": {"get": {"operationId": "export", "summary": "Export as text", "tags": ["Data"]}},
        "/broken": {"$ref": "#/components/pathItems/Missing"},
    },
    "components": {
        "parameters": {
            "Key": {"name": "Idempotency-Key", "in": "header", "required": True, "schema": {"type": "string"}}
        },
        "responses": {"Page": {"description": "One page", "content": {"application/json": {
            "schema": {"type": "object", "properties": {"items": {"type": "array"}}}}}}},
        "schemas": {
            "NewApp": {
                "type": "object",
                "required": ["name"],
                "properties": {"name": {"type": "string", "description": "Shown to users."},
                               "api_token": {"type": "string"}},
            }
        },
    },
}  # fmt: skip
"""A document of the shape of v3, with three errors in it."""


def large(count: int) -> dict[str, Any]:
    """Return a document with `count` operations."""
    paths = {
        f"/resources/{number:04}/{{id}}": {
            "get": {
                "operationId": f"get_{number:04}",
                "summary": f"Show number {number}",
                "tags": [f"tag {number % 7}"],
            }
        }
        for number in range(count)
    }
    return {"openapi": "3.0.3", "info": {"title": "Large"}, "paths": paths}


class ServerOfDocument:
    """Serves a document at `/api/v3/openapi.json`, and its apps; `requests` are those that it got."""

    def __init__(self, document: Any = V3, path: str = "/api/v3/openapi.json") -> None:
        self.document = copy.deepcopy(document)
        self.path = path
        self.requests: list[Request] = []

    @property
    def calls(self) -> list[str]:
        """The requests other than for documents, as `METHOD path?query`."""
        return [
            f"{request.method} {request.path}{f'?{request.query}' if request.query else ''}"
            for request in self.requests
            if request.path.startswith("/api/v3/") and request.path != self.path
        ]

    async def __call__(self, request: Request) -> Reply | Raw:
        self.requests.append(request)
        if request.path == self.path:
            return json_reply(self.document)
        match request.method, request.path:
            case "GET", "/api/v3/apps" if "cursor=two" in request.query:
                return json_reply({"items": [{"id": "app_2"}], "next_cursor": None})
            case "GET", "/api/v3/apps":
                return json_reply({"items": [APP], "next_cursor": "two"})
            case "POST", "/api/v3/apps":
                return json_reply(APP | json.loads(request.body), 201, Location="/api/v3/apps/app_1")
            case "GET", "/api/v3/apps/app_1":
                return json_reply(APP)
            case "DELETE", _:
                return Reply(204)
            case "GET", "/api/v3/export":
                return Reply(200, b"id,name\napp_1,Orders\n", {"Content-Type": "text/csv"})
        return json_reply({"error": {"code": "not_found", "message": "There is no such route"}}, 404)
