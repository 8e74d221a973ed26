"""A sandbox on a real socket in this process, and upstreams that record requests."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest_asyncio
import uvicorn
from mcp import Client
from starlette.applications import Starlette

from drio_tui.sandbox.app import create_app
from drio_tui.sandbox.oauth import mint_local_token
from drio_tui.sandbox.settings import Settings
from tests.sandbox.conftest import Caller


@dataclass
class ServedSandbox:
    """A sandbox that listens on a socket."""

    app: Starlette
    base_url: str
    data_dir: Path
    api: Caller

    def client(self, endpoint: str, mode: str = "auto") -> Client:
        """Return a client of the official SDK."""
        return Client(endpoint, mode=mode)

    async def deploy(self, app: str) -> str:
        """Deploy an app; return its endpoint."""
        return str((await self.api("POST", f"/apps/{app}/deploy"))["endpoint"])

    async def call(self, endpoint: str, tool: str, arguments: dict[str, Any] | None = None) -> Any:
        """Call a tool; return its result."""
        async with self.client(endpoint) as client:
            return await client.call_tool(tool, arguments or {})

    async def create_tool(
        self,
        base_url: str,
        *,
        app: str = "",
        name: str = "Do it",
        method: str = "GET",
        path: str = "/",
        auth: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        integration: str = "",
        tool: dict[str, Any] | None = None,
        widget: dict[str, Any] | None = None,
        **operation: Any,
    ) -> tuple[str, dict[str, Any]]:
        """Create a tool bound to a new operation, in a new app if `app` is empty; return the app's id and the tool."""
        app = app or await self.api.create_app(
            slug=f"app-{base_url.rpartition(':')[2].partition('/')[0]}-{id(operation)}"
        )
        if not integration:
            properties: dict[str, Any] = {}
            if auth is not None:
                properties["authId"] = (await self.api.create(app, "auth", name="Sign-in", **auth))["id"]
            if headers is not None:
                properties["config"] = {"headers": headers}
            integration = (await self.api.create(app, "integrations", name="API", baseUrl=base_url, **properties))["id"]
        body = {"name": name, "method": method, "path": path, **operation}
        new_operation = await self.api.create(app, f"integrations/{integration}/operations", **body)
        binding = {"type": "integration_operation", "integrationOperationId": new_operation["id"]}
        new_tool = await self.api.create(app, "tools", name=name, binding=binding, **(tool or {}))
        if widget is not None:
            await self.api.create(app, "widgets", name=f"{name} widget", toolId=new_tool["id"], **widget)
        return app, new_tool


@contextlib.asynccontextmanager
async def served(folder: Path, **options: Any) -> AsyncIterator[ServedSandbox]:
    """Serve a sandbox on a free port; `options` are those of its `Settings`."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    base_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    app = create_app(Settings(folder, base_url, **options))
    async with app.router.lifespan_context(app), _uvicorn(app, listener):
        sandbox = app.state.sandbox
        token = await mint_local_token(sandbox.database, sandbox.oauth.settings)
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(base_url=base_url, headers=headers, trust_env=False, timeout=60) as http:
            yield ServedSandbox(app, base_url, folder, Caller(http))


@contextlib.asynccontextmanager
async def _uvicorn(app: Any, listener: socket.socket) -> AsyncIterator[None]:
    config = uvicorn.Config(
        app,
        lifespan="off",
        http="h11",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=3,
    )
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]  # pytest handles signals
    task = asyncio.create_task(server.serve([listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await task
        listener.close()


@pytest_asyncio.fixture
async def strict(tmp_path: Path) -> AsyncIterator[ServedSandbox]:
    """A sandbox with default settings: deployed apps may not call private addresses."""
    async with served(tmp_path / "strict", example_app=False) as running:
        yield running


@pytest_asyncio.fixture
async def lax(tmp_path: Path) -> AsyncIterator[ServedSandbox]:
    """A sandbox that lets deployed apps call upstreams on this machine."""
    async with served(tmp_path / "lax", example_app=False, allow_private_egress=True) as running:
        yield running


@pytest_asyncio.fixture
async def helpdesk(tmp_path: Path) -> AsyncIterator[ServedSandbox]:
    """A sandbox with the example app, whose upstream is its own helpdesk."""
    async with served(tmp_path / "helpdesk") as running:
        yield running


@dataclass
class ReceivedRequest:
    """A request that an upstream has received."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


Reply = bytes | Awaitable[bytes]


@dataclass
class Upstream:
    """A server that sends the bytes that `response_for` returns, and records the requests in `requests`."""

    base_url: str = ""
    port: int = 0
    requests: list[ReceivedRequest] = field(default_factory=list)
    response_for: Callable[[ReceivedRequest], bytes] = lambda _seen: http_response(b'{"ok": true}')
    on_connection: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]] | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            if self.on_connection is not None:
                await self.on_connection(reader, writer)
            else:
                while True:
                    request = await read_request(reader)
                    self.requests.append(request)
                    writer.write(self.response_for(request))
                    await writer.drain()
        writer.close()


async def read_request(reader: asyncio.StreamReader) -> ReceivedRequest:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.rstrip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return ReceivedRequest(method, target, headers, body)


def http_response(body: bytes, status: str = "200 OK", kind: str = "application/json", **headers: str) -> bytes:
    """Return an HTTP response."""
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


@contextlib.asynccontextmanager
async def upstream_at(host: str = "127.0.0.1") -> AsyncIterator[Upstream]:
    upstream = Upstream()
    server = await asyncio.start_server(upstream.serve, host, 0)
    upstream.port = server.sockets[0].getsockname()[1]
    upstream.base_url = f"http://{host}:{upstream.port}"
    try:
        yield upstream
    finally:
        server.close()


@pytest_asyncio.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with upstream_at() as running:
        yield running


@pytest_asyncio.fixture
async def other() -> AsyncIterator[Upstream]:
    """A second upstream, on another port."""
    async with upstream_at() as running:
        yield running
