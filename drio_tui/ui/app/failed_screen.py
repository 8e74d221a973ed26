"""The screen that replaces a screen that failed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from textual.app import ComposeResult

from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.screen import DrioScreen
from drio_tui.ui.widgets.empty_state import EmptyState


class FailedScreen(DrioScreen[None]):
    """Shows why a screen was closed and where the report is.

    `reopen` opens that screen again; None if that is not possible. `kept` says that its edits were kept.
    """

    BINDINGS = keymap.section(
        "failed",
        "A screen that failed",
        Key("failed.again", "r,enter", "again", "Open again", "Open the screen again"),
    )

    def __init__(self, error: str, report: Path | None, reopen: Callable[[], object] | None, *, kept: bool) -> None:
        super().__init__()
        self._error, self._report, self._reopen, self._edits_kept = error, report, reopen, kept

    def compose_body(self) -> ComposeResult:
        body = [self._error]
        body.append(f"A report without secrets is in {self._report}" if self._report else "No report could be written.")
        if self._edits_kept:
            body.append("What you were editing here is kept.")
        steps = [("r", "open it again")] if self._reopen else []
        if len(self.app.screen_stack) > 1:
            steps.append(("Esc", "go back"))
        yield EmptyState("This screen failed and was closed.", "\n".join(body), *steps)

    def session_changed(self) -> None:
        """Stay: it shows nothing of the account."""

    def disabled_reason(self, action: str, parameters: tuple[object, ...]) -> str | None:
        if action == "again" and self._reopen is None:
            return "It cannot be opened again from here: go back (Esc) and open it from there."
        return super().disabled_reason(action, parameters)

    def action_again(self) -> None:
        if self._reopen is not None:
            self._reopen()
