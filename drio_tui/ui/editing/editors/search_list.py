"""A search field and the list that it filters, as part of a page."""

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
from drio_tui.ui.widgets.sanitize import sanitize_line

_MAX_ROWS = 100
"""Rows in the list; the others are counted below it. Textual measures every row of a list before it is drawn."""
NEW = "new"
"""The value of the row that creates a new resource."""


@dataclass(frozen=True, slots=True)
class SearchRow:
    """A row of the list. Without a value it is a heading; `disabled_reason` says why it cannot be chosen.

    `line` returns its text when it is shown. A `pinned` row is always in the list, however many rows there are.
    """

    line: Callable[[], Content]
    value: Any = None
    disabled_reason: str = ""
    pinned: bool = False


class SearchList(Widget):
    """A search field over a list. `rows` returns the rows for a search text; Enter or a click chooses one."""

    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "search_list",
        "Lists with a search line",
        Key("search_list.down", "down", "go(1)", "Down", show=False, palette=False, priority=True),
        Key("search_list.up", "up", "go(-1)", "Up", show=False, palette=False, priority=True),
        Key("search_list.page_down", "pagedown", "go(8)", "Page down", show=False, palette=False, priority=True),
        Key("search_list.page_up", "pageup", "go(-8)", "Page up", show=False, palette=False, priority=True),
        Key("search_list.clear", "escape", "clear", "Empty the search", show=False, palette=False),
    )

    class Chosen(Message):
        """A row was chosen."""

        def __init__(self, search: SearchList, row: SearchRow) -> None:
            super().__init__()
            self.search = search
            self.row = row

    class Highlighted(Message):
        """The cursor moved to another row; `row` is None if it is on none."""

        def __init__(self, search: SearchList, row: SearchRow | None) -> None:
            super().__init__()
            self.search = search
            self.row = row

    def __init__(self, rows: Callable[[str], Sequence[SearchRow]], placeholder: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._rows = rows
        self._placeholder = placeholder
        self.shown: list[SearchRow] = []

    def compose(self) -> ComposeResult:
        yield LineEditor("", placeholder=self._placeholder, classes="-search")
        yield OptionList(markup=False, compact=True)

    def on_mount(self) -> None:
        self.query_one(OptionList).can_focus = False
        self.refresh_rows()

    @property
    def search_text(self) -> str:
        """The text of the search field."""
        return self.query_one(LineEditor).value if self.is_mounted else ""

    def focus_input(self) -> None:
        """Focus the search field."""
        self.query_one(LineEditor).focus()

    def clear_search(self) -> None:
        """Empty the search field."""
        self.query_one(LineEditor).value = ""

    def refresh_rows(self, value: Any = None) -> None:
        """Update the rows. The cursor moves to `value`, else stays on its row, else moves to the first row."""
        if not self.is_mounted:
            return
        options = self.query_one(OptionList)
        highlighted_row = self.highlighted_row
        target = value if value is not None else highlighted_row.value if highlighted_row is not None else None
        self.shown = _shortened(self._rows(self.search_text), target)
        options.clear_options()
        options.add_options([Option(row.line(), disabled=row.value is None) for row in self.shown])
        selectable = [number for number, row in enumerate(self.shown) if row.value is not None]
        at = next(
            (number for number in selectable if self.shown[number].value == target),
            selectable[0] if selectable else None,
        )
        options.highlighted = at
        self.post_message(self.Highlighted(self, self.highlighted_row))

    @property
    def highlighted_row(self) -> SearchRow | None:
        """The row the cursor is on."""
        if not self.is_mounted:
            return None
        at = self.query_one(OptionList).highlighted
        return self.shown[at] if at is not None and at < len(self.shown) else None

    def action_go(self, step: int) -> None:
        options = self.query_one(OptionList)
        selectable = [number for number, row in enumerate(self.shown) if row.value is not None]
        if selectable:
            now = selectable.index(options.highlighted) if options.highlighted in selectable else -1
            options.highlighted = selectable[max(0, min(len(selectable) - 1, now + step))]

    def action_clear(self) -> None:
        if not self.search_text:
            raise SkipAction  # with an empty field, Esc belongs to the screen
        self.clear_search()

    @on(Input.Changed)
    def _search_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.refresh_rows()
        selectable = [number for number, row in enumerate(self.shown) if row.value is not None]
        self.query_one(OptionList).highlighted = selectable[0] if selectable else None

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if self.highlighted_row is not None:
            self.post_message(self.Chosen(self, self.highlighted_row))

    @on(OptionList.OptionHighlighted)
    def _highlight_moved(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        self.post_message(self.Highlighted(self, self.highlighted_row))

    @on(OptionList.OptionSelected)
    def _clicked(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if event.option_index < len(self.shown):
            self.post_message(self.Chosen(self, self.shown[event.option_index]))


def _shortened(rows: Sequence[SearchRow], target: Any) -> list[SearchRow]:
    """Return the first rows, with the one of the value `target`, how many were left out, and what is pinned."""
    first, rest = rows[:_MAX_ROWS], rows[_MAX_ROWS:]
    kept: list[SearchRow] = []
    heading: list[SearchRow] = []
    for row in rest:
        if row.value is None:
            heading = [row]
        elif row.value == target and not row.pinned:
            kept = [*heading, row]
    pinned = [row for row in rest if row.pinned]
    left_out = sum(row.value is not None for row in rest) - bool(kept) - len(pinned)
    more = [SearchRow(lambda: Content.styled(f"{left_out} more: type to find one", "$foreground-muted"))]
    return [*first, *kept, *(more if left_out else []), *pinned]


def new_resource_row(label: str, name: str) -> SearchRow:
    """Return the row that creates a new resource, called `name` unless that is empty."""
    line = Content.assemble("  ", (label, "$foreground-muted italic"))
    if name:
        line = Content.assemble(line, "  ", sanitize_line(f"called {name}", 60, "$foreground-muted"))
    return SearchRow(lambda: line, NEW, pinned=True)
