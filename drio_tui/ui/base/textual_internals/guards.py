"""Patches of Textual where it fails, or takes input for what it was not meant for."""

from __future__ import annotations

import sys
import weakref
from typing import Any

from textual import events
from textual.geometry import Offset, Region
from textual.screen import Screen
from textual.selection import Selection
from textual.strip import Strip
from textual.timer import Timer
from textual.widget import Widget

from drio_tui.ui.base.textual_internals import is_patched, patch


def guard_option_lists() -> None:
    """Make Page Up and Page Down do nothing in an option list without a line to go to.

    Textual looks up the line of the highlighted option, which does not exist before the list is laid out
    (Textual 8.2: `KeyError: 0` in the command palette without matches).
    """
    from textual.widgets import OptionList  # not needed for the first frame

    original = OptionList._move_page
    if is_patched(original):
        return

    def _move_page(self: OptionList, direction: Any) -> None:
        if (self.highlighted or 0) in self._index_to_line:
            original(self, direction)

    patch(OptionList, _move_page)  # the one place for the palette's, Select's and our lists


def guard_buttons() -> None:
    """Let a button ignore the second click of a double click that did not begin on it.

    A click may put a button where the pointer is, such as that of a question, which the user has not read before the
    second click. Textual counts clicks at one place, whatever is there (8.2).
    """
    from textual.widgets import Button  # not needed for the first frame

    original = Button._on_click
    if is_patched(original):
        return
    clicked: weakref.ref[Button] | None = None

    async def _on_click(self: Button, event: events.Click) -> None:
        nonlocal clicked
        if event.chain == 1:
            clicked = weakref.ref(self)
        if clicked is not None and clicked() is self:
            await original(self, event)
        else:
            event.stop()

    patch(Button, _on_click)


def guard_selections() -> None:
    """Make a selection empty that begins below the text, which has become shorter since.

    Textual looks up the line after the last one (8.2: `IndexError` when the selection is copied).
    """
    original = Selection.extract
    if is_patched(original):
        return

    def extract(self: Selection, text: str) -> str:
        below = self.start is not None and self.start.y >= len(text.splitlines())
        return "" if below else original(self, text)

    patch(Selection, extract)


def guard_text_areas() -> None:
    """Draw a text area blank until it has its styles, once `TextArea` is imported.

    Textual draws it with component styles and a background that do not exist yet (8.2: `KeyError` or
    `ColorParseError`, seen when screens and themes change fast).
    """
    if "textual.widgets._text_area" not in sys.modules:  # the first list needs none
        return
    from textual.widgets import TextArea

    original = TextArea.render_lines
    if is_patched(original):
        return

    def render_lines(self: TextArea, crop: Region) -> list[Strip]:
        return original(self, crop) if self._component_styles else [Strip.blank(crop.width)] * crop.height

    patch(TextArea, render_lines)


def guard_mouse_selection() -> None:
    """Start no selection in a widget that was removed from its screen.

    Textual would ask its parent for a region (8.2: `AttributeError` when a mouse button is pressed over it).
    """
    original = Screen.get_widget_and_offset_at
    if is_patched(original):
        return

    def get_widget_and_offset_at(self: Screen[Any], x: int, y: int) -> tuple[Widget | None, Offset | None]:
        widget, offset = original(self, x, y)
        gone = widget is not None and widget is not self and widget.parent is None
        return (None, None) if gone else (widget, offset)

    patch(Screen, get_widget_and_offset_at)


def guard_timers() -> None:
    """Make a timer that runs once run also if it is late.

    Textual skips the calls that it is late for, also the only one, if the process gets no processor time just after
    the start of the timer for as long as its delay (8.2). A new size of the terminal waits for a timer of 8 ms: once
    that was skipped, no size was noticed any more.
    """
    original = Timer._run
    if is_patched(original):
        return

    async def _run(self: Timer) -> None:
        self._skip = self._skip and self._repeat != 0
        await original(self)

    patch(Timer, _run)
