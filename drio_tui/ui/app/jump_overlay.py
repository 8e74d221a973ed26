"""Jump mode: a letter at each field, tab and button that is visible; pressing it goes there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from string import ascii_uppercase, digits
from typing import Any, ClassVar, NamedTuple

from rich.segment import Segment
from textual import events
from textual.app import ComposeResult
from textual.geometry import Region, Size
from textual.screen import ModalScreen, Screen
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Static, Tab, Tabs

from drio_tui.ui.forms.tabs import TabStrip
from drio_tui.ui.screen import SafeDismiss

LETTERS = "asdfghjklqwertyuiopzxcvbnm" + ascii_uppercase + digits
"""The letters in the order in which they are given out; what is below the last of them gets none."""


class Target(NamedTuple):
    """A place to jump to: where its letter is shown on the screen, what goes there, and how many cells the letter has.

    The letter covers what is before a field, and the space before the title of a tab.
    """

    y: int
    x: int
    go: Callable[[], object]
    cells: int = 3


class JumpOverlay(SafeDismiss, ModalScreen[Target | None]):
    """Shows the letters over `below`; the result is the chosen target, None if another key was pressed."""

    AUTO_FOCUS = ""
    COMPONENT_CLASSES: ClassVar[set[str]] = {"jump-overlay--letter"}

    def __init__(self, below: Screen[Any]) -> None:
        super().__init__()
        self._below = below
        self._targets: dict[str, Target] = {}
        self._placed_in = Size()

    def compose(self) -> ComposeResult:
        yield Static("Press a letter to go there, Esc to stay.", id="hint")

    def on_mount(self) -> None:
        self._place_letters()

    def _place_letters(self) -> None:
        self._placed_in = self.app.size
        self._targets = dict(zip(LETTERS, targets_of(self._below), strict=False))
        self.refresh()

    def on_resize(self, event: events.Resize) -> None:
        super().on_resize(event)
        if event.size != self._placed_in:
            self.call_after_refresh(self._place_letters)  # the screen below has its new size by then

    def render_line(self, y: int) -> Strip:
        """Draw a line of the screen below with the letters over it: a widget for each would take as long as a form."""
        line = super().render_line(y)
        style = self.get_component_rich_style("jump-overlay--letter")
        for letter, target in self._targets.items():
            if target.y == y:
                end = target.x + target.cells
                drawn = Strip([Segment(f"{letter:^{target.cells}}", style)], target.cells)
                line = Strip.join([line.crop(0, target.x), drawn, line.crop(end)])
        return line

    def on_key(self, event: events.Key) -> None:
        event.stop()
        event.prevent_default()
        self.dismiss(self._targets.get(event.character or ""))

    def on_click(self) -> None:
        self.dismiss(None)


def targets_of(screen: Screen[Any]) -> list[Target]:
    """Return what can be gone to on a screen and is visible, from top to bottom."""
    visible = {widget: region for widget in screen.focus_chain if (region := _visible_region(screen, widget))}
    around = {above for widget in visible for above in widget.ancestors}
    targets = [
        target
        for widget, region in visible.items()
        if widget not in around  # what scrolls around fields is no place to type
        for target in _targets_in(widget, region)
    ]
    return sorted(targets, key=lambda target: target[:2])


def _targets_in(widget: Widget, region: Region) -> Iterator[Target]:
    """Yield the tabs of a line of tabs, else the widget itself."""
    if isinstance(widget, TabStrip):
        for number, column in widget.visible_tabs():
            yield Target(region.y, region.x + column, partial(widget.choose, number), 1)
    elif isinstance(widget, Tabs):
        for tab in widget.query(Tab):
            if tab.display and region.overlaps(tab.region):
                yield Target(tab.region.y, tab.region.x, partial(setattr, widget, "active", tab.id), 1)
    else:
        yield Target(region.y, max(0, region.x - 2), widget.focus)


def _visible_region(screen: Screen[Any], widget: Widget) -> Region:
    return screen.find_widget(widget).visible_region if widget.region else Region()
