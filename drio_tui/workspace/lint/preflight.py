"""The preflight: diagnostics of an app as it would be deployed now.

The rules are in `diagnostics.RULES`, those of AI clients in `clients.CLIENT_RULES`. Only what a deploy publishes is
checked: enabled tools, and what they refer to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from drio_tui import contrast
from drio_tui.tool_calls.outputs import LARGEST, bounded
from drio_tui.tool_calls.token_count import size
from drio_tui.workspace.deploy.model_view import Expected, expected
from drio_tui.workspace.lint.allowed_hosts import AllowedHosts
from drio_tui.workspace.lint.binding import binding_state
from drio_tui.workspace.lint.chain_arguments import KnownRuns, unfilled_arguments
from drio_tui.workspace.lint.client_checks import (
    list_diagnostics,
    name_diagnostics,
    schema_diagnostics,
    server_of,
    tool_diagnostics,
)
from drio_tui.workspace.lint.clients import CLIENT_RULES
from drio_tui.workspace.lint.diagnostics import RULES, Diagnostic, about
from drio_tui.workspace.lint.import_source import wanted_sign_in
from drio_tui.workspace.lint.path_parameters import find_path_errors, unsendable_arguments
from drio_tui.workspace.lint.reachability import address_diagnostics
from drio_tui.workspace.lint.resource_checks import ResourceDiagnostic, check_resources, count_severities
from drio_tui.workspace.lint.tool_chain import ids
from drio_tui.workspace.model.references import Links
from drio_tui.workspace.model.snapshot import Resource, Snapshot
from drio_tui.workspace.run.mapping import apply_mappings, check_template, scope_of
from drio_tui.workspace.run.schema_examples import sample_of


@dataclass(frozen=True, slots=True)
class Preflight:
    """The diagnostics, errors first, then in the order of the app.

    `bytes` is the size of the list of tools as clients receive it, without the envelope of the response; `tokens` is
    about what the list costs a model, which does not get the `_meta` of widgets.
    """

    diagnostics: tuple[Diagnostic, ...]
    tools: int
    tokens: int
    bytes: int = 0

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
            "tools": self.tools,
            "estimatedTokens": self.tokens,
            "bytes": self.bytes,
            "findings": [finding.as_dict() for finding in self.diagnostics],
        }


def preflight(
    snapshot: Snapshot, *, base_url: str = "", allowed: AllowedHosts | None = None, known: KnownRuns | None = None
) -> Preflight:
    """Check everything. `base_url` is drio's own, to decide which addresses it can reach (see `reachability`).

    `known` is what this machine has seen of the app.

    Takes some 20 ms for 100 plain tools and 100 ms for 100 large ones: run it off the event loop for large apps.
    """
    checks = _Checks(snapshot, base_url, allowed, known or KnownRuns())
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

    def __init__(self, snapshot: Snapshot, base_url: str, allowed: AllowedHosts | None, known: KnownRuns) -> None:
        self.snapshot = snapshot
        self.known = known
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
        yield from name_diagnostics(self.enabled_tools, server_of(self.snapshot))
        for tool in self.enabled_tools:
            yield from self.check_tool(tool)
        yield from unfilled_arguments(self.snapshot, self.known)
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
        yield from list_diagnostics(app, self.enabled_tools)
        branding = app.get("branding")
        if isinstance(branding, dict) and self.widgets:
            for pair in contrast.pairs(branding):
                if pair.better:
                    ratio = contrast.ratio_text(pair.ratio)
                    text = f"{pair.what}: a contrast of {ratio}, where text needs {contrast.ENOUGH:g}."
                    path = f"branding.{pair.member}"
                    yield about(app, "low_contrast", text, path, advice=f"The nearest that does is {pair.better}.")

    # --- tools --------------------------------------------------------------------------------------

    def check_tool(self, tool: Expected) -> Iterator[Diagnostic]:
        yield from self.check_binding(tool.resource)
        yield from self.check_chain(tool.resource)
        yield from _of_clients(tool_diagnostics(tool))

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
        yield from _of_clients(schema_diagnostics(operation, schema))

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


def _of_clients(diagnostics: Iterable[Diagnostic]) -> Iterator[Diagnostic]:
    """Yield those whose rule belongs to the preflight; `lint` reports the others."""
    return (diagnostic for diagnostic in diagnostics if CLIENT_RULES[diagnostic.code].in_preflight)
