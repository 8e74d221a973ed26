"""Third-party servers: the authorization server of the official MCP SDK, and the sandbox."""

from __future__ import annotations

import asyncio
import re
import secrets
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode, urljoin

import httpx
import pytest

from drio_tui.auth.bearer import bearer_for
from drio_tui.auth.events import Event, UrlReady
from drio_tui.auth.flow import SignInFlow
from drio_tui.auth.logout import log_out
from drio_tui.auth.profiles import Profiles
from drio_tui.auth.token_manager import TokenManager
from drio_tui.auth.token_store import TokenStore
from tests.auth.conftest import FakeClock
from tests.auth.world import Page, browse

pytest.importorskip("mcp", reason="the sandbox extra is not installed")
pytest.importorskip("uvicorn", reason="the sandbox extra is not installed")

import uvicorn
from mcp.server.auth.provider import AccessToken, AuthorizationCode, AuthorizationParams, RefreshToken
from mcp.server.auth.routes import create_auth_routes, create_protected_resource_routes
from mcp.server.auth.settings import ClientRegistrationOptions, RevocationOptions
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken
from pydantic import AnyHttpUrl
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


@dataclass
class Provider:
    """The provider that the SDK's routes need; it grants every request."""

    clients: dict[str, OAuthClientInformationFull] = field(default_factory=dict)
    codes: dict[str, AuthorizationCode] = field(default_factory=dict)
    access: dict[str, AccessToken] = field(default_factory=dict)
    refresh: dict[str, RefreshToken] = field(default_factory=dict)

    async def get_client(self, client_id: str) -> OAuthClientInformationFull | None:
        return self.clients.get(client_id)

    async def register_client(self, client_info: OAuthClientInformationFull) -> None:
        self.clients[str(client_info.client_id)] = client_info

    async def authorize(self, client: OAuthClientInformationFull, params: AuthorizationParams) -> str:
        code = secrets.token_urlsafe(24)
        self.codes[code] = AuthorizationCode(
            code=code,
            scopes=params.scopes or [],
            expires_at=time.time() + 60,
            client_id=str(client.client_id),
            code_challenge=params.code_challenge,
            redirect_uri=params.redirect_uri,
            redirect_uri_provided_explicitly=params.redirect_uri_provided_explicitly,
            resource=params.resource,
        )
        return f"{params.redirect_uri}?{urlencode({'code': code, 'state': params.state})}"

    async def load_authorization_code(self, client: Any, authorization_code: str) -> AuthorizationCode | None:
        return self.codes.get(authorization_code)

    async def exchange_authorization_code(self, client: Any, authorization_code: AuthorizationCode) -> OAuthToken:
        del self.codes[authorization_code.code]
        return self._grant(authorization_code.client_id, authorization_code.scopes, authorization_code.resource)

    async def load_refresh_token(self, client: Any, refresh_token: str) -> RefreshToken | None:
        return self.refresh.get(refresh_token)

    async def exchange_refresh_token(self, client: Any, refresh_token: RefreshToken, scopes: list[str]) -> OAuthToken:
        del self.refresh[refresh_token.token]
        return self._grant(refresh_token.client_id, scopes, refresh_token.resource)

    async def load_access_token(self, token: str) -> AccessToken | None:
        return self.access.get(token)

    async def revoke_token(self, token: AccessToken | RefreshToken) -> None:
        self.refresh.pop(token.token, None)
        self.access.clear()

    def _grant(self, client_id: str, scopes: list[str], resource: str | None) -> OAuthToken:
        access, refresh = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        self.access[access] = AccessToken(token=access, client_id=client_id, scopes=scopes, resource=resource)
        self.refresh[refresh] = RefreshToken(token=refresh, client_id=client_id, scopes=scopes, resource=resource)
        return OAuthToken(access_token=access, refresh_token=refresh, expires_in=300, scope=" ".join(scopes))


