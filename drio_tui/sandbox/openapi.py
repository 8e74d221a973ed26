"""The OpenAPI 3.1 document of the API, built from the routes and their models, at the two paths where drio serves it.

The two paths were seen in captured traffic.
"""

from __future__ import annotations

import asyncio
import copy
import hashlib
import re
import threading
from functools import cache, lru_cache

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from drio_tui.api.json_codec import Document
from drio_tui.sandbox.catalogue import catalogue
from drio_tui.sandbox.core import JSON, json_bytes
from drio_tui.sandbox.oauth.settings import AUTH_PREFIX, SCOPES
from drio_tui.sandbox.providers import providers
from drio_tui.sandbox.services import apps, auth, integrations, operations, tools, widgets
from drio_tui.sandbox.settings import Settings

PATHS = ("/api/openapi.json", "/api/v1/openapi.json")
_DISCOVERY = {
    "/.well-known/oauth-authorization-server": (
        "getAuthorizationServer",
        "Where to register, authorize and exchange tokens (RFC 8414).",
    ),
    "/.well-known/oauth-protected-resource": (
        "getProtectedResource",
        "Which authorization server protects the API (RFC 9728).",
    ),
    "/api/openapi.json": ("getOpenApi", "This document."),
    "/api/v1/openapi.json": ("getOpenApiV1", "This document."),
}
_PUBLIC = frozenset({"listTemplates", "getTemplate"})
_SOURCE_NOTE = re.compile(r" ?\([^()]*\b(?:documented|inferred)\b[^()]*\)")
"""What the docstrings of models say about where a shape is known from, which is for those who maintain them."""
_SCOPES = ("openid", "profile", "email")
_TAGS = {
    "Apps": "App creation, updates, config, and deploy.",
    "Auth": "App auth connection management; the OAuth flow is in the security scheme.",
    "Integrations": "The upstream APIs of an app.",
    "Operations": "The single calls of an integration's API.",
    "Tools": "CRUD, bindings, and tool chaining.",
    "Widgets": "CRUD and action wiring.",
    "Templates": "What apps start from.",
    "Me": "The signed-in user.",
    "Discovery": "Where everything is.",
}
_PATCHES = {
    "AppPatch": apps.RULES,
    "AuthConnectionPatch": auth.RULES,
    "IntegrationPatch": integrations.RULES,
    "OperationPatch": operations.RULES,
    "ToolPatch": tools.RULES,
    "WidgetPatch": widgets.RULES,
}
# OpenAPI links of a 201 response: the path parameter that takes the new id, the property that holds it, the operations.
_LINKS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "createAuthConnection": (
        "authId", "auth", ("getAuthConnection", "updateAuthConnection", "deleteAuthConnection"),
    ),
    "createIntegration": (
        "integrationId",
        "integration",
        ("getIntegration", "updateIntegration", "deleteIntegration", "listOperations", "createOperation"),
    ),
    "createOperation": ("operationId", "operation", ("getOperation", "updateOperation", "deleteOperation")),
    "createTool": ("toolId", "tool", ("getTool", "updateTool", "deleteTool", "setToolBinding", "setToolChain")),
    "createWidget": ("widgetId", "widget", ("getWidget", "updateWidget", "deleteWidget", "setWidgetActions")),
}  # fmt: skip
_APP_LINKS = (
    "getApp", "updateApp", "getAppConfig", "deployApp", "listAuthConnections", "createAuthConnection",
    "listIntegrations", "createIntegration", "listTools", "createTool", "listWidgets", "createWidget",
)  # fmt: skip


def install(app: Starlette, settings: Settings) -> None:
    """Add the document's routes. It is built when the templates have changed, and served with an ETag.

    `app.state.openapi` returns what is generated of the routes.
    """

    @cache
    def generated() -> Document:
        from drio_tui.sandbox.openapi_generator import generate  # imports FastAPI, needed only for the document

        return generate(app.routes)

    app.state.openapi = generated
    building = threading.Lock()

    @lru_cache(maxsize=1)
    def build(_template_ids: tuple[str, ...]) -> tuple[bytes, str]:
        body = json_bytes(openapi_document(generated(), settings))
        return body, f'"{hashlib.sha256(body).hexdigest()[:32]}"'

    def body_and_etag() -> tuple[bytes, str]:
        with building:  # it is requested at two paths, mostly at once
            return build(tuple(catalogue(settings.data_dir)))

    async def get_document(request: Request) -> Response:
        # In a thread: the first time it takes most of a second, and other requests must not wait for it.
        body, etag = await asyncio.to_thread(body_and_etag)
        headers = {"ETag": etag, "Cache-Control": "no-cache"}
        known_etags = {part.strip().removeprefix("W/") for part in request.headers.get("if-none-match", "").split(",")}
        if etag in known_etags or "*" in known_etags:
            return Response(status_code=304, headers=headers)
        return Response(body, headers=headers, media_type=JSON)

    app.router.routes.extend(Route(path, get_document, methods=["GET"]) for path in PATHS)


