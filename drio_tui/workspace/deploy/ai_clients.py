"""How AI clients are connected to an endpoint: steps and snippets to copy, by client.

Menus and files are described as in the vendors' documentation of 2026; menus change more often than files.
"""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass

from drio_tui.workspace.lint.reachability import parsed, private_host

LONGEST_NAME = 40


@dataclass(frozen=True, slots=True)
class Snippet:
    """Text to copy: `what` is its name, `where` the place it goes to."""

    what: str
    text: str
    where: str = ""


@dataclass(frozen=True, slots=True)
class ClientInstructions:
    """How one client is connected. `hosted` clients call the endpoint from the vendor's servers, not from this machine.

    `name` is the value of `--client`. `after` is a note for the time after connecting.
    """

    name: str
    title: str
    hosted: bool
    steps: tuple[str, ...]
    snippets: tuple[Snippet, ...]
    after: str = ""


@dataclass(frozen=True, slots=True)
class Reachability:
    """From where an endpoint can be reached. `advice` is a sentence for the user, empty for a public endpoint."""

    local: bool
    advice: str = ""


def reach(endpoint: str) -> Reachability:
    """Return whether only this machine (or this network) can reach the endpoint."""
    url = parsed(endpoint)
    host = url.hostname or "" if url else ""
    reason = private_host(host)
    if not reason:
        return Reachability(False)
    return Reachability(
        True,
        f"{host} {reason}. Clients on this machine reach it (Claude Code, Cursor, Claude Desktop through mcp-remote, "
        "MCP Inspector), as long as it runs. ChatGPT and Claude's connectors call from their own servers and do not: "
        "they need a tunnel with a public https address, or an app deployed to drio itself.",
    )


def server_name(slug: str) -> str:
    """Return the name of the server in a client's config: letters, digits, - and _."""
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", slug).strip("-")[:LONGEST_NAME].strip("-")
    return name or "drio-app"


def client_instructions(endpoint: str, slug: str) -> tuple[ClientInstructions, ...]:
    """Return the instructions for all known clients, the most used clients first."""
    name = server_name(slug)
    address = Snippet("the endpoint", endpoint, "Server URL")
    bridge = _json({"mcpServers": {name: {"command": "npx", "args": ["-y", "mcp-remote", endpoint]}}})
    return (
        ClientInstructions(
            "chatgpt",
            "ChatGPT",
            True,
            (
                "In ChatGPT on the web: Settings → Apps & Connectors → Advanced settings, and switch on Developer mode "
                "(on Business, Enterprise and Edu an admin allows it first).",
                "Back in Apps & Connectors choose Create, give it a name and paste the endpoint as the MCP server URL. "
                "Authentication: none, unless the endpoint asks for a sign-in.",
                "In a new chat choose + → More → Developer mode, and pick the app.",
            ),
            (address,),
            "ChatGPT keeps the list of tools and the widgets as they were when the app was added. After every deploy "
            "that changes them, open the app in Settings → Apps & Connectors and choose Refresh.",
        ),
        ClientInstructions(
            "claude",
            "Claude (web)",
            True,
            (
                "On claude.ai: Settings → Connectors → Add custom connector.",
                "Name it and paste the endpoint as the remote MCP server URL. On Team and Enterprise an owner adds it.",
                "In a chat, switch it on under + → Connectors.",
            ),
            (address,),
            "Claude reads the tools again when a chat begins. It calls from Anthropic's servers, wherever you sit.",
        ),
        ClientInstructions(
            "claude-desktop",
            "Claude Desktop",
            False,
            (
                "For an endpoint that the internet can reach: Settings → Connectors, as on the web.",
                "For one that only this machine can reach: Settings → Developer → Edit Config, and add this to "
                "claude_desktop_config.json. mcp-remote (it needs Node.js) carries the calls from here.",
                "Quit Claude Desktop and start it again.",
            ),
            (Snippet("the config", bridge, "claude_desktop_config.json"),),
        ),
        ClientInstructions(
            "claude-code",
            "Claude Code",
            False,
            ("Run this in the project's folder; add --scope user to have it in all projects.", "Look with /mcp."),
            (
                Snippet(
                    "the command",
                    f"claude mcp add --transport http {shlex.quote(name)} {shlex.quote(endpoint)}",
                    "a shell",
                ),
                Snippet(
                    "the project's config",
                    _json({"mcpServers": {name: {"type": "http", "url": endpoint}}}),
                    ".mcp.json",
                ),
            ),
        ),
        ClientInstructions(
            "cursor",
            "Cursor",
            False,
            (
                "Add this to .cursor/mcp.json in the project, or to ~/.cursor/mcp.json for all projects.",
                "Cursor Settings → MCP shows the server and its tools; switch it on there.",
            ),
            (Snippet("the config", _json({"mcpServers": {name: {"url": endpoint}}}), ".cursor/mcp.json"),),
            "Cursor passes on about 40 tools of all servers together.",
        ),
        ClientInstructions(
            "inspector",
            "MCP Inspector",
            False,
            ("Run this (it needs Node.js), choose Streamable HTTP, and connect to the endpoint.",),
            (Snippet("the command", "npx @modelcontextprotocol/inspector", "a shell"), address),
        ),
    )


def _json(value: object) -> str:
    return json.dumps(value, indent=2)
