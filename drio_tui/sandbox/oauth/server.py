"""The state that the endpoints share: database, settings, the rate limit of registrations, and the valid tokens."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncSession

from drio_tui.sandbox.db import Database, ReadCache
from drio_tui.sandbox.oauth.settings import OAuthSettings
from drio_tui.sandbox.oauth.tables import Client

_CLIENT_ID = re.compile(r"[A-Za-z0-9_.-]{1,80}\Z")


@dataclass(frozen=True, slots=True)
class Principal:
    """Who a request comes from: the user, and the application that acts for them."""

    user_id: str
    email: str
    client_id: str
    scopes: frozenset[str]


@dataclass(slots=True)
class RateLimit:
    """At most `limit` events in any `window` seconds."""

    limit: int
    window: float = 60.0
    _times: deque[float] = field(default_factory=deque)

    def wait(self, now: float) -> float:
        """Count one event at `now` and return 0 if it is allowed, else the seconds until one is."""
        while self._times and not now - self.window < self._times[0] <= now:
            self._times.popleft()  # also events in the future, after the clock was set back
        if len(self._times) >= self.limit:
            return self._times[0] + self.window - now
        self._times.append(now)
        return 0.0


@dataclass(frozen=True, slots=True)
class OAuthServer:
    """The authorization server of one sandbox process, `app.state.oauth`.

    `tokens` are the principals of valid access tokens, with the time at which each expires, by digest.
    """

    db: Database
    settings: OAuthSettings
    registrations: RateLimit
    tokens: ReadCache[tuple[Principal, float]]

    def now(self) -> float:
        """Return the seconds since the epoch, by the clock of the settings."""
        return self.settings.clock()


async def find_client(session: AsyncSession, client_id: str | None) -> Client | None:
    """Return the registered client of that id, None if there is none."""
    if client_id is None or not _CLIENT_ID.match(client_id):
        return None
    return await session.get(Client, client_id)


def is_client_id(client_id: str | None) -> bool:
    """Whether `client_id` has the form of a client id; PostgreSQL would reject some other texts."""
    return client_id is not None and _CLIENT_ID.match(client_id) is not None
