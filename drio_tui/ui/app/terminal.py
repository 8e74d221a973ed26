"""What any program owes its terminal: it fits, it ends in good order on signals, and a crash leaves it usable."""

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
from drio_tui.ui.base.textual_internals import LeanApp, end_after_crash, is_ending

if TYPE_CHECKING:
    from drio_tui.ui.base.textual_internals import TerminalDriver

PASTE_MAX = 200_000
"""Characters of a paste. A longer one is refused whole: a field would take seconds to draw it, and half is no use."""
_SECONDS_TO_END = {
    getattr(signal, name): seconds
    for name, seconds in {"SIGINT": 5.0, "SIGQUIT": 5.0, "SIGTERM": 5.0, "SIGHUP": 2.5}.items()
    if hasattr(signal, name)
}
"""The signals that end the program, and how long the event loop may take for it."""
_SECONDS_FOR_A_STEP = 1.0
"""How long saving, and restoring the terminal, may take when the event loop is stuck."""


class TerminalApp(LeanApp, inherit_bindings=False):
    """An app that asks for room where there is too little, and ends with 128 + n on signal n."""

    crashed: BaseException | None = None
    """What broke it, for `launch`, which writes the report once the terminal is itself again."""

    _signals: SignalThread | None = None
    _ended_by = 0
    _is_kept = False

    def look_after_the_terminal(self) -> None:
        """To be called when mounted."""
        self.screen_change_signal.subscribe(self, self._look_at_size)

    def why_not(self, action: str, parameters: tuple[object, ...]) -> str | None:
        """Why an action cannot be done now: stopping needs a shell that can bring the program back."""
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
        self._cover(event.size)

    @on(Driver.SignalResume)
    def _draw_again(self) -> None:
        """The terminal was the shell's: draw everything, also what has not changed (Textual 8.2 does not)."""
        self.screen.refresh()

    def _look_at_size(self, _screen: object) -> None:
        self._cover(self.size)

    def _cover(self, size: Size) -> None:
        """Below the smallest size, cover what is there with a request for room; it uncovers itself."""
        from drio_tui.ui.app.too_small_screen import TooSmallScreen, fits  # most terminals never need it

        covered = not self._screen_stack or isinstance(self.screen, TooSmallScreen)
        if not covered and not fits(size):
            self.push_screen(TooSmallScreen())

    # -- signals ----------------------------------------------------------------------------------

    def get_driver_class(self) -> type[Driver]:
        chosen = super().get_driver_class()
        if sys.platform == "win32" or chosen.__name__ != "LinuxDriver":
            return chosen
        from drio_tui.ui.base.textual_internals import TerminalDriver

        return TerminalDriver

    def watch_signals(self, driver: TerminalDriver) -> None:
        """Called by the driver as soon as it is made."""
        self._signals = SignalThread(
            asyncio.get_running_loop(),
            give_up=partial(self._end_without_the_loop, driver),
            # In an editor that was started from here Ctrl+C is meant for the editor.
            ignore=lambda number: number == signal.SIGINT and driver.lent,
        )
        for number, seconds in _SECONDS_TO_END.items():
            self.on_signal(number, partial(self._end, number), ends_within=seconds)
        self.on_signal(signal.SIGTSTP, partial(self._stop, driver))
        self.on_signal(signal.SIGCONT, driver.go_on)
        self._signals.start()

    def on_signal(self, number: int, callback: Callable[[], object], *, ends_within: float | None = None) -> None:
        """Call `callback` on the event loop at a signal, which may have to end the program within so many seconds."""
        assert self._signals is not None
        self._signals.on(number, callback, ends_within=ends_within)

    def _stop(self, driver: TerminalDriver) -> None:
        # While the program ends the terminal is not raw any more: Ctrl+Z would stop it where it is left.
        if not is_ending(self):
            driver.stop_process()

    def _end(self, number: int) -> None:
        if self._ended_by or is_ending(self):
            return
        self._ended_by = number
        self._keep(f"the program was ended by signal {number}")
        self._is_kept = True
        self.exit(128 + number)

    def _end_without_the_loop(self, driver: TerminalDriver, number: int) -> None:
        """The event loop has not ended the program in time: save what is being edited, and restore the terminal."""
        save = partial(self._keep, f"the program was ended by signal {number}")
        for step in ([] if self._is_kept else [save]) + [driver.abandon]:
            # Each may wait for a lock, a disk or a terminal that does not answer.
            worker = threading.Thread(target=step, daemon=True)
            worker.start()
            worker.join(_SECONDS_FOR_A_STEP)

    def keep_unsaved(self, why: str) -> bool:
        """Keep what is being edited, without asking; whether there was anything. Override it; it must not wait."""
        return False

    def _keep(self, why: str) -> None:
        # Whatever goes wrong here must not stand in the way of ending.
        with contextlib.suppress(Exception):
            self.keep_unsaved(why)

    def driver_failed(self, error: BaseException) -> None:
        """A thread that reads or writes the terminal has died: end the program; called on that thread."""
        assert self._signals is not None
        self._signals.call(partial(self._crash, error))

    def _handle_exception(self, error: Exception) -> None:
        if self.is_headless:
            super()._handle_exception(error)
        else:
            self._crash(error)

    def _crash(self, error: BaseException) -> None:
        if is_ending(self):
            return  # a screen that was being mounted when the end came finds nothing mounted in it: no crash
        self._keep("the program failed")
        self.crashed = self.crashed or error
        end_after_crash(self, error)


def _has_job_control() -> bool:
    """Whether a parent in our session, but of another process group, could continue us (POSIX: not orphaned)."""
    if not hasattr(os, "getpgid"):
        return False
    try:
        parent = os.getppid()
        return os.getsid(parent) == os.getsid(0) and os.getpgid(parent) != os.getpgrp()
    except OSError:
        return False
