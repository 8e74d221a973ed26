"""How AI clients list the tools of an app, and what their rules say about it: `lint`, and the Model page.

A preflight looks at the app as a whole and at one severity per rule. Here each client is seen by itself: what it
refuses is an error. Tokens are estimates (`token_count.tokens`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from drio_tui.tool_calls.token_count import compact, tokens
from drio_tui.workspace.deploy.model_view import Expected, expected, expected_tool, is_live
from drio_tui.workspace.lint.client_checks import (
    list_diagnostics,
    name_diagnostics,
    name_diagnostics_of,
    schema_diagnostics,
    server_of,
    tool_diagnostics,
)
from drio_tui.workspace.lint.clients import CLIENT_RULES, CLIENTS, Client
from drio_tui.workspace.lint.diagnostics import Diagnostic
from drio_tui.workspace.lint.resource_checks import count_severities
from drio_tui.workspace.model.snapshot import Resource, Snapshot
from drio_tui.workspace.model.tools import published_name


@dataclass(frozen=True)
class ListedTool:
    """A tool as a client's model reads it: `name`, `description` and `schema`.

    `left_out` is the number of characters of the description that the client does not pass on. `annotations` are those
    that the client is known to read. Texts are not sanitized.
    """

    client: Client
    name: str
    description: str
    left_out: int
    schema: dict[str, Any]
    annotations: dict[str, Any]
    tokens: int
    """About how many tokens the model reads: of name, description and schema."""

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON of `--json`; the schema is that of the tool."""
        return {
            "name": self.name,
            "description": self.description,
            "descriptionLeftOut": self.left_out,
            "annotations": self.annotations,
            "estimatedTokens": self.tokens,
        }


def listed_tool(tool: Expected, client: Client, server: str) -> ListedTool:
    """Return a tool as a client lists it; `server` is the name of the app in the client's config."""
    description = tool.description
    if client.longest_description is not None:
        description = description[: client.longest_description]
    annotations = tool.entry["annotations"]
    name = client.listed_as.format(server=server or "server", tool=tool.name)
    return ListedTool(
        client,
        name,
        description,
        len(tool.description) - len(description),
        tool.entry["inputSchema"],
        {name: annotations[name] for name in client.annotations if name in annotations},
        tokens(compact({"name": name, "description": description, "input_schema": {}})) + tool.schema_tokens,
    )


@dataclass(frozen=True, slots=True)
class LintedTool:
    """A tool, how each client lists it, and its diagnostics, with those of its input schema."""

    tool: Expected
    listed: tuple[ListedTool, ...]
    diagnostics: tuple[Diagnostic, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON of `--json`."""
        return {
            "id": self.tool.resource.id,
            "name": self.tool.name,
            "title": self.tool.title,
            "inputSchema": self.tool.entry["inputSchema"],
            "estimatedTokens": self.tool.tokens,
            "bytes": self.tool.bytes,
            "clients": {listed.client.name: listed.as_dict() for listed in self.listed},
        }


@dataclass(frozen=True, slots=True)
class Lint:
    """The tools of an app in its order, and all diagnostics: of the app, then of each tool; errors first.

    `tokens` and `bytes` are those of the whole list of tools, with titles, output schemas and annotations; the bytes
    also those of what is for clients only (`_meta`).
    """

    clients: tuple[Client, ...]
    tools: tuple[LintedTool, ...]
    diagnostics: tuple[Diagnostic, ...]
    tokens: int
    bytes: int

    @property
    def errors(self) -> int:
        return count_severities(self.diagnostics)[0]

    @property
    def warnings(self) -> int:
        return count_severities(self.diagnostics)[1]

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON of `--json`."""
        return {
            "errors": self.errors,
            "warnings": self.warnings,
            "clients": [client.name for client in self.clients],
            "tools": [tool.as_dict() for tool in self.tools],
            "estimatedTokens": self.tokens,
            "bytes": self.bytes,
            "findings": [
                diagnostic.as_dict()
                | {"clients": [client.name for client in clients_of(diagnostic, self.clients)]}
                | {"basis": CLIENT_RULES[diagnostic.code].basis, "source": CLIENT_RULES[diagnostic.code].source}
                for diagnostic in self.diagnostics
            ],
        }


def clients_of(diagnostic: Diagnostic, clients: Iterable[Client]) -> list[Client]:
    """Return those of `clients` that a diagnostic is about."""
    return [client for client in clients if client.name in CLIENT_RULES[diagnostic.code].clients]


def for_clients(
    diagnostics: Iterable[Diagnostic], clients: Sequence[Client], *, review: bool = False
) -> list[Diagnostic]:
    """Return the diagnostics that are about one of `clients`: errors where one of them refuses the tool.

    With `review`, also what the reviews of the clients' directories ask for.
    """
    names = {client.name for client in clients}
    result = []
    for diagnostic in diagnostics:
        rule = CLIENT_RULES[diagnostic.code]
        if names.intersection(rule.clients) and (review or not rule.review):
            refused = rule.severity == "error" or bool(names.intersection(rule.refused_by))
            result.append(replace(diagnostic, severity="error" if refused else "warning"))
    return sorted(result, key=lambda diagnostic: diagnostic.severity != "error")


def linted_tool(
    resource: Resource, snapshot: Snapshot, clients: Sequence[Client] = tuple(CLIENTS.values()), *, review: bool = True
) -> LintedTool:
    """Return how clients list one tool, which may be edited, new or disabled.

    Takes about a millisecond, up to some 20 ms for the largest schemas.
    """
    tool = expected_tool(resource, snapshot)
    server = server_of(snapshot)
    others = {
        published_name(other): other.name
        for other in snapshot.resources("tool")
        if is_live(other) and other.id != resource.id
    }
    names = name_diagnostics_of(tool, server, others)
    diagnostics = for_clients([*names, *_diagnostics(tool)], clients, review=review)
    return LintedTool(tool, tuple(listed_tool(tool, client, server) for client in clients), tuple(diagnostics))


def lint(snapshot: Snapshot, clients: Sequence[Client] = tuple(CLIENTS.values()), *, review: bool = False) -> Lint:
    """Check the enabled tools of an app against the rules of clients. Takes about as long as a preflight."""
    tools, server = expected(snapshot), server_of(snapshot)
    app = snapshot.app
    names: dict[str, list[Diagnostic]] = {}
    for diagnostic in name_diagnostics(tools, server):
        names.setdefault(diagnostic.key[-1], []).append(diagnostic)
    linted = []
    for tool in tools:
        diagnostics = for_clients([*names.get(tool.resource.id, ()), *_diagnostics(tool)], clients, review=review)
        listed = tuple(listed_tool(tool, client, server) for client in clients)
        linted.append(LintedTool(tool, listed, tuple(diagnostics)))
    of_app = for_clients(list_diagnostics(app, tools), clients) if app is not None else []
    # Tools that call the same operation have the same diagnostics of its schema.
    all_diagnostics = dict.fromkeys([*of_app, *(diagnostic for tool in linted for diagnostic in tool.diagnostics)])
    ordered = sorted(all_diagnostics, key=lambda diagnostic: diagnostic.severity != "error")
    size = sum(tool.bytes for tool in tools)
    return Lint(tuple(clients), tuple(linted), tuple(ordered), sum(tool.tokens for tool in tools), size)


def _diagnostics(tool: Expected) -> list[Diagnostic]:
    of_schema = schema_diagnostics(tool.operation, tool.schema) if tool.operation is not None else ()
    return [*tool_diagnostics(tool), *of_schema]
