"""Waiting for work that must not be left half done (starting a process, writing a file), or that may never end."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import sys
import threading
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")

IMPORT_THREAD = "drio-tui import"
"""The name of the threads of `import_in_thread`."""


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


async def in_daemon_thread(name: str, call: Callable[[], T]) -> T:
    """Return the result of `call`, which runs in a thread called `name`; the program can exit while it runs."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Any] = loop.create_future()

    def set_result(result: Any, error: BaseException | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)

    def work() -> None:
        result: Any = None
        error: BaseException | None = None
        try:
            result = call()
        except BaseException as raised:  # noqa: BLE001 - raised again in the waiting task, whatever it is
            error = raised
        with contextlib.suppress(RuntimeError):  # the event loop is closed: nothing waits for the result
            loop.call_soon_threadsafe(set_result, result, error)

    threading.Thread(target=work, name=name, daemon=True).start()
    outcome: T = await future
    return outcome


async def import_in_thread(name: str) -> None:
    """Import a module, if it is not imported yet, in a thread that the end of the program does not wait for."""
    if name not in sys.modules:
        await in_daemon_thread(IMPORT_THREAD, partial(importlib.import_module, name))
