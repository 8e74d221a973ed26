"""Writes JSON values as YAML that every parser reads as the same values, YAML 1.1 parsers too.

The text depends on the value only. Text that any parser could take for something else is in double quotes; several
lines of text are a block scalar. What is invisible or could control a terminal is written as an escape sequence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from drio_tui.text import visible

_LONGEST_KEY = 500
"""The most characters of a name before a colon; parsers accept 1,024."""
_PLAIN = re.compile(r"[A-Za-z$/_](?:[!-9;-~]|:(?![ ]|$)|[ ](?![ #]|$))*")
_RESERVED = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\0": "\\0"}
_NOT_IN_YAML = "\ufffe\uffff"


class NotYaml(ValueError):
    """The value cannot be written as YAML; the message says why."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How far the properties of an object in an object are indented, and the items of a list in an object."""

    object_indent: int = 2
    list_indent: int = 2


def dumps(value: Any) -> str:
    """Return a JSON value as YAML in block style, with a line break at the end.

    Raises `NotYaml` for half of a character (a lone surrogate), which YAML cannot hold.
    """
    return "\n".join(block_lines(value)) + "\n"


def block_lines(value: Any, layout: Layout = Layout()) -> Iterator[str]:
    """Yield the lines of a value in block style, without line breaks. Raises `NotYaml`."""
    if isinstance(value, dict) and value:
        for name, item in value.items():
            yield from property_lines(name, item, layout)
    elif isinstance(value, list) and value:
        for item in value:
            yield from item_lines(item, layout)
    else:
        yield from _after("", value, layout)


def property_lines(name: str, value: Any, layout: Layout) -> Iterator[str]:
    """Yield the lines of a property. Raises `NotYaml`."""
    key = scalar(name)
    if len(key) > _LONGEST_KEY:
        yield f"? {key}"
        key = ""
    yield from _after(f"{key}:", value, layout)


def item_lines(value: Any, layout: Layout) -> Iterator[str]:
    """Yield the lines of an item of a list, with its dash. Raises `NotYaml`."""
    yield from _after("-", value, layout)


def _after(start: str, value: Any, layout: Layout) -> Iterator[str]:
    """Yield the lines of a value that follows `start` (a name with its colon, or the dash of an item)."""
    space = " " if start else ""
    if isinstance(value, dict | list) and value:
        inner = block_lines(value, layout)
        if start == "-":
            yield f"- {next(inner)}"
            indent = "  "
        else:
            yield start
            indent = " " * (layout.object_indent if isinstance(value, dict) else layout.list_indent)
        yield from (f"{indent}{line}" if line else "" for line in inner)
    elif isinstance(value, str) and is_block_text(value):
        yield f"{start}{space}{block_header(value)}"
        indent = " " * layout.object_indent
        yield from (f"{indent}{line}" if line else "" for line in block_text_lines(value))
    else:
        yield f"{start}{space}{scalar(value)}"


def block_header(text: str) -> str:
    """Return how a block scalar begins: it keeps the last line break of `text`, or has none."""
    return "|" if text.endswith("\n") else "|-"


def block_text_lines(text: str) -> list[str]:
    """Return the lines of a block scalar, not indented."""
    return text.removesuffix("\n").split("\n")


def is_block_text(text: str) -> bool:
    """Return whether a text of several lines can be written as a block scalar that an editor does not change."""
    if "\n" not in text.removesuffix("\n") or text.endswith("\n\n") or text[0].isspace():
        return False
    return visible(text, multiline=True) == text and not re.search(r"[^\S\n](?:\n|$)", text) and not _unwritable(text)


def flow(value: Any, *, spaced: bool = True) -> str:
    """Return a value on one line, such as `{ name: [1, 2] }`, or `{name: [1, 2]}` unless `spaced`. Raises `NotYaml`."""
    if isinstance(value, dict) and value:
        space = " " if spaced else ""
        inner = ", ".join(f"{_flow_scalar(name)}: {flow(item, spaced=spaced)}" for name, item in value.items())
        return f"{{{space}{inner}{space}}}"
    if isinstance(value, list) and value:
        return f"[{', '.join(flow(item, spaced=spaced) for item in value)}]"
    return _flow_scalar(value)


def _flow_scalar(value: Any) -> str:
    return _quoted(value) if isinstance(value, str) and set(value) & set(",[]{}") else scalar(value)


def scalar(value: Any, *, style: str = "", in_flow: bool = False) -> str:
    """Return a scalar, or an empty list or object, on one line. Raises `NotYaml`.

    `style` is the quotation mark to use for text if it can be, `in_flow` whether it is inside of braces or brackets.
    """
    if isinstance(value, str) and style:
        is_simple = style == "'" and "'" not in value and _escapes_nothing(value)
        return f"'{value}'" if is_simple else _quoted(value)
    if in_flow:
        return _flow_scalar(value)
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float() | Decimal():
            return _number(str(value))
        case str():
            return value if _is_plain(value) else _quoted(value)
        case dict():
            return "{}"
        case list():
            return "[]"
    raise NotYaml(f"{type(value).__name__} is not JSON")


def _number(text: str) -> str:
    """Return a number so that YAML 1.1 takes it for one: it needs a point, and a sign in the exponent."""
    mantissa, exponent_letter, exponent = text.partition("E" if "E" in text else "e")
    if not exponent_letter:
        return text if "." in text else f"{text}.0"
    return f"{mantissa if '.' in mantissa else f'{mantissa}.0'}{exponent_letter.lower()}{exponent}"


def _is_plain(text: str) -> bool:
    if text.isascii():
        return bool(_PLAIN.fullmatch(text)) and text.lower() not in _RESERVED
    is_plain_but_for_letters = _PLAIN.fullmatch("".join("x" if char > "\x7f" else char for char in text))
    return bool(is_plain_but_for_letters) and text[0].isalpha() and visible(text) == text and not _unwritable(text)


def _quoted(text: str) -> str:
    return f'"{"".join(_escaped(char) for char in text)}"'


def _escaped(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    code = ord(char)
    if 0xD800 <= code <= 0xDFFF:
        raise NotYaml("it holds half of a character (a lone surrogate), which YAML cannot hold")
    if visible(char) == char and not _unwritable(char):
        return char
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _escapes_nothing(text: str) -> bool:
    return visible(text) == text and not _unwritable(text)


def _unwritable(text: str) -> bool:
    return any(char in text for char in _NOT_IN_YAML)
