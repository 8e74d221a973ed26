"""What the endpoints share: the database, the settings, the pages, and the memory of checked tokens."""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncSession

from drio_tui.sandbox.db import Database
from drio_tui.sandbox.oauth.settings import OAuthSettings
from drio_tui.sandbox.oauth.tables import Client

_CLIENT_ID = re.compile(r"[A-Za-z0-9_.-]{1,80}\Z")
_REMEMBERED = 2048
_TRUSTED_FOR = 1.0


@dataclass(frozen=True, slots=True)
class Principal:
    """Who a request comes from: the user, and the application that acts for them."""

    user_id: str
    email: str
    client_id: str
    scopes: frozenset[str]


@dataclass(slots=True)
class TokenMemory:
    """Access tokens that were looked up within the last second, by digest.

    It spares the database one read per request. Revoking in this process empties it at once; where
    several processes share a database, the others notice within that second.
    """

    generation: int = 0
    clock: Callable[[], float] = time.monotonic
    _known: dict[str, tuple[Principal, float, float]] = field(default_factory=dict)

    def get(self, key: str, now: float) -> Principal | None:
        """The principal, unless the token has expired at `now` or was looked up too long ago."""
        found = self._known.get(key)
        if found is None:
            return None
        principal, expires_at, checked = found
        if expires_at <= now or self.clock() - checked > _TRUSTED_FOR:
            del self._known[key]
            return None
        return principal

    def put(self, key: str, principal: Principal, expires_at: float, generation: int) -> None:
        """Remember a lookup begun at `generation`; one that a revocation overtook is not kept."""
        if generation != self.generation:
            return
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[key] = (principal, expires_at, self.clock())

    def forget(self) -> None:
        """Something was revoked."""
        self.generation += 1
        self._known.clear()


@dataclass(slots=True)
class RateLimit:
    """At most `limit` events in any `window` seconds."""

    limit: int
    window: float = 60.0
    _times: deque[float] = field(default_factory=deque)

    def wait(self, now: float) -> float:
        """Count one event at `now`; 0 when it may happen, else the seconds until one may."""
        while self._times and not now - self.window < self._times[0] <= now:
            self._times.popleft()  # also what lies in the future, after the clock was set back
        if len(self._times) >= self.limit:
            return self._times[0] + self.window - now
        self._times.append(now)
        return 0.0


@dataclass(frozen=True, slots=True)
class OAuthServer:
    """The authorization server of one sandbox process; `install` keeps it as `app.state.oauth`."""

    db: Database
    settings: OAuthSettings
    registrations: RateLimit
    tokens: TokenMemory = field(default_factory=TokenMemory)

    def now(self) -> float:
        """Seconds since the epoch, by the clock of the settings."""
        return self.settings.clock()


async def find_client(session: AsyncSession, client_id: str | None) -> Client | None:
    """The registered application of that id, if the id has the shape of ours at all."""
    if client_id is None or not _CLIENT_ID.match(client_id):
        return None
    return await session.get(Client, client_id)


def plausible_client_id(client_id: str | None) -> bool:
    """Whether `client_id` can be looked up (no byte that a database would refuse)."""
    return client_id is not None and _CLIENT_ID.match(client_id) is not None
