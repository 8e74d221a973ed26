"""The base of trees: lines of which only the visible ones are drawn, with a cursor, keys and the mouse.

Thousands of nodes therefore cost no more than dozens. A subclass keeps the list of its visible lines, of which opening
a node or typing in a filter makes a new one, and draws one line at a time.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style as RichStyle
from textual import events
from textual.binding import BindingType
from textual.geometry import Size
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from drio_tui.text import visible
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.widgets.readable import readable
from drio_tui.ui.widgets.rich_text import set_virtual_size

Part = tuple[str, str]
"""A sanitized text and its style, with theme colours."""


class TreeLines(ScrollView, can_focus=True):
    """Lines with a cursor. Subclasses have `line_count`, `draw_line` and the actions on nodes."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "tree-lines--cursor",
        "tree-lines--cursor-blurred",
        "tree-lines--hover",
    }
    DEFAULT_CSS = """
    TreeLines {
        background: $background;
        color: $foreground;
        overflow-x: hidden;
        overflow-y: scroll;  /* a scrollbar that comes and goes would cause a new layout of the screen */
        scrollbar-size-vertical: 1;
        & > .tree-lines--cursor { color: $block-cursor-foreground; background: $block-cursor-background; }
        & > .tree-lines--cursor-blurred {
            color: $block-cursor-blurred-foreground;
            background: $block-cursor-blurred-background;
        }
        & > .tree-lines--hover { background: $block-hover-background; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "tree",
        "Trees",
        Key("tree.down", "down,j", "cursor(1)", "Down", show=False, palette=False),
        Key("tree.up", "up,k", "cursor(-1)", "Up", show=False, palette=False),
        Key("tree.page_down", "pagedown,ctrl+f", "page(1)", "Page down", show=False, palette=False),
        Key("tree.page_up", "pageup,ctrl+b", "page(-1)", "Page up", show=False, palette=False),
        Key("tree.first", "home,g", "first", "First", show=False, palette=False),
        Key("tree.last", "end,G", "last", "Last", show=False, palette=False),
        Key("tree.close", "left,h", "close", "Close", "Close it, or go to its parent", show=False, palette=False),
        Key("tree.open", "right,l", "open", "Open", "Open it, or go to its first child", show=False, palette=False),
        Key("tree.enter", "enter", "enter", "Open", "Open or close; follow a link", show=False, palette=False),
        Key("tree.toggle", "space", "toggle_node", "Open or close", show=False, palette=False),
        Key("tree.open_all", "plus", "open_all", "Open all", "Open every node of the tree", show=False),
        Key("tree.close_all", "minus", "close_all", "Close all", "Close every node, in an app all but the groups",
            show=False),
    )  # fmt: skip

    cursor: reactive[int] = reactive(0)
    """The index of the selected line."""

    hover: reactive[int] = reactive(-1)
    """The index of the line under the mouse."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._rich_styles: dict[tuple[str, str], RichStyle] = {}

    # -- what a subclass has ------------------------------------------------------------------------

    @property
    def line_count(self) -> int:
        """The number of visible lines."""
        raise NotImplementedError

    def draw_line(self, index: int, width: int, highlight: str) -> Strip:
        """Return the strip of a line; `highlight` is the component class of the cursor or the mouse, or empty."""
        raise NotImplementedError

    def cursor_moved(self) -> None:
        """Another line may be selected, or another node be on the selected line."""

    def styles_changed(self) -> None:
        """The theme or the focus changed: cached lines are drawn again."""

    # -- the cursor ---------------------------------------------------------------------------------

    def lines_changed(self, index: int, *, keep_place: bool = False) -> None:
        """Show the new list of lines with the cursor at `index`.

        When that is out of view, or with `keep_place`, the cursor's line is as far from the top as it was before.
        """
        above = self.cursor - self.scroll_offset.y
        set_virtual_size(self, Size(self.scrollable_content_region.width, self.line_count))
        height = self.scrollable_content_region.height
        top = self.scroll_offset.y
        if index != self.cursor and (keep_place or not top <= index < top + height):
            above = min(max(above, 0), max(height - 1, 0) if keep_place else height // 2)
            self.scroll_to(y=max(0, index - above), animate=False, immediate=True)
        self.set_reactive(TreeLines.cursor, index)
        self._scroll_to_cursor()
        self.cursor_moved()
        self.refresh()

    def _scroll_to_cursor(self) -> None:
        height = self.scrollable_content_region.height
        top = self.scroll_offset.y
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False, immediate=True)
        elif height and self.cursor >= top + height:
            self.scroll_to(y=self.cursor - height + 1, animate=False, immediate=True)

    def validate_cursor(self, cursor: int) -> int:
        return max(0, min(cursor, self.line_count - 1))

    def watch_cursor(self, old: int, new: int) -> None:
        self._scroll_to_cursor()
        self.cursor_moved()
        self._repaint(old, new)

    def watch_hover(self, old: int, new: int) -> None:
        self._repaint(old, new)

    def _repaint(self, *indexes: int) -> None:
        """Refresh only these lines."""
        for index in indexes:
            if index >= 0:
                self.refresh_line(index)

    def on_resize(self, event: events.Resize) -> None:
        set_virtual_size(self, Size(self.scrollable_content_region.width, self.line_count))
        self._scroll_to_cursor()

    # -- drawing ------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        index = y + self.scroll_offset.y
        if index >= self.line_count:
            return Strip.blank(width, self.visual_style.rich_style)
        highlight = ""
        if index == self.cursor:
            highlight = "tree-lines--cursor" if self.has_focus else "tree-lines--cursor-blurred"
        elif index == self.hover:
            highlight = "tree-lines--hover"
        return self.draw_line(index, width, highlight)

    def strip_of(self, parts: list[Part], width: int, highlight: str) -> Strip:
        """Return a strip of exactly `width` cells."""
        style_of = self._style_lookup(highlight)
        strip = Strip([Segment(text, style_of(style)) for text, style in parts])
        return strip.adjust_cell_length(width, style_of(""))

    def _style_lookup(self, name: str) -> Callable[[str], RichStyle]:
        """Return a function that resolves a style with theme colours, on top of a component class if `name` is one."""
        base = self.get_visual_style(name) if name else self.visual_style

        def style_of(style: str) -> RichStyle:
            rich_style = self._rich_styles.get((name, style))
            if rich_style is None:
                rich_style = (base + self.app.stylesheet.parse_style(style)).rich_style if style else base.rich_style
                if "cursor" in name:
                    rich_style = readable(rich_style, base.rich_style)
                self._rich_styles[(name, style)] = rich_style
            return rich_style

        return style_of

    def notify_style_update(self) -> None:
        """Drop the cached styles: the theme or the focus changed."""
        self._rich_styles.clear()
        self.styles_changed()
        super().notify_style_update()

    # -- keys and mouse -----------------------------------------------------------------------------

    def action_cursor(self, step: int) -> None:
        self.cursor += step

    def action_page(self, pages: int) -> None:
        self.cursor += pages * max(1, self.size.height - 1)

    def action_first(self) -> None:
        self.cursor = 0

    def action_last(self) -> None:
        self.cursor = self.line_count - 1

    def on_mouse_move(self, event: events.MouseMove) -> None:
        self.hover = event.y + self.scroll_offset.y

    def on_leave(self, event: events.Leave) -> None:
        self.hover = -1


def clip(text: str, width: int) -> tuple[str, int]:
    """Return `text` sanitized, as one line of at most `width` cells, and its width."""
    shown = visible(text)
    cells = cell_len(shown)
    if cells <= width:
        return shown, cells
    return set_cell_size(shown, width - 1) + "…", width


def cells_of(parts: list[Part]) -> int:
    """Return the width of parts in cells."""
    return sum(cell_len(text) for text, _ in parts)


def words_pattern(query: str) -> re.Pattern[str] | None:
    """Return a pattern that finds the words of a filter, None if it has none."""
    words = [re.escape(word) for word in query.split()]
    return re.compile("|".join(words), re.IGNORECASE) if words else None


def highlighted(text: str, style: str, pattern: re.Pattern[str] | None) -> list[Part]:
    """Return a text with the words of a filter highlighted."""
    if pattern is None:
        return [(text, style)]
    parts: list[Part] = []
    at = 0
    for match in pattern.finditer(text):
        start, end = match.span()
        parts += [(text[at:start], style), (text[start:end], "bold underline $text-warning")]
        at = end
    return [*parts, (text[at:], style)]
