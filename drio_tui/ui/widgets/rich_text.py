"""Read-only text: headings, aligned fields, entries and paragraphs, laid out for the current width.

A document is a list of blocks of sanitized content. Long values wrap within their column, beside the labels; if the
width is too small for two columns, a value is placed under its label.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from rich.segment import Segment
from textual.binding import BindingType
from textual.content import Content
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip
from textual.style import Style
from textual.widget import Widget

from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key

_EMPTY = Content()
_SPACE = Content(" ")
_TWO_SPACES = Content("  ")
_STACKED_BELOW = 34
"""Cells of width below which a value goes under its label."""


@dataclass(frozen=True, slots=True)
class Heading:
    """A line that starts a group, followed by a muted note."""

    text: Content
    note: Content = _EMPTY


@dataclass(frozen=True, slots=True)
class Field:
    """A label and its value, which may have several lines."""

    label: Content
    value: Content


@dataclass(frozen=True, slots=True)
class Entry:
    """One of several similar entries: a mark, a title, a muted note on the same line, and text below."""

    mark: Content
    title: Content
    note: Content = _EMPTY
    body: Content = _EMPTY


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Running text, with `mark` in a separate column before it."""

    text: Content
    mark: Content = _EMPTY


@dataclass(frozen=True, slots=True)
class Gap:
    """An empty line."""


@dataclass(frozen=True, slots=True)
class LazyLine:
    """One line, cut at the width, that `make` returns when it is drawn: of hundreds of lines, few are."""

    make: Callable[[], Content]


Block = Gap | Heading | Field | Entry | Paragraph | LazyLine


_Line = Content | tuple[Content, ...] | Callable[[], Content]
"""A line, or what it is made of when it is drawn: its parts, or a function."""


def layout(blocks: Iterable[Block], width: int) -> list[Content]:
    """Return the blocks as lines of at most `width` cells."""
    return [_joined(line) for line in _lay_out(blocks, width)]


def _joined(line: _Line) -> Content:
    if isinstance(line, Content):
        return line
    return Content.assemble(*line) if isinstance(line, tuple) else line()


