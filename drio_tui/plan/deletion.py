"""Plans for deleting resources: the dependents of a resource, and the requests that delete it.

What drio does is not documented (contract section 6); the sandbox rejects the delete of a resource that others refer
to. So either all dependents are deleted first (`cascade`), or references to it are removed from its dependents, and
only those that cannot exist without the reference are deleted.

| Reference                                   | Dependent                                                          |
|---------------------------------------------|--------------------------------------------------------------------|
| required to create the dependent            | is deleted: operations, widgets                                    |
| to a resource that requires one back to it  | is not changed: the server clears the reference (a tool's widget)  |
| any other                                   | the reference is removed: binding, chain, actions, auth            |
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from drio_tui.api.errors import UsageError, top_property
from drio_tui.kinds import KINDS, Kind, Reference
from drio_tui.plan.steps import Step
from drio_tui.workspace.model.references import Link, Links
from drio_tui.workspace.model.snapshot import ResourceKey, Snapshot

Rule = Literal["deleted", "cleared", "detached"]
"""What happens to a dependent; see the table above."""


@dataclass(frozen=True, slots=True)
class Dependent:
    """A resource that refers to one that is to be deleted, directly (`distance` 1) or through others.

    `via` are its references to the resources at the next smaller distance.
    """

    key: ResourceKey
    name: str
    via: tuple[Link, ...]
    distance: int


@dataclass(frozen=True, slots=True)
class DeletePlan:
    """The steps: detaches, and deletes after those they need. A resource that others changed meanwhile is not deleted.

    `wanted` are the resources that the user chose; `unread` are the kinds that were not read: there may be more
    dependents.
    """

    steps: tuple[Step, ...]
    wanted: tuple[ResourceKey, ...]
    unread: tuple[str, ...] = ()

    @property
    def deleted(self) -> list[Step]:
        """The deletes, including those of the wanted resources."""
        return [step for step in self.steps if step.verb == "delete"]

    @property
    def also_deleted(self) -> list[Step]:
        """The deletes of dependents."""
        return [step for step in self.deleted if step.key not in self.wanted]

    @property
    def detached(self) -> list[Step]:
        """The steps that remove references from dependents."""
        return [step for step in self.steps if step.verb == "detach"]


def rule_of(kind: Kind[Any], reference: Reference) -> Rule:
    """Return what happens to a resource of `kind` when the target of its `reference` is deleted."""
    if _required(kind, reference):
        return "deleted"
    target = KINDS.get(reference.to)
    if target and any(back.to == kind.name and _required(target, back) for back in target.references):
        return "cleared"
    return "detached"


def find_dependents(snapshot: Snapshot, links: Links, keys: Iterable[ResourceKey]) -> list[Dependent]:
    """Return the direct and indirect dependents of the resources, by ascending distance."""
    distances = dict.fromkeys(keys, 0)
    via: dict[ResourceKey, list[Link]] = {}
    queue = deque(distances)
    while queue:
        key = queue.popleft()
        for link in links.used_by(key):
            if link.source not in distances:
                distances[link.source] = distances[key] + 1
                queue.append(link.source)
            if distances[link.source] == distances[key] + 1:
                via.setdefault(link.source, []).append(link)
    return [
        Dependent(key, _name(snapshot, key), tuple(via[key]), distance)
        for key, distance in distances.items()
        if distance
    ]


def plan_delete(snapshot: Snapshot, links: Links, keys: Iterable[ResourceKey], *, cascade: bool = False) -> DeletePlan:
    """Return the plan for deleting resources: with `cascade` with all their dependents, else with as few as possible.

    Raises `UsageError` for a resource that cannot be deleted in drio, or that has no id.
    """
    wanted = tuple(dict.fromkeys(keys))
    for key in wanted:
        resource, kind = snapshot.at(key), KINDS.get(key[0])
        if kind is None or not kind.deletable:
            raise UsageError(f"drio has no way to delete {'an' if key[0] in ('app', 'auth') else 'a'} {key[0]}")
        if resource is None or resource.made_up:
            raise UsageError("it has no id, so drio cannot delete it")
    to_delete = _keys_to_delete(links, wanted, cascade)
    steps = _StepBuilder(snapshot, links)
    for key in to_delete:
        for link in links.used_by(key):
            if link.source not in to_delete and _rule_of_link(link) == "detached":
                steps.detach(link)
    dependents = {  # by resource: its dependents that are deleted too, before it
        key: {
            link.source
            for link in links.used_by(key)
            if link.source in to_delete and link.source != key and _rule_of_link(link) != "cleared"
        }
        for key in to_delete
    }
    while dependents:
        next_key = next((key for key in dependents if not dependents[key] & dependents.keys()), None)
        if next_key is None:  # a cycle: the references to one of its resources are removed first
            next_key = next(iter(dependents))
            for link in links.used_by(next_key):
                if link.source in dependents and link.source != next_key:
                    steps.detach(link)
        steps.delete(next_key, dependents.pop(next_key))
    unread = tuple(kind for kind in KINDS if snapshot.parts[kind].state != "ready")
    return DeletePlan(steps.build(), wanted, unread)


_PROPERTY_LABELS = {"nextToolIds": "chain", "authId": "sign-in"}


class _StepBuilder:
    """Collects steps. The detaches from one property become one step, before the deletes of their targets."""

    def __init__(self, snapshot: Snapshot, links: Links) -> None:
        self._snapshot, self._links = snapshot, links
        self._detaches: dict[tuple[ResourceKey, str], dict[str, None]] = {}
        self._deletes: list[tuple[ResourceKey, set[ResourceKey]]] = []

    def detach(self, link: Link) -> None:
        property_name = link.path.partition("[")[0].partition(".")[0]
        self._detaches.setdefault((link.source, property_name), {})[link.target[1]] = None

    def delete(self, key: ResourceKey, after: set[ResourceKey]) -> None:
        self._deletes.append((key, after))

    def build(self) -> tuple[Step, ...]:
        deleted_by_id = {key[1]: key for key, _ in self._deletes}
        positions = {resource.key: position for position, resource in enumerate(self._snapshot)}
        detaches = [
            self._detach_step(key, property_name, [*targets], deleted_by_id)
            for (key, property_name), targets in self._detaches.items()
        ]
        deletes: dict[ResourceKey, Step] = {}
        for key, after in self._deletes:
            needed = [step.id for step in detaches if key[1] in step.targets]
            needed += [step.id for dependent, step in deletes.items() if dependent in after]
            deletes[key] = self._delete_step(key, tuple(needed), positions.get(key))
        return (*detaches, *deletes.values())

    def _detach_step(
        self, key: ResourceKey, property_name: str, targets: list[str], deleted_by_id: dict[str, ResourceKey]
    ) -> Step:
        names = ", ".join(_name(self._snapshot, deleted_by_id.get(id, ("", id))) for id in targets)
        label = _PROPERTY_LABELS.get(property_name, property_name)
        about = f"Take {names} out of the {label} of the {KINDS[key[0]].title.lower()} {_name(self._snapshot, key)}"
        return Step(
            f"detach:{key[0]}:{key[1]}:{property_name}", "detach", key[0], about, key[1],
            property_name=property_name, targets=frozenset(targets),
        )  # fmt: skip

    def _delete_step(self, key: ResourceKey, after: tuple[str, ...], place: int | None) -> Step:
        resource, kind = self._snapshot.at(key), KINDS[key[0]]
        cleared = (link for link in self._links.used_by(key) if _rule_of_link(link) == "cleared")
        return Step(
            f"delete:{key[0]}:{key[1]}", "delete", kind.name,
            f"Delete the {kind.title.lower()} {_name(self._snapshot, key)}", key[1], after=after, place=place,
            base=resource.raw if resource and isinstance(resource.raw, dict) else None,
            links=tuple((link.source[0], link.source[1], link.path) for link in cleared),
            # Earlier steps may have removed references from this resource: that is no change by others.
            ignoring=frozenset(top_property(reference.path) for reference in kind.references),
        )  # fmt: skip


def _keys_to_delete(links: Links, wanted: tuple[ResourceKey, ...], cascade: bool) -> dict[ResourceKey, None]:
    """Return the keys of `wanted` and of the dependents that are deleted with them, in breadth-first order."""
    to_delete = dict.fromkeys(wanted)
    queue = deque(wanted)
    while queue:
        for link in links.used_by(queue.popleft()):
            rule = _rule_of_link(link)
            if link.source not in to_delete and (rule == "deleted" or (cascade and rule == "detached")):
                to_delete[link.source] = None
                queue.append(link.source)
    return to_delete


def _rule_of_link(link: Link) -> Rule:
    kind = KINDS[link.source[0]]
    head = link.path.partition("[")[0]
    reference = next((reference for reference in kind.references if reference.path.partition("[")[0] == head), None)
    return rule_of(kind, reference) if reference else "detached"


def _required(kind: Kind[Any], reference: Reference) -> bool:
    """Return whether a resource of this kind cannot exist without the reference."""
    if kind.parent and kind.parent[0] == reference.path:
        return True
    model = kind.create_model
    return model is not None and any(
        field.alias == reference.path and field.is_required() for field in model.model_fields.values()
    )


def _name(snapshot: Snapshot, key: ResourceKey) -> str:
    resource = snapshot.at(key)
    return resource.name if resource else key[-1]
