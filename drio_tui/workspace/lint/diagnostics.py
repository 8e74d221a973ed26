"""The diagnostics of a preflight: every code with its severity and advice.

An error keeps the app from working, in part or whole, and blocks a deploy unless it is forced. Everything that the
sandbox refuses to deploy is among the errors, under the sandbox's own codes. A warning blocks nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from drio_tui.workspace.lint.clients import CLIENT_RULES
from drio_tui.workspace.lint.resource_checks import Rule, Severity
from drio_tui.workspace.model.snapshot import Resource, ResourceKey

RULES: dict[str, Rule] = {
    # what the sandbox refuses
    "unbound_tool": Rule("error", "a tool calls nothing", "Choose what it calls, or disable it."),
    "dangling_binding": Rule("error", "a tool's operation is gone", "Choose another operation."),
    "stale_binding": Rule("error", "the operation changed since it was bound", "See what changed, and bind it again."),
    "broken_chain": Rule("error", "a tool hands its result to one that is gone or disabled", "Fix the chain."),
    "broken_action": Rule(
        "error", "an action calls a tool that is gone, disabled or not named", "Choose another tool, or remove it."
    ),
    # what else cannot work
    "part_unread": Rule("error", "a part could not be read, so it was not checked", "Read the app again."),
    "chain_cycle": Rule("error", "a chain comes back to where it began", "Take one of the tools out of the circle."),
    "dangling_reference": Rule("error", "something is not there (a warning where it is not used)", "Choose another."),
    "invalid_auth": Rule("error", "an auth connection does not work", "Fix it: calls that need it will fail."),
    "no_base_url": Rule("error", "an integration has no address", "Give it the address of its API."),
    "path_parameter": Rule("error", "an operation's path cannot be filled", "Fix the path."),
    "wrong_mapping": Rule("error", "a mapping is no JSONPath", "Write a JSONPath, such as $.results."),
    # what works, but not well
    "no_sign_in": Rule("warning", "an API wants a sign-in and gets none", "Give its integration an auth connection."),
    "pending_auth": Rule("warning", "an auth connection has no credentials", "Give it some: calls fail until then."),
    "private_base_url": Rule("warning", "an address is in a private network", "Name a public address."),
    "plain_http": Rule("warning", "an address is not encrypted", "Use https."),
    "unfilled_chain_argument": Rule(
        "warning", "no result gives the next tool what it needs", "Choose a path in the playground, or take it out."
    ),
    "mapping_finds_nothing": Rule("warning", "a mapping finds nothing in a sample", "Try it on a real result."),
    "unknown_template_path": Rule(
        "warning", "a template names what is not in a sample", "Name what the row or the result has."
    ),
    "no_tools": Rule("warning", "no tool is enabled", "Add a tool, or enable one."),
    "large_output_schema": Rule(
        "warning", "an output schema is longer than what is published", "Say less in it: what models read is enough."
    ),
    "low_contrast": Rule("warning", "colours can hardly be read on each other", "Choose other colours."),
    "app_disabled": Rule("warning", "the app is switched off", "Switch it on."),
    "degraded": Rule("warning", "something is not as documented", "Look at its JSON; saving it again may fix it."),
    # what AI clients refuse, change or ask for
    **CLIENT_RULES,
}
"""The rules by code."""


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """What is wrong with a resource, and what to do about it.

    `key` is the key of the resource, or `("group", kind)` for all resources of a kind; `path` the property; `name` the
    name of the resource. Texts are sentences that may contain names from the app: not sanitized.
    """

    severity: Severity
    code: str
    message: str
    key: ResourceKey
    path: str = ""
    advice: str = ""
    name: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON of `--json`; `kind`, `id`, `name` and `field` are named as in the sandbox's refusals."""
        return {
            "severity": self.severity, "code": self.code, "message": self.message, "advice": self.advice,
            "kind": self.key[0], "id": self.key[-1], "name": self.name, "field": self.path,
        }  # fmt: skip


def about(resource: Resource, code: str, message: str, path: str = "", *, advice: str = "") -> Diagnostic:
    """Return a diagnostic of a resource, with severity and advice of the rule."""
    rule = RULES[code]
    return Diagnostic(rule.severity, code, message, resource.key, path, advice or rule.advice, resource.name)
