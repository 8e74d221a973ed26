"""Token sets, how long they are good for, and why they never show what they hold."""

from __future__ import annotations

import time
from dataclasses import dataclass, fields
from typing import Any, Protocol

HIDDEN = "‹hidden›"
_SECRET = frozenset({"access_token", "refresh_token", "client_secret"})
MARGIN_SECONDS = 60.0
MARGIN_SHARE = 0.1


class Clock(Protocol):
    """The two clocks a computer has, in seconds."""

    def wall(self) -> float:
        """Unix time; a person or NTP may set it forward or back."""

    def monotonic(self) -> float:
        """Never goes back; means nothing outside this process and stands still while suspended."""


class SystemClock:
    """The real clocks."""

    def wall(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()


@dataclass(frozen=True, slots=True, repr=False)
class TokenSet:
    """What a token endpoint gave (RFC 6749 section 5.1), with all that a refresh needs.

    The client's id (and secret, where the server insists on one) is part of the set, because a refresh
    token belongs to the client that got it. Times are Unix seconds, `lifetime` seconds; `expires_at` and
    `lifetime` are None where the server told nothing: then only a 401 tells.

    `repr`, `str` and pickles hold no secret; `to_json` is for the token stores alone.
    """

    access_token: str
    client_id: str
    issuer: str
    token_endpoint: str
    obtained_at: float
    refresh_token: str | None = None
    expires_at: float | None = None
    lifetime: float | None = None
    scope: str = ""
    token_type: str = "Bearer"  # noqa: S105 - the scheme's name
    resource: str | None = None
    revocation_endpoint: str | None = None
    auth_method: str = "none"
    client_secret: str | None = None

    def __repr__(self) -> str:
        shown = ", ".join(f"{f.name}={_shown(f.name, getattr(self, f.name))}" for f in fields(self))
        return f"TokenSet({shown})"

    def __reduce__(self) -> tuple[Any, ...]:
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return (_rebuild, ({k: HIDDEN if k in _SECRET and v else v for k, v in values.items()},))

    def __copy__(self) -> TokenSet:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> TokenSet:
        return self

    @property
    def margin(self) -> float:
        """How long before the end a refresh is due: 60 s, or a tenth of a short life."""
        return min(MARGIN_SECONDS, MARGIN_SHARE * self.lifetime) if self.lifetime else 0.0

    def remaining(self, wall: float) -> float | None:
        """Seconds left at `wall`, never more than the whole life however far back the clock was set; None: unknown."""
        if self.expires_at is None:
            return None
        left = self.expires_at - wall
        return left if self.lifetime is None else min(left, self.lifetime)

    def to_json(self) -> dict[str, Any]:
        """Everything, secrets too, for a token store."""
        return {f.name: value for f in fields(self) if (value := getattr(self, f.name)) is not None}

    @classmethod
    def from_json(cls, data: Any) -> TokenSet:
        """The set a store kept. Raises ValueError for anything but what `to_json` gives; unknown keys are ignored."""
        if not isinstance(data, dict):
            raise ValueError("not an object")
        values: dict[str, Any] = {}
        for field in fields(cls):
            if field.name not in data:
                continue
            value = data[field.name]
            number = field.name in ("obtained_at", "expires_at", "lifetime")
            if isinstance(value, bool) or not isinstance(value, (int, float) if number else str):
                raise ValueError(f"{field.name} has the wrong type")
            values[field.name] = float(value) if number else value
        missing = {"access_token", "client_id", "issuer", "token_endpoint", "obtained_at"} - values.keys()
        if missing:
            raise ValueError(f"{min(missing)} is missing")
        return cls(**values)


def _rebuild(values: dict[str, Any]) -> TokenSet:
    return TokenSet(**values)


def _shown(name: str, value: Any) -> str:
    return HIDDEN if name in _SECRET and value else repr(value)


class TokenExpiry:
    """How long one token set is still good, by whichever of the two clocks is the stricter.

    The wall clock counts time asleep and across restarts; the monotonic one counts when someone sets the
    wall clock back. Measured from the moment this object is made.
    """

    def __init__(self, tokens: TokenSet, clock: Clock) -> None:
        self._tokens = tokens
        self._clock = clock
        left = tokens.remaining(clock.wall())
        self._ends = None if left is None else clock.monotonic() + left

    @property
    def left(self) -> float | None:
        """Seconds left; None when the server told no lifetime."""
        by_wall = self._tokens.remaining(self._clock.wall())
        if by_wall is None or self._ends is None:
            return None
        return min(by_wall, self._ends - self._clock.monotonic())

    @property
    def due(self) -> bool:
        """Whether a refresh should come before the next request."""
        left = self.left
        return left is not None and left <= self._tokens.margin

    @property
    def over(self) -> bool:
        """Whether the token is surely of no use any more."""
        left = self.left
        return left is not None and left <= 0
