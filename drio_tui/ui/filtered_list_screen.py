"""The base of screens that show rows, a filter for them, and the details of the selected one."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.reactive import var
from textual.widgets import Input

from drio_tui.text import has_words
from drio_tui.ui.screen import DrioScreen
from drio_tui.ui.widgets.row_list import RowList


class FilteredListScreen(DrioScreen[None]):
    """A screen with a `RowList`, a text field `#filter` above it, and the details of the selected row.

    Subclasses override `refresh_rows` and `show_detail`; `DETAIL` is the widget that Enter on a row goes to.
    """

    DETAIL: ClassVar[str] = ""

    filter_text: var[str] = var("", init=False)
    """The text of the filter field."""

    def refresh_rows(self) -> None:
        """Show the rows that match the filter."""
        raise NotImplementedError

    def show_detail(self) -> None:
        """Show the details of the selected row."""
        raise NotImplementedError

    def matches_filter(self, text: str) -> bool:
        """Return whether a text contains every word of the filter, ignoring case."""
        return has_words(text, self.filter_text)

    def watch_filter_text(self) -> None:
        self.refresh_rows()

    @on(RowList.Moved)
    def _row_selected(self) -> None:
        self.show_detail()

    @on(RowList.Opened)
    def _row_opened(self) -> None:
        self.query_one(self.DETAIL).focus()

    @on(Input.Changed, "#filter")
    def _filter_changed(self, event: Input.Changed) -> None:
        self.filter_text = event.value

    @on(Input.Submitted, "#filter")
    def _filter_done(self) -> None:
        self.query_one(RowList).focus()

    def action_filter(self) -> None:
        self.query_one("#filter").focus()

    def action_back(self) -> None:
        """Clear the filter from its field, then go to the rows, then back."""
        rows = self.query_one(RowList)
        if self.filter_text and self.focused is self.query_one("#filter"):
            self.query_one("#filter", Input).value = ""
        if self.focused is not rows:
            rows.focus()
        else:
            super().action_back()
