"""What nobody can satisfy, or clients refuse, is said in another way where the meaning is kept."""

from __future__ import annotations

from typing import Any

import pytest

from drio_tui.workspace.lint.client_schemas import refusals
from tests.openapi_import.documents import body, operation, parameter, reading
from tests.openapi_import.test_schemas import converted

TEXT = {"type": "string"}


@pytest.mark.parametrize(
    ("schema", "made"),
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
def test_what_is_sent_can_be_satisfied_and_is_refused_by_no_client(schema: Any, made: Any) -> None:
    assert converted(schema) == made
    sentences = {one.sentence for one in refusals({"type": "object", "properties": {"a": converted(schema)}})}
    assert not {one for one in sentences if "prefixItems" not in one and "enum of texts" not in one}


@pytest.mark.parametrize(
    ("schema", "made"),
    [
        ({"type": "string", "enum": ["a", None]}, {"type": ["string", "null"], "enum": ["a", None]}),
        ({"type": "array"}, {"type": "array"}),
        ({"type": "array", "prefixItems": [TEXT, TEXT]}, {"type": "array", "prefixItems": [TEXT, TEXT]}),
    ],
)
def test_an_answer_may_be_all_that_is_described(schema: Any, made: Any) -> None:
    assert converted(schema, answers=True) == made


def test_an_example_of_another_type_is_read_as_one_of_the_type_or_left_out() -> None:
    given = {"example": "12", "examples": {"a": {"value": "x"}}}
    found = operation({"parameters": [parameter("n", schema={"type": "integer"}, **given)]}, method="get")
    assert found["inputSchema"]["properties"]["n"]["examples"] == [12]


def test_a_member_that_is_required_and_not_described_can_be_given() -> None:
    schema = operation(body({"type": "object", "properties": {"a": TEXT}, "required": ["ghost"]}))["inputSchema"]
    assert schema["required"] == ["ghost"]
    assert schema["properties"]["ghost"] == {"x-in": "body"}


def test_values_that_are_read_as_another_type_are_told_of() -> None:
    found = body({"type": "object", "properties": {"a": {"type": "string", "enum": [True, False]}}})
    (offered,) = reading({"/x": {"post": found}}).offered()
    assert any("values in an enum that are not of its type" in note for note in offered.notes)


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ({"type": "array"}, "OpenAI's and Gemini's APIs refuse a list without items"),
        ({"type": ["array", "null"]}, "OpenAI's and Gemini's APIs refuse a list without items"),
        ({"type": "array", "items": [TEXT]}, "items that are a list of schemas"),
        ({"type": "array", "prefixItems": [TEXT], "items": {}}, "Gemini's API knows no prefixItems"),
        ({"type": "integer", "enum": [1, 2]}, "Gemini's API takes an enum of texts only"),
        ({"enum": ["a", "a"]}, "OpenAI's API refuses an enum that has a value twice"),
        ({"enum": ["a"], "default": "b"}, "its default, which is none of its enum"),
        ({"type": "object", "properties": {"@type": TEXT}}, "Claude's API takes property names"),
        ({"type": "object", "properties": {"a": {}}, "required": ["b"]}, "a required property that is not described"),
    ],
)
def test_what_a_client_refuses_names_the_client_the_reason_and_the_place(schema: Any, says: str) -> None:
    (found,) = refusals({"type": "object", "properties": {"x": schema, "y": {"items": schema}}})
    assert says in found.sentence
    assert found.sentence.endswith(" (2 places).")
    assert found.path == "properties.x"
    assert not refusals({"type": "object", "properties": {"x": TEXT, "enum": {"type": "array", "items": {}}}})


def test_a_tool_s_name_begins_with_a_letter() -> None:
    assert reading({"/x": {"get": {"operationId": "2fa_status"}}}).detail("GET /x").key == "get-2fa-status"
