"""The output schema that clients get is bounded, valid by itself, and fitted by every result."""

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
    """An object within an object and so on."""
    members = {f"m{n}": tree(depth - 1, width) if depth else LEAF for n in range(width)}
    return {"type": "object", "properties": members, "required": ["m0"], "additionalProperties": False}


LINKED = {
    "type": "object",
    "properties": {"first": {"$ref": "#/$defs/Node"}},
    "$defs": {"Node": {"type": "object", "properties": {f"n{n}": {"$ref": "#/$defs/Node"} for n in range(12)} | {
        "about": {"description": "x" * 9_000}}}},
}  # fmt: skip


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        (tree(0), ""),
        (tree(2), "its descriptions and examples are left out"),
        (tree(5), "what lies deeper than 3 levels is left open"),
        (tree(1, width=500), "it is left out"),
        (LINKED, "its descriptions and examples are left out"),
        (LINKED | {"$defs": LINKED["$defs"] | {"Node": tree(6)}}, "what lies deeper than 4 levels is left open"),
    ],
)
def test_a_schema_is_pruned_until_it_is_small_enough(schema: Any, told: str) -> None:
    made, lost = bounded(schema)
    assert lost == told
    if made is None:
        return
    assert size(made) <= LARGEST
    assert (made is schema) == (size(schema) <= LARGEST)
    Draft202012Validator.check_schema(made)
    assert bounded(made) == (made, "")  # what was stored so is published so


def value_of(depth: int, width: int = 4) -> dict[str, Any]:
    return {f"m{n}": value_of(depth - 1, width) if depth else "x" for n in range(width)}


@pytest.mark.parametrize("depth", [2, 5])
def test_what_fits_the_whole_schema_fits_the_pruned_one(depth: int) -> None:
    made, _ = bounded(tree(depth))
    assert made is not None
    assert Draft202012Validator(tree(depth)).is_valid(value_of(depth))
    assert Draft202012Validator(made).is_valid(value_of(depth))
    assert not Draft202012Validator(made).is_valid({"m0": 1})


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
def test_a_schema_that_would_not_mean_the_same_is_not_published(schema: Any) -> None:
    assert published(schema) is None


@given(st.sampled_from([tree(1), tree(4), LINKED, {"type": "array", "items": {"$ref": "#/$defs/a"}, "$defs": {"a": {}}},
                        {"type": "string", "pattern": "^(a+)+$"}]), JSON)  # fmt: skip
def test_every_result_fits_what_is_published(schema: Any, value: Any) -> None:
    made = published(schema)
    assert made is not None
    assert made["type"] == "object"
    assert "pattern" not in str(made)
    Draft202012Validator.check_schema(made)
    wraps = schema["type"] != "object" or not isinstance(value, dict)
    assert Draft202012Validator(made).is_valid({"result": value} if wraps else value)
