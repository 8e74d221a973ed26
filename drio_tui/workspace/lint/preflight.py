"""The preflight: diagnostics of an app as it would be deployed now.

The rules are in `diagnostics.RULES`. Only what a deploy publishes is checked: enabled tools, and what they refer to.
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
from drio_tui.workspace.lint.binding import binding_state
from drio_tui.workspace.lint.client_schemas import refusals
from drio_tui.workspace.lint.diagnostics import RULES, Diagnostic, about
from drio_tui.workspace.lint.import_source import wanted_sign_in
from drio_tui.workspace.lint.path_parameters import find_path_errors, unsendable_arguments
from drio_tui.workspace.lint.reachability import address_diagnostics
from drio_tui.workspace.lint.resource_checks import ResourceDiagnostic, check_resources
from drio_tui.workspace.lint.tool_chain import ids
from drio_tui.workspace.model.references import Links
from drio_tui.workspace.model.snapshot import Resource, Snapshot
from drio_tui.workspace.run.mapping import apply_mappings, check_template, scope_of
from drio_tui.workspace.run.schema_examples import sample_of

LONGEST_DESCRIPTION = 1024
"""The most characters that OpenAI's API takes as the description of a tool."""
LONGEST_WITH_SERVER = 60
"""The most characters that Cursor takes of a server's and a tool's name together."""

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ARGUMENT = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_UNIONS = ("oneOf", "anyOf", "allOf")


