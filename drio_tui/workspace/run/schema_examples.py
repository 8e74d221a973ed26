"""An example value of a JSON Schema, to test mappings and templates before there is a real result.

The schema's own examples, defaults and constants come first; the rest is generated from types, formats and names.
Every property is present, required or not, since mappings may refer to any of them; lists have two items.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from drio_tui.schema.resolve import Json, Schemas, UnsupportedSchema, json_types
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


@dataclass(slots=True)
class _Budget:
    left: int = MOST


def example_of(schema: Json) -> Json:
    """Return an example value of the schema; None where the schema specifies nothing or cannot be read."""
    return _example(Schemas(schema), schema, "", 0, _Budget())


def _example(schemas: Schemas, schema: Json, name: str, depth: int, budget: _Budget) -> Json:
    budget.left -= 1
    if depth > DEEPEST or budget.left < 0:
        return None
    try:
        flat, _ = schemas.flat(schema)
    except UnsupportedSchema:
        return None
    own_value = _own_value(flat)
    if own_value is not _NO_VALUE:
        return own_value
    for union in ("oneOf", "anyOf"):
        variants = flat.get(union)
        if isinstance(variants, list):
            variant = next((candidate for candidate in variants if not _is_null(candidate)), None)
            return None if variant is None else _example(schemas, variant, name, depth + 1, budget)
    type_names = json_types(flat) or ()
    type_name = next((candidate for candidate in type_names if candidate != "null"), "")
    properties = flat.get("properties")
    if type_name == "object" or (not type_name and isinstance(properties, Mapping)):
        subschemas = properties if isinstance(properties, Mapping) else {}
        return {
            str(member): _example(schemas, subschema, str(member), depth + 1, budget)
            for member, subschema in subschemas.items()
            if budget.left >= 0
        }
    if type_name == "array" or (not type_name and "items" in flat):
        subschema = flat.get("items", True)
        return [_example(schemas, subschema, name, depth + 1, budget) for _ in range(ITEMS)]
    return _scalar(flat, type_name, name)


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
            minimum = flat.get("minimum")
            return minimum if isinstance(minimum, int) and not isinstance(minimum, bool) and minimum > 0 else 1
        case "string":
            format_name = flat.get("format")
            return _FORMATS.get(format_name, name or "text") if isinstance(format_name, str) else name or "text"
    return None


def _is_null(schema: Json) -> bool:
    return isinstance(schema, Mapping) and schema.get("type") == "null"
