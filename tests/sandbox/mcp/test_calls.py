"""Calls of deployed tools: the request to the upstream, the result, and the chain."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qs, parse_qsl

import pytest

from drio_tui.api.client import DrioClient
from drio_tui.api.transport import Transport
from drio_tui.workspace.deploy.model_view import expected
from drio_tui.workspace.lint.preflight import preflight
from drio_tui.workspace.model.loader import load_app
from drio_tui.workspace.model.snapshot import Snapshot
from tests.sandbox.mcp.conftest import ReceivedRequest, ServedSandbox, Upstream, http_response
from tests.workspace.saving_world import Token

pytestmark = pytest.mark.socket


def object_schema(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


async def test_arguments_are_placed_in_path_query_and_body(lax: ServedSandbox, upstream: Upstream) -> None:
    text = {"type": "string"}
    app, _ = await lax.create_tool(
        upstream.base_url + "/v1/?key=fixed", name="Read", path="/contacts/{contactId}/notes",
        inputSchema=object_schema(contactId=text, q=text, tags={"type": "array"}, deep={"type": "boolean"}),
        headers={"X-Company": "Acme"},
    )  # fmt: skip
    await lax.create_tool(
        upstream.base_url, app=app, name="Write", method="PUT", path="/contacts/{contactId}",
        inputSchema=object_schema(
            contactId=text, name=text, age={"type": "integer"}, note={"type": ["string", "null"]}
        ),
    )  # fmt: skip
    await lax.create_tool(upstream.base_url, app=app, name="Remove", method="DELETE", path="/contacts/{contactId}",
                   inputSchema=object_schema(force={"type": "boolean"}))  # fmt: skip
    endpoint = await lax.deploy(app)
    async with lax.client(endpoint) as client:
        await client.call_tool("read", {"contactId": "a/b ?#%é", "q": "x & y", "tags": ["p", 2], "deep": True})
        await client.call_tool("write", {"contactId": "7", "name": "Zoë", "age": 3, "note": None})
        await client.call_tool("remove", {"contactId": "7", "force": False})
    read, write, remove = upstream.requests
    path, _, query = read.target.partition("?")
    assert path == "/v1/contacts/a%2Fb%20%3F%23%25%C3%A9/notes"
    assert parse_qsl(query) == [("key", "fixed"), ("q", "x & y"), ("tags", "p"), ("tags", "2"), ("deep", "true")]
    assert read.headers["x-company"] == "Acme"
    assert (write.method, write.target) == ("PUT", "/contacts/7")
    assert json.loads(write.body) == {"name": "Zoë", "age": 3, "note": None}
    assert write.headers["content-type"] == "application/json"
    assert (remove.method, remove.target, remove.body) == ("DELETE", "/contacts/7?force=false", b"")


async def test_schema_hints_place_arguments_and_are_hidden_from_models(lax: ServedSandbox, upstream: Upstream) -> None:
    schema = object_schema(
        dryRun={"type": "boolean", "x-in": "query", "x-name": "dry-run"},
        trace={"type": "string", "x-in": "header", "x-name": "X-Trace"},
        contact={"type": "string", "x-in": "path", "x-name": "id"},
        payload={"type": "array", "x-in": "body", "x-whole": True},
    )
    app, _ = await lax.create_tool(upstream.base_url, method="POST", path="/contacts/{id}", inputSchema=schema)
    endpoint = await lax.deploy(app)
    async with lax.client(endpoint) as client:
        (tool,) = (await client.list_tools()).tools
        assert "x-" not in json.dumps(tool.input_schema)
        await client.call_tool("do-it", {"dryRun": True, "trace": "abc", "contact": "p 1", "payload": [1, "two"]})
    (seen,) = upstream.requests
    assert seen.target == "/contacts/p%201?dry-run=true"
    assert seen.headers["x-trace"] == "abc"
    assert json.loads(seen.body) == [1, "two"]


async def test_path_parameter_missing_in_the_schema_is_required(lax: ServedSandbox, upstream: Upstream) -> None:
    app, _ = await lax.create_tool(
        upstream.base_url, path="/a/{one}/{two}", inputSchema=object_schema(one={"type": "string"})
    )
    endpoint = await lax.deploy(app)
    async with lax.client(endpoint) as client:
        (tool,) = (await client.list_tools()).tools
        assert tool.input_schema["required"] == ["two"]
        missing = await client.call_tool("do-it", {"two": "2"})
        assert missing.is_error
        assert "one is missing" in missing.content[0].text
        await client.call_tool("do-it", {"one": "1", "two": "2"})
    assert [seen.target for seen in upstream.requests] == ["/a/1/2"]


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [
        ({"id": "a\r\nX-Evil: 1"}, "id"),
        ({"id": "a\x00b"}, "id"),
        ({"id": ".."}, "id"),
        ({"id": "."}, "id"),
        ({"id": ""}, "id"),
        ({"id": "ok", "q": "a\r\nb"}, "q"),
        ({"id": "ok", "q": "a\x00"}, "q"),
        ({"id": "ok", "h": "a\r\nX-Evil: 1"}, "h"),
        ({"id": "ok", "h": "a\nb"}, "h"),
        ({"id": "ok", "h": "a\x00b"}, "h"),
        ({"id": "ok", "h": "é"}, "h"),
        ({"id": "ok", "h": " a"}, "h"),
    ],
)
async def test_injections_into_path_query_and_headers_are_not_sent(
    lax: ServedSandbox, upstream: Upstream, arguments: dict[str, str], argument: str
) -> None:
    """F63."""
    text = {"type": "string"}
    schema = object_schema(id=text, q=text, h={"type": "string", "x-in": "header", "x-name": "X-H"})
    app, _ = await lax.create_tool(upstream.base_url, path="/things/{id}", inputSchema=schema)
    result = await lax.call(await lax.deploy(app), "do-it", arguments)
    assert result.is_error
    assert f"not right: {argument} " in result.content[0].text
    assert upstream.requests == []


@pytest.mark.parametrize("name", ["Host", "Authorization", "content-length", "Transfer-Encoding", "X Bad", "X\r\nY"])
async def test_reserved_headers_are_refused_when_an_operation_is_saved(lax: ServedSandbox, name: str) -> None:
    """F63."""
    app = await lax.api.create_app()
    integration = await lax.api.create(app, "integrations", name="API", baseUrl="https://api.example.com")
    schema = object_schema(h={"type": "string", "x-in": "header", "x-name": name})
    body = {"name": "Op", "method": "GET", "path": "/x", "inputSchema": schema}
    error = await lax.api("POST", f"/apps/{app}/integrations/{integration['id']}/operations", body, expect=400)
    assert error["details"]["fields"][0]["path"] == "inputSchema.properties.h"


@pytest.mark.parametrize("path", ["/a/../b", "/a/%2e%2e/b", "/./a", "/a/{", "/a/{}", "/{a"])
async def test_unsafe_paths_are_refused_when_an_operation_is_saved(lax: ServedSandbox, path: str) -> None:
    app = await lax.api.create_app()
    integration = await lax.api.create(app, "integrations", name="API", baseUrl="https://api.example.com")
    body = {"name": "Op", "method": "GET", "path": path}
    error = await lax.api("POST", f"/apps/{app}/integrations/{integration['id']}/operations", body, expect=400)
    assert error["details"]["fields"][0]["path"] == "path"


def auth(key: str, **config: Any) -> dict[str, Any]:
    return {"providerKey": key, "config": config}


@pytest.mark.parametrize(
    ("connection", "header", "value"),
    [
        (auth("api-key", name="X-Api-Key", apiKey="k3y-secret"), "x-api-key", "k3y-secret"),
        (auth("bearer", token="t0k-secret"), "authorization", "Bearer t0k-secret"),
        (
            auth("basic", username="ada", password="pä:ss-secret"),
            "authorization",
            "Basic " + base64.b64encode("ada:pä:ss-secret".encode()).decode(),
        ),
    ],
)
async def test_auth_connection_authenticates_each_call(
    lax: ServedSandbox, upstream: Upstream, caplog: pytest.LogCaptureFixture, connection: Any, header: str, value: str
) -> None:
    caplog.set_level(logging.DEBUG)
    app, _ = await lax.create_tool(upstream.base_url, auth=connection)
    result = await lax.call(await lax.deploy(app), "do-it")
    assert not result.is_error
    assert upstream.requests[0].headers[header] == value
    assert "-secret" not in caplog.text


async def test_api_key_is_sent_in_a_cookie(lax: ServedSandbox, upstream: Upstream) -> None:
    connection = auth("api-key", **{"in": "cookie", "name": "sid", "apiKey": "k3y-secret"})
    app, _ = await lax.create_tool(upstream.base_url, auth=connection)
    endpoint = await lax.deploy(app)
    await lax.call(endpoint, "do-it")
    assert upstream.requests[0].headers["cookie"] == "sid=k3y-secret"
    wrong = auth("api-key", **{"in": "cookie", "name": "sid", "apiKey": "k3y; other=1"})
    app, _ = await lax.create_tool(upstream.base_url, auth=wrong)
    refused = await lax.call(await lax.deploy(app), "do-it")
    assert "names a cookie that cannot be sent" in refused.content[0].text
    assert len(upstream.requests) == 1


async def test_api_key_in_the_query_is_not_in_logs_or_messages(
    lax: ServedSandbox, upstream: Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    connection = auth("api-key", **{"in": "query", "name": "key", "apiKey": "k3y-secret"})
    app, _ = await lax.create_tool(upstream.base_url, auth=connection, inputSchema=object_schema(q={"type": "string"}))
    endpoint = await lax.deploy(app)
    await lax.call(endpoint, "do-it", {"q": "1"})
    assert parse_qs(upstream.requests[0].target.partition("?")[2]) == {"q": ["1"], "key": ["k3y-secret"]}
    upstream.response_for = reset_connection
    failed = await lax.call(endpoint, "do-it", {"q": "1"})
    assert failed.is_error
    assert "k3y-secret" not in failed.content[0].text + caplog.text


def reset_connection(_seen: ReceivedRequest) -> bytes:
    raise ConnectionResetError


async def test_client_credentials_token_is_reused_and_renewed_after_a_401(
    lax: ServedSandbox, upstream: Upstream, other: Upstream
) -> None:
    issued = 0

    def token(seen: ReceivedRequest) -> bytes:
        nonlocal issued
        issued += 1
        body = {"access_token": f"at-{issued}", "token_type": "Bearer", "expires_in": 3600}
        return http_response(json.dumps(body).encode())

    other.response_for = token
    connection = auth(
        "custom-oauth", authorizationEndpoint="https://id.example.com/a", tokenEndpoint=f"{other.base_url}/token",
        clientId="client:1", clientSecret="s3cret/+", scopes=["contacts:read", "openid"],
    )  # fmt: skip
    app, _ = await lax.create_tool(upstream.base_url, auth=connection)
    endpoint = await lax.deploy(app)
    async with lax.client(endpoint) as client:
        await asyncio.gather(*(client.call_tool("do-it", {}) for _ in range(5)))
        assert {seen.headers["authorization"] for seen in upstream.requests} == {"Bearer at-1"}
        (token_request,) = other.requests
        assert token_request.target == "/token"
        assert parse_qs(token_request.body.decode()) == {
            "grant_type": ["client_credentials"],
            "scope": ["contacts:read openid"],
        }
        basic = base64.b64decode(token_request.headers["authorization"].removeprefix("Basic ")).decode()
        assert basic == "client%3A1:s3cret%2F%2B"
        renewed = "Bearer at-2"
        upstream.response_for = lambda seen: (
            http_response(b"{}")
            if seen.headers["authorization"] == renewed
            else http_response(b"{}", "401 Unauthorized")
        )
        assert not (await client.call_tool("do-it", {})).is_error
    assert issued == 2


async def test_token_endpoint_error_is_reported_without_the_secret(
    lax: ServedSandbox, upstream: Upstream, other: Upstream
) -> None:
    other.response_for = lambda _seen: http_response(b'{"error": "invalid_client"}', "401 Unauthorized")
    connection = auth(
        "custom-oauth", authorizationEndpoint="https://id.example.com/a", tokenEndpoint=f"{other.base_url}/token",
        clientId="c", clientSecret="s3cret",
    )  # fmt: skip
    app, _ = await lax.create_tool(upstream.base_url, auth=connection)
    result = await lax.call(await lax.deploy(app), "do-it")
    assert result.is_error
    assert "invalid_client" in result.content[0].text
    assert "s3cret" not in result.content[0].text
    assert [("client_secret" in seen.body.decode()) for seen in other.requests] == [
        False,
        True,
    ]  # Basic, then in the form
    assert upstream.requests == []


async def test_upstream_error_is_a_tool_error_with_its_body(lax: ServedSandbox, upstream: Upstream) -> None:
    upstream.response_for = lambda _seen: http_response(b'{"message": "no such contact"}', "404 Not Found")
    app, _ = await lax.create_tool(upstream.base_url, outputSchema={"type": "object", "required": ["id"]})
    result = await lax.call(await lax.deploy(app), "do-it")
    assert result.is_error
    assert result.content[0].text == 'The upstream answered 404: {"message": "no such contact"}'


async def test_non_object_results_and_their_schema_are_wrapped(lax: ServedSandbox, upstream: Upstream) -> None:
    upstream.response_for = lambda _seen: http_response(b"[1, 2]")
    app, _ = await lax.create_tool(upstream.base_url, outputSchema={"type": "array", "items": {"type": "integer"}})
    endpoint = await lax.deploy(app)
    async with lax.client(endpoint) as client:
        (tool,) = (await client.list_tools()).tools
        assert tool.output_schema["properties"]["result"]["anyOf"][0]["type"] == "array"
        assert (await client.call_tool("do-it", {})).structured_content == {"result": [1, 2]}


DESCRIBED = {
    "type": "object",
    "required": ["name"],
    "properties": {"name": {"type": "string"}, "price": {"type": "number"}, "state": {"enum": ["a", "b"]}},
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("schema", "response", "structured", "note"),
    [
        (DESCRIBED, http_response(b'{"name": "x", "price": 2}'), {"name": "x", "price": 2}, ""),
        (DESCRIBED, http_response(b'{"name": null}'), {"name": None}, "name: must be string"),
        (
            DESCRIBED,
            http_response(b'{"name": "x", "price": "2"}', "201 Created"),
            {"name": "x", "price": "2"},
            "price: must",
        ),
        (
            DESCRIBED,
            http_response(b'{"name": "x", "state": null}'),
            {"name": "x", "state": None},
            "state: must be one of",
        ),
        (DESCRIBED, http_response(b"{}", "202 Accepted"), {}, "name: is required"),
        (DESCRIBED, http_response(b'{"name": "x", "more": 1}'), {"name": "x", "more": 1}, "'more'"),
        (DESCRIBED, http_response(b"[1]"), {"result": [1]}, "must be object"),
        (DESCRIBED, http_response(b"", "204 No Content"), {"status": 204}, "it is empty"),
        (DESCRIBED, http_response(b""), {"status": 200}, "it is empty"),
        (DESCRIBED, http_response(b"part", "206 Partial Content", "text/plain"), {"result": "part"}, "must be object"),
        (
            DESCRIBED,
            http_response(b"\x89", kind="image/png"),
            {"status": 200, "contentType": "image/png", "bytes": 1},
            "image",
        ),
        ({"type": "array"}, http_response(b"null"), {"result": None}, "must be array"),
        ({"type": "array"}, http_response(b"", "204 No Content"), {"result": {"status": 204}}, "it is empty"),
        ({"type": "array"}, http_response(b"\x89", kind="image/png"), None, "it is image/png"),
        ({"type": "integer"}, http_response(b'"7"'), {"result": "7"}, "must be integer"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_response_that_does_not_match_its_schema_has_a_note(
    lax: ServedSandbox, upstream: Upstream, method: str, schema: Any, response: bytes, structured: Any, note: str
) -> None:
    """The official client refuses results that do not match the published schema."""
    upstream.response_for = lambda _seen: response
    app, _ = await lax.create_tool(upstream.base_url, method=method, outputSchema=schema)
    async with lax.client(await lax.deploy(app)) as client:
        (tool,) = (await client.list_tools()).tools
        assert tool.output_schema is not None
        result = await client.call_tool("do-it", {})
    assert not result.is_error
    assert structured is None or result.structured_content == structured
    actual_note = (result.meta or {}).get("drio/note", "")
    assert note in actual_note
    assert bool(actual_note) == bool(note)
    assert [block.text for block in result.content[1:]] == ([actual_note] if note else [])


async def test_unusable_output_schemas_are_not_published(lax: ServedSandbox, upstream: Upstream) -> None:
    app, _ = await lax.create_tool(upstream.base_url, name="Far", outputSchema={"$ref": "https://example.com/s.json"})
    await lax.create_tool(upstream.base_url, app=app, name="Open", outputSchema={"description": "anything"})
    endpoint = await lax.deploy(app)
    async with lax.client(endpoint) as client:
        assert [tool.output_schema for tool in (await client.list_tools()).tools] == [None, None]
        assert not (await client.call_tool("far", {})).is_error


@pytest.mark.parametrize(
    ("response", "text", "structured"),
    [
        (http_response(b"", "204 No Content"), '{"status": 204}', {"status": 204}),
        (http_response(b"plain words", kind="text/plain"), "plain words", {"result": "plain words"}),
        (http_response(b"<b>hi</b>\xff", kind="text/html; charset=nonsense"), "<b>hi</b>�", {"result": "<b>hi</b>�"}),
        (
            http_response(b"\x89PNG", kind="image/png"),
            "The upstream answered 200 with 4 bytes of image/png, which are not shown.",
            {"status": 200, "contentType": "image/png", "bytes": 4},
        ),
        (http_response(b'{"a": NaN}'), '{"a": NaN}', {"result": '{"a": NaN}'}),
        (http_response(b'"\\ud800"'), '"�"', {"result": "�"}),
        (http_response(b'{"n": 123456789012345678901234567890}'), None, {"n": 123456789012345678901234567890}),
        (http_response(b'{"n": 1e999}'), None, {"n": "1E+999"}),
    ],
)
async def test_any_upstream_response_can_be_returned(
    lax: ServedSandbox, upstream: Upstream, response: bytes, text: str | None, structured: Any
) -> None:
    upstream.response_for = lambda _seen: response
    app, _ = await lax.create_tool(upstream.base_url)
    result = await lax.call(await lax.deploy(app), "do-it")
    assert not result.is_error
    assert result.structured_content == structured
    if text is not None:
        assert result.content[0].text == text


# --- chains -------------------------------------------------------------------------------------------


async def create_chain(
    lax: ServedSandbox, upstream: Upstream, *specs: dict[str, Any]
) -> tuple[str, list[dict[str, Any]]]:
    """Create a chain of tools; return the app and the tools."""
    app, tools = "", []
    for spec in specs:
        app, tool = await lax.create_tool(upstream.base_url, app=app, **spec)
        tools.append(tool)
    for tool, next_tool in pairwise(tools):
        await lax.api("PUT", f"/apps/{app}/tools/{tool['id']}/chain", {"nextToolIds": [next_tool["id"]]})
    return app, tools


async def test_chain_passes_results_by_argument_name(lax: ServedSandbox, upstream: Upstream) -> None:
    bodies = {
        "/find": {"customerId": "c1", "total": 1},
        "/customers/c1": {"planId": 7, "total": "many"},
        "/plans/7?customerId=c1&limit=3": {"price": 9},
    }
    upstream.response_for = lambda seen: http_response(
        json.dumps(bodies[seen.target.replace("/find?limit=3", "/find")]).encode()
    )
    text = {"type": "string"}
    app, _ = await create_chain(
        lax, upstream,
        {"name": "Find", "path": "/find", "inputSchema": object_schema(limit={"type": "integer"})},
        {"name": "Customer", "path": "/customers/{customerId}", "inputSchema": object_schema(customerId=text)},
        {"name": "Plan", "path": "/plans/{planId}", "inputSchema": object_schema(
            planId={"type": "integer"}, customerId=text, limit={"type": "integer"}, total={"type": "integer"})},
    )  # fmt: skip
    bodies["/plans/7?customerId=c1&limit=3&total=1"] = {"price": 9}  # `total` of the newest result is invalid
    result = await lax.call(await lax.deploy(app), "find", {"limit": 3})
    assert result.structured_content == {"customerId": "c1", "total": 1}
    steps = result.meta["drio/chain"]
    assert [(step["tool"], step["status"]) for step in steps] == [("customer", "done"), ("plan", "done")]
    assert steps[1]["arguments"] == {"planId": 7, "customerId": "c1", "limit": 3, "total": 1}
    assert steps[1]["result"] == {"price": 9}
    assert '"price": 9' in result.content[1].text


async def test_chain_runs_only_read_only_tools(lax: ServedSandbox, upstream: Upstream) -> None:
    app, _ = await create_chain(
        lax, upstream,
        {"name": "Start"},
        {"name": "Query", "method": "POST", "path": "/query", "tool": {"annotations": {"readOnlyHint": True}}},
        {"name": "Write", "method": "POST", "path": "/write"},
        {"name": "Never", "path": "/never"},
    )  # fmt: skip
    result = await lax.call(await lax.deploy(app), "start")
    assert [(step["tool"], step["status"]) for step in result.meta["drio/chain"]] == [
        ("query", "done"),
        ("write", "skipped"),
    ]
    assert [seen.target for seen in upstream.requests] == ["/", "/query"]


async def test_failed_step_keeps_the_result_and_has_a_reason(lax: ServedSandbox, upstream: Upstream) -> None:
    upstream.response_for = lambda seen: (
        http_response(b'{"message": "down"}', "503 Service Unavailable")
        if seen.target == "/second"
        else http_response(b'{"a": 1}')
    )
    app, _ = await create_chain(lax, upstream, {"name": "First"}, {"name": "Second", "path": "/second"})
    result = await lax.call(await lax.deploy(app), "first")
    assert not result.is_error
    assert result.structured_content == {"a": 1}
    (step,) = result.meta["drio/chain"]
    assert (step["status"], "503" in step["reason"]) == ("failed", True)


# --- the size of the list of tools --------------------------------------------------------------------


async def test_counted_size_of_a_tool_is_what_clients_receive(lax: ServedSandbox, upstream: Upstream) -> None:
    leaf: Any = {"type": "string", "description": "word " * 20}
    for _ in range(4):
        leaf = object_schema(**{f"m{n}": leaf for n in range(6)})
    app, _ = await lax.create_tool(
        upstream.base_url, name="Large", outputSchema=leaf, inputSchema=object_schema(q=leaf)
    )
    annotations = {"title": "Look", "readOnlyHint": True, "openWorldHint": False}
    tool_properties = {"description": "Żółw", "annotations": annotations}
    widget = {"primitive": "data-table"}
    await lax.create_tool(
        upstream.base_url, app=app, name="Żółw", outputSchema={"type": "array"}, tool=tool_properties, widget=widget
    )
    endpoint = await lax.deploy(app)
    request = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    headers = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-06-18"}
    received = (await lax.api.http.post(endpoint, json=request, headers=headers)).json()["result"]["tools"]

    token = lax.api.http.headers["Authorization"].removeprefix("Bearer ")
    client = DrioClient(Transport(f"{lax.base_url}/api/v1", auth=Token(token)))
    try:
        snapshot = Snapshot(app)
        await load_app(client, app, snapshot.apply)
    finally:
        await client.aclose()
    in_config = expected(snapshot)
    digests = [tool["_meta"]["ui"]["resourceUri"][-17:-5] if "_meta" in tool else "" for tool in received]
    assert [bool(digest) for digest in digests] == [False, True]
    metas = [
        json.loads(json.dumps(tool.meta).replace("0" * 12, digest))
        for tool, digest in zip(in_config, digests, strict=True)
    ]
    assert received == [
        tool.entry | ({"_meta": meta} if meta else {}) for tool, meta in zip(in_config, metas, strict=True)
    ]
    report = preflight(snapshot, base_url=lax.base_url)
    assert report.bytes == sum(len(json.dumps(tool, ensure_ascii=False, separators=(",", ":")).encode())
                               for tool in received)  # fmt: skip
    assert len(json.dumps(leaf)) > 100_000
    assert "large_output_schema" in {diagnostic.code for diagnostic in report.diagnostics}
    assert all(len(json.dumps(tool.get("outputSchema"))) < 10_000 for tool in received)
