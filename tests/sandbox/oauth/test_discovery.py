"""The two discovery documents (RFC 8414, RFC 9728), and that they come from the settings."""

from __future__ import annotations

import pytest
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata

from tests.sandbox.oauth.browser import BASE, PORT
from tests.sandbox.oauth.conftest import Sandbox

WELL_KNOWN = "/.well-known/oauth-"


@pytest.mark.parametrize("suffix", ["", "/api/v1"])
async def test_the_authorization_server_names_its_endpoints_and_itself(sandbox: Sandbox, suffix: str) -> None:
    response = await sandbox.http.get(f"{WELL_KNOWN}authorization-server{suffix}")
    document = response.json()
    assert response.headers["content-type"] == "application/json"
    assert document["issuer"] == BASE
    assert document["code_challenge_methods_supported"] == ["S256"]
    assert document["authorization_response_iss_parameter_supported"] is True
    for name in ("authorization", "token", "registration", "revocation"):
        assert document[f"{name}_endpoint"].startswith(f"{BASE}/api/v1/auth/")
    checked = AuthorizationServerMetadata(document | {"issuer": "https://as.example"})  # it insists on https
    checked.validate_response_types_supported()
    checked.validate_grant_types_supported()
    checked.validate_token_endpoint_auth_methods_supported()
    checked.validate_code_challenge_methods_supported()


@pytest.mark.parametrize(("suffix", "resource"), [("", BASE), ("/api/v1", f"{BASE}/api/v1")])
async def test_a_protected_resource_document_names_the_url_that_its_path_came_from(
    sandbox: Sandbox, suffix: str, resource: str
) -> None:
    document = (await sandbox.http.get(f"{WELL_KNOWN}protected-resource{suffix}")).json()
    assert document["resource"] == resource
    assert document["authorization_servers"] == [BASE]
    assert {"openid", "profile", "email"} <= set(document["scopes_supported"])


async def test_the_issuer_is_not_taken_from_the_host_header(sandbox: Sandbox) -> None:
    response = await sandbox.http.get(f"{WELL_KNOWN}authorization-server", headers={"Host": f"localhost:{PORT}"})
    assert response.json()["issuer"] == BASE


async def test_a_request_without_a_token_is_told_where_to_begin(sandbox: Sandbox) -> None:
    response = await sandbox.http.get("/api/v1/me")
    assert response.status_code == 401
    metadata = f"{BASE}/.well-known/oauth-protected-resource/api/v1"
    assert response.headers["www-authenticate"] == f'Bearer resource_metadata="{metadata}"'
    error = response.json()["error"]
    assert error["code"] == "unauthorized"
    assert error["requestId"] == response.headers["x-request-id"]
    assert (await sandbox.http.get(metadata)).status_code == 200
