"""The arguments of an operation: each is sent at the location and in the style that the document declares."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from jsonschema import Draft202012Validator

from drio_tui.tool_calls.requests import BadArgument, build, mapping_errors
from drio_tui.workspace.lint import path_parameters
from tests.openapi_import.documents import body, operation, parameter, parser_of


def sent(operation_body: dict[str, Any], arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the request that a call of this operation sends, decoded as a server would."""
    assert not list(mapping_errors(operation_body))
    Draft202012Validator(operation_body["inputSchema"]).validate(arguments)
    request = build({"baseUrl": "https://api.example.com/v1"}, operation_body, arguments)
    url = urlsplit(request.url)
    headers = {name: value for name, value in request.headers.items() if name not in ("Accept", "User-Agent")}
    body: Any = request.body
    if body is not None and "json" in headers["Content-Type"]:
        body = json.loads(body)
    return {
        "method": request.method,
        "path": url.path,
        "query": parse_qsl(url.query, keep_blank_values=True),
        "headers": headers,
        "body": body,
    }


def test_arguments_are_sent_in_path_query_header_and_body() -> None:
    operation_body = operation(
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
    assert operation_body["inputSchema"]["required"] == ["id", "title"]
    assert sent(operation_body, {"id": 7, "expand": ["a", "b"], "X-Trace": "t1", "title": "T"}) == {
        "method": "PUT",
        "path": "/v1/things/7",
        "query": [("expand", "a"), ("expand", "b")],
        "headers": {"Content-Type": "application/json", "X-Trace": "t1"},
        "body": {"title": "T"},
    }


def test_one_name_in_four_locations_becomes_four_arguments() -> None:
    operation_body = operation(
        {
            "parameters": [parameter("id", "path"), parameter("id"), parameter("id", "header")],
            **body({"type": "object", "properties": {"id": {"type": "string"}}}),
        },
        "/things/{id}",
    )
    assert list(operation_body["inputSchema"]["properties"]) == ["id", "query_id", "header_id", "body_id"]
    assert sent(operation_body, {"id": "p", "query_id": "q", "header_id": "h", "body_id": "b"}) == {
        "method": "POST",
        "path": "/v1/things/p",
        "query": [("id", "q")],
        "headers": {"Content-Type": "application/json", "id": "h"},
        "body": {"id": "b"},
    }


def test_parameters_of_the_operation_override_those_of_the_path_item() -> None:
    item = {
        "parameters": [parameter("a", schema={"type": "integer"}), parameter("b", schema={"type": "integer"})],
        "get": {"parameters": [parameter("b", schema={"type": "boolean"}, required=True)]},
    }
    schema = parser_of({"/x": item}).detail("GET /x").operation["inputSchema"]
    assert schema["properties"]["a"]["type"] == "integer"
    assert schema["properties"]["b"]["type"] == "boolean"
    assert schema["required"] == ["b"]


@pytest.mark.parametrize("name", ["filter[state]", "$top", "user.name", "größe", "a" * 90, "[]", "x y"])
def test_a_name_that_ai_clients_reject_is_replaced_and_sent_unchanged(name: str) -> None:
    operation_body = operation({"parameters": [parameter(name)]}, method="get")
    (argument,) = operation_body["inputSchema"]["properties"]
    assert 1 <= len(argument) <= 64
    assert all(char.isascii() and (char.isalnum() or char in "_-") for char in argument)
    assert sent(operation_body, {argument: "v"})["query"] == [(name, "v")]


LIST = {"type": "array", "items": {"type": "string"}}
OBJECT = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}}
DEEP = {
    "type": "object",
    "properties": {"id": {"type": "string"}, "tags": LIST, "geo": {"type": "object", "properties": {"lat": {}}},
                   "rows": {"type": "array", "items": OBJECT}},
}  # fmt: skip
UNION = {"anyOf": [OBJECT, LIST, {"type": "integer"}, {"type": "null"}]}


