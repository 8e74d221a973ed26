"""The dialog that carries out an import: its steps, their results, and a retry of those that failed."""

from __future__ import annotations

from textual import on
from textual.widgets import Button, Static

from drio_tui.ui.editing.batch_dialog import BatchDialog
from drio_tui.ui.widgets.sanitize import sanitize

MAX_PROBLEMS = 12
"""The maximum number of problems shown; of the others only the number is shown."""


class MakingScreen(BatchDialog):
    """The steps of an import. Failed steps can be retried; those that succeeded are not repeated."""

    def on_mount(self) -> None:
        button = self.query_one("#go", Button)
        button.variant = "primary"
        if self.work is not None:
            button.label = "Retry the failed"
        self.call_after_refresh(button.focus)

    @on(BatchDialog.Ended)
    def _show_failures(self) -> None:
        """Show the complete error messages, which do not fit into the lines of the list."""
        failed = self.work.failed if self.work is not None else []
        if failed:
            lines = [f"✗ {result.task.label}: {result.problem}" for result in failed[:MAX_PROBLEMS]]
            self.query_one("#body", Static).update(sanitize("\n".join(lines), multiline=True))
