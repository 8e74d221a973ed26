"""What is wrong with the resources of an app, as far as its own data shows it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

from drio_tui.kinds import KINDS
from drio_tui.text import first_names
from drio_tui.workspace.lint.call_checks import call_problems
from drio_tui.workspace.model.references import Links
from drio_tui.workspace.model.snapshot import Resource, ResourceKey, Snapshot

Severity = Literal["error", "warning"]


class HasSeverity(Protocol):
    """A diagnostic of any kind: of a resource, of a preflight, of a document."""

    @property
    def severity(self) -> Severity: ...


def count_severities(diagnostics: Iterable[HasSeverity]) -> tuple[int, int]:
    """Return the number of errors and of warnings."""
    severities = [diagnostic.severity for diagnostic in diagnostics]
    return severities.count("error"), severities.count("warning")


@dataclass(frozen=True, slots=True)
class Rule:
    """A kind of diagnostic: `what` it is about, and `advice` on how to fix it."""

    severity: Severity
    what: str
    advice: str


@dataclass(frozen=True, slots=True)
class ResourceDiagnostic:
    """What is wrong with a resource. `message` may contain names from the app: not sanitized.

    `code` is one of degraded, dangling_reference, chain_cycle, stale_binding, broken_binding, invalid_auth,
    pending_auth, part_unread, large_result, often_failed. `key` is the key of the resource, or `("group", kind)` for
    all resources of a kind; `path` the property, where there is one.
    """

    severity: Severity
    code: str
    message: str
    key: ResourceKey
    path: str = ""


def check_resources(snapshot: Snapshot, links: Links) -> list[ResourceDiagnostic]:
    """Return all problems, errors first, then in the order of the tree."""
    problems = [*_parts(snapshot), *_resources(snapshot), *_references(links), *_chains(snapshot, links)]
    problems += (
        ResourceDiagnostic("warning", code, message, ("tool", id)) for code, message, id in call_problems(snapshot)
    )
    position = {resource.key: number for number, resource in enumerate(snapshot)}
    return sorted(problems, key=lambda problem: (problem.severity != "error", position.get(problem.key, -1)))


def _parts(snapshot: Snapshot) -> Iterator[ResourceDiagnostic]:
    reported: set[str] = set()
    for name, part in snapshot.parts.items():
        for parent, error in part.failures.items():
            if not parent and str(error) in reported:
                continue  # one failure can take all parts with it
            reported.add(str(error))
            plural = KINDS[name].plural.lower() if name in KINDS and name != "app" else name
            key = ("integration", parent) if parent else ("group", name)
            yield ResourceDiagnostic("error", "part_unread", f"The {plural} could not be read. {error}", key)


def _resources(snapshot: Snapshot) -> Iterator[ResourceDiagnostic]:
    for resource in snapshot:
        if resource.reason:
            yield ResourceDiagnostic("warning", "degraded", f"Not as documented: {resource.reason}", resource.key)
        if resource.kind == "auth":
            yield from _auth(resource)
        elif resource.kind == "tool":
            yield from _binding(resource, snapshot)


def _auth(resource: Resource) -> Iterator[ResourceDiagnostic]:
    status = resource.text("status")
    reason = resource.text("lastError")
    error = resource.get("lastError")
    if not reason and isinstance(error, dict) and isinstance(error.get("message"), str):
        reason = error["message"]
    suffix = f": {reason}" if reason else ""
    if status in ("invalid", "error"):
        yield ResourceDiagnostic("error", "invalid_auth", f"The connection is {status}{suffix}", resource.key, "status")
    elif status == "pending":
        yield ResourceDiagnostic(
            "warning", "pending_auth", f"The connection is not set up yet{suffix}", resource.key, "status"
        )


def _binding(resource: Resource, snapshot: Snapshot) -> Iterator[ResourceDiagnostic]:
    binding = resource.get("binding")
    if not isinstance(binding, dict):
        return
    status = binding.get("status")
    id = binding.get("integrationOperationId")
    operation = snapshot.resource("operation", id) if isinstance(id, str) else None
    bound, current = binding.get("schemaHashAtBindTime"), operation.get("schemaHash") if operation else None
    changed = isinstance(bound, str) and isinstance(current, str) and bound != current
    if status == "stale" or (changed and status in ("ready", None)):
        name = f" {operation.name}" if operation else ""
        message = f"The operation{name} changed its schema since the tool was bound to it"
        # What a deploy does not publish does not keep it from being deployed.
        severity: Severity = "warning" if resource.get("isEnabled") is False else "error"
        yield ResourceDiagnostic(severity, "stale_binding", message, resource.key, "binding")
    elif status in ("missing", "unbound"):
        yield ResourceDiagnostic("error", "broken_binding", f"The binding is {status}", resource.key, "binding")


def _references(links: Links) -> Iterator[ResourceDiagnostic]:
    for link in links.broken():
        target_kind = KINDS[link.target[0]].title.lower() if link.target[0] in KINDS else link.target[0]
        message = f"It {link.label} the {target_kind} {link.target[1]}, which is not there"
        # A provider that is no longer offered does not break the connections made with it.
        severity: Severity = "warning" if link.target[0] == "provider" else "error"
        yield ResourceDiagnostic(severity, "dangling_reference", message, link.source, link.path)


def _chains(snapshot: Snapshot, links: Links) -> Iterator[ResourceDiagnostic]:
    for cycle in links.cycles():
        names = [resource.name for key in cycle if (resource := snapshot.at(key))]
        for key in cycle:
            if len(cycle) == 1:
                message = "It hands its result to itself"
            else:
                message = f"Its chain runs in a circle: {first_names(names, 6)}"
            yield ResourceDiagnostic("error", "chain_cycle", message, key, "nextToolIds")
