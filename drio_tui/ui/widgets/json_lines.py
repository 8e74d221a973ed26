"""Pretty-printed JSON, line by line: truncated to limits, and split into tokens for highlighting.

It works on values of any size and depth without recursion, and yields line by line, so that a caller can stop
early or process chunks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from drio_tui.text import visible

Part = Literal["key", "string", "number", "word", "mark"]

MAX_INDENT = 40
_TOKENS = re.compile(
    r'(?P<key>"(?:[^"\\]|\\.)*"(?=\s*:))'
    r'|(?P<string>"(?:[^"\\]|\\.)*(?:"|$))'
    r"|(?P<number>-?\d[\d.eE+-]*)"
    r"|(?P<word>true|false|null)"
    r"|(?P<mark>[][{},:…]+)"
)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is shown: lines, characters in total, characters of one string."""

    lines: int = 5_000
    chars: int = 400_000
    string: int = 2_000


NO_LIMITS = Limits(1 << 60, 1 << 60, 1 << 60)


@dataclass(slots=True)
class Truncation:
    """Whether something was truncated."""

    happened: bool = False


def lines_of(value: Any, limits: Limits, cut: Truncation) -> Iterator[str]:
    """Yield the sanitized lines of a JSON value, indented by two spaces; `cut` records whether limits were exceeded."""
    total = 0
    for number, line in enumerate(_lines(value, limits, cut)):
        if number >= limits.lines or total >= limits.chars:
            cut.happened = True
            return
        line = visible(line)
        total += len(line)
        yield line


def text_lines(text: str, limits: Limits, cut: Truncation) -> Iterator[str]:
    """Yield the sanitized lines of a text that is not JSON."""
    if len(text) > limits.chars:
        cut.happened, text = True, text[: limits.chars]
    for number, line in enumerate(text.split("\n")):
        if number >= limits.lines:
            cut.happened = True
            return
        if len(line) > limits.string * 10:
            cut.happened, line = True, line[: limits.string * 10] + " …"
        yield visible(line.rstrip("\r"))


def parts_of(line: str) -> list[tuple[int, int, Part]]:
    """Return start, end and kind of the tokens of one pretty-printed line."""
    return [(token.start(), token.end(), token.lastgroup) for token in _TOKENS.finditer(line)]  # type: ignore[misc]


def _lines(value: Any, limits: Limits, cut: Truncation) -> Iterator[str]:
    if not isinstance(value, dict | list) or not value:
        yield _scalar(value, limits, cut)
        return
    yield "{" if isinstance(value, dict) else "["
    # Each level: an iterator over its items, its closing bracket, and how many items are left.
    stack: list[tuple[Iterator[Any], str, list[int]]] = [_level(value)]
    while stack:
        items, close, remaining = stack[-1]
        indent = "  " * min(len(stack), MAX_INDENT)
        if not remaining[0]:
            stack.pop()
            comma = "," if stack and stack[-1][2][0] else ""
            yield "  " * min(len(stack), MAX_INDENT) + close + comma
            continue
        remaining[0] -= 1
        entry = next(items)
        if close == "}":
            name, item = entry
            head = f"{indent}{_string(name, limits, cut)}: "
        else:
            head, item = indent, entry
        if isinstance(item, dict | list) and item:
            yield head + ("{" if isinstance(item, dict) else "[")
            stack.append(_level(item))
        else:
            yield head + _scalar(item, limits, cut) + ("," if remaining[0] else "")


def _level(value: dict[str, Any] | list[Any]) -> tuple[Iterator[Any], str, list[int]]:
    if isinstance(value, dict):
        return iter(value.items()), "}", [len(value)]
    return iter(value), "]", [len(value)]


def _scalar(value: Any, limits: Limits, cut: Truncation) -> str:
    if isinstance(value, str):
        return _string(value, limits, cut)
    if isinstance(value, dict | list):
        return "{}" if isinstance(value, dict) else "[]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)


def _string(text: str, limits: Limits, cut: Truncation) -> str:
    if len(text) <= limits.string:
        return json.dumps(text, ensure_ascii=False)
    cut.happened = True
    return json.dumps(text[: limits.string], ensure_ascii=False)[:-1] + f"… {len(text) - limits.string:,} more"
