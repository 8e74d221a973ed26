"""Snippets to connect a client are valid for that client, whatever the app is called."""

from __future__ import annotations

import json
import shlex

import pytest

from drio_tui.workspace.deploy.ai_clients import client_instructions, reach, server_name

ENDPOINT = "https://mcp_1.mcp.getdrio.com/mcp"


def snippets(name: str, endpoint: str = ENDPOINT, slug: str = "acme") -> list[str]:
    (guide,) = (guide for guide in client_instructions(endpoint, slug) if guide.name == name)
    return [snippet.text for snippet in guide.snippets]


def test_configs_are_json_with_the_endpoint() -> None:
    assert json.loads(snippets("cursor")[0]) == {"mcpServers": {"acme": {"url": ENDPOINT}}}
    assert json.loads(snippets("claude-code")[1]) == {"mcpServers": {"acme": {"type": "http", "url": ENDPOINT}}}
    (server,) = json.loads(snippets("claude-desktop")[0])["mcpServers"].values()
    assert [server["command"], *server["args"]] == ["npx", "-y", "mcp-remote", ENDPOINT]
    assert snippets("chatgpt") == snippets("claude") == [ENDPOINT]


@pytest.mark.parametrize(
    ("slug", "endpoint"),
    [("a'; rm -rf ~ #", "https://x.example/mcp"), ("$(id)\n`id`", "https://x.example/';id;'"), ("", "http://[::1]:1/")],
)
def test_a_pasted_command_cannot_inject_another(slug: str, endpoint: str) -> None:
    words = shlex.split(snippets("claude-code", endpoint, slug)[0])
    assert words == ["claude", "mcp", "add", "--transport", "http", server_name(slug), endpoint]
    assert json.loads(snippets("cursor", endpoint, slug)[0])["mcpServers"].keys() == {server_name(slug)}


def test_local_endpoints_are_marked_and_chatgpt_needs_a_refresh() -> None:
    assert reach(ENDPOINT) == reach("https://support.acme.com/mcp")
    for local in ("http://127.0.0.1:4000/mcp/x", "http://[::1]:4000/mcp", "http://localhost:1/", "http://10.1.2.3/mcp"):
        assert reach(local).local
        assert "tunnel" in reach(local).advice
    (chatgpt,) = (guide for guide in client_instructions(ENDPOINT, "acme") if guide.name == "chatgpt")
    assert "Refresh" in chatgpt.after
