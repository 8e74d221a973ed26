"""Schemas of a document become JSON Schemas of 2020-12 that stand on their own and stay finite."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from drio_tui.openapi_import.references import References
from drio_tui.openapi_import.schemas import Converter, Definitions
from drio_tui.tool_calls.token_count import compact


def converted(schema: Any, *, old: bool = False, answers: bool = False, budget: int = 4_000, **defined: Any) -> Any:
    """The schema converted and finished, with the document's `components.schemas`; it is held to be valid."""
    references = References({"components": {"schemas": defined}})
    converter = Converter(Definitions(references, old=old, answers=answers), budget=budget)
    made = converter.convert(schema)
    if isinstance(made, dict):
        made = converter.finished(made)
        Draft202012Validator.check_schema(made)
    return made


def fits(schema: Any, value: Any) -> bool:
    return bool(Draft202012Validator(schema).is_valid(value))


def ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"type": "string", "nullable": True}, {"type": ["string", "null"]}),
        ({"type": "string", "nullable": True, "enum": ["a"]}, {"type": ["string", "null"], "enum": ["a", None]}),
        ({"nullable": True, "enum": ["a"], "title": "T"}, {"title": "T", "anyOf": [{"enum": ["a"]}, {"type": "null"}]}),
        ({"type": "integer", "minimum": 1, "exclusiveMinimum": True}, {"type": "integer", "exclusiveMinimum": 1}),
        ({"type": "integer", "maximum": 9, "exclusiveMaximum": True}, {"type": "integer", "exclusiveMaximum": 9}),
        ({"type": "integer", "minimum": 1, "exclusiveMinimum": False}, {"type": "integer", "minimum": 1}),
        ({"type": "string", "example": "x"}, {"type": "string", "examples": ["x"]}),
    ],
)
def test_what_openapi_3_0_says_in_its_own_words_is_said_in_json_schemas(old: Any, new: Any) -> None:
    assert converted(old, old=True) == new


def test_a_reference_that_may_be_null_in_3_0_may_be_null() -> None:
    made = converted(
        {"type": "object", "properties": {"a": {"nullable": True, "allOf": [ref("A")]}}},
        old=True,
        A={"type": "integer"},
    )
    assert fits(made, {"a": None})
    assert fits(made, {"a": 1})
    assert not fits(made, {"a": "x"})


def test_a_schema_that_is_defined_by_itself_stays_finite_and_keeps_its_meaning() -> None:
    node = {"type": "object", "properties": {"name": {"type": "string"}, "next": ref("Node")}, "required": ["name"]}
    made = converted(ref("Node"), Node=node)
    assert made["type"] == "object"
    assert len(compact(made)) < 500
    assert fits(made, {"name": "a", "next": {"name": "b", "next": {"name": "c"}}})
    assert not fits(made, {"name": "a", "next": {"name": "b", "next": {"name": 1}}})


def test_two_schemas_that_are_defined_by_each_other_stay_finite() -> None:
    made = converted(
        ref("A"), A={"type": "object", "properties": {"b": ref("B")}}, B={"type": "array", "items": ref("A")}
    )
    assert fits(made, {"b": [{"b": [{"b": []}]}]})
    assert not fits(made, {"b": [{"b": [{"b": 1}]}]})


@pytest.mark.parametrize("word", ["allOf", "anyOf", "oneOf"])
def test_what_would_have_to_fit_itself_to_fit_is_opened(word: str) -> None:
    pet = {"type": "object", word: [ref("Cat")], "properties": {"name": {"type": "string"}}}
    made = converted(ref("Pet"), Pet=pet, Cat={"allOf": [ref("Pet"), {"properties": {"claws": {"type": "integer"}}}]})
    assert fits(made, {"name": "Tom", "claws": 18})
    assert not fits(made, {"name": 1})


def test_references_that_only_lead_to_each_other_are_opened() -> None:
    made = converted({"type": "object", "properties": {"a": ref("A")}}, A=ref("B"), B=ref("A"))
    assert made == {"type": "object", "properties": {"a": {}}}


def test_what_is_used_once_is_put_in_its_place_and_what_is_used_often_is_defined_once() -> None:
    big = {"type": "object", "properties": {f"member{n}": {"type": "string"} for n in range(20)}}
    once = converted({"type": "object", "properties": {"a": ref("Big")}}, Big=big)
    twice = converted({"type": "object", "properties": {"a": ref("Big"), "b": ref("Big")}}, Big=big)
    assert "$defs" not in once
    assert once["properties"]["a"] == big
    assert twice["properties"] == {"a": {"$ref": "#/$defs/Big"}, "b": {"$ref": "#/$defs/Big"}}
    assert twice["$defs"] == {"Big": big}


