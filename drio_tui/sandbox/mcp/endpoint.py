"""The route `/mcp/{publicMcpId}`: streamable HTTP, without sessions, one JSON answer per request.

Each request is served by the newest deployment at that moment; one under way ends with the deployment it
began with. There is no stream to listen on (GET is 405, as the protocol allows), so nothing is held open. The
public id is the only key to an endpoint: 80 random bits, which only those have whom the app's owner gave it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from fastapi import FastAPI
from fastapi.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from drio_tui.api.json_codec import loads
from drio_tui.sandbox.core import Sandbox
from drio_tui.sandbox.mcp.deployment_store import deployed_secrets, newest, newest_number
from drio_tui.sandbox.middleware import request_id
from drio_tui.sandbox.problems import envelope
from drio_tui.sandbox.secrets import SecretsUnavailable
from drio_tui.sandbox.settings import UPSTREAM_PREFIX

if TYPE_CHECKING:
    from drio_tui.sandbox.mcp.runtime import Runtime

log = logging.getLogger("drio_tui.sandbox")

MOST_LIVE = 64
"""How many deployments are kept ready; the one that was asked for longest ago makes room."""


class _Live:
    """One deployment, ready to answer."""

    def __init__(self, number: int, manager: Any, runtime: Runtime) -> None:
        self.number = number
        self.generation = -1  # of the sandbox's writes, when it was last known to be the newest
        self._manager = manager
        self._runtime = runtime
        self._under_way = 0
        self._ready = asyncio.Event()
        self._over = asyncio.Event()
        self._task = asyncio.create_task(self._run())
        self._retired = False

    async def _run(self) -> None:
        try:
            async with self._manager.run():
                self._ready.set()
                await self._over.wait()
        finally:
            await self._runtime.aclose()

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._under_way += 1
        try:
            await self._ready.wait()
            await self._manager.handle_request(scope, receive, send)
        finally:
            self._under_way -= 1
            if self._retired and not self._under_way:
                self._over.set()

    def retire(self) -> asyncio.Task[None]:
        """Take no more requests, and end when those under way have been answered."""
        self._retired = True
        if not self._under_way:
            self._over.set()
        return self._task

    async def end(self) -> None:
        """End now."""
        self._over.set()
        await self._task


class Endpoint:
    """The ASGI application of the route."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._live: OrderedDict[str, _Live] = OrderedDict()
        self._ending: set[asyncio.Task[None]] = set()
        self._loading = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The time during which it answers; at its end every deployment is closed."""
        try:
            yield
        finally:
            live = [*self._live.values()]
            self._live.clear()
            for each in live:
                await each.end()
            if self._ending:
                for task in self._ending:
                    task.cancel()
                await asyncio.gather(*self._ending, return_exceptions=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            text = "This endpoint keeps no sessions and has no stream: POST is all it takes."
            await self._refuse(405, "method_not_allowed", text, {"Allow": "POST"})(scope, receive, send)
            return
        live = await self._newest(scope["path_params"]["public_id"])
        if live is None:
            await self._refuse(404, "not_found", "No deployed app is here.")(scope, receive, send)
            return
        await live.answer(scope, receive, send)

    @staticmethod
    def _refuse(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> Any:
        async def respond(scope: Scope, receive: Receive, send: Send) -> None:
            body = envelope(request_id(scope), code, message)
            await Response(body, status, headers, "application/json")(scope, receive, send)

        return respond

    async def _newest(self, public_id: str) -> _Live | None:
        """What is live under that id, read again where it may have changed; None where nothing is."""
        answers = self._sandbox.answers
        live = self._live.get(public_id)
        only_writer = self._sandbox.database.path is not None
        if live is not None and only_writer and live.generation == answers.generation:
            self._live.move_to_end(public_id)
            return live
        async with self._loading:
            generation = answers.generation
            live = self._live.get(public_id)
            if live is not None:
                async with self._sandbox.database.read() as session:
                    number = await newest_number(session, public_id)
                if number == live.number:
                    live.generation = generation
                    return live
                self._retire(public_id)
            live = await self._load(public_id)
            if live is not None:
                live.generation = generation
                self._live[public_id] = live
                while len(self._live) > MOST_LIVE:
                    self._retire(next(iter(self._live)))
            return live

    def _retire(self, public_id: str) -> None:
        task = self._live.pop(public_id).retire()
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _load(self, public_id: str) -> _Live | None:
        settings = self._sandbox.settings
        secrets: dict[str, Any] | None = None
        async with self._sandbox.database.read() as session:
            found = await newest(session, public_id)
            if found is None:
                return None
            number, text = found
            snapshot = loads(text)
            try:
                secrets = await deployed_secrets(session, settings.vault, snapshot)
            except SecretsUnavailable as error:
                log.warning("%s: %s. Calls that sign in will fail. %s", error.title, error.message, error.hint)
        load = await asyncio.to_thread(_loader)
        own = urlsplit(settings.base_url)
        manager, runtime = load(
            number,
            snapshot,
            secrets,
            (own.hostname or "", own.port or 80),
            UPSTREAM_PREFIX,
            allow_private=settings.allow_private_egress,
            allowed=self._sandbox.allowed,
            max_body=settings.max_body,
        )
        return _Live(number, manager, runtime)


def _loader() -> Any:
    """What makes a server of a snapshot; the SDK behind it takes most of a second to import, in a thread."""
    from drio_tui.sandbox.mcp.server_factory import load

    return load


def install(app: FastAPI, sandbox: Sandbox) -> Endpoint:
    """Add the route to `app`; the caller keeps the endpoint `running`."""
    endpoint = Endpoint(sandbox)
    # First, since routes are tried in their order and nothing else is under this prefix.
    app.router.routes.insert(0, Route("/mcp/{public_id}", endpoint=endpoint, include_in_schema=False))
    return endpoint
