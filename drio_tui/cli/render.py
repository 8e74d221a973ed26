"""Tables and trees as plain text: aligned by terminal cells, safe to show, without colour where none is wanted."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from drio_tui.cli.output import Line, Styled, style
from drio_tui.text import count_of, one_line

_WIDEST = 60
_WIDEST_PIPED = 1_000
_LINES = {"branch": "├─ ", "last": "└─ ", "down": "│  ", "none": "   "}
_ASCII_LINES = {"branch": "|- ", "last": "`- ", "down": "|  ", "none": "   "}
_SYMBOLS = "├─└│◆◈⇄→⚒▦✗▲●○·…"


def plain() -> bool:
    """Whether stdout's encoding lacks the symbols used here, so that ASCII has to do."""
    try:
        _SYMBOLS.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return True
    return False


def cells(text: str) -> int:
    """How many terminal cells `text` takes."""
    return sum(
        0 if unicodedata.category(char) in ("Mn", "Me") else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )


def shown(value: Any, width: int = _WIDEST) -> str:
    """A JSON value as one safe line, cut at `width` on a terminal; what scripts read is not cut."""
    if not sys.stdout.isatty():
        width = max(width, _WIDEST_PIPED)
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return one_line(value, width) or "-"
    if isinstance(value, list):
        return count_of(len(value), "item")
    if isinstance(value, dict):
        return count_of(len(value), "member")
    return one_line(str(value), width)


def table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[Line]:
    """Lines of a table; every cell is one line."""
    body = [list(row) for row in rows]
    widths = [max(cells(row[i]) for row in [list(headers), *body]) for i in range(len(headers))]

    def line(row: Sequence[str]) -> str:
        padded = [text + " " * (width - cells(text)) for text, width in zip(row, widths, strict=True)]
        return "  ".join(padded).rstrip()

    yield (style(line([header.upper() for header in headers]), bold=True),)
    for row in body:
        yield (line(row),)


@dataclass(slots=True)
class Branch:
    """A node of a tree; `line` is what is printed of it."""

    line: Line
    children: list[Branch] = field(default_factory=list)

    def add(self, *line: str | Styled) -> Branch:
        """Add a last child and return it."""
        child = Branch(line)
        self.children.append(child)
        return child


def tree(root: Branch) -> Iterator[Line]:
    """Lines of a tree."""
    glyphs = _ASCII_LINES if plain() else _LINES
    yield root.line
    yield from _below(root, "", glyphs)


def _below(branch: Branch, indent: str, glyphs: dict[str, str]) -> Iterator[Line]:
    for place, child in enumerate(branch.children, start=1):
        last = place == len(branch.children)
        yield (indent + glyphs["last" if last else "branch"], *child.line)
        yield from _below(child, indent + glyphs["none" if last else "down"], glyphs)
