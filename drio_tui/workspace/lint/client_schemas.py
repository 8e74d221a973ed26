"""Which valid JSON Schemas the APIs of model vendors refuse as an input schema, and why."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from drio_tui.tool_calls.schemas import all_within
from drio_tui.tool_calls.token_count import compact

_PROPERTY_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Part of a schema that a client refuses. `path` is the first of `count` places."""

    sentence: str
    path: str
    count: int = 1


def refusals(schema: dict[str, Any]) -> list[Refusal]:
    """Return one refusal per reason, with the number of places. The names of arguments are not checked."""
    by_reason: dict[str, Refusal] = {}
    for location, subschema in sorted(all_within(schema), key=lambda item: item[0]):
        path = ".".join(location)
        for reason in _reasons(subschema, nested=bool(location)):
            earlier = by_reason.get(reason)
            by_reason[reason] = Refusal("", earlier.path, earlier.count + 1) if earlier else Refusal("", path)
    return [
        Refusal(f"{reason}{f' ({refusal.count} places)' if refusal.count > 1 else ''}.", refusal.path, refusal.count)
        for reason, refusal in by_reason.items()
    ]


def _reasons(schema: dict[str, Any], *, nested: bool) -> Iterator[str]:
    type_value = schema.get("type")
    type_names = (
        {type_value} if isinstance(type_value, str) else set(type_value) if isinstance(type_value, list) else set()
    )
    if "array" in type_names and "items" not in schema:
        yield "OpenAI's and Gemini's APIs refuse a list without items, and all other tools with it"
    if isinstance(schema.get("items"), list):
        yield "Gemini's and xAI's APIs refuse items that are a list of schemas"
    if "prefixItems" in schema:
        yield "Gemini's API knows no prefixItems: a list of several kinds by position"
    enum = schema.get("enum")
    if isinstance(enum, list):
        if not all(isinstance(value, str) for value in enum):
            yield "Gemini's API takes an enum of texts only"
        if len({compact(value) for value in enum}) < len(enum):
            yield "OpenAI's API refuses an enum that has a value twice"
        if "default" in schema and compact(schema["default"]) not in map(compact, enum):
            yield "Nobody can send its default, which is none of its enum"
    properties, required = schema.get("properties"), schema.get("required")
    if isinstance(properties, dict):
        if nested and any(not _PROPERTY_NAME.fullmatch(str(name)) for name in properties):
            yield "Claude's API takes property names of up to 64 letters, digits, _ . and - only"
        if isinstance(required, list) and any(isinstance(name, str) and name not in properties for name in required):
            yield "Gemini's API refuses a required property that is not described"
