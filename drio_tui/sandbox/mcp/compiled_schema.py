"""A fast check for the schemas that most tools have: plain types, properties, items, lengths and ranges.

A value that passes a compiled check is valid. If it does not pass, or the schema has other keywords, the full
validator decides, which takes a third of a millisecond for a page of results, on every call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Check = Callable[[Any], bool]
"""Whether a value is surely valid."""

_IGNORED = frozenset({
    "$schema", "$id", "$comment", "title", "description", "default", "examples", "format", "readOnly", "writeOnly",
    "deprecated", "contentMediaType", "contentEncoding",
})  # fmt: skip
_TYPE_CHECKS: dict[str, Check] = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "null": lambda value: value is None,
}
_SUPPORTED = frozenset({
    "type", "properties", "required", "additionalProperties", "items", "enum", "minLength", "maxLength", "minimum",
    "maximum",
})  # fmt: skip


def compile_schema(schema: Any, depth: int = 0) -> Check | None:
    """Return the check for a schema; None for a schema with unsupported keywords."""
    if schema is True or schema == {}:
        return lambda _value: True
    if not isinstance(schema, dict) or depth > 16:
        return None
    keywords = schema.keys() - _IGNORED
    if not keywords:
        return lambda _value: True
    kind = schema.get("type")
    if keywords - _SUPPORTED or not isinstance(kind, str) or kind not in _TYPE_CHECKS:
        return None
    parts: list[Check | None] = [_TYPE_CHECKS[kind]]
    if kind == "object":
        parts.append(_object_check(schema, depth))
    elif kind == "array" and "items" in schema:
        parts.append(_array_check(schema["items"], depth))
    elif kind == "string":
        parts.append(_range_check(schema.get("minLength"), schema.get("maxLength"), len))
    elif kind in ("integer", "number"):
        parts.append(_range_check(schema.get("minimum"), schema.get("maximum"), lambda value: value))
    if "enum" in schema:
        parts.append(_enum_check(schema["enum"]))
    checks = [part for part in parts if part is not None]
    if len(checks) < len(parts):
        return None
    return lambda value: all(check(value) for check in checks)


def _object_check(schema: dict[str, Any], depth: int) -> Check | None:
    properties, required = schema.get("properties", {}), schema.get("required", [])
    additional = schema.get("additionalProperties", True)
    if not isinstance(properties, dict) or not isinstance(required, list) or additional not in (True, False):
        return None
    checks: dict[str, Check] = {}
    for name, subschema in properties.items():
        check = compile_schema(subschema, depth + 1)
        if check is None:
            return None
        checks[name] = check
    check_additional = (lambda _value: True) if additional else (lambda _value: False)

    def check_object(value: Any) -> bool:
        return all(name in value for name in required) and all(
            checks.get(name, check_additional)(item) for name, item in value.items()
        )

    return check_object


def _array_check(items: Any, depth: int) -> Check | None:
    check = compile_schema(items, depth + 1)
    if check is None:
        return None
    return lambda value: all(map(check, value))


def _range_check(low: Any, high: Any, measure: Callable[[Any], Any]) -> Check | None:
    if any(isinstance(bound, bool) or not isinstance(bound, int | float | None) for bound in (low, high)):
        return None
    return lambda value: (low is None or measure(value) >= low) and (high is None or measure(value) <= high)


def _enum_check(choices: Any) -> Check | None:
    if not isinstance(choices, list) or not all(isinstance(choice, str) for choice in choices):
        return None
    return lambda value: value in choices
