"""Looking at drio from time to time for what others have changed: when, and when not."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from drio_tui.ui.base.messages import UNREACHABLE
from drio_tui.ui.base.workers import start_worker

if TYPE_CHECKING:
    from textual.message import Message
    from textual.timer import Timer
    from textual.worker import Worker

    from drio_tui.api.client import DrioClient
    from drio_tui.ui.base.context import DrioContext

R = TypeVar("R")

FIRST_SECONDS = 15.0
"""Seconds from a read to the first check after it, and the least between two checks."""
LONGEST_SECONDS = 120.0
"""Seconds between two checks when nothing has changed for long, and after errors."""
_GROWTH = 1.5
_GROWTH_AFTER_ERRORS = 2.0
_SOON = 0.05


@dataclass(slots=True)
class PollSchedule:
    """When to check next. Times are seconds of a clock that never goes back."""

    first: float
    longest: float
    pause: float = 0.0
    last: float = 0.0
    has_failed: bool = False

    def due_in(self, now: float) -> float:
        """Return the seconds until the next check."""
        return max(0.0, self.last + max(self.pause, self.first) - now)

    def read(self, now: float) -> None:
        """Note that everything was read, or that a check found a change: the next check comes soon."""
        self.last, self.pause, self.has_failed = now, self.first, False

    def unchanged(self, now: float) -> None:
        """Note that a check found nothing: the next ones come later and later."""
        self.pause = min(max(self.pause, self.first) * _GROWTH, self.longest)
        self.last, self.has_failed = now, False

    def failed(self, now: float, retry_after: float = 0.0) -> None:
        """Note that a check failed; `retry_after` is how long drio asked to wait, in seconds."""
        pause = min(max(self.pause, self.first) * _GROWTH_AFTER_ERRORS, self.longest)
        self.last, self.pause, self.has_failed = now, max(pause, retry_after), True

    def hurry(self) -> None:
        """Check soon again, since the user is here; after an error the pause stays."""
        if not self.has_failed:
            self.pause = self.first


class PolledScreen(Protocol):
    """What a poller needs of its screen; `DrioScreen` documents the attributes and methods."""

    @property
    def drio(self) -> DrioContext: ...

    @property
    def is_on_top(self) -> bool: ...

    @property
    def is_mounted(self) -> bool: ...

    def set_timer(self, delay: float, callback: Any = ..., *, name: str | None = ...) -> Timer: ...

    def post_message(self, message: Message) -> bool: ...


class Poller:
    """Makes one request from time to time while a screen is looked at, and posts its result to the screen.

    `check(client)` makes the request, and its result is posted as `done(result)`; the screen then calls `finished`,
    unless `is_outdated` says that the result is older than what it shows.
    `is_visible` says whether what is checked is looked at, `is_busy` that something runs which a check would disturb.
    `factor` is for a check that costs more or less than a request, and is made less or more often.
    A failed check is not reported: the user asked for nothing.
    """

    def __init__(
        self,
        screen: PolledScreen,
        check: Callable[[DrioClient], Awaitable[R]],
        done: Callable[[R], Message],
        *,
        is_visible: Callable[[], bool] | None = None,
        is_busy: Callable[[], bool] = lambda: False,
        factor: float = 1.0,
    ) -> None:
        self._screen = screen
        self._check = check
        self._done: Callable[[Any], Message] = done
        self._is_visible = is_visible or (lambda: screen.is_on_top)
        self._is_busy = is_busy
        self._timer: Timer | None = None
        self._worker: Worker[None] | None = None
        self._posted: Message | None = None
        first = FIRST_SECONDS * factor
        self.schedule = PollSchedule(first, max(LONGEST_SECONDS * min(factor, 1.0), first))

    @property
    def is_paused(self) -> bool:
        """Whether nothing is checked now: nobody looks at it, or drio cannot be asked."""
        drio = self._screen.drio
        status = drio.connection.status
        return (
            not drio.options.live
            or not drio.app_focus
            or drio.session is None
            or bool(status.cassette)
            or status.phase in UNREACHABLE
            or not self._screen.is_mounted
            or not self._is_visible()
        )

    def wake(self) -> None:
        """Plan the next check; the user has come back, or something was read. While paused nothing is planned."""
        self._stop_timer()
        if not self.is_paused:
            delay = max(_SOON, self.schedule.due_in(time.monotonic()))
            self._timer = self._screen.set_timer(delay, self.check, name="check for changes")

    def read(self) -> None:
        """Note that the screen has read everything itself; the result of a check that began before is outdated."""
        self._drop_check()
        self.schedule.read(time.monotonic())
        self.wake()

    def resume(self) -> None:
        """Check as soon as `first` seconds have passed since the last check: the user is here again."""
        self.schedule.hurry()
        self.wake()

    def user_active(self) -> None:
        """Check more often again, since the user does something."""
        if self.schedule.pause > self.schedule.first and not self.schedule.has_failed:
            self.resume()

    def check(self) -> None:
        """Make the request now, unless paused or busy."""
        self._stop_timer()
        if self.is_paused or (self._worker is not None and not self._worker.is_finished):
            return
        if self._is_busy():
            self.schedule.read(time.monotonic())
            self.wake()
            return
        # Not a worker of the screen, so that Esc does not stop it instead of going back.
        self._worker = start_worker(self._screen.drio, self._work, group=f"check {id(self)}")

    def is_outdated(self, message: Message) -> bool:
        """Return whether a posted result is not of the last check, or everything was read since that check began."""
        return message is not self._posted

    def finished(self, *, changed: bool) -> None:
        """Plan the next check after one that found changes, or none."""
        (self.schedule.read if changed else self.schedule.unchanged)(time.monotonic())
        self.wake()

    def stop(self) -> None:
        """Make no more requests: the screen is removed."""
        self._stop_timer()
        self._drop_check()

    def _drop_check(self) -> None:
        self._posted = None
        if self._worker is not None:
            self._worker.cancel()

    async def _work(self) -> None:
        from drio_tui.api.errors import ApiError, DrioError

        connection = self._screen.drio.connection
        client = connection.client
        if client is None:
            return
        try:
            result = await self._check(client)
        except DrioError as error:
            retry_after = error.retry_after if isinstance(error, ApiError) else None
            self.schedule.failed(time.monotonic(), retry_after or 0.0)
            self.wake()
        else:
            if connection.client is client:  # else another session is in use, and the screen reads with it
                self._posted = self._done(result)
                self._screen.post_message(self._posted)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
