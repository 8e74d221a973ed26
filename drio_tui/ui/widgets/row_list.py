"""A table that draws only the visible rows, however many there are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from rich.segment import Segment
from textual import events
from textual.binding import BindingType
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.style import Style

from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.widgets.readable import readable_strip
from drio_tui.ui.widgets.rich_text import set_virtual_size
from drio_tui.ui.widgets.sanitize import cut_middle

_MAX_MEASURED = 300
"""How many rows are measured to find the width of a column."""
_MAX_DRAWN = 500
"""How many drawn rows are kept."""

_LEAST_FOLLOWING = 8
"""The cells below which a column that follows the one before it is left out."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: as wide as its content if there is room, at most `width` cells (0: no limit).

    It is shown with at least `min_width` cells or not at all: if not all columns fit, the one with the highest `rank`
    is dropped first. Longer content is truncated at its end, or in the `middle`, which suits paths. A column that
    `may_hide` is shown only while it is not empty. One that `goes_first` gets the width of its content before others
    are shown with more than their least one, and columns of a higher rank are dropped for it. Where one that `follows`
    is dropped, its content is shown behind that of the column before it, in the rows that have room for it.
    """

    title: str
    width: int = 0
    align: Literal["left", "right"] = "left"
    min_width: int = 6
    rank: int = 0
    cut: Literal["end", "middle"] = "end"
    may_hide: bool = False
    goes_first: bool = False
    follows: bool = False


def column_widths(columns: Sequence[Column], wanted: Sequence[int], width: int) -> list[int]:
    """Return the width of each column within `width` cells, two between columns and one before the first; 0: hidden.

    `wanted` is the width of each column's content, 0 for a column that is not shown. Narrow columns get what they
    want, wide ones share the rest equally.
    """
    maximums = [
        min(wanted_width, column.width or wanted_width) for column, wanted_width in zip(columns, wanted, strict=True)
    ]
    titles = [Content(column.title).cell_length for column in columns]
    minimums = [
        min(wanted_width, max(column.min_width, title))
        for column, wanted_width, title in zip(columns, maximums, titles, strict=True)
    ]
    visible = [index for index, wanted_width in enumerate(maximums) if wanted_width]
    while len(visible) > 1 and 1 + sum(minimums[index] + 2 for index in visible) > width + 2:
        visible.remove(max(visible, key=lambda index: (columns[index].rank, index)))
    for first in [index for index in visible if columns[index].goes_first]:
        lower = [index for index in visible if columns[index].rank > columns[first].rank]
        while (
            lower and 1 + sum(minimums[index] + 2 for index in visible) + maximums[first] - minimums[first] > width + 2
        ):
            visible.remove(dropped := max(lower, key=lambda index: (columns[index].rank, index)))
            lower.remove(dropped)
    widths = [minimums[index] if index in visible else 0 for index in range(len(columns))]
    remaining = width + 1 - sum(widths[index] + 2 for index in visible)
    for index in visible:
        if columns[index].goes_first:
            extra = max(0, min(maximums[index] - widths[index], remaining))
            widths[index] += extra
            remaining -= extra
    growing = [index for index in visible if widths[index] < maximums[index]]
    while remaining > 0 and growing:
        share = max(1, remaining // len(growing))
        for index in growing:
            extra = min(share, maximums[index] - widths[index], remaining)
            widths[index] += extra
            remaining -= extra
        growing = [index for index in growing if widths[index] < maximums[index]]
    return widths


@dataclass(frozen=True, slots=True)
class Row:
    """A row: a `key` that identifies it when its content changes, and sanitized content for each column."""

    key: str
    cells: Sequence[Content]


_Text = tuple[int, list[Segment], int]
"""The text of a cell between the spaces before and after it."""


@dataclass(frozen=True, slots=True)
class _DrawnRow:
    """A row as it was drawn with these looks: the width of the list and its columns, and the style."""

    cells: Sequence[Content]
    looks: tuple[int, list[int], Style]
    texts: Mapping[int, _Text]
    strip: Strip


class RowList(ScrollView, can_focus=True):
    """Rows under a header, with a cursor that stays on its row when other rows are added or removed."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "row-list--header",
        "row-list--cursor",
        "row-list--cursor-blurred",
        "row-list--hover",
    }
    DEFAULT_CSS = """
    RowList {
        background: $background;
        color: $foreground;
        & > .row-list--header { color: $text-muted; text-style: bold; }
        & > .row-list--cursor { color: $block-cursor-foreground; background: $block-cursor-background; }
        & > .row-list--cursor-blurred {
            color: $block-cursor-blurred-foreground;
            background: $block-cursor-blurred-background;
        }
        & > .row-list--hover { background: $block-hover-background; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "rows",
        "Lists",
        Key("rows.down", "down,j", "cursor(1)", "Down", show=False, palette=False),
        Key("rows.up", "up,k", "cursor(-1)", "Up", show=False, palette=False),
        Key("rows.page_down", "pagedown,ctrl+f", "page(1)", "Page down", show=False, palette=False),
        Key("rows.page_up", "pageup,ctrl+b", "page(-1)", "Page up", show=False, palette=False),
        Key("rows.first", "home,g", "first", "First", show=False, palette=False),
        Key("rows.last", "end,G", "last", "Last", show=False, palette=False),
        Key("rows.open", "enter", "open", "Open", show=False, palette=False),
    )

    cursor: reactive[int] = reactive(0)
    """The index of the selected row."""

    hover: reactive[int] = reactive(-1)
    """The index of the row under the mouse."""

    class Moved(Message):
        """Another row is selected; `key` is None if there are no rows."""

        def __init__(self, rows: RowList, key: str | None) -> None:
            super().__init__()
            self.rows = rows
            self.key = key

        @property
        def control(self) -> RowList:
            return self.rows

    class Opened(Message):
        """A row was opened by Enter or a second click."""

        def __init__(self, rows: RowList, key: str) -> None:
            super().__init__()
            self.rows = rows
            self.key = key

        @property
        def control(self) -> RowList:
            return self.rows

    def __init__(self, *columns: Column, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._columns = columns
        self._rows: Sequence[Row] = ()
        self._forget_widths()
        self._widths_for: tuple[int, Sequence[Column], list[int]] | None = None
        self._cached_widths: list[int] = []
        self._key: str | None = None
        self._drawn_columns: Sequence[Column] = ()
        self._has_placeholders = False
        self._drawn: dict[str, _DrawnRow] = {}
        """Rows without the cursor as they were drawn last, so that scrolling and filters draw only new ones."""

    @property
    def key(self) -> str | None:
        """The key of the selected row."""
        return self._key

    def set_columns(self, *columns: Column) -> None:
        """Have other columns from the next `show` on, which has to follow."""
        self._columns = columns
        self._rows = ()
        self._forget_widths()

    def _forget_widths(self) -> None:
        """Have columns as wide as their titles, until rows are measured."""
        self._wanted = [0 if column.may_hide else Content(column.title).cell_length for column in self._columns]

    def show_placeholders(self, widths: Sequence[Sequence[int]]) -> None:
        """Show rows with bars of these widths until the next `show`, whose columns do not depend on them."""
        bars = [tuple(Content.styled("▒" * width, "$foreground-muted") for width in row) for row in widths]
        self.show([Row(f"placeholder{number}", cells) for number, cells in enumerate(bars)])
        self._has_placeholders = True

    def show(self, rows: Sequence[Row], *, follow_top: bool = False) -> None:
        """Show other rows. The cursor stays on its row or, with `follow_top`, at the top if it was there.

        If it was at the top, rows that come above it are scrolled into view; otherwise its row stays where it is.
        """
        was_top = self.cursor == 0 and self.scroll_offset.y == 0
        above = max(0, self.size.height - 2) if was_top else self.cursor - self.scroll_offset.y
        before, wanted, cursor = self._rows, list(self._wanted), self.cursor
        self._rows = rows
        if self._has_placeholders:
            self._has_placeholders = False
            self._forget_widths()
        self._measure_columns(rows)
        self._update_virtual_size()
        index = next((i for i, row in enumerate(rows) if row.key == self._key), None)
        if index is None or (follow_top and was_top):
            index = min(self.cursor, max(0, len(rows) - 1)) if not (follow_top and was_top) else 0
        elif index != self.cursor:
            self.scroll_to(y=max(0, index - above), animate=False)
        self.set_reactive(RowList.cursor, index)
        self._post_moved()
        if self._wanted != wanted or self._columns != self._drawn_columns:
            self._drawn_columns = self._columns
            self.refresh()
        else:
            self._refresh_changed(before, cursor)

    def _refresh_changed(self, before: Sequence[Row], cursor: int) -> None:
        """Draw only the visible rows that differ from those `before`, and the rows of the old and new `cursor`."""
        top = self.scroll_offset.y
        for index in range(top, top + self.size.height):
            row, other = _at(self._rows, index), _at(before, index)
            if row is not other or (index in (cursor, self.cursor) and cursor != self.cursor):
                self.refresh_line(index + 1)

    def choose(self, key: str) -> None:
        """Move the cursor to the row with this key."""
        for index, row in enumerate(self._rows):
            if row.key == key:
                self.cursor = index
                return

    def _update_virtual_size(self) -> None:
        set_virtual_size(self, Size(self.scrollable_content_region.width, len(self._rows) + 1))

    def on_resize(self, event: events.Resize) -> None:
        self._update_virtual_size()

    def validate_cursor(self, cursor: int) -> int:
        return max(0, min(cursor, len(self._rows) - 1))

    def watch_cursor(self, before: int, cursor: int) -> None:
        self.scroll_to_region(Region(0, cursor, 1, 2), animate=False, force=True)  # draws all rows if it scrolls
        self._post_moved()
        self._refresh_rows(before, cursor)

    def watch_hover(self, before: int, hover: int) -> None:
        self._refresh_rows(before, hover)

    def _refresh_rows(self, *indexes: int) -> None:
        for index in indexes:
            if 0 <= index - self.scroll_offset.y < self.size.height:
                self.refresh_line(index + 1)

    def _post_moved(self) -> None:
        key = self._rows[self.cursor].key if 0 <= self.cursor < len(self._rows) else None
        if key != self._key:
            self._key = key
            self.post_message(self.Moved(self, key))

    # -- drawing ----------------------------------------------------------------------------------

    def _widths(self, width: int) -> list[int]:
        if self._widths_for != (width, self._columns, self._wanted):
            widths = column_widths(self._columns, self._wanted, width)
            self._widths_for = (width, self._columns, list(self._wanted))
            self._cached_widths = widths
        return self._cached_widths

    def _measure_columns(self, rows: Sequence[Row]) -> None:
        """Measure the columns' content. Columns never get narrower, so that nothing moves while a filter is typed."""
        step = max(1, len(rows) // _MAX_MEASURED)
        for index, column in enumerate(self._columns):
            cells = [row.cells[index].cell_length for row in rows[::step] if index < len(row.cells)]
            widest = max(cells, default=0)
            if column.may_hide and not (widest or any(index < len(row.cells) and row.cells[index] for row in rows)):
                self._wanted[index] = 0
            else:
                self._wanted[index] = max(self._wanted[index], widest, Content(column.title).cell_length)

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        if y == 0:
            style = self.get_visual_style("row-list--header")
            return self._line([Content(column.title) for column in self._columns], width, style)
        index = y - 1 + self.scroll_offset.y
        if not 0 <= index < len(self._rows):
            return Strip.blank(width, self.rich_style)
        style = self.visual_style
        if index == self.cursor:
            name = "row-list--cursor" if self.has_focus else "row-list--cursor-blurred"
            style = self.get_visual_style(name)
            if self.app.current_theme.ansi:
                # A cell's colour may be the cursor's background in the terminal; plain text is always readable.
                return self._line([Content(cell.plain) for cell in self.cells_of(index)], width, style)
            return readable_strip(self._line(self.cells_of(index), width, style), style.rich_style)
        elif index == self.hover:
            style = self.get_visual_style("row-list--hover")
        return self._drawn_row(self._rows[index].key, self.cells_of(index), width, style)

    def notify_style_update(self) -> None:
        self._drawn.clear()
        super().notify_style_update()

    def cells_of(self, index: int) -> Sequence[Content]:
        """Return the cells of a row as they are drawn now."""
        return self._rows[index].cells

    def column_at(self, x: int) -> int | None:
        """Return the index of the column at a cell of the list's width, None between columns."""
        begin = 1
        for index, width in enumerate(self._widths(self.scrollable_content_region.width)):
            if width and begin <= x < begin + width:
                return index
            begin += width + 2 if width else 0
        return None

    def _drawn_row(self, key: str, cells: Sequence[Content], width: int, style: Style) -> Strip:
        """Return a row without the cursor; what of it was drawn before is not drawn again."""
        looks = (width, self._widths(width), style)
        before = self._drawn.get(key)
        if before is not None and before.looks != looks:
            before = None
        if before is not None and before.cells is cells:
            return before.strip
        if before is None and len(self._drawn) >= _MAX_DRAWN:
            self._drawn.clear()
        known = before.texts if before is not None else {}
        texts = {
            number: known[number]
            if before is not None and number in known and before.cells[number] is cell
            else self._text(column, cell, cell_width, style)
            for number, (column, cell, cell_width) in self._visible_cells(cells, width)
        }
        strip = self._joined(cells, texts, width, style)
        self._drawn[key] = _DrawnRow(cells, looks, texts, strip)
        return strip

    def _line(self, cells: Sequence[Content], width: int, style: Style) -> Strip:
        texts = {number: self._text(*cell, style) for number, cell in self._visible_cells(cells, width)}
        return self._joined(cells, texts, width, style)

    def _visible_cells(self, cells: Sequence[Content], width: int) -> Iterator[tuple[int, tuple[Column, Content, int]]]:
        """Yield the index of each cell that is not hidden, with its column and that one's width."""
        for number, cell in enumerate(zip(self._columns, cells, self._widths(width), strict=False)):
            if cell[-1]:
                yield number, cell

    def _text(self, column: Column, cell: Content, width: int, style: Style) -> _Text:
        """Return the text of a cell with the space around it."""
        if cell.cell_length > width:
            cell = cut_middle(cell, width) if column.cut == "middle" else cell.truncate(width, ellipsis=True)
        padding = width - cell.cell_length
        before = padding if column.align == "right" else 0
        return before, cell.render_segments(style), padding - before

    def _joined(self, cells: Sequence[Content], texts: Mapping[int, _Text], width: int, style: Style) -> Strip:
        rich_style = style.rich_style
        segments: list[Segment] = []
        space = 1
        for number, (column, cell) in enumerate(zip(self._columns, cells, strict=False)):
            if number not in texts:
                room = space - 4
                if column.follows and cell and room >= _LEAST_FOLLOWING:
                    cell = cell.truncate(room, ellipsis=True)
                    segments += [Segment("  ", rich_style), *cell.render_segments(style)]
                    space -= 2 + cell.cell_length
                continue
            before, text, after = texts[number]
            segments.append(Segment(" " * (space + before), rich_style))
            segments += text
            space = after + 2
        return Strip(segments).adjust_cell_length(width, rich_style)

    # -- acting -----------------------------------------------------------------------------------

    def action_cursor(self, step: int) -> None:
        self.cursor += step

    def action_page(self, pages: int) -> None:
        self.cursor += pages * max(1, self.size.height - 2)

    def action_first(self) -> None:
        self.cursor = 0

    def action_last(self) -> None:
        self.cursor = len(self._rows) - 1

    def action_open(self) -> None:
        if self._key is not None:
            self.post_message(self.Opened(self, self._key))

    def on_mouse_move(self, event: events.MouseMove) -> None:
        self.hover = event.y - 1 + self.scroll_offset.y if event.y else -1

    def on_leave(self, event: events.Leave) -> None:
        self.hover = -1

    def on_click(self, event: events.Click) -> None:
        index = event.y - 1 + self.scroll_offset.y
        if not event.y or index >= len(self._rows):
            return
        self.cursor = index
        if event.chain > 1:
            self.action_open()


def _at(rows: Sequence[Row], index: int) -> Row | None:
    return rows[index] if index < len(rows) else None


def show_rows(table: RowList, rows: Sequence[Row], most: int = 16) -> None:
    """Show rows in a dialog: the table is as high as they need, up to `most` lines."""
    table.styles.height = min(len(rows) + 1, most)
    table.show(rows)
