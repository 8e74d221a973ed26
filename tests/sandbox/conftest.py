"""Requests to a sandbox as its local user."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest_asyncio

from tests.sandbox_fixtures import API, InProcessSandbox

SCHEMA = {"type": "object", "properties": {"q": {"type": "string"}}}


@dataclass
class Caller:
    """Sends one user's requests, and checks the form of every error response."""

    http: httpx.AsyncClient

    async def __call__(self, method: str, path: str, body: Any = None, *, expect: int | None = None) -> Any:
        """Return the parsed body of a response (None for 204), the error of an error response.

        `expect` is the expected status, any success by default.
        """
        response = await self.http.request(method, API + path, **({} if body is None else {"json": body}))
        if expect is None:
            assert response.is_success, response.text
        else:
            assert response.status_code == expect, response.text
        if response.is_error:
            error = response.json()["error"]
            assert set(error) == {"code", "message", "details", "requestId"}
            assert error["requestId"] == response.headers["x-request-id"]
            return error
        return response.json() if response.content else None

    async def create_app(self, **properties: Any) -> str:
        """Create an app from `blank`; return its id."""
        body = {"templateId": "blank", "name": "An app", **properties}
        return str((await self("POST", "/apps", body))["app"]["id"])

    async def create(self, app: str, path: str, /, **body: Any) -> dict[str, Any]:
        """Create a resource and return it; `path` is the collection below the app."""
        response = await self("POST", f"/apps/{app}/{path}", body, expect=201)
        (resource,) = response.values()
        return dict(resource)

    async def get(self, app: str, path: str) -> dict[str, Any]:
        """Return a resource; `path` is below the app."""
        (resource,) = (await self("GET", f"/apps/{app}/{path}")).values()
        return dict(resource)

    async def create_operation(self, app: str, **properties: Any) -> dict[str, Any]:
        """Create an integration and an operation; return the operation."""
        integration = await self.create(app, "integrations", name="An API", baseUrl="https://api.example.com")
        body = {"name": "Search", "method": "GET", "path": "/search", "inputSchema": SCHEMA, **properties}
        return await self.create(app, f"integrations/{integration['id']}/operations", **body)

    async def create_bound_tool(self, app: str, **properties: Any) -> dict[str, Any]:
        """Create an operation and a tool bound to it; return the tool."""
        operation = await self.create_operation(app)
        binding = {"type": "integration_operation", "integrationOperationId": operation["id"]}
        return await self.create(app, "tools", **{"name": "A tool", "binding": binding, **properties})


@pytest_asyncio.fixture
async def api(bare_sandbox: InProcessSandbox) -> AsyncIterator[Caller]:
    """The local user of `bare_sandbox`."""
    async with bare_sandbox.client() as client:
        yield Caller(client)


async def token_of(sandbox: InProcessSandbox, email: str) -> str:
    """Return an access token for the user with that address, who is created if necessary."""
    from dataclasses import replace

    from drio_tui.sandbox.oauth import mint_local_token

    oauth = sandbox.app.state.oauth
    return await mint_local_token(oauth.db, replace(oauth.settings, local_email=email, local_name=email))


@pytest_asyncio.fixture
async def stranger(bare_sandbox: InProcessSandbox) -> AsyncIterator[Caller]:
    """Another user of `bare_sandbox`."""
    async with bare_sandbox.client(await token_of(bare_sandbox, "stranger@example.com")) as client:
        yield Caller(client)
