"""JSON for requests and files: parsed strictly, numbers exact, written as ASCII.

A number that a float cannot represent exactly (too many digits, too large) is read as `Decimal` and written back
digit for digit. Repeated names, NaN and Infinity are rejected, since reading them would silently lose data. Lone
surrogates are kept as `\\ud800` escapes. Values nested deeper than `MAX_DEPTH` are rejected, so that every recursive
walk over a parsed value stays well inside Python's stack.
"""

from __future__ import annotations

import json
import re
import secrets
import unicodedata
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

from drio_tui.text import visible

Document = dict[str, Any]
"""A JSON object."""

MAX_DEPTH = 128
SANDBOX_SERVER = "drio-sandbox"
"""The product in the `Server` header of the local sandbox: `drio-sandbox/VERSION (id=ID)`."""


class MalformedJson(ValueError):
    """The text is not JSON, or cannot be represented exactly; the message says where and why."""


class RepeatedName(MalformedJson):
    """A name occurs twice in one object."""


def loads(data: bytes | str) -> Any:
    """Parse the JSON value in `data` (UTF-8, with or without a BOM, or UTF-16/32). Raises `MalformedJson`."""
    try:
        if isinstance(data, bytes):
            data = data.decode(json.detect_encoding(data), "surrogatepass")
        value = json.loads(
            data.removeprefix("\ufeff"),
            parse_float=parse_number,
            parse_constant=_reject_constant,
            object_pairs_hook=_parse_object,
        )
    except json.JSONDecodeError as error:
        raise MalformedJson(f"{error.msg} at line {error.lineno}, column {error.colno}") from None
    except UnicodeDecodeError as error:
        raise MalformedJson(f"not {error.encoding} text at byte {error.start}") from None
    except RecursionError:
        raise MalformedJson("nested too deeply to be read") from None
    except MalformedJson:
        raise
    except ValueError:
        # The only other cause is Python's limit on the digits of an int, whose parsing takes quadratic time.
        raise MalformedJson("a whole number has more digits than can be read") from None
    if data.count("[") + data.count("{") > MAX_DEPTH and is_deeper(value, MAX_DEPTH):
        raise MalformedJson("nested too deeply to be read")
    return value


def dumps(value: Any, *, indent: int | None = None) -> str:
    """Return `value` as JSON in ASCII, numbers as they were read. Raises `TypeError` or `ValueError` for non-JSON."""
    number_texts: dict[str, str] = {}
    marker = secrets.token_hex(8)

    def mark_decimal(item: Any) -> str:
        if not isinstance(item, Decimal):
            raise TypeError(f"{type(item).__name__} is not JSON")
        if not item.is_finite():
            raise ValueError(f"{item} is not JSON")
        placeholder = f"{marker}:{len(number_texts)}"
        number_texts[f'"{placeholder}"'] = str(item)
        return placeholder

    separators = (",", ": ") if indent is not None else (",", ":")
    try:
        text = json.dumps(value, default=mark_decimal, allow_nan=False, indent=indent, separators=separators)
    except RecursionError:
        raise ValueError("nested too deeply to be written") from None
    return re.sub(f'"{marker}:[0-9]+"', lambda match: number_texts[match[0]], text) if number_texts else text


_ESCAPE = re.compile(r"\\(?:ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}|u[0-9a-f]{4}|.)")


def for_display(text: str) -> str:
    """Return JSON text of `dumps` for display: the same value, with printable characters instead of their escapes."""

    def unescape(match: re.Match[str]) -> str:
        char: str = json.loads(f'"{match[0]}"')
        is_printable = char > "\x7f" and not unicodedata.category(char).startswith("M") and visible(char) == char
        return char if is_printable else match[0]

    return _ESCAPE.sub(unescape, text)


def parse_number(literal: str) -> float | Decimal:
    """Return the value of a number with a fraction or an exponent, as `Decimal` where a float would differ from it."""
    value = float(literal)
    shortest = repr(value)
    if shortest == literal:
        return value
    try:
        exact = Decimal(literal)
    except InvalidOperation:
        raise MalformedJson(f"the number {literal[:40]} is beyond what can be kept") from None
    return value if Decimal(shortest) == exact else exact


def is_deeper(value: Any, limit: int) -> bool:
    """Return whether a value is nested more than `limit` levels deep."""
    level = [value] if type(value) in (dict, list) else []
    for _ in range(limit):
        inner: list[Any] = []
        for item in level:
            inner += item.values() if type(item) is dict else item
        level = [item for item in inner if type(item) in (dict, list)]
        if not level:
            return False
    return True


def _reject_constant(literal: str) -> Any:
    raise MalformedJson(f"{literal} is not JSON")


def _parse_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    for name in repeated_names(pairs, result):
        raise RepeatedName(f"the name {name[:80]!r} occurs twice in one object")
    return result


def repeated_names(pairs: list[tuple[str, Any]], result: dict[str, Any]) -> Iterator[str]:
    """Yield the names of an object that were there before; `result` is the object that was made of the pairs."""
    if len(result) == len(pairs):
        return
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            yield name
        seen.add(name)
