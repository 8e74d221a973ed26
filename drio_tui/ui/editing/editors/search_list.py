"""A line to type in and the list it narrows, both on the page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from textual import on
from textual.actions import SkipAction
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.widgets.line_editor import LineEditor
from drio_tui.ui.widgets.sanitize import safe_line

_SHOWN = 300
NEW = "new"
"""The value of the line that makes something new."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the list. One without a value is a heading; `refused` says why it cannot be taken.

    `always` keeps it in the list however many lines there are.
    """

    line: Content
    value: Any = None
    refused: str = ""
    always: bool = False


class SearchList(Widget):
    """`rows` gives the lines for what was typed; Enter or a click takes one."""

    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "search_list",
        "Lists with a search line",
        Key("search_list.down", "down", "go(1)", "Down", show=False, palette=False, priority=True),
        Key("search_list.up", "up", "go(-1)", "Up", show=False, palette=False, priority=True),
        Key("search_list.page_down", "pagedown", "go(8)", "Page down", show=False, palette=False, priority=True),
        Key("search_list.page_up", "pageup", "go(-8)", "Page up", show=False, palette=False, priority=True),
        Key("search_list.clear", "escape", "clear", "Empty the search", show=False, palette=False),
    )

    class Taken(Message):
        """A line was chosen."""

        def __init__(self, search: SearchList, row: Row) -> None:
            super().__init__()
            self.search = search
            self.row = row

    class Marked(Message):
        """The cursor stands on another line, on none where `row` is None."""

        def __init__(self, search: SearchList, row: Row | None) -> None:
            super().__init__()
            self.search = search
            self.row = row

    def __init__(self, rows: Callable[[str], Sequence[Row]], placeholder: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._rows = rows
        self._placeholder = placeholder
        self.shown: list[Row] = []

    def compose(self) -> ComposeResult:
        yield LineEditor("", placeholder=self._placeholder, classes="-search")
        yield OptionList(markup=False, compact=True)

    def on_mount(self) -> None:
        self.query_one(OptionList).can_focus = False
        self.fill()

    @property
    def typed(self) -> str:
        """What stands in the line."""
        return self.query_one(LineEditor).value if self.is_mounted else ""

    def focus_line(self) -> None:
        """Take the focus to the line."""
        self.query_one(LineEditor).focus()

    def clear(self) -> None:
        """Empty the line."""
        self.query_one(LineEditor).value = ""

    def fill(self, value: Any = None) -> None:
        """Make the list anew; the cursor goes to `value`, else stays where it was, else to the first line."""
        if not self.is_mounted:
            return
        options = self.query_one(OptionList)
        marked = self.marked
        wanted = value if value is not None else marked.value if marked is not None else None
        self.shown = [row for number, row in enumerate(self._rows(self.typed)) if number < _SHOWN or row.always]
        options.clear_options()
        options.add_options([Option(row.line, disabled=row.value is None) for row in self.shown])
        places = [number for number, row in enumerate(self.shown) if row.value is not None]
        at = next((number for number in places if self.shown[number].value == wanted), places[0] if places else None)
        options.highlighted = at
        self.post_message(self.Marked(self, self.marked))

    @property
    def marked(self) -> Row | None:
        """The line the cursor stands on."""
        if not self.is_mounted:
            return None
        at = self.query_one(OptionList).highlighted
        return self.shown[at] if at is not None and at < len(self.shown) else None

    def action_go(self, step: int) -> None:
        options = self.query_one(OptionList)
        places = [number for number, row in enumerate(self.shown) if row.value is not None]
        if places:
            now = places.index(options.highlighted) if options.highlighted in places else -1
            options.highlighted = places[max(0, min(len(places) - 1, now + step))]

    def action_clear(self) -> None:
        if not self.typed:
            raise SkipAction  # nothing to empty: Esc is the screen's
        self.clear()

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self.fill()
        places = [number for number, row in enumerate(self.shown) if row.value is not None]
        self.query_one(OptionList).highlighted = places[0] if places else None

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if self.marked is not None:
            self.post_message(self.Taken(self, self.marked))

    @on(OptionList.OptionHighlighted)
    def _moved(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        self.post_message(self.Marked(self, self.marked))

    @on(OptionList.OptionSelected)
    def _clicked(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if event.option_index < len(self.shown):
            self.post_message(self.Taken(self, self.shown[event.option_index]))


def new_row(label: str, name: str) -> Row:
    """The line of a list that makes something new, called `name` unless that is empty."""
    line = Content.assemble("  ", (label, "$foreground-muted italic"))
    if name:
        line = Content.assemble(line, "  ", safe_line(f"called {name}", 60, "$foreground-muted"))
    return Row(line, NEW, always=True)
