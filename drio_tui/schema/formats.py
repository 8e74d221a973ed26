"""Validation of `format`: `problem(format, value)` returns an error, which completes a sentence as those of `check` do.

Unknown formats are annotations only (JSON Schema 2020-12, validation 7.2.1) and are not checked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from drio_tui.contrast import is_colour

_EMAIL = re.compile(r"[^\s@\"(),:;<>\[\]\\]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:)(\d\d)(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
_TYPES = frozenset({"string", "number", "integer", "boolean", "object", "array", "null"})


def format_error(name: str, value: Any) -> str:
    """Return the error of `value` under a format; empty if it is valid, or if the format is not known."""
    check = _CHECKS.get(name)
    return check(value) if check else ""


def _string_check(check: Callable[[str], str]) -> Callable[[Any], str]:
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
    """A simplification of RFC 5321: one @, and a host of the right form."""
    if not _EMAIL.fullmatch(text) or ".." in text or text.startswith("."):
        return "must be an e-mail address"
    return ""


def _json_path(text: str) -> str:
    from drio_tui.widget_data import jsonpath  # few schemas have the format

    return jsonpath.problem(text)


def _colour(text: str) -> str:
    return "" if is_colour(text) else "must be a colour such as #0f172a"


def _date_time(text: str) -> str:
    """RFC 3339, leap seconds included."""
    match = _TIME.fullmatch(text)
    if match:
        day, clock, second, _, zone = match.groups()
        second = "59" if second == "60" else second
        try:
            datetime.fromisoformat(f"{day}T{clock}{second}{'+00:00' if zone in 'Zz' else zone}")
        except ValueError:
            pass
        else:
            return ""
    return "must be a time such as 2026-03-15T12:00:00Z"


def json_schema(value: Any) -> str:
    """Return the first error of a value as a JSON Schema (2020-12), with its path: what follows the value's name.

    Checks the common keywords.
    """
    pending: list[tuple[str, Any]] = [("", value)]
    while pending:
        path, schema = pending.pop()
        at_path = f" at {path}" if path else ""
        if isinstance(schema, bool):
            continue
        if not isinstance(schema, Mapping):
            return f"must be an object or true or false{at_path}"
        error = _keyword_error(schema)
        if error:
            return f"{error}{at_path}"
        prefix = f"{path}." if path else ""
        for keyword in ("properties", "$defs", "patternProperties", "dependentSchemas"):
            subschemas = schema.get(keyword)
            if isinstance(subschemas, Mapping):
                pending += [(f"{prefix}{keyword}.{name}", subschema) for name, subschema in subschemas.items()]
            elif subschemas is not None:
                return f"needs an object as {keyword}{at_path}"
        for keyword in ("allOf", "anyOf", "oneOf", "prefixItems"):
            subschemas = schema.get(keyword)
            if isinstance(subschemas, list) and subschemas:
                pending += [(f"{prefix}{keyword}.{number}", subschema) for number, subschema in enumerate(subschemas)]
            elif subschemas is not None:
                return f"needs a list of at least one schema as {keyword}{at_path}"
        for keyword in ("items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames"):
            if keyword in schema:
                pending.append((f"{prefix}{keyword}", schema[keyword]))
    return ""


def _keyword_error(schema: Mapping[str, Any]) -> str:
    """Return the first error of a schema's keywords, without those of its subschemas."""
    type_value = schema.get("type", "string")
    type_names = type_value if isinstance(type_value, list) else [type_value]
    for name in type_names:
        if not isinstance(name, str) or name not in _TYPES:
            return f"needs a JSON type instead of {name if isinstance(name, str) else '?'}"
    if not type_names or len(set(type_names)) != len(type_names):
        return "must name each type once"
    required = schema.get("required", [])
    if not isinstance(required, list) or not all(isinstance(name, str) for name in required):
        return "needs a list of names as required"
    if "enum" in schema and not isinstance(schema["enum"], list):
        return "needs a list as enum"
    for keyword in ("title", "description", "$ref", "pattern", "format"):
        if keyword in schema and not isinstance(schema[keyword], str):
            return f"needs text as {keyword}"
    if "pattern" in schema:
        try:
            re.compile(schema["pattern"])
        except (re.error, OverflowError, RecursionError):
            return "has a pattern that is no regular expression" if not _ecma_only(schema["pattern"]) else ""
    for keyword in ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"):
        value = schema.get(keyword, 0)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            return f"needs a whole number from 0 as {keyword}"
    return ""


def _ecma_only(pattern: str) -> bool:
    """Return whether a pattern uses syntax that ECMA-262 has and Python has not."""
    return any(mark in pattern for mark in (r"\p{", r"\P{", r"\u{", "(?<", r"\c", r"[^]"))


_CHECKS: dict[str, Callable[[Any], str]] = {
    "uri": _string_check(_uri),
    "url": _string_check(_uri),
    "email": _string_check(_email),
    "color": _string_check(_colour),
    "colour": _string_check(_colour),
    "hex-color": _string_check(_colour),
    "date-time": _string_check(_date_time),
    "jsonpath": _string_check(_json_path),
    "json-path": _string_check(_json_path),
    "json-schema": json_schema,
}
