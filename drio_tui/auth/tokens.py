"""Token sets, whose representations hide the secrets, and their expiry."""

from __future__ import annotations

import time
from dataclasses import dataclass, fields
from typing import Any, Protocol

HIDDEN = "‹hidden›"
_SECRET_FIELDS = frozenset({"access_token", "refresh_token", "client_secret"})
MARGIN_SECONDS = 60.0
MARGIN_SHARE = 0.1


class Clock(Protocol):
    """A wall clock and a monotonic clock, in seconds."""

    def wall(self) -> float:
        """Return the Unix time; the user or NTP may set it forward or back."""

    def monotonic(self) -> float:
        """Return a time that never goes back; it is only valid in this process, and stops while suspended."""


class SystemClock:
    """The clocks of the system."""

    def wall(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()


@dataclass(frozen=True, slots=True, repr=False)
class TokenSet:
    """The response of a token endpoint (RFC 6749 section 5.1), with all that a refresh needs.

    The client's id (and secret, where the server requires one) is part of the set, because a refresh token belongs to
    the client it was issued to. Times are Unix seconds, `lifetime` is in seconds; `expires_at` and `lifetime` are None
    where the server sent no `expires_in`: the token is then used until a 401.

    `repr`, `str` and pickles contain no secret; `to_json` is for the token stores only.
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
        values = ", ".join(f"{f.name}={_field_repr(f.name, getattr(self, f.name))}" for f in fields(self))
        return f"TokenSet({values})"

    def __reduce__(self) -> tuple[Any, ...]:
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return (_rebuild, ({k: HIDDEN if k in _SECRET_FIELDS and v else v for k, v in values.items()},))

    def __copy__(self) -> TokenSet:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> TokenSet:
        return self

    @property
    def margin(self) -> float:
        """Seconds before expiry at which a refresh is due: 60 s, or a tenth of a short lifetime."""
        return min(MARGIN_SECONDS, MARGIN_SHARE * self.lifetime) if self.lifetime else 0.0

    def remaining(self, wall: float) -> float | None:
        """Return the seconds left at wall time `wall`, None if unknown; never more than `lifetime`."""
        if self.expires_at is None:
            return None
        remaining = self.expires_at - wall
        return remaining if self.lifetime is None else min(remaining, self.lifetime)

    def to_json(self) -> dict[str, Any]:
        """Return all fields, including secrets, for a token store."""
        return {f.name: value for f in fields(self) if (value := getattr(self, f.name)) is not None}

    @classmethod
    def from_json(cls, data: Any) -> TokenSet:
        """Return the token set of `to_json`. Unknown keys are ignored; raises ValueError for missing or wrong ones."""
        if not isinstance(data, dict):
            raise ValueError("not an object")
        values: dict[str, Any] = {}
        for field in fields(cls):
            if field.name not in data:
                continue
            value = data[field.name]
            is_number = field.name in ("obtained_at", "expires_at", "lifetime")
            if isinstance(value, bool) or not isinstance(value, (int, float) if is_number else str):
                raise ValueError(f"{field.name} has the wrong type")
            values[field.name] = float(value) if is_number else value
        missing = {"access_token", "client_id", "issuer", "token_endpoint", "obtained_at"} - values.keys()
        if missing:
            raise ValueError(f"{min(missing)} is missing")
        return cls(**values)


def _rebuild(values: dict[str, Any]) -> TokenSet:
    return TokenSet(**values)


def _field_repr(name: str, value: Any) -> str:
    return HIDDEN if name in _SECRET_FIELDS and value else repr(value)


class TokenExpiry:
    """When a token set expires, by the stricter of the two clocks.

    The wall clock includes suspended time and time between runs; the monotonic clock is right when the wall clock is
    set back. The latter is measured from the creation of this object.
    """

    def __init__(self, tokens: TokenSet, clock: Clock) -> None:
        self._tokens = tokens
        self._clock = clock
        remaining = tokens.remaining(clock.wall())
        self._deadline = None if remaining is None else clock.monotonic() + remaining

    @property
    def remaining(self) -> float | None:
        """Seconds until expiry; None when the server sent no `expires_in`."""
        by_wall_clock = self._tokens.remaining(self._clock.wall())
        if by_wall_clock is None or self._deadline is None:
            return None
        return min(by_wall_clock, self._deadline - self._clock.monotonic())

    @property
    def needs_refresh(self) -> bool:
        """Whether the token should be refreshed before the next request."""
        remaining = self.remaining
        return remaining is not None and remaining <= self._tokens.margin

    @property
    def is_expired(self) -> bool:
        """Whether the token has certainly expired."""
        remaining = self.remaining
        return remaining is not None and remaining <= 0