@pytest.mark.parametrize(
    ("schema", "style", "explode", "value", "query"),
    [
        # The rows of the table in OpenAPI 3.1, "Style Examples".
        (LIST, None, None, ["a", "b c"], "p=a&p=b%20c"),
        (LIST, "form", True, ["a", "b"], "p=a&p=b"),
        (LIST, "form", False, ["a,b", "c"], "p=a%2Cb,c"),
        (LIST, None, False, ["a", "b"], "p=a,b"),
        (LIST, "spaceDelimited", None, ["a", "b"], "p=a%20b"),
        (LIST, "pipeDelimited", False, ["a", "b"], "p=a%7Cb"),
        (LIST, "pipeDelimited", True, ["a", "b"], "p=a&p=b"),
        (OBJECT, None, None, {"a": "x", "b": 3}, "a=x&b=3"),
        (OBJECT, "form", False, {"a": "x", "b": 3}, "p=a,x,b,3"),
        (OBJECT, "spaceDelimited", False, {"a": "x", "b": 3}, "p=a%20x%20b%203"),
        (OBJECT, "pipeDelimited", False, {"a": "x", "b": 3}, "p=a%7Cx%7Cb%7C3"),
        (OBJECT, "deepObject", True, {"a": "x", "b": 3}, "p%5Ba%5D=x&p%5Bb%5D=3"),
        # Values that OpenAPI does not define, in the form that servers with that style accept.
        (LIST, "deepObject", True, ["a", "b"], "p%5B%5D=a&p%5B%5D=b"),
        (DEEP, "deepObject", True, {"id": "1", "tags": ["a"], "geo": {"lat": 2}}, "p[id]=1&p[tags][]=a&p[geo][lat]=2"),
        (DEEP, "deepObject", True, {"rows": [{"a": "x"}, {"b": 1}]}, "p[rows][0][a]=x&p[rows][1][b]=1"),
        (UNION, "deepObject", True, {"b": 3}, "p[b]=3"),
        (UNION, "deepObject", True, 7, "p=7"),
        (UNION, "form", False, ["a", "b"], "p=a,b"),
        (UNION, "form", False, None, ""),
        ({"type": "object", "additionalProperties": {"type": "string"}}, "deepObject", True, {"k l": "v"}, "p[k l]=v"),
        ({"type": ["array", "null"], "items": {}}, "form", True, [1, 2], "p=1&p=2"),
    ],
)
def test_a_value_in_the_query_is_sent_in_its_style(
    schema: Any, style: Any, explode: Any, value: Any, query: str
) -> None:
    more = {name: option for name, option in (("style", style), ("explode", explode)) if option is not None}
    operation_body = operation({"parameters": [parameter("p", schema=schema, **more)]}, method="get")
    actual = urlsplit(build({"baseUrl": "https://api.example.com/v1"}, operation_body, {"p": value}).url).query
    if "[" in query:
        assert parse_qsl(actual) == parse_qsl(query)
    else:
        assert actual == query
    assert sent(operation_body, {"p": value})
    keywords = operation_body["inputSchema"]["properties"]["p"].keys() - {"x-in", "x-style", "x-explode"}
    assert keywords == schema.keys()


def test_a_required_property_of_an_object_in_the_query_is_required() -> None:
    schema = {**OBJECT, "required": ["a"]}
    required = parameter("filter", schema={"$ref": "#/components/schemas/F"}, style="deepObject", required=True)
    operation_body = operation({"parameters": [required]}, method="get", components={"schemas": {"F": schema}})
    assert operation_body["inputSchema"]["required"] == ["filter"]
    assert not Draft202012Validator(operation_body["inputSchema"]).is_valid({"filter": {"b": 1}})
    assert sent(operation_body, {"filter": {"a": "x"}})["query"] == [("filter[a]", "x")]
    optional = parameter("filter", schema=schema, style="deepObject")
    operation_body = operation({"parameters": [optional]}, method="get")
    assert not operation_body["inputSchema"].get("required")
    assert Draft202012Validator(operation_body["inputSchema"]).is_valid({})