def _lay_out(blocks: Iterable[Block], width: int) -> list[_Line]:
    blocks = list(blocks)
    width = max(8, width)
    longest = max((block.label.cell_length for block in blocks if isinstance(block, Field)), default=0)
    label_width = min(longest, max(10, width * 2 // 5), 24)
    lines: list[_Line] = []
    for number, block in enumerate(blocks):
        match block:
            case Gap():
                lines.append(_EMPTY)
            case Heading(text, note):
                if number:
                    lines.append(_EMPTY)
                line = text if not note else Content.assemble(text, "  ", note)
                lines.append(line.truncate(width, ellipsis=True))
            case Field(label, value) if width < _STACKED_BELOW:
                lines.append(label.truncate(width, ellipsis=True))
                lines += _with_hanging_indent((_TWO_SPACES,), (value,), width)
            case Field(label, value):
                shortened = label.truncate(label_width, ellipsis=True)
                space = Content(" " * (label_width - shortened.cell_length + 2))
                lines += _with_hanging_indent((shortened, space), (value,), width)
            case Entry(mark, title, note, body):
                head = (title, _TWO_SPACES, note) if note else (title,)
                lines += _with_hanging_indent((mark, _SPACE), head, width)
                if body:
                    lines += _with_hanging_indent((Content(" " * (mark.cell_length + 1)),), (body,), width)
            case Paragraph(text, mark):
                lines += _with_hanging_indent((mark, _SPACE) if mark else (), (text,), width)
            case LazyLine(make):
                lines.append(partial(_cut, make, width))
    return lines


def _cut(make: Callable[[], Content], width: int) -> Content:
    return make().truncate(width, ellipsis=True)


def _with_hanging_indent(first: tuple[Content, ...], parts: tuple[Content, ...], width: int) -> list[_Line]:
    """Return the text of `parts` wrapped beside `first`, with all further lines indented by its width."""
    indent = sum(part.cell_length for part in first)
    if indent + sum(part.cell_length for part in parts) <= width and not any("\n" in part.plain for part in parts):
        return [(*first, *parts) if len(first) + len(parts) > 1 else parts[0]]
    wrapped: Sequence[Content] = Content.assemble(*parts).wrap(max(4, width - indent)) or [_EMPTY]
    pad = Content(" " * indent)
    return [(*first, line) if number == 0 else Content.assemble(pad, line) for number, line in enumerate(wrapped)]


class Document(ScrollView, can_focus=True):
    """A scrolling page of blocks. Its text can be selected with the mouse."""

    DEFAULT_CSS = """
    Document {
        overflow-x: hidden;
        overflow-y: scroll;  /* a bar that comes and goes would change the width the text was laid out for */
        scrollbar-size-vertical: 1;
        padding: 0 1;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "rich_text",
        "Read-only text",
        Key("rich_text.down", "j,down", "scroll_down", "Down", show=False, palette=False),
        Key("rich_text.up", "k,up", "scroll_up", "Up", show=False, palette=False),
        Key("rich_text.page_down", "pagedown,ctrl+f,space", "page_down", "Page down", show=False, palette=False),
        Key("rich_text.page_up", "pageup,ctrl+b", "page_up", "Page up", show=False, palette=False),
        Key("rich_text.first", "g,home", "scroll_home", "First", show=False, palette=False),
        Key("rich_text.last", "G,end", "scroll_end", "Last", show=False, palette=False),
    )

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._blocks: Sequence[Block] = ()
        self._lines: list[_Line] = []
        self._layout_width = -1

    def show(self, blocks: Sequence[Block], *, keep_place: bool = False) -> None:
        """Show other blocks, from the top unless `keep_place`."""
        self._blocks = blocks
        before, width = self._lines, self._layout_width
        if (keep_place or not self.scroll_offset.y) and 0 < width == self.scrollable_content_region.width:
            self._lines = _lay_out(blocks, width)
            if len(self._lines) != len(before):
                set_virtual_size(self, Size(width, len(self._lines)))
            self._refresh_changed(before)
            return
        self._layout_width = -1
        self._lay_out()
        if not keep_place:
            self.scroll_home(animate=False, immediate=True)

    def _refresh_changed(self, before: list[_Line]) -> None:
        """Draw only the visible lines that differ from `before`: a page that follows typing changes few."""
        top = self.scroll_offset.y
        for number in range(top, min(max(len(self._lines), len(before)), top + self.size.height)):
            line, other = _line_at(self._lines, number), _line_at(before, number)
            if line is None or other is None or line.plain != other.plain or line.spans != other.spans:
                self.refresh_line(number)

    @property
    def text(self) -> str:
        """The lines as plain text."""
        return "\n".join(_joined(line).plain for line in self._lines)

    def on_resize(self) -> None:
        self._lay_out()

    def _lay_out(self) -> None:
        width = self.scrollable_content_region.width
        if width <= 0 or width == self._layout_width:
            return
        self._layout_width = width
        self._lines = _lay_out(self._blocks, width)
        set_virtual_size(self, Size(width, len(self._lines)))
        self.refresh()

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        style = self.visual_style
        index = y + self.scroll_offset.y
        line = _line_at(self._lines, index)
        if line is None:
            return Strip.blank(width, style.rich_style)
        selection = self.text_selection
        span = selection.get_span(index) if selection else None
        if span is not None:
            start, end = span
            selected = Style.from_styles(self.screen.get_component_styles("screen--selection"))
            line = line.stylize(selected, start, len(line) if end == -1 else end)
        return strip_of(self, line, style, width).apply_offsets(0, index)

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        return selection.extract(self.text), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        self.refresh()


def _line_at(lines: list[_Line], index: int) -> Content | None:
    """Return a line, which is joined now if it was not yet; None below the last one."""
    if index >= len(lines):
        return None
    line = lines[index] = _joined(lines[index])
    return line


def strip_of(widget: Widget, line: Content, style: Style, width: int) -> Strip:
    """Return one line of content as a strip of exactly `width` cells, with theme colours resolved."""
    segments = [
        Segment(text, segment_style.rich_style)
        for text, segment_style in line.render(style, end="", parse_style=widget.app.stylesheet.parse_style)
    ]
    return Strip(segments).adjust_cell_length(width, style.rich_style)


def set_virtual_size(view: ScrollView, size: Size) -> None:
    """Set the virtual size of a view; lay out the whole screen again only if that can change something else.

    That is so if the scrollbar appears or disappears, or the view is as high as its content.
    """
    height = view.container_size.height
    same_bar = view.styles.overflow_y == "scroll" or (view.virtual_size.height > height) == (size.height > height)
    if view.is_attached and same_bar and not view.styles.is_auto_height:
        view.set_reactive(Widget.virtual_size, size)
        view._scroll_update(size)
    else:
        view.virtual_size = size
