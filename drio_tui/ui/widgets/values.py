"""How values of the API are displayed: colours, dates, booleans, schemas, status words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from textual.color import Color
from textual.content import Content
from textual.style import Style

from drio_tui.contrast import is_colour
from drio_tui.text import duration
from drio_tui.ui.widgets.sanitize import sanitize, sanitize_line
from drio_tui.workspace.lint.annotations import HINT_LABELS

TEXT_MAX = 20_000
"""Characters of one text that are shown; the JSON view shows the rest."""

TONES = {
    "good": "$text-success",
    "warn": "$text-warning",
    "bad": "$text-error",
    "info": "$text-primary",
    "": "$foreground-muted",
}
"""The theme colour of each tone (see `TreeNode.tone`)."""

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+|[A-Z]+|[^A-Za-z0-9_\-]+")
_SPELLED = {"url": "URL", "id": "ID", "ids": "IDs", "mcp": "MCP", "api": "API", "json": "JSON", "uri": "URI"}
_METHODS = {"GET": "info", "POST": "good", "PUT": "warn", "PATCH": "warn", "DELETE": "bad"}


def severity_mark(severity: object) -> Content:
    """Return the mark of a diagnostic: ✗ for an error, ▲ for anything else."""
    return Content.styled("✗", "$text-error") if severity == "error" else Content.styled("▲", "$text-warning")


def label_of(name: str) -> str:
    """Return a property's name as a label: `companyUrl` → `Company URL`. Names that are not words stay as they are.

    The annotations of tools have the labels of the editor.
    """
    first, *others = name.split("_")  # v3 of the API writes `read_only_hint`
    if (hint := first + "".join(map(str.capitalize, others))) in HINT_LABELS:
        return HINT_LABELS[hint]
    if not name.isascii() or not name.replace("_", "").isalnum() or len(name) > 60:
        return name
    words = [_SPELLED.get(word.lower(), word.lower()) for word in _WORD.findall(name)]
    text = " ".join(words)
    return text[:1].upper() + text[1:]


def stale_mark(loaded_at: datetime | None) -> str:
    """Return the mark of data that could not be read again: `▲ stale, loaded 12:03`; None if the time is not known."""
    return f"▲ stale, loaded {loaded_at:%H:%M}" if loaded_at else "▲ stale"


def badge(word: str, tone: str = "") -> Content:
    """Return a word in the colour of its tone."""
    return sanitize_line(word, 40, TONES.get(tone, TONES[""]))


def method(name: str) -> Content:
    """Return an HTTP method in its colour."""
    return sanitize_line(name, 12, f"bold {TONES[_METHODS.get(name, '')]}")


def swatch(value: str) -> Content:
    """Return a patch of the colour with an edge, to be visible on any background; question marks if it is no colour."""
    if not is_colour(value):
        return Content.styled(" ?? ▏", "$foreground-muted")
    colour = Color.parse(value)
    patch = Style(background=Color(colour.r, colour.g, colour.b))
    return Content.assemble(("    ", patch), ("▏", "$foreground-muted"))


def timestamp(text: str, now: datetime | None = None) -> Content | None:
    """Return an ISO 8601 time as date and age: `15 Mar 2026 12:00 UTC  8 months ago`; None if it is no such time.

    A time without a zone is shown without an age, which could be off by a day.
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    date = f"{time.day} {time:%b} {time.year:04d} {time:%H:%M}"
    if time.tzinfo is None:
        return Content.assemble(date, ("  no time zone given", "$foreground-muted"))
    try:
        seconds = ((now or datetime.now(UTC)) - time).total_seconds()
        date = f"{time.astimezone(UTC).day} {time.astimezone(UTC):%b} {time.astimezone(UTC).year:04d} "
        date += f"{time.astimezone(UTC):%H:%M} UTC"
    except (OverflowError, ValueError):  # beyond the years 1 to 9999 in UTC
        return Content(date)
    return Content.assemble(date, (f"  {age(seconds)}", "$foreground-muted"))


def age(seconds: float) -> str:
    """Return an age in words (`2 hours ago`); negative seconds are in the future (`in 2 hours`)."""
    distance = abs(seconds)
    if distance < 60:
        return "just now"
    text = duration(distance, parts=1)
    return f"{text} ago" if seconds >= 0 else f"in {text}"


def cut(text: str) -> Content:
    """Return a text with its newlines, truncated after `TEXT_MAX` characters."""
    if len(text) <= TEXT_MAX:
        return sanitize(text, multiline=True)
    rest = f"\n… and {len(text) - TEXT_MAX:,} more characters: see JSON"
    return Content.assemble(sanitize(text[:TEXT_MAX], multiline=True), (rest, "$foreground-muted"))


