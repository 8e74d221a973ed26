"""Lines of text that are safe to show, of a width in terminal cells: what a widget's picture is made of.

A line is a list of pieces `(text, role)`; what a role looks like is for whoever shows it.
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
"""More lines than anybody would read."""
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}")


def show(value: Any) -> str:
    """A value on one safe line: nothing as –, yes and no, moments without their seconds."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, str):
        return visible(value[:2_000].replace("T", " ", 1)[:16] if _MOMENT.match(value) else value[:2_000])
    if isinstance(value, int | float):
        return f"{value:,}" if abs(value) < 1e15 else str(value)
    return visible(json_codec.dumps(value)[:2_000])


def label(name: str) -> str:
    """A member's name as a heading: `createdAt` → `Created at`."""
    spaced = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", re.sub(r"[_-]+", " ", name[:200])).lower()
    return visible(spaced[:1].upper() + spaced[1:])


def fit(text: str, width: int, *, right: bool = False) -> str:
    """The text in exactly `width` cells, cut with … where it is longer."""
    if width <= 0:
        return ""
    size = cell_len(text)
    if size > width:
        return set_cell_size(text, width - 1) + "…"
    return " " * (width - size) + text if right else text + " " * (width - size)


def in_lines(text: str, width: int, most: int) -> list[str]:
    """The text wrapped at `width` cells; of more than `most` lines the rest is left out, which … says."""
    lines = [*islice(wrapped(text, width), most + 1)]
    if len(lines) > most:
        last = lines[most - 1]
        lines[most - 1 :] = [f"{last}…" if cell_len(last) < width else fit(f"{last} ", width)]
    return lines


def wrapped(text: str, width: int) -> Iterator[str]:
    """Lines of at most `width` cells, broken at blanks where there are any."""
    for paragraph in visible(text[:20_000], multiline=True).split("\n"):
        line = ""
        size = 0
        for word in re.split(r"(?<= )", paragraph):
            length = cell_len(word)
            if line and size + cell_len(word.rstrip()) > width:
                yield line.rstrip()
                line, size = "", 0
            if length > width:
                *pieces, word = _broken(word, width)
                yield from pieces
                length = cell_len(word)
            line, size = line + word, size + length
        yield line.rstrip()


def _broken(word: str, width: int) -> Iterator[str]:
    """A word in pieces of at most `width` cells. Measured is what one line can hold, never all that is left."""
    while True:
        ahead = word[: width + 8]
        if len(ahead) == len(word) and cell_len(ahead) <= width:
            yield word
            return
        piece = set_cell_size(ahead, width).rstrip(" ") if cell_len(ahead[0]) <= width else ahead[0]
        yield piece
        word = word[max(1, len(piece)) :]


def paragraph(text: Any, width: int, role: str = "") -> Iterator[Line]:
    """A text in lines of at most `width` cells, all of one role."""
    said = text if isinstance(text, str) else show(text)
    for line in wrapped(said, max(8, width)):
        yield [(line, role)]


def pairs(entries: Sequence[tuple[str, Any]], width: int) -> Iterator[Line]:
    """Names and values, a value beside its name and wrapped there."""
    names = [label(name) for name, _ in entries]
    column = min(24, max((cell_len(name) for name in names), default=0))
    for name, (_, value) in zip(names, entries, strict=True):
        lines = [*wrapped(show(value), max(8, width - column - 2))]
        for number, line in enumerate(lines):
            yield [(fit(name if number == 0 else "", column) + "  ", "key"), (line, "")]


def tree(value: Any, width: int) -> Iterator[Line]:
    """Any value, as far as anybody would read it."""
    return islice(_branches(value, width, 0), LINES)


def _branches(value: Any, width: int, depth: int) -> Iterator[Line]:
    if isinstance(value, list):
        if not value:
            yield [("None", "muted")]
        for item in value[:50]:
            for number, line in enumerate(_branches(item, width - 2, depth + 1)):
                yield [("• " if number == 0 else "  ", "muted"), *line]
    elif isinstance(value, dict) and depth < 4:
        for name, member in list(value.items())[:60]:
            if isinstance(member, dict | list) and member:
                yield [(label(name), "key")]
                for line in _branches(member, width - 2, depth + 1):
                    yield [("  ", ""), *line]
            else:
                yield from pairs([(name, member)], width)
    else:
        yield from paragraph(show(value), width)


def image(value: Any, alternative: str) -> Iterator[Line]:
    """What stands for an image in a terminal: its words, and where it is."""
    address = value if isinstance(value, str) and not value.startswith("data:") else "in the result itself"
    yield [(f"▧ {alternative or 'An image'}", "badge"), (f"  {show(address)[:120]}", "muted")]
