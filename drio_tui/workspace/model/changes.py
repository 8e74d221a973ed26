"""What has changed in an app between two reads, without what this program changed itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from drio_tui.api.json_values import same_json
from drio_tui.kinds import APP, KINDS
from drio_tui.workspace.model.snapshot import INDEPENDENT_KINDS, PartLoaded, Resource, ResourceKey, Snapshot, Update

Contents = Mapping[str, Mapping[str, Resource]]
"""Resources by kind and id, of the kinds that were read completely."""

_UNEDITED = frozenset({"lastValidatedAt", "updatedAt"})
"""Properties that the server sets without anyone editing the resource."""


@dataclass(frozen=True, slots=True)
class Change:
    """How a resource has changed: `before` is None for a new one, `after` for a deleted one."""

    before: Resource | None
    after: Resource | None

    @property
    def properties(self) -> tuple[str, ...]:
        """The names of the properties that differ, in alphabetical order; empty if the resource is new or deleted."""
        if self.before is None or self.after is None:
            return ()
        old, new = _object(self.before), _object(self.after)
        names = (old.keys() | new.keys()) - _UNEDITED
        missing = object()
        return tuple(sorted(n for n in names if not _same(n, old.get(n, missing), new.get(n, missing))))


def _same(name: str, old: Any, new: Any) -> bool:
    """Compare the values of a property, without the names of tools that drio adds to actions."""
    if same_json(old, new):
        return True
    return name == "actions" and same_json(_without_target_names(old), _without_target_names(new))


def _without_target_names(actions: Any) -> Any:
    if not isinstance(actions, list):
        return actions
    return [
        {name: value for name, value in action.items() if name != "targetToolName"}
        if isinstance(action, dict)
        else action
        for action in actions
    ]


def contents_of(snapshot: Snapshot, updates: Iterable[Update] = ()) -> Contents:
    """Return the resources of a snapshot as they will be after `updates`, of the kinds that were read completely."""
    contents = {
        kind: {id: resource for id, resource in snapshot.parts[kind].resources.items() if not resource.made_up}
        for kind in KINDS
        if snapshot.parts[kind].state == "ready"
    }
    for update in updates:
        if isinstance(update, PartLoaded) and update.kind in KINDS:
            contents[update.kind] = {resource.id: resource for resource in update.resources if not resource.made_up}
    return contents


def changes_by_others(
    before: Contents, after: Contents, own: frozenset[ResourceKey] = frozenset()
) -> dict[ResourceKey, Change]:
    """Return what differs, by key, without the resources in `own` and without what drio derived from writing them.

    `own` has the keys of what this program wrote since `before` was read; an empty id stands for created resources.
    """
    changes: dict[ResourceKey, Change] = {}
    for kind in before.keys() & after.keys():
        old, new = before[kind], after[kind]
        for id in old.keys() | new.keys():
            if old.get(id) is new.get(id):
                continue
            change = Change(old.get(id), new.get(id))
            if change.before is None or change.after is None or change.properties:
                changes[kind, id] = change
    if own and changes:
        for key in _own(changes, own):
            changes.pop(key, None)
    return changes


def _own(changes: Mapping[ResourceKey, Change], own: frozenset[ResourceKey]) -> set[ResourceKey]:
    """Return the keys of the changes that writing `own` has, or may have, made.

    Where a reference was written, or a resource whose change shows in others, drio may have changed what it refers
    to and what refers to it, and so on: a deleted integration takes its operations away, and the bindings to them.
    """
    ours = {key for key, change in changes.items() if key in own or (change.before is None and (key[0], "") in own)}
    ours |= {key for key in changes if key[0] == APP.name}  # its status follows from everything in it
    effects = {key for key in own if key[0] not in INDEPENDENT_KINDS and key[1]}
    effects |= {key for key in ours if key[0] != APP.name and _changes_references(changes[key])}
    references = {key: _references(change) for key, change in changes.items()}
    waiting = list(effects)
    while waiting:
        cause = waiting.pop()
        for key, targets in references.items():
            if key not in effects and (cause in targets or key in references.get(cause, ())):
                ours.add(key)
                effects.add(key)
                waiting.append(key)
    return ours


def _changes_references(change: Change) -> bool:
    if change.before is None or change.after is None:
        return True
    return _ids(change.before) != _ids(change.after)


def _references(change: Change) -> set[ResourceKey]:
    return {key for resource in (change.before, change.after) if resource is not None for key in _ids(resource)}


def _ids(resource: Resource) -> set[ResourceKey]:
    raw = _object(resource)
    return {(reference.to, id) for reference in KINDS[resource.kind].references for _, id in reference.ids(raw)}


def _object(resource: Resource) -> Mapping[str, Any]:
    return resource.raw if isinstance(resource.raw, dict) else {"": resource.raw}
