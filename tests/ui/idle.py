"""Wait until the program under test has exactly nothing left to do.

Textual's pilot considers a process idle that used little processor time recently. On a busy machine that happens in
the middle of work, and the next key goes to whatever has the focus by then. Here a program is idle if its event loop
has nothing ready, no timer due within a frame, no job in a thread or a process and no running request to a server.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from textual import app as textual_app
from textual import pilot as textual_pilot

from drio_tui.api.http import httpx
from drio_tui.asyncio_wait import IMPORT_THREAD
from drio_tui.openapi_import import framing
from drio_tui.ui.base import polling
from drio_tui.ui.base.textual_internals.painting import loop_is_idle
from tests.ui import drawing

FRAME = 1 / 50
"""Seconds; a timer due within them is part of the current work: Textual draws 60 times a second."""
LONGEST = 1.0
"""Seconds after which something other than work keeps the loop awake: an animation, a server without a response.

On a busy machine it is longer: a look at the loop counts as `_LONGEST_STEP` at most, and a quarter of that while a
request or a thread is at work.
"""
PATIENCE = 15.0
_ROUNDS = 3
_STEP = 0.002
_LONGEST_STEP = 0.004
_LOOK_EVERY = 0.01
_LONGEST_LOOK = 0.05

_jobs = 0


@contextlib.contextmanager
def _job(count: int = 1) -> Iterator[None]:
    global _jobs
    _jobs += count
    try:
        yield
    finally:
        _jobs -= count


def parked() -> contextlib.AbstractContextManager[None]:
    """Use it while a test's server holds a response back: the request that waits for it does not count as work."""
    return _job(-1)


def install() -> None:
    """Count jobs, requests and messages of the document process, and let Textual's pilot wait in the same way."""
    run_in_executor = asyncio.BaseEventLoop.run_in_executor

    def counted(self: Any, executor: Any, func: Callable[..., Any], *arguments: Any) -> Any:
        job = _job()
        future = run_in_executor(self, executor, func, *arguments)
        job.__enter__()
        future.add_done_callback(lambda _: job.__exit__(None, None, None))
        return future

    handle = httpx.AsyncHTTPTransport.handle_async_request

    async def requested(self: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
        with _job():
            return await handle(self, request)

    receive = framing.receive

    async def received(source: asyncio.StreamReader) -> Any:
        with _job():
            return await receive(source)

    framing.receive = received
    asyncio.BaseEventLoop.run_in_executor = counted  # type: ignore[method-assign]
    httpx.AsyncHTTPTransport.handle_async_request = requested  # type: ignore[method-assign]
    # Checks for changes by others never become due by themselves: a test asks for the one it wants.
    polling.FIRST_SECONDS = 3600.0
    for module in (textual_app, textual_pilot):
        module.wait_for_idle = _wait_for_idle  # type: ignore[attr-defined]


async def _wait_for_idle(min_sleep: float = 0, max_sleep: float = LONGEST) -> None:
    await idle(max_sleep)


async def idle(longest: float = LONGEST) -> bool:
    """Wait until nothing is left to do; return False if there still was something after `longest` seconds."""
    loop: Any = asyncio.get_running_loop()
    quiet, waited = 0, 0.0
    while quiet < _ROUNDS:
        started_at = time.monotonic()
        # This also polls sockets. Callbacks that become ready run before this coroutine goes on.
        await asyncio.sleep(0)
        if loop_is_idle(loop) and _jobs <= 0 and not _due(loop) and not _importing():
            quiet += 1
        else:
            quiet = 0
            await asyncio.sleep(_STEP)  # the program itself waits for a loop with nothing else ready
        waited += min(time.monotonic() - started_at, _LONGEST_STEP) / (4 if _jobs > 0 else 1)
        if waited > longest:
            return False
    return True


def _importing() -> bool:
    return any(thread.name == IMPORT_THREAD for thread in threading.enumerate())


def _due(loop: Any) -> bool:
    soon = loop.time() + FRAME
    return any(handle.when() <= soon and not handle.cancelled() for handle in loop._scheduled)


async def until(condition: Callable[[], object], seen: Callable[[], str], *, patience: float = PATIENCE) -> None:
    """Let the program work until `condition()` holds and nothing is left to do.

    Fails, with the text of `seen()`, once the program was idle for `patience` seconds and the condition still does
    not hold: the time a busy machine needs for work does not count. A program that is never idle gets four times as
    long.
    """
    waited = 0.0
    while not condition():
        assert waited < patience, f"never came true; on the screen:\n{seen()}"
        if await idle():
            started_at = time.monotonic()
            await asyncio.sleep(_LOOK_EVERY)
            waited += min(time.monotonic() - started_at + _LOOK_EVERY, _LONGEST_LOOK)
        else:
            waited += LONGEST / 4
    await idle()
    if drawing.draw():
        await idle()