@pytest.mark.parametrize(
    ("schema", "style", "explode", "noted"),
    [
        ({"type": "array", "items": OBJECT}, "form", True, True),
        ({"type": "array", "items": LIST}, "form", False, True),
        ({"type": "object", "properties": {"a": OBJECT}}, "form", True, True),
        ({"type": "object", "properties": {"a": LIST}}, "form", False, True),
        ({"type": "object", "properties": {"a": LIST}}, "form", True, False),
        (DEEP, "deepObject", True, False),
        (LIST, "tsv", False, True),
    ],
)
def test_values_that_a_style_cannot_express_are_noted(schema: Any, style: str, explode: bool, noted: bool) -> None:
    item = {"get": {"parameters": [parameter("p", schema=schema, style=style, explode=explode)]}}
    (summary,) = parser_of({"/x": item}).summaries()
    assert bool(summary.notes) == noted
    assert all(note.startswith("The parameter p ") for note in summary.notes)


@pytest.mark.parametrize(
    ("schema", "style", "explode", "value", "path"),
    [
        ({"type": "string"}, "simple", None, "5", "5"),
        ({"type": "string"}, "label", None, "5", ".5"),
        ({"type": "string"}, "matrix", None, "5", ";id=5"),
        (LIST, "simple", False, ["a", "b/c"], "a,b%2Fc"),
        (LIST, "label", False, ["a", "b"], ".a,b"),
        (LIST, "label", True, ["a", "b"], ".a.b"),
        (LIST, "matrix", False, ["a", "b"], ";id=a,b"),
        (LIST, "matrix", True, ["a", "b"], ";id=a;id=b"),
        (OBJECT, "simple", False, {"a": "x", "b": 3}, "a,x,b,3"),
        (OBJECT, "simple", True, {"a": "x", "b": 3}, "a=x,b=3"),
        (OBJECT, "label", True, {"a": "x", "b": 3}, ".a=x.b=3"),
        (OBJECT, "matrix", False, {"a": "x", "b": 3}, ";id=a,x,b,3"),
        (OBJECT, "matrix", True, {"a": "x", "b": 3}, ";a=x;b=3"),
        ({"type": ["string", "null"]}, "simple", None, "5", "5"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "simple", None, 5, "5"),
    ],
)
def test_a_path_parameter_is_sent_in_its_style(schema: Any, style: str, explode: Any, value: Any, path: str) -> None:
    more = {} if explode is None else {"explode": explode}
    operation_body = operation({"parameters": [parameter("id", "path", schema, style=style, **more)]}, "/x/{id}", "get")
    assert sent(operation_body, {"id": value})["path"] == f"/v1/x/{path}"
    assert path_parameters.unsendable_arguments(operation_body["path"], operation_body["inputSchema"]) == []
    assert not Draft202012Validator(operation_body["inputSchema"]).is_valid({"id": None})


@pytest.mark.parametrize(
    ("explode", "value", "header"),
    [(False, {"a": "x", "b": 3}, "a,x,b,3"), (True, {"a": "x", "b": 3}, "a=x,b=3"), (False, ["a", "b"], "a, b")],
)
def test_a_header_with_several_values_is_sent_in_its_style(explode: bool, value: Any, header: str) -> None:
    operation_body = operation({"parameters": [parameter("X-P", "header", {"anyOf": [OBJECT, LIST]}, explode=explode)]})
    assert sent(operation_body, {"X-P": value})["headers"]["X-P"] == header


@pytest.mark.parametrize(
    ("template", "name", "value", "path"),
    [
        ("/{id:[0-9]+}", "id", 5, "/5"),
        ("/{id:[0-9]{3}}/x", "id", 500, "/500/x"),
        ("/{id:int}", "id", 5, "/5"),
        ("/{id?}", "id", 5, "/5"),
        ("/{+path}", "path", "a/b c", "/a/b%20c"),
        ("/{path*}", "path", "a/b", "/a/b"),
        ("/{rest:path}", "rest", "a/b?c", "/a/b%3Fc"),
        ("/{name=projects/*}:run", "name", "projects/1", "/projects/1:run"),
        ("/{a b}", "a b", "x/y", "/x%2Fy"),
        ("/ż/{użytkownik}", "użytkownik", "ó", "/%C5%BC/%C3%B3"),
        ("/{filter[id]}.json", "filter[id]", "x", "/x.json"),
        ("/{a:b}", "a:b", "x", "/x"),
        ("/c++/a b/{id}", "id", "1", "/c++/a%20b/1"),
    ],
)
def test_path_templates_of_any_syntax_are_filled(template: str, name: str, value: Any, path: str) -> None:
    operation_body = operation({"parameters": [parameter(name, "path", {})]}, template, "get")
    (argument,) = operation_body["inputSchema"]["properties"]
    assert sent(operation_body, {argument: value})["path"] == f"/v1{path}"
    assert path_parameters.find_path_errors(operation_body["path"]) == []
    assert path_parameters.missing(operation_body["path"], operation_body["inputSchema"]) == []


