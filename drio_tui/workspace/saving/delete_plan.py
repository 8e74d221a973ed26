"""What deleting a resource takes: everything that refers to it, and the requests that clear the way.

drio's own behaviour is not documented (contract section 6); the sandbox refuses to delete what others refer
to. So either everything that refers to it goes first (`cascade`), or references are taken out where a
resource can live without them, and only what cannot goes along.

| a reference                          | what becomes of its holder                       |
|--------------------------------------|--------------------------------------------------|
| that the holder was created with     | it goes too: operations, widgets                 |
| whose target points back so          | nothing: it is cleared with it (a tool's widget) |
| any other                            | it is taken out: binding, chain, actions, auth   |
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from drio_tui.api.errors import UsageError
from drio_tui.kinds import KINDS, Kind, Reference
from drio_tui.workspace.model.references import Link, Links
from drio_tui.workspace.model.snapshot import Key, Snapshot
from drio_tui.workspace.saving import journal as journals
from drio_tui.workspace.saving.batch import Batch, Task, change
from drio_tui.workspace.saving.saver import Saver

Rule = Literal["goes too", "cleared", "detach"]


@dataclass(frozen=True, slots=True)
class Hit:
    """A resource that refers to what is to be deleted, or to something that does. `distance` is 1 for direct ones."""

    key: Key
    name: str
    via: tuple[Link, ...]
    distance: int


@dataclass(frozen=True, slots=True)
class PlanStep:
    """One request. `member` and `targets` say what a detach takes out, `after` which steps come before it."""

    verb: Literal["delete", "detach"]
    key: Key
    name: str
    member: str = ""
    targets: frozenset[str] = frozenset()
    target_names: tuple[str, ...] = ()
    after: tuple[int, ...] = ()

    @property
    def about(self) -> str:
        """What it does, for people; not yet safe to show."""
        title = KINDS[self.key[0]].title.lower()
        if self.verb == "delete":
            return f"Delete the {title} {self.name}"
        what = _MEMBERS.get(self.member, self.member)
        return f"Take {', '.join(self.target_names)} out of the {what} of the {title} {self.name}"


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps in order. `unread` names the kinds that were not read, so that more may refer to it."""

    steps: tuple[PlanStep, ...]
    wanted: tuple[Key, ...]
    unread: tuple[str, ...] = ()
    _links: dict[Key, tuple[tuple[str, str, str], ...]] = field(default_factory=dict, repr=False)
    _raws: dict[Key, dict[str, Any]] = field(default_factory=dict, repr=False)
    _places: dict[Key, int] = field(default_factory=dict, repr=False)

    @property
    def deleted(self) -> list[PlanStep]:
        """What goes, the wanted resources included."""
        return [step for step in self.steps if step.verb == "delete"]

    @property
    def along(self) -> list[PlanStep]:
        """What goes though nobody asked for it."""
        return [step for step in self.deleted if step.key not in self.wanted]

    @property
    def detached(self) -> list[PlanStep]:
        """What stays, but loses a reference."""
        return [step for step in self.steps if step.verb == "detach"]

    def batch(self, saver: Saver, app: str) -> Batch:
        """The plan as tasks; one undo takes all of it back. A resource that others changed meanwhile is not deleted."""
        group = journals.new_id()
        return Batch(Task(step.about, self._doer(saver, app, step, group), step.after) for step in self.steps)

    def _doer(self, saver: Saver, app: str, step: PlanStep, group: str) -> Any:
        kind, id = KINDS[step.key[0]], step.key[1]
        if step.verb == "delete":
            # Steps before this one may have taken references out of it.
            ignoring = {reference.path.partition("[")[0].partition(".")[0] for reference in kind.references}
            links = self._links.get(step.key, ())
            return lambda: saver.delete(
                kind, app, id, base=self._raws.get(step.key), ignoring=ignoring, links=links,
                place=self._places.get(step.key), group=group,
            )  # fmt: skip
        return lambda: change(
            saver, kind, app, id, lambda now: detached(kind, now, step.member, step.targets), group=group
        )


def rule_of(kind: Kind[Any], reference: Reference) -> Rule:
    """What becomes of the holder of a reference when its target goes; see the table above."""
    if _required(kind, reference):
        return "goes too"
    target = KINDS.get(reference.to)
    if target and any(back.to == kind.name and _required(target, back) for back in target.references):
        return "cleared"
    return "detach"


def blast_radius(snapshot: Snapshot, links: Links, keys: Iterable[Key]) -> list[Hit]:
    """Everything that refers to one of the resources, directly or through others, nearest first."""
    seen = dict.fromkeys(keys, 0)
    via: dict[Key, list[Link]] = {}
    queue = deque(seen)
    while queue:
        key = queue.popleft()
        for link in links.used_by(key):
            if link.source not in seen:
                seen[link.source] = seen[key] + 1
                queue.append(link.source)
            if seen[link.source] == seen[key] + 1:
                via.setdefault(link.source, []).append(link)
    return [Hit(key, _name(snapshot, key), tuple(via[key]), seen[key]) for key in seen if seen[key]]


