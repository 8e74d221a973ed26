"""Sign-ins by OAuth clients of other projects."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
from authlib.integrations.httpx_client import AsyncOAuth2Client
from mcp.client.auth import OAuthClientProvider, TokenStorage
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthClientMetadata, OAuthToken
from pydantic import AnyUrl
from requests_oauthlib import OAuth2Session

from drio_tui.sandbox.db import Database
from drio_tui.sandbox.middleware import GuardMiddleware
from drio_tui.sandbox.oauth import OAuthSettings
from tests.sandbox.oauth.browser import BASE, Browser
from tests.sandbox.oauth.conftest import LOOPBACK, Sandbox, make_app


async def consent(sandbox: Sandbox, url: str, base: str = BASE) -> str:
    """Sign in and consent in a browser; return the URL of the redirect to the application."""
    browser = Browser(sandbox.app, base)
    await browser.open(url)
    await browser.sign_in()
    await browser.submit(decision="allow")
    await browser.close()
    return browser.external_redirect


@pytest.mark.parametrize("method", ["none", "client_secret_post", "client_secret_basic"])
async def test_authlib_signs_in_refreshes_and_revokes(sandbox: Sandbox, method: str) -> None:
    application = await sandbox.register(token_endpoint_auth_method=method)
    metadata = (await sandbox.http.get("/.well-known/oauth-authorization-server")).json()
    async with AsyncOAuth2Client(
        client_id=application.id,
        client_secret=application.info.get("client_secret"),
        token_endpoint_auth_method=application.info["token_endpoint_auth_method"],
        revocation_endpoint_auth_method=application.info["token_endpoint_auth_method"],
        redirect_uri=LOOPBACK,
        scope="openid email",
        code_challenge_method="S256",
        transport=httpx2.ASGITransport(sandbox.app),
    ) as client:
        url, state = client.create_authorization_url(
            metadata["authorization_endpoint"], code_verifier=application.verifier
        )
        redirect_url = await consent(sandbox, url)
        token = await client.fetch_token(
            metadata["token_endpoint"],
            authorization_response=redirect_url,
            state=state,
            code_verifier=application.verifier,
        )
        assert token["scope"] == "openid email"
        assert (await client.get(f"{BASE}/api/v1/me")).json()["email"] == "you@sandbox.local"
        fresh = await client.refresh_token(metadata["token_endpoint"])
        assert fresh["access_token"] != token["access_token"]
        assert (await client.get(f"{BASE}/api/v1/me")).status_code == 200
        revoked = await client.revoke_token(metadata["revocation_endpoint"], fresh["refresh_token"])
        assert revoked.status_code == 200
        assert (await client.get(f"{BASE}/api/v1/me")).status_code == 401


class MemoryStorage(TokenStorage):
    """The token storage of the MCP SDK, in memory."""

    def __init__(self) -> None:
        self.tokens: OAuthToken | None = None
        self.client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


async def test_mcp_sdk_signs_in_after_a_401(sandbox: Sandbox) -> None:
    storage = MemoryStorage()
    callbacks: list[httpx2.QueryParams] = []

    async def open_browser(url: str) -> None:
        callbacks.append(httpx2.URL(await consent(sandbox, url)).params)

    async def wait_for_callback() -> AuthorizationCodeResult:
        params = callbacks[-1]
        return AuthorizationCodeResult(code=params["code"], state=params["state"], iss=params["iss"])

    def provider() -> OAuthClientProvider:
        metadata = OAuthClientMetadata(client_name="MCP SDK", redirect_uris=[AnyUrl(LOOPBACK)])
        return OAuthClientProvider(f"{BASE}/api/v1", metadata, storage, open_browser, wait_for_callback)

    transport = httpx2.ASGITransport(sandbox.app)
    async with httpx2.AsyncClient(transport=transport, base_url=BASE, auth=provider()) as client:
        response = await client.get("/api/v1/me")
        assert response.status_code == 200
        assert response.json()["email"] == "you@sandbox.local"
    assert len(callbacks) == 1
    assert storage.tokens is not None
    first = storage.tokens.access_token
    sandbox.clock.forward(sandbox.settings.access_lifetime)
    storage.tokens = storage.tokens.model_copy(update={"expires_in": -1})  # the SDK uses the machine's clock
    async with httpx2.AsyncClient(transport=transport, base_url=BASE, auth=provider()) as client:
        assert (await client.get("/api/v1/me")).status_code == 200
    assert storage.tokens.access_token != first


@contextlib.asynccontextmanager
async def listening(folder: Path) -> AsyncIterator[tuple[Sandbox, str]]:
    """Serve a sandbox on a free port, for clients that need a socket."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        base = f"http://127.0.0.1:{port}"
        settings = OAuthSettings(base)
        async with Database(folder) as db:
            app, server = make_app(db, settings)
            guarded = GuardMiddleware(app, port=port)
            http_server = uvicorn.Server(uvicorn.Config(guarded, http="h11", log_config=None, lifespan="off"))
            task = asyncio.create_task(http_server.serve(sockets=[listener]))
            try:
                yield Sandbox(guarded, db, server, settings, None, None), base  # type: ignore[arg-type] # unused here
            finally:
                http_server.should_exit = True
                await task


@pytest.mark.socket
async def test_requests_oauthlib_signs_in_over_a_real_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")  # else it requires https, also for loopback
    async with listening(tmp_path / "data") as (sandbox, base):

        def begin() -> tuple[OAuth2Session, str, dict[str, Any]]:
            session = OAuth2Session(redirect_uri=LOOPBACK, scope=["openid", "email"], pkce="S256")
            session.trust_env = False
            metadata = session.get(f"{base}/.well-known/oauth-authorization-server", withhold_token=True).json()
            body = {"client_name": "requests", "redirect_uris": [LOOPBACK], "token_endpoint_auth_method": "none"}
            info = session.post(metadata["registration_endpoint"], json=body, withhold_token=True).json()
            session._client.client_id = info["client_id"]
            url, _ = session.authorization_url(metadata["authorization_endpoint"])
            return session, url, metadata

        def finish(session: OAuth2Session, redirect_url: str, metadata: dict[str, Any]) -> dict[str, Any]:
            with session:
                session.fetch_token(
                    metadata["token_endpoint"], authorization_response=redirect_url, include_client_id=True
                )
                return dict(session.get(f"{base}/api/v1/me").json())

        session, url, metadata = await asyncio.to_thread(begin)
        redirect_url = await consent(sandbox, url, base)
        user = await asyncio.to_thread(finish, session, redirect_url, metadata)
    assert user["email"] == "you@sandbox.local"
    assert user["scopes"] == ["email", "openid"]
