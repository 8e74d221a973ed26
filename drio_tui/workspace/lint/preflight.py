"""What would break, or embarrass, if an app were deployed as it is.

What there is to find stands in `diagnostics.RULES`. Only what a deploy publishes counts: enabled tools, and what
they lead to.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from drio_tui import contrast
from drio_tui.tool_calls.outputs import LARGEST, bounded
from drio_tui.tool_calls.requests import SAFE
from drio_tui.tool_calls.token_count import MANY_TOKENS, MANY_TOOLS, size
from drio_tui.workspace.deploy.model_view import Expected, expected
from drio_tui.workspace.lint.allowed_hosts import AllowedHosts
from drio_tui.workspace.lint.annotations import READ_ONLY
from drio_tui.workspace.lint.binding import standing
from drio_tui.workspace.lint.client_schemas import refusals
from drio_tui.workspace.lint.diagnostics import RULES, Diagnostic, about
from drio_tui.workspace.lint.import_source import wanted_sign_in
from drio_tui.workspace.lint.path_parameters import mistakes, unsuitable
from drio_tui.workspace.lint.reachability import address_findings
from drio_tui.workspace.lint.resource_checks import Problem, find_problems
from drio_tui.workspace.lint.tool_chain import ids
from drio_tui.workspace.model.references import Links
from drio_tui.workspace.model.snapshot import Resource, Snapshot
from drio_tui.workspace.run.mapping import check_template, judge, scope_of
from drio_tui.workspace.run.schema_examples import sample_of

LONGEST_DESCRIPTION = 1024
"""What OpenAI's API takes as the description of a tool."""
LONGEST_WITH_SERVER = 60
"""What Cursor takes of a server's and a tool's name together."""

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ARGUMENT = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_UNIONS = ("oneOf", "anyOf", "allOf")


@dataclass(frozen=True, slots=True)
class Preflight:
    """The findings, errors first, then in the order of the app.

    `bytes` is how long the list of tools is, as clients get it, `tokens` about what it costs a model.
    """

    findings: tuple[Diagnostic, ...]
    tools: int
    tokens: int
    bytes: int = 0

    @property
    def errors(self) -> int:
        return sum(finding.severity == "error" for finding in self.findings)

    @property
    def warnings(self) -> int:
        return len(self.findings) - self.errors

    def as_dict(self) -> dict[str, Any]:
        """As `--json` prints it."""
        return {
            "errors": self.errors,
            "warnings": self.warnings,
            "tools": self.tools,
            "estimatedTokens": self.tokens,
            "bytes": self.bytes,
            "findings": [finding.as_dict() for finding in self.findings],
        }


def preflight(snapshot: Snapshot, *, base_url: str = "", allowed: AllowedHosts | None = None) -> Preflight:
    """Look at everything. `base_url` is drio's own, to judge which addresses it can reach (see `reachability`).

    Takes some 20 ms for 100 plain tools and 100 ms for 100 large ones: off the event loop for large ones.
    """
    look = _Look(snapshot, base_url, allowed)
    place = {resource.key: number for number, resource in enumerate(snapshot)}
    found = sorted(look.all(), key=lambda each: (each.severity != "error", place.get(each.key, -1)))
    tokens, length = sum(tool.tokens for tool in look.live), sum(tool.bytes for tool in look.live)
    return Preflight(tuple(found), len(look.live), tokens, length)


