"""An example value of a JSON Schema, to test mappings and templates before there is a real result.

The schema's own examples, defaults and constants come first; the rest is generated from types, formats and names.
Every property is present, required or not, since mappings may refer to any of them, and lists have two items, unless
only what is required is wanted.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from drio_tui.schema.patterns import mismatch
from drio_tui.schema.resolve import PATTERNS, Json, Schemas, UnsupportedSchema, json_types
from drio_tui.workspace.model.snapshot import Snapshot

DEEPEST = 8
MOST = 2_000
"""The most subschemas that are visited; the value of others is null."""
ITEMS = 2

_FORMATS = {
    "date-time": "2026-03-15T12:00:00Z",
    "date": "2026-03-15",
    "time": "12:00:00Z",
    "email": "ada@example.com",
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "uuid": "3f0c7a52-9d1e-4b8e-8c55-0a1b2c3d4e5f",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "color": "#0f172a",
}
_TEXTS = ("text", "a", "A", "1", "example-1", "/example", "#0f172a", "1.0.0", "https://example.com/", "2026-03-15")
"""Tried where a pattern does not allow the name of a property."""


@dataclass(frozen=True, slots=True)
class Sample:
    """An example of a tool's call: `result` and `given` (its input), made from schemas. `about` names the operation.

    `about` is empty, and there is no result, if the tool is not bound to a known operation.
    """

    result: Json = None
    tool_input: Json = None
    about: str = ""


def sample_of(snapshot: Snapshot, tool_id: Any) -> Sample:
    """Return a sample of the operation that a tool is bound to."""
    tool = snapshot.resource("tool", tool_id) if isinstance(tool_id, str) else None
    binding = tool.get("binding") if tool is not None else None
    id = binding.get("integrationOperationId") if isinstance(binding, dict) else None
    operation = snapshot.resource("operation", id) if isinstance(id, str) else None
    if operation is None:
        return Sample()
    result, given = operation.get("outputSchema"), operation.get("inputSchema")
    if result is None:
        return Sample(tool_input=example_of(given) if given is not None else None)
    return Sample(example_of(result), example_of(given) if given is not None else None, operation.name)


def example_of(schema: Json, name: str = "", *, within: Json = None, only_required: bool = False) -> Json:
    """Return an example value of the schema; None where the schema specifies nothing or cannot be read.

    `name` is that of the property it is for, `within` the document that its references are relative to, if that is not
    the schema itself. With `only_required`, optional properties are left out, and lists are as short as they may be.
    """
    return _Examples(Schemas(schema if within is None else within), only_required).of(schema, name, 0)


class _Examples:
    def __init__(self, schemas: Schemas, only_required: bool) -> None:
        self._schemas = schemas
        self._only_required = only_required
        self._left = MOST

    def of(self, schema: Json, name: str, depth: int) -> Json:
        self._left -= 1
        if depth > DEEPEST or self._left < 0:
            return None
        try:
            flat, _ = self._schemas.flat(schema)
        except UnsupportedSchema:
            return None
        own_value = _own_value(flat)
        if own_value is not _NO_VALUE:
            return own_value
        type_names = json_types(flat) or ()
        type_name = next((candidate for candidate in type_names if candidate != "null"), "")
        is_object = type_name == "object" or (not type_name and isinstance(flat.get("properties"), Mapping))
        for union in ("oneOf", "anyOf"):
            variants = flat.get(union)
            if isinstance(variants, list):
                variant = next((candidate for candidate in variants if not _is_null(candidate)), None)
                value = None if variant is None else self.of(variant, name, depth + 1)
                return self._object(flat, depth) | value if is_object and isinstance(value, dict) else value
        if is_object:
            return self._object(flat, depth)
        if type_name == "array" or (not type_name and "items" in flat):
            return self._array(flat, name, depth)
        return _scalar(flat, type_name, name)

    def _object(self, flat: Mapping[str, Any], depth: int) -> dict[str, Json]:
        properties, needed = flat.get("properties"), flat.get("required")
        subschemas = dict(properties) if isinstance(properties, Mapping) else {}
        required = [name for name in needed if isinstance(name, str)] if isinstance(needed, list) else []
        if self._only_required:
            others = flat.get("additionalProperties")
            other = others if isinstance(others, Mapping) else {"type": "string"}
            subschemas = {name: subschemas.get(name, other) for name in required}
        return {
            str(name): self.of(subschema, str(name), depth + 1)
            for name, subschema in subschemas.items()
            if self._left >= 0
        }

    def _array(self, flat: Mapping[str, Any], name: str, depth: int) -> list[Json]:
        least, most = _count(flat, "minItems", 0), _count(flat, "maxItems", MOST)
        count = min(max(1 if self._only_required else ITEMS, min(least, MOST)), most)
        items = [self.of(flat.get("items", True), name, depth + 1) for _ in range(count)]
        return [_varied(item, index) for index, item in enumerate(items)] if flat.get("uniqueItems") is True else items


def _count(flat: Mapping[str, Any], keyword: str, otherwise: int) -> int:
    value = flat.get(keyword)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else otherwise


def _varied(item: Json, index: int) -> Json:
    """Return another text or number for each item after the first of a list in which none may be there twice."""
    if not index or isinstance(item, bool) or not isinstance(item, str | int | float):
        return item
    return f"{item}-{index + 1}" if isinstance(item, str) else item + index


class _NoValue:
    pass


_NO_VALUE: Any = _NoValue()


def _own_value(flat: Mapping[str, Any]) -> Json:
    """Return the value that the schema itself contains."""
    for keyword in ("const", "example", "default"):
        if keyword in flat and flat[keyword] is not None:
            return flat[keyword]
    for keyword in ("examples", "enum"):
        values = flat.get(keyword)
        if isinstance(values, list) and values:
            return values[0]
    return _NO_VALUE


def _scalar(flat: Mapping[str, Any], type_name: str, name: str) -> Json:
    match type_name:
        case "boolean":
            return True
        case "integer" | "number":
            return _number(flat, type_name)
        case "string":
            return _text(flat, name)
    return None


def _number(flat: Mapping[str, Any], type_name: str) -> int | float:
    """Return 1, or the number nearest to it that the bounds allow."""
    number: int | float = 1
    for keyword, step in (("minimum", 0), ("exclusiveMinimum", 1), ("maximum", 0), ("exclusiveMaximum", -1)):
        bound = flat.get(keyword)
        if isinstance(bound, int | float) and not isinstance(bound, bool) and math.isfinite(bound):
            limit = bound + step
            number = max(number, limit) if "inimum" in keyword else min(number, limit)
    factor = flat.get("multipleOf")
    if isinstance(factor, int) and not isinstance(factor, bool) and factor > 0:
        number = math.ceil(number / factor) * factor
    return math.ceil(number) if type_name == "integer" else number


def _text(flat: Mapping[str, Any], name: str) -> str:
    """Return a text of the format, or the name; another one where length or pattern do not allow it."""
    format_name = flat.get("format")
    known = _FORMATS.get(format_name) if isinstance(format_name, str) else None
    least, most = min(_count(flat, "minLength", 0), MOST), _count(flat, "maxLength", MOST)
    texts = [(text * (1 + least // len(text)) if len(text) < least else text)[:most] for text in
             ([known] if known else [name or "text", *_TEXTS])]  # fmt: skip
    needed = flat.get(PATTERNS)
    expressions = [pattern for pattern in needed if isinstance(pattern, str)] if isinstance(needed, list) else []
    return next((text for text in texts if not any(mismatch(pattern, text) for pattern in expressions)), texts[0])


def _is_null(schema: Json) -> bool:
    return isinstance(schema, Mapping) and schema.get("type") == "null"
