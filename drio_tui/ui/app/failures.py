"""Contain failures: an action that fails is reported, a screen that fails is replaced, and the program goes on."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.app import App
from textual.screen import Screen
from textual.worker import WorkerFailed

from drio_tui.ui.app.navigation import make_screen
from drio_tui.ui.app.recovery import Recovery, screen_of_edit
from drio_tui.ui.base.textual_internals.app import has_started
from drio_tui.ui.base.textual_internals.screens import all_screens, mode_of, replace_screens, screen_of_active_pump
from drio_tui.ui.widgets.sanitize import sanitize

if TYPE_CHECKING:
    from drio_tui.workspace.saving.unsaved_edits import UnsavedEdit

REPEATED = 3
"""The program ends when this many screens fail within `_SECONDS`: the cause does not go away."""
_SECONDS = 20.0


class FailureHandler:
    """Handles the exceptions of `app` that nothing else has handled."""

    def __init__(self, app: App[Any], recovery: Recovery) -> None:
        self._app = app
        self._recovery = recovery
        self._replaced_at: deque[float] = deque(maxlen=REPEATED)
        self.survive: bool | None = None
        """Whether the program goes on after a failure; None: yes in a terminal, no in a test, which then fails."""

    @property
    def _survives(self) -> bool:
        survive = not self._app.is_headless if self.survive is None else self.survive
        return survive and has_started(self._app)

    def handle(self, error: Exception) -> bool:
        """Report `error`, or replace the screen whose message raised it; return False if the program has to end."""
        if not self._survives:
            return False
        if isinstance(error, WorkerFailed):
            self.report(error.error if isinstance(error.error, Exception) else error)
            return True
        screen = screen_of_active_pump()
        if screen is None:
            self.report(error)
            return True
        now = time.monotonic()
        self._replaced_at.append(now)
        if len(self._replaced_at) == REPEATED and now - self._replaced_at[0] < _SECONDS:
            return False
        self._app.call_later(self._replace, screen, error, _write_report(error))
        return True

    @contextlib.contextmanager
    def reported(self) -> Iterator[None]:
        """Report an exception of the block instead of raising it, if the program survives failures."""
        try:
            yield
        except Exception as error:
            if not self._survives:
                raise
            self.report(error)

    def report(self, error: Exception) -> None:
        """Notify that something failed and where the report is."""
        report = _write_report(error)
        where = f"A report without secrets is in {report}" if report else "No report could be written."
        text = sanitize(f"{_summary(error)}\n{where}", multiline=True).plain
        self._app.notify(text, title="That failed", severity="error", timeout=15, markup=False)

    async def _replace(self, screen: Screen[Any], error: Exception, report: Path | None) -> None:
        """Replace a screen that failed, and the dialogs over it, by a `FailedScreen`."""
        if screen not in all_screens(self._app):  # it was closed meanwhile
            self.report(error)
            return
        mode = mode_of(self._app, screen)
        stack = self._app.get_screen_stack(mode)
        index = stack.index(screen)
        edits = self._recovery.keep(stack[index:], "a screen failed")
        reopen: Callable[[], object] | None = None
        if edits:
            reopen = partial(self._reopen, edits)
        elif index == 0:
            reopen = partial(self._replace_current, make_screen, mode)
        from drio_tui.ui.app.failed_screen import FailedScreen

        replacement = FailedScreen(_summary(error), report, reopen, kept=bool(edits))
        await replace_screens(self._app, mode, index, replacement)

    def _reopen(self, edits: list[UnsavedEdit]) -> None:
        """Open the editors of `edits` again: the first one replaces the current screen, the others open over it."""
        lowest, *above = edits
        self._replace_current(screen_of_edit, lowest)
        for edit in above:
            self._app.call_later(self._app.push_screen, screen_of_edit(edit))

    def _replace_current(self, make: Callable[..., Screen[Any]], *arguments: Any) -> None:
        """Replace the current screen by a new one."""
        index = len(self._app.screen_stack) - 1
        self._app.call_later(replace_screens, self._app, self._app.current_mode, index, make(*arguments))


def _write_report(error: BaseException) -> Path | None:
    from drio_tui.ui.app import crash_report  # a failure is rare

    return crash_report.write_report(error)


def _summary(error: BaseException) -> str:
    from drio_tui.text import one_line
    from drio_tui.ui.app import crash_report

    class_name = type(error).__name__
    return one_line(crash_report.redacted(f"{class_name}: {error}" if str(error) else class_name), 200)
