"""The OpenAPI document is valid, complete, and consistent with the routes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from drio_tui.sandbox.catalogue import catalogue
from drio_tui.sandbox.providers import providers
from tests.sandbox_fixtures import API, InProcessSandbox

# The contract's table of routes.
ITEMS = ["auth/{authId}", "integrations/{integrationId}", "operations/{operationId}", "tools/{toolId}",
         "widgets/{widgetId}"]  # fmt: skip
COLLECTIONS = ["auth", "integrations", "integrations/{integrationId}/operations", "tools", "widgets"]
ROUTES = {
    ("GET", "/templates"), ("GET", "/templates/{templateId}"), ("GET", "/me"), ("GET", "/apps"), ("POST", "/apps"),
    ("GET", "/apps/{appId}"), ("PATCH", "/apps/{appId}"), ("GET", "/apps/{appId}/config"),
    ("POST", "/apps/{appId}/deploy"), ("PUT", "/apps/{appId}/tools/{toolId}/binding"),
    ("PUT", "/apps/{appId}/tools/{toolId}/chain"), ("PUT", "/apps/{appId}/widgets/{widgetId}/actions"),
    *((method, f"/apps/{{appId}}/{path}") for path in COLLECTIONS for method in ("GET", "POST")),
    *((method, f"/apps/{{appId}}/{path}") for path in ITEMS for method in ("GET", "PATCH", "DELETE")),
}  # fmt: skip
TAGS = {"Apps", "Auth", "Integrations", "Operations", "Tools", "Widgets", "Templates", "Me", "Discovery"}


@pytest.fixture
async def document(bare_sandbox: InProcessSandbox) -> Any:
    async with bare_sandbox.client(token=None) as anonymous:
        return (await anonymous.get("/api/openapi.json")).json()


def operations(document: Any) -> list[tuple[str, str, Any]]:
    return [
        (method, path, operation)
        for path, path_item in document["paths"].items()
        for method, operation in path_item.items()
    ]


def test_document_is_valid_and_has_all_37_routes(document: Any) -> None:
    assert document["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(document).validate()
    routes = {
        (method.upper(), path.removeprefix(API))
        for method, path, operation in operations(document)
        if operation["tags"] != ["Discovery"]
    }
    assert len(ROUTES) == 37
    assert routes == ROUTES
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(ids)) == len(ids)
    assert {tag for _, _, operation in operations(document) for tag in operation["tags"]} == TAGS


def patterns_in(value: Any) -> Iterator[str]:
    """Yield every `pattern` in a JSON value."""
    if isinstance(value, dict):
        yield from (pattern for name, pattern in value.items() if name == "pattern" and isinstance(pattern, str))
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from patterns_in(child)


def test_patterns_mean_the_same_in_every_regex_dialect(document: Any) -> None:
    """`\\s`, `\\w` and so on match other characters in ECMAScript, which OpenAPI requires, than in Rust and Python."""
    patterns = set(patterns_in(document))
    assert len(patterns) > 3
    assert not [pattern for pattern in patterns if re.search(r"\\[sSwWdDbB]", pattern)]


def test_errors_have_the_envelope_and_writes_document_their_body(document: Any) -> None:
    for method, path, operation in operations(document):
        responses = operation["responses"]
        assert "422" not in responses
        for status, response in responses.items():
            assert "X-Request-Id" in response["headers"]
            if status >= "400":
                schema = response["content"]["application/json"]["schema"]
                name = "NotDeployable" if path.endswith("/deploy") and status == "409" else "ErrorEnvelope"
                assert schema == {"$ref": f"#/components/schemas/{name}"}
        if method in ("post", "put", "patch") and not path.endswith("/deploy"):
            assert "application/json" in operation["requestBody"]["content"]
            assert {"400", "401", "413", "415", "500", "507"} <= set(responses)
        assert ("201" in responses) == (method == "post" and not path.endswith("/deploy"))
        assert ("204" in responses) == (method == "delete")


def test_public_operations_are_marked_and_others_require_a_bearer_token(document: Any) -> None:
    public = {operation["operationId"] for _, _, operation in operations(document) if operation["security"] == []}
    assert public == {
        "listTemplates", "getTemplate", "getAuthorizationServer", "getProtectedResource", "getOpenApi", "getOpenApiV1",
    }  # fmt: skip
    schemes = document["components"]["securitySchemes"]
    assert schemes["bearer"]["scheme"] == "bearer"
    assert schemes["oauth2"]["flows"]["authorizationCode"]["tokenUrl"].endswith("/api/v1/auth/token")


def test_template_and_provider_ids_are_enums(document: Any) -> None:
    schemas = document["components"]["schemas"]
    assert schemas["AppCreate"]["properties"]["templateId"]["enum"] == list(catalogue())
    assert schemas["AuthConnectionCreate"]["properties"]["providerKey"]["enum"] == list(providers())


def test_creates_link_to_get_update_and_delete(document: Any) -> None:
    for method, path, operation in operations(document):
        if "201" in operation["responses"] and method == "post":
            links = operation["responses"]["201"]["links"]
            kinds = {"get", "update"} if path == f"{API}/apps" else {"get", "update", "delete"}
            assert {kind for kind in kinds if any(name.startswith(kind) for name in links)} == kinds


async def test_document_is_the_same_at_both_paths_and_supports_etags(bare_sandbox: InProcessSandbox) -> None:
    async with bare_sandbox.client(token=None) as anonymous:
        first = await anonymous.get("/api/openapi.json")
        second = await anonymous.get("/api/v1/openapi.json")
        assert first.content == second.content
        etag = first.headers["etag"]
        for known_etags in (etag, f'"other", {etag}', f"W/{etag}", "*"):
            response = await anonymous.get("/api/openapi.json", headers={"If-None-Match": known_etags})
            assert (response.status_code, response.content, response.headers["etag"]) == (304, b"", etag)
        assert (await anonymous.get("/api/openapi.json", headers={"If-None-Match": '"other"'})).status_code == 200
