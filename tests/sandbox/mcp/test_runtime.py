"""Calls of a deployment without a sandbox: chains, failures and results."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
import pytest_asyncio

from drio_tui.sandbox.mcp import runtime as runtimes
from drio_tui.sandbox.mcp.runtime import MAX_STEPS, CallResult, Runtime
from drio_tui.sandbox.mcp.server import _tool_result
from drio_tui.sandbox.mcp.snapshot import read
from drio_tui.tool_calls.egress import Origin, Policy, origin_text
from tests.sandbox.mcp.conftest import ReceivedRequest, Upstream, http_response

Document = dict[str, Any]
CallFirstTool = Callable[..., Any]
PRIVATE = Policy(allow_private=True)
CHANGES = "it changes something, so it is yours to call"


def advice(origin: Origin) -> str:
    return f"Allow {origin_text(origin)}."


def tool(name: str, *next_ids: str, required: str = "", output: Any = None, **operation: Any) -> Document:
    """Return a tool `name` that calls `/name`, with the `required` arguments or those of an `inputSchema`."""
    schema = {"properties": dict.fromkeys(required.split(), True), "required": required.split()}
    return {
        "id": name, "key": name, "name": name.title(), "isEnabled": True, "nextToolIds": list(next_ids),
        "binding": {"integrationOperationId": name},
        "operation": {"id": name, "integrationId": "i", "method": "GET", "path": f"/{name}", "inputSchema": schema,
                      "outputSchema": output} | operation,
    }  # fmt: skip


@pytest_asyncio.fixture
async def call(upstream: Upstream) -> AsyncIterator[CallFirstTool]:
    """A function that deploys tools, all of which call the upstream, and calls the first of them."""
    async with AsyncExitStack() as stack:

        async def call_first(
            *tools: Document, arguments: Any = None, policy: Policy = PRIVATE, widget: Any = None, auth: Any = None
        ) -> CallResult:
            integration = {"id": "i", "baseUrl": upstream.base_url, "authId": "sign-in", "config": {}}
            connection = {"id": "sign-in", "name": "Sign-in", "config": auth}
            deployment = read(1, {
                "app": {}, "auth": [connection], "integrations": [integration],
                "operations": [tool["operation"] for tool in tools], "tools": tools,
                "widgets": [{"toolId": tools[0]["id"], **widget}] if widget is not None else [],
            })  # fmt: skip
            secrets = {"sign-in": {"clientSecret": "secret"}}
            runtime = Runtime(deployment, policy, secrets, how_to_allow=advice)
            stack.push_async_callback(runtime.aclose)
            return await runtime.call(deployment.by_id[tools[0]["id"]], arguments or {})

        yield call_first


def set_responses(upstream: Upstream, **bodies: Any) -> None:
    """Let the upstream respond to each path with a JSON body, with 503 for None."""

    def answer(request: ReceivedRequest) -> bytes:
        value = bodies.get(request.target.partition("?")[0].removeprefix("/"), {})
        return (
            http_response(json.dumps(value).encode())
            if value is not None
            else http_response(b"", "503 Service Unavailable")
        )

    upstream.response_for = answer


async def test_chain_runs_each_tool_once_breadth_first(call: CallFirstTool, upstream: Upstream) -> None:
    result = await call(
        tool("a", "gone", "b", "c"), tool("b", "a", "d", "c"), tool("c", "b", "e"), tool("d"), tool("e", "a"),
    )  # fmt: skip
    assert [(step["tool"], step["status"]) for step in result.steps] == [(name, "done") for name in "bcde"]
    assert [seen.target for seen in upstream.requests] == ["/a", "/b", "/c", "/d", "/e"]


async def test_failed_or_skipped_step_has_a_reason_and_ends_only_its_branch(
    call: CallFirstTool, upstream: Upstream
) -> None:
    set_responses(upstream, a={"x": 1, "y": 1, "n": None}, b={"x": 2}, broken=None)
    result = await call(
        tool("a", "lacking", "write", "broken", "b"),
        tool("lacking", "never", required="n x m"),
        tool("write", "never", method="POST", required="x"),
        tool("broken", "never"),
        tool("b", "c"),
        tool("c", required="x y z"),
        tool("never"),
        arguments={"x": 0, "y": 0, "z": 0},
    )
    assert result.structured == {"x": 1, "y": 1, "n": None}
    assert result.steps == [
        {"tool": "lacking", "status": "skipped", "reason": "no result gives n, m"},
        {"tool": "write", "arguments": {"x": 1}, "status": "skipped", "reason": CHANGES},
        {"tool": "broken", "arguments": {}, "status": "failed", "reason": "The upstream answered 503"},
        {"tool": "b", "arguments": {}, "status": "done", "result": {"x": 2}},
        {"tool": "c", "arguments": {"x": 2, "y": 1, "z": 0}, "status": "done", "result": {}},
    ]


@pytest.mark.parametrize("excess", [0, 1])
async def test_chain_length_is_limited(call: CallFirstTool, upstream: Upstream, excess: int) -> None:
    names = [f"t{number}" for number in range(1 + MAX_STEPS + excess)]
    result = await call(*(tool(name, following) for name, following in zip(names, [*names[1:], ""], strict=True)))
    assert [seen.target for seen in upstream.requests] == [f"/{name}" for name in names[: 1 + MAX_STEPS]]
    assert [step["status"] for step in result.steps] == ["done"] * MAX_STEPS + ["skipped"] * (excess > 0)
    assert not excess or result.steps[-1]["reason"] == f"a chain has {MAX_STEPS} steps at most"


@pytest.mark.parametrize(
    ("schema", "valid"),
    [
        (True, True),
        ({"type": "string"}, True),
        ({"type": "integer"}, False),
        ({"$ref": "#/$defs/text"}, True),  # left to the validation of all arguments
        ({"not": {"$ref": "#/$defs/number"}}, False),  # cannot be validated without the whole schema
    ],
)
async def test_values_invalid_for_an_argument_are_not_passed_on(
    call: CallFirstTool, upstream: Upstream, schema: Any, valid: bool
) -> None:
    set_responses(upstream, a={"x": "found"})
    definitions = {"text": {"type": "string"}, "number": {"type": "number"}}
    input_schema = {"properties": {"x": schema}, "$defs": definitions}
    result = await call(tool("a", "b"), tool("b", inputSchema=input_schema))
    assert [step["arguments"] for step in result.steps] == [{"x": "found"} if valid else {}]


async def test_chain_timeout_keeps_the_result_and_reports_the_step(
    call: CallFirstTool, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(http_response(b'{"n": 1}'))
        await reader.read()

    upstream.on_connection = answer_once
    monkeypatch.setattr(runtimes, "CHAIN_SECONDS", 0.05)
    result = await call(tool("a", "b", "c"), tool("b"), tool("c"))
    assert result.structured == {"n": 1}
    reason = "the 0.05 seconds of a chain are over"
    assert result.steps == [{"tool": "b", "arguments": {}, "status": "failed", "reason": reason}]
    tool_result = _tool_result(result)
    assert not tool_result.is_error
    texts = [block.text for block in tool_result.content]  # type: ignore[union-attr]
    assert texts == ['{"n": 1}', f"Not done after it: b ({reason})"]


# --- failures -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schema", "arguments", "text"),
    [
        (
            {"properties": {"x": {"type": "string"}}, "required": ["x", "y"]},
            {"x": 1},
            "The arguments of a are not right: x: must be string; y: is required.",
        ),
        (
            {"properties": {"x": {"x-in": "header"}}},
            {"x": "a\nb"},
            "The arguments of a are not right: x may not hold line breaks or NUL.",
        ),
        (
            {"properties": {"x": {"$ref": "#/$defs/gone"}}},
            {"x": 1},
            "The arguments cannot be checked: the schema refers to something that is not in it: "
            "PointerToNowhere: '/$defs/gone' does not exist within ",
        ),
    ],
)
async def test_unsendable_arguments_fail_with_the_reason(
    call: CallFirstTool, upstream: Upstream, schema: Any, arguments: Any, text: str
) -> None:
    result = await call(tool("a", inputSchema=schema), arguments=arguments)
    assert result.text.startswith(text)
    assert (result.failed, result.structured, result.unknown, result.private) == (True, None, False, None)
    assert upstream.requests == []


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_private_address_fails_with_advice(call: CallFirstTool, upstream: Upstream, method: str) -> None:
    result = await call(tool("a", method=method), policy=Policy())
    assert result.text == f"127.0.0.1 is this machine. Allow 127.0.0.1:{upstream.port}."
    assert (result.failed, result.unknown, result.private) == (True, False, ("127.0.0.1", upstream.port))


async def test_failed_sign_in_fails_with_a_known_outcome(call: CallFirstTool, upstream: Upstream) -> None:
    write = tool("a", method="POST")
    result = await call(write, auth={"type": "bearer"})
    assert result.text == "The connection Sign-in has no token: edit the connection and set it."
    assert (result.failed, result.unknown, result.private) == (True, False, None)
    oauth = {"type": "oauth", "tokenEndpoint": f"{upstream.base_url}/token", "clientId": "me"}
    result = await call(write, auth=oauth, policy=Policy())
    host = f"127.0.0.1:{upstream.port}"
    assert result.text == f"Sign-in: no token was issued. 127.0.0.1 is this machine. Allow {host}."
    assert (result.failed, result.unknown, result.private) == (True, False, ("127.0.0.1", upstream.port))
    assert upstream.requests == []


@pytest.mark.parametrize(("status", "tokens"), [("401 Unauthorized", [1, 3]), ("403 Forbidden", [1])])
async def test_rejected_token_is_requested_once_more(
    call: CallFirstTool, upstream: Upstream, status: str, tokens: list[int]
) -> None:
    def answer(request: ReceivedRequest) -> bytes:
        token = json.dumps({"access_token": f"token-{len(upstream.requests)}"}).encode()
        return http_response(token) if request.target == "/token" else http_response(b"", status)

    upstream.response_for = answer
    oauth = {"type": "oauth", "tokenEndpoint": f"{upstream.base_url}/token", "clientId": "me"}
    assert (await call(tool("a"), auth=oauth)).text == f"The upstream answered {status[:3]}"
    sent = [request.headers["authorization"] for request in upstream.requests if request.target == "/a"]
    assert sent == [f"Bearer token-{number}" for number in tokens]


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST", "DELETE"])
async def test_lost_response_to_a_change_is_an_unknown_outcome(
    call: CallFirstTool, upstream: Upstream, method: str
) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")

    upstream.on_connection = hang_up
    result = await call(tool("a", method=method))
    changes = method in ("POST", "DELETE")
    message = "The upstream broke off: Server disconnected without sending a response."
    assert result.text == message + " Whether it took effect is not known." * changes
    assert (result.failed, result.unknown, result.private) == (True, changes, None)


@pytest.mark.parametrize(
    ("response", "text"),
    [
        (http_response(b"", "500 Internal Server Error"), "The upstream answered 500"),
        (http_response(b"{}", "300 Multiple Choices"), "The upstream answered 300: {}"),
        (http_response(b'"no\\nuser"', "401 Unauthorized"), 'The upstream answered 401: "no\\nuser"'),
        (http_response(b"one\ntwo\x1b[31m", "404 Not Found", "text/html"), "The upstream answered 404: one\ntwo␛[31m"),
        (http_response(b"x" * 2_001, "404 Not Found", "text/html"), f"The upstream answered 404: {'x' * 2_000}"),
        (http_response(b"\x89PNG", "404 Not Found", "image/png"), "The upstream answered 404"),
    ],
)
async def test_error_response_fails_with_status_and_start_of_the_body(
    call: CallFirstTool, upstream: Upstream, response: bytes, text: str
) -> None:
    upstream.response_for = lambda _seen: response
    result = await call(tool("a", "b"), tool("b"))
    assert (result.text, result.failed, result.steps) == (text, True, [])
    assert [(seen.target, seen.headers["user-agent"]) for seen in upstream.requests] == [("/a", "drio-sandbox")]


# --- results ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "path", "wrapped"), [({"name": "Ada"}, "$.name", False), ([{"name": "Ada"}], "$[0].name", True)]
)
async def test_widget_gets_the_mapped_values_of_the_response(
    call: CallFirstTool, upstream: Upstream, value: Any, path: str, wrapped: bool
) -> None:
    set_responses(upstream, a=value)
    result = await call(tool("a"), widget={"config": {"fieldMappings": {"title": path}}})
    assert result.structured == ({"result": value} if wrapped else value)
    assert (result.view["slots"], result.view["wrapped"]) == ({"title": "Ada"}, wrapped)
    assert (await call(tool("a"), widget={})).view["slots"] == {}
    assert (await call(tool("a"))).view is None


async def test_response_with_an_uncheckable_schema_has_a_note(call: CallFirstTool, upstream: Upstream) -> None:
    set_responses(upstream, a={"x": 1})
    result = await call(tool("a", output={"type": "object", "properties": {"x": {"$ref": "#/$defs/gone"}}}))
    assert result.structured == {"x": 1}
    assert "the schema refers to something that is not in it" in result.note