def test_a_path_parameter_with_slashes_cannot_contain_dot_segments() -> None:
    operation_body = operation({"parameters": [parameter("path", "path")]}, "/files/{+path}", "get")
    with pytest.raises(BadArgument):
        build({"baseUrl": "https://api.example.com/v1"}, operation_body, {"path": "../../admin"})


def test_undeclared_path_parameters_are_required_arguments() -> None:
    operation_body = operation({}, "/x/{id}/{other}", "get")
    assert operation_body["inputSchema"]["required"] == ["id", "other"]
    assert sent(operation_body, {"id": "a/b", "other": "c"})["path"] == "/v1/x/a%2Fb/c"


def test_a_parameter_with_json_content_is_sent_as_json() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    json_parameter = {"name": "where", "in": "query", "content": {"application/json": {"schema": schema}}}
    operation_body = operation({"parameters": [json_parameter]}, method="get")
    assert sent(operation_body, {"where": {"a": 1}})["query"] == [("where", '{"a":1}')]


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
def test_a_body_without_a_fixed_set_of_properties_is_one_argument(schema: Any) -> None:
    operation_body = operation(body(schema))
    assert list(operation_body["inputSchema"]["properties"]) == ["body"]
    assert operation_body["inputSchema"]["required"] == ["body"]
    value: Any = [1, 2] if isinstance(schema, dict) and schema.get("type") == "array" else {"a": "x"}
    value = "text" if schema == {"type": "string"} else value
    assert sent(operation_body, {"body": value})["body"] == value


def test_the_properties_of_a_composed_body_are_arguments() -> None:
    schemas = {
        "Base": {"type": "object",
                 "properties": {"id": {"type": "integer", "readOnly": True}, "a": {"type": "string"}}},
        "More": {"allOf": [{"$ref": "#/components/schemas/Base"}, {"properties": {"b": {"type": "integer"}}}],
                 "required": ["a"]},
    }  # fmt: skip
    operation_body = operation(body({"$ref": "#/components/schemas/More"}), components={"schemas": schemas})
    assert list(operation_body["inputSchema"]["properties"]) == ["a", "b"]
    assert operation_body["inputSchema"]["required"] == ["a"]
    assert sent(operation_body, {"a": "x", "b": 2})["body"] == {"a": "x", "b": 2}


def test_an_optional_body_has_no_required_arguments() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    assert "required" not in operation(body(schema, required=False))["inputSchema"]
    assert "required" not in operation(body({**schema, "required": []}, required=False))["inputSchema"]


def test_a_recursive_body_keeps_its_properties_and_references() -> None:
    node = {"type": "object", "properties": {"name": {"type": "string"}, "next": {"$ref": "#/components/schemas/Node"}}}
    operation_body = operation(body({"$ref": "#/components/schemas/Node"}), components={"schemas": {"Node": node}})
    value = {"name": "a", "next": {"name": "b", "next": {"name": "c"}}}
    assert sent(operation_body, value)["body"] == value
    assert not Draft202012Validator(operation_body["inputSchema"]).is_valid({"next": {"next": {"name": 1}}})


@pytest.mark.parametrize(
    ("kind", "content_type"),
    [
        ("application/json; charset=utf-8", "application/json; charset=utf-8"),
        ("application/vnd.acme+json", "application/vnd.acme+json"),
        ("application/merge-patch+json", "application/merge-patch+json"),
        ("*/*", "application/json"),
    ],
)
def test_json_is_sent_with_its_declared_media_type(kind: str, content_type: str) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    operation_body = operation(
        {"requestBody": {"required": True, "content": {"text/xml": {}, kind: {"schema": schema}}}}
    )
    assert sent(operation_body, {"a": "x"})["body"] == {"a": "x"}
    assert sent(operation_body, {"a": "x"})["headers"]["Content-Type"] == content_type


