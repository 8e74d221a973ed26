"""Deployments for the command line: requests to the running sandbox, or to its ASGI application in this process.

Either way the same routes respond, so that their logic exists once.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from drio_tui.api.errors import NotFound, api_error
from drio_tui.api.http import httpx
from drio_tui.api.json_codec import Document, MalformedJson, loads
from drio_tui.sandbox.app import create_app
from drio_tui.sandbox.datadir import AlreadyRunning, DataDir, SandboxError
from drio_tui.sandbox.serve import HOST, ensure_local_token
from drio_tui.sandbox.settings import API_PREFIX, Settings


def deployments(data_dir: Path, app: str, *, database_url: str | None = None) -> list[Document]:
    """Return the deployments of an app (by id or slug), the live one first.

    Raises `SandboxError`, `StorageError` and `ApiError`.
    """

    async def work(client: httpx.AsyncClient) -> list[Document]:
        body = await _request(client, "GET", f"{await _app_path(client, app)}/deployments")
        return list(body["deployments"])

    return asyncio.run(_with_client(DataDir(data_dir), database_url, work))


def restore(
    data_dir: Path,
    app: str,
    version: str | None,
    *,
    database_url: str | None = None,
    secret_key_file: Path | None = None,
) -> Document:
    """Publish an earlier deployment again: `version`, or the one before the live one.

    Returns `{"app", "endpoint"}`. Raises `SandboxError`, `StorageError` and `ApiError`.
    """

    async def work(client: httpx.AsyncClient) -> Document:
        return await _request(client, "POST", f"{await _app_path(client, app)}/restore", {"version": version})

    return asyncio.run(_with_client(DataDir(data_dir), database_url, work, secret_key_file))


async def _with_client(
    folder: DataDir, database_url: str | None, work: Any, secret_key_file: Path | None = None
) -> Any:
    async with _client(folder, database_url, secret_key_file) as client:
        return await work(client)


@contextlib.asynccontextmanager
async def _client(
    folder: DataDir, database_url: str | None, secret_key_file: Path | None
) -> AsyncIterator[httpx.AsyncClient]:
    """Open a client for the sandbox that runs in the folder, or for its application in this process if none runs."""
    async with contextlib.AsyncExitStack() as stack:
        transport: httpx.AsyncBaseTransport | None = None
        try:
            stack.enter_context(folder.locked())
        except AlreadyRunning:
            info, token = folder.read_info(), folder.token()
            if info is None or token is None:
                raise
            base_url = str(info["baseUrl"])
        else:
            base_url = f"http://{HOST}:{folder.last_port() or 1}"
            app = create_app(Settings(folder.path, base_url, database_url, secret_key_file=secret_key_file))
            await stack.enter_async_context(app.state.sandbox.database)
            token = await ensure_local_token(app.state.sandbox, folder)
            transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        headers = {"Authorization": f"Bearer {token}"}
        client = httpx.AsyncClient(
            transport=transport, base_url=base_url, headers=headers, trust_env=False, timeout=httpx.Timeout(30)
        )
        yield await stack.enter_async_context(client)


async def _app_path(client: httpx.AsyncClient, id_or_slug: str) -> str:
    """Return the path of an app below `/sandbox`. Raises `NotFound`."""
    apps = (await _request(client, "GET", f"{API_PREFIX}/apps"))["apps"]
    app = next((app for app in apps if id_or_slug in (app["id"], app["slug"])), None)
    if app is None:
        raise NotFound(f"There is no app {id_or_slug} in the sandbox.", status=404)
    return f"/sandbox/apps/{quote(app['id'], safe='')}"


async def _request(client: httpx.AsyncClient, method: str, path: str, body: Any = None) -> Document:
    """Send a request; return the parsed body of the response. Raises `SandboxError` and `ApiError`."""
    try:
        response = await client.request(method, path, **({} if body is None else {"json": body}))
        value = loads(response.content)
    except (httpx.TransportError, MalformedJson) as error:
        raise SandboxError(f"the sandbox at {client.base_url} does not answer as one: {error}") from error
    if response.is_error:
        raise api_error(response.status_code, value)
    document: Document = value
    return document
