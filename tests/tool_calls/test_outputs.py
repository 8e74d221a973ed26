"""The output schema that clients get is bounded and self-contained, and every result is valid under it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from drio_tui.tool_calls.outputs import LARGEST, bounded, published
from drio_tui.tool_calls.token_count import size
from tests.schema.strategies import JSON

LEAF = {"type": "string", "description": "word " * 20, "examples": ["x"]}


def tree(depth: int, width: int = 4) -> dict[str, Any]:
    """Return the schema of an object in an object, and so on."""
    properties = {f"m{n}": tree(depth - 1, width) if depth else LEAF for n in range(width)}
    return {"type": "object", "properties": properties, "required": ["m0"], "additionalProperties": False}


LINKED = {
    "type": "object",
    "properties": {"first": {"$ref": "#/$defs/Node"}},
    "$defs": {"Node": {"type": "object", "properties": {f"n{n}": {"$ref": "#/$defs/Node"} for n in range(12)} | {
        "about": {"description": "x" * 9_000}}}},
}  # fmt: skip


@pytest.mark.parametrize(
    ("schema", "lost_text"),
    [
        (tree(0), ""),
        (tree(2), "its descriptions and examples are left out"),
        (tree(5), "what lies deeper than 3 levels is left open"),
        (tree(1, width=500), "it is left out"),
        (LINKED, "its descriptions and examples are left out"),
        (LINKED | {"$defs": LINKED["$defs"] | {"Node": tree(6)}}, "what lies deeper than 4 levels is left open"),
    ],
)
def test_a_schema_is_truncated_until_it_is_small_enough(schema: Any, lost_text: str) -> None:
    truncated, lost = bounded(schema)
    assert lost == lost_text
    if truncated is None:
        return
    assert size(truncated) <= LARGEST
    assert (truncated is schema) == (size(schema) <= LARGEST)
    Draft202012Validator.check_schema(truncated)
    assert bounded(truncated) == (truncated, "")  # a truncated schema is not truncated again


def value_of(depth: int, width: int = 4) -> dict[str, Any]:
    return {f"m{n}": value_of(depth - 1, width) if depth else "x" for n in range(width)}


@pytest.mark.parametrize("depth", [2, 5])
def test_values_of_the_full_schema_are_valid_under_the_truncated_one(depth: int) -> None:
    truncated, _ = bounded(tree(depth))
    assert truncated is not None
    assert Draft202012Validator(tree(depth)).is_valid(value_of(depth))
    assert Draft202012Validator(truncated).is_valid(value_of(depth))
    assert not Draft202012Validator(truncated).is_valid({"m0": 1})


@pytest.mark.parametrize(
    "schema",
    [
        None, {}, {"description": "anything"}, {"anyOf": [{"type": "object"}]}, {"type": ["object", "null"]},
        {"type": "object", "properties": {"a": {"$ref": "#/properties/b"}}},
        {"type": "object", "properties": {"a": {"$ref": "#/$defs/gone"}}},
        {"type": "object", "$id": "https://a.example/s", "properties": {"a": {"$ref": "#/$defs/x"}}},
        {"type": "object", "properties": {"a": {"$dynamicRef": "#x"}}},
    ],
)  # fmt: skip
def test_schemas_that_would_change_their_meaning_are_not_published(schema: Any) -> None:
    assert published(schema) is None


@given(st.sampled_from([tree(1), tree(4), LINKED, {"type": "array", "items": {"$ref": "#/$defs/a"}, "$defs": {"a": {}}},
                        {"type": "string", "pattern": "^(a+)+$"}]), JSON)  # fmt: skip
def test_every_result_is_valid_under_the_published_schema(schema: Any, value: Any) -> None:
    published_schema = published(schema)
    assert published_schema is not None
    assert published_schema["type"] == "object"
    assert "pattern" not in str(published_schema)
    Draft202012Validator.check_schema(published_schema)
    is_wrapped = schema["type"] != "object" or not isinstance(value, dict)
    assert Draft202012Validator(published_schema).is_valid({"result": value} if is_wrapped else value)
