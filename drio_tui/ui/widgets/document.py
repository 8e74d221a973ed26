"""Reading matter: headings, aligned fields, entries and paragraphs, laid out anew for every width.

A document is a list of blocks of safe content. Long values wrap under themselves, so labels stay a
column of their own; where the room is too narrow for two columns the value stands under its label.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

from drio_tui.ui import keymap
from drio_tui.ui.keymap import Key

_EMPTY = Content()
_STACKED_BELOW = 34
"""Cells of width below which a value goes under its label."""


@dataclass(frozen=True, slots=True)
class Heading:
    """A line that begins a group, with a quieter note behind it."""

    text: Content
    note: Content = _EMPTY


@dataclass(frozen=True, slots=True)
class Field:
    """A label and its value, which may have several lines."""

    label: Content
    value: Content


@dataclass(frozen=True, slots=True)
class Entry:
    """One of several alike: a mark, a title, a quieter note on the same line, text under it."""

    mark: Content
    title: Content
    note: Content = _EMPTY
    body: Content = _EMPTY


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Running text. `mark` stands before it, in a column of its own."""

    text: Content
    mark: Content = _EMPTY


@dataclass(frozen=True, slots=True)
class Gap:
    """An empty line."""


Block = Gap | Heading | Field | Entry | Paragraph


def layout(blocks: Iterable[Block], width: int) -> Content:
    """The blocks as lines of at most `width` cells."""
    blocks = list(blocks)
    width = max(8, width)
    longest = max((block.label.cell_length for block in blocks if isinstance(block, Field)), default=0)
    labels = min(longest, max(10, width // 3), 24)
    lines: list[Content] = []
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
                lines += _hung(Content("  "), value, width)
            case Field(label, value):
                cut = label.truncate(labels, ellipsis=True)
                lines += _hung(Content.assemble(cut, " " * (labels - cut.cell_length + 2)), value, width)
            case Entry(mark, title, note, body):
                head = title if not note else Content.assemble(title, "  ", note)
                lines += _hung(Content.assemble(mark, " "), head, width)
                if body:
                    lines += _hung(Content(" " * (mark.cell_length + 1)), body, width)
            case Paragraph(text, mark):
                lines += _hung(Content.assemble(mark, " ") if mark else _EMPTY, text, width)
    return Content("\n").join(lines)


def _hung(first: Content, text: Content, width: int) -> list[Content]:
    """`text` wrapped beside `first`, its further lines indented as far."""
    indent = first.cell_length
    wrapped: Sequence[Content] = text.wrap(max(4, width - indent)) or [_EMPTY]
    pad = " " * indent
    return [Content.assemble(first if number == 0 else pad, line) for number, line in enumerate(wrapped)]


@dataclass(slots=True)
class _Laid:
    width: int = -1
    content: Content = field(default_factory=Content)


class _Page(Widget):
    """The blocks at the width there is."""

    DEFAULT_CSS = "_Page { height: auto; width: 1fr; }"

    def __init__(self) -> None:
        super().__init__()
        self._blocks: Sequence[Block] = ()
        self._laid = _Laid()

    def show(self, blocks: Sequence[Block]) -> None:
        self._blocks = blocks
        self._laid = _Laid()
        self.refresh(layout=True)

    def _at(self, width: int) -> Content:
        if self._laid.width != width:
            self._laid = _Laid(width, layout(self._blocks, width))
        return self._laid.content

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return self._at(width).plain.count("\n") + 1

    def render(self) -> Content:
        return self._at(self.content_size.width)


class Document(VerticalScroll, can_focus=True):
    """A scrolling page of blocks."""

    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "document",
        "Reading",
        Key("document.down", "j,down", "scroll_down", "Down", show=False, palette=False),
        Key("document.up", "k,up", "scroll_up", "Up", show=False, palette=False),
        Key("document.page_down", "pagedown,ctrl+f,space", "page_down", "Page down", show=False, palette=False),
        Key("document.page_up", "pageup,ctrl+b", "page_up", "Page up", show=False, palette=False),
        Key("document.first", "g,home", "scroll_home", "First", show=False, palette=False),
        Key("document.last", "G,end", "scroll_end", "Last", show=False, palette=False),
    )

    def compose(self) -> Iterable[Widget]:
        yield _Page()

    def show(self, blocks: Sequence[Block], *, keep_place: bool = False) -> None:
        """Show other blocks, from the top unless `keep_place`."""
        self.query_one(_Page).show(blocks)
        if not keep_place:
            self.scroll_home(animate=False, immediate=True)
