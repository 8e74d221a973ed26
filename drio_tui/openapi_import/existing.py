"""Finds what an app already has of a document: integrations by title and base URL, operations by method and path."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from drio_tui.plan.tool_order import next_order
from drio_tui.text import text_of
from drio_tui.workspace.lint.import_source import title_of

if TYPE_CHECKING:
    from drio_tui.openapi_import.model import OperationSummary
    from drio_tui.workspace.model.snapshot import Snapshot

Raw = Mapping[str, Any]

_NAMES = re.compile(r"\{[^{}]*\}")
_STYLE = re.compile(r"(?:\.|;[^/{}]*)\{\}")


@dataclass(frozen=True, slots=True)
class ExistingResources:
    """The integrations, operations and tools of an app, each as drio returned it.

    `under` maps the ids of operations to those of the integrations that list them.
    """

    integrations: tuple[Raw, ...] = ()
    operations: tuple[Raw, ...] = ()
    tools: tuple[Raw, ...] = ()
    under: Mapping[str, str] = field(default_factory=dict)

    def owners(self, *kinds: str) -> dict[str, str]:
        """Return the resource of these kinds that has each key, as `tool List customers`; not sanitized."""
        lists = {"integration": self.integrations, "operation": self.operations, "tool": self.tools}
        return {str(raw.get("key")): f"{kind} {text_of(raw, 'name')}" for kind in kinds for raw in lists[kind]}

    @property
    def next_tool_order(self) -> int:
        """The `order` that puts a tool after all others."""
        return next_order(self.tools)

    def integration(self, base_url: str, title: str, name: str = "") -> Raw | None:
        """Return an integration with this base URL, and with this name if one is given, or None.

        Integrations imported from documents with other titles do not match; those of `title` are preferred to those
        that were not imported.
        """
        candidates = [
            raw
            for raw in self.integrations
            if same_url(text_of(raw, "baseUrl"), base_url)
            and title_of(raw) in ("", title)
            and (not name or text_of(raw, "name") == name)
        ]
        return next((raw for raw in candidates if title_of(raw)), candidates[0] if candidates else None)

    def in_integration(self, id: str) -> list[Raw]:
        """Return the operations of an integration."""
        return [
            raw
            for raw in self.operations
            if (text_of(raw, "integrationId") or self.under.get(text_of(raw, "id"), "")) == id
        ]

    def tools_by_operation(self) -> dict[str, Raw]:
        """Return for each bound operation, by id, the first tool that is bound to it."""
        tools: dict[str, Raw] = {}
        for tool in self.tools:
            id = _bound_operation(tool)
            if isinstance(id, str):
                tools.setdefault(id, tool)
        return tools

    def tools_of(self, operation: str) -> list[Raw]:
        """Return all tools that are bound to an operation (an id)."""
        return [tool for tool in self.tools if _bound_operation(tool) == operation]

    def operations_of(self, integration: str, calls: Mapping[str, tuple[str, str]]) -> dict[str, Raw]:
        """Return those of the given operations that an integration has; `calls` maps any ids to method and path.

        Paths are compared exactly, then without the names of their parameters, which may have been changed. Each
        operation of the app matches at most one of the given ones.
        """
        unmatched = self.in_integration(integration)
        matched: dict[str, Raw] = {}
        for match_key in (_exact, _loose):
            by_call: dict[tuple[str, str], list[Raw]] = {}
            for raw in unmatched:
                by_call.setdefault(match_key(text_of(raw, "method"), text_of(raw, "path")), []).append(raw)
            for id, call in calls.items():
                candidates = by_call.get(match_key(*call)) if id not in matched else None
                if candidates:
                    matched[id] = candidates.pop(0)
                    unmatched = [raw for raw in unmatched if raw is not matched[id]]
        return matched


def existing_resources(snapshot: Snapshot) -> ExistingResources:
    """Return the resources of a snapshot."""

    def raws(kind: str) -> tuple[Raw, ...]:
        return tuple(
            resource.raw
            for resource in snapshot.resources(kind)
            if not resource.made_up and isinstance(resource.raw, Mapping)
        )

    under = {resource.id: resource.parent_id for resource in snapshot.resources("operation") if resource.parent_id}
    return ExistingResources(raws("integration"), raws("operation"), raws("tool"), under)


def call_text(method: str, path: str) -> str:
    """Return method and path as text, without the names of the path's parameters, which may be changed."""
    return " ".join(_loose(method, path))


def call_of(operation: OperationSummary) -> tuple[str, str]:
    """Return method and path of a document's operation."""
    path = operation.path.partition("#")[0]
    return operation.method, path if path.startswith("/") else f"/{path}"


def _bound_operation(tool: Raw) -> Any:
    binding = tool.get("binding")
    return binding.get("integrationOperationId") if isinstance(binding, Mapping) else None


def same_url(first: str, second: str) -> bool:
    """Return whether two base URLs are the same but for a trailing slash and the case of scheme and host."""
    return _normalized(first) == _normalized(second)


def _normalized(url: str) -> str:
    scheme, mark, rest = url.strip().rstrip("/").partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme.lower()}{mark}{host.lower()}{slash}{path}"


def _exact(method: str, path: str) -> tuple[str, str]:
    return method.upper(), path


def _loose(method: str, path: str) -> tuple[str, str]:
    return method.upper(), _STYLE.sub("{}", _NAMES.sub("{}", path.replace(" ", "%20")))