@asynccontextmanager
async def serving(make_app: Any) -> AsyncIterator[str]:
    """Run `make_app(origin)` on uvicorn in a thread, on a real socket; yield the origin."""
    import socket

    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    origin = f"http://127.0.0.1:{listening.getsockname()[1]}"
    server = uvicorn.Server(uvicorn.Config(make_app(origin), log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, args=([listening],))
    listening.listen()
    thread.start()
    try:
        yield origin
    finally:
        server.should_exit = True
        await asyncio.to_thread(thread.join)
        listening.close()


def sdk_app(provider: Provider, origin: str) -> Starlette:
    base = f"{origin}/api/v1"

    async def me(request: Request) -> Response:
        token = await provider.load_access_token(request.headers.get("authorization", "").removeprefix("Bearer "))
        if token is None:
            where = f'Bearer resource_metadata="{origin}/.well-known/oauth-protected-resource/api/v1"'
            return JSONResponse({"error": {"code": "unauthorized"}}, 401, {"WWW-Authenticate": where})
        return JSONResponse({"user": {"id": "u1", "email": "sdk@example.com", "client": token.client_id}})

    return Starlette(
        routes=[
            Route("/api/v1/me", me),
            *create_protected_resource_routes(AnyHttpUrl(base), [AnyHttpUrl(origin)], ["openid", "email"]),
            *create_auth_routes(
                provider,
                AnyHttpUrl(origin),
                client_registration_options=ClientRegistrationOptions(enabled=True, valid_scopes=["openid", "email"]),
                revocation_options=RevocationOptions(enabled=True),
            ),
        ]
    )


@pytest.mark.socket
async def test_sign_in_refresh_and_logout_with_the_mcp_sdks_server(clock: FakeClock) -> None:
    """B08 B16 B37 B66: the unmodified server on a real socket."""
    provider = Provider()
    opened: list[asyncio.Task[Page]] = []

    def see(event: Event) -> None:
        if isinstance(event, UrlReady):
            opened.append(asyncio.create_task(browse(event.url)))

    async with serving(lambda origin: sdk_app(provider, origin)) as origin:
        profiles, store = Profiles.load(), TokenStore()
        profile = profiles.resolve(base_url=origin)
        sign_in = SignInFlow(profile, store=store, profiles=profiles, on_event=see, open_browser=False, clock=clock)
        done = await sign_in.run()
        assert (await opened[0]).status_code == 200
        assert done.account.label == "sdk@example.com"
        assert done.missing_scopes == ()
        manager = TokenManager(done.profile, store, clock=clock)
        clock.pass_time(290)
        renewed = await manager.token()
        assert renewed != done.tokens.access_token
        assert renewed in provider.access
        result = await log_out(done.profile, store, profiles)
        assert result.revoked
        assert provider.refresh == {}


class Forms(HTMLParser):
    """The forms of a page: action and fields, submit buttons with their values."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.forms: list[tuple[str, dict[str, str], list[tuple[str, str]]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        at = {k: v or "" for k, v in attrs}
        if tag == "form":
            self.forms.append((at.get("action", ""), {}, []))
        elif tag in ("input", "button") and self.forms and at.get("name"):
            if tag == "button" or at.get("type") == "submit":
                self.forms[-1][2].append((at["name"], at.get("value", "")))
            else:
                self.forms[-1][1][at["name"]] = at.get("value", "")


async def consent(url: str, client: httpx.AsyncClient) -> httpx.Response:
    """Use the sandbox's pages as a user does: sign in as the offered account, then allow access."""
    response = await client.get(url)
    for _ in range(4):
        forms = Forms(response.text).forms
        if not forms or response.url.path == "/callback":
            break
        action, fields, buttons = forms[0]
        allow = next((b for b in buttons if re.search("allow|local", b[1])), None)
        data = fields | (dict([allow]) if allow else {})
        origin = f"{response.url.scheme}://{response.url.netloc.decode()}"
        response = await client.post(urljoin(str(response.url), action), data=data, headers={"Origin": origin})
    return response


@pytest.mark.socket
@pytest.mark.slow
async def test_sign_in_through_the_sandboxs_pages(sandbox_process: Any) -> None:
    """B08 B30 B42 B49 B66: discovery, registration, upstream sign-in, consent, callback, `/me`, refresh, revocation."""
    pages: list[asyncio.Task[httpx.Response]] = []
    clock = FakeClock(time.time())
    async with httpx.AsyncClient(follow_redirects=True, trust_env=False) as browser:

        def see(event: Event) -> None:
            if isinstance(event, UrlReady):
                pages.append(asyncio.create_task(consent(event.url, browser)))

        profiles, store = Profiles.load(), TokenStore()
        profile = profiles.resolve(base_url=sandbox_process.base_url)
        sign_in = SignInFlow(
            profile, store=store, profiles=profiles, on_event=see, open_browser=False, timeout=30, clock=clock
        )
        done = await sign_in.run()
        page = await pages[0]
    assert page.url.path == "/callback", page.text
    assert page.status_code == 200
    assert done.account.label
    assert done.tokens.refresh_token
    auth = bearer_for(done.profile, store)
    async with httpx.AsyncClient(base_url=done.profile.base_url, auth=auth, trust_env=False) as client:
        apps = await client.get("/apps")
        assert apps.status_code == 200
        assert isinstance(apps.json()["apps"], list)
        manager = TokenManager(done.profile, store, clock=clock)
        clock.pass_time(done.tokens.lifetime or 0)
        renewed = await manager.token()
        assert renewed != done.tokens.access_token
        result = await log_out(done.profile, store, profiles)
        assert result.revoked, result.problem
        refused = await client.get("/me", auth=None, headers={"Authorization": f"Bearer {renewed}"})
        assert refused.status_code == 401
