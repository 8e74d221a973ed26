"""Steps that change many resources in the same way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from drio_tui.kinds import KINDS
from drio_tui.naming import NAME_MAX
from drio_tui.plan.changes import ResourceChange
from drio_tui.plan.step_changes import changes_by_step
from drio_tui.plan.steps import Step, changes_of, with_changes
from drio_tui.workspace.model.search import reference_name
from drio_tui.workspace.model.snapshot import Resource, Snapshot
from drio_tui.workspace.saving.merge import FieldChange, Object, Path, diff, with_value
from drio_tui.workspace.saving.save_requests import comparable


@dataclass(frozen=True, slots=True)
class BulkPlan:
    """The steps of a change of many resources. `problems` are the reasons for which it cannot be carried out, `notes`
    remarks about all of it; both are sentences, not sanitized. `shown` are changes to show for some steps, by id.

    `groups` has by the id of a step the name of the group that it belongs to, if it is of no use without the others of
    it; `shown` has the change of a group by its name, too.
    """

    steps: tuple[Step, ...] = ()
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    shown: Mapping[str, ResourceChange] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)

    def group_of(self, step: Step) -> str:
        """Return the name of the group of a step; that of a step without one is its id."""
        return self.groups.get(step.id, step.id)

    def changes(self, snapshot: Snapshot) -> dict[str, ResourceChange]:
        """Return what changes by group, in the order of the steps."""
        by_step = changes_by_step(self.steps, snapshot, self.shown)
        by_group = {self.group_of(step): by_step[step.id] for step in self.steps}
        return {name: self.shown.get(name, change) for name, change in by_group.items()}


def is_repeatable(plan: BulkPlan, resources: Sequence[Resource], make: Callable[[list[Resource]], BulkPlan]) -> bool:
    """Return whether what `make` makes of the resources changes nothing more once its `plan` was carried out."""
    raws = {resource.key: resource.raw for resource in resources}
    for step in plan.steps:
        if (key := (step.kind, step.ref)) in raws:
            raws[key] = with_changes(raws[key], step.changes)
    return not make([replace(resource, raw=raws[resource.key]) for resource in resources]).steps


def can_be_changed(resource: Resource) -> bool:
    """Return whether drio can be asked to change a resource: it has an id, and is a JSON object."""
    return resource.kind in KINDS and not resource.made_up and isinstance(resource.raw, dict)


def enable_all(resources: Iterable[Resource], enabled: bool) -> tuple[Step, ...]:
    """Return the steps that enable or disable resources."""
    verb = "Enable" if enabled else "Disable"
    changes = changes_of({"isEnabled": enabled})
    return tuple(
        Step(f"{verb.lower()}:{resource.kind}:{resource.id}", "update", resource.kind, f"{verb} {resource.name}",
             resource.id, changes=changes)
        for resource in resources
    )  # fmt: skip


def edit_all(resources: Iterable[Resource], values: Mapping[Path, Any]) -> tuple[Step, ...]:
    """Return the steps that set the values at these paths (`MISSING` removes) in every resource that has others.

    Whatever else a resource has stays, also beside the values: an annotation is set, not all annotations.
    """
    steps = []
    for resource in filter(can_be_changed, resources):
        wanted = resource.raw
        for path, value in values.items():
            wanted = with_value(wanted, path, value)
        steps.append(update_step(resource, wanted))
    return tuple(step for step in steps if step is not None)


def update_step(resource: Resource, wanted: Object, *, id: str = "", secret: tuple[str, ...] = ()) -> Step | None:
    """Return the step that makes a resource like `wanted`, keeping what others change meanwhile; None if it is.

    `secret` are the dotted paths of values that are never stored; `id` is that of the step, by default one that all
    updates of the resource share.
    """
    kind = KINDS[resource.kind]
    changes = tuple(diff(comparable(kind, resource.raw), comparable(kind, wanted)))
    if not changes:
        return None
    return Step(
        id or f"update/{kind.name}/{resource.id}", "update", kind.name,
        f"Change the {kind.title.lower()} {reference_name(resource)}",
        ref=resource.id, changes=changes, base=resource.raw, secret=secret,
    )  # fmt: skip


def name_problem(change: FieldChange) -> str:
    """Return why drio would refuse a changed name, as a sentence; empty if it would not, or it is no name."""
    if change.path != ("name",) or not isinstance(change.after, str):
        return ""
    if not change.after.strip():
        return f"The name {change.before} would be blank."
    if len(change.after) > NAME_MAX:
        return f"The name {change.before} would be longer than {NAME_MAX} characters."
    return ""
