"""The field that filters a list: Down and Enter move to the list, Esc first clears the field and then leaves it."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.binding import BindingType
from textual.geometry import Size
from textual.message import Message
from textual.reactive import Reactive
from textual.widgets import Input

from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key

_MAX_LENGTH = 500
"""No name is longer, and longer texts take long to search for in a large list."""


class FilterInput(Input):
    """A borderless line. Its list is focused by the handler of `Leave`."""

    DEFAULT_CSS = """
    FilterInput {
        height: 1;
        border: none;
        padding: 0 1;
        background: $surface;
        &:focus { border: none; background: $panel; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "filter",
        "Filter fields",
        Key("filter.leave", "down,enter,tab", "leave", "To the list", show=False, palette=False),
        Key("filter.close", "escape", "close", "Empty it, then leave it", show=False, palette=False),
    )

    virtual_size = Reactive(Size(0, 0), layout=False)
    """Without `layout`, as in `LineEditor`: the box never grows while something is typed."""

    class Leave(Message):
        """The focus should move to the list; `closed` if Esc was pressed."""

        def __init__(self, field: FilterInput, *, closed: bool) -> None:
            super().__init__()
            self.field = field
            self.closed = closed

        @property
        def control(self) -> FilterInput:
            return self.field

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, max_length=_MAX_LENGTH, **options)

    def action_leave(self) -> None:
        self.post_message(self.Leave(self, closed=False))

    def action_close(self) -> None:
        if self.value:
            self.value = ""
        else:
            self.post_message(self.Leave(self, closed=True))
