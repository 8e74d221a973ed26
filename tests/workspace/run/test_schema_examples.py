"""Values made up from schemas."""

from __future__ import annotations

import jsonschema
from hypothesis import given

from drio_tui.workspace.run.schema_examples import example_of
from tests.schema import strategies


def test_every_member_is_there_and_lists_hold_two() -> None:
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


def test_references_and_alternatives_are_followed_and_circles_end() -> None:
    schema = {
        "$defs": {
            "node": {"type": "object", "properties": {"name": {"type": "string"}, "next": {"$ref": "#/$defs/node"}}}
        },
        "anyOf": [{"type": "null"}, {"$ref": "#/$defs/node"}],
    }
    made = example_of(schema)
    assert made["name"] == "name"
    depth = 0
    while made:
        made, depth = made.get("next"), depth + 1
    assert 2 <= depth < 20


@given(strategies.SCHEMAS | strategies.JSON)
def test_no_schema_at_all_breaks_it(schema: object) -> None:
    example_of(schema)


def test_an_example_of_a_plain_schema_is_valid_under_it() -> None:
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
