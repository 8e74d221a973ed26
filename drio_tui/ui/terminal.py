"""What any program owes its terminal: it fits, it ends in good order on signals, and a crash leaves it usable."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from typing import Any

from textual import events
from textual.app import App
from textual.geometry import Size

_HANG_UP_SECONDS = 5.0


class TerminalApp(App[int], inherit_bindings=False):
    """An app that asks for room where there is too little, and ends with 128 + n on signal n."""

    crashed: BaseException | None = None
    """What broke it, for `launch`, which writes the report once the terminal is itself again."""

    def look_after_the_terminal(self) -> None:
        """To be called when mounted."""
        self.screen_change_signal.subscribe(self, self._look_at_size)
        if not self.is_headless:
            self._watch_signals()

    def why_not(self, action: str, parameters: tuple[object, ...]) -> str | None:
        """Why an action cannot be done now: stopping needs a shell that can bring the program back."""
        if action == "suspend_process" and not _has_job_control():
            return "There is no shell to go back to."
        return None

    def on_resize(self, event: events.Resize) -> None:
        self._cover(event.size)

    def _look_at_size(self, _screen: object) -> None:
        self._cover(self.size)

    def _cover(self, size: Size) -> None:
        """Below the smallest size, cover what is there with a request for room; it uncovers itself."""
        from drio_tui.ui.screens.too_small import TooSmallScreen, fits  # most terminals never need it

        covered = not self._screen_stack or isinstance(self.screen, TooSmallScreen)
        if not covered and not fits(size):
            self.push_screen(TooSmallScreen())

    def _watch_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            if number is not None:
                loop.add_signal_handler(number, self._end, number)
        if hasattr(signal, "SIGCONT"):
            signal.signal(signal.SIGCONT, self._continued)

    def _continued(self, *_: object) -> None:
        """Go on after a stop. One by SIGSTOP came without notice, so that what runs has to be ended first.

        Textual's driver would start its threads beside those that still run, and take the terminal's raw mode
        for the one to leave behind; then the program did not always end.
        """
        driver: Any = self._driver
        if driver is None or not driver._auto_restart:  # another program has the terminal
            return
        if not driver._must_signal_resume:
            driver.suspend_application_mode()
            driver._must_signal_resume = True  # to be drawn anew
        driver.resume_application_mode()

    def keep_unsaved(self, why: str) -> bool:
        """Keep what is being edited, without asking; whether there was anything. Override it; it must not wait."""
        return False

    def _keep(self, why: str) -> None:
        # Whatever goes wrong here must not stand in the way of ending.
        with contextlib.suppress(Exception):
            self.keep_unsaved(why)

    def _end(self, number: int) -> None:
        self._keep(f"the program was ended by signal {number}")
        self.exit(128 + number)
        if number == getattr(signal, "SIGHUP", None):
            # With the terminal gone, textual's writer thread has died or will, and waiting for it to take more
            # output never ends. Nothing is left to restore then; the sandbox ends when its parent does.
            watchdog = threading.Timer(_HANG_UP_SECONDS, os._exit, (128 + number,))
            watchdog.daemon = True
            watchdog.start()

    def _handle_exception(self, error: Exception) -> None:
        if self.is_headless:
            super()._handle_exception(error)
            return
        if self._exit:
            return  # a screen that was being mounted when the end came finds nothing mounted in it: no crash
        self._keep("the program failed")
        self._return_code = 1
        self.crashed = self.crashed or error
        self._exception = self._exception or error
        self._exception_event.set()
        self._close_messages_no_wait()


def _has_job_control() -> bool:
    """Whether a parent in our session, but of another process group, could continue us (POSIX: not orphaned)."""
    if not hasattr(os, "getpgid"):
        return False
    try:
        parent = os.getppid()
        return os.getsid(parent) == os.getsid(0) and os.getpgid(parent) != os.getpgrp()
    except OSError:
        return False
