"""JSON as text for people to edit."""

from __future__ import annotations

import json
from typing import Any

from drio_tui.api.json_codec import dumps
from drio_tui.schema.fields import MISSING, Missing
from drio_tui.schema.resolve import Json


def pretty(value: Json | Missing) -> str:
    """JSON over several lines for an editor, letters as they are; an empty string for `MISSING`."""
    if value is MISSING:
        return ""
    try:
        text = dumps(value, indent=2)
    except (RecursionError, TypeError, ValueError):
        return ""
    return _readable(text)


def _readable(text: str) -> str:
    """ASCII JSON with its printable letters written out; hidden ones stay escapes."""
    if "\\u" not in text:
        return text
    out: list[str] = []
    at = 0
    while (found := text.find("\\u", at)) >= 0:
        slashes = len(text[at:found]) - len(text[at:found].rstrip("\\"))
        out.append(text[at:found])
        unit = text[found : found + 6]
        at = found + 6
        if slashes % 2:
            out.append(unit)
            continue
        if unit[2:4].lower() in ("d8", "d9", "da", "db") and text[at : at + 2] == "\\u":
            unit += text[at : at + 6]
            at += 6
        char: Any = json.loads(f'"{unit}"')
        out.append(char if len(char) == 1 and char.isprintable() else unit)
    out.append(text[at:])
    return "".join(out)