def scalar(value: Any, member: str = "") -> Content:
    """Return a string, number, boolean or null as content; the property's name says what a string means."""
    if value is None:
        return Content.styled("not set", "$foreground-muted italic")
    if isinstance(value, bool):
        return (
            Content.assemble(("✓ ", "$text-success"), "yes") if value else Content.styled("✗ no", "$foreground-muted")
        )
    if isinstance(value, int | float | Decimal):
        return Content.styled(_number(value), "$text-secondary")
    if not isinstance(value, str):
        return sanitize_line(json.dumps(value, default=str), 400)
    if not value:
        return Content.styled("empty", "$foreground-muted italic")
    if is_colour(value):
        return Content.assemble(swatch(value), " ", sanitize_line(value))
    if member.endswith("At") and (date := timestamp(value)) is not None:
        return date
    if member == "method":
        return method(value)
    return cut(value)


def _number(value: int | float | Decimal) -> str:
    # str() refuses a number of thousands of digits, which nobody would read either.
    return f"{value}" if not isinstance(value, int) or value.bit_length() < 4000 else "a number of thousands of digits"


def schema_lines(schema: Any, depth: int = 0) -> Iterator[Content]:
    """Yield a JSON Schema in short: one line per property, nested ones indented, at most three levels."""
    if not isinstance(schema, Mapping):
        yield sanitize_line(json.dumps(schema, default=str)[:200], 80, "$foreground-muted")
        return
    properties = schema.get("properties")
    if not isinstance(properties, Mapping):
        yield Content.assemble("  " * depth, schema_type(schema))
        inner = schema.get("items")
        if isinstance(inner, Mapping) and isinstance(inner.get("properties"), Mapping) and depth < 3:
            yield from schema_lines(inner, depth + 1)
        return
    required = schema.get("required")
    required_names = {name for name in required if isinstance(name, str)} if isinstance(required, list) else set()
    names = [name for name in properties if isinstance(name, str)]
    width = min(24, max((len(name) for name in names), default=0))
    for name in names[:100]:
        inner = properties[name]
        label = sanitize_line(name, 40, "bold" if name in required_names else "")
        pad = " " * max(0, width - label.cell_length)
        star = Content.styled("*", "$text-warning") if name in required_names else Content(" ")
        parts: list[Content | str] = ["  " * depth, label, star, pad, " ", schema_type(inner)]
        if isinstance(inner, Mapping) and isinstance(inner.get("description"), str):
            parts += ["  ", sanitize_line(inner["description"], 200, "$foreground-muted")]
        yield Content.assemble(*parts)
        if depth < 3 and isinstance(inner, Mapping):
            items = inner.get("items")
            if isinstance(inner.get("properties"), Mapping):
                yield from schema_lines(inner, depth + 1)
            elif isinstance(items, Mapping) and isinstance(items.get("properties"), Mapping):
                yield from schema_lines(items, depth + 1)
    if len(names) > 100:
        yield Content.styled(f"… and {len(names) - 100} more", "$foreground-muted")
    if not names:
        yield Content.styled("no properties", "$foreground-muted")


def schema_type(schema: Any) -> Content:
    """Return what a schema allows in a word or two: `string email`, `array of object`, `a | b | c`."""
    if not isinstance(schema, Mapping):
        return Content.styled("any" if schema is not False else "nothing", "$text-secondary")
    choices = schema.get("enum")
    if isinstance(choices, list) and choices:
        words = " | ".join(str(choice)[:40] for choice in choices[:6]) + (" | …" if len(choices) > 6 else "")
        return sanitize_line(words, 80, "$text-secondary")
    kind = schema.get("type")
    word = (
        " or ".join(str(name) for name in kind[:4]) if isinstance(kind, list) else kind if isinstance(kind, str) else ""
    )
    if not word and isinstance(schema.get("$ref"), str):
        word = f"→ {schema['$ref']}"
    if not word:
        word = next((name for name in ("anyOf", "oneOf", "allOf") if name in schema), "any")
    items = schema.get("items")
    if word == "array" and isinstance(items, Mapping) and isinstance(items.get("type"), str):
        word = f"array of {items['type']}"
    if isinstance(schema.get("format"), str):
        word += f" {schema['format']}"
    if isinstance(schema.get("default"), str | int | float | bool):
        word += f" = {schema['default']}"
    return sanitize_line(word, 60, "$text-secondary")