def openapi_document(generated: Document, settings: Settings) -> Document:
    """Return the document that was generated of the routes, completed, and with the URLs of `settings`."""
    document = copy.deepcopy(generated)
    document["servers"] = [{"url": settings.base_url, "description": "This sandbox"}]
    document["info"]["description"] = "drio's management API v1, as the local sandbox serves it."
    document["tags"] = [{"name": name, "description": text} for name, text in _TAGS.items()]
    schemas = document["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["AppCreate"]["properties"]["templateId"]["enum"] = list(catalogue(settings.data_dir))
    schemas["AuthConnectionCreate"]["properties"]["providerKey"]["enum"] = list(providers())
    for name, rules in _PATCHES.items():
        for required in rules.required & schemas[name]["properties"].keys():
            _remove_null(schemas[name]["properties"], required)
    for name in ("ErrorBody", "NotDeployableBody"):
        error = schemas[name]
        error["properties"]["requestId"] = {"type": "string", "format": "uuid", "title": "Request id"}
        error["required"] = ["code", "message", "details", "requestId"]
    for schema in schemas.values():
        if text := schema.get("description"):
            schema["description"] = _SOURCE_NOTE.sub("", text)
    for path, (name, text) in _DISCOVERY.items():
        document["paths"][path] = {"get": _discovery(name, text)}
    document["components"]["headers"] = {
        "RequestId": {
            "description": "The id of the request, the one that an error's body carries.",
            "schema": {"type": "string", "format": "uuid"},
        }
    }
    document["components"]["securitySchemes"] = _security_schemes(settings)
    for path_item in document["paths"].values():
        for operation in path_item.values():
            _complete_operation(operation)
    return document


def _remove_null(properties: Document, name: str) -> None:
    """Remove null from the schema of a PATCH's property, which may be absent but not cleared."""
    schema = properties[name]
    choices = [choice for choice in schema.pop("anyOf") if choice != {"type": "null"}]
    properties[name] = schema | (choices[0] if len(choices) == 1 else {"anyOf": choices})


def _complete_operation(operation: Document) -> None:
    """Add what FastAPI leaves out of an operation: summary, security, headers, links."""
    name = operation["operationId"]
    operation["responses"].pop("422", None)
    operation["summary"] = operation["description"].split(";")[0].split(",")[0].rstrip(".")
    for parameter in operation.get("parameters", ()):
        parameter["schema"].pop("title", None)
    for status, response in operation["responses"].items():
        response.setdefault("headers", {})["X-Request-Id"] = {"$ref": "#/components/headers/RequestId"}
        if response["description"] == "Successful Response":
            response["description"] = {"201": "It was created.", "204": "It is gone."}.get(status, "It worked.")
    if name in _PUBLIC or "Discovery" in operation["tags"]:
        operation["security"] = []
    else:
        operation["security"] = [{"oauth2": list(_SCOPES)}, {"bearer": []}]
    if name == "createApp":
        parameters = {"appId": "$response.body#/app/id"}
        operation["responses"]["201"]["links"] = {
            target: {"operationId": target, "parameters": parameters} for target in _APP_LINKS
        }
    elif name in _LINKS:
        parameter, response_property, targets = _LINKS[name]
        parameters = {"appId": "$request.path.appId", parameter: f"$response.body#/{response_property}/id"}
        operation["responses"]["201"]["links"] = {
            target: {"operationId": target, "parameters": parameters} for target in targets
        }


def _discovery(name: str, text: str) -> Document:
    """Return the operation of a discovery document, which no FastAPI route describes."""
    error = {"schema": {"$ref": "#/components/schemas/ErrorEnvelope"}}
    return {
        "operationId": name,
        "tags": ["Discovery"],
        "description": text,
        "responses": {
            "200": {"description": text, "content": {JSON: {"schema": {"type": "object"}}}},
            "500": {"description": "The sandbox failed.", "content": {JSON: error}},
        },
    }


def _security_schemes(settings: Settings) -> Document:
    auth = settings.base_url + AUTH_PREFIX
    flow = {
        "authorizationUrl": f"{auth}/authorize",
        "tokenUrl": f"{auth}/token",
        "refreshUrl": f"{auth}/refresh",
        "scopes": SCOPES,
    }
    return {
        "oauth2": {"type": "oauth2", "flows": {"authorizationCode": flow}},
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "description": "A token of the OAuth flow, or what `drio-tui sandbox token` prints.",
        },
    }
