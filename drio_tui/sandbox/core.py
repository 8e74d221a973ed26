"""One sandbox: its settings, its database, and the answers it remembers."""

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
Key = tuple[str, ...]


@dataclass(slots=True)
class Answers:
    """Bodies of GETs that were answered since the last write, by user and address.

    Every write of this process empties it, before the write is acknowledged. It is used where this
    process is the only one that writes (SQLite), so what it holds is always what the database would give.
    """

    limit: int = 16 << 20
    generation: int = 0
    _size: int = 0
    _known: dict[Key, bytes] = field(default_factory=dict)

    def get(self, key: Key) -> bytes | None:
        return self._known.get(key)

    def put(self, key: Key, body: bytes, generation: int) -> None:
        """Remember an answer whose reading began at `generation`; one that a write overtook is not kept."""
        if generation != self.generation or len(body) > self.limit // 8:
            return
        if self._size + len(body) > self.limit:
            self._known.clear()
            self._size = 0
        self._size += len(body) - len(self._known.get(key, b""))
        self._known[key] = body

    def forget(self) -> None:
        """Something was written."""
        self.generation += 1
        self._known.clear()
        self._size = 0


@dataclass(slots=True)
class Sandbox:
    """What the routes work with; `app.state.sandbox`.

    `id` names its data, on whatever port they are served.
    """

    settings: Settings
    database: Database
    oauth: OAuthServer
    allowed: AllowedHosts
    answers: Answers = field(default_factory=Answers)
    upstream_key: str = field(default="", repr=False)
    id: str = ""
    connections: Callable[[], int] = field(default=lambda: 0, repr=False)

    @contextlib.asynccontextmanager
    async def writing(self, user: Principal) -> AsyncIterator[Store]:
        """A store in a write transaction, committed when the block ends."""
        try:
            async with self.alone(user.user_id) as session:
                yield Store(session, user.user_id, self.settings)
        finally:
            self.answers.forget()

    @contextlib.asynccontextmanager
    async def alone(self, name: str) -> AsyncIterator[AsyncSession]:
        """A write transaction in which no other one of the same `name` runs, wherever the data are.

        SQLite has one writer at a time anyway; on PostgreSQL, where two could take the same
        key or close a chain from both ends, they wait for each other.
        """
        async with self.database.session() as session:
            if self.database.path is None:
                key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
                await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})
            yield session

    @contextlib.asynccontextmanager
    async def reading(self, user: Principal) -> AsyncIterator[Store]:
        """A store over one consistent state."""
        async with self.database.read() as session:
            yield Store(session, user.user_id, self.settings)

    async def show(self, user: Principal, key: Key, load: Callable[[Store], Awaitable[bytes]]) -> Response:
        """The answer to a GET: the remembered body, or what `load` makes."""
        key = (user.user_id, *key)
        body = self.answers.get(key)
        if body is None:
            generation = self.answers.generation
            async with self.reading(user) as store:
                body = await load(store)
            if self.database.path is not None:
                self.answers.put(key, body, generation)
        return Response(body, media_type=JSON)


def sandbox_of(request: Request) -> Sandbox:
    """The sandbox that a request came to."""
    return cast(Sandbox, request.app.state.sandbox)


async def require_sandbox(request: Request) -> Sandbox:
    """`sandbox_of` as a dependency: a coroutine, since FastAPI calls plain functions in another thread."""
    return sandbox_of(request)


def as_json(value: Any) -> bytes:
    """A body of JSON in ASCII."""
    return dumps(value).encode("ascii")


def reply(status: int, value: Any) -> Response:
    """An answer with a JSON body."""
    return Response(as_json(value), status, media_type=JSON)
