"""The dialog that confirms an action, if needed by typing a name."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widgets import Button, Input, Static

from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.base.stylesheets import stylesheet
from drio_tui.ui.dialogs.dialog import ButtonRow, Dialog
from drio_tui.ui.widgets.sanitize import sanitize


class ConfirmDialog(Dialog[bool]):
    """Asks for a confirmation; the result is True if the user agreed.

    `title` is the question, `body` says what would happen, `agree` is the label of the button. With `name`, the name
    has to be typed first; it is compared code point by code point, so that a lookalike does not pass. `danger` says
    that agreeing loses or changes what cannot be restored. `ctrl_s` is False where Ctrl+S, which presses the
    button in a dialog, could be meant to save.
    """

    CSS_PATH = stylesheet("dialogs")
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "confirm",
        "Confirmation dialogs",
        Key("confirm.no", "escape", "answer(False)", "No", "Leave everything as it is"),
    )

    def __init__(
        self,
        title: str,
        body: str = "",
        *,
        agree: str = "Yes",
        name: str | None = None,
        danger: bool = True,
        ctrl_s: bool = True,
    ) -> None:
        super().__init__()
        self._title, self._body, self._agree, self._required_name = title, body, agree, name
        self._danger, self._ctrl_s = danger, ctrl_s

    def compose(self) -> ComposeResult:
        with Vertical(id="question") as box:
            box.border_title = sanitize(self._title)
            if self._body:
                yield Static(sanitize(self._body, multiline=True), id="body")
            if self._required_name is not None:
                yield Static(sanitize(f"Type {self._required_name} to go on:"))
                yield Input(id="typed")
            yield ButtonRow(
                Button("No", id="no"),
                Button(
                    self._agree,
                    id="yes",
                    variant="error" if self._danger else "primary",
                    disabled=self._required_name is not None,
                ),
                confirms=self._ctrl_s,
            )

    def on_mount(self) -> None:
        if self._required_name is not None:
            self.set_focus(self.query_one("#typed"))
        else:
            self.focus_default()

    @on(Input.Changed)
    def _compare(self, event: Input.Changed) -> None:
        self.query_one("#yes", Button).disabled = event.value != self._required_name

    @on(Input.Submitted)
    def _submit(self, event: Input.Submitted) -> None:
        if event.value == self._required_name:
            self.dismiss(True)

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "yes")

    def action_answer(self, agreed: bool) -> None:
        self.dismiss(agreed)
