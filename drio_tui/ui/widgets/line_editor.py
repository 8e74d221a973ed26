"""A field for one line of text that displays hostile characters safely.

The value stays as typed; only the display is sanitized: characters that could control the terminal or are hidden
are drawn as one symbol each, so that the cursor position stays right.
"""

from __future__ import annotations

from rich.cells import cell_len
from rich.text import Text
from textual.geometry import Size
from textual.reactive import Reactive
from textual.widgets import Input

from drio_tui.text import visible

_MAX_COMBINING_MARKS = 8


def sanitized_same_length(text: str) -> str:
    """Return `text` with each control or hidden character replaced by one symbol, so that the length stays the same."""
    if text.isprintable() or visible(text) == text:
        return text
    characters: list[str] = []
    marks = 0
    for char in text:
        symbol = visible(char)
        marks = marks + 1 if char >= "\u0300" and cell_len(char) == 0 else 0
        characters.append(symbol if len(symbol) == 1 and marks <= _MAX_COMBINING_MARKS else "\ufffd")
    return "".join(characters)


class LineEditor(Input):
    """An input for one line of text."""

    virtual_size = Reactive(Size(0, 0), layout=False)
    """Without `layout`: the box never grows, and Textual would lay out the whole screen again for each typed letter."""

    def __init__(self, value: str, *, placeholder: str = "", password: bool = False, classes: str = "") -> None:
        super().__init__(
            value,
            placeholder=visible(placeholder),
            password=password,
            compact=True,
            select_on_focus=False,
            classes=classes,
        )

    @property
    def _value(self) -> Text:
        # Textual draws this; the value itself stays as typed.
        if self.password:
            return super()._value
        return Text(sanitized_same_length(self.value), no_wrap=True, overflow="ignore", end="")

    def _position_to_cell(self, position: int) -> int:
        return position if self.password else cell_len(sanitized_same_length(self.value[:position]))