def plan_delete(snapshot: Snapshot, links: Links, keys: Iterable[Key], *, cascade: bool = False) -> Plan:
    """The steps that delete the resources. With `cascade` everything that refers to them goes, else as little as can.

    Raises `UsageError` for a resource that drio has no way to delete, or that has no id.
    """
    wanted = tuple(dict.fromkeys(keys))
    for key in wanted:
        resource, kind = snapshot.at(key), KINDS.get(key[0])
        if kind is None or not kind.deletable:
            raise UsageError(f"drio has no way to delete {'an' if key[0] in ('app', 'auth') else 'a'} {key[0]}")
        if resource is None or resource.made_up:
            raise UsageError("it has no id, so it cannot be named to drio")
    doomed = _doomed(links, wanted, cascade)
    steps = _Steps(snapshot)
    for key in doomed:
        for link in links.used_by(key):
            if link.source not in doomed and _rule(link) == "detach":
                steps.detach(link)
    before = {  # by resource: what refers to it and goes as well
        key: {
            link.source
            for link in links.used_by(key)
            if link.source in doomed and link.source != key and _rule(link) != "cleared"
        }
        for key in doomed
    }
    while before:
        free = next((key for key in before if not before[key] & before.keys()), None)
        if free is None:  # they refer to each other in a circle: one lets go
            free = next(iter(before))
            for link in links.used_by(free):
                if link.source in before and link.source != free:
                    steps.detach(link)
        steps.delete(free, before.pop(free))
    cleared = {
        key: tuple(
            (link.source[0], link.source[1], link.path) for link in links.used_by(key) if _rule(link) == "cleared"
        )
        for key in doomed
    }
    raws = {key: resource.raw for key in doomed if (resource := snapshot.at(key)) and isinstance(resource.raw, dict)}
    unread = tuple(kind for kind in KINDS if snapshot.parts[kind].state != "ready")
    places = {resource.key: place for place, resource in enumerate(snapshot)}
    return Plan(steps.made(), wanted, unread, cleared, raws, places)


def detached(kind: Kind[Any], now: dict[str, Any], member: str, targets: frozenset[str]) -> dict[str, Any]:
    """The resource without its references to the targets in that member, whatever else is in it by now."""
    result = dict(now)
    for reference in kind.references:
        steps = reference.path.split(".")
        if steps[0].removesuffix("[]") != member:
            continue
        value = result.get(member)
        if steps[0].endswith("[]") and isinstance(value, list):
            result[member] = [item for item in value if not any(id in targets for id in _ids(item, steps[1:]))]
        elif any(id in targets for _, id in reference.ids(result)):
            result[member] = None
    return result


_MEMBERS = {"nextToolIds": "chain", "authId": "sign-in"}


class _Steps:
    """Steps under way: detaches of the same member are one, and come before every delete of their targets."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._detach: dict[tuple[Key, str], dict[str, None]] = {}
        self._delete: list[tuple[Key, set[Key]]] = []

    def detach(self, link: Link) -> None:
        member = link.path.partition("[")[0].partition(".")[0]
        self._detach.setdefault((link.source, member), {})[link.target[1]] = None

    def delete(self, key: Key, after: set[Key]) -> None:
        self._delete.append((key, after))

    def made(self) -> tuple[PlanStep, ...]:
        steps: list[PlanStep] = []
        kinds = {key[1]: key for key, _ in self._delete}
        for (key, member), targets in self._detach.items():
            names = tuple(_name(self._snapshot, kinds.get(id, ("", id))) for id in targets)
            steps.append(PlanStep("detach", key, _name(self._snapshot, key), member, frozenset(targets), names))
        places: dict[Key, int] = {}
        for key, after in self._delete:
            needs = [place for place, step in enumerate(steps) if step.verb == "detach" and key[1] in step.targets]
            needs += sorted(places[each] for each in after if each in places)
            places[key] = len(steps)
            steps.append(PlanStep("delete", key, _name(self._snapshot, key), after=tuple(needs)))
        return tuple(steps)


def _doomed(links: Links, wanted: tuple[Key, ...], cascade: bool) -> dict[Key, None]:
    """The resources that go, in the order in which they were found."""
    doomed = dict.fromkeys(wanted)
    queue = deque(wanted)
    while queue:
        for link in links.used_by(queue.popleft()):
            rule = _rule(link)
            if link.source not in doomed and (rule == "goes too" or (cascade and rule == "detach")):
                doomed[link.source] = None
                queue.append(link.source)
    return doomed


def _rule(link: Link) -> Rule:
    kind = KINDS[link.source[0]]
    member = link.path.partition("[")[0]
    found = next((each for each in kind.references if each.path.partition("[")[0] == member), None)
    return rule_of(kind, found) if found else "detach"


def _required(kind: Kind[Any], reference: Reference) -> bool:
    """Whether a resource of this kind cannot be without the reference."""
    if kind.parent and kind.parent[0] == reference.path:
        return True
    model = kind.create_model
    return model is not None and any(
        field.alias == reference.path and field.is_required() for field in model.model_fields.values()
    )


def _ids(value: Any, steps: list[str]) -> Iterator[str]:
    for step in steps:
        value = value.get(step) if isinstance(value, dict) else None
    if isinstance(value, str):
        yield value


def _name(snapshot: Snapshot, key: Key) -> str:
    resource = snapshot.at(key)
    return resource.name if resource else key[-1]
