"""The route `/mcp/{publicMcpId}`: MCP over streamable HTTP, without sessions, one JSON response per request.

Each request is served by the deployment that is live when it arrives. There is no stream to listen on (GET is
405, which the protocol allows), so no connection is kept open. The public id is the only credential for an
endpoint: 80 random bits, known to those with whom the app's owner has shared it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from drio_tui.api.json_codec import loads
from drio_tui.sandbox.core import Sandbox
from drio_tui.sandbox.mcp.call_log import MAX_PARSED, CallLog, CallRecorder, Exchange, recorder
from drio_tui.sandbox.mcp.deployment_store import deployed_secrets, live_deployment, live_number
from drio_tui.sandbox.middleware import request_id
from drio_tui.sandbox.problems import envelope
from drio_tui.sandbox.secrets import SecretsUnavailable
from drio_tui.sandbox.settings import UPSTREAM_PREFIX

if TYPE_CHECKING:
    from drio_tui.sandbox.mcp.runtime import Runtime

log = logging.getLogger("drio_tui.sandbox")

MAX_SERVERS = 64
"""How many deployments keep a running server; the least recently used one is closed first."""


class _RunningServer:
    """The running server of one deployment."""

    def __init__(self, number: int, manager: Any, runtime: Runtime, calls: CallLog) -> None:
        self.number = number
        self.generation = -1  # of the response cache, when the deployment was last known to be live
        self._manager = manager
        self._runtime = runtime
        self._calls = calls
        self._active_requests = 0
        self._ready = asyncio.Event()
        self._stop = asyncio.Event()
        self._task = asyncio.create_task(self._run())
        self._draining = False

    async def _run(self) -> None:
        try:
            async with self._manager.run():
                self._ready.set()
                await self._stop.wait()
        finally:
            await self._runtime.aclose()

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        self._active_requests += 1
        try:
            await self._ready.wait()
            await self._handle_recorded(scope, receive, send)
        finally:
            self._active_requests -= 1
            if self._draining and not self._active_requests:
                self._stop.set()

    async def _handle_recorded(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, and record it before the last part of its response is sent."""
        started, clock = time.time(), time.perf_counter()
        body, answer = bytearray(), bytearray()
        status = size = 0
        recorded = CallRecorder()

        async def receive_recorded() -> Message:
            message = await receive()
            body.extend(message.get("body", b""))
            return message

        async def send_recorded(message: Message) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                part = message.get("body", b"")
                size += len(part)
                answer.extend(part[: MAX_PARSED - len(answer)])
                if not message.get("more_body"):
                    seconds = time.perf_counter() - clock
                    client = scope.get("client")
                    exchange = Exchange(
                        started,
                        seconds,
                        tuple(client) if client else None,
                        dict(scope["headers"]),
                        bytes(body),
                        status,
                        bytes(answer),
                        size,
                    )
                    self._calls.record(self._runtime.deployment.app["id"], exchange, recorded, self._runtime.secrets)
            await send(message)

        token = recorder.set(recorded)
        try:
            await self._manager.handle_request(scope, receive_recorded, send_recorded)
        finally:
            recorder.reset(token)

    def drain(self) -> asyncio.Task[None]:
        """Stop after the requests that are being served; return the task that ends then."""
        self._draining = True
        if not self._active_requests:
            self._stop.set()
        return self._task

    async def close(self) -> None:
        """Stop now."""
        self._stop.set()
        await self._task


class Endpoint:
    """The ASGI application of the route."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._servers: OrderedDict[str, _RunningServer] = OrderedDict()
        self._draining_tasks: set[asyncio.Task[None]] = set()
        self._lock = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve requests inside the block; close every server at its end."""
        try:
            yield
        finally:
            servers = [*self._servers.values()]
            self._servers.clear()
            for server in servers:
                await server.close()
            if self._draining_tasks:
                for task in self._draining_tasks:
                    task.cancel()
                await asyncio.gather(*self._draining_tasks, return_exceptions=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            text = "This endpoint keeps no sessions and has no stream: POST is all it takes."
            await self._error(405, "method_not_allowed", text, {"Allow": "POST"})(scope, receive, send)
            return
        server = await self._live_server(scope["path_params"]["public_id"])
        if server is None:
            await self._error(404, "not_found", "No deployed app is here.")(scope, receive, send)
            return
        await server.handle(scope, receive, send)

    @staticmethod
    def _error(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> Any:
        async def respond(scope: Scope, receive: Receive, send: Send) -> None:
            body = envelope(request_id(scope), code, message)
            await Response(body, status, headers, "application/json")(scope, receive, send)

        return respond

    async def _live_server(self, public_id: str) -> _RunningServer | None:
        """Return the server of the live deployment, loaded if it may have changed; None if nothing is deployed."""
        responses = self._sandbox.responses
        server = self._servers.get(public_id)
        only_writer = self._sandbox.database.path is not None
        if server is not None and only_writer and server.generation == responses.generation:
            self._servers.move_to_end(public_id)
            return server
        async with self._lock:
            generation = responses.generation
            server = self._servers.get(public_id)
            if server is not None:
                async with self._sandbox.database.read() as session:
                    number = await live_number(session, public_id)
                if number == server.number:
                    server.generation = generation
                    return server
                self._drain(public_id)
            server = await self._load(public_id)
            if server is not None:
                server.generation = generation
                self._servers[public_id] = server
                while len(self._servers) > MAX_SERVERS:
                    self._drain(next(iter(self._servers)))
            return server

    def _drain(self, public_id: str) -> None:
        task = self._servers.pop(public_id).drain()
        self._draining_tasks.add(task)
        task.add_done_callback(self._draining_tasks.discard)

    async def _load(self, public_id: str) -> _RunningServer | None:
        settings = self._sandbox.settings
        secrets: dict[str, Any] | None = None
        async with self._sandbox.database.read() as session:
            deployment = await live_deployment(session, public_id)
            if deployment is None:
                return None
            number, text = deployment
            snapshot = loads(text)
            try:
                secrets = await deployed_secrets(session, settings.cipher, snapshot)
            except SecretsUnavailable as error:
                log.warning("%s: %s. Calls that sign in will fail. %s", error.title, error.message, error.hint)
        create_server = await asyncio.to_thread(_import_factory)
        own_url = urlsplit(settings.base_url)
        manager, runtime = create_server(
            number,
            snapshot,
            secrets,
            (own_url.hostname or "", own_url.port or 80),
            UPSTREAM_PREFIX,
            allow_private=settings.allow_private_egress,
            allowed=self._sandbox.allowed,
            max_body=settings.max_body,
        )
        return _RunningServer(number, manager, runtime, self._sandbox.calls)


def _import_factory() -> Any:
    """Return `create_server`. Blocking: the SDK that it imports takes most of a second."""
    from drio_tui.sandbox.mcp.server import create_server

    return create_server


def install(app: Starlette, sandbox: Sandbox) -> Endpoint:
    """Add the route to `app`; the caller must enter `Endpoint.running`."""
    endpoint = Endpoint(sandbox)
    # First: Starlette tries routes in their order, and no other route has this prefix.
    app.router.routes.insert(0, Route("/mcp/{public_id}", endpoint=endpoint, include_in_schema=False))
    return endpoint
