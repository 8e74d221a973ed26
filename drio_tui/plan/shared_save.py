"""Saving a state from several tasks at once with few writes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


class SharedSave:
    """Saves the state; calls during a save share the next one, which has the changes of all of them."""

    def __init__(self, save: Callable[[], Awaitable[None]] | None) -> None:
        self._save = save
        self._running: asyncio.Task[None] | None = None
        self._next: asyncio.Task[None] | None = None

    async def __call__(self) -> None:
        """Wait until the state as it is now is saved."""
        if self._save is not None:
            await asyncio.shield(self._start(self._save))

    def soon(self) -> None:
        """Begin to save the state."""
        if self._save is not None:
            self._start(self._save)

    def _start(self, save: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        if self._next is None:
            self._next = asyncio.create_task(self._run(save, self._running))
        return self._next

    async def _run(self, save: Callable[[], Awaitable[None]], before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
        self._running, self._next = self._next, None
        await save()
