"""JSON as it goes over the wire: read strictly, numbers kept exactly, written as ASCII.

A float whose shortest form is not the same number (too many digits, too large) is read as `Decimal` and
written back digit for digit. Repeated names, NaN and Infinity are refused, since reading them would
lose something without saying so. Lone surrogates survive as `\\ud800` escapes. What is nested deeper than
`MAX_DEPTH` is refused, so that every recursive walk over what was read ends well inside Python's stack.
"""

from __future__ import annotations

import json
import re
import secrets
import unicodedata
from decimal import Decimal, InvalidOperation
from typing import Any

from drio_tui.text import visible

MAX_DEPTH = 128
SANDBOX_SERVER = "drio-sandbox"
"""The product in the `Server` header of the local sandbox: `drio-sandbox/VERSION (id=ID)`."""


class MalformedJson(ValueError):
    """The text is not JSON that can be kept; the message says where and why."""


def loads(data: bytes | str) -> Any:
    """The JSON value in `data` (UTF-8, with or without a BOM, or UTF-16/32). Raises `MalformedJson`."""
    try:
        if isinstance(data, bytes):
            data = data.decode(json.detect_encoding(data), "surrogatepass")
        value = json.loads(
            data.removeprefix("\ufeff"),
            parse_float=_number,
            parse_constant=_no_constant,
            object_pairs_hook=_object,
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
        # The one thing left is Python's guard against the quadratic reading of huge integers.
        raise MalformedJson("a whole number has more digits than can be read") from None
    if data.count("[") + data.count("{") > MAX_DEPTH and _deeper_than(value, MAX_DEPTH):
        raise MalformedJson("nested too deeply to be read")
    return value


def dumps(value: Any, *, indent: int | None = None) -> str:
    """`value` as JSON in ASCII, numbers as they were read. Raises `TypeError` or `ValueError` for non-JSON."""
    exact: dict[str, str] = {}
    mark = secrets.token_hex(8)

    def keep(item: Any) -> str:
        if not isinstance(item, Decimal):
            raise TypeError(f"{type(item).__name__} is not JSON")
        if not item.is_finite():
            raise ValueError(f"{item} is not JSON")
        token = f"{mark}:{len(exact)}"
        exact[f'"{token}"'] = str(item)
        return token

    separators = (",", ": ") if indent is not None else (",", ":")
    try:
        text = json.dumps(value, default=keep, allow_nan=False, indent=indent, separators=separators)
    except RecursionError:
        raise ValueError("nested too deeply to be written") from None
    return re.sub(f'"{mark}:[0-9]+"', lambda found: exact[found[0]], text) if exact else text


_ESCAPE = re.compile(r"\\(?:ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}|u[0-9a-f]{4}|.)")


def readable(text: str) -> str:
    """JSON of `dumps` for a person: the same value, with the letters that are harmless to show in place of escapes."""

    def shown(found: re.Match[str]) -> str:
        char: str = json.loads(f'"{found[0]}"')
        harmless = char > "\x7f" and not unicodedata.category(char).startswith("M") and visible(char) == char
        return char if harmless else found[0]

    return _ESCAPE.sub(shown, text)


def _number(literal: str) -> float | Decimal:
    value = float(literal)
    shortest = repr(value)
    if shortest == literal:
        return value
    try:
        exact = Decimal(literal)
    except InvalidOperation:
        raise MalformedJson(f"the number {literal[:40]} is beyond what can be kept") from None
    return value if Decimal(shortest) == exact else exact


def _deeper_than(value: Any, limit: int) -> bool:
    level = [value] if type(value) in (dict, list) else []
    for _ in range(limit):
        inner: list[Any] = []
        for item in level:
            inner += item.values() if type(item) is dict else item
        level = [item for item in inner if type(item) in (dict, list)]
        if not level:
            return False
    return True


def _no_constant(literal: str) -> Any:
    raise MalformedJson(f"{literal} is not JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise MalformedJson(f"the name {name[:80]!r} stands twice in one object")
            seen.add(name)
    return found
