"""A table of lines that is drawn a screenful at a time, however many rows there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from textual import events
from textual.binding import BindingType
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.style import Style

from drio_tui.ui import keymap
from drio_tui.ui.keymap import Key


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its `width` in cells (0: it shares what is left), and from which total width on it is shown.

    One that `may_hide` is shown only while a row has something in it.
    """

    title: str
    width: int = 0
    align: Literal["left", "right"] = "left"
    from_width: int = 0
    may_hide: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A row: a `key` that stays the same when the row changes, and one safe content per column."""

    key: str
    cells: Sequence[Content]


class RowList(ScrollView, can_focus=True):
    """Rows under a header, with a cursor that follows its row when others come and go."""

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
    """The index of the chosen row."""

    hover: reactive[int] = reactive(-1)
    """The index of the row under the mouse."""

    class Moved(Message):
        """Another row is chosen; `key` is None when there is none."""

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
        self._hidden = [column.may_hide for column in columns]
        self._key: str | None = None

    @property
    def key(self) -> str | None:
        """The chosen row's key."""
        return self._key

    def show(self, rows: Sequence[Row], *, follow_top: bool = False) -> None:
        """Show other rows. The cursor stays on its row; with `follow_top`, at the top if it was there."""
        was_top = self.cursor == 0 and self.scroll_offset.y == 0
        above = self.cursor - self.scroll_offset.y
        self._rows = rows
        self._hidden = [
            column.may_hide and not any(row.cells[place].plain for row in rows if place < len(row.cells))
            for place, column in enumerate(self._columns)
        ]
        self._measure()
        index = next((i for i, row in enumerate(rows) if row.key == self._key), None)
        if index is None or (follow_top and was_top):
            index = min(self.cursor, max(0, len(rows) - 1)) if not (follow_top and was_top) else 0
        elif index != self.cursor:
            self.scroll_to(y=max(0, index - above), animate=False)
        self.set_reactive(RowList.cursor, index)
        self._chosen()
        self.refresh()

    def choose(self, key: str) -> None:
        """Move the cursor to a row by its key."""
        for index, row in enumerate(self._rows):
            if row.key == key:
                self.cursor = index
                return

    def _measure(self) -> None:
        self.virtual_size = Size(self.scrollable_content_region.width, len(self._rows) + 1)

    def on_resize(self, event: events.Resize) -> None:
        self._measure()

    def validate_cursor(self, cursor: int) -> int:
        return max(0, min(cursor, len(self._rows) - 1))

    def watch_cursor(self) -> None:
        self.scroll_to_region(Region(0, self.cursor, 1, 2), animate=False, force=True)
        self._chosen()
        self.refresh()

    def watch_hover(self) -> None:
        self.refresh()

    def _chosen(self) -> None:
        key = self._rows[self.cursor].key if 0 <= self.cursor < len(self._rows) else None
        if key != self._key:
            self._key = key
            self.post_message(self.Moved(self, key))

    # -- drawing ----------------------------------------------------------------------------------

    def _widths(self, width: int) -> list[int]:
        shown = [
            column
            for column, hidden in zip(self._columns, self._hidden, strict=True)
            if width >= column.from_width and not hidden
        ]
        fixed = sum(column.width + 2 for column in shown if column.width)
        flexible = sum(1 for column in shown if not column.width)
        each = max(4, (width - fixed - 2) // flexible - 2) if flexible else 0
        return [0 if column not in shown else column.width or each for column in self._columns]

    def render_line(self, y: int) -> Strip:
        width = self.size.width
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
                # The terminal's own colours may be the cursor's too; plain text is always readable on it.
                return self._line([Content(cell.plain) for cell in self._rows[index].cells], width, style)
        elif index == self.hover:
            style = self.get_visual_style("row-list--hover")
        return self._line(self._rows[index].cells, width, style)

    def _line(self, cells: Sequence[Content], width: int, style: Style) -> Strip:
        parts: list[Content] = [Content(" ")]
        for column, cell, room in zip(self._columns, cells, self._widths(width), strict=False):
            if not room:
                continue
            cut = cell.truncate(room, ellipsis=True)
            space = " " * (room - cut.cell_length)
            parts += [Content(space), cut] if column.align == "right" else [cut, Content(space)]
            parts.append(Content("  "))
        line = Content("").join(parts).truncate(width)
        segments = line.render_segments(style)
        return Strip(segments).adjust_cell_length(width, style.rich_style)

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


def show_rows(table: RowList, rows: Sequence[Row], most: int = 16) -> None:
    """Show rows in a dialog: as high as they need under the header, up to `most` lines, where styles allow it."""
    table.styles.height = min(len(rows) + 1, most)
    table.show(rows)
