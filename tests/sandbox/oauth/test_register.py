"""Dynamic client registration (RFC 7591) and its limits."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import func, select

from drio_tui.sandbox.oauth.tables import Client, Token
from tests.sandbox.oauth.browser import AUTH
from tests.sandbox.oauth.conftest import LOOPBACK, Sandbox

REGISTER = f"{AUTH}/register"


async def test_documented_registration_body_creates_a_public_client(sandbox: Sandbox) -> None:
    body = {
        "client_name": "drio-tui",
        "redirect_uris": [LOOPBACK],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
    }
    response = await sandbox.http.post(REGISTER, json=body)
    assert response.status_code == 201
    assert response.headers["cache-control"] == "no-store"
    info = response.json()
    assert {key: info[key] for key in body} == body
    assert info["token_endpoint_auth_method"] == "none"
    assert "client_secret" not in info
    assert info["client_id_issued_at"] == int(sandbox.clock.now)


@pytest.mark.parametrize("method", ["client_secret_post", "client_secret_basic"])
async def test_confidential_client_gets_a_secret_that_is_stored_as_digest(sandbox: Sandbox, method: str) -> None:
    application = await sandbox.register(token_endpoint_auth_method=method)
    secret = application.info["client_secret"]
    assert application.info["client_secret_expires_at"] == 0
    async with sandbox.db.read() as session:
        client = await session.get_one(Client, application.id)
    assert client.secret_digest is not None
    assert secret not in client.secret_digest


async def test_optional_client_metadata_is_returned(sandbox: Sandbox) -> None:
    metadata = {
        "client_uri": "https://example.com",
        "logo_uri": "https://example.com/logo.png",
        "software_id": "4NRB1",
        "software_version": "1.0",
        "contacts": ["ops@example.com"],
    }
    application = await sandbox.register(**metadata)
    assert {name: application.info[name] for name in metadata} == metadata


async def test_unsupported_grant_types_are_left_out_of_the_response(sandbox: Sandbox) -> None:
    application = await sandbox.register(grant_types=["authorization_code", "implicit", "password"])
    assert application.info["grant_types"] == ["authorization_code"]


BAD_URIS = [
    "javascript:alert(1)",
    "data:text/html,x",
    "file:///etc/passwd",
    "http://example.com/callback",
    "http://192.168.0.1/callback",
    "http://127.0.0.1.evil.com/callback",
    "http://127.0.0.1@evil.com/callback",
    "http://user:pw@127.0.0.1/callback",
    "http://localhost.evil.com/",
    "http://127.1/",
    "http://0x7f000001/",
    "https://example.com/callback#fragment",
    "https://example.com/callback#",
    "https://user@example.com/",
    "https:///callback",
    "https://exa mple.com/",
    "https://example.com/\\evil",
    "https://example.com/cb?code=1",
    "https://example.com:99999/",
    "HTTP://127.0.0.1/callback",
    "//example.com/callback",
    "/callback",
    "callback",
    "",
    "https://example.com/\r\nLocation: https://evil.com",
    "https://example.com/" + "a" * 2000,
    "myapp://callback",
]


@pytest.mark.parametrize("uri", BAD_URIS)
async def test_unsafe_redirect_uri_is_refused(sandbox: Sandbox, uri: str) -> None:
    body = {"client_name": "x", "redirect_uris": [LOOPBACK, uri], "application_type": "native"}
    response = await sandbox.http.post(REGISTER, json=body)
    assert response.status_code == 400
    assert response.json()["error"] == "invalid_redirect_uri"


@pytest.mark.parametrize(
    "uri",
    ["https://example.com/cb", "http://localhost:1/cb", "http://[::1]:9/cb", "http://127.0.0.1/cb?a=b"],
)
async def test_valid_redirect_uri_is_stored_unchanged(sandbox: Sandbox, uri: str) -> None:
    assert (await sandbox.register(uri)).info["redirect_uris"] == [uri]


async def test_private_use_scheme_needs_a_native_application_and_a_domain(sandbox: Sandbox) -> None:
    assert (await sandbox.register("com.example.app:/cb")).info["redirect_uris"] == ["com.example.app:/cb"]
    body = {"redirect_uris": ["com.example.app:/cb"], "application_type": "web"}
    assert (await sandbox.http.post(REGISTER, json=body)).json()["error"] == "invalid_redirect_uri"


BAD_METADATA: list[tuple[dict[str, Any], str]] = [
    ({"redirect_uris": []}, "invalid_redirect_uri"),
    ({"redirect_uris": None}, "invalid_redirect_uri"),
    ({"redirect_uris": LOOPBACK}, "invalid_redirect_uri"),
    ({"redirect_uris": [7]}, "invalid_redirect_uri"),
    ({"redirect_uris": [f"http://127.0.0.1:{port}/" for port in range(1, 12)]}, "invalid_redirect_uri"),
    ({"client_name": "n" * 121}, "invalid_client_metadata"),
    ({"client_name": 7}, "invalid_client_metadata"),
    ({"client_name": "nul \0"}, "invalid_client_metadata"),
    ({"grant_types": ["password"]}, "invalid_client_metadata"),
    ({"grant_types": "authorization_code"}, "invalid_client_metadata"),
    ({"response_types": ["token"]}, "invalid_client_metadata"),
    ({"token_endpoint_auth_method": "private_key_jwt"}, "invalid_client_metadata"),
    ({"application_type": "desktop"}, "invalid_client_metadata"),
    ({"logo_uri": "javascript:alert(1)"}, "invalid_client_metadata"),
    ({"contacts": "me"}, "invalid_client_metadata"),
    ({"scope": ["openid"]}, "invalid_client_metadata"),
]


@pytest.mark.parametrize(("metadata", "error"), BAD_METADATA)
async def test_invalid_metadata_is_refused_and_not_stored(
    sandbox: Sandbox, metadata: dict[str, Any], error: str
) -> None:
    response = await sandbox.http.post(REGISTER, json={"redirect_uris": [LOOPBACK]} | metadata)
    assert (response.status_code, response.json()["error"]) == (400, error)
    async with sandbox.db.read() as session:
        assert (await session.execute(select(func.count()).select_from(Client))).scalar() == 0


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b'{"a":1,"a":2}',
        b'{"client_name":"\\ud800","redirect_uris":["https://a.b/"]}',
        b"\xff",
    ],
)
async def test_unparsable_body_is_refused(sandbox: Sandbox, body: bytes) -> None:
    response = await sandbox.http.post(REGISTER, content=body, headers={"Content-Type": "application/json"})
    assert (response.status_code, response.json()["error"]) == (400, "invalid_client_metadata")


async def test_large_body_is_refused(sandbox: Sandbox) -> None:
    response = await sandbox.http.post(REGISTER, json={"client_name": "x" * 70_000})
    assert response.status_code == 413


async def test_form_body_is_refused(sandbox: Sandbox) -> None:
    response = await sandbox.http.post(REGISTER, data={"redirect_uris": LOOPBACK})
    assert (response.status_code, response.json()["error"]) == (415, "invalid_client_metadata")


async def test_registrations_are_rate_limited(sandbox: Sandbox) -> None:
    for _ in range(sandbox.settings.registrations_per_minute):
        await sandbox.register()
    body = {"redirect_uris": [LOOPBACK]}
    refused = await sandbox.http.post(REGISTER, json=body)
    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "60"
    sandbox.clock.forward(60)
    assert (await sandbox.http.post(REGISTER, json=body)).status_code == 201


async def test_client_is_kept_when_its_tokens_are_deleted(sandbox: Sandbox) -> None:
    application = await sandbox.register()
    await sandbox.tokens(application)
    sandbox.clock.forward(400 * 86400)
    await sandbox.tokens(application)
    async with sandbox.db.read() as session:
        token_count = (await session.execute(select(func.count()).select_from(Token))).scalar()
    assert token_count == 2  # the old pair was deleted, the client was not
