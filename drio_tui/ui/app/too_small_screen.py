"""What is shown while the terminal is too small; everything below stays as it was."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.geometry import Size
from textual.widgets import Static

from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.dialogs.dialog import Dialog

SMALLEST = Size(44, 12)


def fits(size: Size) -> bool:
    """Whether the program can be used at this size."""
    return size.width >= SMALLEST.width and size.height >= SMALLEST.height


class TooSmallScreen(Dialog[None]):
    """Asks for more room and goes away by itself when there is some.

    Modal, so that no key does anything that cannot be seen.
    """

    DEFAULT_CSS = """
    TooSmallScreen {
        align: center middle;
        background: $background;
        overflow: hidden;
        & > Static { width: 100%; height: auto; text-align: center; color: $text-warning; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "too_small",
        "Too little room",
        Key("too_small.quit", "q,ctrl+q", "app.quit", "Leave the program", palette=False),
        Key("too_small.suspend", "ctrl+z", "app.suspend_process", "Back to the shell", palette=False),
    )

    def __init__(self) -> None:
        super().__init__()
        self._leaving = False

    def compose(self) -> ComposeResult:
        yield Static(markup=False)

    def on_resize(self, event: events.Resize) -> None:
        self._look(event.size)

    def on_screen_resume(self) -> None:
        self._look(self.app.size)

    def _look(self, size: Size) -> None:
        if self._leaving:  # a screen that comes back is told of its return and of its new size
            return
        # Not `is_current`, which also holds under a dialog: `dismiss` would close that instead.
        if fits(size) and self.is_active:
            self._leaving = True
            self.dismiss()
            return
        words = "Make it bigger"
        if size.width >= 24 and size.height >= 3:
            words += f"\n{size.width}×{size.height} → {SMALLEST.width}×{SMALLEST.height}\nq quits"
        self.query_one(Static).update(words)
