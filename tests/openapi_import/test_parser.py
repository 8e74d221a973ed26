"""What a document offers, what each operation becomes, and what is said of a document that is none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from drio_tui.openapi_import.errors import BadDocument
from drio_tui.openapi_import.parser import OpenApiParser
from drio_tui.tool_calls.token_count import compact, tokens
from drio_tui.tool_calls.tools import tool_name
from tests.openapi_import.documents import PETS, answer, document, operation, parameter, reading


@pytest.mark.parametrize(
    ("value", "says"),
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
def test_what_is_no_openapi_3_document_is_said_to_be_what_it_is(value: Any, says: str) -> None:
    with pytest.raises(BadDocument) as caught:
        OpenApiParser(json.dumps(value).encode() if isinstance(value, dict | list) else value.encode())
    assert says in caught.value.message


def test_a_version_that_yaml_takes_for_a_number_is_a_version() -> None:
    assert OpenApiParser(b"openapi: 3.1\ninfo: {title: T}\npaths: {/a: {get: {}}}\n").version == "3.1"


def test_every_operation_is_offered_with_what_a_list_shows() -> None:
    offered = {
        one.id: one for one in reading(PETS["paths"], components=PETS["components"], security=[{"key": []}]).offered()
    }
    assert list(offered) == [
        "GET /pets",
        "POST /pets",
        "GET /pets/{petId}",
        "PUT /pets/{petId}",
        "DELETE /pets/{petId}",
    ]
    one = offered["POST /pets"]
    assert (one.summary, one.tags, one.safe, one.schemes) == ("Create a pet", ("pets", "admin"), False, ("key",))
    assert offered["GET /pets"].safe
    assert offered["DELETE /pets/{petId}"].deprecated
    assert offered["GET /pets/{petId}"].summary == "Get pet"
    assert all(one.tokens > 10 for one in offered.values())


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


def test_the_estimate_of_tokens_is_near_what_a_tokenizer_counts() -> None:
    found = reading(PETS["paths"], components=PETS["components"])
    for id, counted in COUNTED.items():
        seen = found.detail(id).seen
        plain = {name: seen[name] for name in ("name", "description", "inputSchema")}
        assert tokens(compact(plain)) == pytest.approx(counted, rel=0.1)
    for text, counted in TEXTS.items():
        assert tokens(text) == pytest.approx(counted, rel=0.1)


def test_what_a_tool_costs_is_what_its_description_in_full_costs() -> None:
    def cost(**more: Any) -> int:
        return next(reading({"/x": {"get": more}}).offered()).tokens

    few, many = cost(summary="Short"), cost(summary="Short", description="A few words more. " * 20)
    assert 60 < many - few < 140
    assert cost(summary="Short", parameters=[parameter("limit")]) > few


def test_operations_of_a_path_that_is_a_reference_are_offered_and_those_elsewhere_told_of() -> None:
    found = reading(
        {
            "/a": {"$ref": "#/components/pathItems/A"},
            "/b": {"$ref": "https://x.example/b.yaml"},
            "/c": 5,
            "x-d": {"get": {}},
        },
        components={"pathItems": {"A": {"get": {}, "post": {}}}},
    )
    assert [one.id for one in found.offered()] == ["GET /a", "POST /a"]
    assert [str(problem) for problem in found.problems] == [
        "paths./b: refers to another document (https://x.example/b.yaml), which is not read: its operations are "
        "not known",
        "paths./c: is not an object",
    ]


def test_methods_that_drio_does_not_send_are_offered_with_the_reason() -> None:
    offered = list(reading({"/a": {"trace": {}, "get": {}, "additionalOperations": {"COPY": {}}}}).offered())
    assert [(one.id, one.obstacle) for one in offered] == [
        ("TRACE /a", "drio cannot send TRACE requests."),
        ("GET /a", ""),
        ("COPY /a", "drio cannot send COPY requests."),
    ]


@pytest.mark.parametrize(
    ("found", "path", "key"),
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
def test_a_key_is_legal_and_is_the_name_that_models_see(found: Any, path: str, key: str) -> None:
    detail = reading({path: {"get": found}}).detail(f"GET {path}")
    assert detail.key == key
    assert tool_name(detail.key) == detail.seen["name"] == key


@pytest.mark.parametrize(
    ("method", "hints"),
    [
        ("get", {"readOnlyHint": True, "openWorldHint": True}),
        ("head", {"readOnlyHint": True, "openWorldHint": True}),
        ("post", {"readOnlyHint": False, "destructiveHint": True, "idempotentHint": False, "openWorldHint": True}),
        ("put", {"readOnlyHint": False, "destructiveHint": True, "idempotentHint": True, "openWorldHint": True}),
        ("patch", {"readOnlyHint": False, "destructiveHint": True, "idempotentHint": False, "openWorldHint": True}),
        ("delete", {"readOnlyHint": False, "destructiveHint": True, "idempotentHint": True, "openWorldHint": True}),
    ],
)
def test_annotations_say_what_the_method_promises(method: str, hints: Any) -> None:
    assert reading({"/x": {method: {}}}).detail(f"{method.upper()} /x").tool["annotations"] == hints


A = {"type": "object", "properties": {"a": {"type": "string"}}}
B = {"type": "object", "properties": {"b": {"type": "string"}}}


def answers(**by_status: Any) -> dict[str, Any]:
    """Responses: a schema by status, None for an empty answer, a text for its media type."""
    found: dict[str, Any] = {}
    for status, what in by_status.items():
        kind, schema = (what, {}) if isinstance(what, str) else ("application/json", what)
        content = {} if what is None else {"content": {kind: {"schema": schema}}}
        found[status.removeprefix("s")] = {"description": "", **content}
    return {"responses": found}


@pytest.mark.parametrize(
    ("responses", "schema"),
    [
        (answers(s200=A), A),
        (answers(s200=A, s404=B, default=B), A),
        (answers(s200=A, s201=A), A),
        (answers(s200=A, s2XX=A), A),
        (answers(s200=A, s202=B), None),
        (answers(s200=A, s2XX=B), None),
        (answers(s200=A, s204=None), None),
        (answers(s200=A, s206="application/octet-stream"), None),
        (answers(s200="text/plain"), None),
        (answers(s204=None), None),
        (answers(default=A), None),
    ],
)
def test_there_is_an_output_schema_only_where_every_declared_success_fits_it(responses: Any, schema: Any) -> None:
    detail = reading({"/things": {"get": responses}}).detail("GET /things")
    assert detail.operation.get("outputSchema") == schema
    told = [note for note in detail.notes if "answers are of different shapes" in note]
    assert bool(told) == (
        schema is None and len(responses["responses"]) > 1 and "default" not in responses["responses"]
    )


def test_an_answer_put_together_from_parts_is_one_object() -> None:
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


def test_a_deprecated_operation_says_so_to_models() -> None:
    assert (
        reading({"/x": {"get": {"summary": "Old", "deprecated": True}}}).detail("GET /x").tool["description"]
        == "Deprecated. Old"
    )


def test_a_long_description_is_cut_for_models_and_kept_for_people() -> None:
    detail = reading({"/x": {"get": {"description": "word " * 1000}}}).detail("GET /x")
    assert len(detail.tool["description"]) <= 1024
    assert detail.tool["description"].endswith("word…")
    assert len(detail.operation["description"]) == 4_999


def test_hostile_texts_make_no_illegal_names() -> None:
    evil = "\x1b]52;c;ZXZp\x07 [/] \u202e\ud800" + "x" * 500
    detail = reading({"/x": {"get": {"summary": evil, "operationId": evil, "tags": [evil]}}}).detail("GET /x")
    assert len(detail.operation["name"]) <= 200
    assert not any(
        ord(char) < 32 or "\ud800" <= char <= "\udfff" or char == "\u202e" for char in detail.operation["name"]
    )
    assert detail.key.replace("-", "").isalnum()


def test_a_document_without_operations_and_a_title_is_read_and_says_so() -> None:
    found = reading({}, info={}, webhooks={"x": {}})
    assert found.head().title == "Untitled API"
    assert [str(problem) for problem in found.problems] == ["it describes no operation", "info: it has no title"]


def test_more_operations_than_anybody_wants_are_bounded() -> None:
    found = OpenApiParser(json.dumps(document({f"/p{n}": {"get": {}} for n in range(21_000)})).encode())
    assert found.total == 20_000
    assert str(found.problems[-1]) == "it has more than 20,000 operations: the rest is not shown"
