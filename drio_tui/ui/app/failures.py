"""Contain failures: an action that fails is reported, a screen that fails is replaced, and the program goes on."""

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
from drio_tui.ui.base.textual_internals import has_started, replace_screens, screen_of_active_pump
from drio_tui.ui.widgets.sanitize import sanitize

if TYPE_CHECKING:
    from drio_tui.ui.app.drio_app import DrioApp
    from drio_tui.ui.app.terminal import TerminalApp
    from drio_tui.workspace.saving.unsaved_edits import UnsavedEdit

    _Base = TerminalApp
else:
    _Base = object

REPEATED = 3
"""The program ends when this many screens fail within `_SECONDS`: the cause does not go away."""
_SECONDS = 20.0


class Failing(_Base):
    """Handling of failures. Mixed into the app."""

    contains_failures: bool | None = None
    """Whether the program goes on after a failure; None: yes in a terminal, no in a test, which then fails."""

    _replaced_at: deque[float]

    @property
    def _survives_failures(self) -> bool:
        contains = not self.is_headless if self.contains_failures is None else self.contains_failures
        return contains and has_started(self)

    def _handle_exception(self, error: Exception) -> None:
        if not self._survives_failures:
            super()._handle_exception(error)
            return
        if isinstance(error, WorkerFailed):
            self.report_failure(error.error if isinstance(error.error, Exception) else error)
            return
        screen = screen_of_active_pump()
        if screen is None:
            self.report_failure(error)
            return
        now = time.monotonic()
        self._replaced_at = deque(getattr(self, "_replaced_at", ()), maxlen=REPEATED)
        self._replaced_at.append(now)
        if len(self._replaced_at) == REPEATED and now - self._replaced_at[0] < _SECONDS:
            super()._handle_exception(error)
        else:
            self.call_later(self._replace, screen, error, _write_report(error))

    async def _dispatch_message(self, message: Message) -> None:
        # Textual would end the app's own message loop after an exception.
        try:
            await super()._dispatch_message(message)
        except Exception as error:
            if not self._survives_failures:
                raise
            self.report_failure(error)

    def report_failure(self, error: Exception) -> None:
        """Notify that something failed and where the report is."""
        report = _write_report(error)
        where = f"A report without secrets is in {report}" if report else "No report could be written."
        text = sanitize(f"{_summary(error)}\n{where}", multiline=True).plain
        self.notify(text, title="That failed", severity="error", timeout=15, markup=False)

    async def _replace(self, screen: Screen[Any], error: Exception, report: Path | None) -> None:
        """Replace a screen that failed, and the dialogs over it, by a `FailedScreen`."""
        drio = cast("DrioApp", self)
        mode = next((name for name, stack in self._screen_stacks.items() if screen in stack), None)
        if mode is None:  # it was closed meanwhile
            self.report_failure(error)
            return
        stack = self._screen_stacks[mode]
        index = stack.index(screen)
        edits = drio.keep_screens(stack[index:], "a screen failed")
        reopen: Callable[[], object] | None = None
        replacement: Screen[Any] | None = None
        if edits:
            reopen = partial(self._reopen, edits)
        elif index == 0:
            reopen = partial(self._replace_current, make_screen, mode)
        from drio_tui.ui.app.failed_screen import FailedScreen

        replacement = FailedScreen(_summary(error), report, reopen, kept=bool(edits))
        await replace_screens(self, mode, index, replacement)

    def _reopen(self, edits: list[UnsavedEdit]) -> None:
        """Open the editors of `edits` again: the first one replaces the current screen, the others open over it."""
        from drio_tui.ui.editing.recovery_screen import target_for  # only when something was being edited

        lowest, *above = (target_for(edit) for edit in edits)
        self._replace_current(make_screen, "edit", lowest)
        for target in above:
            self.call_later(self.push_screen, make_screen("edit", target))

    def _replace_current(self, make: Callable[..., Screen[Any]], *arguments: Any) -> None:
        """Replace the current screen by a new one."""
        mode = self.current_mode
        self.call_later(replace_screens, self, mode, len(self._screen_stacks[mode]) - 1, make(*arguments))


def _write_report(error: BaseException) -> Path | None:
    from drio_tui.ui.app import crash_report  # a failure is rare

    return crash_report.write_report(error)


def _summary(error: BaseException) -> str:
    from drio_tui.text import one_line
    from drio_tui.ui.app import crash_report

    class_name = type(error).__name__
    return one_line(crash_report.redacted(f"{class_name}: {error}" if str(error) else class_name), 200)
