"""Checks tools against the rules of AI clients (`clients.CLIENT_RULES`), for the preflight, `lint` and the editor.

A tool is checked as it would be published (`model_view.Expected`), with the name of the server in a client's config.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from drio_tui.tool_calls.requests import SAFE
from drio_tui.tool_calls.token_count import MANY_TOKENS, MANY_TOOLS
from drio_tui.workspace.deploy.ai_clients import server_name
from drio_tui.workspace.deploy.model_view import Expected
from drio_tui.workspace.lint.annotations import DESTRUCTIVE, HINT_LABELS, OPEN_WORLD, READ_ONLY
from drio_tui.workspace.lint.client_schemas import refusals
from drio_tui.workspace.lint.clients import LONGEST_FOR_CLAUDE, LONGEST_FOR_CURSOR, LONGEST_FOR_OPENAI
from drio_tui.workspace.lint.diagnostics import Diagnostic, about
from drio_tui.workspace.model.snapshot import Resource, Snapshot

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_REVIEWED = (READ_ONLY, DESTRUCTIVE, OPEN_WORLD)
"""The annotations that the review of ChatGPT apps wants."""


def server_of(snapshot: Snapshot) -> str:
    """Return the name that the app has in a client's config, empty if its slug is not known."""
    slug = snapshot.app.text("slug") if snapshot.app is not None else ""
    return server_name(slug) if slug else ""


def list_diagnostics(app: Resource, tools: Sequence[Expected]) -> Iterator[Diagnostic]:
    """Yield what is wrong with the list of tools as a whole."""
    if len(tools) > MANY_TOOLS:
        text = f"{len(tools)} tools are enabled. Cursor passes on about {MANY_TOOLS} of all its servers together"
        yield about(app, "too_many_tools", f"{text}, and models choose worse from long lists.")
    tokens = sum(tool.tokens for tool in tools)
    if tokens > MANY_TOKENS:
        largest = max(tools, key=lambda tool: tool.tokens)
        size = sum(tool.bytes for tool in tools)
        total = f"The list of tools has {size:,} bytes, about {tokens:,} tokens of a model's context"
        yield about(app, "many_tokens", f"{total}; {largest.title} alone {largest.tokens:,}.")


def name_diagnostics(tools: Sequence[Expected], server: str) -> Iterator[Diagnostic]:
    """Yield what is wrong with the names of these tools. `server` is that of `server_of`."""
    seen: dict[str, str] = {}
    for tool in tools:
        yield from name_diagnostics_of(tool, server, seen)
        seen.setdefault(tool.name, tool.title)


def name_diagnostics_of(tool: Expected, server: str, others: Mapping[str, str]) -> Iterator[Diagnostic]:
    """Yield what is wrong with the name of a tool; `others` are the titles of other tools by their names for models."""
    resource, key = tool.resource, tool.resource.key_or_name
    if tool.name in others:
        text = f"Models would see {tool.name} twice: {others[tool.name]} has that name too."
        yield about(resource, "duplicate_tool_name", text, "key")
    length = len(server) + len(tool.name)
    if not _NAME.fullmatch(key):
        text = f"Clients take names of up to 64 letters, digits, _ and -: models would see it as {tool.name}."
        yield about(resource, "tool_name", text, "key")
    elif tool.name[0] in "0123456789-":
        text = f"Gemini's API refuses a name such as {tool.name}, which does not begin with a letter or _."
        yield about(resource, "tool_name_start", text, "key")
    elif server and length > LONGEST_FOR_CURSOR:
        text = f"With the server's name ({server}) it has {length} characters; Cursor takes {LONGEST_FOR_CURSOR}."
        yield about(resource, "long_tool_name", text, "key")


def tool_diagnostics(tool: Expected) -> Iterator[Diagnostic]:
    """Yield what is wrong with the description and the annotations of a tool."""
    yield from _description(tool)
    yield from _annotations(tool)


def _description(tool: Expected) -> Iterator[Diagnostic]:
    description = tool.resource.text("description").strip()
    if not description:
        inherited = tool.operation is not None and tool.operation.text("description")
        text = f"It has no description: models get {'its operation’s' if inherited else 'nothing but its name'}."
        yield about(tool.resource, "no_description", text, "description")
        return
    length = f"Its description has {len(description):,} characters"
    if len(description) > LONGEST_FOR_OPENAI:
        text = f"{length}; OpenAI's models take {LONGEST_FOR_OPENAI:,}."
        yield about(tool.resource, "long_description", text, "description")
    if len(description) > LONGEST_FOR_CLAUDE:
        text = f"{length}; Claude Code truncates it at {LONGEST_FOR_CLAUDE:,}."
        yield about(tool.resource, "truncated_description", text, "description")


def _annotations(tool: Expected) -> Iterator[Diagnostic]:
    method = tool.operation.text("method").upper() if tool.operation is not None else ""
    read_only, path = tool.annotations.get(READ_ONLY), f"annotations.{READ_ONLY}"
    if read_only is True and method and method not in SAFE:
        text = f"It says that it only reads, and calls an operation with {method}: clients may call it unasked."
        yield about(tool.resource, "unsafe_read_only", text, path)
    elif read_only is None and method in SAFE:
        text = f"Its operation is a {method}, and it does not say that it only reads: users are asked each time."
        yield about(tool.resource, "read_only_not_said", text, path)
    missing = [name for name in _REVIEWED if not isinstance(tool.annotations.get(name), bool)]
    if missing:
        labels = ", ".join(f"“{HINT_LABELS[name]}”" for name in missing)
        text = f"The review of ChatGPT apps wants a yes or no to {labels}."
        yield about(tool.resource, "chatgpt_review", text, f"annotations.{missing[0]}")
    if read_only is not True and not isinstance(tool.annotations.get(DESTRUCTIVE), bool):
        text = "The review of Claude's connectors wants a yes to “Only reads”, or a yes or no to “Can destroy”."
        yield about(tool.resource, "claude_review", text, path)


def schema_diagnostics(operation: Resource, schema: dict[str, Any] | None) -> Iterator[Diagnostic]:
    """Yield what is wrong with the input schema of an operation, as models get it."""
    for refusal in refusals(schema or {}):
        path = f"inputSchema.{refusal.path}".removesuffix(".")
        yield about(operation, refusal.code, refusal.sentence, path)
