"""Corrects parts of a converted schema that no value can satisfy or that AI clients reject, keeping its meaning.

| a document has                              | it becomes                                                        |
|---------------------------------------------|-------------------------------------------------------------------|
| a value of `enum` twice                     | once                                                              |
| values of another type (`yes` read by YAML) | values of the type, where they can be read as such, else left out |
| `null` among them, and not among the types  | nothing in requests, another type in responses                    |
| a `default` that does not fit               | one that does, or none; the same of `examples`                    |
| a tuple of one kind                         | a list of it                                                      |
| a list without `items`, in a request        | a list of anything                                                |
| a required property that is not described   | one that may be anything                                          |
| a range that contains nothing               | no range                                                          |

What remains (tuples of several kinds, numbers in an `enum`, names of properties) is reported by the preflight, with the
clients that reject it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from drio_tui.tool_calls.schemas import IN_PLACE, Schema
from drio_tui.tool_calls.token_count import compact

_RANGES = (("minimum", "maximum"), ("minLength", "maxLength"), ("minItems", "maxItems"),
           ("minProperties", "maxProperties"))  # fmt: skip
_WHOLE = re.compile(r"[+-]?\d{1,30}")
_NUMBER = re.compile(r"[+-]?\d{1,30}(\.\d{1,30})?([eE][+-]?\d{1,2})?")


def normalise(schema: Schema, note: Callable[[str], object], *, for_response: bool) -> None:
    """Correct a converted schema in place, without its subschemas. `note` is called for changes of its meaning."""
    kinds = kinds_of(schema)
    if "enum" in schema:
        _enum(schema, kinds, note, for_response=for_response)
    if kinds and "const" in schema:
        schema["const"] = next(fitting([schema["const"]], kinds_of(schema)), schema["const"])
    if "default" in schema:
        for value in fitting([schema.pop("default")], kinds_of(schema)):
            if _is_in(value, schema.get("enum")):
                schema["default"] = value
    if "examples" in schema:
        schema["examples"] = [*fitting(schema["examples"], kinds_of(schema))]
        if not schema["examples"]:
            del schema["examples"]
    if "prefixItems" in schema:
        _tuple(schema, for_response=for_response)
    if "array" in kinds and "items" not in schema and not for_response:
        schema["items"] = {}
    _required(schema)
    for low, high in _RANGES:
        if low in schema and high in schema and schema[low] > schema[high]:
            note(f"has {low} {schema.pop(low)} above {high} {schema.pop(high)}: both are left out")


def kinds_of(schema: Schema) -> set[str]:
    """Return the types in a schema's `type`; empty without one."""
    kind = schema.get("type")
    return set() if kind is None else {kind} if isinstance(kind, str) else set(kind)


def fitting(values: Iterable[Any], kinds: set[str]) -> Iterator[Any]:
    """Yield the values of these types, and others converted to them if possible; all values if there are no types."""
    for value in values:
        if not kinds or _is_of(value, kinds):
            yield value
        elif (converted := _read_as(value, kinds)) is not None:
            yield converted


def _enum(schema: Schema, kinds: set[str], note: Callable[[str], object], *, for_response: bool) -> None:
    values = schema["enum"]
    if kinds and None in values and "null" not in kinds and len(values) > 1:
        if for_response:
            schema["type"] = [*([schema["type"]] if isinstance(schema["type"], str) else schema["type"]), "null"]
            kinds = kinds | {"null"}
        else:
            values = [value for value in values if value is not None]
    unique = [*{compact(value): value for value in fitting(values, kinds)}.values()]
    if not unique:
        del schema["enum"]
        note("has an enum of which no value is of its type, which is left out")
        return
    if kinds and not all(_is_of(value, kinds) for value in values):
        note("has values in an enum that are not of its type, which are read as if they were")
    schema["enum"] = unique


def _tuple(schema: Schema, *, for_response: bool) -> None:
    """Replace a tuple of one kind by a list; after a tuple of several kinds, allow further items of any of them."""
    positions = schema["prefixItems"]
    kinds = [*{compact(item): item for item in positions}.values()]
    rest = schema.get("items")
    if rest is False:
        schema["maxItems"] = min(len(positions), schema.get("maxItems", len(positions)))
    if len(kinds) == 1 and rest in (None, False, kinds[0]):
        if rest is None and not for_response:
            schema.setdefault("maxItems", max(len(positions), schema.get("minItems", 0)))
        if rest is not None or not for_response:
            del schema["prefixItems"]
            schema["items"] = kinds[0]
    elif rest in (None, False) and not for_response:
        schema["items"] = {"anyOf": kinds}
        schema.setdefault("maxItems", max(len(positions), schema.get("minItems", 0)))


def _required(schema: Schema) -> None:
    """Add required properties that are not described, unless other parts of the schema may describe them.

    AI clients reject a schema whose `required` names a property that is missing in `properties`.
    """
    properties = schema.get("properties")
    if properties and not any(keyword in schema for keyword in (*IN_PLACE, "$ref", "patternProperties")):
        schema["properties"] = properties | {name: {} for name in schema.get("required", ()) if name not in properties}


def _is_in(value: Any, enum: Any) -> bool:
    return not isinstance(enum, list) or compact(value) in map(compact, enum)


def _is_of(value: Any, kinds: set[str]) -> bool:
    if value is None:
        return "null" in kinds
    if isinstance(value, bool):
        return "boolean" in kinds
    if isinstance(value, int):
        return bool(kinds & {"integer", "number"})
    if isinstance(value, float):
        return "number" in kinds or ("integer" in kinds and value.is_integer())
    return ("string" if isinstance(value, str) else "array" if isinstance(value, list) else "object") in kinds


def _read_as(value: Any, kinds: set[str]) -> Any:
    """Return the value converted to one of the types, or None."""
    if isinstance(value, str):
        text = value.strip()
        if "integer" in kinds and _WHOLE.fullmatch(text):
            return int(text)
        if "number" in kinds and _NUMBER.fullmatch(text):
            return float(text)
        if "boolean" in kinds and text.lower() in ("true", "false"):
            return text.lower() == "true"
    elif isinstance(value, bool | int | float) and "string" in kinds:
        return compact(value)
    return None
