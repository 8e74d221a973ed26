"""The discovery documents (RFC 8414, RFC 9728), which depend only on the settings."""

from __future__ import annotations

import pytest
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata

from tests.sandbox.oauth.browser import BASE, PORT
from tests.sandbox.oauth.conftest import Sandbox

WELL_KNOWN = "/.well-known/oauth-"


@pytest.mark.parametrize("suffix", ["", "/api/v1"])
async def test_authorization_server_document_has_issuer_and_endpoints(sandbox: Sandbox, suffix: str) -> None:
    response = await sandbox.http.get(f"{WELL_KNOWN}authorization-server{suffix}")
    document = response.json()
    assert response.headers["content-type"] == "application/json"
    assert document["issuer"] == BASE
    assert document["code_challenge_methods_supported"] == ["S256"]
    assert document["authorization_response_iss_parameter_supported"] is True
    for name in ("authorization", "token", "registration", "revocation"):
        assert document[f"{name}_endpoint"].startswith(f"{BASE}/api/v1/auth/")
    metadata = AuthorizationServerMetadata(document | {"issuer": "https://as.example"})  # Authlib requires https
    metadata.validate_response_types_supported()
    metadata.validate_grant_types_supported()
    metadata.validate_token_endpoint_auth_methods_supported()
    metadata.validate_code_challenge_methods_supported()


@pytest.mark.parametrize(("suffix", "resource"), [("", BASE), ("/api/v1", f"{BASE}/api/v1")])
async def test_protected_resource_document_has_the_resource_of_its_path(
    sandbox: Sandbox, suffix: str, resource: str
) -> None:
    document = (await sandbox.http.get(f"{WELL_KNOWN}protected-resource{suffix}")).json()
    assert document["resource"] == resource
    assert document["authorization_servers"] == [BASE]
    assert {"openid", "profile", "email"} <= set(document["scopes_supported"])


async def test_issuer_does_not_depend_on_the_host_header(sandbox: Sandbox) -> None:
    response = await sandbox.http.get(f"{WELL_KNOWN}authorization-server", headers={"Host": f"localhost:{PORT}"})
    assert response.json()["issuer"] == BASE


async def test_request_without_token_gets_the_resource_metadata_url(sandbox: Sandbox) -> None:
    response = await sandbox.http.get("/api/v1/me")
    assert response.status_code == 401
    metadata = f"{BASE}/.well-known/oauth-protected-resource/api/v1"
    assert response.headers["www-authenticate"] == f'Bearer resource_metadata="{metadata}"'
    error = response.json()["error"]
    assert error["code"] == "unauthorized"
    assert error["requestId"] == response.headers["x-request-id"]
    assert (await sandbox.http.get(metadata)).status_code == 200
