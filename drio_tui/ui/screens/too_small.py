"""What is shown while the terminal is too small; everything below stays as it was."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.geometry import Size
from textual.screen import Screen
from textual.widgets import Static

SMALLEST = Size(44, 12)


def fits(size: Size) -> bool:
    """Whether the program can be used at this size."""
    return size.width >= SMALLEST.width and size.height >= SMALLEST.height


class TooSmallScreen(Screen[None]):
    """Asks for more room and goes away by itself when there is some."""

    DEFAULT_CSS = """
    TooSmallScreen {
        align: center middle;
        background: $background;
        overflow: hidden;
        & > Static { width: 100%; height: auto; text-align: center; color: $text-warning; }
    }
    """

    def compose(self) -> ComposeResult:
        yield Static(markup=False)

    def on_resize(self, event: events.Resize) -> None:
        self._look(event.size)

    def on_screen_resume(self) -> None:
        self._look(self.app.size)

    def _look(self, size: Size) -> None:
        if fits(size) and self.is_current:
            self.dismiss()
            return
        words = "Make it bigger"
        if size.width >= 24 and size.height >= 3:
            words += f"\n{size.width}×{size.height} → {SMALLEST.width}×{SMALLEST.height}\nq quits"
        self.query_one(Static).update(words)
