"""Requests that the user can cancel. The caller gets an exception, and can reconcile a cancelled write."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Iterator
from contextvars import ContextVar
from typing import Any, TypeVar

from drio_tui.api.errors import DrioError

T = TypeVar("T")


class RequestCancelled(DrioError):
    """The user cancelled a request. `outcome_unknown` is true if the request may have changed something."""

    title = "You stopped waiting"
    hint = "What you typed is still there."

    def __init__(self, *, outcome_unknown: bool) -> None:
        super().__init__("the request was given up" if outcome_unknown else "nothing was written")
        self.outcome_unknown = outcome_unknown


class _Change:
    """A change of an app, and whether it was cancelled."""

    def __init__(self, app: str) -> None:
        self.app = app
        self.is_cancelled = False


_current_change: ContextVar[_Change | None] = ContextVar("_current_change", default=None)


class CancellableRequests:
    """The running requests to drio, by app."""

    def __init__(self) -> None:
        self._running: dict[asyncio.Task[Any], str] = {}
        self._cancelled: set[asyncio.Task[Any]] = set()
        self._changes: set[_Change] = set()

    @contextlib.contextmanager
    def change(self, app: str) -> Iterator[None]:
        """The context of a change of an app: after `cancel` no further request of it changes anything.

        Requests of tasks that are created in it belong to it, and so does a change within it.
        """
        if self._change_of(app) is not None:
            yield
            return
        change = _Change(app)
        self._changes.add(change)
        token = _current_change.set(change)
        try:
            yield
        finally:
            _current_change.reset(token)
            self._changes.discard(change)

    def _change_of(self, app: str) -> _Change | None:
        """Return the change of an app to which the current task belongs."""
        change = _current_change.get()
        return change if change is not None and change.app == app and change in self._changes else None

    async def run(self, app: str, request: Coroutine[Any, Any, T], *, changes: bool = False) -> T:
        """Await a request. Raises `RequestCancelled` if `cancel` is called meanwhile, else what the request raises.

        `changes` is true for a request that changes something. It is not sent in a `change` that was cancelled; others
        are, since they read what came of those before.
        """
        change = self._change_of(app)
        if changes and change is not None and change.is_cancelled:
            request.close()
            raise RequestCancelled(outcome_unknown=False)
        task = asyncio.create_task(request)
        self._running[task] = app
        try:
            return await task
        except asyncio.CancelledError:
            if task in self._cancelled:
                raise RequestCancelled(outcome_unknown=changes) from None
            raise
        finally:
            del self._running[task]
            self._cancelled.discard(task)

    def cancel(self, app: str) -> bool:
        """Cancel all running requests of an app, and the rest of its changes; return whether there is either."""
        tasks = [task for task, task_app in self._running.items() if task_app == app and not task.done()]
        for task in tasks:
            self._cancelled.add(task)
            task.cancel()
        changes = [change for change in self._changes if change.app == app]
        for change in changes:
            change.is_cancelled = True
        return bool(tasks) or bool(changes)
