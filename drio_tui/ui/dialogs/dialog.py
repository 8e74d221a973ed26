"""The base of all dialogs: the row of buttons, the first focus, and what Ctrl+S presses."""

from __future__ import annotations

from typing import ClassVar, TypeVar

from textual import events, on
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.screen import ModalScreen
from textual.widgets import Button, Input, TextArea

from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.screen import Leavable, SafeDismiss

S = TypeVar("S")


class ButtonRow(Horizontal):
    """The buttons of a dialog: the one that leaves it on the left, its action on the right.

    ← and → move between the buttons and stop at the ends. A destructive action has the variant `error` or
    `warning`. `confirms` is False if Ctrl+S must not press the action.
    """

    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "buttons",
        "Buttons of a dialog",
        Key("buttons.left", "left", "move(-1)", "Left", "The button to the left", show=False, palette=False),
        Key("buttons.right", "right", "move(1)", "Right", "The button to the right", show=False, palette=False),
    )

    def __init__(self, *buttons: Button, id: str | None = None, confirms: bool = True) -> None:
        super().__init__(*buttons, id=id, classes="buttons")
        self.confirms = confirms

    @property
    def pressable(self) -> list[Button]:
        """The buttons that can be pressed now, from left to right."""
        return [button for button in self.query(Button) if button.display and not button.disabled]

    @property
    def action(self) -> Button:
        """The button on the right, which does the dialog's action."""
        return [button for button in self.query(Button) if button.display][-1]

    @property
    def default(self) -> Button:
        """The button to focus first: the action, or the one that leaves the dialog if the action is destructive."""
        avoid = self.action.disabled or self.action.variant in ("error", "warning")
        return self.pressable[0] if avoid else self.action

    def action_move(self, step: int) -> None:
        """Focus the next button to the left or right, if there is one."""
        buttons = self.pressable
        if self.screen.focused in buttons:
            index = buttons.index(self.screen.focused) + step
            buttons[max(0, min(index, len(buttons) - 1))].focus()


class Dialog(SafeDismiss, ModalScreen[S], Leavable[S]):
    """The base class of dialogs.

    In every dialog the field or list to fill in has the focus first; without one it is `ButtonRow.default`.
    Ctrl+S presses the action, wherever the focus is; Esc leaves. In a dialog with input it is bound to `action_leave`,
    which asks first. The keys of the program do not count in dialogs, but for help and quitting.
    """

    WAITS = True
    TYPED: ClassVar[str] = ""
    """What is typed into the fields, for the question before leaving or quitting (`the sample`); empty for none."""

    _initial_texts: list[str] | None = None

    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "dialog",
        "Every dialog",
        Key(
            "dialog.confirm",
            "ctrl+s",
            "confirm",
            "Confirm",
            "Press the right-most button, but never one that discards edits",
            show=False,
            palette=False,
        ),
        Key(
            "dialog.help", "question_mark,f1", "app.help", "Help", "Every key of this dialog", show=False, palette=False
        ),
        Key("dialog.quit", "ctrl+q", "app.quit", "Quit", "Leave the program", show=False, palette=False),
    )

    @on(events.Mount)
    def _note_initial_texts(self) -> None:
        self._initial_texts = self._texts()

    def _texts(self) -> list[str]:
        return [*(field.value for field in self.query(Input)), *(area.text for area in self.query(TextArea))]

    def unsaved_input(self) -> str:
        is_typed = self._initial_texts is not None and self._texts() != self._initial_texts
        return self.TYPED if is_typed else ""

    @property
    def buttons(self) -> ButtonRow | None:
        """The row of buttons that is shown, if any."""
        return next((row for row in self.query(ButtonRow) if row.display), None)

    def focus_default(self) -> None:
        """Focus the button that the dialog starts with."""
        row = self.buttons
        if row is not None:
            self.set_focus(row.default)

    def action_leave(self) -> None:
        """Close without a result; ask first if something typed would be lost."""
        self.drio.navigator.back(self)

    def action_confirm(self) -> None:
        row = self.buttons
        if row is None or row.action.disabled:
            return
        if row.confirms:
            row.action.press()
        else:
            self.notify(f"Ctrl+S does not press “{row.action.label}”: choose a button.", markup=False)
