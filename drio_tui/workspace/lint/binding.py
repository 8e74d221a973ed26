"""What a tool can be bound to, whether its binding still holds, and what changed in a schema since."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from drio_tui.api.json_codec import dumps
from drio_tui.api.models import same_json
from drio_tui.workspace.model.search import rank
from drio_tui.workspace.model.snapshot import Resource, Snapshot

Standing = Literal["unbound", "ready", "stale", "missing", "other"]
MOST_CHANGES = 200


@dataclass(frozen=True, slots=True)
class Candidate:
    """An operation with the integration it belongs to (None when that is not known)."""

    operation: Resource
    integration: Resource | None

    @property
    def call(self) -> str:
        """`GET /tickets`, not yet safe to show."""
        return f"{self.operation.text('method')} {self.operation.text('path')}".strip()


def candidates(snapshot: Snapshot, query: str = "") -> list[Candidate]:
    """The operations that fit the query: the best first, those of one integration together when there is none."""
    found: list[tuple[int, int, int, Candidate]] = []
    places = {resource.id: number for number, resource in enumerate(snapshot.resources("integration"))}
    for number, operation in enumerate(snapshot.resources("operation")):
        if operation.made_up:
            continue
        owner = operation.text("integrationId") or operation.under
        one = Candidate(operation, snapshot.resource("integration", owner) if owner else None)
        rest = " ".join((one.call, one.integration.name if one.integration else "", operation.text("key")))
        fit = rank(query, operation.name, rest)
        if fit is not None:
            found.append((fit, places.get(owner, len(places)), number, one))
    return [entry[3] for entry in sorted(found, key=lambda entry: entry[:3])]


def standing(binding: Any, snapshot: Snapshot) -> Standing:
    """How a binding stands: `stale` when the operation's schema moved on, `missing` when there is no operation.

    `other` is a binding whose status nobody here knows.
    """
    if not isinstance(binding, Mapping):
        return "unbound"
    id = binding.get("integrationOperationId")
    status = binding.get("status")
    if not isinstance(id, str) or not id or status == "unbound":
        return "unbound"
    operation = snapshot.resource("operation", id)
    if status == "missing" or (operation is None and snapshot.parts["operation"].state == "ready"):
        return "missing"
    bound, now = binding.get("schemaHashAtBindTime"), operation.get("schemaHash") if operation else None
    moved = isinstance(bound, str) and isinstance(now, str) and bound != now
    if status == "stale" or moved:
        return "stale"
    return "ready" if status in ("ready", None) else "other"


@dataclass(frozen=True, slots=True)
class SchemaChange:
    """One difference of two schemas. `path` names the place as people write it (`results[].email`)."""

    what: Literal["added", "removed", "changed"]
    path: str
    before: str = ""
    after: str = ""
    breaks: bool = False


def schema_changes(before: Any, after: Any) -> list[SchemaChange]:
    """What differs, property by property; `breaks` marks what can make calls fail that worked."""
    found: list[SchemaChange] = []
    for change in _compare(before, after, "", 0):
        if len(found) >= MOST_CHANGES:
            break
        found.append(change)
    return found


def _compare(before: Any, after: Any, at: str, depth: int) -> Iterator[SchemaChange]:
    if same_json(before, after) or depth > 12:
        return
    if not isinstance(before, Mapping) or not isinstance(after, Mapping):
        yield SchemaChange("changed", at or "the whole", _short(before), _short(after), True)
        return
    old, new = _members(before), _members(after)
    old_needed, new_needed = _needed(before), _needed(after)
    for name in (*new, *(name for name in old if name not in new)):
        place = f"{at}.{name}" if at else name
        if name not in old:
            needed = name in new_needed
            words = _words(new[name]) + (", required" if needed else "")
            yield SchemaChange("added", place, after=words, breaks=needed)
        elif name not in new:
            yield SchemaChange("removed", place, before=_words(old[name]), breaks=True)
        else:
            if (name in old_needed) != (name in new_needed):
                now = name in new_needed
                was, becomes = ("optional", "required") if now else ("required", "optional")
                yield SchemaChange("changed", place, was, becomes, now)
            yield from _compare(old[name], new[name], place, depth + 1)
    if "items" in before or "items" in after:
        yield from _compare(before.get("items", True), after.get("items", True), f"{at}[]", depth + 1)
    skipped = ("properties", "required", "items")
    for word in dict.fromkeys((*before, *after)):
        if word in skipped or same_json(before.get(word), after.get(word)):
            continue
        quiet = word in ("title", "description", "examples", "example", "$schema", "$id", "$comment")
        yield SchemaChange(
            "changed", f"{at or 'the whole'}: {word}", _short(before.get(word)), _short(after.get(word)), not quiet
        )


def _members(schema: Mapping[str, Any]) -> dict[str, Any]:
    found = schema.get("properties")
    return {str(name): inner for name, inner in found.items()} if isinstance(found, Mapping) else {}


def _needed(schema: Mapping[str, Any]) -> frozenset[str]:
    found = schema.get("required")
    return frozenset(name for name in found if isinstance(name, str)) if isinstance(found, list) else frozenset()


def _words(schema: Any) -> str:
    if not isinstance(schema, Mapping):
        return "anything"
    kind = schema.get("type")
    return kind if isinstance(kind, str) else " or ".join(map(str, kind[:4])) if isinstance(kind, list) else "anything"


def _short(value: Any) -> str:
    if value is None:
        return "nothing"
    text = value if isinstance(value, str) else dumps(value)
    return text if len(text) <= 60 else text[:59] + "…"
