"""Schema Objects become self-contained and finite JSON Schemas (2020-12)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from drio_tui.openapi_import.references import References
from drio_tui.openapi_import.schemas import Converter, Definitions
from drio_tui.tool_calls.token_count import compact


def converted(
    schema: Any, *, old: bool = False, for_response: bool = False, budget: int = 4_000, **defined: Any
) -> Any:
    """Convert and finish a schema, with `defined` as `components.schemas`, and check that the result is valid."""
    references = References({"components": {"schemas": defined}})
    converter = Converter(Definitions(references, old=old, for_response=for_response), budget=budget)
    result = converter.convert(schema)
    if isinstance(result, dict):
        result = converter.finished(result)
        Draft202012Validator.check_schema(result)
    return result


def is_valid(schema: Any, value: Any) -> bool:
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
def test_keywords_of_openapi_3_0_are_replaced_by_those_of_json_schema(old: Any, new: Any) -> None:
    assert converted(old, old=True) == new


def test_a_nullable_reference_of_3_0_allows_null() -> None:
    result = converted(
        {"type": "object", "properties": {"a": {"nullable": True, "allOf": [ref("A")]}}},
        old=True,
        A={"type": "integer"},
    )
    assert is_valid(result, {"a": None})
    assert is_valid(result, {"a": 1})
    assert not is_valid(result, {"a": "x"})


def test_a_recursive_schema_stays_finite_and_keeps_its_meaning() -> None:
    node = {"type": "object", "properties": {"name": {"type": "string"}, "next": ref("Node")}, "required": ["name"]}
    result = converted(ref("Node"), Node=node)
    assert result["type"] == "object"
    assert len(compact(result)) < 500
    assert is_valid(result, {"name": "a", "next": {"name": "b", "next": {"name": "c"}}})
    assert not is_valid(result, {"name": "a", "next": {"name": "b", "next": {"name": 1}}})


def test_mutually_recursive_schemas_stay_finite() -> None:
    result = converted(
        ref("A"), A={"type": "object", "properties": {"b": ref("B")}}, B={"type": "array", "items": ref("A")}
    )
    assert is_valid(result, {"b": [{"b": [{"b": []}]}]})
    assert not is_valid(result, {"b": [{"b": [{"b": 1}]}]})


@pytest.mark.parametrize("keyword", ["allOf", "anyOf", "oneOf"])
def test_a_schema_that_applies_to_itself_is_opened(keyword: str) -> None:
    pet = {"type": "object", keyword: [ref("Cat")], "properties": {"name": {"type": "string"}}}
    result = converted(ref("Pet"), Pet=pet, Cat={"allOf": [ref("Pet"), {"properties": {"claws": {"type": "integer"}}}]})
    assert is_valid(result, {"name": "Tom", "claws": 18})
    assert not is_valid(result, {"name": 1})


def test_a_cycle_of_references_accepts_any_value() -> None:
    result = converted({"type": "object", "properties": {"a": ref("A")}}, A=ref("B"), B=ref("A"))
    assert result == {"type": "object", "properties": {"a": {}}}


def test_a_schema_used_once_is_inlined_and_one_used_often_is_defined_once() -> None:
    big = {"type": "object", "properties": {f"property{n}": {"type": "string"} for n in range(20)}}
    once = converted({"type": "object", "properties": {"a": ref("Big")}}, Big=big)
    twice = converted({"type": "object", "properties": {"a": ref("Big"), "b": ref("Big")}}, Big=big)
    assert "$defs" not in once
    assert once["properties"]["a"] == big
    assert twice["properties"] == {"a": {"$ref": "#/$defs/Big"}, "b": {"$ref": "#/$defs/Big"}}
    assert twice["$defs"] == {"Big": big}


def test_keywords_beside_a_reference_are_kept() -> None:
    result = converted(
        {"type": "object", "properties": {"a": ref("A") | {"description": "Mine", "minLength": 3}}},
        A={"type": "string", "description": "Theirs"},
    )
    assert result["properties"]["a"]["description"] == "Mine"
    assert is_valid(result, {"a": "abc"})
    assert not is_valid(result, {"a": "ab"})
    assert not is_valid(result, {"a": 1})


def test_references_to_other_documents_are_noted_and_not_followed() -> None:
    converter = Converter(Definitions(References({}), old=False))
    result = converter.finished(
        converter.convert({"type": "object", "properties": {"a": {"$ref": "https://evil.example/a.json#/b"}}})
    )
    assert result["properties"]["a"] == {"description": "Described in another document."}
    assert list(converter.notes) == [
        "refers to another document (https://evil.example/a.json#/b), which is not read: that part is left open"
    ]


def test_read_only_properties_are_left_out_of_requests_and_write_only_ones_of_responses() -> None:
    schema = {
        "type": "object",
        "properties": {"id": {"type": "integer", "readOnly": True}, "password": {"type": "string", "writeOnly": True},
                       "name": {"type": "string"}, "born": ref("Born")},
        "required": ["id", "name", "password", "born"],
    }  # fmt: skip
    born = {"type": "string", "readOnly": True}
    request, response = converted(schema, Born=born), converted(schema, for_response=True, Born=born)
    assert list(request["properties"]) == ["password", "name"]
    assert request["required"] == ["name", "password"]
    assert list(response["properties"]) == ["id", "name", "born"]


def test_x_hints_in_a_document_are_ignored() -> None:
    result = converted({"type": "object", "properties": {"a": {"type": "string", "x-in": "header", "x-name": "Host"}}})
    assert result["properties"]["a"] == {"type": "string"}


def test_a_schema_beyond_the_budget_is_cut() -> None:
    defined = {
        f"S{n}": {"type": "object", "properties": {f"p{m}": ref(f"S{(n * 7 + m) % 3000}") for m in range(10)}}
        for n in range(3000)
    }
    converter = Converter(Definitions(References({"components": {"schemas": defined}}), old=False), budget=500)
    result = converter.finished(converter.convert(ref("S1")))
    Draft202012Validator.check_schema(result)
    assert len(compact(result)) < 40_000
    assert "is too large to be taken whole: its far parts are left open" in converter.notes
    assert result["properties"].keys() == {f"p{m}" for m in range(10)}


def test_local_definitions_of_a_schema_are_found() -> None:
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
def test_any_value_is_converted_to_a_valid_schema(a: Any, b: Any, c: Any, old: bool) -> None:
    result = converted({"type": "object", "properties": {"a": a, "c": c}}, old=old, A=a, B=b)
    Draft202012Validator(result).is_valid({"a": {"a": 1}, "c": [1, "x"]})
