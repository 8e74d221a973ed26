"""OpenAPI documents for tests, and functions that build and parse them."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

from drio_tui.openapi_import.parser import OpenApiParser


def document(paths: dict[str, Any] | None = None, *, openapi: str = "3.1.0", **more: Any) -> dict[str, Any]:
    """Return a document with these paths, at `https://api.example.com/v1` unless `servers` is given."""
    return {
        "openapi": openapi,
        "info": {"title": "Acme API", "version": "1.0"},
        "servers": [{"url": "https://api.example.com/v1"}],
        "paths": paths or {},
    } | more


def parser_of(paths: dict[str, Any] | None = None, *, openapi: str = "3.1.0", **more: Any) -> OpenApiParser:
    """Return the parser of a document with these paths."""
    return OpenApiParser(json.dumps(document(paths, openapi=openapi, **more)).encode())


def operation(
    value: dict[str, Any], path: str = "/things", method: str = "post", *, openapi: str = "3.1.0", **more: Any
) -> dict[str, Any]:
    """Return the body of the create that an Operation Object becomes."""
    return parser_of({path: {method: value}}, openapi=openapi, **more).detail(f"{method.upper()} {path}").operation


def body(schema: Any, *, required: bool = True, **more: Any) -> dict[str, Any]:
    """Return an Operation Object with a JSON request body of this schema."""
    return {"requestBody": {"required": required, "content": {"application/json": {"schema": schema, **more}}}}


def answer(schema: Any, status: str = "200") -> dict[str, Any]:
    """Return an Operation Object with a JSON response of this schema."""
    return {"responses": {status: {"description": "Fine", "content": {"application/json": {"schema": schema}}}}}


def parameter(name: str, where: str = "query", schema: Any = None, **more: Any) -> dict[str, Any]:
    """Return a Parameter Object."""
    return {"name": name, "in": where, "schema": {"type": "string"} if schema is None else schema, **more}


PETS = document(
    {
        "/pets": {
            "get": {
                "operationId": "listPets",
                "summary": "List pets",
                "tags": ["pets"],
                "parameters": [parameter("limit", schema={"type": "integer", "maximum": 100}), parameter("tag")],
                **answer({"type": "array", "items": {"$ref": "#/components/schemas/Pet"}}),
            },
            "post": {
                "operationId": "createPet",
                "summary": "Create a pet",
                "tags": ["pets", "admin"],
                **body({"$ref": "#/components/schemas/Pet"}),
                **answer({"$ref": "#/components/schemas/Pet"}, "201"),
            },
        },
        "/pets/{petId}": {
            "parameters": [parameter("petId", "path", {"type": "integer"}, required=True)],
            "get": {"operationId": "getPet", "tags": ["pets"], **answer({"$ref": "#/components/schemas/Pet"})},
            "put": {
                "operationId": "replacePet",
                "summary": "Replace a pet",
                "parameters": [parameter("If-Match", "header"), parameter("dryRun", schema={"type": "boolean"})],
                **body({"$ref": "#/components/schemas/Pet"}),
                "responses": {"204": {"description": "Done"}},
            },
            "delete": {"operationId": "deletePet", "deprecated": True, "responses": {"204": {"description": "Gone"}}},
        },
    },
    components={
        "schemas": {
            "Pet": {
                "type": "object",
                "required": ["name"],
                "properties": {
                    "id": {"type": "integer", "readOnly": True},
                    "name": {"type": "string", "description": "What it is called."},
                    "kind": {"type": "string", "enum": ["cat", "dog"]},
                    "parents": {"type": "array", "items": {"$ref": "#/components/schemas/Pet"}},
                },
            }
        },
        "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-Api-Key"}},
    },
    security=[{"key": []}],
)
"""Five operations with parameters, bodies, responses and a security scheme; the schema of a pet is recursive."""


def newer_pets() -> dict[str, Any]:
    """Return version 2 of PETS: one operation is new, one gone, one described anew, one with another argument."""
    value = deepcopy(PETS)
    value["info"]["version"] = "2.0"
    paths = value["paths"]
    del paths["/pets/{petId}"]["delete"]
    paths["/pets"]["get"]["parameters"].append(parameter("colour"))
    paths["/pets"]["get"]["description"] = "Lists the pets of the shop."
    paths["/pets"]["post"]["summary"] = "Add a pet"
    paths["/shops"] = {"get": {"operationId": "listShops", "summary": "List shops", **answer({"type": "object"})}}
    return value
