"""Traversing JSON Schemas: the keywords that contain subschemas."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

Json = Any
Schema = dict[str, Any]

DEFS = "#/$defs/"
NOTES = frozenset({"title", "description", "default", "deprecated", "readOnly", "writeOnly", "examples"})
"""Annotations of a value: beside a reference they take precedence over those of its target."""

IN_PLACE = ("allOf", "anyOf", "oneOf", "not", "if", "then", "else")
LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
SINGLE_SCHEMA_KEYWORDS = (
    "additionalProperties", "not", "contains", "propertyNames", "if", "then", "else", "unevaluatedProperties",
    "unevaluatedItems",
)  # fmt: skip
MAPS = ("properties", "patternProperties", "dependentSchemas", "$defs")


def map_subschemas(name: str, value: Json, transform: Callable[[Json], Json]) -> Json:
    """Return the value of a keyword with `transform` applied to each direct subschema."""
    if name in LISTS and isinstance(value, list):
        return [transform(subschema) for subschema in value]
    if name in MAPS and isinstance(value, dict):
        return {key: transform(subschema) for key, subschema in value.items()}
    if name in SINGLE_SCHEMA_KEYWORDS or name == "items":
        return transform(value)
    return value


def all_within(schema: Json, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Schema]]:
    """Yield the schema and all subschemas, each once, with the keywords and names that lead to it."""
    stack: list[tuple[tuple[str, ...], Json]] = [(path, schema)]
    while stack:
        location, current = stack.pop()
        if not isinstance(current, dict):
            continue
        yield location, current
        for name, value in current.items():
            if name in LISTS and isinstance(value, list):
                stack += [((*location, name, str(number)), subschema) for number, subschema in enumerate(value)]
            elif name in MAPS and isinstance(value, dict):
                stack += [((*location, name, str(key)), subschema) for key, subschema in value.items()]
            elif name in SINGLE_SCHEMA_KEYWORDS or name == "items":
                stack.append(((*location, name), value))
