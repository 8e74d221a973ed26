"""Running a draft from this machine, against servers that record the requests."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import Any

import pytest

from drio_tui.api import http
from drio_tui.api.errors import UsageError
from drio_tui.api.redact import HIDDEN
from drio_tui.tool_calls.fetch import FetchLimits
from drio_tui.workspace.run.bound_tool import NotRunnable
from drio_tui.workspace.run.local_runner import BadArguments, LocalRunner, origin, prepare, preview
from drio_tui.workspace.run.tool_run import Run
from tests.sandbox.mcp.conftest import Upstream, http_response
from tests.workspace.run.conftest import bound

SECRET = "s3cr3t-of-the-upstream"


def runner_for(base_url: str, **spec: Any) -> LocalRunner:
    """Return a runner whose user has agreed to a host of this machine."""
    runner = LocalRunner()
    place = origin(bound(base_url, **spec))
    runner.hosts.add(place)
    runner.private.add(place)
    return runner


async def run(base_url: str, arguments: dict[str, Any], **spec: Any) -> Run:
    return await runner_for(base_url).run(bound(base_url, **spec), arguments)


async def test_the_request_holds_the_arguments_and_the_response_is_recorded(upstream: Upstream) -> None:
    upstream.response_for = lambda _seen: http_response(b'{"items": [{"name": "Ada"}]}')
    schema = {
        "type": "object",
        "properties": {
            "id": {"type": "string"}, "tag": {"type": "string", "x-in": "query"}, "note": {"type": "string"},
            "trace": {"type": "string", "x-in": "header", "x-name": "X-Trace"},
        },
        "required": ["id"],
    }  # fmt: skip
    widget = {"primitive": "list", "config": {"fieldMappings": {"items": "$.items", "title": "$.name"}}}
    finished = await run(
        upstream.base_url,
        {"id": "a b/c", "tag": "x&y", "note": "hello", "trace": "t1"},
        method="POST", path="/things/{id}", schema=schema, widget=widget,
    )  # fmt: skip
    seen = upstream.requests[0]
    assert (seen.method, seen.target) == ("POST", "/things/a%20b%2Fc?tag=x%26y")
    assert seen.headers["x-trace"] == "t1"
    assert json.loads(seen.body) == {"note": "hello"}
    assert finished.request is not None
    assert finished.request.url == upstream.base_url + seen.target
    assert ("X-Trace", "t1") in finished.request.headers
    assert json.loads(finished.request.body) == {"note": "hello"}
    assert finished.response is not None
    assert (finished.response.status, finished.response.size) == (200, 28)
    assert finished.structured == {"items": [{"name": "Ada"}]}
    assert not finished.failed
    assert [name for name, _ in finished.timing] == ["arguments", "upstream", "reading"]


@pytest.mark.parametrize(
    ("config", "typed", "header"),
    [
        ({"type": "apiKey", "name": "X-Api-Key"}, {"apiKey": SECRET}, ("x-api-key", SECRET)),
        ({"type": "bearer"}, {"token": SECRET}, ("authorization", f"Bearer {SECRET}")),
        ({"type": "oauth"}, {"token": SECRET}, ("authorization", f"Bearer {SECRET}")),
    ],
)
async def test_a_credential_is_asked_once_sent_only_to_its_origin_and_never_shown(
    upstream: Upstream, other: Upstream, config: Any, typed: Any, header: tuple[str, str]
) -> None:
    tool = bound(upstream.base_url, auth=config)
    runner = runner_for(upstream.base_url)
    request = runner.credential_request(tool)
    assert request is not None
    assert request.place == upstream.base_url.removeprefix("http://")
    runner.provide_credentials(request, typed)
    assert runner.credential_request(tool) is None
    echo = json.dumps({"you": {"sent": SECRET}}).encode()
    upstream.response_for = lambda _seen: http_response(echo)
    finished = await runner.run(tool, {})
    assert upstream.requests[0].headers[header[0]] == header[1]
    assert finished.structured == {"you": {"sent": HIDDEN}}
    assert SECRET not in repr(finished) + json.dumps(finished.as_wire()) + repr(runner) + repr(request)
    assert finished.request is not None
    assert any(HIDDEN in value for _, value in finished.request.headers)
    # Another host, even of the same connection, is asked for again; a redirect gets nothing.
    assert runner.credential_request(bound(other.base_url, auth=config)) is not None
    upstream.response_for = lambda _seen: http_response(
        b"", "307 Temporary Redirect", Location=f"{other.base_url}/elsewhere"
    )
    redirected = await runner.run(tool, {})
    assert "is not a host" in redirected.error
    assert not other.requests
    runner.forget(tool)
    assert runner.credential_request(tool) is not None


async def test_a_rejected_credential_is_asked_for_again(upstream: Upstream) -> None:
    tool = bound(upstream.base_url, auth={"type": "bearer"})
    runner = runner_for(upstream.base_url)
    request = runner.credential_request(tool)
    assert request is not None
    runner.provide_credentials(request, {"token": SECRET})
    upstream.response_for = lambda _seen: http_response(b'{"message": "no"}', "401 Unauthorized")
    finished = await runner.run(tool, {})
    assert finished.failed
    assert "asked for again" in finished.error
    assert runner.credential_request(tool) is not None


async def test_a_client_secret_is_exchanged_for_a_token_and_both_are_hidden(upstream: Upstream) -> None:
    config = {"type": "oauth", "tokenEndpoint": f"{upstream.base_url}/token", "clientId": "us"}
    tool = bound(upstream.base_url, auth=config)
    runner = runner_for(upstream.base_url)
    request = runner.credential_request(tool)
    assert request is not None
    assert [name for name, _ in request.members] == ["clientSecret", "token"]
    runner.provide_credentials(request, {"clientSecret": SECRET, "token": ""})
    upstream.response_for = lambda seen: http_response(
        b'{"access_token": "fresh-one", "token_type": "Bearer"}' if seen.target == "/token" else b'["Bearer fresh-one"]'
    )
    finished = await runner.run(tool, {})
    assert finished.structured == {"result": [f"Bearer {HIDDEN}"]}
    assert [seen.target for seen in upstream.requests] == ["/token", "/things"]
    assert upstream.requests[1].headers["authorization"] == "Bearer fresh-one"
    assert "fresh-one" not in json.dumps(finished.as_wire())
    assert SECRET not in json.dumps(finished.as_wire())


@pytest.mark.parametrize(
    ("arguments", "spec"),
    [
        ({"X-Trace": "a\r\nX-Evil: 1"}, {}),
        ({"X-Trace": "a\x00b"}, {}),
        ({"id": "a\nb"}, {"path": "/things/{id}"}),
        ({"id": ".."}, {"path": "/things/{id}"}),
        ({}, {"path": "/things/{id}"}),
        ({"q": "\ud800"}, {}),
        ({}, {"headers": {"Host": "evil.example"}}),
        ({}, {"headers": {"X-A": "1\r\nX-Evil: 1"}}),
        ({}, {"headers": {"Content-Length": "0"}}),
        ({}, {"path": "/../admin"}),
        ({"h": "1"}, {"schema": {"properties": {"h": {"x-in": "header", "x-name": "Transfer-Encoding"}}}}),
        ({"q": 7}, {}),
    ],
)
async def test_injection_and_wrong_types_are_refused_before_sending(
    upstream: Upstream, arguments: Any, spec: Any
) -> None:
    """F63."""
    with pytest.raises(BadArguments) as refused:
        await run(upstream.base_url, arguments, **spec)
    assert refused.value.message
    assert not upstream.requests
    with pytest.raises(BadArguments):
        preview(bound(upstream.base_url, **spec), arguments)


@pytest.mark.parametrize(
    "base", ["http://[::1", "http://user:pw@127.0.0.1", "file:///etc/passwd", "http://2130706433/"]
)
async def test_unusual_addresses_are_refused_without_leaking_credentials(base: str) -> None:
    """F62."""
    try:
        tool = bound(base)
        prepare(tool, {})
    except (BadArguments, NotRunnable) as error:
        refused = str(error)
    else:
        refused = ""
    assert "pw" not in refused
    if refused:
        return
    finished = await runner_for(base).run(tool, {})
    assert finished.failed
    assert finished.response is None
    assert not finished.unknown
    assert "pw@" not in json.dumps(finished.as_wire())


async def test_agreed_private_addresses_are_called_but_never_cloud_metadata(
    upstream: Upstream,
) -> None:
    runner = LocalRunner()
    tool = bound(upstream.base_url)
    assert runner.is_new(tool)
    refused = await runner.run(tool, {})
    assert refused.private == ("127.0.0.1", upstream.port)
    assert "this machine" in refused.error
    assert not upstream.requests
    assert not refused.unknown
    runner.private.add(refused.private)
    assert not (await runner.run(tool, {})).failed
    metadata = bound("http://169.254.169.254/latest")
    runner.private.add(origin(metadata))
    denied = await runner.run(metadata, {})
    assert denied.private is None
    assert "link-local" in denied.error


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (http_response(b"x" * 20_000), "larger than"),
        (http_response(gzip.compress(b"0" * 5_000_000), Content_Encoding="gzip"), "larger than"),
        (http_response(b"not gzip", Content_Encoding="gzip"), "damaged"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", "broke off"),
        (b"garbage\r\n\r\n", "broke off"),
    ],
)
async def test_too_large_and_broken_answers_fail_the_run_with_a_reason(
    upstream: Upstream, answer: bytes, message: str
) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()

    upstream.on_connection = serve
    runner = runner_for(upstream.base_url)
    runner.limits = FetchLimits(body=10_000)
    finished = await runner.run(bound(upstream.base_url), {})
    assert message in finished.error
    assert finished.structured is None
    assert not finished.unknown


async def test_a_timeout_fails_the_run_and_a_write_has_an_unknown_outcome(
    upstream: Upstream,
) -> None:
    async def hang(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    upstream.on_connection = hang
    runner = runner_for(upstream.base_url)
    runner.limits = FetchLimits(total=0.2)
    finished = await runner.run(bound(upstream.base_url, method="POST"), {})
    assert "did not answer" in finished.error
    assert finished.unknown
    assert not (await runner.run(bound(upstream.base_url), {})).unknown


@pytest.mark.parametrize(
    ("answer", "structured", "value"),
    [
        (http_response(b"[1, 2]"), {"result": [1, 2]}, [1, 2]),
        (http_response(b"", "204 No Content"), {"status": 204}, {"status": 204}),
        (http_response(b"<b>hi</b>", kind="text/html"), {"result": "<b>hi</b>"}, "<b>hi</b>"),
        (http_response(b"\x89PNG", kind="image/png"), {"status": 200, "contentType": "image/png", "bytes": 4}, None),
    ],
)
async def test_results_are_those_that_models_get(
    upstream: Upstream, answer: bytes, structured: Any, value: Any
) -> None:
    upstream.response_for = lambda _seen: answer
    finished = await run(upstream.base_url, {})
    assert finished.structured == structured
    assert value is None or finished.value == value
    assert finished.seconds > 0


async def test_secret_arguments_are_sent_but_never_shown(upstream: Upstream) -> None:
    schema = {"properties": {"pin": {"type": "string", "writeOnly": True}, "password": {"type": "string"}}}
    upstream.response_for = lambda seen: http_response(seen.body)
    arguments = {"pin": "secret-pin", "password": "secret-word"}
    finished = await run(upstream.base_url, arguments, method="POST", schema=schema)
    assert json.loads(upstream.requests[0].body) == arguments
    assert "secret-" not in repr([finished.request, finished.response, finished.structured])
    assert "secret-" not in preview(bound(upstream.base_url, method="POST", schema=schema), arguments).body


async def test_secrets_are_hidden_in_url_and_json_encodings(upstream: Upstream) -> None:
    schema = {
        "properties": {
            "pin": {"type": "string", "writeOnly": True, "x-in": "path"},
            "word": {"type": "string", "format": "password", "x-in": "body"},
            "number": {"type": "integer", "format": "password", "x-in": "body"},
        }
    }
    upstream.response_for = lambda seen: http_response(json.dumps([seen.target, seen.body.decode()]).encode())
    arguments = {"pin": "pä ss/1", "word": 'w"örd', "number": 47_110_815}
    finished = await run(upstream.base_url, arguments, method="POST", path="/{pin}", schema=schema)
    assert upstream.requests[0].target == "/p%C3%A4%20ss%2F1"
    assert json.loads(upstream.requests[0].body) == {"word": 'w"örd', "number": 47_110_815}
    shown = repr(
        [finished.request, finished.response, finished.response and finished.response.text, finished.structured]
    )
    for encoded in ("%C3%A4", "ä", "00f6", "ö", "47110815"):
        assert encoded not in shown


async def test_a_replay_sends_nothing_from_this_machine(upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_recorded", lambda _method, _url: False)
    with pytest.raises(UsageError, match="a replay uses no network"):
        await run(upstream.base_url, {})
    assert not upstream.requests
