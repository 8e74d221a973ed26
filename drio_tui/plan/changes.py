"""A plan as users read it: what changes in which resource, and the totals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

from drio_tui.api.json_values import same_json
from drio_tui.api.redact import redact
from drio_tui.kinds import KINDS
from drio_tui.schema.fields import MISSING
from drio_tui.workspace.saving.merge import FieldChange, FieldConflict, Path, value_at, with_value

Action = Literal["create", "update", "rename", "delete", "conflict"]

SYMBOLS: dict[Action, str] = {"create": "+", "update": "~", "rename": "→", "delete": "-", "conflict": "!"}
_VERBS: dict[Action, str] = {
    "create": "to create", "update": "to change", "rename": "to rename", "delete": "to delete",
}  # fmt: skip
_PAST: dict[Action, str] = {"create": "created", "update": "changed", "rename": "renamed", "delete": "deleted"}


@dataclass(frozen=True, slots=True)
class ResourceChange:
    """What happens to one resource.

    `name` is its key, or its name where it has none; `was` its name before a rename. `fields` are the changed
    properties, for a new resource all that it gets. `conflicts` are the properties that were changed on both sides, or
    in drio only, since the base. `note` is a remark for the user. Nothing is sanitized; values may be secret, see
    `redacted`.
    """

    action: Action
    kind: str
    name: str
    fields: tuple[FieldChange, ...] = ()
    conflicts: tuple[FieldConflict, ...] = ()
    was: str = ""
    note: str = ""

    @property
    def symbol(self) -> str:
        """The character that marks the action: `+ ~ → - !`."""
        return SYMBOLS[self.action]

    @property
    def is_changed_in_drio(self) -> bool:
        """Whether it is only in conflict with a plan since drio was changed; the document was not."""
        values = [(conflict.base, conflict.local) for conflict in self.conflicts]
        return bool(self.conflicts) and all(
            base is local if MISSING in (base, local) else same_json(base, local) for base, local in values
        )

    @property
    def title(self) -> str:
        """The kind and name, with the earlier name of a renamed resource; not sanitized."""
        kind = KINDS[self.kind].title.lower() if self.kind in KINDS else self.kind
        return f"{kind} {self.was} → {self.name}" if self.was and self.was != self.name else f"{kind} {self.name}"


@dataclass(frozen=True, slots=True)
class PlanView:
    """All changes of a plan, in the order in which they are made.

    `target` says which app of which drio is changed, `scope` what is compared. `notes` are remarks about the whole
    plan, such as probable renames; `problems` are the reasons for which it cannot be carried out. `is_past`: others
    have made these changes in drio.
    """

    changes: tuple[ResourceChange, ...]
    target: str = ""
    scope: str = ""
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    is_past: bool = False

    def with_notes(self, notes: Iterable[str]) -> PlanView:
        """Return the plan with more remarks."""
        return replace(self, notes=(*self.notes, *notes))

    @property
    def conflicts(self) -> tuple[ResourceChange, ...]:
        """The resources with a conflict."""
        return tuple(change for change in self.changes if change.action == "conflict")

    @property
    def totals(self) -> dict[Action, int]:
        """The number of resources by action, without zeros."""
        counts = Counter(change.action for change in self.changes)
        return {action: counts[action] for action in SYMBOLS if counts[action]}

    @property
    def summary(self) -> str:
        """The totals as a sentence: `2 to create, 1 to change.`"""
        if not self.totals:
            return "Nothing to change."
        if self.is_past:
            return (
                ", ".join(f"{count:,} {_PAST.get(action, action)}" for action, count in self.totals.items())
                + " in drio."
            )
        counts = [f"{count:,} {_VERBS[action]}" for action, count in self.totals.items() if action != "conflict"]
        in_drio = sum(change.is_changed_in_drio for change in self.conflicts)
        if in_drio:
            counts.append(f"{in_drio:,} changed in drio")
        if both := len(self.conflicts) - in_drio:
            counts.append(f"{both:,} in conflict")
        return ", ".join(counts) + "."


def redacted(path: Path, value: Any) -> Any:
    """Return the value of the property at `path` with its secrets hidden, `MISSING` as it is."""
    if value is MISSING:
        return MISSING
    result = redact(with_value({}, path, value))
    return value_at(result, path)


def as_dict(view: PlanView) -> dict[str, Any]:
    """Return the JSON of a plan; secrets are hidden."""
    return {
        "target": view.target,
        "scope": view.scope,
        "changes": [_change_to_json(change) for change in view.changes],
        "notes": [*view.notes],
        "problems": [*view.problems],
        "totals": {action: view.totals.get(action, 0) for action in SYMBOLS},
    }


def _change_to_json(change: ResourceChange) -> dict[str, Any]:
    result: dict[str, Any] = {"action": change.action, "kind": change.kind, "name": change.name}
    if change.was:
        result["was"] = change.was
    result["fields"] = [_values(field.path, before=field.before, after=field.after) for field in change.fields]
    if change.conflicts:
        result["conflicts"] = [
            _values(conflict.path, base=conflict.base, document=conflict.local, drio=conflict.remote)
            | {"reason": conflict.reason}
            for conflict in change.conflicts
        ]
    if change.note:
        result["note"] = change.note
    return result


def _values(path: Path, **values: Any) -> dict[str, Any]:
    """Return a path and the values that are there, secrets hidden."""
    shown = {name: redacted(path, value) for name, value in values.items() if value is not MISSING}
    return {"path": [*path], **shown}
