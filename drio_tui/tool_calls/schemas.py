"""Walking JSON Schemas: which keywords hold schemas, and how."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

Json = Any
Schema = dict[str, Any]

DEFS = "#/$defs/"
NOTES = frozenset({"title", "description", "default", "deprecated", "readOnly", "writeOnly", "examples"})
"""What only tells about a value: it may stand beside a reference and wins over what that says."""

IN_PLACE = ("allOf", "anyOf", "oneOf", "not", "if", "then", "else")
LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
ONES = (
    "additionalProperties", "not", "contains", "propertyNames", "if", "then", "else", "unevaluatedProperties",
    "unevaluatedItems",
)  # fmt: skip
MAPS = ("properties", "patternProperties", "dependentSchemas", "$defs")


def over(name: str, value: Json, do: Callable[[Json], Json]) -> Json:
    """The value of a keyword with `do` done to each schema right inside it."""
    if name in LISTS and isinstance(value, list):
        return [do(part) for part in value]
    if name in MAPS and isinstance(value, dict):
        return {key: do(part) for key, part in value.items()}
    if name in ONES or name == "items":
        return do(value)
    return value


def all_within(schema: Json, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Schema]]:
    """The schema and every one within it, each once, with the keywords and names that lead to it."""
    waiting: list[tuple[tuple[str, ...], Json]] = [(path, schema)]
    while waiting:
        where, current = waiting.pop()
        if not isinstance(current, dict):
            continue
        yield where, current
        for name, value in current.items():
            if name in LISTS and isinstance(value, list):
                waiting += [((*where, name, str(number)), part) for number, part in enumerate(value)]
            elif name in MAPS and isinstance(value, dict):
                waiting += [((*where, name, str(key)), part) for key, part in value.items()]
            elif name in ONES or name == "items":
                waiting.append(((*where, name), value))
