"""The state of one open app as far as it was read: the raw JSON of each resource, by kind and id.

A snapshot applies updates in any order. Resources that do not match the documentation are kept with the reason
(`Resource.reason`) and shown like the others; unknown properties of the config are kept as plain JSON
(`Snapshot.extra`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from drio_tui.api.errors import DrioError, top_property
from drio_tui.kinds import KINDS

ResourceKey = tuple[str, ...]
"""Identifies a resource or a tree node across refreshes: `("tool", "tool_123")`."""

KIND_ORDER = ("app", "auth", "provider", "integration", "operation", "tool", "widget")

State = Literal["waiting", "ready", "failed"]


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource as received: `raw` is its JSON (an object unless degraded), `reason` why it is degraded.

    `id` is the API's. If it is missing or not unique, `id` is the position in the list (`#3`) and `made_up` is true:
    such a resource can be shown, but not referred to. `under` is the id of the integration whose list contained an
    operation, if it came from such a list.
    """

    kind: str
    id: str
    raw: Any
    reason: str = ""
    made_up: bool = False
    parent_id: str = ""

    @property
    def key(self) -> ResourceKey:
        return (self.kind, self.id)

    def get(self, name: str) -> Any:
        """Return a property of `raw`, None if there is none or `raw` is no object."""
        return self.raw.get(name) if isinstance(self.raw, dict) else None

    def text(self, name: str) -> str:
        """Return a property of `raw` if it is a string, else an empty string; not sanitized."""
        value = self.get(name)
        return value if isinstance(value, str) else ""

    @property
    def name(self) -> str:
        """The name to show: the first of name, key, slug and id that is not blank; not sanitized."""
        for name in ("name", "key", "slug"):
            value = self.text(name)
            if value.strip():
                return value
        return self.id

    @property
    def key_or_name(self) -> str:
        """The key, or the name to show where there is no key; not sanitized."""
        return self.text("key") or self.name


@dataclass(frozen=True, slots=True)
class PartLoaded:
    """Resources of one kind arrived. `first`: they replace those of the kind; `last`: no more of the kind follow."""

    kind: str
    resources: tuple[Resource, ...]
    first: bool = True
    last: bool = True


@dataclass(frozen=True, slots=True)
class PartFailed:
    """A part could not be read; `parent` is the id of the integration if only its operations are missing."""

    kind: str
    error: DrioError
    parent: str = ""


@dataclass(frozen=True, slots=True)
class AppFailed:
    """Nothing of the app could be read."""

    error: DrioError


@dataclass(frozen=True, slots=True)
class UnknownProperties:
    """Properties of the config that are no known kind, as plain JSON by name."""

    values: dict[str, Any]


Update = PartLoaded | PartFailed | AppFailed | UnknownProperties


@dataclass(slots=True)
class SnapshotPart:
    """All resources of one kind. In state `waiting` or `failed` they are from the previous read.

    `arrived` are those of the current read, which come in several updates.
    """

    state: State = "waiting"
    resources: dict[str, Resource] = field(default_factory=dict)
    failures: dict[str, DrioError] = field(default_factory=dict)
    arrived: dict[str, Resource] = field(default_factory=dict)

    @property
    def error(self) -> DrioError | None:
        """The error if the whole part failed, else None."""
        return self.failures.get("")


INDEPENDENT_KINDS = frozenset({"app", "tool", "widget"})
"""Kinds of which drio derives nothing in other resources, but for their references."""


@dataclass(frozen=True, slots=True)
class ToolCalls:
    """What MCP clients asked of a tool: `tool` is its name for models, `max_tokens` the size of its largest result."""

    tool: str
    calls: int
    failed: int
    max_tokens: int


