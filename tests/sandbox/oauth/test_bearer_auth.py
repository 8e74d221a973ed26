"""Authentication by bearer token, and the local token."""

from __future__ import annotations

import dataclasses

import pytest

from drio_tui.sandbox.oauth import mint_local_token
from tests.sandbox.oauth.browser import AUTH, Application, Browser
from tests.sandbox.oauth.conftest import Sandbox


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Bearer x", "Bearer x y", "Basic x", "bearer é".encode(), "Bearer " + "x" * 5000, "x"],
)
async def test_invalid_authorization_header_gets_invalid_token(sandbox: Sandbox, header: str | bytes) -> None:
    response = await sandbox.http.get("/api/v1/me", headers={"Authorization": header})  # type: ignore[dict-item]
    assert response.status_code == 401
    assert 'error="invalid_token"' in response.headers["www-authenticate"]
    assert "resource_metadata=" in response.headers["www-authenticate"]
    assert response.json()["error"]["code"] == "unauthorized"


async def test_two_authorization_headers_are_refused(sandbox: Sandbox, application: Application) -> None:
    token = (await sandbox.tokens(application))["access_token"]
    twice = [("Authorization", f"Bearer {token}"), ("Authorization", f"Bearer {token}")]
    assert (await sandbox.http.get("/api/v1/me", headers=twice)).status_code == 401


async def test_token_in_the_query_is_ignored(sandbox: Sandbox, application: Application) -> None:
    token = (await sandbox.tokens(application))["access_token"]
    assert (await sandbox.http.get(f"/api/v1/me?access_token={token}")).status_code == 401


async def test_bearer_scheme_is_case_insensitive(sandbox: Sandbox, application: Application) -> None:
    token = (await sandbox.tokens(application))["access_token"]
    response = await sandbox.http.get("/api/v1/me", headers={"Authorization": f"bEARER {token}"})
    assert response.status_code == 200


async def test_local_token_authenticates_the_local_user(sandbox: Sandbox, application: Application) -> None:
    token = await mint_local_token(sandbox.db, sandbox.settings)
    local_user = (await sandbox.me(token)).json()
    assert local_user["email"] == "you@sandbox.local"
    assert local_user["client"] == "local"
    signed_in = await sandbox.tokens(application)
    assert (await sandbox.me(signed_in["access_token"])).json()["id"] == local_user["id"]
    sandbox.clock.forward(5 * 365 * 86400)
    assert (await sandbox.me(token)).status_code == 200


async def test_minting_again_keeps_the_first_local_token_valid(sandbox: Sandbox) -> None:
    first = await mint_local_token(sandbox.db, sandbox.settings)
    second = await mint_local_token(sandbox.db, sandbox.settings)
    assert first != second
    for token in (first, second):
        assert (await sandbox.me(token)).status_code == 200


async def test_local_client_is_refused_by_the_oauth_endpoints(
    sandbox: Sandbox, application: Application, browser: Browser
) -> None:
    await mint_local_token(sandbox.db, sandbox.settings)
    page = await browser.http.get(application.authorize_url(client_id="local"))
    assert (page.status_code, page.headers.get("location")) == (400, None)
    form = {"grant_type": "refresh_token", "refresh_token": "x", "client_id": "local"}
    assert (await sandbox.http.post(f"{AUTH}/token", data=form)).json()["error"] == "invalid_client"


async def test_unsafe_settings_are_refused(sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match="60 seconds"):
        dataclasses.replace(sandbox.settings, code_lifetime=61)
    with pytest.raises(ValueError, match="slash"):
        dataclasses.replace(sandbox.settings, base_url="http://127.0.0.1:1/")
