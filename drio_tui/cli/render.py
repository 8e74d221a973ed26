"""Tables and trees as sanitized plain text, aligned by terminal cells."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from drio_tui.cli.output import Line, Styled, style
from drio_tui.naming import title_of
from drio_tui.text import count_of, one_line

if TYPE_CHECKING:
    from drio_tui.kinds import Kind
    from drio_tui.workspace.lint.diagnostics import Diagnostic
    from drio_tui.workspace.model.snapshot import Resource

_MAX_WIDTH = 60
_MAX_WIDTH_PIPED = 1_000
_LINES = {"branch": "├─ ", "last": "└─ ", "down": "│  ", "none": "   "}
_ASCII_LINES = {"branch": "|- ", "last": "`- ", "down": "|  ", "none": "   "}
_SYMBOLS = "├─└│◆◈⇄→⚒▦✗▲●○·…"


def ascii_only() -> bool:
    """Return whether stdout's encoding lacks the symbols used in this package."""
    try:
        _SYMBOLS.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return True
    return False


def cell_width(text: str) -> int:
    """Return how many terminal cells `text` takes."""
    return sum(
        0 if unicodedata.category(char) in ("Mn", "Me") else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )


def format_value(value: Any, width: int = _MAX_WIDTH) -> str:
    """Return a JSON value as one sanitized line, truncated to `width` on a terminal (elsewhere to at least 1,000)."""
    if not sys.stdout.isatty():
        width = max(width, _MAX_WIDTH_PIPED)
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return one_line(value, width) or "-"
    if isinstance(value, list):
        return count_of(len(value), "item")
    if isinstance(value, dict):
        return f"{len(value):,} {'property' if len(value) == 1 else 'properties'}"
    return one_line(str(value), width)


def iso_time(seconds: float | None) -> str | None:
    """Return a time in seconds since the epoch in ISO 8601, in UTC; None for None and for a time that is none."""
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    except (OverflowError, OSError, ValueError):
        return None


def column_widths(
    headers: Sequence[str], rows: Iterable[Sequence[str]], at_least: Sequence[int] | None = None
) -> list[int]:
    """Return how many cells each column of a table takes, none less than `at_least`."""
    cells = zip(headers, *rows, strict=True)
    minimums = at_least if at_least is not None else [0] * len(headers)
    return [max(least, *map(cell_width, column)) for least, column in zip(minimums, cells, strict=True)]


def table(headers: Sequence[str], rows: Iterable[Sequence[str]], widths: Sequence[int] | None = None) -> Iterator[Line]:
    """Yield the lines of a table; each cell has to be a single line.

    `widths` are those of the columns, which fit their content; without them they are as wide as that.
    """
    body = [list(row) for row in rows]
    widths = widths if widths is not None else column_widths(headers, body)

    def line(row: Sequence[str]) -> str:
        padded = [text + " " * (width - cell_width(text)) for text, width in zip(row, widths, strict=True)]
        return "  ".join(padded).rstrip()

    yield (style(line([header.upper() for header in headers]), bold=True),)
    for row in body:
        yield (line(row),)


def resource_table(kind: Kind[Any], resources: Iterable[Resource]) -> Iterator[Line]:
    """Yield the lines of a table of resources: the columns of their kind under the titles of the fields, and the id."""
    columns = (*kind.columns, "id")
    rows = ([format_value(resource.get(column)) for column in columns] for resource in resources)
    return table([title_of(column) for column in columns], rows)


@dataclass(slots=True)
class Branch:
    """A node of a tree with its line of output."""

    line: Line
    children: list[Branch] = field(default_factory=list)

    def add(self, *line: str | Styled) -> Branch:
        """Add a last child and return it."""
        child = Branch(line)
        self.children.append(child)
        return child


def tree(root: Branch) -> Iterator[Line]:
    """Yield the lines of a tree."""
    lines = _ASCII_LINES if ascii_only() else _LINES
    yield root.line
    yield from _child_lines(root, "", lines)


def _child_lines(branch: Branch, indent: str, lines: dict[str, str]) -> Iterator[Line]:
    for number, child in enumerate(branch.children, start=1):
        last = number == len(branch.children)
        yield (indent + lines["last" if last else "branch"], *child.line)
        yield from _child_lines(child, indent + lines["none" if last else "down"], lines)


def severity_mark(severity: str) -> Styled:
    """Return the symbol of an error or a warning, in its colour."""
    symbol, ascii_symbol, colour = ("✗", "x", "red") if severity == "error" else ("▲", "!", "yellow")
    return style(ascii_symbol if ascii_only() else symbol, fg=colour)


def diagnostic_lines(diagnostic: Diagnostic, clients: str = "") -> Iterator[Line]:
    """Yield the lines of a diagnostic: what is wrong, and advice. `clients` names the AI clients that it is about."""
    subject = f"{diagnostic.key[0]} {diagnostic.name}"
    yield (
        severity_mark(diagnostic.severity),
        " ",
        style(one_line(subject, 80), bold=True),
        f": {one_line(diagnostic.message, 300)}",
    )
    yield (f"  {one_line(diagnostic.advice, 200)} [{diagnostic.code}{f': {clients}' if clients else ''}]",)
