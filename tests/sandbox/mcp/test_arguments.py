"""Schemas that other people wrote are checked against, but do not get to keep the sandbox busy."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from drio_tui.sandbox.mcp import compiled_schema
from drio_tui.sandbox.mcp.arguments import Checker, Undecided, is_schema


def test_problems_are_told_by_path() -> None:
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
    assert Checker(schema).problems({"who": {"age": "1"}, "tags": ["a", "c"], "code": "a\n", "x-y": 1, "z": 0}) == [
        "who.age: must be integer or null",
        "who.name: is required",
        "tags.1: must be one of 'a', 'b'",
        "code: does not match ^[a-z]+$",
        "x-y: must be boolean",
        "has 'z', which is not expected",
    ]
    assert Checker(schema).problems({"who": {"name": "n", "age": None}, "tags": [], "code": "a", "x-y": True}) == []


def test_definitions_in_the_schema_are_followed() -> None:
    schema = {"$defs": {"node": {"properties": {"next": {"$ref": "#/$defs/node"}, "v": {"type": "integer"}}}},
              "$ref": "#/$defs/node"}  # fmt: skip
    assert Checker(schema).problems({"next": {"next": {"v": "x"}}}) == ["next.next.v: must be integer"]


@pytest.mark.parametrize(
    ("pattern", "value", "fits"),
    [
        ("(?:a{1000}){1000}", "b", True),  # a gigabyte, written out
        (r"^\p{L}+$", "é", True),
        (r"^\p{L}+$", "1", False),
        (r"^(?<year>\d{4})$", "20", False),
    ],
)
def test_a_pattern_is_tried_if_it_can_be_held_in_memory(pattern: str, value: str, fits: bool) -> None:
    assert (Checker({"pattern": pattern}).problems(value) == []) is fits


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
def test_a_schema_that_asks_for_too_much_is_given_up_on(schema: dict[str, Any], value: Any) -> None:
    with pytest.raises(Undecided):
        Checker(schema).problems(value)


def test_a_pattern_that_only_ecma_knows_is_left_to_the_upstream() -> None:
    assert Checker({"pattern": r"^\cA(?<name>x"}).problems("y") == []


@pytest.mark.parametrize(
    ("schema", "good"),
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
def test_only_whole_schemas_count_as_such(schema: Any, good: bool) -> None:
    assert is_schema(schema) is good


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
        optional={name: member for name, member in KEYWORDS.items() if name != "type"}
        | {"items": inner, "properties": st.dictionaries(st.sampled_from("abc"), inner, max_size=3)},
    ),
)


@given(SCHEMAS, VALUES)
def test_the_quick_yes_is_never_wrong(schema: Any, value: Any) -> None:
    fits = compiled_schema.compiled(schema)
    if fits is not None and fits(value):
        assert Draft202012Validator(schema).is_valid(value)


def test_the_quick_yes_is_said_for_what_tools_usually_have() -> None:
    schema = {"type": "object", "properties": {"q": {"type": "string", "maxLength": 5}, "n": {"type": "integer"}},
              "required": ["q"], "additionalProperties": False}  # fmt: skip
    fits = compiled_schema.compiled(schema)
    assert fits is not None
    assert fits({"q": "abc", "n": 1})
    assert not fits({"q": "abcdef"})
    assert not fits({"n": 1})
    assert not fits({"q": "a", "z": 1})
