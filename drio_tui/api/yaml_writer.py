"""Writes JSON values as YAML that every parser reads as the same values, YAML 1.1 parsers too.

The text depends on the value only. Text that any parser could take for something else is in double quotes; several
lines of text are a block scalar. What is invisible or could control a terminal is written as an escape sequence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from drio_tui.text import visible

_LONGEST_KEY = 500
"""The most characters of a name before a colon; parsers accept 1,024."""
_PLAIN = re.compile(r"[A-Za-z$/_](?:[!-9;-~]|:(?![ ]|$)|[ ](?![ #]|$))*")
_RESERVED = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "none"})
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\0": "\\0"}
_NOT_IN_YAML = "\ufffe\uffff"


class NotYaml(ValueError):
    """The value cannot be written as YAML; the message says why."""


def dumps(value: Any) -> str:
    """Return a JSON value as YAML in block style, with a line break at the end.

    Raises `NotYaml` for half of a character (a lone surrogate), which YAML cannot hold.
    """
    return "\n".join(_block(value)) + "\n"


def _block(value: Any) -> Iterator[str]:
    """Yield the lines of a value that begins a line."""
    if isinstance(value, dict) and value:
        for name, item in value.items():
            key = scalar(name)
            if len(key) > _LONGEST_KEY:
                yield f"? {key}"
                key = ""
            yield from _after(f"{key}:", item)
    elif isinstance(value, list) and value:
        for item in value:
            yield from _after("-", item)
    else:
        yield from _after("", value)


def _after(start: str, value: Any) -> Iterator[str]:
    """Yield the lines of a value that follows `start` (a name with its colon, or the dash of an item)."""
    space = " " if start else ""
    if isinstance(value, dict | list) and value:
        inner = _block(value)
        if start == "-":
            yield f"- {next(inner)}"
        else:
            yield start
            yield f"  {next(inner)}"
        yield from (f"  {line}" if line else "" for line in inner)
    elif isinstance(value, str) and _is_block_text(value):
        yield f"{start}{space}|{'' if value.endswith(chr(10)) else '-'}"
        yield from (f"  {line}" if line else "" for line in value.removesuffix("\n").split("\n"))
    else:
        yield f"{start}{space}{scalar(value)}"


def _is_block_text(text: str) -> bool:
    """Return whether a text of several lines can be written as a block scalar that an editor does not change."""
    if "\n" not in text.removesuffix("\n") or text.endswith("\n\n") or text[0].isspace():
        return False
    return visible(text, multiline=True) == text and not re.search(r"[^\S\n](?:\n|$)", text) and not _unwritable(text)


def scalar(value: Any) -> str:
    """Return a scalar, or an empty list or object, on one line. Raises `NotYaml`."""
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


def _unwritable(text: str) -> bool:
    return any(char in text for char in _NOT_IN_YAML)
