"""Requests that a person can stop waiting for, without losing what is to be done about the answer that never came."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from drio_tui.api.errors import DrioError

T = TypeVar("T")


class Stopped(DrioError):
    """The person stopped waiting. `outcome_unknown` says whether something may have been changed all the same."""

    title = "You stopped waiting"
    hint = "What you typed is still there."

    def __init__(self, *, outcome_unknown: bool) -> None:
        super().__init__("the request was given up" if outcome_unknown else "nothing was written")
        self.outcome_unknown = outcome_unknown


class CancellableRequests:
    """What is being asked of drio right now, app by app."""

    def __init__(self) -> None:
        self._running: dict[asyncio.Task[Any], str] = {}
        self._given_up: set[asyncio.Task[Any]] = set()

    async def ask(self, app: str, request: Coroutine[Any, Any, T], *, changes: bool = False) -> T:
        """Make a request; raises `Stopped` when `stop` is called meanwhile, else what the request raises.

        `changes` says that it is one that changes something.
        """
        task = asyncio.create_task(request)
        self._running[task] = app
        try:
            return await task
        except asyncio.CancelledError:
            if task in self._given_up:
                raise Stopped(outcome_unknown=changes) from None
            raise
        finally:
            del self._running[task]
            self._given_up.discard(task)

    def stop(self, app: str) -> bool:
        """Give up every request of this app that is under way; whether there was one."""
        found = [task for task, of in self._running.items() if of == app and not task.done()]
        for task in found:
            self._given_up.add(task)
            task.cancel()
        return bool(found)