def test_what_stands_beside_a_reference_is_kept() -> None:
    made = converted(
        {"type": "object", "properties": {"a": ref("A") | {"description": "Mine", "minLength": 3}}},
        A={"type": "string", "description": "Theirs"},
    )
    assert made["properties"]["a"]["description"] == "Mine"
    assert fits(made, {"a": "abc"})
    assert not fits(made, {"a": "ab"})
    assert not fits(made, {"a": 1})


def test_another_document_is_never_looked_at_but_told_of() -> None:
    converter = Converter(Definitions(References({}), old=False))
    made = converter.finished(
        converter.convert({"type": "object", "properties": {"a": {"$ref": "https://evil.example/a.json#/b"}}})
    )
    assert made["properties"]["a"] == {"description": "Described in another document."}
    assert list(converter.notes) == [
        "refers to another document (https://evil.example/a.json#/b), which is not read: that part is left open"
    ]


def test_members_that_only_the_server_sets_are_not_asked_for_and_secrets_not_promised() -> None:
    schema = {
        "type": "object",
        "properties": {"id": {"type": "integer", "readOnly": True}, "password": {"type": "string", "writeOnly": True},
                       "name": {"type": "string"}, "born": ref("Born")},
        "required": ["id", "name", "password", "born"],
    }  # fmt: skip
    born = {"type": "string", "readOnly": True}
    sent, got = converted(schema, Born=born), converted(schema, answers=True, Born=born)
    assert list(sent["properties"]) == ["password", "name"]
    assert sent["required"] == ["name", "password"]
    assert list(got["properties"]) == ["id", "name", "born"]


def test_hints_of_our_own_in_a_document_have_no_power() -> None:
    made = converted({"type": "object", "properties": {"a": {"type": "string", "x-in": "header", "x-name": "Host"}}})
    assert made["properties"]["a"] == {"type": "string"}


def test_a_schema_without_end_is_cut_where_it_is_far() -> None:
    defined = {
        f"S{n}": {"type": "object", "properties": {f"p{m}": ref(f"S{(n * 7 + m) % 3000}") for m in range(10)}}
        for n in range(3000)
    }
    converter = Converter(Definitions(References({"components": {"schemas": defined}}), old=False), budget=500)
    made = converter.finished(converter.convert(ref("S1")))
    Draft202012Validator.check_schema(made)
    assert len(compact(made)) < 40_000
    assert "is too large to be taken whole: its far parts are left open" in converter.notes
    assert made["properties"].keys() == {f"p{m}" for m in range(10)}


def test_definitions_of_a_schema_of_its_own_are_found() -> None:
    schema = {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"type": "integer"}}}
    assert converted(schema) == {"type": "object", "properties": {"a": {"type": "integer"}}}


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_WORDS = st.sampled_from(
    [
        "type",
        "properties",
        "required",
        "items",
        "enum",
        "const",
        "allOf",
        "anyOf",
        "oneOf",
        "not",
        "minimum",
        "exclusiveMinimum",
        "nullable",
        "pattern",
        "format",
        "additionalProperties",
        "$ref",
        "$id",
        "$schema",
        "$anchor",
        "$defs",
        "example",
        "examples",
        "default",
        "minLength",
        "multipleOf",
        "readOnly",
        "description",
        "title",
        "prefixItems",
        "if",
        "then",
        "else",
        "patternProperties",
        "x-in",
        "dependentRequired",
        "uniqueItems",
    ]
)
_VALUES = _JSON | st.sampled_from(
    ["string", "object", "array", ["string", "null"], "#/components/schemas/A", "#/components/schemas/B", "#/nowhere",
     "other.json", "#", 0, 1, True]
)  # fmt: skip
_SCHEMAS = st.recursive(
    st.booleans() | st.dictionaries(_WORDS, _VALUES, max_size=5),
    lambda inner: st.dictionaries(
        _WORDS, inner | st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3) | _VALUES,
        max_size=5,
    ),
    max_leaves=12,
)  # fmt: skip


@given(_SCHEMAS, _SCHEMAS, _SCHEMAS, st.booleans())
def test_whatever_a_document_has_for_a_schema_a_valid_one_comes_out(a: Any, b: Any, c: Any, old: bool) -> None:
    made = converted({"type": "object", "properties": {"a": a, "c": c}}, old=old, A=a, B=b)
    Draft202012Validator(made).is_valid({"a": {"a": 1}, "c": [1, "x"]})
