"""What has changed in an app between two reads, without what this program changed itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from drio_tui.api.json_values import same_json
from drio_tui.kinds import APP, KINDS, TOOL
from drio_tui.workspace.model.snapshot import PartLoaded, Resource, ResourceKey, Snapshot, Update

Contents = Mapping[str, Mapping[str, Resource]]
"""Resources by kind and id, of the kinds that were read completely."""

_UNEDITED = frozenset({"lastValidatedAt", "updatedAt"})
"""Properties that the server sets without anyone editing the resource."""

_AUTHORED = frozenset({"name", "description", "baseUrl", "method", "path"})
"""Properties that drio does not derive from another resource: only someone who edits the resource changes them."""


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
        return tuple(sorted(n for n in names if not same_json(old.get(n, missing), new.get(n, missing))))


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
    before: Contents,
    after: Contents,
    own: frozenset[ResourceKey] = frozenset(),
    recent: frozenset[ResourceKey] = frozenset(),
) -> dict[ResourceKey, Change]:
    """Return what differs, by key, without the resources in `own` and without what drio may have derived from them.

    `own` has the keys of what this program wrote since `before` was read; an empty id stands for created resources.
    `recent` has those of the time before: drio may derive something from them later. Where both are possible, a change
    is taken for the own one.
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
    if changes and (own or recent):
        for key in _own(changes, before, after, own, recent):
            changes.pop(key, None)
    return changes


def created_keys(before: Contents, after: Contents, own: frozenset[ResourceKey]) -> frozenset[ResourceKey]:
    """Return the keys of the resources that are new in `after` and that this program may have created."""
    kinds = {kind for kind, id in own if not id} & before.keys() & after.keys()
    return frozenset((kind, id) for kind in kinds for id in after[kind].keys() - before[kind].keys())


def _own(
    changes: Mapping[ResourceKey, Change],
    before: Contents,
    after: Contents,
    own: frozenset[ResourceKey],
    recent: frozenset[ResourceKey],
) -> set[ResourceKey]:
    """Return the keys of the changes that this program has, or may have, made.

    A change of a resource may follow from a change of what it refers to and of what refers to it, and so on: a deleted
    integration takes its operations away and breaks the bindings to them, and a tool's name shows in widgets.
    """
    written = own | recent
    ours = {key for key, change in changes.items() if key in own or (change.before is None and (key[0], "") in own)}
    ours |= {key for key, change in changes.items() if key in recent and _may_be_derived(change)}
    ours |= {key for key in changes if key[0] == APP.name}  # its status follows from everything in it
    if any(kind == TOOL.name for kind, _ in written):  # a tool that is created, deleted or moved moves others
        ours |= {key for key, change in changes.items() if key[0] == TOOL.name and change.properties == ("order",)}
    effects = {key for key in written | ours if key[0] != APP.name and key[1]}
    references = {key: _references(before, after, key) for key in changes.keys() | effects}
    waiting = list(effects)
    while waiting:
        cause = waiting.pop()
        was_there, is_there = _is_in(before, cause), _is_in(after, cause)
        is_ours = cause in ours or cause not in changes
        for key, change in changes.items():
            if cause not in references[key] and key not in references[cause]:
                continue
            # drio creates a resource only together with a created one, and deletes it with a deleted one.
            is_created, is_deleted = change.before is None, change.after is None
            is_followed = is_ours and ((is_created and not was_there) or (is_deleted and not is_there))
            if is_followed or _may_be_derived(change):
                ours.add(key)
            # Something may follow from it also where someone else changed more of it.
            if key not in effects and (key in ours or not _AUTHORED.issuperset(change.properties)):
                effects.add(key)
                waiting.append(key)
    return ours


def _may_be_derived(change: Change) -> bool:
    """Return whether drio may have made a change by itself, of a resource that was there before and is there now."""
    return change.before is not None and change.after is not None and _AUTHORED.isdisjoint(change.properties)


def _is_in(contents: Contents, key: ResourceKey) -> bool:
    return key[1] in contents.get(key[0], {})


def _references(before: Contents, after: Contents, key: ResourceKey) -> set[ResourceKey]:
    resources = (contents.get(key[0], {}).get(key[1]) for contents in (before, after))
    return {target for resource in resources if resource is not None for target in _ids(resource)}


def _ids(resource: Resource) -> set[ResourceKey]:
    raw = _object(resource)
    return {(reference.to, id) for reference in KINDS[resource.kind].references for _, id in reference.ids(raw)}


def _object(resource: Resource) -> Mapping[str, Any]:
    return resource.raw if isinstance(resource.raw, dict) else {"": resource.raw}
