"""What a step changes, for the user: with the names of resources in place of their ids."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from drio_tui.api.redact import HIDDEN
from drio_tui.kinds import APP, KINDS, Kind
from drio_tui.plan.changes import ResourceChange
from drio_tui.plan.steps import Step
from drio_tui.schema.fields import MISSING
from drio_tui.workspace.model.search import reference_name
from drio_tui.workspace.model.snapshot import Snapshot
from drio_tui.workspace.saving.merge import FieldChange, value_at, with_value


def changes_by_step(
    steps: Iterable[Step], snapshot: Snapshot, shown: Mapping[str, ResourceChange] | None = None
) -> dict[str, ResourceChange]:
    """Return what each step changes in the app of the snapshot, by the step's id; `shown` has some of them already."""
    steps = [*steps]
    created = {step.ref: KINDS[step.kind].label(step.body) for step in steps if step.verb == "create" and step.ref}
    for step in steps:
        if step.verb == "create" and step.ref and isinstance(step.body.get("key"), str):
            created[step.ref] = step.body["key"]
    shown = shown or {}
    return {step.id: shown.get(step.id) or change_of(step, snapshot, created) for step in steps}


def change_of(step: Step, snapshot: Snapshot, created: Mapping[str, str] | None = None) -> ResourceChange:
    """Return what a step changes in the app of the snapshot; `created` has the names of new resources by ref."""
    created = created or {}
    kind = KINDS[step.kind]
    resource = snapshot.resource(step.kind, step.ref) if step.ref else snapshot.app if kind is APP else None
    name = reference_name(resource) if resource is not None else kind.label(step.body)
    if step.verb == "delete":
        return ResourceChange("delete", step.kind, name)
    if step.verb == "create":
        fields = tuple(FieldChange((key,), MISSING, value) for key, value in step.body.items())
        if kind.parent and step.parent:
            fields = (FieldChange((kind.parent[0],), MISSING, step.parent), *fields)
        return ResourceChange("create", step.kind, name, _named(kind, fields, step.secret, snapshot, created))
    if step.verb == "detach":
        return ResourceChange("update", step.kind, name, note=step.about)
    note = step.about if step.again else ""
    return ResourceChange(
        "update", step.kind, name, _named(kind, step.changes, step.secret, snapshot, created), note=note
    )


def _named(
    kind: Kind[Any],
    fields: Iterable[FieldChange],
    secret: Sequence[str],
    snapshot: Snapshot,
    created: Mapping[str, str],
) -> tuple[FieldChange, ...]:
    """Return changes with names in place of ids, and the values of `secret` (dotted paths) hidden."""

    def shown(field: FieldChange, value: Any) -> Any:
        if value is MISSING or field.dotted in secret:
            return HIDDEN if value is not MISSING else MISSING
        outer = with_value({}, field.path, value)
        for reference in kind.references:
            names = {id: created[id] for _, id in reference.ids(outer) if id in created}
            names |= {
                id: reference_name(target)
                for _, id in reference.ids(outer)
                if (target := snapshot.resource(reference.to, id)) is not None
            }
            outer = reference.replaced(outer, names)
        for path in secret:
            names_of_path = tuple(path.split("."))
            if value_at(outer, names_of_path) is not MISSING:
                outer = with_value(outer, names_of_path, HIDDEN)
        return value_at(outer, field.path)

    return tuple(FieldChange(field.path, shown(field, field.before), shown(field, field.after)) for field in fields)
