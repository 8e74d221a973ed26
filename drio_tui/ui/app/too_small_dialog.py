"""The screen that is shown while the terminal is too small; the screens below stay as they are."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.geometry import Size
from textual.widgets import Static

from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.dialogs.confirm_dialog import ConfirmDialog
from drio_tui.ui.dialogs.dialog import Dialog

SMALLEST = Size(44, 12)


def fits(size: Size) -> bool:
    """Return whether the program can be used at this size."""
    return size.width >= SMALLEST.width and size.height >= SMALLEST.height


class TooSmallDialog(Dialog[None], inherit_bindings=False):
    """Asks for a larger terminal, and dismisses itself when there is room.

    It is modal, so that no key acts on a hidden screen.
    """

    DEFAULT_CSS = """
    TooSmallDialog {
        align: center middle;
        background: $background;
        overflow: hidden;
        & > Static { width: 100%; height: auto; text-align: center; color: $text-warning; }
    }
    """

    WAITS = False
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "too_small",
        "Terminal too small",
        Key("too_small.quit", "q,ctrl+q", "app.quit", "Leave the program", palette=False),
        Key("too_small.suspend", "ctrl+z", "app.suspend_process", "Back to the shell", palette=False),
    )

    def __init__(self) -> None:
        super().__init__()
        self._dismissed = False

    def compose(self) -> ComposeResult:
        yield Static(markup=False)

    def on_resize(self, event: events.Resize) -> None:
        self._update(event.size)

    def on_screen_resume(self) -> None:
        self._update(self.app.size)

    def _update(self, size: Size) -> None:
        if self._dismissed:  # a screen that is shown again gets both ScreenResume and Resize
            return
        # Not `is_current`, which also holds under a dialog: `dismiss` would close that instead.
        if fits(size) and self.is_active:
            self._dismissed = True
            self.dismiss()
            return
        text = "Make it bigger"
        if size.width >= 24 and size.height >= 3:
            is_asked = any(isinstance(screen, ConfirmDialog) for screen in self.app.screen_stack)
            text += f"\n{size.width}×{size.height} → {SMALLEST.width}×{SMALLEST.height}"
            text += "\nto answer a question" if is_asked else "\nq quits"
        self.query_one(Static).update(text)
