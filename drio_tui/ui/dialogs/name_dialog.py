"""The dialog that renames a resource in the wizard."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static

from drio_tui.naming import NAME_MAX
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.base.stylesheets import stylesheet
from drio_tui.ui.dialogs.dialog import Dialog
from drio_tui.ui.widgets.line_editor import LineEditor
from drio_tui.ui.widgets.sanitize import sanitize_line


class NameDialog(Dialog[str | None]):
    """Asks for a name; the result is the new one, None if it stays. `what` is the title of the resource's kind."""

    CSS_PATH = stylesheet("wizard")
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "name_dialog",
        "New app: a name",
        Key("name_dialog.take", "ctrl+s", "take", "Take", "Take the name", priority=True),
        Key("name_dialog.close", "escape", "close", "Leave", "Leave the name as it is"),
    )

    def __init__(self, what: str, name: str) -> None:
        super().__init__()
        self._what, self._old_name = what, name

    def compose(self) -> ComposeResult:
        with Vertical(id="naming") as box:
            box.border_title = sanitize_line(f"Rename the {self._what.lower()}", 60)
            line = LineEditor(self._old_name[:NAME_MAX])
            line.id, line.max_length = "new-name", NAME_MAX
            yield line
            yield Static(Content.styled("Enter takes it, Esc leaves it.", "$foreground-muted"), id="naming-note")

    def on_mount(self) -> None:
        self.query_one(Input).focus()

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_take()

    def action_take(self) -> None:
        if not self.is_mounted:
            return
        name = self.query_one(Input).value.strip()
        if name:
            self.dismiss(name)
        else:
            self.query_one("#naming-note", Static).update(Content.styled("✗ It needs a name.", "$text-error"))

    def action_close(self) -> None:
        self.dismiss(None)
