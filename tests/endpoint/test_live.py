"""The client of a deployed endpoint: with the sandbox's endpoint, and with servers that are none or are malicious."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from drio_tui.api.errors import (
    ConnectionFailed,
    ConnectionLost,
    DrioError,
    RedirectRefused,
    RequestTimeout,
    ResponseTooLarge,
    UsageError,
)
from drio_tui.api.exchange import Exchange
from drio_tui.endpoint import LIMITS, connect
from drio_tui.endpoint.errors import EndpointFailed, EndpointRefused, EndpointWantsSignIn, NotAnEndpoint
from tests.api import fault_server as fault
from tests.api.fault_server import Behaviour, Connection, RecordedRequest
from tests.api.test_connection_faults import free_port

QUICK = replace(LIMITS, connect=5.0, read=5.0, total=5.0)
HELLO = {
    "protocolVersion": "2025-06-18",
    "capabilities": {"tools": {}},
    "serverInfo": {"name": "small", "version": "1"},
    "instructions": "Be brief.",
}


def older_server(**by_method: Any) -> Behaviour:
    """Return the behaviour of a server with an older protocol version.

    Method names use `_` for `/`; the values are results or behaviours.
    """

    async def behave(seen: RecordedRequest, connection: Connection) -> bool | None:
        message = json.loads(seen.body or b"{}")
        method = message.get("method", "")
        known = {"initialize": HELLO, "notifications_initialized": fault.answer(b"", status=202, media=None)}
        response = {**known, **by_method}.get(method.replace("/", "_"))
        if callable(response):
            return await response(seen, connection)
        error = {"code": -32601, "message": f"no method {method}"}
        body = {
            "jsonrpc": "2.0",
            "id": message.get("id"),
            **({"error": error} if response is None else {"result": response}),
        }
        return await fault.answer(body)(seen, connection)

    return behave


async def connection_error(url: str, **options: Any) -> DrioError:
    with pytest.raises(DrioError) as caught:
        async with connect(url, limits=QUICK, **options) as client:
            await client.tools()
    return caught.value


# --- an endpoint that works -------------------------------------------------------------------------


async def test_a_deployed_app_lists_tools_answers_calls_and_serves_its_widget(deployed: str) -> None:
    exchanges: list[Exchange] = []
    async with connect(deployed, on_exchange=exchanges.append) as client:
        assert (client.server.name, client.server.version) == ("acme-support", "1.1.0")
        assert client.server.instructions
        tools = {tool.name: tool for tool in await client.tools()}
        search = tools["search-contacts"]
        assert search.annotations["readOnlyHint"] is True
        assert "q" in search.input_schema["properties"]
        result = await client.call("search-contacts", {"q": "northwind"})
        assert not result.is_error
        assert [row["name"] for row in result.structured["results"]] == ["Ada Okafor", "Ines Moreau"]
        assert json.loads(result.text.partition("\n")[0]) == result.structured
        assert result.seconds > 0
        contents = await client.read(search.widget_uri)
        assert (contents.mime, contents.text[:15]) == ("text/html;profile=mcp-app", "<!doctype html>")
        wrong = await client.call("search-contacts", {"q": 5})
        assert wrong.is_error
        with pytest.raises(EndpointRefused, match="no tool"):
            await client.call("nobody")
    assert {exchange.method for exchange in exchanges} == {"POST"}
    assert all(exchange.is_finished and exchange.url == deployed for exchange in exchanges)
    assert exchanges[-1].response_body["error"]["message"].startswith("There is no tool")
    assert not any(name.lower() == "authorization" for exchange in exchanges for name, _ in exchange.request_headers)


async def test_concurrent_calls_get_their_own_answers(deployed: str) -> None:
    async with connect(deployed) as client:
        ids = ["con_1001", "con_1002", "con_1003"] * 5
        results = await asyncio.gather(*(client.call("show-contact", {"contactId": id}) for id in ids))
        assert [result.structured["id"] for result in results] == ids


async def test_an_older_protocol_version_is_negotiated(faults: Callable[..., Any]) -> None:
    tool = {"name": "t", "inputSchema": {"type": "object"}, "later": {"unknown": 1}}
    pages = [{"tools": [tool], "nextCursor": "2"}, {"tools": [{**tool, "name": "u"}]}]

    async def listed(seen: RecordedRequest, connection: Connection) -> bool | None:
        page = pages[1 if seen.json.get("params", {}).get("cursor") else 0]
        body = {"jsonrpc": "2.0", "id": seen.json["id"], "result": page}
        return await fault.answer(f"event: message\ndata: {json.dumps(body)}\n\n", media="text/event-stream")(
            seen, connection
        )

    server = await faults(older_server(tools_list=listed))
    async with connect(f"{server.origin}/mcp", limits=QUICK) as client:
        assert (client.server.name, client.server.instructions, client.server.protocol) == (
            "small",
            "Be brief.",
            "2025-06-18",
        )
        tools = await client.tools()
    assert [found.name for found in tools] == ["t", "u"]
    assert tools[0].raw["later"] == {"unknown": 1}
    assert not any("authorization" in seen.headers or "cookie" in seen.headers for seen in server.requests_seen)


# --- servers that are not an endpoint or require a sign-in ------------------------------------------


async def test_servers_that_are_no_endpoint_raise_distinct_errors(faults: Callable[..., Any]) -> None:
    async def error_from(*script: Behaviour) -> DrioError:
        return await connection_error(f"{(await faults(*script)).origin}/mcp")

    page = await error_from(fault.answer("<!doctype html><title>Log in to the Wi-Fi", media="text/html"))
    assert isinstance(page, NotAnEndpoint)
    assert "text/html" in page.message
    assert "Log in to the Wi-Fi" in page.message

    gone = await error_from(fault.status(404))
    assert isinstance(gone, NotAnEndpoint)
    assert "nothing is there" in gone.message

    challenge = 'Bearer resource_metadata="https://x.example/.well-known/oauth-protected-resource"'
    locked = await error_from(fault.status(401, headers=[("WWW-Authenticate", challenge)]))
    assert isinstance(locked, EndpointWantsSignIn)
    assert locked.challenge == challenge

    assert isinstance(await error_from(fault.status(500)), EndpointFailed)
    assert isinstance(await error_from(fault.status(429)), EndpointFailed)
    assert isinstance(await error_from(fault.answer(b"{", media="application/json")), NotAnEndpoint | EndpointRefused)
    assert isinstance(await error_from(fault.reset()), ConnectionLost)
    assert isinstance(await error_from(fault.raw(b"not http\r\n\r\n")), ConnectionLost)
    assert "drio" not in (await error_from(fault.reset())).title


async def test_redirects_are_limited_and_stay_at_the_origin(faults: Callable[..., Any]) -> None:
    other = await faults(older_server())
    error = await connection_error(f"{(await faults(fault.redirect(307, f'{other.origin}/mcp?token=x'))).origin}/mcp")
    assert isinstance(error, RedirectRefused)
    assert f"{other.origin}/mcp" in error.message
    assert "token" not in error.message
    assert other.requests_seen == []
    looping = await faults(fault.redirect(307, "/mcp/"))
    assert isinstance(await connection_error(f"{looping.origin}/mcp/"), RedirectRefused)
    assert len(looping.requests_seen) <= 2 * (LIMITS.redirects + 1)


async def test_an_unreachable_server_is_tried_once() -> None:
    exchanges: list[Exchange] = []
    error = await connection_error(f"http://127.0.0.1:{free_port()}/mcp", on_exchange=exchanges.append)
    assert isinstance(error, ConnectionFailed)
    assert error.title == "Cannot reach the endpoint"
    assert len({exchange.number for exchange in exchanges}) == 1


@pytest.mark.parametrize("url", ["", "ftp://x.example/", "https://", "https://me:secret@x.example/mcp", "x"])
async def test_invalid_addresses_are_refused_before_sending(url: str) -> None:
    error = await connection_error(url)
    assert isinstance(error, UsageError)
    assert "secret" not in str(error)


# --- malicious answers ------------------------------------------------------------------------------


async def test_malicious_answers_raise_errors(faults: Callable[..., Any]) -> None:
    small = replace(QUICK, response_bytes=64 << 10)
    bomb = fault.gzip_bomb(64 << 20)

    async def error_from(listed: Any) -> DrioError:
        server = await faults(older_server(tools_list=listed))
        with pytest.raises(DrioError) as caught:
            async with connect(f"{server.origin}/mcp", limits=small) as client:
                await client.tools()
        return caught.value

    compressed = fault.answer(bomb, headers=[("Content-Encoding", "gzip")])
    assert isinstance(await error_from(compressed), ResponseTooLarge)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
    assert isinstance(await error_from(fault.flood(b": ping\n\n" * 500, head)), ResponseTooLarge)
    assert isinstance(await error_from(fault.flood(b"data: " + b"x" * 4000, head)), DrioError)
    assert isinstance(await error_from(fault.answer(b"[" * 50_000)), DrioError)
    assert isinstance(await error_from({"tools": [{"name": 5}]}), NotAnEndpoint)
    assert isinstance(await error_from({"tools": "none"}), NotAnEndpoint)
    unending = {"tools": [{"name": "t", "inputSchema": {"type": "object"}}], "nextCursor": "again"}
    assert "does not end" in (await error_from(unending)).message
    assert isinstance(await error_from(fault.reset(head + b"data: {")), ConnectionLost)


async def test_a_call_that_times_out_has_an_unknown_outcome(faults: Callable[..., Any]) -> None:
    server = await faults(older_server(tools_call=fault.hang(), tools_list={"tools": []}))
    async with connect(f"{server.origin}/mcp", limits=replace(QUICK, total=0.3)) as client:
        with pytest.raises(RequestTimeout) as caught:
            await client.call("t")
        assert caught.value.outcome_unknown
        assert await client.tools() == ()  # the connection stays open


async def test_a_call_is_cancelled_at_once_even_if_the_server_hangs(faults: Callable[..., Any]) -> None:
    server = await faults(
        older_server(
            tools_call=fault.hang(), notifications_cancelled=fault.hang(), notifications_initialized=fault.hang()
        )
    )

    async def work() -> None:
        async with connect(f"{server.origin}/mcp", limits=LIMITS) as client:
            await client.call("t")

    task = asyncio.create_task(work())
    await server.requests(3)
    task.cancel()
    done, _ = await asyncio.wait({task}, timeout=2.0)  # the limit for a server that hangs is a minute
    assert task in done
    assert task.cancelled()


async def test_a_missing_sdk_is_reported_with_install_instructions() -> None:
    code = """
import asyncio, sys
sys.modules["mcp"] = None
from drio_tui.endpoint import connect
async def work():
    async with connect("http://127.0.0.1:1/mcp"):
        pass
try:
    asyncio.run(work())
except Exception as error:
    print(type(error).__name__, error.hint)
"""
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == 'NoMcpClient Install it with the extra `mcp`: pip install "drio-tui[mcp]"'
