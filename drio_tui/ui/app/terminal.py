"""The app and its terminal: a smallest size, a clean end on signals, and a usable terminal after a crash."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from textual import events, on
from textual.driver import Driver
from textual.geometry import Size

from drio_tui.ui.app.signals import SignalThread
from drio_tui.ui.base.textual_internals.app import LeanApp, end_after_crash, is_ending

if TYPE_CHECKING:
    from drio_tui.ui.base.textual_internals.driver import TerminalDriver

PASTE_MAX = 200_000
"""Characters of a paste. A longer paste is rejected: a field would take seconds to draw it, and half is of no use."""
_SECONDS_TO_END = {
    getattr(signal, name): seconds
    for name, seconds in {"SIGINT": 5.0, "SIGQUIT": 5.0, "SIGTERM": 5.0, "SIGHUP": 2.5}.items()
    if hasattr(signal, name)
}
"""The signals that end the program, and how long the event loop may take for it."""
_SECONDS_PER_STEP = 1.0
"""How long saving, and restoring the terminal, may take when the event loop is stuck."""


class TerminalApp(LeanApp, inherit_bindings=False):
    """An app that asks for a larger terminal where it is too small, and ends with 128 + n on signal n."""

    crashed: BaseException | None = None
    """The exception that ended the app, for `launch`, which writes the report once the terminal is restored."""

    _signals: SignalThread | None = None
    _ending_signal = 0
    _edits_kept = False

    def check_terminal_size(self) -> None:
        """From now on, show `TooSmallDialog` over every new screen if the terminal is too small."""
        self.screen_change_signal.subscribe(self, self._check_size)

    def disabled_reason(self, action: str, parameters: tuple[object, ...]) -> str | None:
        """Return why an action cannot be done now: suspending needs a shell that can resume the program."""
        if action == "suspend_process" and not _has_job_control():
            return "There is no shell to go back to."
        return None

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Paste) and not event.is_forwarded and len(event.text) > PASTE_MAX:
            size = f"{len(event.text):,} characters"
            self.notify(f"{size} were pasted; a field takes {PASTE_MAX:,} at once.", severity="warning", markup=False)
            return
        await super().on_event(event)

    def on_resize(self, event: events.Resize) -> None:
        self._show_too_small(event.size)

    @on(Driver.SignalResume)
    def _draw_again(self) -> None:
        """Draw everything after the shell had the terminal, also what has not changed (Textual 8.2 does not)."""
        self.screen.refresh()

    def _check_size(self, _screen: object) -> None:
        self._show_too_small(self.size)

    def _show_too_small(self, size: Size) -> None:
        """Below the smallest size, cover the screen with `TooSmallDialog`, which dismisses itself."""
        from drio_tui.ui.app.too_small_dialog import TooSmallDialog, fits  # most terminals never need it

        covered = not self._screen_stack or isinstance(self.screen, TooSmallDialog)
        if not covered and not fits(size):
            self.push_screen(TooSmallDialog())

    # -- signals ----------------------------------------------------------------------------------

    def get_driver_class(self) -> type[Driver]:
        driver_class = super().get_driver_class()
        if sys.platform == "win32" or driver_class.__name__ != "LinuxDriver":
            return driver_class
        from drio_tui.ui.base.textual_internals.driver import TerminalDriver

        return TerminalDriver

    def watch_signals(self, driver: TerminalDriver) -> None:
        """Start the signal thread; called by the driver as soon as it exists."""
        self._signals = SignalThread(
            asyncio.get_running_loop(),
            give_up=partial(self._end_without_the_loop, driver),
            # While an external editor has the terminal, Ctrl+C is meant for the editor.
            ignore=lambda number: number == signal.SIGINT and driver.suspended,
        )
        for number, seconds in _SECONDS_TO_END.items():
            self.on_signal(number, partial(self._exit_on_signal, number), ends_within=seconds)
        self.on_signal(signal.SIGTSTP, partial(self._stop_process, driver))
        self.on_signal(signal.SIGCONT, driver.resume_process)
        self._signals.start()

    def on_signal(self, number: int, callback: Callable[[], object], *, ends_within: float | None = None) -> None:
        """Call `callback` on the event loop at a signal; `ends_within` as for `SignalThread.on`."""
        assert self._signals is not None
        self._signals.on(number, callback, ends_within=ends_within)

    def _stop_process(self, driver: TerminalDriver) -> None:
        # While the program ends, the terminal is no longer raw: Ctrl+Z would stop the half-ended process.
        if not is_ending(self):
            driver.stop_process()

    def _exit_on_signal(self, number: int) -> None:
        if self._ending_signal or is_ending(self):
            return
        self._ending_signal = number
        self._keep(f"the program was ended by signal {number}")
        self._edits_kept = True
        self.exit(128 + number)

    def _end_without_the_loop(self, driver: TerminalDriver, number: int) -> None:
        """Keep the unsaved edits and restore the terminal, since the event loop has not ended the program in time."""
        save = partial(self._keep, f"the program was ended by signal {number}")
        for step in ([] if self._edits_kept else [save]) + [driver.abandon]:
            # Each step may wait for a lock, a disk or a terminal that does not respond.
            worker = threading.Thread(target=step, daemon=True)
            worker.start()
            worker.join(_SECONDS_PER_STEP)

    def keep_unsaved(self, reason: str) -> bool:
        """Keep the unsaved edits, without asking; return whether there were any. Override it; it must not wait."""
        return False

    def _keep(self, reason: str) -> None:
        # A failure here must not prevent the program from ending.
        with contextlib.suppress(Exception):
            self.keep_unsaved(reason)

    def driver_failed(self, error: BaseException) -> None:
        """End the program after a thread that reads or writes the terminal failed; called on that thread."""
        assert self._signals is not None
        self._signals.call(partial(self._crash, error))

    def _handle_exception(self, error: Exception) -> None:
        if self.is_headless:
            super()._handle_exception(error)
        else:
            self._crash(error)

    def _crash(self, error: BaseException) -> None:
        if is_ending(self):
            return  # a screen that was being mounted when the program ended misses its widgets: no crash
        self._keep("the program failed")
        self.crashed = self.crashed or error
        end_after_crash(self, error)


def _has_job_control() -> bool:
    """Return whether the parent could resume this process group: same session, another group (POSIX: not orphaned)."""
    if not hasattr(os, "getpgid"):
        return False
    try:
        parent = os.getppid()
        return os.getsid(parent) == os.getsid(0) and os.getpgid(parent) != os.getpgrp()
    except OSError:
        return False
