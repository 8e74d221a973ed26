"""Signals, read on a thread of their own: one that ends the program does so whatever the event loop is doing."""

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
    """Calls back on `loop` at a signal, and ends the process where a signal that should end it has not done so in time.

    A Python signal handler runs in the main thread between any two instructions, perhaps while that thread holds
    a lock that the handler needs, and not at all while the thread is in C code. The handlers set here do nothing:
    the interpreter writes each signal's number to a socket, which this thread reads.
    `give_up(number)` is called on this thread before the process ends with status 128 + number.
    `ignore(number)` says, on this thread, that a signal is not for this program now.
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
        """Call `callback` on the event loop at each signal `number`, which ends the process in so many seconds."""
        self._callbacks[number] = callback
        if ends_within is not None:
            self._limits[number] = ends_within
        signal.signal(number, _nothing)

    def call(self, callback: Callable[[], object]) -> None:
        """Call `callback` on the event loop, unless that is closed; may be called on any thread."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(callback)

    def run(self) -> None:
        end: tuple[float, int] | None = None
        while True:
            wait = None if end is None else max(0.0, end[0] - time.monotonic())
            if not select.select([self._reader], [], [], wait)[0]:
                assert end is not None
                with contextlib.suppress(Exception):
                    self._give_up(end[1])
                os._exit(128 + end[1])
            for number in self._reader.recv(64):
                if number not in self._callbacks or self._ignore(number):
                    continue
                self.call(self._callbacks[number])
                if number in self._limits:
                    last = time.monotonic() + self._limits[number]
                    end = (last, number) if end is None else (min(last, end[0]), end[1])


def _nothing(_number: int, _frame: object) -> None:
    """Python has to have a handler for a signal, or the interpreter does not report it."""
