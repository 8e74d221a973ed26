"""One request per intent, however often the key is pressed, and one write at a time to each resource."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

Intent = tuple[str, ...]
"""What a person asked for, in full. The first member is the app's id (empty where there is none yet)."""


class SingleFlight:
    """What is under way. A caller that goes away does not end it: it is finished all the same."""

    def __init__(self) -> None:
        self._running: dict[Intent, asyncio.Task[Any]] = {}
        self._locks: dict[Intent, asyncio.Lock] = {}
        self._waiting: dict[Intent, int] = {}

    async def once(self, intent: Intent, start: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run `start` unless the same intent is under way already; then wait for that one's outcome."""
        task = self._running.get(intent)
        if task is None:
            task = asyncio.create_task(start())
            self._running[intent] = task
            task.add_done_callback(lambda _: self._running.pop(intent, None))
        found: T = await asyncio.shield(task)
        return found

    async def alone(self, resource: Intent, do: Callable[[], Awaitable[T]]) -> T:
        """Do it when nothing else is being done to the same thing. Locks that nobody wants are dropped."""
        lock = self._locks.setdefault(resource, asyncio.Lock())
        self._waiting[resource] = self._waiting.get(resource, 0) + 1
        try:
            async with lock:
                return await do()
        finally:
            self._waiting[resource] -= 1
            if not self._waiting[resource]:
                del self._waiting[resource], self._locks[resource]

    def busy(self, app: str = "") -> bool:
        """Whether something (of this app) is under way."""
        return any(not app or intent[0] == app for intent in self._running)

    async def settle(self, app: str = "") -> None:
        """Wait until nothing (of this app) is under way, whatever comes of it."""
        own = asyncio.current_task()
        while waiting := [
            task for intent, task in self._running.items() if task is not own and (not app or intent[0] == app)
        ]:
            await asyncio.wait(waiting)
