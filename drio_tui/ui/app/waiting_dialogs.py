"""Dialogs that are opened while their screen is covered, such as by a response that comes when the user has gone on.

Keys that are pressed then are meant for what is shown, so the dialog appears once its screen is shown again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from textual.await_complete import AwaitComplete
from textual.screen import Screen

from drio_tui.ui.app.terminal import TerminalApp
from drio_tui.ui.base.textual_internals.screens import current_worker, is_covered, mode_of, opening_screen
from drio_tui.ui.screen import SafeDismiss
from drio_tui.ui.widgets.status_line import AREAS


class WaitingDialogsApp(TerminalApp, inherit_bindings=False):
    """An app in which a dialog waits while the screen that opens it is covered, or in another mode."""

    def push_screen(
        self,
        screen: Screen[Any] | str,
        callback: Callable[[Any], Any] | None = None,
        wait_for_dismiss: bool = False,
        *,
        mode: str | None = None,
    ) -> Any:
        opener = opening_screen(self)
        waits = isinstance(screen, SafeDismiss) and screen.WAITS
        if waits and isinstance(screen, Screen) and isinstance(opener, SafeDismiss) and is_covered(self, opener):
            result = self._push_when_uncovered(opener, screen, callback)
            return result if wait_for_dismiss else AwaitComplete()
        push: Any = super().push_screen  # its overloads tell True and False apart
        return push(screen, callback, wait_for_dismiss, mode=mode)

    def _push_when_uncovered(
        self, opener: SafeDismiss, dialog: Screen[Any], callback: Callable[[Any], Any] | None
    ) -> asyncio.Future[Any]:
        """Show `dialog` once nothing covers `opener`; return its result to come.

        It is not shown any more if the worker that opened it has ended. A notification says that it waits in another
        area.
        """
        result: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        worker = current_worker()

        def handle_result(value: Any) -> Any:
            if not result.done():
                result.set_result(value)
            return callback(value) if callback is not None else None

        def open_dialog() -> None:
            if worker is None or not worker.is_finished:
                self.push_screen(dialog, handle_result)

        opener.when_uncovered(open_dialog)
        if (mode := mode_of(self, opener)) != self.current_mode:
            self.notify("A dialog waits there for your answer.", title=dict(AREAS).get(mode, mode), markup=False)
        return result
