"""A deployment called without its sandbox: where chains lead, what they hand on, and what is said of a failure."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
import pytest_asyncio

from drio_tui.sandbox.mcp import runtime as runtimes
from drio_tui.sandbox.mcp.runtime import MOST_STEPS, Outcome, Runtime
from drio_tui.sandbox.mcp.server import _result
from drio_tui.sandbox.mcp.snapshot import read
from drio_tui.tool_calls.egress import Origin, Policy, origin_text
from tests.sandbox.mcp.conftest import Seen, Upstream, respond

Document = dict[str, Any]
Call = Callable[..., Any]
PRIVATE = Policy(allow_private=True)
CHANGES = "it changes something, so it is yours to call"


def allowing(origin: Origin) -> str:
    return f"Allow {origin_text(origin)}."


def tool(name: str, *following: str, needs: str = "", output: Any = None, **operation: Any) -> Document:
    """A tool `name` that calls `/name`; its arguments are those it `needs`, or as an `inputSchema` says."""
    schema = {"properties": dict.fromkeys(needs.split(), True), "required": needs.split()}
    return {
        "id": name, "key": name, "name": name.title(), "isEnabled": True, "nextToolIds": list(following),
        "binding": {"integrationOperationId": name},
        "operation": {"id": name, "integrationId": "i", "method": "GET", "path": f"/{name}", "inputSchema": schema,
                      "outputSchema": output} | operation,
    }  # fmt: skip


@pytest_asyncio.fixture
async def call(upstream: Upstream) -> AsyncIterator[Call]:
    """Calls the first of some tools, all of which ask the upstream."""
    async with AsyncExitStack() as stack:

        async def made(
            *tools: Document, given: Any = None, policy: Policy = PRIVATE, widget: Any = None, auth: Any = None
        ) -> Outcome:
            integration = {"id": "i", "baseUrl": upstream.base_url, "authId": "sign-in", "config": {}}
            connection = {"id": "sign-in", "name": "Sign-in", "config": auth}
            deployment = read(1, {
                "app": {}, "auth": [connection], "integrations": [integration],
                "operations": [tool["operation"] for tool in tools], "tools": tools,
                "widgets": [{"toolId": tools[0]["id"], **widget}] if widget is not None else [],
            })  # fmt: skip
            secrets = {"sign-in": {"clientSecret": "secret"}}
            runtime = Runtime(deployment, policy, secrets, how_to_allow=allowing)
            stack.push_async_callback(runtime.aclose)
            return await runtime.call(deployment.by_id[tools[0]["id"]], given or {})

        yield made


def says(upstream: Upstream, **answers: Any) -> None:
    """The upstream answers each path with some JSON, and 503 where it is None."""

    def answer(seen: Seen) -> bytes:
        value = answers.get(seen.target.partition("?")[0].removeprefix("/"), {})
        return respond(json.dumps(value).encode()) if value is not None else respond(b"", "503 Service Unavailable")

    upstream.answer = answer


async def test_a_chain_runs_each_tool_once_nearest_first(call: Call, upstream: Upstream) -> None:
    outcome = await call(
        tool("a", "gone", "b", "c"), tool("b", "a", "d", "c"), tool("c", "b", "e"), tool("d"), tool("e", "a"),
    )  # fmt: skip
    assert [(step["tool"], step["status"]) for step in outcome.steps] == [(name, "done") for name in "bcde"]
    assert [seen.target for seen in upstream.seen] == ["/a", "/b", "/c", "/d", "/e"]


async def test_a_step_that_is_not_done_says_why_and_ends_its_own_branch_only(call: Call, upstream: Upstream) -> None:
    says(upstream, a={"x": 1, "y": 1, "n": None}, b={"x": 2}, broken=None)
    outcome = await call(
        tool("a", "lacking", "write", "broken", "b"),
        tool("lacking", "never", needs="n x m"),
        tool("write", "never", method="POST", needs="x"),
        tool("broken", "never"),
        tool("b", "c"),
        tool("c", needs="x y z"),
        tool("never"),
        given={"x": 0, "y": 0, "z": 0},
    )
    assert outcome.structured == {"x": 1, "y": 1, "n": None}
    assert outcome.steps == [
        {"tool": "lacking", "status": "skipped", "reason": "no result gives n, m"},
        {"tool": "write", "arguments": {"x": 1}, "status": "skipped", "reason": CHANGES},
        {"tool": "broken", "arguments": {}, "status": "failed", "reason": "The upstream answered 503"},
        {"tool": "b", "arguments": {}, "status": "done", "result": {"x": 2}},
        {"tool": "c", "arguments": {"x": 2, "y": 1, "z": 0}, "status": "done", "result": {}},
    ]


@pytest.mark.parametrize("more", [0, 1])
async def test_a_chain_has_a_length_it_cannot_exceed(call: Call, upstream: Upstream, more: int) -> None:
    names = [f"t{number}" for number in range(1 + MOST_STEPS + more)]
    outcome = await call(*(tool(name, following) for name, following in zip(names, [*names[1:], ""], strict=True)))
    assert [seen.target for seen in upstream.seen] == [f"/{name}" for name in names[: 1 + MOST_STEPS]]
    assert [step["status"] for step in outcome.steps] == ["done"] * MOST_STEPS + ["skipped"] * (more > 0)
    assert not more or outcome.steps[-1]["reason"] == f"a chain has {MOST_STEPS} steps at most"


@pytest.mark.parametrize(
    ("schema", "fits"),
    [
        (True, True),
        ({"type": "string"}, True),
        ({"type": "integer"}, False),
        ({"$ref": "#/$defs/text"}, True),  # left to the check of all arguments
        ({"not": {"$ref": "#/$defs/number"}}, False),  # cannot be decided by itself
    ],
)
async def test_what_does_not_fit_an_argument_is_not_handed_on(
    call: Call, upstream: Upstream, schema: Any, fits: bool
) -> None:
    says(upstream, a={"x": "found"})
    definitions = {"text": {"type": "string"}, "number": {"type": "number"}}
    takes = {"properties": {"x": schema}, "$defs": definitions}
    outcome = await call(tool("a", "b"), tool("b", inputSchema=takes))
    assert [step["arguments"] for step in outcome.steps] == [{"x": "found"} if fits else {}]


async def test_a_chain_that_takes_too_long_leaves_the_result_and_says_where_it_ended(
    call: Call, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(respond(b'{"n": 1}'))
        await reader.read()

    upstream.on_connection = answer_once
    monkeypatch.setattr(runtimes, "CHAIN_SECONDS", 0.05)
    outcome = await call(tool("a", "b", "c"), tool("b"), tool("c"))
    assert outcome.structured == {"n": 1}
    reason = "the 0.05 seconds of a chain are over"
    assert outcome.steps == [{"tool": "b", "arguments": {}, "status": "failed", "reason": reason}]
    result = _result(outcome)
    assert not result.is_error
    said = [block.text for block in result.content]  # type: ignore[union-attr]
    assert said == ['{"n": 1}', f"Not done after it: b ({reason})"]


# --- failures -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schema", "given", "text"),
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
async def test_arguments_that_cannot_be_sent_are_told(
    call: Call, upstream: Upstream, schema: Any, given: Any, text: str
) -> None:
    outcome = await call(tool("a", inputSchema=schema), given=given)
    assert outcome.text.startswith(text)
    assert (outcome.failed, outcome.structured, outcome.unknown, outcome.private) == (True, None, False, None)
    assert upstream.seen == []


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_private_address_is_told_with_how_to_allow_it(call: Call, upstream: Upstream, method: str) -> None:
    outcome = await call(tool("a", method=method), policy=Policy())
    assert outcome.text == f"127.0.0.1 is this machine. Allow 127.0.0.1:{upstream.port}."
    assert (outcome.failed, outcome.unknown, outcome.private) == (True, False, ("127.0.0.1", upstream.port))


async def test_a_sign_in_that_fails_is_told_and_leaves_nothing_open(call: Call, upstream: Upstream) -> None:
    write = tool("a", method="POST")
    outcome = await call(write, auth={"type": "bearer"})
    assert outcome.text == "The connection Sign-in has no token: edit the connection and set it."
    assert (outcome.failed, outcome.unknown, outcome.private) == (True, False, None)
    oauth = {"type": "oauth", "tokenEndpoint": f"{upstream.base_url}/token", "clientId": "me"}
    outcome = await call(write, auth=oauth, policy=Policy())
    where = f"127.0.0.1:{upstream.port}"
    assert outcome.text == f"Sign-in: no token was issued. 127.0.0.1 is this machine. Allow {where}."
    assert (outcome.failed, outcome.unknown, outcome.private) == (True, False, ("127.0.0.1", upstream.port))
    assert upstream.seen == []


@pytest.mark.parametrize(("status", "asked"), [("401 Unauthorized", [1, 3]), ("403 Forbidden", [1])])
async def test_a_token_that_is_not_taken_is_asked_for_once_more(
    call: Call, upstream: Upstream, status: str, asked: list[int]
) -> None:
    def answer(seen: Seen) -> bytes:
        token = json.dumps({"access_token": f"token-{len(upstream.seen)}"}).encode()
        return respond(token) if seen.target == "/token" else respond(b"", status)

    upstream.answer = answer
    oauth = {"type": "oauth", "tokenEndpoint": f"{upstream.base_url}/token", "clientId": "me"}
    assert (await call(tool("a"), auth=oauth)).text == f"The upstream answered {status[:3]}"
    sent = [seen.headers["authorization"] for seen in upstream.seen if seen.target == "/a"]
    assert sent == [f"Bearer token-{number}" for number in asked]


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST", "DELETE"])
async def test_a_lost_answer_to_a_change_leaves_it_open_whether_it_took_effect(
    call: Call, upstream: Upstream, method: str
) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")

    upstream.on_connection = hang_up
    outcome = await call(tool("a", method=method))
    changes = method in ("POST", "DELETE")
    said = "The upstream broke off: Server disconnected without sending a response."
    assert outcome.text == said + " Whether it took effect is not known." * changes
    assert (outcome.failed, outcome.unknown, outcome.private) == (True, changes, None)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (respond(b"", "500 Internal Server Error"), "The upstream answered 500"),
        (respond(b"{}", "300 Multiple Choices"), "The upstream answered 300: {}"),
        (respond(b'"no\\nuser"', "401 Unauthorized"), 'The upstream answered 401: "no\\nuser"'),
        (respond(b"one\ntwo\x1b[31m", "404 Not Found", "text/html"), "The upstream answered 404: one\ntwo␛[31m"),
        (respond(b"x" * 2_001, "404 Not Found", "text/html"), f"The upstream answered 404: {'x' * 2_000}"),
        (respond(b"\x89PNG", "404 Not Found", "image/png"), "The upstream answered 404"),
    ],
)
async def test_an_answer_that_is_no_success_is_told_with_the_beginning_of_what_it_says(
    call: Call, upstream: Upstream, answer: bytes, text: str
) -> None:
    upstream.answer = lambda _seen: answer
    outcome = await call(tool("a", "b"), tool("b"))
    assert (outcome.text, outcome.failed, outcome.steps) == (text, True, [])
    assert [(seen.target, seen.headers["user-agent"]) for seen in upstream.seen] == [("/a", "drio-sandbox")]


# --- results ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "path", "wrapped"), [({"name": "Ada"}, "$.name", False), ([{"name": "Ada"}], "$[0].name", True)]
)
async def test_a_widget_is_given_what_its_mappings_find_in_the_answer(
    call: Call, upstream: Upstream, value: Any, path: str, wrapped: bool
) -> None:
    says(upstream, a=value)
    outcome = await call(tool("a"), widget={"config": {"fieldMappings": {"title": path}}})
    assert outcome.structured == ({"result": value} if wrapped else value)
    assert (outcome.view["slots"], outcome.view["wrapped"]) == ({"title": "Ada"}, wrapped)
    assert (await call(tool("a"), widget={})).view["slots"] == {}
    assert (await call(tool("a"))).view is None


async def test_an_answer_whose_schema_cannot_be_checked_is_a_result_with_a_note(call: Call, upstream: Upstream) -> None:
    says(upstream, a={"x": 1})
    outcome = await call(tool("a", output={"type": "object", "properties": {"x": {"$ref": "#/$defs/gone"}}}))
    assert outcome.structured == {"x": 1}
    assert "the schema refers to something that is not in it" in outcome.note
