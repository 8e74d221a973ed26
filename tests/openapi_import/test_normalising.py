"""Schemas that no value satisfies or that AI clients reject are corrected without changing their meaning."""

from __future__ import annotations

from typing import Any

import pytest

from drio_tui.workspace.lint.client_schemas import refusals
from tests.openapi_import.documents import body, operation, parameter, parser_of
from tests.openapi_import.test_schemas import converted

TEXT = {"type": "string"}


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "string", "enum": ["a", "b", "a"]}, {"type": "string", "enum": ["a", "b"]}),
        ({"enum": [1, True, 1, "1"]}, {"enum": [1, True, "1"]}),
        ({"type": "string", "enum": [True, False]}, {"type": "string", "enum": ["true", "false"]}),
        ({"type": "string", "enum": [1, 2.5, "x"]}, {"type": "string", "enum": ["1", "2.5", "x"]}),
        ({"type": "integer", "enum": ["1", "2", "two"]}, {"type": "integer", "enum": [1, 2]}),
        ({"type": "boolean", "enum": ["true"]}, {"type": "boolean", "enum": [True]}),
        ({"type": "integer", "enum": ["one"]}, {"type": "integer"}),
        ({"type": "string", "enum": ["a", None]}, {"type": "string", "enum": ["a"]}),
        ({"type": ["string", "null"], "enum": ["a", None]}, {"type": ["string", "null"], "enum": ["a", None]}),
        ({"type": "integer", "const": "1"}, {"type": "integer", "const": 1}),
        ({"type": "integer", "default": "5"}, {"type": "integer", "default": 5}),
        ({"type": "integer", "default": "five"}, {"type": "integer"}),
        ({"type": "string", "enum": ["a"], "default": "b"}, {"type": "string", "enum": ["a"]}),
        ({"type": "string", "enum": ["1"], "default": 1}, {"type": "string", "enum": ["1"], "default": "1"}),
        ({"type": "integer", "example": "7"}, {"type": "integer", "examples": [7]}),
        ({"type": "integer", "example": "many"}, {"type": "integer"}),
        ({"type": "array"}, {"type": "array", "items": {}}),
        ({"type": "array", "items": [TEXT, TEXT]}, {"type": "array", "items": TEXT, "maxItems": 2}),
        ({"type": "array", "prefixItems": [TEXT], "items": False}, {"type": "array", "items": TEXT, "maxItems": 1}),
        (
            {"type": "array", "prefixItems": [TEXT, {"type": "integer"}]},
            {"type": "array", "prefixItems": [TEXT, {"type": "integer"}],
             "items": {"anyOf": [TEXT, {"type": "integer"}]}, "maxItems": 2},
        ),
        (
            {"type": "object", "properties": {"a": TEXT}, "required": ["a", "ghost"]},
            {"type": "object", "properties": {"a": TEXT, "ghost": {}}, "required": ["a", "ghost"]},
        ),
        ({"type": "integer", "minimum": 5, "maximum": 1}, {"type": "integer"}),
    ],
)  # fmt: skip
def test_request_schemas_can_be_satisfied_and_are_accepted_by_ai_clients(schema: Any, expected: Any) -> None:
    assert converted(schema) == expected
    codes = {refusal.code for refusal in refusals({"type": "object", "properties": {"a": converted(schema)}})}
    assert codes <= {"schema_prefix_items", "schema_enum", "schema_type_list"}


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "string", "enum": ["a", None]}, {"type": ["string", "null"], "enum": ["a", None]}),
        ({"type": "array"}, {"type": "array"}),
        ({"type": "array", "prefixItems": [TEXT, TEXT]}, {"type": "array", "prefixItems": [TEXT, TEXT]}),
    ],
)
def test_response_schemas_may_allow_all_that_is_documented(schema: Any, expected: Any) -> None:
    assert converted(schema, for_response=True) == expected


def test_an_example_of_another_type_is_converted_or_left_out() -> None:
    examples = {"example": "12", "examples": {"a": {"value": "x"}}}
    created = operation({"parameters": [parameter("n", schema={"type": "integer"}, **examples)]}, method="get")
    assert created["inputSchema"]["properties"]["n"]["examples"] == [12]


def test_a_required_property_without_a_description_is_an_argument() -> None:
    schema = operation(body({"type": "object", "properties": {"a": TEXT}, "required": ["ghost"]}))["inputSchema"]
    assert schema["required"] == ["ghost"]
    assert schema["properties"]["ghost"] == {"x-in": "body"}


def test_converted_enum_values_are_noted() -> None:
    value = body({"type": "object", "properties": {"a": {"type": "string", "enum": [True, False]}}})
    (summary,) = parser_of({"/x": {"post": value}}).summaries()
    assert any("values in an enum that are not of its type" in note for note in summary.notes)


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"type": "array"}, "OpenAI's and Gemini's APIs refuse a list without items"),
        ({"type": ["array", "null"], "items": {}}, "Cursor and Gemini's API were seen to refuse"),
        ({"$ref": "#/$defs/a"}, "Local connectors of Claude Desktop were seen to drop $ref"),
        ({"type": "array", "items": [TEXT]}, "items that are a list of schemas"),
        ({"type": "array", "prefixItems": [TEXT], "items": {}}, "Gemini's API knows no prefixItems"),
        ({"type": "integer", "enum": [1, 2]}, "Gemini's API takes an enum of texts only"),
        ({"enum": ["a", "a"]}, "OpenAI's API refuses an enum that has a value twice"),
        ({"enum": ["a"], "default": "b"}, "its default, which is none of its enum"),
        ({"type": "object", "properties": {"@type": TEXT}}, "Claude's API takes property names"),
        ({"type": "object", "properties": {"a": {}}, "required": ["b"]}, "a required property that is not described"),
    ],
)
def test_refusals_name_the_client_the_reason_and_the_path(schema: Any, message: str) -> None:
    (refusal,) = refusals({"type": "object", "properties": {"x": schema, "y": {"items": schema}}})
    assert message in refusal.sentence
    assert refusal.sentence.endswith(" (2 places).")
    assert refusal.path == "properties.x"
    assert not refusals({"type": "object", "properties": {"x": TEXT, "enum": {"type": "array", "items": {}}}})


def test_a_tools_name_begins_with_a_letter() -> None:
    assert parser_of({"/x": {"get": {"operationId": "2fa_status"}}}).detail("GET /x").key == "get-2fa-status"
