"""The log of what MCP clients asked of deployed apps."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from drio_tui.sandbox.mcp.call_log import CallLog, CallRecorder, Exchange
from tests.sandbox.mcp.conftest import ServedSandbox, Upstream, http_response

pytestmark = pytest.mark.socket

SECRET = "s3cr3t/of the+upstream"


async def listed(sandbox: ServedSandbox, **parameters: Any) -> dict[str, Any]:
    response = await sandbox.api.http.get("/sandbox/calls", params=parameters)
    assert response.status_code == 200
    return dict(response.json())


async def deployed_example(helpdesk: ServedSandbox) -> tuple[str, str]:
    (app,) = (await helpdesk.api("GET", "/apps"))["apps"]
    return app["id"], await helpdesk.deploy(app["id"])


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_calls_of_the_official_client_are_recorded(helpdesk: ServedSandbox, mode: str) -> None:
    app, endpoint = await deployed_example(helpdesk)
    async with helpdesk.client(endpoint, mode) as client:
        await client.list_tools()
        await client.call_tool("search-contacts", {"q": "northwind"})
        await client.call_tool("show-contact", {"contactId": "con_9999"})
    calls = (await listed(helpdesk, app=app))["calls"]
    listing = next(call for call in calls if call["method"] == "tools/list")
    found, missing = (call for call in calls if call["method"] == "tools/call")
    assert {call["client"]["name"] for call in calls} == {"mcp"}
    assert all(call["client"]["version"] for call in calls)
    assert len({call["protocol"] for call in calls if call["protocol"]}) == 1
    assert (listing["tool"], listing["arguments"], listing["failed"]) == (None, None, False)
    assert (found["tool"], found["arguments"]) == ("search-contacts", {"q": "northwind"})
    (upstream,) = found["upstream"][:1]
    assert (upstream["method"], upstream["status"]) == ("GET", 200)
    assert upstream["url"].startswith(f"{helpdesk.base_url}/")
    assert upstream["url"].endswith("q=northwind")
    assert not found["failed"]
    assert found["result"]["total"] == 2
    assert found["bytes"] > found["tokens"] > 50
    assert found["seconds"] >= upstream["seconds"] > 0
    assert missing["failed"]
    assert "404" in missing["error"]
    assert missing["upstream"][0]["status"] == 404


async def test_calls_of_fastmcp_are_recorded(helpdesk: ServedSandbox) -> None:
    fastmcp = pytest.importorskip("fastmcp", reason="the other client is not installed")
    app, endpoint = await deployed_example(helpdesk)
    async with fastmcp.Client(endpoint) as client:
        await client.call_tool("show-contact", {"contactId": "con_1001"})
    (call,) = [call for call in (await listed(helpdesk, app=app))["calls"] if call["method"] == "tools/call"]
    assert (call["tool"], call["arguments"]) == ("show-contact", {"contactId": "con_1001"})
    assert call["client"]["name"]
    assert call["result"]["name"] == "Ada Okafor"


async def test_secrets_are_never_kept(lax: ServedSandbox, upstream: Upstream) -> None:
    upstream.response_for = lambda seen: http_response(json.dumps({"echo": seen.headers, "url": seen.target}).encode())
    text = {"type": "string"}
    app, _ = await lax.create_tool(
        upstream.base_url + "/?key=fixed-key",
        path="/of/{pin}",
        inputSchema={
            "type": "object",
            "properties": {"pin": text | {"format": "password"}, "password": text, "deep": {"type": "object"}},
        },
        auth={"providerKey": "api-key", "config": {"type": "apiKey", "name": "X-Key", "apiKey": SECRET}},
    )
    endpoint = await lax.deploy(app)
    arguments = {"pin": "1234-5678", "password": "hunter2 & more", "deep": {"apiToken": "tok-en-7", "said": SECRET}}
    result = await lax.call(endpoint, "do-it", arguments)
    assert SECRET in result.content[0].text  # what the upstream echoes reaches the client, not the log
    answer = await lax.api.http.get("/sandbox/calls")
    for secret in (SECRET, "upstream", "fixed-key", "1234-5678", "hunter2", "tok-en-7"):
        assert secret not in answer.text.replace('"upstream"', ""), secret
    (call,) = [call for call in answer.json()["calls"] if call["method"] == "tools/call"]
    assert set(call["arguments"]) == {"pin", "password", "deep"}
    assert call["upstream"][0]["url"].startswith(f"{upstream.base_url}/of/")


async def test_invalid_messages_and_hostile_clients_are_recorded_within_limits(helpdesk: ServedSandbox) -> None:
    app, endpoint = await deployed_example(helpdesk)
    name = "\x1b]0;evil\x07[bold]\u202e" + "\ud800" + "n" * 5_000
    meta = {"io.modelcontextprotocol/clientInfo": {"name": name, "version": ["not", "text"]}}
    messages: list[Any] = [
        {"jsonrpc": "2.0", "id": 1, "method": "m" * 5_000, "params": {"_meta": meta}},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": {}, "arguments": "x", "_meta": []}},
        {"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {"name": "x", "arguments": {"a": "b" * 50_000}}},
        ["batch"],
    ]
    async with httpx.AsyncClient(trust_env=False) as http:
        headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        for message in messages:
            await http.post(endpoint, content=json.dumps(message), headers=headers)
        await http.post(endpoint, content="{" * 10_000, headers=headers)
    calls = (await listed(helpdesk, app=app))["calls"]
    assert len(calls) == len(messages) + 1
    assert all(call["failed"] for call in calls)
    assert calls[0]["client"]["name"] == name[:100]
    assert (calls[0]["client"]["version"], len(calls[0]["method"])) == ("", 100)
    assert calls[2]["arguments"] is None
    assert calls[2]["argumentsBytes"] > 50_000
    assert len(json.dumps(calls)) < 20_000


async def test_only_newer_calls_are_listed_and_only_of_existing_apps(helpdesk: ServedSandbox) -> None:
    _, endpoint = await deployed_example(helpdesk)
    await helpdesk.call(endpoint, "search-contacts", {"q": "a"})
    first = await listed(helpdesk)
    assert first["calls"][-1]["number"] == first["last"]
    await helpdesk.call(endpoint, "search-contacts", {"q": "b"})
    newer = await listed(helpdesk, after=first["last"])
    assert newer["log"] == first["log"]
    assert [call["arguments"] for call in newer["calls"] if call["tool"]] == [{"q": "b"}]
    assert (await helpdesk.api.http.get("/sandbox/calls", params={"app": "app_none"})).status_code == 404
    assert (await helpdesk.api.http.get("/sandbox/calls", headers={"Authorization": ""})).status_code == 401


def test_the_oldest_calls_are_dropped() -> None:
    log = CallLog(max_calls=3, max_characters=5_000)
    for number in range(10):
        log.record("one", exchange(number), CallRecorder(), ())
    assert [call["arguments"]["n"] for call in log.calls(["one"])] == [7, 8, 9]
    for number in range(10):
        log.record(f"app {number}", exchange(number, "x" * 1_000), CallRecorder(), ())
    kept = log.calls([f"app {number}" for number in range(10)])
    assert 1 <= len(kept) <= 3
    assert kept[-1]["number"] == log.last


def exchange(number: int, text: str = "") -> Exchange:
    params = {"name": "tool", "arguments": {"n": number, "text": text}}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).encode()
    return Exchange(0.0, 0.1, None, {}, body, 200, b"{}", 2)
