"""The MCP endpoint of a deployed app, used by MCP clients."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from typing import Any

import httpx
import pytest

from drio_tui.tool_calls.tools import tool_name
from tests.sandbox.mcp.conftest import ServedSandbox, Upstream, http_response

pytestmark = pytest.mark.socket


async def example(helpdesk: ServedSandbox) -> tuple[str, str]:
    """Deploy the example app; return its id and its endpoint."""
    (app,) = (await helpdesk.api("GET", "/apps"))["apps"]
    return app["id"], await helpdesk.deploy(app["id"])


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_official_client_lists_and_calls_tools_and_reads_a_widget(helpdesk: ServedSandbox, mode: str) -> None:
    app, endpoint = await example(helpdesk)
    config = (await helpdesk.api("GET", f"/apps/{app}/config"))["config"]
    async with helpdesk.client(endpoint, mode) as client:
        assert client.instructions == config["app"]["serverInstructions"]
        assert client.server_info.name == "acme-support"
        assert client.server_info.version == config["app"]["version"] == "1.1.0"
        tools = (await client.list_tools()).tools
        assert [tool.name for tool in tools] == [tool["key"] for tool in config["tools"]]
        operations = {operation["id"]: operation for operation in config["operations"]}
        for tool, configured in zip(tools, config["tools"], strict=True):
            operation = operations[configured["binding"]["integrationOperationId"]]
            assert (tool.title, tool.description) == (configured["name"], configured["description"])
            assert tool.input_schema == operation["inputSchema"]
            documented, any_object = tool.output_schema["anyOf"]  # a response that does not match is no failure
            assert {"$schema": tool.output_schema["$schema"], **documented} == operation["outputSchema"]
            assert any_object == {"type": "object", "description": "A response that is not as documented."}
            assert tool.annotations
            assert tool.annotations.read_only_hint == configured["annotations"]["readOnlyHint"]
        result = await client.call_tool("search-contacts", {"q": "northwind"})
        assert not result.is_error
        assert [row["name"] for row in result.structured_content["results"]] == ["Ada Okafor", "Ines Moreau"]
        assert json.loads(result.content[0].text) == result.structured_content
        uri = tools[0].meta["ui"]["resourceUri"]
        assert tools[0].meta["openai/outputTemplate"] == uri
        (contents,) = (await client.read_resource(uri)).contents
        assert contents.mime_type == "text/html;profile=mcp-app"
        assert contents.text.startswith("<!doctype html>")
        assert uri in {resource.uri for resource in (await client.list_resources()).resources}


async def test_fastmcp_client_lists_and_calls_tools_and_reads_a_widget(helpdesk: ServedSandbox) -> None:
    fastmcp = pytest.importorskip("fastmcp", reason="the other client is not installed")
    _, endpoint = await example(helpdesk)
    async with fastmcp.Client(endpoint) as client:
        tools = await client.list_tools()
        assert "show-contact" in {tool.name for tool in tools}
        result = await client.call_tool("show-contact", {"contactId": "con_1001"})
        assert result.structured_content["name"] == "Ada Okafor"
        resources = await client.list_resources()
        contents = await client.read_resource(str(resources[0].uri))
        assert "Content-Security-Policy" in contents[0].text


async def test_edits_are_not_live_until_the_next_deploy(helpdesk: ServedSandbox) -> None:
    app, endpoint = await example(helpdesk)
    tools = (await helpdesk.api("GET", f"/apps/{app}/tools"))["tools"]
    async with helpdesk.client(endpoint) as client:
        await helpdesk.api("PATCH", f"/apps/{app}/tools/{tools[0]['id']}", {"description": "Changed."})
        await helpdesk.api("PATCH", f"/apps/{app}/tools/{tools[-1]['id']}", {"isEnabled": False, "name": "Gone"})
        before = (await client.list_tools(cache_mode="bypass")).tools
        assert len(before) == len(tools)
        assert before[0].description == tools[0]["description"]
    with pytest.raises(AssertionError, match="not_deployable"):  # another tool chains to the disabled one
        await helpdesk.deploy(app)
    await helpdesk.api("PUT", f"/apps/{app}/tools/{tools[3]['id']}/chain", {"nextToolIds": []})
    assert await helpdesk.deploy(app) == endpoint
    async with helpdesk.client(endpoint) as client:
        after = (await client.list_tools()).tools
        assert [tool.name for tool in after] == [tool["key"] for tool in tools[:-1]]
        assert after[0].description == "Changed."


async def test_restore_brings_back_config_and_secrets(lax: ServedSandbox, upstream: Upstream) -> None:
    auth = {"providerKey": "bearer", "config": {"type": "bearer", "token": "first"}}
    app, _ = await lax.create_tool(upstream.base_url, auth=auth, tool={"description": "First."})
    endpoint = await lax.deploy(app)
    (connection,) = (await lax.api("GET", f"/apps/{app}/auth"))["auth"]
    (tool,) = (await lax.api("GET", f"/apps/{app}/tools"))["tools"]
    await lax.api("PATCH", f"/apps/{app}/auth/{connection['id']}", {"config": {"token": "second"}})
    await lax.api("PATCH", f"/apps/{app}/tools/{tool['id']}", {"description": "Second."})
    await lax.call(endpoint, "do-it")
    assert upstream.requests[-1].headers["authorization"] == "Bearer first"  # the secret of the deployment
    await lax.deploy(app)
    await lax.call(endpoint, "do-it")
    assert upstream.requests[-1].headers["authorization"] == "Bearer second"

    http = lax.api.http
    restored = (await http.post(f"/sandbox/apps/{app}/restore", json={})).json()
    assert restored == {"app": (await lax.api("GET", f"/apps/{app}"))["app"], "endpoint": endpoint}
    assert restored["app"]["version"] == "1.3.0"
    async with lax.client(endpoint) as client:
        assert (await client.list_tools()).tools[0].description == "First."
        await client.call_tool("do-it", {})
    assert upstream.requests[-1].headers["authorization"] == "Bearer first"
    draft = (await lax.api("GET", f"/apps/{app}/tools"))["tools"][0]
    assert draft["description"] == "Second."
    history = (await http.get(f"/sandbox/apps/{app}/deployments")).json()["deployments"]
    assert [(deployment["version"], deployment["live"], deployment["restoredFrom"]) for deployment in history] == [
        ("1.3.0", True, "1.1.0"), ("1.2.0", False, None), ("1.1.0", False, None),
    ]  # fmt: skip
    named = await http.post(f"/sandbox/apps/{app}/restore", json={"version": "1.2.0"})
    assert named.json()["app"]["version"] == "1.4.0"
    assert (await http.post(f"/sandbox/apps/{app}/restore", json={"version": "9.9.9"})).status_code == 404


async def test_restore_after_one_deploy_is_refused(lax: ServedSandbox, upstream: Upstream) -> None:
    app, _ = await lax.create_tool(upstream.base_url)
    await lax.deploy(app)
    response = await lax.api.http.post(f"/sandbox/apps/{app}/restore", json={})
    assert (response.status_code, response.json()["error"]["code"]) == (409, "nothing_to_restore")
    async with httpx.AsyncClient(base_url=lax.base_url) as nobody:
        assert (await nobody.post(f"/sandbox/apps/{app}/restore", json={})).status_code == 401


async def test_endpoint_survives_a_restart_on_another_port(tmp_path: Any) -> None:
    from tests.sandbox.mcp.conftest import served

    async with served(tmp_path / "moving") as first:
        (app,) = (await first.api("GET", "/apps"))["apps"]
        endpoint = await first.deploy(app["id"])
    async with served(tmp_path / "moving") as second:
        assert second.base_url != first.base_url
        moved = endpoint.replace(first.base_url, second.base_url)
        result = await second.call(moved, "show-contact", {"contactId": "con_1001"})
        assert result.structured_content["id"] == "con_1001"


async def test_fifty_concurrent_calls_succeed(helpdesk: ServedSandbox) -> None:
    _, endpoint = await example(helpdesk)
    async with helpdesk.client(endpoint) as client:
        calls = [client.call_tool("show-contact", {"contactId": f"con_10{number % 9 + 1:02}"}) for number in range(50)]
        results = await asyncio.gather(*calls)
    assert [result.structured_content["id"] for result in results] == [f"con_10{n % 9 + 1:02}" for n in range(50)]


async def test_running_call_finishes_with_its_own_deployment(lax: ServedSandbox, upstream: Upstream) -> None:
    app, tool = await lax.create_tool(upstream.base_url)
    endpoint = await lax.deploy(app)
    received, may_respond = asyncio.Event(), asyncio.Event()

    async def respond_later(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        received.set()
        await may_respond.wait()
        writer.write(http_response(b'{"slow": true}'))
        await writer.drain()

    upstream.on_connection = respond_later
    async with lax.client(endpoint) as client:
        call = asyncio.create_task(client.call_tool("do-it", {}))
        await received.wait()
        await lax.api("PATCH", f"/apps/{app}/tools/{tool['id']}", {"description": "Newer."})
        await lax.deploy(app)
        async with lax.client(endpoint) as newer:
            assert (await newer.list_tools()).tools[0].description == "Newer."
        may_respond.set()
        assert (await call).structured_content == {"slow": True}


async def test_invalid_arguments_are_reported_and_nothing_is_sent(lax: ServedSandbox, upstream: Upstream) -> None:
    schema = {
        "type": "object",
        "properties": {"count": {"type": "integer"}, "kind": {"enum": ["a", "b"]}},
        "required": ["count"],
        "additionalProperties": False,
    }
    app, _ = await lax.create_tool(upstream.base_url, inputSchema=schema)
    result = await lax.call(await lax.deploy(app), "do-it", {"kind": "c", "more": 1})
    assert result.is_error
    text = result.content[0].text
    assert "count: is required" in text
    assert "kind: must be one of 'a', 'b'" in text
    assert "'more'" in text
    assert upstream.requests == []


async def test_unknown_tools_resources_and_apps_are_refused(helpdesk: ServedSandbox) -> None:
    from mcp.shared.exceptions import MCPError

    _, endpoint = await example(helpdesk)
    async with helpdesk.client(endpoint) as client:
        with pytest.raises(MCPError, match="There is no tool"):
            await client.call_tool("nonsense", {})
        with pytest.raises(MCPError, match="There is no resource"):
            await client.read_resource("ui://acme-support/../../etc/passwd")
    for public_id in ("mcp_0000000000000000", "x" * 5000, "..%2f..", "%00"):
        response = await helpdesk.api.http.post(f"/mcp/{public_id}", json={})
        assert response.status_code == 404, public_id
    response = await helpdesk.api.http.get(endpoint)
    assert (response.status_code, response.headers["allow"]) == (405, "POST")


PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
ACCEPT = {"Accept": "application/json, text/event-stream"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "evil.example"}, 421),
        ({"Host": "evil.example:80"}, 421),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
    ],
)
async def test_cross_origin_requests_to_the_endpoint_are_rejected(
    helpdesk: ServedSandbox, headers: dict[str, str], status: int
) -> None:
    _, endpoint = await example(helpdesk)
    async with httpx.AsyncClient() as client:
        all_headers = {"Content-Type": "application/json", **ACCEPT, **headers}
        response = await client.post(endpoint, content=json.dumps(PING), headers=all_headers)
    assert response.status_code == status, response.text


async def test_large_and_non_json_bodies_are_refused(helpdesk: ServedSandbox) -> None:
    _, endpoint = await example(helpdesk)
    async with httpx.AsyncClient(headers=ACCEPT | {"Content-Type": "application/json"}) as client:
        assert (await client.post(endpoint, content=b" " * (5 << 20))).status_code == 413
        assert (await client.post(endpoint, content=b"{")).status_code == 400
        assert (await client.post(endpoint, content=b"[" * 100_000)).status_code == 400


def test_sdk_is_not_imported_at_start() -> None:
    import subprocess

    source = (
        "import sys, drio_tui.sandbox.serve; print([n for n in sys.modules if n.split('.')[0] in ('mcp', 'keyring')])"
    )
    assert subprocess.check_output([sys.executable, "-c", source], text=True).strip() == "[]"


@pytest.mark.parametrize(
    "key", ["search-contacts", "a" * 64, "a" * 65, "a" * 100, "b" * 100, "Ünï cødé!", "", "x/y", "under_score"]
)
def test_tool_names_are_valid_for_clients(key: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", tool_name(key))
    assert tool_name(key) == key or not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", key)


def test_long_keys_keep_distinct_tool_names() -> None:
    assert tool_name("a" * 70 + "b") != tool_name("a" * 70 + "c")


REQUEST = {"jsonrpc": "2.0", "id": 7, "method": "tools/list"}
HANDSHAKES = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
META = {
    "_meta": {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
}


async def post(endpoint: str, body: Any, version: str | None = None) -> httpx.Response:
    """Send one message, with the protocol version in its header."""
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    headers |= {} if version is None else {"MCP-Protocol-Version": version}
    if version == "2026-07-28" and isinstance(body, dict):
        headers["Mcp-Method"] = body["method"]
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.post(endpoint, content=json.dumps(body), headers=headers)


METHODS = {
    "tools": {"tools/list": {}, "tools/call": {"name": "search-contacts", "arguments": {"q": "ada"}}},
    "resources": {"resources/list": {}, "resources/templates/list": {}, "resources/read": {"uri": ""}},
}
"""The methods of each capability (MCP 2025-06-18 and 2026-07-28, server features)."""


async def test_all_methods_of_declared_capabilities_are_implemented(helpdesk: ServedSandbox) -> None:
    _, endpoint = await example(helpdesk)
    client = {"capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    for version in (*HANDSHAKES, "2026-07-28"):
        modern = version == "2026-07-28"
        extra = META if modern else {}
        first = {"method": "server/discover", "params": META} if modern else {
            "method": "initialize", "params": {"protocolVersion": version, **client},
        }  # fmt: skip
        server = (await post(endpoint, REQUEST | first, version if modern else None)).json()["result"]
        assert modern or server["protocolVersion"] == version
        assert set(server["capabilities"]) - {"extensions"} == set(METHODS)
        assert server["capabilities"]["resources"]["subscribe"] is False
        listing = await post(endpoint, REQUEST | {"method": "resources/list", "params": extra}, version)
        (uri, *_) = [resource["uri"] for resource in listing.json()["result"]["resources"]]
        for methods in METHODS.values():
            for method, params in methods.items():
                params = params | ({"uri": uri} if "uri" in params else {}) | extra
                if modern and method in ("tools/call", "resources/read"):
                    continue  # they need one more header, which the official client sends
                response = (await post(endpoint, REQUEST | {"method": method, "params": params}, version)).json()
                assert "result" in response, (version, method, response)
        templates = await post(endpoint, REQUEST | {"method": "resources/templates/list", "params": extra}, version)
        assert templates.json()["result"]["resourceTemplates"] == []
    async with helpdesk.client(endpoint) as official_client:
        assert (await official_client.list_resource_templates()).resource_templates == []


async def test_batch_is_refused_with_a_json_rpc_error(helpdesk: ServedSandbox) -> None:
    _, endpoint = await example(helpdesk)
    for version in (None, *HANDSHAKES, "2026-07-28"):
        for batch in ([], [REQUEST], [REQUEST, {"jsonrpc": "2.0", "method": "x"}]):
            response = await post(endpoint, batch, version)
            assert response.status_code == 400
            assert set(response.json()) == {"jsonrpc", "id", "error"}
            assert response.json()["id"] is None
            assert response.json()["error"]["code"] == -32600
            assert "batches are not supported" in response.json()["error"]["message"]


async def test_unknown_protocol_version_is_refused_with_the_supported_ones(helpdesk: ServedSandbox) -> None:
    _, endpoint = await example(helpdesk)
    for version in ("1999-01-01", "2099-01-01", "junk", ""):
        for params in ({}, META):
            response = await post(endpoint, REQUEST | {"params": params}, version)
            assert response.status_code == 400
            assert response.json()["id"] == 7
            error = response.json()["error"]
            assert error["code"] == -32022
            assert error["data"] == {"supported": [*HANDSHAKES, "2026-07-28"], "requested": version}
            assert "2025-06-18" in error["message"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (5, "an object"),
        (None, "an object"),
        ({"jsonrpc": "1.0", "id": 7, "method": "ping"}, "`jsonrpc`"),
        ({"jsonrpc": "2.0", "id": 7}, "`method`"),
        ({"jsonrpc": "2.0", "id": 7, "method": 5}, "`method`"),
        ({"jsonrpc": "2.0", "id": 7, "method": "ping", "params": []}, "`params`"),
        ({"jsonrpc": "2.0", "id": None, "method": "ping"}, "`id`"),
        ({"jsonrpc": "2.0", "id": 1.5, "method": "ping"}, "`id`"),
    ],
)
def test_invalid_json_rpc_message_is_refused_with_the_reason(body: Any, message: str) -> None:
    from drio_tui.sandbox.mcp.messages import message_error

    response = message_error(json.dumps(body).encode(), "2025-06-18")
    assert response is not None
    assert response["error"]["code"] == -32600
    assert message in response["error"]["message"]
    assert response["id"] == (7 if isinstance(body, dict) and body["id"] == 7 else None)


def test_valid_json_rpc_messages_are_passed_on() -> None:
    from drio_tui.sandbox.mcp.messages import message_error

    for message in (REQUEST, REQUEST | {"id": "a"}, {"jsonrpc": "2.0", "method": "notifications/initialized"},
                    {"jsonrpc": "2.0", "id": 1, "result": {}}):  # fmt: skip
        for version in (None, *HANDSHAKES, "2026-07-28"):
            assert message_error(json.dumps(message).encode(), version) is None
