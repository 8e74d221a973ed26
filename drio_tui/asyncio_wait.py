"""Waiting for work that a cancellation must not leave half done: a process that starts, a process that ends, a file."""

from __future__ import annotations

import asyncio
from typing import Any


async def wait_until_done(task: asyncio.Future[Any]) -> asyncio.CancelledError | None:
    """Wait until `task` is done, however often the waiting task is cancelled meanwhile.

    Returns the last of those cancellations, which the caller raises once it has cleaned up; None where there was none.
    What `task` itself raises stays in it, for `task.result()`.
    """
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    return cancelled
