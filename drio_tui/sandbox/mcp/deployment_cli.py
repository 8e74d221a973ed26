"""Deployments from the command line: the sandbox is asked where it runs, else its own application in this process.

Either way it is the same routes that answer, so what is done is done once.
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
from drio_tui.api.json_codec import MalformedJson, loads
from drio_tui.sandbox.app import create_app
from drio_tui.sandbox.datadir import AlreadyRunning, DataDir, SandboxError
from drio_tui.sandbox.serve import HOST, local_token
from drio_tui.sandbox.settings import API_PREFIX, Settings

Document = dict[str, Any]


def deployments(data_dir: Path, app: str, *, database_url: str | None = None) -> list[Document]:
    """The deployments of an app (by id or slug), the live one first.

    Raises `SandboxError`, `StorageError` and `ApiError`.
    """

    async def work(client: httpx.AsyncClient) -> list[Document]:
        answer = await _asked(client, "GET", f"{await _path(client, app)}/deployments")
        return list(answer["deployments"])

    return asyncio.run(_with_client(DataDir(data_dir), database_url, work))


def restore(
    data_dir: Path,
    app: str,
    version: str | None,
    *,
    database_url: str | None = None,
    secret_key_file: Path | None = None,
) -> Document:
    """Publish an earlier deployment again, the one before the live one unless `version` names another.

    `{"app", "endpoint"}`. Raises `SandboxError`, `StorageError` and `ApiError`.
    """

    async def work(client: httpx.AsyncClient) -> Document:
        return await _asked(client, "POST", f"{await _path(client, app)}/restore", {"version": version})

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
    async with contextlib.AsyncExitStack() as stack:
        transport: httpx.AsyncBaseTransport | None = None
        try:
            stack.enter_context(folder.held())
        except AlreadyRunning:
            told, token = folder.told(), folder.token()
            if told is None or token is None:
                raise
            base_url = str(told["baseUrl"])
        else:
            base_url = f"http://{HOST}:{folder.last_port() or 1}"
            app = create_app(Settings(folder.path, base_url, database_url, secret_key_file=secret_key_file))
            await stack.enter_async_context(app.state.sandbox.database)
            token = await local_token(app.state.sandbox, folder)
            transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        headers = {"Authorization": f"Bearer {token}"}
        client = httpx.AsyncClient(
            transport=transport, base_url=base_url, headers=headers, trust_env=False, timeout=httpx.Timeout(30)
        )
        yield await stack.enter_async_context(client)


async def _path(client: httpx.AsyncClient, app: str) -> str:
    known = (await _asked(client, "GET", f"{API_PREFIX}/apps"))["apps"]
    found = next((each for each in known if app in (each["id"], each["slug"])), None)
    if found is None:
        raise NotFound(f"There is no app {app} in the sandbox.", status=404)
    return f"/sandbox/apps/{quote(found['id'], safe='')}"


async def _asked(client: httpx.AsyncClient, method: str, path: str, body: Any = None) -> Document:
    try:
        answer = await client.request(method, path, **({} if body is None else {"json": body}))
        value = loads(answer.content)
    except (httpx.TransportError, MalformedJson) as error:
        raise SandboxError(f"the sandbox at {client.base_url} does not answer as one: {error}") from error
    if answer.is_error:
        raise api_error(answer.status_code, value)
    found: Document = value
    return found