@dataclass(frozen=True, slots=True)
class Preflight:
    """The diagnostics, errors first, then in the order of the app.

    `bytes` is the size of the list of tools as clients get it, `tokens` about what it costs a model.
    """

    diagnostics: tuple[Diagnostic, ...]
    tools: int
    tokens: int
    bytes: int = 0

    @property
    def errors(self) -> int:
        return sum(finding.severity == "error" for finding in self.diagnostics)

    @property
    def warnings(self) -> int:
        return len(self.diagnostics) - self.errors

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON of `--json`."""
        return {
            "errors": self.errors,
            "warnings": self.warnings,
            "tools": self.tools,
            "estimatedTokens": self.tokens,
            "bytes": self.bytes,
            "findings": [finding.as_dict() for finding in self.diagnostics],
        }


def preflight(snapshot: Snapshot, *, base_url: str = "", allowed: AllowedHosts | None = None) -> Preflight:
    """Check everything. `base_url` is drio's own, to decide which addresses it can reach (see `reachability`).

    Takes some 20 ms for 100 plain tools and 100 ms for 100 large ones: run it off the event loop for large apps.
    """
    checks = _Checks(snapshot, base_url, allowed)
    position = {resource.key: number for number, resource in enumerate(snapshot)}
    diagnostics = sorted(
        checks.run(), key=lambda diagnostic: (diagnostic.severity != "error", position.get(diagnostic.key, -1))
    )
    tokens, size_in_bytes = (
        sum(tool.tokens for tool in checks.enabled_tools),
        sum(tool.bytes for tool in checks.enabled_tools),
    )
    return Preflight(tuple(diagnostics), len(checks.enabled_tools), tokens, size_in_bytes)


class _Checks:
    """The preflight of one snapshot."""

    def __init__(self, snapshot: Snapshot, base_url: str, allowed: AllowedHosts | None) -> None:
        self.snapshot = snapshot
        self.base_url = base_url
        self.allowed = allowed
        self.enabled_tools = expected(snapshot)
        self.enabled_ids = {tool.resource.id for tool in self.enabled_tools}
        self.operations = {
            tool.operation.id: (tool.operation, tool.schema) for tool in self.enabled_tools if tool.operation
        }
        integration_ids = (
            operation.text("integrationId") or operation.parent_id for operation, _ in self.operations.values()
        )
        self.integrations = [
            integration
            for id in dict.fromkeys(integration_ids)
            if (integration := snapshot.resource("integration", id))
        ]
        self.auth_ids = {integration.text("authId") for integration in self.integrations}
        self.widgets = [widget for widget in snapshot.resources("widget") if widget.text("toolId") in self.enabled_ids]
        self.used_keys = {
            *(("tool", id) for id in self.enabled_ids),
            *(("operation", id) for id in self.operations),
            *(integration.key for integration in self.integrations),
        }

    def run(self) -> Iterator[Diagnostic]:
        yield from self.check_resources()
        yield from self.check_app()
        yield from self.check_names()
        for tool in self.enabled_tools:
            yield from self.check_tool(tool)
        for operation, schema in self.operations.values():
            yield from self.check_operation(operation, schema)
        for integration in self.integrations:
            yield from address_diagnostics(integration, self.base_url, self.allowed)
            yield from self.check_sign_in(integration)
        for widget in self.widgets:
            yield from self.check_widget(widget)

    # --- what the resource tree shows as well ------------------------------------------------------

    def check_resources(self) -> Iterator[Diagnostic]:
        for problem in check_resources(self.snapshot, Links(self.snapshot)):
            id = problem.key[1]
            match problem.code:
                case "part_unread" | "degraded":
                    yield self._from_problem(problem)
                case "chain_cycle":
                    yield self._from_problem(problem, unused=id not in self.enabled_ids)
                case "invalid_auth" | "pending_auth" if id in self.auth_ids:
                    yield self._from_problem(problem)
                case "dangling_reference" if not self._is_reported_by_other_check(problem):
                    yield self._from_problem(
                        problem, unused=problem.key not in self.used_keys or problem.path == "widgetId"
                    )

    def _is_reported_by_other_check(self, problem: ResourceDiagnostic) -> bool:
        """Return whether a more specific check below reports the problem under its own code."""
        if problem.key[0] == "tool" and problem.key[1] in self.enabled_ids:
            return problem.path.startswith(("binding", "nextToolIds"))
        return problem.path.startswith("actions") and any(widget.key == problem.key for widget in self.widgets)

    def _from_problem(self, problem: ResourceDiagnostic, *, unused: bool = False) -> Diagnostic:
        rule = RULES[problem.code]
        resource = self.snapshot.at(problem.key)
        name = resource.name if resource is not None else problem.key[-1]
        text = problem.message if problem.message.endswith(".") else f"{problem.message}."
        severity = "warning" if unused else rule.severity
        return Diagnostic(severity, problem.code, text, problem.key, problem.path, rule.advice, name)

    # --- the app ------------------------------------------------------------------------------------

    def check_app(self) -> Iterator[Diagnostic]:
        app = self.snapshot.app
        if app is None:
            return
        if app.get("isEnabled") is False:
            yield about(app, "app_disabled", "The app is switched off.", "isEnabled")
        if not self.enabled_tools and self.snapshot.parts["tool"].state == "ready":
            yield about(app, "no_tools", "No tool is enabled: there is nothing for a model to call.")
        if len(self.enabled_tools) > MANY_TOOLS:
            count = len(self.enabled_tools)
            text = f"{count} tools are enabled. Cursor passes on about {MANY_TOOLS} of all its servers together"
            yield about(app, "too_many_tools", f"{text}, and models choose worse from long lists.")
        tokens = sum(tool.tokens for tool in self.enabled_tools)
        if tokens > MANY_TOKENS:
            largest = max(self.enabled_tools, key=lambda tool: tool.tokens)
            bytes_total = sum(tool.bytes for tool in self.enabled_tools)
            total = f"The list of tools has {bytes_total:,} bytes, about {tokens:,} tokens of a model's context"
            yield about(app, "many_tokens", f"{total}; {largest.title} alone {largest.tokens:,}.")
        branding = app.get("branding")
        if isinstance(branding, dict) and self.widgets:
            for pair in contrast.pairs(branding):
                if pair.better:
                    ratio = contrast.ratio_text(pair.ratio)
                    text = f"{pair.what}: a contrast of {ratio}, where text needs {contrast.ENOUGH:g}."
                    path = f"branding.{pair.member}"
                    yield about(app, "low_contrast", text, path, advice=f"The nearest that does is {pair.better}.")

    # --- tools --------------------------------------------------------------------------------------

    def check_names(self) -> Iterator[Diagnostic]:
        app = self.snapshot.app
        slug = app.text("slug") if app is not None else ""
        seen: dict[str, Expected] = {}
        for tool in self.enabled_tools:
            resource, key = tool.resource, tool.resource.text("key") or tool.resource.name
            if tool.name in seen:
                text = f"Models would see {tool.name} twice: {seen[tool.name].title} has that name too."
                yield about(resource, "duplicate_tool_name", text, "key")
            seen.setdefault(tool.name, tool)
            if not _NAME.fullmatch(key):
                text = f"Clients take names of up to 64 letters, digits, _ and -: models would see it as {tool.name}."
                yield about(resource, "tool_name", text, "key")
            elif tool.name[0] in "0123456789-":
                text = f"Gemini's API refuses a name such as {tool.name}, which does not begin with a letter or _."
                yield about(resource, "tool_name", text, "key")
            elif slug and len(slug) + len(tool.name) > LONGEST_WITH_SERVER:
                text = f"With the server's name ({slug}) before it, it is longer than {LONGEST_WITH_SERVER} characters."
                yield about(resource, "long_tool_name", text, "key")

    def check_tool(self, tool: Expected) -> Iterator[Diagnostic]:
        yield from self.check_binding(tool.resource)
        yield from self.check_chain(tool.resource)
        yield from self.check_description(tool)
        yield from self.check_annotations(tool)

    def check_binding(self, resource: Resource) -> Iterator[Diagnostic]:
        match binding_state(resource.get("binding"), self.snapshot):
            case "unbound":
                yield about(resource, "unbound_tool", "It is not bound to an operation.", "binding")
            case "missing":
                yield about(resource, "dangling_binding", "The operation that it calls is gone.", "binding")
            case "stale":
                text = "The operation has changed since the tool was bound."
                yield about(resource, "stale_binding", text, "binding")

    def check_chain(self, resource: Resource) -> Iterator[Diagnostic]:
        for number, id in enumerate(ids(resource.get("nextToolIds"))):
            if self._is_unavailable(id):
                text = f"It hands its result to {self._unavailable_tool_text(id)}."
                yield about(resource, "broken_chain", text, f"nextToolIds[{number}]")

    def _is_unavailable(self, tool: str) -> bool:
        return tool not in self.enabled_ids and self.snapshot.parts["tool"].state == "ready"

    def _unavailable_tool_text(self, id: str) -> str:
        tool = self.snapshot.resource("tool", id)
        return f"a tool that is gone ({id})" if tool is None else f"{tool.name}, which is disabled"

    def check_description(self, tool: Expected) -> Iterator[Diagnostic]:
        description = tool.resource.text("description").strip()
        if not description:
            inherited = tool.operation is not None and tool.operation.text("description")
            text = f"It has no description: models get {'its operation’s' if inherited else 'nothing but its name'}."
            yield about(tool.resource, "no_description", text, "description")
        elif len(description) > LONGEST_DESCRIPTION:
            text = f"Its description has {len(description):,} characters; OpenAI's models take {LONGEST_DESCRIPTION:,}."
            yield about(tool.resource, "long_description", text, "description")

    def check_annotations(self, tool: Expected) -> Iterator[Diagnostic]:
        method = tool.operation.text("method").upper() if tool.operation is not None else ""
        read_only, path = tool.annotations.get(READ_ONLY), f"annotations.{READ_ONLY}"
        if read_only is True and method and method not in SAFE:
            text = f"It says that it only reads, and calls an operation with {method}: clients may call it unasked."
            yield about(tool.resource, "unsafe_read_only", text, path)
        elif read_only is None and method in SAFE:
            text = f"Its operation is a {method}, and it does not say that it only reads: users are asked each time."
            yield about(tool.resource, "read_only_not_said", text, path)

    def check_operation(self, operation: Resource, schema: dict[str, Any] | None) -> Iterator[Diagnostic]:
        """Check an operation. `schema` is the input schema of its tools, as models get it."""
        path = operation.text("path")
        path_errors = [f"Its path {mistake}." for mistake in find_path_errors(path)]
        path_errors += [
            f"The value of {{{name}}} would be a list or an object." for name in unsendable_arguments(path, schema)
        ]
        for error in path_errors:
            yield about(operation, "path_parameter", error, "path")
        output = operation.get("outputSchema")
        if isinstance(output, dict) and (schema_bytes := size(output)) > LARGEST:
            text = f"Its output schema has {schema_bytes:,} bytes; of more than {LARGEST:,} {bounded(output)[1]}."
            yield about(operation, "large_output_schema", text, "outputSchema")
        keyword = next((word for word in _UNIONS if schema and word in schema), "")
        if keyword:
            text = (
                f"Its input schema has {keyword} at the top, which Claude's API refuses, and all other tools with it."
            )
            yield about(operation, "schema_union", text, "inputSchema")
        for name in (schema or {}).get("properties") or ():
            if not _ARGUMENT.fullmatch(name):
                text = f"Claude's API refuses the argument name {name}: letters, digits, _ . - and at most 64 of them."
                yield about(operation, "argument_name", text, f"inputSchema.properties.{name}")
        for refusal in refusals(schema or {}):
            yield about(operation, "schema_refused", refusal.sentence, f"inputSchema.{refusal.path}")

    def check_sign_in(self, integration: Resource) -> Iterator[Diagnostic]:
        sign_in_ways = wanted_sign_in(integration.raw) if isinstance(integration.raw, dict) else []
        if sign_in_ways and not integration.text("authId"):
            text = f"Its document wants a sign-in ({' or '.join(sign_in_ways)}), and it has no auth connection."
            yield about(integration, "no_sign_in", text, "authId")

    # --- widgets ------------------------------------------------------------------------------------

    def check_widget(self, widget: Resource) -> Iterator[Diagnostic]:
        sample = sample_of(self.snapshot, widget.text("toolId"))
        has_result = sample.result is not None
        config = widget.get("config")
        mappings = config.get("fieldMappings") if isinstance(config, dict) else None
        mappings = mappings if isinstance(mappings, dict) else {}
        is_visible = widget.text("visibility") != "hidden"
        for outcome in apply_mappings(mappings, sample.result) if is_visible else ():
            path = f"config.fieldMappings.{outcome.slot}"
            if outcome.state == "wrong":
                yield about(widget, "wrong_mapping", f"{outcome.slot}: {outcome.path} {outcome.shown}.", path)
            elif outcome.state == "nothing" and has_result:
                text = f"{outcome.slot}: {outcome.path} {outcome.shown} in a sample of the result."
                yield about(widget, "mapping_finds_nothing", text, path)
        scope = scope_of(mappings, sample.result, sample.tool_input)
        actions = widget.get("actions")
        for number, action in enumerate(actions if isinstance(actions, list) else ()):
            if isinstance(action, dict):
                yield from self.check_action(widget, action, number, scope)

    def check_action(
        self, widget: Resource, action: dict[str, Any], number: int, scope: dict[str, Any]
    ) -> Iterator[Diagnostic]:
        target, path = action.get("targetToolId"), f"actions[{number}]"
        if isinstance(target, str) and target:
            if self._is_unavailable(target):
                text = f"Action {number + 1} calls {self._unavailable_tool_text(target)}."
                yield about(widget, "broken_action", text, f"{path}.targetToolId")
        elif action.get("type") == "callTool":
            text = f"Action {number + 1} does not say which tool to call."
            yield about(widget, "broken_action", text, f"{path}.targetToolId")
        template = action.get("template")
        for problem in check_template(template, scope) if isinstance(template, str) else ():
            text = f"The template of action {number + 1} {problem}."
            yield about(widget, "unknown_template_path", text, f"{path}.template")
