"""One back-off for many concurrent requests: when drio asks one of them to wait, all of them wait."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar

_current: ContextVar[SharedBackoff | None] = ContextVar("shared_backoff", default=None)


def shared_backoff() -> SharedBackoff | None:
    """Return the back-off that the requests of this task share, None if they have none."""
    return _current.get()


class SharedBackoff:
    """The back-off of the requests that are made inside `active`, and in tasks started there.

    After a 429 or 503 no request of them is sent until the time is over that drio asked for. Because the user agreed to
    all of them, a POST or PATCH that was answered with 429, and so was not carried out, is sent again then.
    `on_change` is called when a wait begins.
    """

    def __init__(self, on_change: Callable[[], object] = lambda: None) -> None:
        self.answered = 0
        """The number of requests that were answered without a request to wait."""
        self._on_change = on_change
        self._until = 0.0
        self._given_up = asyncio.Event()

    @contextlib.contextmanager
    def active(self) -> Iterator[None]:
        """Let the requests of the block share this back-off. Waiting is possible again after `give_up`."""
        self._given_up.clear()
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)

    @property
    def seconds_left(self) -> float:
        """The seconds until the next request may be sent."""
        return max(0.0, self._until - time.monotonic())

    def begin(self, seconds: float) -> None:
        """Let all requests wait for at least `seconds`."""
        self._until = max(self._until, time.monotonic() + seconds)
        self._on_change()

    def give_up(self) -> None:
        """End the waits: the waiting requests are not sent, and fail."""
        self._given_up.set()

    async def wait(self) -> bool:
        """Wait until a request may be sent; return False if it may not, because the wait was given up."""
        while (seconds := self.seconds_left) > 0:
            if self._given_up.is_set():
                return False
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._given_up.wait(), seconds)
        return True
