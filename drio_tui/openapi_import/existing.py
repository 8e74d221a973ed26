"""What of a document an app has already: its integration by document and base URL, operations by method and path."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from drio_tui.workspace.lint.import_source import title_of

if TYPE_CHECKING:
    from drio_tui.openapi_import.model import OperationSummary
    from drio_tui.workspace.model.snapshot import Snapshot

Raw = Mapping[str, Any]

_NAMES = re.compile(r"\{[^{}]*\}")
_STYLE = re.compile(r"(?:\.|;[^/{}]*)\{\}")


@dataclass(frozen=True, slots=True)
class Present:
    """What an app has: integrations, operations and tools, each as drio gave it, and by id of an operation the
    integration that it was listed under.
    """

    integrations: tuple[Raw, ...] = ()
    operations: tuple[Raw, ...] = ()
    tools: tuple[Raw, ...] = ()
    under: Mapping[str, str] = field(default_factory=dict)

    def keys(self, *kinds: str) -> set[str]:
        """The keys that resources of these kinds have."""
        lists = {"integration": self.integrations, "operation": self.operations, "tool": self.tools}
        return {str(raw.get("key")) for kind in kinds for raw in lists.get(kind, ())}

    def integration(self, base_url: str, title: str, name: str = "") -> Raw | None:
        """The integration with this base URL that was imported from the document of this title, or was not imported.

        With `name`, it has to have that name. Of several the first that is known to be the document's.
        """
        found = [
            raw
            for raw in self.integrations
            if _same_url(_text(raw, "baseUrl"), base_url)
            and title_of(raw) in ("", title)
            and (not name or _text(raw, "name") == name)
        ]
        return next((raw for raw in found if title_of(raw)), found[0] if found else None)

    def in_integration(self, id: str) -> list[Raw]:
        """The operations of an integration."""
        return [
            raw
            for raw in self.operations
            if (_text(raw, "integrationId") or self.under.get(_text(raw, "id"), "")) == id
        ]

    def bound(self) -> dict[str, Raw]:
        """By the id of an operation, a tool that is bound to it."""
        found: dict[str, Raw] = {}
        for tool in self.tools:
            binding = tool.get("binding")
            id = binding.get("integrationOperationId") if isinstance(binding, Mapping) else None
            if isinstance(id, str):
                found.setdefault(id, tool)
        return found

    def operations_of(self, integration: str, wanted: Mapping[str, tuple[str, str]]) -> dict[str, Raw]:
        """Of the wanted operations (by any id: method and path) those that an integration has.

        Paths are compared as they are, then without the names of their parameters: those can have been changed. Each
        operation of the app stands for one wanted one.
        """
        left = self.in_integration(integration)
        found: dict[str, Raw] = {}
        for like in (_exact, _loose):
            by_call: dict[tuple[str, str], list[Raw]] = {}
            for raw in left:
                by_call.setdefault(like(_text(raw, "method"), _text(raw, "path")), []).append(raw)
            for id, call in wanted.items():
                same = by_call.get(like(*call)) if id not in found else None
                if same:
                    found[id] = same.pop(0)
                    left = [raw for raw in left if raw is not found[id]]
        return found


def present_in(snapshot: Snapshot) -> Present:
    """What a snapshot holds."""

    def raws(kind: str) -> tuple[Raw, ...]:
        return tuple(
            resource.raw
            for resource in snapshot.resources(kind)
            if not resource.made_up and isinstance(resource.raw, Mapping)
        )

    under = {resource.id: resource.under for resource in snapshot.resources("operation") if resource.under}
    return Present(raws("integration"), raws("operation"), raws("tool"), under)


def call_of(offered: OperationSummary) -> tuple[str, str]:
    """Method and path of an operation of a document."""
    path = offered.path.partition("#")[0]
    return offered.method, path if path.startswith("/") else f"/{path}"


def _same_url(one: str, other: str) -> bool:
    return _plain(one) == _plain(other)


def _plain(url: str) -> str:
    scheme, mark, rest = url.strip().rstrip("/").partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme.lower()}{mark}{host.lower()}{slash}{path}"


def _exact(method: str, path: str) -> tuple[str, str]:
    return method.upper(), path


def _loose(method: str, path: str) -> tuple[str, str]:
    return method.upper(), _STYLE.sub("{}", _NAMES.sub("{}", path.replace(" ", "%20")))


def _text(raw: Raw, name: str) -> str:
    value = raw.get(name)
    return value if isinstance(value, str) else ""
