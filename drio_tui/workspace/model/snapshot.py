"""What is known of one open app: the raw JSON of each resource, by kind and id, however incomplete.

A snapshot is fed by updates in any order. Resources that are not as documented are kept with the reason
(`Resource.reason`) and shown like the others; members of the config whose meaning is unknown are kept as
plain JSON (`Snapshot.extra`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from drio_tui.api.errors import DrioError

Key = tuple[str, ...]
"""Names a resource or a node of the tree across refreshes: `("tool", "tool_123")`."""

KIND_ORDER = ("app", "auth", "provider", "integration", "operation", "tool", "widget")

State = Literal["waiting", "ready", "failed"]


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource as it came: `raw` is its JSON (an object unless degraded), `reason` why it is degraded.

    `id` is the API's; where there is none, or it is taken already, it is made from the place in the list
    (`#3`) and `made_up` is true: such a thing can be looked at, not referred to. `under` is the id of the
    integration in whose list an operation came, when it came in one.
    """

    kind: str
    id: str
    raw: Any
    reason: str = ""
    made_up: bool = False
    under: str = ""

    @property
    def key(self) -> Key:
        return (self.kind, self.id)

    def get(self, member: str) -> Any:
        """A member of `raw`, or None where there is none or `raw` is no object."""
        return self.raw.get(member) if isinstance(self.raw, dict) else None

    def text(self, member: str) -> str:
        """A member of `raw` when it is a string, else the empty string. Not yet safe to show."""
        value = self.get(member)
        return value if isinstance(value, str) else ""

    @property
    def name(self) -> str:
        """What to call it: name, key, slug or id, the first that says something. Not yet safe to show."""
        for member in ("name", "key", "slug"):
            value = self.text(member)
            if value.strip():
                return value
        return self.id


@dataclass(frozen=True, slots=True)
class PartLoaded:
    """Resources of one kind arrived. `first` begins the kind anew, `last` says that no more will come."""

    kind: str
    resources: tuple[Resource, ...]
    first: bool = True
    last: bool = True


@dataclass(frozen=True, slots=True)
class Failed:
    """A part could not be read; `parent` names the integration when only its operations are missing."""

    kind: str
    error: DrioError
    parent: str = ""


@dataclass(frozen=True, slots=True)
class UnknownMember:
    """Members of the config that are no kind we know, as plain JSON by name."""

    members: dict[str, Any]


Update = PartLoaded | Failed | UnknownMember


@dataclass(slots=True)
class SnapshotPart:
    """All resources of one kind. In state `waiting` or `failed` the resources are those of the last time."""

    state: State = "waiting"
    resources: dict[str, Resource] = field(default_factory=dict)
    failures: dict[str, DrioError] = field(default_factory=dict)

    @property
    def error(self) -> DrioError | None:
        """Why the whole part failed, if it did."""
        return self.failures.get("")


class Snapshot:
    """One app, filled by `apply`. Iteration order of resources is the API's, tools sorted by `order`."""

    def __init__(self, app_id: str) -> None:
        self.app_id = app_id
        self.parts: dict[str, SnapshotPart] = {kind: SnapshotPart() for kind in KIND_ORDER}
        self.extra: dict[str, Any] = {}
        self.added = False

    def begin(self) -> None:
        """Everything is about to be read again: what is there stays until its successor arrives."""
        self.added = False
        for part in self.parts.values():
            part.state = "waiting"
            part.failures.clear()

    def apply(self, update: Update) -> None:
        """Take in one update."""
        match update:
            case PartLoaded(kind=kind, resources=resources, first=first, last=last):
                part = self.parts[kind]
                if first:
                    part.resources = {}
                part.resources.update((resource.id, resource) for resource in resources)
                if last:
                    part.state = "failed" if part.failures else "ready"
                    if kind == "tool":
                        part.resources = dict(sorted(part.resources.items(), key=_by_order))
            case Failed(kind=kind, error=error, parent=parent):
                part = self.parts[kind]
                part.failures[parent] = error
                if not parent:
                    part.state = "failed"
            case UnknownMember(members=members):
                self.extra = dict(members)

    def add(self, resource: Resource) -> None:
        """Take in one thing that was just made, without waiting for it to be read; `added` tells until then."""
        self.parts[resource.kind].resources[resource.id] = resource
        self.added = True

    @property
    def complete(self) -> bool:
        """Whether no part is still on its way."""
        return all(part.state != "waiting" for part in self.parts.values())

    @property
    def app(self) -> Resource | None:
        """The app itself, once it has arrived."""
        return next(iter(self.parts["app"].resources.values()), None)

    def resources(self, kind: str) -> Iterable[Resource]:
        """All resources of a kind, in order."""
        return self.parts[kind].resources.values()

    def resource(self, kind: str, id: str) -> Resource | None:
        """The resource that the API knows by this id; None when there is none (made-up ids do not count)."""
        found = self.parts[kind].resources.get(id) if kind in self.parts else None
        return None if found is None or found.made_up else found

    def name_of(self, id: str) -> str | None:
        """The name of what has this id, of whatever kind; None when nothing has it."""
        found = next((resource for kind in self.parts if (resource := self.resource(kind, id)) is not None), None)
        return found.name if found is not None else None

    def at(self, key: Key) -> Resource | None:
        """The resource named by a key, made-up ids included."""
        return self.parts[key[0]].resources.get(key[1]) if len(key) == 2 and key[0] in self.parts else None

    def __iter__(self) -> Iterator[Resource]:
        """All resources, kind by kind."""
        for part in self.parts.values():
            yield from part.resources.values()

    def __len__(self) -> int:
        return sum(len(part.resources) for part in self.parts.values())


def resources_of(
    kind: str, raws: Iterable[Any], reason_of: Callable[[Any], str], *, under: str = ""
) -> tuple[Resource, ...]:
    """Resources from the members of a list; `reason_of(raw)` says why one is degraded, or nothing."""
    made: list[Resource] = []
    seen: set[str] = set()
    for place, raw in enumerate(raws, start=1):
        id = raw.get("id") if isinstance(raw, dict) else None
        reason = reason_of(raw)
        if not isinstance(id, str) or not id or id in seen:
            if isinstance(id, str) and id in seen:
                reason = "; ".join(filter(None, (f"the id {id} is there twice", reason)))
            made.append(Resource(kind, f"{under}#{place}", raw, reason or "it has no id", made_up=True, under=under))
            continue
        seen.add(id)
        made.append(Resource(kind, id, raw, reason, under=under))
    return tuple(made)


def _by_order(entry: tuple[str, Resource]) -> float:
    order = entry[1].get("order")
    return float(order) if isinstance(order, int) and abs(order) < 1 << 53 else float("inf")
