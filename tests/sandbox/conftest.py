"""Shorthands for talking to a sandbox as its local user."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest_asyncio

from tests.sandbox_fixtures import API, InProcess, in_process

SCHEMA = {"type": "object", "properties": {"q": {"type": "string"}}}


@dataclass
class Caller:
    """One user's requests; every answer is checked for what holds for all of them."""

    http: httpx.AsyncClient
    made: dict[str, Any] = field(default_factory=dict)

    async def __call__(self, method: str, path: str, body: Any = None, *, expect: int | None = None) -> Any:
        """The parsed answer (None for 204); `expect` is its status, any success where it is not given."""
        answer = await self.http.request(method, API + path, **({} if body is None else {"json": body}))
        if expect is None:
            assert answer.is_success, answer.text
        else:
            assert answer.status_code == expect, answer.text
        if answer.is_error:
            error = answer.json()["error"]
            assert set(error) == {"code", "message", "details", "requestId"}
            assert error["requestId"] == answer.headers["x-request-id"]
            return error
        return answer.json() if answer.content else None

    async def app(self, **members: Any) -> str:
        """The id of a new app made from `blank`."""
        body = {"templateId": "blank", "name": "An app", **members}
        return str((await self("POST", "/apps", body))["app"]["id"])

    async def new(self, app: str, path: str, /, **body: Any) -> dict[str, Any]:
        """A new resource: `path` is the collection below the app."""
        answer = await self("POST", f"/apps/{app}/{path}", body, expect=201)
        (resource,) = answer.values()
        return dict(resource)

    async def get(self, app: str, path: str) -> dict[str, Any]:
        (resource,) = (await self("GET", f"/apps/{app}/{path}")).values()
        return dict(resource)

    async def operation(self, app: str, **members: Any) -> dict[str, Any]:
        """A new operation of a new integration."""
        integration = await self.new(app, "integrations", name="An API", baseUrl="https://api.example.com")
        body = {"name": "Search", "method": "GET", "path": "/search", "inputSchema": SCHEMA, **members}
        return await self.new(app, f"integrations/{integration['id']}/operations", **body)

    async def bound_tool(self, app: str, **members: Any) -> dict[str, Any]:
        """A new tool bound to a new operation."""
        operation = await self.operation(app)
        binding = {"type": "integration_operation", "integrationOperationId": operation["id"]}
        return await self.new(app, "tools", **{"name": "A tool", "binding": binding, **members})


@pytest_asyncio.fixture
async def box(tmp_path: Path) -> AsyncIterator[InProcess]:
    """A sandbox without apps."""
    async with in_process(tmp_path / "data", example_app=False) as running:
        yield running


@pytest_asyncio.fixture
async def api(box: InProcess) -> AsyncIterator[Caller]:
    """The local user."""
    async with box.client() as client:
        yield Caller(client)


async def token_of(box: InProcess, email: str) -> str:
    """An access token for another user, as the OAuth flow would give it."""
    from dataclasses import replace

    from drio_tui.sandbox.oauth import mint_local_token

    oauth = box.app.state.oauth
    return await mint_local_token(oauth.db, replace(oauth.settings, local_email=email, local_name=email))


@pytest_asyncio.fixture
async def stranger(box: InProcess) -> AsyncIterator[Caller]:
    """Another user of the same sandbox."""
    async with box.client(await token_of(box, "stranger@example.com")) as client:
        yield Caller(client)
