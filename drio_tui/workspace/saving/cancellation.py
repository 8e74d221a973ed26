"""Requests that the user can cancel. The caller gets an exception, and can reconcile a cancelled write."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Coroutine, Iterator
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


class CancellableRequests:
    """The running requests to drio, by app."""

    def __init__(self) -> None:
        self._running: dict[asyncio.Task[Any], str] = {}
        self._cancelled: set[asyncio.Task[Any]] = set()
        self._changes: Counter[str] = Counter()
        self._stopped: set[str] = set()

    @contextlib.contextmanager
    def change(self, app: str) -> Iterator[None]:
        """A change of an app that makes several requests: after `cancel` no further one of them changes anything."""
        self._changes[app] += 1
        try:
            yield
        finally:
            self._changes[app] -= 1
            if not self._changes[app]:
                del self._changes[app]
                self._stopped.discard(app)

    async def run(self, app: str, request: Coroutine[Any, Any, T], *, changes: bool = False) -> T:
        """Await a request. Raises `RequestCancelled` if `cancel` is called meanwhile, else what the request raises.

        `changes` is true for a request that changes something. It is not sent in a `change` that was cancelled; others
        are, since they read what came of those before.
        """
        if changes and app in self._stopped:
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
        """Cancel all running requests of an app, and the rest of its `change`; return whether there is either."""
        tasks = [task for task, task_app in self._running.items() if task_app == app and not task.done()]
        for task in tasks:
            self._cancelled.add(task)
            task.cancel()
        if app in self._changes:
            self._stopped.add(app)
        return bool(tasks) or app in self._changes
