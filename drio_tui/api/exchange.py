"""What is sent and received: the attempts of requests, as the request log shows them, responses, and the limits."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any, Literal

_numbers = itertools.count(1)


def exchange_number() -> int:
    """Return a unique number for an exchange."""
    return next(_numbers)


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one request, in seconds and bytes."""

    connect: float = 10.0
    read: float = 30.0
    total: float = 60.0  # of all attempts of one call, without the waits between them and for a token
    response_bytes: int = 64 << 20  # after decompression
    retries: int = 3
    retry_after: float = 60.0  # for a longer `Retry-After` the error is raised instead
    redirects: int = 5


@dataclass(slots=True)
class Exchange:
    """One attempt of one request, as the request log shows it. It contains no secrets.

    `elapsed` is in seconds, `started_at` in seconds since the epoch; `status` and `elapsed` are None while it is
    running. `error` says why there is no response. `retry_in` is the delay of the next attempt in seconds; `waiting`
    is true during that delay. One that `is_probe` asks what the server serves: its failure says nothing else.
    `nothing_sent` is true if it failed before it left this machine.
    """

    number: int
    method: str
    url: str
    path: str
    attempt: int
    started_at: float
    request_headers: list[tuple[str, str]] = field(default_factory=list)
    request_body: Any = None
    status: int | None = None
    elapsed: float | None = None
    request_id: str | None = None
    response_headers: list[tuple[str, str]] = field(default_factory=list)
    response_body: Any = field(default=None, repr=False)
    response_size: int = 0
    error: str | None = None
    retry_in: float | None = None
    waiting: bool = False
    is_probe: bool = False
    nothing_sent: bool = False

    @property
    def is_finished(self) -> bool:
        """Whether the attempt has ended, with a response or not."""
        return self.elapsed is not None


Reading = Literal["json", "any", "unread"]
"""How a response is read: it has to be JSON; it may be anything; it is not parsed at all, as a large document."""


@dataclass(frozen=True, slots=True)
class ApiResponse:
    """A successful response: parsed JSON (None for an empty body), status, headers (lower-case names).

    `body` is the body as received, after decompression; empty where it has to be JSON.
    """

    data: Any
    status: int
    headers: dict[str, str]
    request_id: str | None
    body: bytes = field(default=b"", repr=False)
