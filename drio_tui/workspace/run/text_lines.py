"""Lines of sanitized text with a width in terminal cells, of which a rendered widget consists.

A line is a list of pieces `(text, role)`; the caller decides how a role is styled.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from rich.cells import cell_len, set_cell_size

from drio_tui.api import json_codec
from drio_tui.text import visible

Piece = tuple[str, str]
Line = list[Piece]

LINES = 4_000
"""The most lines of a rendered value; nobody would read more."""
_TIMESTAMP = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}")


def show(value: Any) -> str:
    """Return a value as one sanitized line: `–` for null, Yes and No for booleans, timestamps without seconds."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, str):
        return visible(value[:2_000].replace("T", " ", 1)[:16] if _TIMESTAMP.match(value) else value[:2_000])
    if isinstance(value, int | float):
        return f"{value:,}" if abs(value) < 1e15 else str(value)
    return visible(json_codec.dumps(value)[:2_000])


def label(name: str) -> str:
    """Return a property name as a heading: `createdAt` → `Created at`."""
    spaced = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", re.sub(r"[_-]+", " ", name[:200])).lower()
    return visible(spaced[:1].upper() + spaced[1:])


def fit(text: str, width: int, *, right: bool = False) -> str:
    """Return the text padded or cut (with …) to exactly `width` cells."""
    if width <= 0:
        return ""
    size = cell_len(text)
    if size > width:
        return set_cell_size(text, width - 1) + "…"
    return " " * (width - size) + text if right else text + " " * (width - size)


def in_lines(text: str, width: int, limit: int) -> list[str]:
    """Wrap the text at `width` cells. Beyond `limit` lines the rest is left out, marked by `…`."""
    lines = [*islice(wrapped(text, width), limit + 1)]
    if len(lines) > limit:
        last = lines[limit - 1]
        lines[limit - 1 :] = [f"{last}…" if cell_len(last) < width else fit(f"{last} ", width)]
    return lines


def wrapped(text: str, width: int) -> Iterator[str]:
    """Yield lines of at most `width` cells, broken at blanks where there are any."""
    for paragraph in visible(text[:20_000], multiline=True).split("\n"):
        line = ""
        size = 0
        for word in re.split(r"(?<= )", paragraph):
            length = cell_len(word)
            if line and size + cell_len(word.rstrip()) > width:
                yield line.rstrip()
                line, size = "", 0
            if length > width:
                *pieces, word = _split_word(word, width)
                yield from pieces
                length = cell_len(word)
            line, size = line + word, size + length
        yield line.rstrip()


def _split_word(word: str, width: int) -> Iterator[str]:
    """Split a word into pieces of at most `width` cells, measuring only what fits on one line, never the whole rest."""
    while True:
        start = word[: width + 8]
        if len(start) == len(word) and cell_len(start) <= width:
            yield word
            return
        piece = set_cell_size(start, width).rstrip(" ") if cell_len(start[0]) <= width else start[0]
        yield piece
        word = word[max(1, len(piece)) :]


def paragraph(text: Any, width: int, role: str = "") -> Iterator[Line]:
    """Yield a text as lines of at most `width` cells, all with one role."""
    string = text if isinstance(text, str) else show(text)
    for line in wrapped(string, max(8, width)):
        yield [(line, role)]


def pairs(entries: Sequence[tuple[str, Any]], width: int) -> Iterator[Line]:
    """Yield names and values as lines, a value wrapped beside its name."""
    names = [label(name) for name, _ in entries]
    column = min(24, max((cell_len(name) for name in names), default=0))
    for name, (_, value) in zip(names, entries, strict=True):
        lines = [*wrapped(show(value), max(8, width - column - 2))]
        for number, line in enumerate(lines):
            yield [(fit(name if number == 0 else "", column) + "  ", "key"), (line, "")]


def tree(value: Any, width: int) -> Iterator[Line]:
    """Yield any JSON value as lines, up to `LINES`."""
    return islice(_tree_lines(value, width, 0), LINES)


def _tree_lines(value: Any, width: int, depth: int) -> Iterator[Line]:
    if isinstance(value, list):
        if not value:
            yield [("None", "muted")]
        for item in value[:50]:
            for number, line in enumerate(_tree_lines(item, width - 2, depth + 1)):
                yield [("• " if number == 0 else "  ", "muted"), *line]
    elif isinstance(value, dict) and depth < 4:
        for name, child in list(value.items())[:60]:
            if isinstance(child, dict | list) and child:
                yield [(label(name), "key")]
                for line in _tree_lines(child, width - 2, depth + 1):
                    yield [("  ", ""), *line]
            else:
                yield from pairs([(name, child)], width)
    else:
        yield from paragraph(show(value), width)


def image(value: Any, alternative_text: str) -> Iterator[Line]:
    """Yield the replacement of an image in a terminal: its alternative text and its address."""
    address = value if isinstance(value, str) and not value.startswith("data:") else "in the result itself"
    yield [(f"▧ {alternative_text or 'An image'}", "badge"), (f"  {show(address)[:120]}", "muted")]
