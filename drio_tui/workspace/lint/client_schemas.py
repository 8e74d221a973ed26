"""Which valid JSON Schemas the APIs of model vendors refuse or change as an input schema, and why."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from drio_tui.tool_calls.schemas import all_within
from drio_tui.tool_calls.token_count import compact

_PROPERTY_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_UNIONS = ("oneOf", "anyOf", "allOf")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Part of a schema that a client refuses or changes; `code` is that of the rule (`clients.CLIENT_RULES`).

    `path` is the first of `count` places.
    """

    code: str
    sentence: str
    path: str
    count: int = 1


def refusals(schema: dict[str, Any]) -> list[Refusal]:
    """Return one refusal per reason, with the number of places; one per argument with a name that is refused."""
    by_reason: dict[tuple[str, str], Refusal] = {}
    for location, subschema in sorted(all_within(schema), key=lambda item: item[0]):
        path = ".".join(location)
        for reason in _reasons(subschema, nested=bool(location)):
            earlier = by_reason.get(reason)
            by_reason[reason] = Refusal(*reason, earlier.path if earlier else path, earlier.count + 1 if earlier else 1)
    return [
        *_at_the_top(schema),
        *(
            Refusal(
                refusal.code,
                f"{refusal.sentence}{f' ({refusal.count} places)' if refusal.count > 1 else ''}.",
                refusal.path,
                refusal.count,
            )
            for refusal in by_reason.values()
        ),
    ]


def _at_the_top(schema: dict[str, Any]) -> Iterator[Refusal]:
    keyword = next((word for word in _UNIONS if word in schema), "")
    if keyword:
        text = f"Its input schema has {keyword} at the top: OpenAI's and Claude's APIs refuse all tools then."
        yield Refusal("schema_union", text, "")
    properties = schema.get("properties")
    for name in properties if isinstance(properties, dict) else ():
        if not _PROPERTY_NAME.fullmatch(name):
            text = f"Claude's API refuses the argument name {name}: letters, digits, _ . - and at most 64 of them."
            yield Refusal("argument_name", text, f"properties.{name}")


def _reasons(schema: dict[str, Any], *, nested: bool) -> Iterator[tuple[str, str]]:
    """Yield the codes of the rules that a schema breaks, and a sentence without its end for each."""
    type_value = schema.get("type")
    type_names = {
        name for name in (type_value if isinstance(type_value, list) else [type_value]) if isinstance(name, str)
    }
    if "array" in type_names and "items" not in schema:
        yield "schema_array", "OpenAI's and Gemini's APIs refuse a list without items, and all other tools with it"
    if len(type_names) > 1:
        yield "schema_type_list", "Cursor and Gemini's API were seen to refuse a property with several types"
    if isinstance(schema.get("items"), list):
        yield "schema_items", "Claude's, Gemini's and xAI's APIs refuse items that are a list of schemas"
    if "prefixItems" in schema:
        yield "schema_prefix_items", "Gemini's API knows no prefixItems: a list of several kinds by position"
    if "$ref" in schema:
        yield "schema_reference", "Local connectors of Claude Desktop were seen to drop $ref, and the type with it"
    enum = schema.get("enum")
    if isinstance(enum, list):
        if not all(isinstance(value, str) for value in enum):
            yield "schema_enum", "Gemini's API takes an enum of texts only"
        if len({compact(value) for value in enum}) < len(enum):
            yield "schema_enum_twice", "OpenAI's API refuses an enum that has a value twice"
        if "default" in schema and compact(schema["default"]) not in map(compact, enum):
            yield "schema_default", "Nobody can send its default, which is none of its enum"
    properties, required = schema.get("properties"), schema.get("required")
    if isinstance(properties, dict):
        if nested and any(not _PROPERTY_NAME.fullmatch(str(name)) for name in properties):
            yield "argument_name", "Claude's API takes property names of up to 64 letters, digits, _ . and - only"
        if isinstance(required, list) and any(isinstance(name, str) and name not in properties for name in required):
            yield "schema_required", "Gemini's API refuses a required property that is not described"
