"""Single flight: equal requests made at the same time are sent once, and writes to one resource are serialized."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

Key = tuple[str, ...]
"""Identifies a request, or a resource. The first element is the app's id (empty while the app has none)."""


class SingleFlight:
    """The running requests. A request is completed even if its caller is cancelled."""

    def __init__(self) -> None:
        self._running: dict[Key, asyncio.Task[Any]] = {}
        self._locks: dict[Key, asyncio.Lock] = {}
        self._lock_users: dict[Key, int] = {}

    async def run(self, key: Key, start: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run `start` and return its result; while a call with the same key is running, wait for its result instead."""
        task = self._running.get(key)
        if task is None:
            task = asyncio.create_task(start())
            self._running[key] = task
            task.add_done_callback(lambda _: self._running.pop(key, None))
        result: T = await asyncio.shield(task)
        return result

    async def exclusive(self, resource: Key, run: Callable[[], Awaitable[T]]) -> T:
        """Await `run` while no other call for the same resource is running. A lock is deleted after its last use."""
        lock = self._locks.setdefault(resource, asyncio.Lock())
        self._lock_users[resource] = self._lock_users.get(resource, 0) + 1
        try:
            async with lock:
                return await run()
        finally:
            self._lock_users[resource] -= 1
            if not self._lock_users[resource]:
                del self._lock_users[resource], self._locks[resource]

    def is_busy(self, app: str = "") -> bool:
        """Return whether a request is running, of this app if it is given."""
        return any(not app or key[0] == app for key in self._running)

    async def wait_idle(self, app: str = "") -> None:
        """Wait until no request is running, of this app if it is given. Does not raise their errors."""
        own = asyncio.current_task()
        while running := [
            task for key, task in self._running.items() if task is not own and (not app or key[0] == app)
        ]:
            await asyncio.wait(running)