def form(schema: Any, encoding: Any = None, **more: Any) -> dict[str, Any]:
    """Return an Operation Object with a form as its request body."""
    media = {"schema": schema} | ({"encoding": encoding} if encoding else {})
    return {"requestBody": {"content": {"application/x-www-form-urlencoded": media}, **more}}


@pytest.mark.parametrize(
    ("encoding", "value", "pairs"),
    [
        ({}, {"a": "x y&z", "b": True}, b"a=x+y%26z&b=true"),
        ({}, {"list": ["a", "b"]}, b"list=a&list=b"),
        ({}, {"object": {"k": [1]}}, b"object=%7B%22k%22%3A%5B1%5D%7D"),
        ({}, {"a": None, "b": "two\nlines"}, b"b=two%0Alines"),
        ({"list": {"style": "form", "explode": False}}, {"list": ["a", "b"]}, b"list=a,b"),
        ({"list": {"style": "deepObject", "explode": True}}, {"list": ["a"]}, b"list%5B%5D=a"),
        ({"object": {"style": "deepObject", "explode": True}}, {"object": {"k": [1]}}, b"object%5Bk%5D%5B%5D=1"),
        ({"list": {"contentType": "application/json"}}, {"list": [1]}, b"list=%5B1%5D"),
        ({}, {}, b""),
    ],
)
@pytest.mark.parametrize("whole", [False, True])
def test_a_form_is_sent_with_its_encoding(encoding: Any, value: Any, pairs: bytes, whole: bool) -> None:
    schema: Any = {"type": "object", "properties": {"a": {}, "b": {}, "list": {"type": "array"}, "object": {}}}
    schema |= {"additionalProperties": {}} if whole else {}
    request = sent(operation(form(schema, encoding)), {"body": value} if whole else value)
    assert request["headers"]["Content-Type"] == "application/x-www-form-urlencoded"
    assert request["body"] == pairs


def test_a_text_body_is_sent_unchanged() -> None:
    operation_body = operation({"requestBody": {"content": {"text/plain": {"schema": {"type": "string"}}}}})
    assert sent(operation_body, {"body": "a: 1\nb"})["body"] == b"a: 1\nb"
    assert sent(operation_body, {"body": "a"})["headers"]["Content-Type"] == "text/plain"
    assert sent(operation_body, {"body": "ż"})["headers"]["Content-Type"] == "text/plain; charset=utf-8"
    assert sent(operation_body, {})["body"] is None


@pytest.mark.parametrize(
    ("kinds", "accept"),
    [
        (["application/json", "text/csv"], "application/json, text/*;q=0.5, */*;q=0.1"),
        ([], "application/json, text/*;q=0.5, */*;q=0.1"),
        (["application/vnd.api+json"], "application/vnd.api+json, */*;q=0.1"),
        (["image/png", "text/csv", "application/hal+json"],
         "application/hal+json, text/csv;q=0.5, image/png;q=0.5, */*;q=0.1"),
        (["text/csv"], "text/csv, */*;q=0.1"),
    ],
)  # fmt: skip
def test_the_accept_header_lists_the_declared_media_types(kinds: list[str], accept: str) -> None:
    content = {kind: {"schema": {}} for kind in kinds}
    declared = {"200": {"description": "", "content": content}, "404": {"content": {"application/problem+json": {}}}}
    operation_body = operation({"responses": declared}, method="get")
    assert build({"baseUrl": "https://a.example"}, operation_body, {}).headers["Accept"] == accept
    fixed = {"baseUrl": "https://a.example", "config": {"headers": {"accept": "text/html"}}}
    assert [*build(fixed, operation_body, {}).headers] == ["User-Agent", "accept"]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            {"requestBody": {"required": True, "content": {"multipart/form-data": {}}}},
            "multipart/form-data, and only JSON",
        ),
        ({"requestBody": {"content": {"application/octet-stream": {}}}}, "Its body is application/octet-stream, and"),
        (form({"type": "array"}), "Its body is a form, and its schema is not that of an object."),
        ({"requestBody": {"content": {"text/xml": {"schema": OBJECT}}}}, "Its body is an object or a list as text/xml"),
        ({"parameters": [parameter("sid", "cookie", required=True)]}, "sid is sent as a cookie, and none are sent"),
        ({"parameters": [parameter("Host", "header", required=True)]}, "a header that is set automatically"),
        ({"requestBody": {"$ref": "https://evil.example/b.json"}}, "refers to another document"),
    ],
)
def test_required_parts_that_cannot_be_sent_block_the_operation(value: Any, message: str) -> None:
    (summary,) = parser_of({"/x": {"post": value}}).summaries()
    assert message in summary.obstacle


