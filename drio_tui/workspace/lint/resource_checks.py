"""What is wrong with an app: found in its data, each with the resource it concerns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from drio_tui.kinds import KINDS
from drio_tui.workspace.model.references import Links
from drio_tui.workspace.model.snapshot import Key, Resource, Snapshot

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One resource that is wrong. `message` names resources of the app and is not yet safe to show.

    `code` is one of degraded, dangling_reference, chain_cycle, stale_binding, broken_binding,
    invalid_auth, pending_auth, part_unread. `key` is the resource, or `("group", kind)` for a whole part;
    `path` the member, where there is one.
    """

    severity: Severity
    code: str
    message: str
    key: Key
    path: str = ""


def find_problems(snapshot: Snapshot, links: Links) -> list[Problem]:
    """All problems, errors first, then in the order of the tree."""
    found = [*_parts(snapshot), *_resources(snapshot), *_references(links), *_chains(snapshot, links)]
    place = {resource.key: number for number, resource in enumerate(snapshot)}
    return sorted(found, key=lambda problem: (problem.severity != "error", place.get(problem.key, -1)))


def _parts(snapshot: Snapshot) -> Iterator[Problem]:
    told: set[str] = set()
    for name, part in snapshot.parts.items():
        for parent, error in part.failures.items():
            if not parent and str(error) in told:
                continue  # one failure can take all parts with it
            told.add(str(error))
            what = KINDS[name].plural.lower() if name in KINDS else f"{name}s"
            key = ("integration", parent) if parent else ("group", name)
            yield Problem("error", "part_unread", f"The {what} could not be read. {error}", key)


def _resources(snapshot: Snapshot) -> Iterator[Problem]:
    for resource in snapshot:
        if resource.reason:
            yield Problem("warning", "degraded", f"Not as documented: {resource.reason}", resource.key)
        if resource.kind == "auth":
            yield from _auth(resource)
        elif resource.kind == "tool":
            yield from _binding(resource, snapshot)


def _auth(resource: Resource) -> Iterator[Problem]:
    status = resource.text("status")
    why = resource.text("lastError")
    error = resource.get("lastError")
    if not why and isinstance(error, dict) and isinstance(error.get("message"), str):
        why = error["message"]
    tail = f": {why}" if why else ""
    if status in ("invalid", "error"):
        yield Problem("error", "invalid_auth", f"The connection is {status}{tail}", resource.key, "status")
    elif status == "pending":
        yield Problem("warning", "pending_auth", f"The connection is not set up yet{tail}", resource.key, "status")


def _binding(resource: Resource, snapshot: Snapshot) -> Iterator[Problem]:
    binding = resource.get("binding")
    if not isinstance(binding, dict):
        return
    status = binding.get("status")
    id = binding.get("integrationOperationId")
    operation = snapshot.resource("operation", id) if isinstance(id, str) else None
    bound, now = binding.get("schemaHashAtBindTime"), operation.get("schemaHash") if operation else None
    moved = isinstance(bound, str) and isinstance(now, str) and bound != now
    if status == "stale" or (moved and status in ("ready", None)):
        name = f" {operation.name}" if operation else ""
        message = f"The operation{name} changed its schema since the tool was bound to it"
        yield Problem("warning", "stale_binding", message, resource.key, "binding")
    elif status in ("missing", "unbound"):
        yield Problem("error", "broken_binding", f"The binding is {status}", resource.key, "binding")


def _references(links: Links) -> Iterator[Problem]:
    for link in links.broken():
        what = KINDS[link.target[0]].title.lower() if link.target[0] in KINDS else link.target[0]
        message = f"It {link.label} the {what} {link.target[1]}, which is not there"
        # A provider that is no longer offered does not break the connections made with it.
        severity: Severity = "warning" if link.target[0] == "provider" else "error"
        yield Problem(severity, "dangling_reference", message, link.source, link.path)


def _chains(snapshot: Snapshot, links: Links) -> Iterator[Problem]:
    for cycle in links.cycles():
        names = [resource.name for key in cycle if (resource := snapshot.at(key))]
        for key in cycle:
            if len(cycle) == 1:
                message = "It hands its result to itself"
            else:
                shown = ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
                message = f"Its chain runs in a circle: {shown}"
            yield Problem("error", "chain_cycle", message, key, "nextToolIds")
