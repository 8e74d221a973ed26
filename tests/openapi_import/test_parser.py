"""Parsing documents: their operations, the resources these become, and errors for other documents."""

from __future__ import annotations

import json
from typing import Any

import pytest

from drio_tui.openapi_import.errors import BadDocument
from drio_tui.openapi_import.parser import OpenApiParser
from drio_tui.tool_calls.token_count import compact, tokens
from drio_tui.tool_calls.tools import tool_name
from tests.openapi_import.documents import PETS, answer, document, operation, parameter, parser_of


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"swagger": "2.0", "paths": {}}, "It is a Swagger 2.0 document, and only OpenAPI 3.x is read."),
        ({"openapi": "4.0.0"}, "It is written in OpenAPI 4.0.0; what is read is 3.0 and 3.1."),
        ({"asyncapi": "2.6.0"}, "It is an AsyncAPI document, not an OpenAPI one."),
        ({"info": {"_postman_id": "x"}, "item": []}, "It is a Postman collection, not an OpenAPI document."),
        ({"name": "x", "version": 1}, "it has no `openapi` at its top, but name, version."),
        ({}, "it has no `openapi` at its top, but nothing."),
        ([1], "It is a list, not an OpenAPI document."),
        ("text", "It is a single value, not an OpenAPI document."),
        ({"openapi": "3.1.0", "paths": []}, "Its `paths` are not an object."),
    ],
)
def test_other_documents_are_rejected_with_the_reason(value: Any, message: str) -> None:
    with pytest.raises(BadDocument) as caught:
        OpenApiParser(json.dumps(value).encode() if isinstance(value, dict | list) else value.encode())
    assert message in caught.value.message


def test_a_version_that_yaml_reads_as_a_number_is_accepted() -> None:
    assert OpenApiParser(b"openapi: 3.1\ninfo: {title: T}\npaths: {/a: {get: {}}}\n").version == "3.1"


def test_each_operation_has_a_summary() -> None:
    parser = parser_of(PETS["paths"], components=PETS["components"], security=[{"key": []}])
    summaries = {summary.id: summary for summary in parser.summaries()}
    assert list(summaries) == [
        "GET /pets",
        "POST /pets",
        "GET /pets/{petId}",
        "PUT /pets/{petId}",
        "DELETE /pets/{petId}",
    ]
    post = summaries["POST /pets"]
    assert (post.summary, post.tags, post.safe, post.schemes) == ("Create a pet", ("pets", "admin"), False, ("key",))
    assert summaries["GET /pets"].safe
    assert summaries["DELETE /pets/{petId}"].deprecated
    assert summaries["GET /pets/{petId}"].summary == "Get pet"
    assert all(summary.tokens > 10 for summary in summaries.values())


# Counted with OpenAI's o200k tokenizer (the npm package gpt-tokenizer), for tools as compact JSON and for plain texts.
COUNTED = {
    "GET /pets": 43, "POST /pets": 139, "GET /pets/{petId}": 45, "PUT /pets/{petId}": 167, "DELETE /pets/{petId}": 47,
}  # fmt: skip
TEXTS = {
    "Deprecated. Returns the number of unresolved conversations, grouped by assignee and by the day on which they "
    "began.": 22,
    "日本語の説明は、モデルにとって何をする操作かを示します。": 19,
    "2026-01-02T03:04:05Z sha256:00ff12ab34cd56ef": 24,
}


def test_the_token_estimate_is_close_to_the_tokenizers_count() -> None:
    parser = parser_of(PETS["paths"], components=PETS["components"])
    for id, counted in COUNTED.items():
        seen = parser.detail(id).seen
        plain = {name: seen[name] for name in ("name", "description", "inputSchema")}
        assert tokens(compact(plain)) == pytest.approx(counted, rel=0.1)
    for text, counted in TEXTS.items():
        assert tokens(text) == pytest.approx(counted, rel=0.1)


def test_the_tokens_of_a_tool_include_its_whole_description() -> None:
    def cost(**more: Any) -> int:
        return next(parser_of({"/x": {"get": more}}).summaries()).tokens

    few, many = cost(summary="Short"), cost(summary="Short", description="A few words more. " * 20)
    assert 60 < many - few < 140
    assert cost(summary="Short", parameters=[parameter("limit")]) > few


def test_path_items_are_resolved_within_the_document_only() -> None:
    parser = parser_of(
        {
            "/a": {"$ref": "#/components/pathItems/A"},
            "/b": {"$ref": "https://x.example/b.yaml"},
            "/c": 5,
            "x-d": {"get": {}},
        },
        components={"pathItems": {"A": {"get": {}, "post": {}}}},
    )
    assert [summary.id for summary in parser.summaries()] == ["GET /a", "POST /a"]
    assert [str(problem) for problem in parser.problems] == [
        "paths./b: refers to another document (https://x.example/b.yaml), which is not read: its operations are "
        "not known",
        "paths./c: is not an object",
    ]


def test_methods_that_drio_cannot_send_have_an_obstacle() -> None:
    parser = parser_of({"/a": {"trace": {}, "get": {}, "additionalOperations": {"COPY": {}}}})
    assert [(summary.id, summary.obstacle) for summary in parser.summaries()] == [
        ("TRACE /a", "TRACE requests cannot be sent."),
        ("GET /a", ""),
        ("COPY /a", "COPY requests cannot be sent."),
    ]


