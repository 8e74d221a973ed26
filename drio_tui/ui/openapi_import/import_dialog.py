"""Making several resources that belong together: the steps, their results, another try of those that failed."""

from __future__ import annotations

from textual import on
from textual.widgets import Button, Static

from drio_tui.ui.editing.batch_dialog import BatchDialog
from drio_tui.ui.widgets.sanitize import safe

TOLD = 12
"""Problems that are said in full; of the others the number is said."""


class MakingScreen(BatchDialog):
    """The steps of an import. What failed can be tried again; what is done is not done twice."""

    def on_mount(self) -> None:
        button = self.query_one("#go", Button)
        button.variant = "primary"
        if self.work is not None:
            button.label = "Retry the failed"
        self.call_after_refresh(button.focus)

    @on(BatchDialog.Ended)
    def _say_failures(self) -> None:
        """Say in full what a line of the list has no room for."""
        failed = self.work.failed if self.work is not None else []
        if failed:
            lines = [f"✗ {result.task.about}: {result.problem}" for result in failed[:TOLD]]
            self.query_one("#body", Static).update(safe("\n".join(lines), multiline=True))
