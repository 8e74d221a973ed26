"""Running a draft from this machine, against servers that record what they get."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import Any

import pytest

from drio_tui.api.redact import HIDDEN
from drio_tui.tool_calls.fetch import FetchLimits
from drio_tui.workspace.run.bound_tool import NotRunnable
from drio_tui.workspace.run.local_runner import BadArguments, LocalRunner, origin, prepare, preview
from drio_tui.workspace.run.tool_run import Run
from tests.sandbox.mcp.conftest import Upstream, respond
from tests.workspace.run.conftest import bound

SECRET = "s3cr3t-of-the-upstream"


def agreed(base_url: str, **spec: Any) -> LocalRunner:
    """What is known once a person has agreed to a host of this machine."""
    here = LocalRunner()
    place = origin(bound(base_url, **spec))
    here.hosts.add(place)
    here.private.add(place)
    return here


async def run(base_url: str, arguments: dict[str, Any], **spec: Any) -> Run:
    return await agreed(base_url).run(bound(base_url, **spec), arguments)


async def test_what_is_sent_is_what_the_arguments_say_and_what_came_back_is_shown(upstream: Upstream) -> None:
    upstream.answer = lambda _seen: respond(b'{"items": [{"name": "Ada"}]}')
    schema = {
        "type": "object",
        "properties": {
            "id": {"type": "string"}, "tag": {"type": "string", "x-in": "query"}, "note": {"type": "string"},
            "trace": {"type": "string", "x-in": "header", "x-name": "X-Trace"},
        },
        "required": ["id"],
    }  # fmt: skip
    widget = {"primitive": "list", "config": {"fieldMappings": {"items": "$.items", "title": "$.name"}}}
    done = await run(
        upstream.base_url,
        {"id": "a b/c", "tag": "x&y", "note": "hello", "trace": "t1"},
        method="POST", path="/things/{id}", schema=schema, widget=widget,
    )  # fmt: skip
    seen = upstream.seen[0]
    assert (seen.method, seen.target) == ("POST", "/things/a%20b%2Fc?tag=x%26y")
    assert seen.headers["x-trace"] == "t1"
    assert json.loads(seen.body) == {"note": "hello"}
    assert done.request is not None
    assert done.request.url == upstream.base_url + seen.target
    assert ("X-Trace", "t1") in done.request.headers
    assert json.loads(done.request.body) == {"note": "hello"}
    assert done.response is not None
    assert (done.response.status, done.response.size) == (200, 28)
    assert done.structured == {"items": [{"name": "Ada"}]}
    assert not done.failed
    assert [name for name, _ in done.timing] == ["arguments", "upstream", "reading"]


@pytest.mark.parametrize(
    ("config", "typed", "header"),
    [
        ({"type": "apiKey", "name": "X-Api-Key"}, {"apiKey": SECRET}, ("x-api-key", SECRET)),
        ({"type": "bearer"}, {"token": SECRET}, ("authorization", f"Bearer {SECRET}")),
        ({"type": "oauth"}, {"token": SECRET}, ("authorization", f"Bearer {SECRET}")),
    ],
)
async def test_a_credential_is_asked_for_once_goes_to_its_origin_only_and_is_in_nothing_that_is_shown(
    upstream: Upstream, other: Upstream, config: Any, typed: Any, header: tuple[str, str]
) -> None:
    tool = bound(upstream.base_url, auth=config)
    here = agreed(upstream.base_url)
    wanted = here.wanted(tool)
    assert wanted is not None
    assert wanted.place == upstream.base_url.removeprefix("http://")
    here.give(wanted, typed)
    assert here.wanted(tool) is None
    echo = json.dumps({"you": {"sent": SECRET}}).encode()
    upstream.answer = lambda _seen: respond(echo)
    done = await here.run(tool, {})
    assert upstream.seen[0].headers[header[0]] == header[1]
    assert done.structured == {"you": {"sent": HIDDEN}}
    assert SECRET not in repr(done) + json.dumps(done.as_wire()) + repr(here) + repr(wanted)
    assert done.request is not None
    assert any(HIDDEN in value for _, value in done.request.headers)
    # Another host, even under the same connection, has to be asked for anew; a redirect gets nothing.
    assert here.wanted(bound(other.base_url, auth=config)) is not None
    upstream.answer = lambda _seen: respond(b"", "307 Temporary Redirect", Location=f"{other.base_url}/elsewhere")
    away = await here.run(tool, {})
    assert "is not a host" in away.error
    assert not other.seen
    here.forget(tool)
    assert here.wanted(tool) is not None


async def test_a_credential_that_is_not_taken_is_asked_for_again(upstream: Upstream) -> None:
    tool = bound(upstream.base_url, auth={"type": "bearer"})
    here = agreed(upstream.base_url)
    wanted = here.wanted(tool)
    assert wanted is not None
    here.give(wanted, {"token": SECRET})
    upstream.answer = lambda _seen: respond(b'{"message": "no"}', "401 Unauthorized")
    done = await here.run(tool, {})
    assert done.failed
    assert "asked for again" in done.error
    assert here.wanted(tool) is not None


async def test_a_client_secret_gets_a_token_and_neither_is_shown(upstream: Upstream) -> None:
    config = {"type": "oauth", "tokenEndpoint": f"{upstream.base_url}/token", "clientId": "us"}
    tool = bound(upstream.base_url, auth=config)
    here = agreed(upstream.base_url)
    wanted = here.wanted(tool)
    assert wanted is not None
    assert [name for name, _ in wanted.members] == ["clientSecret", "token"]
    here.give(wanted, {"clientSecret": SECRET, "token": ""})
    upstream.answer = lambda seen: respond(
        b'{"access_token": "fresh-one", "token_type": "Bearer"}' if seen.target == "/token" else b'["Bearer fresh-one"]'
    )
    done = await here.run(tool, {})
    assert done.structured == {"result": [f"Bearer {HIDDEN}"]}
    assert [seen.target for seen in upstream.seen] == ["/token", "/things"]
    assert upstream.seen[1].headers["authorization"] == "Bearer fresh-one"
    assert "fresh-one" not in json.dumps(done.as_wire())
    assert SECRET not in json.dumps(done.as_wire())


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
async def test_injection_and_wrong_types_are_refused_before_anything_is_sent(
    upstream: Upstream, arguments: Any, spec: Any
) -> None:
    """F63."""
    with pytest.raises(BadArguments) as refused:
        await run(upstream.base_url, arguments, **spec)
    assert refused.value.message
    assert not upstream.seen
    with pytest.raises(BadArguments):
        preview(bound(upstream.base_url, **spec), arguments)


@pytest.mark.parametrize(
    "base", ["http://[::1", "http://user:pw@127.0.0.1", "file:///etc/passwd", "http://2130706433/"]
)
async def test_addresses_that_are_no_plain_ones_are_refused(base: str) -> None:
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
    done = await agreed(base).run(tool, {})
    assert done.failed
    assert done.response is None
    assert not done.unknown
    assert "pw@" not in json.dumps(done.as_wire())


async def test_a_private_address_is_called_when_it_was_agreed_to_and_a_cloud_s_metadata_never(
    upstream: Upstream,
) -> None:
    here = LocalRunner()
    tool = bound(upstream.base_url)
    assert here.is_new(tool)
    refused = await here.run(tool, {})
    assert refused.private == ("127.0.0.1", upstream.port)
    assert "this machine" in refused.error
    assert not upstream.seen
    assert not refused.unknown
    here.private.add(refused.private)
    assert not (await here.run(tool, {})).failed
    metadata = bound("http://169.254.169.254/latest")
    here.private.add(origin(metadata))
    told = await here.run(metadata, {})
    assert told.private is None
    assert "link-local" in told.error


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (respond(b"x" * 20_000), "larger than"),
        (respond(gzip.compress(b"0" * 5_000_000), Content_Encoding="gzip"), "larger than"),
        (respond(b"not gzip", Content_Encoding="gzip"), "damaged"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", "broke off"),
        (b"garbage\r\n\r\n", "broke off"),
    ],
)
async def test_an_answer_that_is_too_large_or_broken_ends_the_run_with_its_reason(
    upstream: Upstream, answer: bytes, said: str
) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()

    upstream.on_connection = serve
    here = agreed(upstream.base_url)
    here.limits = FetchLimits(body=10_000)
    done = await here.run(bound(upstream.base_url), {})
    assert said in done.error
    assert done.structured is None
    assert not done.unknown


async def test_an_upstream_that_never_answers_is_given_up_and_a_change_is_said_to_be_uncertain(
    upstream: Upstream,
) -> None:
    async def hang(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    upstream.on_connection = hang
    here = agreed(upstream.base_url)
    here.limits = FetchLimits(total=0.2)
    done = await here.run(bound(upstream.base_url, method="POST"), {})
    assert "did not answer" in done.error
    assert done.unknown
    assert not (await here.run(bound(upstream.base_url), {})).unknown


@pytest.mark.parametrize(
    ("answer", "structured", "value"),
    [
        (respond(b"[1, 2]"), {"result": [1, 2]}, [1, 2]),
        (respond(b"", "204 No Content"), {"status": 204}, {"status": 204}),
        (respond(b"<b>hi</b>", kind="text/html"), {"result": "<b>hi</b>"}, "<b>hi</b>"),
        (respond(b"\x89PNG", kind="image/png"), {"status": 200, "contentType": "image/png", "bytes": 4}, None),
    ],
)
async def test_results_are_what_models_would_get(
    upstream: Upstream, answer: bytes, structured: Any, value: Any
) -> None:
    upstream.answer = lambda _seen: answer
    done = await run(upstream.base_url, {})
    assert done.structured == structured
    assert value is None or done.value == value
    assert done.seconds > 0


async def test_arguments_that_are_secret_are_sent_but_shown_nowhere(upstream: Upstream) -> None:
    schema = {"properties": {"pin": {"type": "string", "writeOnly": True}, "password": {"type": "string"}}}
    upstream.answer = lambda seen: respond(seen.body)
    given = {"pin": "secret-pin", "password": "secret-word"}
    done = await run(upstream.base_url, given, method="POST", schema=schema)
    assert json.loads(upstream.seen[0].body) == given
    assert "secret-" not in repr([done.request, done.response, done.structured])
    assert "secret-" not in preview(bound(upstream.base_url, method="POST", schema=schema), given).body


async def test_a_secret_is_hidden_however_an_address_or_json_spells_it(upstream: Upstream) -> None:
    schema = {
        "properties": {
            "pin": {"type": "string", "writeOnly": True, "x-in": "path"},
            "word": {"type": "string", "format": "password", "x-in": "body"},
            "number": {"type": "integer", "format": "password", "x-in": "body"},
        }
    }
    upstream.answer = lambda seen: respond(json.dumps([seen.target, seen.body.decode()]).encode())
    given = {"pin": "pä ss/1", "word": 'w"örd', "number": 47_110_815}
    done = await run(upstream.base_url, given, method="POST", path="/{pin}", schema=schema)
    assert upstream.seen[0].target == "/p%C3%A4%20ss%2F1"
    assert json.loads(upstream.seen[0].body) == {"word": 'w"örd', "number": 47_110_815}
    shown = repr([done.request, done.response, done.response and done.response.text, done.structured])
    for spelt in ("%C3%A4", "ä", "00f6", "ö", "47110815"):
        assert spelt not in shown