class _Look:
    """One look at a snapshot."""

    def __init__(self, snapshot: Snapshot, base_url: str, allowed: AllowedHosts | None) -> None:
        self.snapshot = snapshot
        self.base_url = base_url
        self.allowed = allowed
        self.live = expected(snapshot)
        self.live_ids = {tool.resource.id for tool in self.live}
        self.operations = {one.operation.id: (one.operation, one.schema) for one in self.live if one.operation}
        owners = (operation.text("integrationId") or operation.under for operation, _ in self.operations.values())
        self.integrations = [one for id in dict.fromkeys(owners) if (one := snapshot.resource("integration", id))]
        self.auth = {one.text("authId") for one in self.integrations}
        self.widgets = [widget for widget in snapshot.resources("widget") if widget.text("toolId") in self.live_ids]
        self.used = {
            *(("tool", id) for id in self.live_ids),
            *(("operation", id) for id in self.operations),
            *(one.key for one in self.integrations),
        }

    def all(self) -> Iterator[Diagnostic]:
        yield from self.known_problems()
        yield from self.app()
        yield from self.names()
        for tool in self.live:
            yield from self.tool(tool)
        for operation, schema in self.operations.values():
            yield from self.operation(operation, schema)
        for integration in self.integrations:
            yield from address_findings(integration, self.base_url, self.allowed)
            yield from self.signing_in(integration)
        for widget in self.widgets:
            yield from self.widget(widget)

    # --- what the tree shows as wrong already -------------------------------------------------------

    def known_problems(self) -> Iterator[Diagnostic]:
        for problem in find_problems(self.snapshot, Links(self.snapshot)):
            where = problem.key[1]
            match problem.code:
                case "part_unread" | "degraded":
                    yield self._problem(problem)
                case "chain_cycle":
                    yield self._problem(problem, unused=where not in self.live_ids)
                case "invalid_auth" | "pending_auth" if where in self.auth:
                    yield self._problem(problem)
                case "dangling_reference" if not self._told_closer(problem):
                    yield self._problem(problem, unused=problem.key not in self.used or problem.path == "widgetId")

    def _told_closer(self, problem: Problem) -> bool:
        """Whether it is found below under a code of its own."""
        if problem.key[0] == "tool" and problem.key[1] in self.live_ids:
            return problem.path.startswith(("binding", "nextToolIds"))
        return problem.path.startswith("actions") and any(widget.key == problem.key for widget in self.widgets)

    def _problem(self, problem: Problem, *, unused: bool = False) -> Diagnostic:
        rule = RULES[problem.code]
        resource = self.snapshot.at(problem.key)
        name = resource.name if resource is not None else problem.key[-1]
        message = problem.message if problem.message.endswith(".") else f"{problem.message}."
        severity = "warning" if unused else rule.severity
        return Diagnostic(severity, problem.code, message, problem.key, problem.path, rule.advice, name)

    # --- the app ------------------------------------------------------------------------------------

    def app(self) -> Iterator[Diagnostic]:
        app = self.snapshot.app
        if app is None:
            return
        if app.get("isEnabled") is False:
            yield about(app, "app_disabled", "The app is switched off.", "isEnabled")
        if not self.live and self.snapshot.parts["tool"].state == "ready":
            yield about(app, "no_tools", "No tool is enabled: there is nothing for a model to call.")
        if len(self.live) > MANY_TOOLS:
            told = (
                f"{len(self.live)} tools are enabled. Cursor passes on about {MANY_TOOLS} of all its servers together"
            )
            yield about(app, "too_many_tools", f"{told}, and models choose worse from long lists.")
        tokens = sum(tool.tokens for tool in self.live)
        if tokens > MANY_TOKENS:
            largest = max(self.live, key=lambda tool: tool.tokens)
            length = sum(tool.bytes for tool in self.live)
            total = f"The list of tools has {length:,} bytes, about {tokens:,} tokens of a model's context"
            yield about(app, "many_tokens", f"{total}; {largest.title} alone {largest.tokens:,}.")
        branding = app.get("branding")
        if isinstance(branding, dict) and self.widgets:
            for pair in contrast.pairs(branding):
                if pair.better:
                    ratio = contrast.shown(pair.ratio)
                    told = f"{pair.what}: a contrast of {ratio}, where text needs {contrast.ENOUGH:g}."
                    where = f"branding.{pair.member}"
                    yield about(app, "low_contrast", told, where, advice=f"The nearest that does is {pair.better}.")

    # --- tools --------------------------------------------------------------------------------------

    def names(self) -> Iterator[Diagnostic]:
        app = self.snapshot.app
        slug = app.text("slug") if app is not None else ""
        seen: dict[str, Expected] = {}
        for tool in self.live:
            resource, key = tool.resource, tool.resource.text("key") or tool.resource.name
            if tool.name in seen:
                told = f"Models would see {tool.name} twice: {seen[tool.name].title} has that name too."
                yield about(resource, "duplicate_tool_name", told, "key")
            seen.setdefault(tool.name, tool)
            if not _NAME.fullmatch(key):
                told = f"Clients take names of up to 64 letters, digits, _ and -: models would see it as {tool.name}."
                yield about(resource, "tool_name", told, "key")
            elif tool.name[0] in "0123456789-":
                text = f"Gemini's API refuses a name such as {tool.name}, which does not begin with a letter or _."
                yield about(resource, "tool_name", text, "key")
            elif slug and len(slug) + len(tool.name) > LONGEST_WITH_SERVER:
                told = f"With the server's name ({slug}) before it, it is longer than {LONGEST_WITH_SERVER} characters."
                yield about(resource, "long_tool_name", told, "key")

    def tool(self, tool: Expected) -> Iterator[Diagnostic]:
        yield from self.binding(tool.resource)
        yield from self.chain(tool.resource)
        yield from self.described(tool)
        yield from self.hints(tool)

    def binding(self, resource: Resource) -> Iterator[Diagnostic]:
        match standing(resource.get("binding"), self.snapshot):
            case "unbound":
                yield about(resource, "unbound_tool", "It is not bound to an operation.", "binding")
            case "missing":
                yield about(resource, "dangling_binding", "The operation that it calls is gone.", "binding")
            case "stale":
                told = "The operation has changed since the tool was bound."
                yield about(resource, "stale_binding", told, "binding")

    def chain(self, resource: Resource) -> Iterator[Diagnostic]:
        for number, id in enumerate(ids(resource.get("nextToolIds"))):
            if self._out_of_reach(id):
                told = f"It hands its result to {self._gone(id)}."
                yield about(resource, "broken_chain", told, f"nextToolIds[{number}]")

    def _out_of_reach(self, tool: str) -> bool:
        return tool not in self.live_ids and self.snapshot.parts["tool"].state == "ready"

    def _gone(self, id: str) -> str:
        known = self.snapshot.resource("tool", id)
        return f"a tool that is gone ({id})" if known is None else f"{known.name}, which is disabled"

    def described(self, tool: Expected) -> Iterator[Diagnostic]:
        own = tool.resource.text("description").strip()
        if not own:
            borrowed = tool.operation is not None and tool.operation.text("description")
            told = f"It has no description: models get {'its operation’s' if borrowed else 'nothing but its name'}."
            yield about(tool.resource, "no_description", told, "description")
        elif len(own) > LONGEST_DESCRIPTION:
            told = f"Its description has {len(own):,} characters; OpenAI's models take {LONGEST_DESCRIPTION:,}."
            yield about(tool.resource, "long_description", told, "description")

    def hints(self, tool: Expected) -> Iterator[Diagnostic]:
        method = tool.operation.text("method").upper() if tool.operation is not None else ""
        reads, where = tool.annotations.get(READ_ONLY), f"annotations.{READ_ONLY}"
        if reads is True and method and method not in SAFE:
            told = f"It says that it only reads, and calls an operation with {method}: clients may call it unasked."
            yield about(tool.resource, "unsafe_read_only", told, where)
        elif reads is None and method in SAFE:
            told = f"Its operation is a {method}, and it does not say that it only reads: people are asked each time."
            yield about(tool.resource, "read_only_not_said", told, where)

    def operation(self, operation: Resource, schema: dict[str, Any] | None) -> Iterator[Diagnostic]:
        """`schema` is that of its tools, as models get it."""
        path = operation.text("path")
        told = [f"Its path {each}." for each in mistakes(path)]
        told += [f"The value of {{{name}}} would be a list or an object." for name in unsuitable(path, schema)]
        for each in told:
            yield about(operation, "path_parameter", each, "path")
        output = operation.get("outputSchema")
        if isinstance(output, dict) and (length := size(output)) > LARGEST:
            text = f"Its output schema has {length:,} bytes; of more than {LARGEST:,} {bounded(output)[1]}."
            yield about(operation, "large_output_schema", text, "outputSchema")
        union = next((word for word in _UNIONS if schema and word in schema), "")
        if union:
            text = f"Its input schema has {union} at the top, which Claude's API refuses, and all other tools with it."
            yield about(operation, "schema_union", text, "inputSchema")
        for name in (schema or {}).get("properties") or ():
            if not _ARGUMENT.fullmatch(name):
                text = f"Claude's API refuses the argument name {name}: letters, digits, _ . - and at most 64 of them."
                yield about(operation, "argument_name", text, f"inputSchema.properties.{name}")
        for refusal in refusals(schema or {}):
            yield about(operation, "schema_refused", refusal.sentence, f"inputSchema.{refusal.path}")

    def signing_in(self, integration: Resource) -> Iterator[Diagnostic]:
        wanted = wanted_sign_in(integration.raw) if isinstance(integration.raw, dict) else []
        if wanted and not integration.text("authId"):
            text = f"Its document wants a sign-in ({' or '.join(wanted)}), and it has no auth connection."
            yield about(integration, "no_sign_in", text, "authId")

    # --- widgets ------------------------------------------------------------------------------------

    def widget(self, widget: Resource) -> Iterator[Diagnostic]:
        sample = sample_of(self.snapshot, widget.text("toolId"))
        known = sample.result is not None
        config = widget.get("config")
        mappings = config.get("fieldMappings") if isinstance(config, dict) else None
        mappings = mappings if isinstance(mappings, dict) else {}
        shown = widget.text("visibility") != "hidden"
        for outcome in judge(mappings, sample.result) if shown else ():
            where = f"config.fieldMappings.{outcome.slot}"
            if outcome.state == "wrong":
                yield about(widget, "wrong_mapping", f"{outcome.slot}: {outcome.path} {outcome.shown}.", where)
            elif outcome.state == "nothing" and known:
                told = f"{outcome.slot}: {outcome.path} {outcome.shown} in a sample of the result."
                yield about(widget, "mapping_finds_nothing", told, where)
        scope = scope_of(mappings, sample.result, sample.given)
        actions = widget.get("actions")
        for number, action in enumerate(actions if isinstance(actions, list) else ()):
            if isinstance(action, dict):
                yield from self.action(widget, action, number, scope)

    def action(
        self, widget: Resource, action: dict[str, Any], number: int, scope: dict[str, Any]
    ) -> Iterator[Diagnostic]:
        target, where = action.get("targetToolId"), f"actions[{number}]"
        if isinstance(target, str) and target:
            if self._out_of_reach(target):
                told = f"Action {number + 1} calls {self._gone(target)}."
                yield about(widget, "broken_action", told, f"{where}.targetToolId")
        elif action.get("type") == "callTool":
            told = f"Action {number + 1} does not say which tool to call."
            yield about(widget, "broken_action", told, f"{where}.targetToolId")
        template = action.get("template")
        for problem in check_template(template, scope) if isinstance(template, str) else ():
            told = f"The template of action {number + 1} {problem}."
            yield about(widget, "unknown_template_path", told, f"{where}.template")
