"""One sandbox: its settings, its database, and its cache of responses."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, cast

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request
from starlette.responses import Response

from drio_tui.api.json_codec import dumps
from drio_tui.sandbox.allowed import AllowedHosts
from drio_tui.sandbox.db import Database, ReadCache
from drio_tui.sandbox.faults.lab import FaultLab
from drio_tui.sandbox.mcp.call_log import CallLog
from drio_tui.sandbox.oauth import OAuthServer, Principal
from drio_tui.sandbox.settings import Settings
from drio_tui.sandbox.store import Store

JSON = "application/json"


@dataclass(slots=True)
class Sandbox:
    """The state that the routes share, `app.state.sandbox`.

    `id` identifies the data, whatever port they are served on. `responses` are bodies of GETs by user and path.
    """

    settings: Settings
    database: Database
    oauth: OAuthServer
    allowed: AllowedHosts
    faults: FaultLab = field(default_factory=FaultLab)
    calls: CallLog = field(default_factory=CallLog)
    responses: ReadCache[bytes] = field(init=False, repr=False)
    upstream_key: str = field(default="", repr=False)
    id: str = ""
    connections: Callable[[], int] = field(default=lambda: 0, repr=False)

    def __post_init__(self) -> None:
        self.responses = ReadCache(self.database)

    @contextlib.asynccontextmanager
    async def writing(self, user: Principal) -> AsyncIterator[Store]:
        """Open a store in a write transaction, committed when the block ends."""
        try:
            async with self.exclusive(user.user_id) as session:
                yield Store(session, user.user_id, self.settings)
        finally:
            self.responses.clear()

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
        self, user: Principal, key: tuple[str, ...], load: Callable[[Store], Awaitable[bytes]]
    ) -> Response:
        """Return the response to a GET: the cached body, or the one that `load` returns."""
        body = await self.responses.read(
            (user.user_id, *key), lambda session: load(Store(session, user.user_id, self.settings))
        )
        return Response(body, media_type=JSON)


def sandbox_of(request: Request) -> Sandbox:
    """Return the sandbox that serves a request."""
    return cast(Sandbox, request.app.state.sandbox)


def json_bytes(value: Any) -> bytes:
    """Return a value as JSON in ASCII."""
    return dumps(value).encode("ascii")


def json_response(status: int, value: Any) -> Response:
    """Return a response with a JSON body."""
    return Response(json_bytes(value), status, media_type=JSON)
