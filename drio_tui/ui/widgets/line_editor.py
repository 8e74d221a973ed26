"""A field for one line of text that shows hostile characters harmlessly.

What is typed is kept as it is; what is shown of it is safe: characters that could act on the terminal or
hide are drawn as one symbol each, so that the cursor stays where it belongs.
"""

from __future__ import annotations

from rich.cells import cell_len
from rich.text import Text
from textual.geometry import Size
from textual.reactive import Reactive
from textual.widgets import Input

from drio_tui.text import visible

_MARKS_IN_A_ROW = 8


def drawn(text: str) -> str:
    """`text` with every character that acts or hides as one symbol, so that lengths stay the same."""
    if text.isprintable() or visible(text) == text:
        return text
    out: list[str] = []
    marks = 0
    for char in text:
        shown = visible(char)
        marks = marks + 1 if char >= "\u0300" and cell_len(char) == 0 else 0
        out.append(shown if len(shown) == 1 and marks <= _MARKS_IN_A_ROW else "\ufffd")
    return "".join(out)


class LineEditor(Input):
    """A line of text."""

    virtual_size = Reactive(Size(0, 0), layout=False)
    """textual lays the whole screen out anew for every letter that makes a line longer; a line's box never grows."""

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
        # textual draws what this gives; the value itself stays as typed.
        if self.password:
            return super()._value
        return Text(drawn(self.value), no_wrap=True, overflow="ignore", end="")

    def _position_to_cell(self, position: int) -> int:
        return position if self.password else cell_len(drawn(self.value[:position]))
