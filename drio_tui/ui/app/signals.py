"""Signals, read on a separate thread: a signal that ends the program does so even if the event loop hangs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable


class SignalThread(threading.Thread):
    """Calls back on `loop` at signals, and ends the process if a signal that should end it has not done so in time.

    A Python signal handler runs in the main thread between any two instructions, perhaps while that thread holds
    a lock that the handler needs, and not at all while the thread is in C code. The handlers set here do nothing:
    the interpreter writes each signal's number to a socket, which this thread reads.
    `give_up(number)` is called on this thread before the process ends with status 128 + number.
    `ignore(number)` is called on this thread and says whether a signal is not meant for this program now.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        give_up: Callable[[int], None],
        ignore: Callable[[int], bool] = lambda _number: False,
    ) -> None:
        super().__init__(name="signals", daemon=True)
        self._loop = loop
        self._give_up = give_up
        self._ignore = ignore
        self._callbacks: dict[int, Callable[[], object]] = {}
        self._limits: dict[int, float] = {}
        self._reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)

    def on(self, number: int, callback: Callable[[], object], *, ends_within: float | None = None) -> None:
        """Call `callback` on the event loop at each signal `number`.

        With `ends_within`, the process ends at the latest so many seconds after the signal.
        """
        self._callbacks[number] = callback
        if ends_within is not None:
            self._limits[number] = ends_within
        signal.signal(number, _do_nothing)

    def call(self, callback: Callable[[], object]) -> None:
        """Call `callback` on the event loop unless the loop is closed; may be called on any thread."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(callback)

    def run(self) -> None:
        deadline: tuple[float, int] | None = None
        while True:
            wait = None if deadline is None else max(0.0, deadline[0] - time.monotonic())
            if not select.select([self._reader], [], [], wait)[0]:
                assert deadline is not None
                with contextlib.suppress(Exception):
                    self._give_up(deadline[1])
                os._exit(128 + deadline[1])
            for number in self._reader.recv(64):
                if number not in self._callbacks or self._ignore(number):
                    continue
                self.call(self._callbacks[number])
                if number in self._limits:
                    limit = time.monotonic() + self._limits[number]
                    deadline = (limit, number) if deadline is None else (min(limit, deadline[0]), deadline[1])


def _do_nothing(_number: int, _frame: object) -> None:
    """Do nothing: without a Python handler the interpreter would not report the signal."""
