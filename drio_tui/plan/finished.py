"""Whether a plan that was interrupted has anything left to do: the same command may have been run again since."""

from __future__ import annotations

from drio_tui.kinds import KINDS
from drio_tui.plan.record import PlanRecord
from drio_tui.plan.steps import Step, replace_refs, without_references
from drio_tui.schema.fields import MISSING
from drio_tui.workspace.model.snapshot import Resource, Snapshot
from drio_tui.workspace.saving.created_lookup import SentBody, find_created
from drio_tui.workspace.saving.merge import FieldChange, equal_at_depth, value_at


def has_nothing_left(record: PlanRecord, snapshot: Snapshot) -> bool:
    """Return whether every step of a plan is done, or of no use any more, in its app as it is now.

    A delete is done if its resource is gone, an update also if its resource has the values, a create if there is what
    it would create. A reference to a resource that the plan did not create is of no use once something else is referred
    to. What cannot be known, as for steps whose secrets are not kept, is left to do.
    """
    left = _Left(record, snapshot)
    return all(left.is_finished(step) for step in record.steps)


class _Left:
    """Compares the steps of one plan with the app."""

    def __init__(self, record: PlanRecord, snapshot: Snapshot) -> None:
        self._record, self._snapshot = record, snapshot
        self._ids = dict(record.ids)
        for step in record.steps:
            if step.verb == "create" and step.ref:
                self._ids[step.ref] = record.state.step(step.id).made
        self._made = {id for id in self._ids.values() if id}

    def is_finished(self, step: Step) -> bool:
        if self._record.state.step(step.id).state in ("done", "skipped"):
            return True
        if step.lost or step.kind not in KINDS:
            return False
        if step.verb == "create":
            return self._exists(step)
        current = self._snapshot.resource(step.kind, self._ids.get(step.ref, step.ref))
        if current is None:
            return True
        if not isinstance(current.raw, dict):
            return False
        match step.verb:
            case "update":
                return all(self._is_made(change, current) for change in step.changes)
            case "detach":
                raw = current.raw
                return without_references(KINDS[step.kind], raw, step.property_name, step.targets) == raw
            case _:
                return False

    def _is_made(self, change: FieldChange, current: Resource) -> bool:
        value = value_at(current.raw, change.path)
        try:
            after = MISSING if change.after is MISSING else replace_refs(change.after, self._ids)
        except KeyError:  # it refers to a resource that the plan did not create
            return not equal_at_depth(value, change.before, len(change.path))
        return equal_at_depth(value, after, len(change.path))

    def _exists(self, step: Step) -> bool:
        """Return whether there is what a step would create; each resource counts for one step."""
        try:
            parent, body = replace_refs(step.parent, self._ids), replace_refs(step.body, self._ids)
        except KeyError:
            return False
        listed = [
            one.raw for one in self._snapshot.resources(step.kind)
            if isinstance(one.raw, dict) and (not parent or parent in (one.parent_id, one.raw.get("integrationId")))
        ]  # fmt: skip
        lookup = find_created(listed, SentBody.of(KINDS[step.kind], body), self._made.__contains__)
        if lookup.raw is None or not lookup.is_as_sent:
            return False
        self._made.add(str(lookup.raw.get("id")))
        return True