@pytest.mark.parametrize(
    ("value", "path", "key"),
    [
        ({"operationId": "listPetsByOwner"}, "/p", "list-pets-by-owner"),
        ({"operationId": "repos/list-for-org"}, "/p", "repos-list-for-org"),
        ({"operationId": "Pet_GET"}, "/p", "pet-get"),
        ({"operationId": "Überblick anzeigen"}, "/p", "uberblick-anzeigen"),
        ({"operationId": "日本"}, "/pets/{id}", "get-pets-by-id"),
        ({}, "/pets/{petId}/owners", "get-pets-by-pet-id-owners"),
        (
            {"operationId": "a_very_long_operation_name_" * 8},
            "/p",
            "a-very-long-operation-name-a-very-long-operation-name-a-very",
        ),
    ],
)
def test_a_key_is_valid_and_is_the_tools_name(value: Any, path: str, key: str) -> None:
    detail = parser_of({path: {"get": value}}).detail(f"GET {path}")
    assert detail.key == key
    assert tool_name(detail.key) == detail.seen["name"] == key


@pytest.mark.parametrize(
    ("method", "annotations"),
    [
        ("get", {"readOnlyHint": True, "openWorldHint": True}),
        ("head", {"readOnlyHint": True, "openWorldHint": True}),
        ("post", {"readOnlyHint": False, "destructiveHint": True, "idempotentHint": False, "openWorldHint": True}),
        ("put", {"readOnlyHint": False, "destructiveHint": True, "idempotentHint": True, "openWorldHint": True}),
        ("patch", {"readOnlyHint": False, "destructiveHint": True, "idempotentHint": False, "openWorldHint": True}),
        ("delete", {"readOnlyHint": False, "destructiveHint": True, "idempotentHint": True, "openWorldHint": True}),
    ],
)
def test_annotations_follow_from_the_http_method(method: str, annotations: Any) -> None:
    assert parser_of({"/x": {method: {}}}).detail(f"{method.upper()} /x").tool["annotations"] == annotations


A = {"type": "object", "properties": {"a": {"type": "string"}}}
B = {"type": "object", "properties": {"b": {"type": "string"}}}


def responses_by_status(**by_status: Any) -> dict[str, Any]:
    """Return `responses` by status: a schema for JSON, None for an empty response, a media type for others."""
    responses: dict[str, Any] = {}
    for status, value in by_status.items():
        kind, schema = (value, {}) if isinstance(value, str) else ("application/json", value)
        content = {} if value is None else {"content": {kind: {"schema": schema}}}
        responses[status.removeprefix("s")] = {"description": "", **content}
    return {"responses": responses}


@pytest.mark.parametrize(
    ("responses", "schema"),
    [
        (responses_by_status(s200=A), A),
        (responses_by_status(s200=A, s404=B, default=B), A),
        (responses_by_status(s200=A, s201=A), A),
        (responses_by_status(s200=A, s2XX=A), A),
        (responses_by_status(s200=A, s202=B), None),
        (responses_by_status(s200=A, s2XX=B), None),
        (responses_by_status(s200=A, s204=None), None),
        (responses_by_status(s200=A, s206="application/octet-stream"), None),
        (responses_by_status(s200="text/plain"), None),
        (responses_by_status(s204=None), None),
        (responses_by_status(default=A), None),
    ],
)
def test_an_output_schema_must_match_every_declared_2xx_response(responses: Any, schema: Any) -> None:
    detail = parser_of({"/things": {"get": responses}}).detail("GET /things")
    assert detail.operation.get("outputSchema") == schema
    notes = [note for note in detail.notes if "responses are of different shapes" in note]
    assert bool(notes) == (
        schema is None and len(responses["responses"]) > 1 and "default" not in responses["responses"]
    )


def test_a_composed_response_schema_is_merged_into_one_object() -> None:
    schemas = {"Page": {"type": "object", "properties": {"next": {"type": "string"}}}}
    schema = {
        "allOf": [
            {"$ref": "#/components/schemas/Page"},
            {"properties": {"items": {"type": "array"}}, "required": ["items"]},
        ]
    }
    assert operation(answer(schema), components={"schemas": schemas})["outputSchema"] == {
        "type": "object",
        "properties": {"next": {"type": "string"}, "items": {"type": "array"}},
        "required": ["items"],
    }


def test_the_description_of_a_deprecated_tool_says_so() -> None:
    assert (
        parser_of({"/x": {"get": {"summary": "Old", "deprecated": True}}}).detail("GET /x").tool["description"]
        == "Deprecated. Old"
    )


def test_a_long_description_is_cut_in_the_tool_and_kept_in_the_operation() -> None:
    detail = parser_of({"/x": {"get": {"description": "word " * 1000}}}).detail("GET /x")
    assert len(detail.tool["description"]) <= 1024
    assert detail.tool["description"].endswith("word…")
    assert len(detail.operation["description"]) == 4_999


def test_hostile_texts_become_valid_names() -> None:
    hostile = "\x1b]52;c;ZXZp\x07 [/] \u202e\ud800" + "x" * 500
    value = {"summary": hostile, "operationId": hostile, "tags": [hostile]}
    detail = parser_of({"/x": {"get": value}}).detail("GET /x")
    assert len(detail.operation["name"]) <= 200
    assert not any(
        ord(char) < 32 or "\ud800" <= char <= "\udfff" or char == "\u202e" for char in detail.operation["name"]
    )
    assert detail.key.replace("-", "").isalnum()


def test_a_document_without_operations_and_title_has_problems() -> None:
    parser = parser_of({}, info={}, webhooks={"x": {}})
    assert parser.head().title == "Untitled API"
    assert [str(problem) for problem in parser.problems] == ["it describes no operation", "info: it has no title"]


def test_the_number_of_operations_is_limited() -> None:
    parser = OpenApiParser(json.dumps(document({f"/p{n}": {"get": {}} for n in range(21_000)})).encode())
    assert parser.total == 20_000
    assert str(parser.problems[-1]) == "it has more than 20,000 operations: the rest is not shown"
