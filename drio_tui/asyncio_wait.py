"""Waiting for work that must not be left half done on cancellation: starting or ending a process, writing a file."""

from __future__ import annotations

import asyncio
from typing import Any


async def wait_until_done(task: asyncio.Future[Any]) -> asyncio.CancelledError | None:
    """Wait until `task` is done, even if the waiting task is cancelled meanwhile.

    Returns the last of those cancellations, which the caller raises after cleaning up; None where there was none.
    An exception of `task` stays in it, for `task.result()`.
    """
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    return cancelled
