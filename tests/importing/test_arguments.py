"""What an operation is called with: each argument arrives where the document says, as the document says."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from jsonschema import Draft202012Validator

from drio_tui.calls.requests import build, mapping_errors
from tests.importing.documents import body, operation, parameter, reading


def sent(found: dict[str, Any], arguments: dict[str, Any]) -> dict[str, Any]:
    """The request that a call of this operation makes: what is in it, decoded as a server would."""
    assert not list(mapping_errors(found))
    Draft202012Validator(found["inputSchema"]).validate(arguments)
    made = build({"baseUrl": "https://api.example.com/v1"}, found, arguments)
    parts = urlsplit(made.url)
    ours = {name: value for name, value in made.headers.items() if name not in ("Accept", "User-Agent")}
    return {
        "method": made.method,
        "path": parts.path,
        "query": parse_qsl(parts.query, keep_blank_values=True),
        "headers": ours,
        "body": None if made.body is None else json.loads(made.body),
    }


def test_path_query_header_and_body_each_get_theirs() -> None:
    found = operation(
        {
            "parameters": [
                parameter("id", "path", {"type": "integer"}, required=True),
                parameter("expand", schema={"type": "array", "items": {"type": "string"}}),
                parameter("X-Trace", "header"),
            ],
            **body({"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}),
        },
        "/things/{id}",
        "put",
    )
    assert found["inputSchema"]["required"] == ["id", "title"]
    assert sent(found, {"id": 7, "expand": ["a", "b"], "X-Trace": "t1", "title": "T"}) == {
        "method": "PUT",
        "path": "/v1/things/7",
        "query": [("expand", "a"), ("expand", "b")],
        "headers": {"Content-Type": "application/json", "X-Trace": "t1"},
        "body": {"title": "T"},
    }


def test_one_name_in_four_places_becomes_four_arguments() -> None:
    found = operation(
        {
            "parameters": [parameter("id", "path"), parameter("id"), parameter("id", "header")],
            **body({"type": "object", "properties": {"id": {"type": "string"}}}),
        },
        "/things/{id}",
    )
    assert list(found["inputSchema"]["properties"]) == ["id", "query_id", "header_id", "body_id"]
    assert sent(found, {"id": "p", "query_id": "q", "header_id": "h", "body_id": "b"}) == {
        "method": "POST",
        "path": "/v1/things/p",
        "query": [("id", "q")],
        "headers": {"Content-Type": "application/json", "id": "h"},
        "body": {"id": "b"},
    }


def test_a_parameter_of_the_path_item_holds_unless_the_operation_has_its_own() -> None:
    item = {
        "parameters": [parameter("a", schema={"type": "integer"}), parameter("b", schema={"type": "integer"})],
        "get": {"parameters": [parameter("b", schema={"type": "boolean"}, required=True)]},
    }
    schema = reading({"/x": item}).detail("GET /x").operation["inputSchema"]
    assert schema["properties"]["a"]["type"] == "integer"
    assert schema["properties"]["b"]["type"] == "boolean"
    assert schema["required"] == ["b"]


@pytest.mark.parametrize("name", ["filter[state]", "$top", "user.name", "größe", "a" * 90, "[]", "x y"])
def test_a_name_that_models_clients_do_not_take_gets_another_and_is_sent_as_it_is(name: str) -> None:
    found = operation({"parameters": [parameter(name)]}, method="get")
    (argument,) = found["inputSchema"]["properties"]
    assert 1 <= len(argument) <= 64
    assert all(char.isascii() and (char.isalnum() or char in "_-") for char in argument)
    assert sent(found, {argument: "v"})["query"] == [(name, "v")]


@pytest.mark.parametrize(
    ("style", "explode", "value", "query"),
    [
        (None, None, ["a", "b"], [("p", "a"), ("p", "b")]),
        ("form", True, ["a", "b"], [("p", "a"), ("p", "b")]),
        ("form", False, "a,b", [("p", "a,b")]),
        ("spaceDelimited", None, "a b", [("p", "a b")]),
        ("pipeDelimited", False, "a|b", [("p", "a|b")]),
    ],
)
def test_a_list_in_the_query_is_sent_in_its_style(style: Any, explode: Any, value: Any, query: Any) -> None:
    more = {name: given for name, given in (("style", style), ("explode", explode)) if given is not None}
    schema = {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}}
    found = operation({"parameters": [parameter("p", schema=schema, **more)]}, method="get")
    assert sent(found, {"p": value})["query"] == query
    if isinstance(value, str):
        assert "Each one of: a, b." in found["inputSchema"]["properties"]["p"]["description"]


@pytest.mark.parametrize(
    ("style", "arguments", "query"),
    [
        ("deepObject", {"filter_state": "open", "filter_age": 3}, [("filter[state]", "open"), ("filter[age]", "3")]),
        ("form", {"state": "open", "age": 3}, [("state", "open"), ("age", "3")]),
    ],
)
def test_an_object_in_the_query_is_asked_for_member_by_member(style: str, arguments: Any, query: Any) -> None:
    schema = {
        "type": "object",
        "properties": {"state": {"type": "string"}, "age": {"type": "integer"}},
        "required": ["state"],
    }
    one = parameter("filter", schema={"$ref": "#/components/schemas/F"}, style=style, required=True)
    found = operation({"parameters": [one]}, method="get", components={"schemas": {"F": schema}})
    assert found["inputSchema"]["required"] == [next(iter(arguments))]
    assert sent(found, arguments)["query"] == query


@pytest.mark.parametrize(("style", "path"), [("simple", "/v1/x/5"), ("label", "/v1/x/.5"), ("matrix", "/v1/x/;id=5")])
def test_a_parameter_of_the_path_is_sent_in_its_style(style: str, path: str) -> None:
    found = operation({"parameters": [parameter("id", "path", style=style)]}, "/x/{id}", "get")
    assert sent(found, {"id": "5"})["path"] == path


def test_a_parameter_that_the_path_has_and_nobody_describes_is_asked_for() -> None:
    found = operation({}, "/x/{id}/{other}", "get")
    assert found["inputSchema"]["required"] == ["id", "other"]
    assert sent(found, {"id": "a/b", "other": "c"})["path"] == "/v1/x/a%2Fb/c"


def test_a_parameter_given_as_json_is_sent_as_json() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    one = {"name": "where", "in": "query", "content": {"application/json": {"schema": schema}}}
    found = operation({"parameters": [one]}, method="get")
    assert sent(found, {"where": {"a": 1}})["query"] == [("where", '{"a":1}')]


WHOLE: list[Any] = [
    {"type": "array", "items": {"type": "integer"}},
    {"type": "string"},
    {"oneOf": [{"type": "object", "required": ["a"]}, {"type": "object", "required": ["b"]}]},
    {"type": "object", "additionalProperties": {"type": "string"}, "properties": {"a": {"type": "string"}}},
    {"type": "object"},
    True,
    {},
]


@pytest.mark.parametrize("schema", WHOLE)
def test_a_body_that_is_more_than_its_members_is_one_argument(schema: Any) -> None:
    found = operation(body(schema))
    assert list(found["inputSchema"]["properties"]) == ["body"]
    assert found["inputSchema"]["required"] == ["body"]
    value: Any = [1, 2] if isinstance(schema, dict) and schema.get("type") == "array" else {"a": "x"}
    value = "text" if schema == {"type": "string"} else value
    assert sent(found, {"body": value})["body"] == value


def test_a_body_put_together_from_parts_is_its_members() -> None:
    schemas = {
        "Base": {"type": "object",
                 "properties": {"id": {"type": "integer", "readOnly": True}, "a": {"type": "string"}}},
        "More": {"allOf": [{"$ref": "#/components/schemas/Base"}, {"properties": {"b": {"type": "integer"}}}],
                 "required": ["a"]},
    }  # fmt: skip
    found = operation(body({"$ref": "#/components/schemas/More"}), components={"schemas": schemas})
    assert list(found["inputSchema"]["properties"]) == ["a", "b"]
    assert found["inputSchema"]["required"] == ["a"]
    assert sent(found, {"a": "x", "b": 2})["body"] == {"a": "x", "b": 2}


def test_a_body_that_may_be_left_out_asks_for_none_of_its_members() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    assert "required" not in operation(body(schema, required=False))["inputSchema"]
    assert "required" not in operation(body({**schema, "required": []}, required=False))["inputSchema"]


def test_a_recursive_body_keeps_its_members_and_its_references() -> None:
    node = {"type": "object", "properties": {"name": {"type": "string"}, "next": {"$ref": "#/components/schemas/Node"}}}
    found = operation(body({"$ref": "#/components/schemas/Node"}), components={"schemas": {"Node": node}})
    value = {"name": "a", "next": {"name": "b", "next": {"name": "c"}}}
    assert sent(found, value)["body"] == value
    assert not Draft202012Validator(found["inputSchema"]).is_valid({"next": {"next": {"name": 1}}})


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "application/vnd.acme+json", "*/*"])
def test_every_kind_of_json_is_sent(kind: str) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    found = operation({"requestBody": {"required": True, "content": {"text/xml": {}, kind: {"schema": schema}}}})
    assert sent(found, {"a": "x"})["body"] == {"a": "x"}


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (
            {"requestBody": {"required": True, "content": {"multipart/form-data": {}}}},
            "multipart/form-data, and drio sends",
        ),
        ({"parameters": [parameter("sid", "cookie", required=True)]}, "sid is sent as a cookie, and drio sends none"),
        ({"parameters": [parameter("Host", "header", required=True)]}, "a header that drio sets itself"),
        ({"requestBody": {"$ref": "https://evil.example/b.json"}}, "refers to another document"),
    ],
)
def test_what_cannot_be_sent_and_is_needed_keeps_an_operation_from_being_taken(found: Any, says: str) -> None:
    (offered,) = reading({"/x": {"post": found}}).offered()
    assert says in offered.obstacle


@pytest.mark.parametrize("path", ["/a/../b", "/a/{", "/{}", "/a\\b", "/%2e%2e/x", "/" + "a" * 3000])
def test_a_path_that_cannot_be_sent_keeps_an_operation_from_being_taken(path: str) -> None:
    (offered,) = reading({path: {"get": {}}}).offered()
    assert offered.obstacle.startswith("Its path")


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (
            {"requestBody": {"content": {"text/csv": {}}}},
            "The body is text/csv, and drio sends JSON only: it is left out.",
        ),
        ({"parameters": [parameter("sid", "cookie")]}, "sid is sent as a cookie, and drio sends none: it is left out."),
        ({"parameters": [{"$ref": "other.json#/p"}]}, "A parameter refers to another document (other.json#/p)"),
        ({"parameters": [{"$ref": "#/nowhere"}]}, "A parameter refers to #/nowhere, which is not there"),
        ({"parameters": [{"in": "query"}]}, "A parameter has no name or no place"),
        ({"parameters": [parameter("id", "path")]}, "The parameter id is not part of the path"),
        ({"parameters": [parameter("a", "moon")]}, "goes to 'moon', where nothing can be sent"),
    ],
)
def test_what_cannot_be_sent_and_is_not_needed_is_left_out_and_told_of(found: Any, says: str) -> None:
    (offered,) = reading({"/x": {"post": found}}).offered()
    assert not offered.obstacle
    assert any(says in note for note in offered.notes)
    assert not offered.arguments


def test_headers_that_mean_nothing_in_a_document_are_passed_over() -> None:
    listed = [parameter(name, "header", required=True) for name in ("Accept", "Content-Type", "Authorization")]
    (offered,) = reading({"/x": {"get": {"parameters": listed}}}).offered()
    assert not offered.arguments
    assert not offered.obstacle
    assert not offered.notes


def test_what_a_document_tells_and_shows_of_an_argument_is_kept() -> None:
    one = parameter("q", schema={"type": "string"}, description="What to look for.", example="cats", deprecated=True)
    media = {"examples": {"one": {"value": {"name": "Tom"}}}}
    schema = {"type": "object", "properties": {"name": {"type": "string"}}}
    properties = operation({"parameters": [one], **body(schema, **media)})["inputSchema"]["properties"]
    assert properties["q"] == {
        "type": "string", "description": "What to look for.", "examples": ["cats"], "deprecated": True, "x-in": "query",
    }  # fmt: skip
    assert properties["name"]["examples"] == ["Tom"]


def test_no_other_arguments_are_taken_so_that_a_model_cannot_invent_any() -> None:
    found = operation({"parameters": [parameter("q")]}, method="get")
    assert not Draft202012Validator(found["inputSchema"]).is_valid({"q": "x", "invented": 1})


def test_hundreds_of_parameters_are_bounded() -> None:
    listed = [parameter(f"p{n}") for n in range(2_000)]
    (offered,) = reading({"/x": {"get": {"parameters": listed}}}).offered()
    assert offered.arguments == 300
