"""The formats a form checks: `problem(format, value)` says what is wrong, as the end of a sentence.

Unknown formats are annotations only (JSON Schema 2020-12, validation 7.2.1) and pass.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from drio_tui.contrast import is_colour
from drio_tui.widget_data import jsonpath

_EMAIL = re.compile(r"[^\s@\"(),:;<>\[\]\\]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:)(\d\d)(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
_TYPES = frozenset({"string", "number", "integer", "boolean", "object", "array", "null"})


def problem(name: str, value: Any) -> str:
    """What is wrong with `value` under a format; empty when nothing is, or when the format is not known."""
    check = _CHECKS.get(name)
    return check(value) if check else ""


def _text(check: Callable[[str], str]) -> Callable[[Any], str]:
    return lambda value: check(value) if isinstance(value, str) else ""


def _uri(text: str) -> str:
    """RFC 3986: a scheme, and for http a host; no spaces or control characters."""
    if not _SCHEME.match(text) or any(char.isspace() or not char.isprintable() or char in '<>"\\^`' for char in text):
        return "must be a URL such as https://example.com"
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "is not a URL"
    return "is a URL without a host" if parts.scheme in ("http", "https") and not host else ""


def _email(text: str) -> str:
    """A practical reading of RFC 5321: one @, a host that could be one."""
    if not _EMAIL.fullmatch(text) or ".." in text or text.startswith("."):
        return "must be an e-mail address"
    return ""


def _colour(text: str) -> str:
    return "" if is_colour(text) else "must be a colour such as #0f172a"


def _date_time(text: str) -> str:
    """RFC 3339, leap seconds included."""
    found = _TIME.fullmatch(text)
    if found:
        day, clock, second, _, zone = found.groups()
        second = "59" if second == "60" else second
        try:
            datetime.fromisoformat(f"{day}T{clock}{second}{'+00:00' if zone in 'Zz' else zone}")
        except ValueError:
            pass
        else:
            return ""
    return "must be a time such as 2026-03-15T12:00:00Z"


def json_schema(value: Any) -> str:
    """What keeps a value from being a JSON Schema (2020-12), with the place; the drawn vocabulary is looked at."""
    left: list[tuple[str, Any]] = [("", value)]
    while left:
        place, schema = left.pop()
        at = f" at {place}" if place else ""
        if isinstance(schema, bool):
            continue
        if not isinstance(schema, Mapping):
            return f"must be an object or true or false{at}"
        wrong = _keywords(schema)
        if wrong:
            return f"{wrong}{at}"
        dot = f"{place}." if place else ""
        for keyword in ("properties", "$defs", "patternProperties", "dependentSchemas"):
            inner = schema.get(keyword)
            if isinstance(inner, Mapping):
                left += [(f"{dot}{keyword}.{name}", item) for name, item in inner.items()]
            elif inner is not None:
                return f"{keyword} must be an object{at}"
        for keyword in ("allOf", "anyOf", "oneOf", "prefixItems"):
            inner = schema.get(keyword)
            if isinstance(inner, list) and inner:
                left += [(f"{dot}{keyword}.{number}", item) for number, item in enumerate(inner)]
            elif inner is not None:
                return f"{keyword} must be a list of at least one schema{at}"
        for keyword in ("items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames"):
            if keyword in schema:
                left.append((f"{dot}{keyword}", schema[keyword]))
    return ""


def _keywords(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type", "string")
    kinds = kind if isinstance(kind, list) else [kind]
    for one in kinds:
        if not isinstance(one, str) or one not in _TYPES:
            return f"type {one if isinstance(one, str) else '?'} is none of JSON's"
    if not kinds or len(set(kinds)) != len(kinds):
        return "type must name each type once"
    needed = schema.get("required", [])
    if not isinstance(needed, list) or not all(isinstance(name, str) for name in needed):
        return "required must be a list of names"
    if "enum" in schema and not isinstance(schema["enum"], list):
        return "enum must be a list"
    for keyword in ("title", "description", "$ref", "pattern", "format"):
        if keyword in schema and not isinstance(schema[keyword], str):
            return f"{keyword} must be text"
    if "pattern" in schema:
        try:
            re.compile(schema["pattern"])
        except (re.error, OverflowError, RecursionError):
            return "pattern is no regular expression" if not _ecma_only(schema["pattern"]) else ""
    for keyword in ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"):
        value = schema.get(keyword, 0)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            return f"{keyword} must be a whole number from 0"
    return ""


def _ecma_only(pattern: str) -> bool:
    """Whether a pattern uses what ECMA-262 has and Python has not."""
    return any(mark in pattern for mark in (r"\p{", r"\P{", r"\u{", "(?<", r"\c", r"[^]"))


_CHECKS: dict[str, Callable[[Any], str]] = {
    "uri": _text(_uri),
    "url": _text(_uri),
    "email": _text(_email),
    "color": _text(_colour),
    "colour": _text(_colour),
    "hex-color": _text(_colour),
    "date-time": _text(_date_time),
    "jsonpath": _text(jsonpath.problem),
    "json-path": _text(jsonpath.problem),
    "json-schema": json_schema,
}
