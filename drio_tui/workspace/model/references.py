"""References between the resources of an app, in both directions, computed from `Kind.references`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from drio_tui.kinds import KINDS, Reference
from drio_tui.workspace.model.snapshot import ResourceKey, Snapshot

PROVIDER = Reference("providerId", "provider", "uses", "is used by")
"""The provider of an auth connection. It is not in `Kind.references`: providers cannot be edited and are no `Kind`."""


class Link(NamedTuple):
    """One reference: the resource `source` holds the id of `target` at `path`.

    `label` completes "source … target", `reverse` "target … source". `broken` is true if the list of the target's
    kind was read and has no such id, and false while that list is missing.
    """

    source: ResourceKey
    path: str
    target: ResourceKey
    label: str
    reverse: str
    broken: bool


class Links:
    """All references of a snapshot at the time of construction."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._out: dict[ResourceKey, list[Link]] = {}
        self._in: dict[ResourceKey, list[Link]] = {}
        for link in _links(snapshot):
            self._out.setdefault(link.source, []).append(link)
            self._in.setdefault(link.target, []).append(link)

    def uses(self, key: ResourceKey) -> list[Link]:
        """Return the references of the resource, in the order of `Kind.references`."""
        return self._out.get(key, [])

    def used_by(self, key: ResourceKey) -> list[Link]:
        """Return the references to the resource."""
        return self._in.get(key, [])

    def broken(self) -> Iterator[Link]:
        """Return the references to resources that do not exist."""
        return (link for links in self._out.values() for link in links if link.broken)

    def chain(self, tool: ResourceKey) -> list[Link]:
        """Return the references to the tools that get this tool's result."""
        return [link for link in self.uses(tool) if link.path.startswith("nextToolIds")]

    def cycles(self) -> list[list[ResourceKey]]:
        """Return the groups of tools whose chains form a cycle (also a single tool that refers to itself).

        Each group is a strongly connected component of the chain graph, its tools in the order of the app.
        """
        graph = {
            key: [link.target for link in self.chain(key) if not link.broken]
            for key in self._out
            if key[0] == "tool" and self.chain(key)
        }
        position = {key: number for number, key in enumerate(self._out)}
        groups = (group for group in _components(graph) if len(group) > 1 or group[0] in graph.get(group[0], ()))
        return [sorted(group, key=lambda key: position.get(key, -1)) for group in groups]


def broken_links(snapshot: Snapshot) -> Iterator[Link]:
    """Yield the references to resources that do not exist; faster than `Links`."""
    return _links(snapshot, only_broken=True)


def _links(snapshot: Snapshot, *, only_broken: bool = False) -> Iterator[Link]:
    for resource in snapshot:
        if not isinstance(resource.raw, dict):
            continue
        kind = KINDS.get(resource.kind)
        references = kind.references if kind else ()
        if resource.kind == "auth":
            references = (*references, PROVIDER)
        for reference in references:
            target_part = snapshot.parts[reference.to]
            for path, id in reference.ids(resource.raw):
                broken = target_part.state == "ready" and snapshot.resource(reference.to, id) is None
                if broken or not only_broken:
                    yield Link(resource.key, path, (reference.to, id), reference.label, reference.reverse, broken)


def _components(graph: dict[ResourceKey, list[ResourceKey]]) -> list[list[ResourceKey]]:
    """Return the strongly connected components of a graph (Tarjan's algorithm, without recursion)."""
    index: dict[ResourceKey, int] = {}
    low: dict[ResourceKey, int] = {}
    stack: list[ResourceKey] = []
    on_stack: set[ResourceKey] = set()
    components: list[list[ResourceKey]] = []
    for root in graph:
        if root in index:
            continue
        work: list[tuple[ResourceKey, Iterator[ResourceKey]]] = [(root, iter(graph[root]))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while work:
            key, rest = work[-1]
            for target in rest:
                if target not in index:
                    index[target] = low[target] = len(index)
                    stack.append(target)
                    on_stack.add(target)
                    work.append((target, iter(graph.get(target, []))))
                    break
                if target in on_stack:
                    low[key] = min(low[key], index[target])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[key])
                if low[key] == index[key]:
                    group: list[ResourceKey] = []
                    while not group or group[-1] != key:
                        group.append(stack.pop())
                        on_stack.discard(group[-1])
                    components.append(group)
    return components
