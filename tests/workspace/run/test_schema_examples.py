"""Example values of schemas."""

from __future__ import annotations

import jsonschema
from hypothesis import given

from drio_tui.workspace.run.schema_examples import example_of
from tests.schema import strategies


def test_every_property_is_present_and_lists_have_two_items() -> None:
    schema = {
        "type": "object",
        "properties": {
            "results": {"type": "array", "items": {"properties": {"email": {"type": "string", "format": "email"}}}},
            "total": {"type": "integer", "minimum": 3},
            "plan": {"enum": ["free", "team"]},
            "id": {"type": "string", "examples": ["con_1001"]},
        },
    }
    assert example_of(schema) == {
        "results": [{"email": "ada@example.com"}, {"email": "ada@example.com"}],
        "total": 3,
        "plan": "free",
        "id": "con_1001",
    }


def test_references_and_unions_are_followed_and_cycles_end() -> None:
    schema = {
        "$defs": {
            "node": {"type": "object", "properties": {"name": {"type": "string"}, "next": {"$ref": "#/$defs/node"}}}
        },
        "anyOf": [{"type": "null"}, {"$ref": "#/$defs/node"}],
    }
    example = example_of(schema)
    assert example["name"] == "name"
    depth = 0
    while example:
        example, depth = example.get("next"), depth + 1
    assert 2 <= depth < 20


@given(strategies.SCHEMAS | strategies.JSON)
def test_any_schema_has_an_example(schema: object) -> None:
    example_of(schema)


def test_examples_of_plain_schemas_are_valid() -> None:
    schema = {
        "type": "object",
        "properties": {
            "ok": {"type": "boolean"},
            "at": {"type": "string"},
            "tags": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["ok", "at", "tags"],
    }
    jsonschema.validate(example_of(schema), schema)


def test_an_example_of_what_is_required_is_valid_and_has_nothing_else() -> None:
    schema = {
        "$defs": {"node": {"type": "object", "required": ["id"], "properties": {
            "id": {"type": "string", "minLength": 6, "maxLength": 8}, "next": {"$ref": "#/$defs/node"}}}},
        "allOf": [
            {"type": "object", "required": ["node"], "properties": {"node": {"$ref": "#/$defs/node"}}},
            {"required": ["count", "ids", "path", "share", "unlisted"], "properties": {
                "count": {"type": "integer", "exclusiveMinimum": 4, "multipleOf": 3},
                "ids": {"type": "array", "minItems": 3, "uniqueItems": True, "items": {"type": "string"}},
                "path": {"type": "string", "pattern": "^/"}, "share": {"type": "number", "maximum": 0.5},
                "optional": {"type": "string"}}},
        ],
        "oneOf": [{"required": ["a"], "properties": {"a": {"type": "boolean"}}}, {"required": ["b"]}],
    }  # fmt: skip
    example = example_of(schema, only_required=True)
    jsonschema.validate(example, schema)
    assert set(example) == {"node", "count", "ids", "path", "share", "unlisted", "a"}
    assert set(example["node"]) == {"id"}
