"""What fails does not take the program with it: an action is reported, a screen is replaced, the rest goes on."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from textual.message import Message
from textual.screen import Screen
from textual.worker import WorkerFailed

from drio_tui.ui.app.opening import make_screen
from drio_tui.ui.base.textual_internals import has_started, put_in_place_of, screen_of_active_pump
from drio_tui.ui.widgets.sanitize import safe

if TYPE_CHECKING:
    from drio_tui.ui.app.drio_app import DrioApp
    from drio_tui.ui.app.terminal import TerminalApp
    from drio_tui.workspace.saving.unsaved_edits import UnsavedEdit

    _Base = TerminalApp
else:
    _Base = object

REPEATED = 3
"""Screens that fail within `_SECONDS` of each other until the program ends: what is wrong does not go away."""
_SECONDS = 20.0


class Failing(_Base):
    """Mixed into the app."""

    contains_failures: bool | None = None
    """Whether the program goes on after a failure; None: in a terminal it does, in a test it fails the test."""

    _replaced_at: deque[float]

    @property
    def _goes_on(self) -> bool:
        goes_on = not self.is_headless if self.contains_failures is None else self.contains_failures
        return goes_on and has_started(self)

    def _handle_exception(self, error: Exception) -> None:
        if not self._goes_on:
            super()._handle_exception(error)
            return
        if isinstance(error, WorkerFailed):
            self.action_failed(error.error if isinstance(error.error, Exception) else error)
            return
        screen = screen_of_active_pump()
        if screen is None:
            self.action_failed(error)
            return
        now = time.monotonic()
        self._replaced_at = deque(getattr(self, "_replaced_at", ()), maxlen=REPEATED)
        self._replaced_at.append(now)
        if len(self._replaced_at) == REPEATED and now - self._replaced_at[0] < _SECONDS:
            super()._handle_exception(error)
        else:
            self.call_later(self._replace, screen, error, _report(error))

    async def _dispatch_message(self, message: Message) -> None:
        # Textual ends the app's own message loop after an exception.
        try:
            await super()._dispatch_message(message)
        except Exception as error:
            if not self._goes_on:
                raise
            self.action_failed(error)

    def action_failed(self, error: Exception) -> None:
        """Say that something failed and where the report is."""
        report = _report(error)
        where = f"A report without secrets is in {report}" if report else "No report could be written."
        text = safe(f"{_words(error)}\n{where}", multiline=True).plain
        self.notify(text, title="That failed", severity="error", timeout=15, markup=False)

    async def _replace(self, screen: Screen[Any], error: Exception, report: Path | None) -> None:
        """Put a screen that says what happened in the place of one that failed, and of the dialogs over it."""
        drio = cast("DrioApp", self)
        mode = next((name for name, stack in self._screen_stacks.items() if screen in stack), None)
        if mode is None:  # it was closed meanwhile
            self.action_failed(error)
            return
        stack = self._screen_stacks[mode]
        place = stack.index(screen)
        kept = drio.keep_screens(stack[place:], "a screen failed")
        again: Callable[[], object] | None = None
        instead: Screen[Any] | None = None
        if kept:
            again = partial(self._reopen, kept)
        elif place == 0:
            again = partial(self._put, make_screen, mode)
        from drio_tui.ui.app.failed_screen import FailedScreen

        instead = FailedScreen(_words(error), report, again, kept=bool(kept))
        await put_in_place_of(self, mode, place, instead)

    def _reopen(self, kept: list[UnsavedEdit]) -> None:
        """Open the editors of `kept` again, the first one in the place of the current screen and the others over it."""
        from drio_tui.ui.editing.recovery_screen import target_of  # only when something was being edited

        lowest, *above = (target_of(buffer) for buffer in kept)
        self._put(make_screen, "edit", lowest)
        for target in above:
            self.call_later(self.push_screen, make_screen("edit", target))

    def _put(self, make: Callable[..., Screen[Any]], *arguments: Any) -> None:
        """Put a new screen in the place of the current one."""
        mode = self.current_mode
        self.call_later(put_in_place_of, self, mode, len(self._screen_stacks[mode]) - 1, make(*arguments))


def _report(error: BaseException) -> Path | None:
    from drio_tui.ui.app import crash_report  # a failure is rare

    return crash_report.write_report(error)


def _words(error: BaseException) -> str:
    from drio_tui.text import one_line
    from drio_tui.ui.app import crash_report

    kind = type(error).__name__
    return one_line(crash_report.redacted(f"{kind}: {error}" if str(error) else kind), 200)