class Snapshot:
    """One app, filled by `apply`. Resources are in the order of the API, tools sorted by `order`.

    `calls` are those that a sandbox has kept of the deployed app. `stale` is why nothing could be read the last time,
    None if anything could: then all parts are as they were read before.
    """

    def __init__(self, app_id: str) -> None:
        self.app_id = app_id
        self.parts: dict[str, SnapshotPart] = {kind: SnapshotPart() for kind in KIND_ORDER}
        self.extra: dict[str, Any] = {}
        self.calls: Sequence[ToolCalls] = ()
        self.added = False
        self.stale: DrioError | None = None
        self._read_before: dict[str, SnapshotPart] = {}

    def copy(self) -> Snapshot:
        """Return a copy that later updates do not change, for a thread to read."""
        copied = Snapshot(self.app_id)
        copied.extra, copied.added, copied.stale = self.extra, self.added, self.stale
        copied.calls = self.calls
        for kind, part in self.parts.items():
            copied.parts[kind] = SnapshotPart(part.state, dict(part.resources), dict(part.failures))
        return copied

    def begin(self) -> None:
        """Mark all parts as waiting before they are read again; resources stay until their replacements arrive."""
        self.added, self.stale = False, None
        for kind, part in self.parts.items():
            if part.state != "waiting":  # a part that a stopped read left waiting is as it was before that
                self._read_before[kind] = SnapshotPart(part.state, dict(part.resources), part.failures)
            part.state, part.failures = "waiting", {}

    def apply(self, update: Update) -> None:
        """Apply one update."""
        match update:
            case PartLoaded(kind=kind, resources=resources, first=first, last=last):
                part = self.parts[kind]
                if first:
                    part.arrived = {}
                part.arrived.update((resource.id, resource) for resource in resources)
                # Until all have arrived, those of the previous read stay.
                part.resources = part.arrived if last else {**part.resources, **part.arrived}
                if last:
                    part.state = "failed" if part.failures else "ready"
                    if kind == "tool":
                        part.resources = dict(sorted(part.resources.items(), key=_by_order))
            case PartFailed(kind=kind, error=error, parent=parent):
                part = self.parts[kind]
                part.failures[parent] = error
                if not parent:
                    part.state = "failed"
            case AppFailed(error=error):
                self._fail(error)
            case UnknownProperties(values=values):
                self.extra = dict(values)

    def _fail(self, error: DrioError) -> None:
        """Leave the parts as they were before this read; if there was none, each has failed."""
        has_been_read = any(part.state == "ready" for part in self._read_before.values())
        self.stale = error if has_been_read else None
        for kind, part in self.parts.items():
            before = self._read_before.get(kind)
            if has_been_read and before is not None:
                self.parts[kind] = SnapshotPart(before.state, dict(before.resources), dict(before.failures))
            else:
                part.state, part.failures = "failed", {"": error}

    def add(self, resource: Resource) -> None:
        """Add a resource that was just created, before it is read; `added` is true until the next `begin`."""
        self.parts[resource.kind].resources[resource.id] = resource
        self.added = True

    def replace(self, resource: Resource, changed: Collection[str]) -> bool:
        """Replace a resource with the response to its change; return False if the app has to be read again instead.

        `changed` are the names of the properties that were written. The app has to be read again if the change may show
        in other resources (another kind than those below, or a reference), or if the response is not a whole resource.
        """
        known = self.resource(resource.kind, resource.id)
        if known is None or resource.kind not in INDEPENDENT_KINDS or resource.reason or not self.complete:
            return False
        references = {top_property(reference.path) for reference in KINDS[resource.kind].references}
        if references & {*changed} or not isinstance(known.raw, dict) or known.raw.keys() - resource.raw.keys():
            return False
        part = self.parts[resource.kind]
        part.resources[resource.id] = resource
        if resource.kind == "tool":
            part.resources = dict(sorted(part.resources.items(), key=_by_order))
        return True

    @property
    def is_stale(self) -> bool:
        """Whether the last read failed, in whole or in part."""
        return self.stale is not None or any(part.failures for part in self.parts.values())

    @property
    def complete(self) -> bool:
        """Whether no part is waiting."""
        return all(part.state != "waiting" for part in self.parts.values())

    @property
    def app(self) -> Resource | None:
        """The app itself, None until it has arrived."""
        return next(iter(self.parts["app"].resources.values()), None)

    def resources(self, kind: str) -> Iterable[Resource]:
        """Return all resources of a kind, in order."""
        return self.parts[kind].resources.values()

    def resource(self, kind: str, id: str) -> Resource | None:
        """Return the resource with this id in the API, None if there is none (made-up ids do not count)."""
        resource = self.parts[kind].resources.get(id) if kind in self.parts else None
        return None if resource is None or resource.made_up else resource

    def name_of(self, id: str) -> str | None:
        """Return the name of the resource of any kind with this id, None if there is none."""
        for kind in self.parts:
            if (resource := self.resource(kind, id)) is not None:
                return resource.name
        return None

    def at(self, key: ResourceKey) -> Resource | None:
        """Return the resource with this key, also one with a made-up id; None if there is none."""
        return self.parts[key[0]].resources.get(key[1]) if len(key) == 2 and key[0] in self.parts else None

    def __iter__(self) -> Iterator[Resource]:
        """Yield all resources, kind by kind."""
        for part in self.parts.values():
            yield from part.resources.values()

    def __len__(self) -> int:
        return sum(len(part.resources) for part in self.parts.values())


def resources_of(
    kind: str, raws: Iterable[Any], reason_of: Callable[[Any], str], *, under: str = ""
) -> tuple[Resource, ...]:
    """Return the items of a list as resources; `reason_of(raw)` is why one is degraded, or empty."""
    resources: list[Resource] = []
    seen: set[str] = set()
    for position, raw in enumerate(raws, start=1):
        id = raw.get("id") if isinstance(raw, dict) else None
        reason = reason_of(raw)
        if not isinstance(id, str) or not id or id in seen:
            if isinstance(id, str) and id in seen:
                reason = "; ".join(filter(None, (f"the id {id} is there twice", reason)))
            id = f"{under}#{position}"
            resources.append(Resource(kind, id, raw, reason or "it has no id", made_up=True, parent_id=under))
            continue
        seen.add(id)
        resources.append(Resource(kind, id, raw, reason, parent_id=under))
    return tuple(resources)


def _by_order(entry: tuple[str, Resource]) -> float:
    order = entry[1].get("order")
    return float(order) if isinstance(order, int) and abs(order) < 1 << 53 else float("inf")
