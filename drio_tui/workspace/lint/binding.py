"""What a tool can be bound to, whether its binding is still valid, and what changed in a schema since."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from drio_tui.api.json_codec import dumps
from drio_tui.api.json_values import same_json
from drio_tui.workspace.model.search import rank
from drio_tui.workspace.model.snapshot import Resource, Snapshot

BindingState = Literal["unbound", "ready", "stale", "missing", "other"]
MOST_CHANGES = 200


@dataclass(frozen=True, slots=True)
class Candidate:
    """An operation and the integration that it belongs to; None when the integration is not known."""

    operation: Resource
    integration: Resource | None

    @property
    def call(self) -> str:
        """Method and path, such as `GET /tickets`; not sanitized."""
        return f"{self.operation.text('method')} {self.operation.text('path')}".strip()


def candidates(snapshot: Snapshot, query: str = "") -> list[Candidate]:
    """Return the operations that match the query, best first. Without a query they are grouped by integration."""
    ranked: list[tuple[int, int, int, Candidate]] = []
    order = {resource.id: number for number, resource in enumerate(snapshot.resources("integration"))}
    for number, operation in enumerate(snapshot.resources("operation")):
        if operation.made_up:
            continue
        integration_id = operation.text("integrationId") or operation.parent_id
        candidate = Candidate(operation, snapshot.resource("integration", integration_id) if integration_id else None)
        details = " ".join(
            (candidate.call, candidate.integration.name if candidate.integration else "", operation.text("key"))
        )
        score = rank(query, operation.name, details)
        if score is not None:
            ranked.append((score, order.get(integration_id, len(order)), number, candidate))
    return [entry[3] for entry in sorted(ranked, key=lambda entry: entry[:3])]


def binding_state(binding: Any, snapshot: Snapshot) -> BindingState:
    """Return the state of a tool's binding.

    `stale` means that the operation's schema has changed since the tool was bound, `missing` that there is no
    operation, `other` that the binding has a status that is not known here.
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
    bound, current = binding.get("schemaHashAtBindTime"), operation.get("schemaHash") if operation else None
    changed = isinstance(bound, str) and isinstance(current, str) and bound != current
    if status == "stale" or changed:
        return "stale"
    return "ready" if status in ("ready", None) else "other"


@dataclass(frozen=True, slots=True)
class SchemaChange:
    """One difference between two schemas. `path` is written like `results[].email`; `breaks` as in `schema_changes`."""

    what: Literal["added", "removed", "changed"]
    path: str
    before: str = ""
    after: str = ""
    breaks: bool = False


def schema_changes(before: Any, after: Any) -> list[SchemaChange]:
    """Return the differences by property, at most `MOST_CHANGES`. `breaks` marks those that can make calls fail."""
    changes: list[SchemaChange] = []
    for change in _compare(before, after, "", 0):
        if len(changes) >= MOST_CHANGES:
            break
        changes.append(change)
    return changes


def _compare(before: Any, after: Any, path: str, depth: int) -> Iterator[SchemaChange]:
    if same_json(before, after) or depth > 12:
        return
    if not isinstance(before, Mapping) or not isinstance(after, Mapping):
        yield SchemaChange("changed", path or "the whole", _excerpt(before), _excerpt(after), True)
        return
    old, new = _properties(before), _properties(after)
    old_required, new_required = _required_names(before), _required_names(after)
    for name in (*new, *(name for name in old if name not in new)):
        child_path = f"{path}.{name}" if path else name
        if name not in old:
            required = name in new_required
            type_text = _type_text(new[name]) + (", required" if required else "")
            yield SchemaChange("added", child_path, after=type_text, breaks=required)
        elif name not in new:
            yield SchemaChange("removed", child_path, before=_type_text(old[name]), breaks=True)
        else:
            if (name in old_required) != (name in new_required):
                is_required = name in new_required
                old_state, new_state = ("optional", "required") if is_required else ("required", "optional")
                yield SchemaChange("changed", child_path, old_state, new_state, is_required)
            yield from _compare(old[name], new[name], child_path, depth + 1)
    if "items" in before or "items" in after:
        yield from _compare(before.get("items", True), after.get("items", True), f"{path}[]", depth + 1)
    skipped = ("properties", "required", "items")
    for keyword in dict.fromkeys((*before, *after)):
        if keyword in skipped or same_json(before.get(keyword), after.get(keyword)):
            continue
        is_annotation = keyword in ("title", "description", "examples", "example", "$schema", "$id", "$comment")
        yield SchemaChange(
            "changed",
            f"{path or 'the whole'}: {keyword}",
            _excerpt(before.get(keyword)),
            _excerpt(after.get(keyword)),
            not is_annotation,
        )


def _properties(schema: Mapping[str, Any]) -> dict[str, Any]:
    properties = schema.get("properties")
    return {str(name): subschema for name, subschema in properties.items()} if isinstance(properties, Mapping) else {}


def _required_names(schema: Mapping[str, Any]) -> frozenset[str]:
    required = schema.get("required")
    return frozenset(name for name in required if isinstance(name, str)) if isinstance(required, list) else frozenset()


def _type_text(schema: Any) -> str:
    if not isinstance(schema, Mapping):
        return "anything"
    type_name = schema.get("type")
    if isinstance(type_name, str):
        return type_name
    return " or ".join(map(str, type_name[:4])) if isinstance(type_name, list) else "anything"


def _excerpt(value: Any) -> str:
    if value is None:
        return "nothing"
    text = value if isinstance(value, str) else dumps(value)
    return text if len(text) <= 60 else text[:59] + "…"
