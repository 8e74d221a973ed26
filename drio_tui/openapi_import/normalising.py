"""What in a schema nobody can satisfy, or clients refuse, said so that they can, where the meaning is kept.

| a document has                              | it becomes                                                        |
|---------------------------------------------|-------------------------------------------------------------------|
| a value of `enum` twice                     | once                                                              |
| values of another type (`yes` read by YAML) | values of the type, where they can be read as such, else left out |
| `null` among them, and not among the types  | nothing in what is sent, another type in answers                  |
| a `default` that does not fit               | one that does, or none; the same of `examples`                    |
| a tuple of one kind                         | a list of it                                                      |
| a list without `items`, in what is sent     | one of anything                                                   |
| a required member that is not described     | one that may be anything                                          |
| a range that nothing is in                  | none                                                              |

What is left (tuples of several kinds, numbers in an `enum`, names of members) a preflight names with who refuses it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from drio_tui.tool_calls.schemas import IN_PLACE
from drio_tui.tool_calls.token_count import compact

Schema = dict[str, Any]

_RANGES = (("minimum", "maximum"), ("minLength", "maxLength"), ("minItems", "maxItems"),
           ("minProperties", "maxProperties"))  # fmt: skip
_WHOLE = re.compile(r"[+-]?\d{1,30}")
_NUMBER = re.compile(r"[+-]?\d{1,30}(\.\d{1,30})?([eE][+-]?\d{1,2})?")


def normalise(schema: Schema, note: Callable[[str], object], *, answers: bool) -> None:
    """Change a converted schema, not what is within it. `note` gets what may mean something else afterwards."""
    kinds = kinds_of(schema)
    if "enum" in schema:
        _enum(schema, kinds, note, answers=answers)
    if kinds and "const" in schema:
        schema["const"] = next(fitting([schema["const"]], kinds_of(schema)), schema["const"])
    if "default" in schema:
        for one in fitting([schema.pop("default")], kinds_of(schema)):
            if _is_in(one, schema.get("enum")):
                schema["default"] = one
    if "examples" in schema:
        schema["examples"] = [*fitting(schema["examples"], kinds_of(schema))]
        if not schema["examples"]:
            del schema["examples"]
    if "prefixItems" in schema:
        _tuple(schema, answers=answers)
    if "array" in kinds and "items" not in schema and not answers:
        schema["items"] = {}
    _required(schema)
    for low, high in _RANGES:
        if low in schema and high in schema and schema[low] > schema[high]:
            note(f"has {low} {schema.pop(low)} above {high} {schema.pop(high)}: both are left out")


def kinds_of(schema: Schema) -> set[str]:
    """The types that a schema names; none where it names none."""
    kind = schema.get("type")
    return set() if kind is None else {kind} if isinstance(kind, str) else set(kind)


def fitting(values: Iterable[Any], kinds: set[str]) -> Iterator[Any]:
    """The values that are of the types, or can be read as if they were; all where there are no types."""
    for value in values:
        if not kinds or _is_of(value, kinds):
            yield value
        elif (made := _read_as(value, kinds)) is not None:
            yield made


def _enum(schema: Schema, kinds: set[str], note: Callable[[str], object], *, answers: bool) -> None:
    given = schema["enum"]
    if kinds and None in given and "null" not in kinds and len(given) > 1:
        if answers:
            schema["type"] = [*([schema["type"]] if isinstance(schema["type"], str) else schema["type"]), "null"]
            kinds = kinds | {"null"}
        else:
            given = [one for one in given if one is not None]
    made = [*{compact(one): one for one in fitting(given, kinds)}.values()]
    if not made:
        del schema["enum"]
        note("has an enum of which no value is of its type, which is left out")
        return
    if kinds and not all(_is_of(one, kinds) for one in given):
        note("has values in an enum that are not of its type, which are read as if they were")
    schema["enum"] = made


def _tuple(schema: Schema, *, answers: bool) -> None:
    """One of a single kind as a list of it; of several kinds, what may follow is any of them."""
    positions = schema["prefixItems"]
    kinds = [*{compact(one): one for one in positions}.values()]
    rest = schema.get("items")
    if rest is False:
        schema["maxItems"] = min(len(positions), schema.get("maxItems", len(positions)))
    if len(kinds) == 1 and rest in (None, False, kinds[0]):
        if rest is None and not answers:
            schema.setdefault("maxItems", max(len(positions), schema.get("minItems", 0)))
        if rest is not None or not answers:
            del schema["prefixItems"]
            schema["items"] = kinds[0]
    elif rest in (None, False) and not answers:
        schema["items"] = {"anyOf": kinds}
        schema.setdefault("maxItems", max(len(positions), schema.get("minItems", 0)))


def _required(schema: Schema) -> None:
    """Clients refuse what requires a member that it does not have; other parts of it may have it."""
    properties = schema.get("properties")
    if properties and not any(word in schema for word in (*IN_PLACE, "$ref", "patternProperties")):
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
    """The value as one of the types; None where it cannot be."""
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
