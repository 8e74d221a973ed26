"""The client of a deployed endpoint: against the sandbox's, and against servers that are none or mean harm."""

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
from drio_tui.api.transport import Exchange
from drio_tui.endpoint import LIMITS, connect
from drio_tui.endpoint.errors import EndpointFailed, EndpointRefused, EndpointWantsSignIn, NotAnEndpoint
from tests.api import fault_server as fault
from tests.api.fault_server import Behaviour, Connection, Seen
from tests.api.test_connection_faults import free_port

QUICK = replace(LIMITS, connect=5.0, read=5.0, total=5.0)
HELLO = {
    "protocolVersion": "2025-06-18",
    "capabilities": {"tools": {}},
    "serverInfo": {"name": "small", "version": "1"},
    "instructions": "Be brief.",
}


def talking(**by_method: Any) -> Behaviour:
    """A server of an older protocol; methods are written `tools_list`. A value is a result or a behaviour."""

    async def behave(seen: Seen, connection: Connection) -> bool | None:
        asked = json.loads(seen.body or b"{}")
        method = asked.get("method", "")
        known = {"initialize": HELLO, "notifications_initialized": fault.answer(b"", status=202, media=None)}
        told = {**known, **by_method}.get(method.replace("/", "_"))
        if callable(told):
            return await told(seen, connection)
        error = {"code": -32601, "message": f"no method {method}"}
        body = {"jsonrpc": "2.0", "id": asked.get("id"), **({"error": error} if told is None else {"result": told})}
        return await fault.answer(body)(seen, connection)

    return behave


async def refused(url: str, **options: Any) -> DrioError:
    with pytest.raises(DrioError) as caught:
        async with connect(url, limits=QUICK, **options) as live:
            await live.tools()
    return caught.value


# --- an endpoint that works -------------------------------------------------------------------------


async def test_a_deployed_app_shows_its_tools_answers_a_call_and_gives_its_widget(deployed: str) -> None:
    told: list[Exchange] = []
    async with connect(deployed, on_exchange=told.append) as live:
        assert (live.server.name, live.server.version) == ("acme-support", "1.1.0")
        assert live.server.instructions
        tools = {tool.name: tool for tool in await live.tools()}
        search = tools["search-contacts"]
        assert search.annotations["readOnlyHint"] is True
        assert "q" in search.input_schema["properties"]
        result = await live.call("search-contacts", {"q": "northwind"})
        assert not result.is_error
        assert [row["name"] for row in result.structured["results"]] == ["Ada Okafor", "Ines Moreau"]
        assert json.loads(result.text.partition("\n")[0]) == result.structured
        assert result.seconds > 0
        contents = await live.read(search.widget_uri)
        assert (contents.mime, contents.text[:15]) == ("text/html;profile=mcp-app", "<!doctype html>")
        wrong = await live.call("search-contacts", {"q": 5})
        assert wrong.is_error
        with pytest.raises(EndpointRefused, match="no tool"):
            await live.call("nobody")
    assert {exchange.method for exchange in told} == {"POST"}
    assert all(exchange.done and exchange.url == deployed for exchange in told)
    assert told[-1].response_body["error"]["message"].startswith("There is no tool")
    assert not any(name.lower() == "authorization" for exchange in told for name, _ in exchange.request_headers)


async def test_calls_at_once_and_from_other_tasks_get_their_own_answers(deployed: str) -> None:
    async with connect(deployed) as live:
        ids = ["con_1001", "con_1002", "con_1003"] * 5
        results = await asyncio.gather(*(live.call("show-contact", {"contactId": id}) for id in ids))
        assert [result.structured["id"] for result in results] == ids


async def test_an_older_server_is_spoken_to_in_its_own_way(faults: Callable[..., Any]) -> None:
    tool = {"name": "t", "inputSchema": {"type": "object"}, "later": {"unknown": 1}}
    pages = [{"tools": [tool], "nextCursor": "2"}, {"tools": [{**tool, "name": "u"}]}]

    async def listed(seen: Seen, connection: Connection) -> bool | None:
        page = pages[1 if seen.json.get("params", {}).get("cursor") else 0]
        body = {"jsonrpc": "2.0", "id": seen.json["id"], "result": page}
        return await fault.answer(f"event: message\ndata: {json.dumps(body)}\n\n", media="text/event-stream")(
            seen, connection
        )

    server = await faults(talking(tools_list=listed))
    async with connect(f"{server.origin}/mcp", limits=QUICK) as live:
        assert (live.server.name, live.server.instructions, live.server.protocol) == (
            "small",
            "Be brief.",
            "2025-06-18",
        )
        tools = await live.tools()
    assert [found.name for found in tools] == ["t", "u"]
    assert tools[0].raw["later"] == {"unknown": 1}
    assert not any("authorization" in seen.headers or "cookie" in seen.headers for seen in server.seen)


# --- what is no endpoint, or does not let anybody in ------------------------------------------------


