"""Documents of Swagger 2.0 are read as OpenAPI 3.0, where that is asked for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from drio_tui.openapi_import.parser import OpenApiParser
from drio_tui.tool_calls.requests import build

DOCUMENT: dict[str, Any] = {
    "swagger": "2.0",
    "info": {"title": "Pets"},
    "host": "api.example.com",
    "basePath": "/v2",
    "schemes": ["http", "https"],
    "consumes": ["application/json"],
    "produces": ["application/json"],
    "parameters": {
        "limit": {"name": "limit", "in": "query", "type": "integer"},
        "pet": {"name": "pet", "in": "body", "required": True, "schema": {"$ref": "#/definitions/Pet"}},
    },
    "definitions": {"Pet": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}},
    "paths": {
        "/pets/{id}": {
            "parameters": [{"name": "id", "in": "path", "required": True, "type": "string"}],
            "get": {
                "parameters": [
                    {"$ref": "#/parameters/limit"},
                    {"name": "ids", "in": "query", "type": "array", "items": {"type": "string"}},
                    {"name": "tags", "in": "query", "type": "array", "collectionFormat": "multi", "items": {}},
                    {"name": "words", "in": "query", "type": "array", "collectionFormat": "ssv", "items": {}},
                ],
                "responses": {"200": {"description": "A pet", "schema": {"$ref": "#/definitions/Pet"}}},
            },
            "put": {"parameters": [{"$ref": "#/parameters/pet"}]},
            "post": {
                "consumes": ["application/x-www-form-urlencoded"],
                "parameters": [{"name": "status", "in": "formData", "type": "string", "required": True}],
            },
            "patch": {"parameters": [{"name": "photo", "in": "formData", "type": "file"}]},
            "delete": {"parameters": "none", "responses": 1},
        }
    },
}


def parser() -> OpenApiParser:
    return OpenApiParser(json.dumps(DOCUMENT).encode(), swagger2=True)


@pytest.mark.parametrize(
    ("id", "arguments", "url", "body"),
    [
        (
            "GET /pets/{id}",
            {"id": "7", "limit": 3, "ids": ["a", "b"], "tags": ["c", "d"], "words": ["e", "f"]},
            "/v2/pets/7?limit=3&ids=a,b&tags=c&tags=d&words=e%20f",
            None,
        ),
        ("PUT /pets/{id}", {"id": "7", "name": "Rex"}, "/v2/pets/7", b'{"name":"Rex"}'),
        ("POST /pets/{id}", {"id": "7", "status": "a b"}, "/v2/pets/7", b"status=a+b"),
        ("DELETE /pets/{id}", {"id": "7"}, "/v2/pets/7", None),
    ],
)
def test_requests_are_those_that_the_document_describes(
    id: str, arguments: dict[str, Any], url: str, body: bytes | None
) -> None:
    document = parser()
    base = document.head().servers[0].url
    request = build({"baseUrl": base}, document.detail(id).operation, arguments)
    assert (request.url, request.body) == (f"http://api.example.com{url}", body)


def test_a_file_is_an_obstacle_and_answers_keep_their_schema() -> None:
    document = parser()
    assert "multipart/form-data" in document.summary("PATCH /pets/{id}").obstacle
    detail = document.detail("GET /pets/{id}")
    assert [(answer.status, answer.description, answer.media_types) for answer in detail.responses] == [
        ("200", "A pet", ("application/json",))
    ]
    assert detail.operation["outputSchema"]["properties"] == {"name": {"type": "string"}}
