"""Validation against untrusted schemas, which must not keep the sandbox busy."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from drio_tui.sandbox.mcp.arguments import SchemaValidator, ValidationAborted, is_schema


def test_errors_contain_the_path() -> None:
    schema = {
        "type": "object",
        "properties": {
            "who": {"type": "object", "properties": {"age": {"type": ["integer", "null"]}}, "required": ["name"]},
            "tags": {"type": "array", "items": {"enum": ["a", "b"]}},
            "code": {"type": "string", "pattern": "^[a-z]+$"},
        },
        "patternProperties": {"^x-": {"type": "boolean"}},
        "additionalProperties": False,
    }
    assert SchemaValidator(schema).errors(
        {"who": {"age": "1"}, "tags": ["a", "c"], "code": "a\n", "x-y": 1, "z": 0}
    ) == [
        "who.age: must be integer or null",
        "who.name: is required",
        "tags.1: must be one of 'a', 'b'",
        "code: does not match ^[a-z]+$",
        "x-y: must be boolean",
        "has 'z', which is not expected",
    ]
    assert (
        SchemaValidator(schema).errors({"who": {"name": "n", "age": None}, "tags": [], "code": "a", "x-y": True}) == []
    )


def test_local_references_are_resolved() -> None:
    schema = {"$defs": {"node": {"properties": {"next": {"$ref": "#/$defs/node"}, "v": {"type": "integer"}}}},
              "$ref": "#/$defs/node"}  # fmt: skip
    assert SchemaValidator(schema).errors({"next": {"next": {"v": "x"}}}) == ["next.next.v: must be integer"]


@pytest.mark.parametrize(
    ("pattern", "value", "valid"),
    [
        ("(?:a{1000}){1000}", "b", True),  # a gigabyte when compiled
        (r"^\p{L}+$", "é", True),
        (r"^\p{L}+$", "1", False),
        (r"^(?<year>\d{4})$", "20", False),
    ],
)
def test_pattern_too_large_for_memory_is_skipped(pattern: str, value: str, valid: bool) -> None:
    assert (SchemaValidator({"pattern": pattern}).errors(value) == []) is valid


BOMB = r"(.*a){12}[b-d]q"


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"pattern": BOMB}, "a" * 400),
        ({"patternProperties": {BOMB: {}}}, {"a" * 400: 1}),
        ({"patternProperties": {BOMB: {}}, "additionalProperties": False}, {"a" * 400: 1}),
        ({"$defs": {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(40)} | {"d40": True},
          "$ref": "#/$defs/d0"}, {}),
        ({"$ref": "#"}, {}),
        ({"$ref": "http://127.0.0.1:9/schema.json"}, {}),
        ({"$ref": "file:///etc/passwd"}, {}),
        ({"$ref": "#/$defs/nothing"}, {}),
    ],
)  # fmt: skip
def test_expensive_or_external_schemas_abort_the_validation(schema: dict[str, Any], value: Any) -> None:
    with pytest.raises(ValidationAborted):
        SchemaValidator(schema).errors(value)


def test_pattern_valid_only_in_ecmascript_is_ignored() -> None:
    assert SchemaValidator({"pattern": r"^\cA(?<name>x"}).errors("y") == []


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "object"}, True),
        ({"$ref": "#/$defs/a", "$defs": {"a": {}}}, True),
        ({"type": "nonsense"}, False),
        ({"properties": 5}, False),
        ({"properties": {"a": {"$ref": "https://example.com/x"}}}, False),
        (None, False),
        (True, False),
    ],
)
def test_is_schema_accepts_only_self_contained_schemas(schema: Any, expected: bool) -> None:
    assert is_schema(schema) is expected


SMALL = st.integers(0, 3)
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.floats(-3, 3), st.sampled_from(["", "a", "ab", "abcd"])
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
)
KEYWORDS = {
    "type": st.sampled_from(["string", "integer", "number", "boolean", "object", "array", "null"]),
    "required": st.lists(st.sampled_from("abc"), max_size=2, unique=True),
    "additionalProperties": st.booleans(),
    "enum": st.lists(st.sampled_from(["", "a", 1, True]), min_size=1, max_size=3),
    "minLength": SMALL,
    "maxLength": SMALL,
    "minimum": SMALL,
    "maximum": SMALL,
    "pattern": st.just("^a"),
    "not": st.just({}),
    "title": st.just("T"),
}
SCHEMAS = st.recursive(
    st.booleans() | st.fixed_dictionaries({}, optional=KEYWORDS),
    lambda inner: st.fixed_dictionaries(
        {"type": st.sampled_from(["object", "array"])},
        optional={name: values for name, values in KEYWORDS.items() if name != "type"}
        | {"items": inner, "properties": st.dictionaries(st.sampled_from("abc"), inner, max_size=3)},
    ),
)


@given(SCHEMAS, VALUES)
def test_validator_agrees_with_the_json_schema_library(schema: Any, value: Any) -> None:
    errors = SchemaValidator({"allOf": [schema]}).errors(value)
    assert (errors == []) is Draft202012Validator(schema).is_valid(value)
