"""JSON as text for the user to edit."""

from __future__ import annotations

import json
from typing import Any

from drio_tui.api.json_codec import dumps
from drio_tui.schema.fields import MISSING, Missing
from drio_tui.schema.resolve import Json


def pretty(value: Json | Missing) -> str:
    """Return indented JSON for an editor, with printable characters unescaped; an empty string for `MISSING`."""
    if value is MISSING:
        return ""
    try:
        text = dumps(value, indent=2)
    except (RecursionError, TypeError, ValueError):
        return ""
    return _readable(text)


def _readable(text: str) -> str:
    """Return ASCII JSON with the escapes of printable characters replaced; control and format characters stay escaped.

    An escape of a surrogate pair is two `\\uXXXX`; a backslash before `\\u` makes it no escape.
    """
    if "\\u" not in text:
        return text
    parts: list[str] = []
    position = 0
    while (start := text.find("\\u", position)) >= 0:
        backslashes = len(text[position:start]) - len(text[position:start].rstrip("\\"))
        parts.append(text[position:start])
        escape = text[start : start + 6]
        position = start + 6
        if backslashes % 2:
            parts.append(escape)
            continue
        if escape[2:4].lower() in ("d8", "d9", "da", "db") and text[position : position + 2] == "\\u":
            escape += text[position : position + 6]
            position += 6
        char: Any = json.loads(f'"{escape}"')
        parts.append(char if len(char) == 1 and char.isprintable() else escape)
    parts.append(text[position:])
    return "".join(parts)
