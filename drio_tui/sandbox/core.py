"""One sandbox: its settings, its database, and its cache of responses."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, cast

from fastapi import Request
from fastapi.responses import Response
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from drio_tui.api.json_codec import dumps
from drio_tui.sandbox.allowed import AllowedHosts
from drio_tui.sandbox.db import Database
from drio_tui.sandbox.oauth import OAuthServer, Principal
from drio_tui.sandbox.settings import Settings
from drio_tui.sandbox.store import Store

JSON = "application/json"
CacheKey = tuple[str, ...]


@dataclass(slots=True)
class ResponseCache:
    """Response bodies of GETs since the last write, by user and path.

    Every write of this process empties the cache before the write is acknowledged. It is only used where
    this process is the only writer (SQLite), so a cached body is always what the database would give.
    """

    limit: int = 16 << 20
    generation: int = 0
    _size: int = 0
    _bodies: dict[CacheKey, bytes] = field(default_factory=dict)

    def get(self, key: CacheKey) -> bytes | None:
        return self._bodies.get(key)

    def put(self, key: CacheKey, body: bytes, generation: int) -> None:
        """Cache a body that was read from `generation` on, unless a write has happened since."""
        if generation != self.generation or len(body) > self.limit // 8:
            return
        if self._size + len(body) > self.limit:
            self._bodies.clear()
            self._size = 0
        self._size += len(body) - len(self._bodies.get(key, b""))
        self._bodies[key] = body

    def clear(self) -> None:
        """Empty the cache after a write, and start a new generation."""
        self.generation += 1
        self._bodies.clear()
        self._size = 0


@dataclass(slots=True)
class Sandbox:
    """The state that the routes share, `app.state.sandbox`.

    `id` identifies the data, whatever port they are served on.
    """

    settings: Settings
    database: Database
    oauth: OAuthServer
    allowed: AllowedHosts
    cache: ResponseCache = field(default_factory=ResponseCache)
    upstream_key: str = field(default="", repr=False)
    id: str = ""
    connections: Callable[[], int] = field(default=lambda: 0, repr=False)

    @contextlib.asynccontextmanager
    async def writing(self, user: Principal) -> AsyncIterator[Store]:
        """Open a store in a write transaction, committed when the block ends."""
        try:
            async with self.exclusive(user.user_id) as session:
                yield Store(session, user.user_id, self.settings)
        finally:
            self.cache.clear()

    @contextlib.asynccontextmanager
    async def exclusive(self, name: str) -> AsyncIterator[AsyncSession]:
        """Open a write transaction that excludes every other one of the same `name`, on either database.

        SQLite has one writer at a time anyway. On PostgreSQL two could take the same key, or close a
        chain to a cycle from both ends, so an advisory lock makes one wait for the other.
        """
        async with self.database.session() as session:
            if self.database.path is None:
                key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
                await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})
            yield session

    @contextlib.asynccontextmanager
    async def reading(self, user: Principal) -> AsyncIterator[Store]:
        """Open a store over one consistent state of the database."""
        async with self.database.read() as session:
            yield Store(session, user.user_id, self.settings)

    async def cached_response(
        self, user: Principal, key: CacheKey, load: Callable[[Store], Awaitable[bytes]]
    ) -> Response:
        """Return the response to a GET: the cached body, or the one that `load` returns."""
        key = (user.user_id, *key)
        body = self.cache.get(key)
        if body is None:
            generation = self.cache.generation
            async with self.reading(user) as store:
                body = await load(store)
            if self.database.path is not None:
                self.cache.put(key, body, generation)
        return Response(body, media_type=JSON)


def sandbox_of(request: Request) -> Sandbox:
    """Return the sandbox that serves a request."""
    return cast(Sandbox, request.app.state.sandbox)


async def require_sandbox(request: Request) -> Sandbox:
    """Return `sandbox_of(request)`; a coroutine, since FastAPI runs plain functions in another thread."""
    return sandbox_of(request)


def json_bytes(value: Any) -> bytes:
    """Return a value as JSON in ASCII."""
    return dumps(value).encode("ascii")


def json_response(status: int, value: Any) -> Response:
    """Return a response with a JSON body."""
    return Response(json_bytes(value), status, media_type=JSON)
