"""Authentication by bearer token, and the local token."""

from __future__ import annotations

import dataclasses

import pytest
from sqlalchemy import update

from drio_tui.sandbox.oauth import mint_local_token, principal_of
from drio_tui.sandbox.oauth.secret import digest
from drio_tui.sandbox.oauth.server import TokenCache
from drio_tui.sandbox.oauth.tables import Token
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


async def test_lookup_from_before_a_revocation_is_not_cached(sandbox: Sandbox, application: Application) -> None:
    token = (await sandbox.tokens(application))["access_token"]
    principal = await principal_of(sandbox.server, token)
    assert principal is not None
    cache = TokenCache()
    generation = cache.generation
    cache.clear()
    cache.put("key", principal, sandbox.clock.now + 60, generation)
    assert cache.get("key", sandbox.clock.now) is None
    cache.put("key", principal, sandbox.clock.now + 60, cache.generation)
    assert cache.get("key", sandbox.clock.now) == principal


async def test_lookup_is_cached_for_one_second(sandbox: Sandbox, application: Application) -> None:
    principal = await principal_of(sandbox.server, (await sandbox.tokens(application))["access_token"])
    assert principal is not None
    now = 0.0
    cache = TokenCache(clock=lambda: now)
    cache.put("key", principal, expires_at=60, generation=0)
    now = 0.9
    assert cache.get("key", 1) == principal
    now = 1.1
    assert cache.get("key", 1) is None
    cache.put("key", principal, expires_at=60, generation=0)
    assert cache.get("key", 59) == principal
    assert cache.get("key", 60) is None


async def test_revocation_by_another_process_counts_after_the_cache_expires(
    sandbox: Sandbox, application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = (await sandbox.tokens(application))["access_token"]
    assert (await sandbox.me(token)).status_code == 200
    async with sandbox.db.session() as session:  # as another process does, without clearing this one's cache
        await session.execute(update(Token).where(Token.key == digest(token)).values(revoked_at=1.0))
    monkeypatch.setattr("drio_tui.sandbox.oauth.server._CACHE_SECONDS", -1.0)
    assert (await sandbox.me(token)).status_code == 401


async def test_unsafe_settings_are_refused(sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match="60 seconds"):
        dataclasses.replace(sandbox.settings, code_lifetime=61)
    with pytest.raises(ValueError, match="slash"):
        dataclasses.replace(sandbox.settings, base_url="http://127.0.0.1:1/")