async def test_what_is_no_endpoint_is_told_apart(faults: Callable[..., Any]) -> None:
    async def met(*script: Behaviour) -> DrioError:
        return await refused(f"{(await faults(*script)).origin}/mcp")

    page = await met(fault.answer("<!doctype html><title>Log in to the Wi-Fi", media="text/html"))
    assert isinstance(page, NotAnEndpoint)
    assert "text/html" in page.message
    assert "Log in to the Wi-Fi" in page.message

    gone = await met(fault.status(404))
    assert isinstance(gone, NotAnEndpoint)
    assert "nothing is there" in gone.message

    challenge = 'Bearer resource_metadata="https://x.example/.well-known/oauth-protected-resource"'
    locked = await met(fault.status(401, headers=[("WWW-Authenticate", challenge)]))
    assert isinstance(locked, EndpointWantsSignIn)
    assert locked.challenge == challenge

    assert isinstance(await met(fault.status(500)), EndpointFailed)
    assert isinstance(await met(fault.status(429)), EndpointFailed)
    assert isinstance(await met(fault.answer(b"{", media="application/json")), NotAnEndpoint | EndpointRefused)
    assert isinstance(await met(fault.reset()), ConnectionLost)
    assert isinstance(await met(fault.raw(b"not http\r\n\r\n")), ConnectionLost)
    assert "drio" not in (await met(fault.reset())).title


async def test_redirects_are_bounded_and_stay_with_the_endpoint(faults: Callable[..., Any]) -> None:
    other = await faults(talking())
    away = await refused(f"{(await faults(fault.redirect(307, f'{other.origin}/mcp?token=x'))).origin}/mcp")
    assert isinstance(away, RedirectRefused)
    assert f"{other.origin}/mcp" in away.message
    assert "token" not in away.message
    assert other.seen == []
    looping = await faults(fault.redirect(307, "/mcp/"))
    assert isinstance(await refused(f"{looping.origin}/mcp/"), RedirectRefused)
    assert len(looping.seen) <= 2 * (LIMITS.redirects + 1)


async def test_who_is_not_there_is_asked_once() -> None:
    told: list[Exchange] = []
    error = await refused(f"http://127.0.0.1:{free_port()}/mcp", on_exchange=told.append)
    assert isinstance(error, ConnectionFailed)
    assert error.title == "Cannot reach the endpoint"
    assert len({exchange.number for exchange in told}) == 1


@pytest.mark.parametrize("url", ["", "ftp://x.example/", "https://", "https://me:secret@x.example/mcp", "x"])
async def test_what_cannot_be_an_address_is_refused_before_anything_is_sent(url: str) -> None:
    error = await refused(url)
    assert isinstance(error, UsageError)
    assert "secret" not in str(error)


# --- answers that mean harm -------------------------------------------------------------------------


async def test_answers_that_mean_harm_end_in_an_error(faults: Callable[..., Any]) -> None:
    small = replace(QUICK, response_bytes=64 << 10)
    bomb = fault.gzip_bomb(64 << 20)

    async def met(told: Any) -> DrioError:
        server = await faults(talking(tools_list=told))
        with pytest.raises(DrioError) as caught:
            async with connect(f"{server.origin}/mcp", limits=small) as live:
                await live.tools()
        return caught.value

    packed = fault.answer(bomb, headers=[("Content-Encoding", "gzip")])
    assert isinstance(await met(packed), ResponseTooLarge)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
    assert isinstance(await met(fault.flood(b": ping\n\n" * 500, head)), ResponseTooLarge)
    assert isinstance(await met(fault.flood(b"data: " + b"x" * 4000, head)), DrioError)
    assert isinstance(await met(fault.answer(b"[" * 50_000)), DrioError)
    assert isinstance(await met({"tools": [{"name": 5}]}), NotAnEndpoint)
    assert isinstance(await met({"tools": "none"}), NotAnEndpoint)
    unending = {"tools": [{"name": "t", "inputSchema": {"type": "object"}}], "nextCursor": "again"}
    assert "does not end" in (await met(unending)).message
    assert isinstance(await met(fault.reset(head + b"data: {")), ConnectionLost)


async def test_a_tool_that_never_answers_is_given_up_and_its_outcome_is_unknown(faults: Callable[..., Any]) -> None:
    server = await faults(talking(tools_call=fault.hang(), tools_list={"tools": []}))
    async with connect(f"{server.origin}/mcp", limits=replace(QUICK, total=0.3)) as live:
        with pytest.raises(RequestTimeout) as caught:
            await live.call("t")
        assert caught.value.outcome_unknown
        assert await live.tools() == ()  # the connection goes on


async def test_a_call_can_be_left_at_once_whatever_the_server_does(faults: Callable[..., Any]) -> None:
    server = await faults(
        talking(tools_call=fault.hang(), notifications_cancelled=fault.hang(), notifications_initialized=fault.hang())
    )

    async def work() -> None:
        async with connect(f"{server.origin}/mcp", limits=LIMITS) as live:
            await live.call("t")

    task = asyncio.create_task(work())
    await server.requests(3)
    task.cancel()
    done, _ = await asyncio.wait({task}, timeout=2.0)  # a server that hangs is waited for a minute
    assert task in done
    assert task.cancelled()


async def test_without_the_sdk_it_says_what_to_install() -> None:
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