@pytest.mark.parametrize("path", ["/a/../b", "/a/{", "/{}", "/a\\b", "/%2e%2e/x", "/{/x}", "/" + "a" * 3000])
def test_an_invalid_path_blocks_the_operation(path: str) -> None:
    (summary,) = parser_of({path: {"get": {}}}).summaries()
    assert summary.obstacle.startswith("Its path")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"parameters": [parameter("sid", "cookie")]}, "sid is sent as a cookie, and none are sent: it is left out."),
        ({"parameters": [{"$ref": "other.json#/p"}]}, "A parameter refers to another document (other.json#/p)"),
        ({"parameters": [{"$ref": "#/nowhere"}]}, "A parameter refers to #/nowhere, which is not there"),
        ({"parameters": [{"in": "query"}]}, "A parameter has no name or no place"),
        ({"parameters": [parameter("id", "path")]}, "The parameter id is not part of the path"),
        ({"parameters": [parameter("a", "moon")]}, "goes to 'moon', where nothing can be sent"),
        ({"parameters": [parameter("a\x1b", "query")]}, "has control characters in its name: it is left out."),
    ],
)
def test_optional_parts_that_cannot_be_sent_are_left_out_with_a_note(value: Any, message: str) -> None:
    (summary,) = parser_of({"/x": {"post": value}}).summaries()
    assert not summary.obstacle
    assert any(message in note for note in summary.notes)
    assert not summary.arguments


def test_an_unsupported_body_of_a_get_is_left_out_with_a_note() -> None:
    body = {"requestBody": {"content": {"multipart/form-data": {}}}}
    (summary,) = parser_of({"/x": {"get": body}}).summaries()
    assert not summary.obstacle
    assert "The body is multipart/form-data, and only JSON" in summary.notes[0]


def test_header_parameters_without_meaning_are_ignored() -> None:
    listed = [parameter(name, "header", required=True) for name in ("Accept", "Content-Type", "Authorization")]
    (summary,) = parser_of({"/x": {"get": {"parameters": listed}}}).summaries()
    assert not summary.arguments
    assert not summary.obstacle
    assert not summary.notes


def test_descriptions_and_examples_of_arguments_are_kept() -> None:
    query_parameter = parameter(
        "q", schema={"type": "string"}, description="What to look for.", example="cats", deprecated=True
    )
    media = {"examples": {"one": {"value": {"name": "Tom"}}}}
    schema = {"type": "object", "properties": {"name": {"type": "string"}}}
    properties = operation({"parameters": [query_parameter], **body(schema, **media)})["inputSchema"]["properties"]
    assert properties["q"] == {
        "type": "string", "description": "What to look for.", "examples": ["cats"], "deprecated": True, "x-in": "query",
    }  # fmt: skip
    assert properties["name"]["examples"] == ["Tom"]


def test_undeclared_arguments_are_rejected() -> None:
    operation_body = operation({"parameters": [parameter("q")]}, method="get")
    assert not Draft202012Validator(operation_body["inputSchema"]).is_valid({"q": "x", "invented": 1})


def test_the_number_of_arguments_is_limited() -> None:
    listed = [parameter(f"p{n}") for n in range(2_000)]
    (summary,) = parser_of({"/x": {"get": {"parameters": listed}}}).summaries()
    assert summary.arguments == 300
