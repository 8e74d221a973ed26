"""An application with the sandbox's authorization server and one protected route."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import Depends, FastAPI
from starlette.types import ASGIApp

from drio_tui.sandbox.db import Database
from drio_tui.sandbox.middleware import GuardMiddleware
from drio_tui.sandbox.oauth import OAuthServer, OAuthSettings, Principal, install, require_user
from tests.sandbox.oauth.browser import AUTH, BASE, PORT, Application, Browser, Clock, http

LOOPBACK = "http://127.0.0.1:51789/callback"


@dataclass
class Sandbox:
    app: ASGIApp
    db: Database
    server: OAuthServer
    settings: OAuthSettings
    clock: Clock
    http: httpx.AsyncClient

    async def register(self, redirect_uri: str = LOOPBACK, **metadata: Any) -> Application:
        """Register an application."""
        body = {
            "client_name": "A test",
            "redirect_uris": [redirect_uri],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "application_type": "native",
            "token_endpoint_auth_method": "none",
        } | metadata
        response = await self.http.post(f"{AUTH}/register", json=body)
        assert response.status_code == 201, response.text
        return Application(self.http, response.json(), redirect_uri)

    async def code(self, application: Application, email: str | None = None, **changes: str | None) -> str:
        """Sign in and consent; return the code."""
        browser = Browser(self.app)
        await browser.open(application.authorize_url(**changes))
        await browser.sign_in(email)
        await browser.submit(decision="allow")
        await browser.close()
        return browser.redirect_params["code"]

    async def tokens(self, application: Application, email: str | None = None, **changes: str | None) -> dict[str, Any]:
        """Sign in and consent; return the token response."""
        response = await application.exchange(await self.code(application, email, **changes))
        assert response.status_code == 200, response.text
        return dict(response.json())

    async def me(self, access_token: str) -> httpx.Response:
        """Send a request to the protected route."""
        return await self.http.get("/api/v1/me", headers={"Authorization": f"Bearer {access_token}"})


def make_app(db: Database, settings: OAuthSettings) -> tuple[FastAPI, OAuthServer]:
    app = FastAPI(openapi_url=None)

    @app.get("/api/v1/me")
    async def me(user: Principal = Depends(require_user)) -> dict[str, Any]:  # noqa: B008 - a dependency of FastAPI
        return {"email": user.email, "client": user.client_id, "scopes": sorted(user.scopes), "id": user.user_id}

    return app, install(app, db, settings)


@contextlib.asynccontextmanager
async def opened(target: str | Path) -> AsyncIterator[Sandbox]:
    """Open a sandbox with the database in that folder or at that URL."""
    clock = Clock()
    settings = OAuthSettings(BASE, clock=clock, registrations_per_minute=40)
    async with Database(target) as db:
        app, server = make_app(db, settings)
        guarded = GuardMiddleware(app, port=PORT)
        async with http(guarded) as client:
            yield Sandbox(guarded, db, server, settings, clock, client)


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Sandbox]:
    async with opened(tmp_path / "data") as sandbox:
        yield sandbox


@pytest.fixture
async def application(sandbox: Sandbox) -> Application:
    return await sandbox.register()


@pytest.fixture
async def browser(sandbox: Sandbox) -> AsyncIterator[Browser]:
    browser = Browser(sandbox.app)
    yield browser
    await browser.close()
