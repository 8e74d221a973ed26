"""What refers to what in an app, both ways, computed from the kinds' declared references."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from drio_tui.kinds import KINDS, Reference
from drio_tui.workspace.model.snapshot import Key, Snapshot

PROVIDER = Reference("providerId", "provider", "uses", "is used by")
"""An auth connection's provider; providers are no kind of their own since they cannot be edited."""


class Link(NamedTuple):
    """One reference: the resource `source` holds the id of `target` at `path`.

    `label` completes "source … target", `reverse` "target … source". `broken` says that the target's
    list was read and has no such id; while the list is missing nothing is said.
    """

    source: Key
    path: str
    target: Key
    label: str
    reverse: str
    broken: bool


class Links:
    """All references of a snapshot as it is now."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._out: dict[Key, list[Link]] = {}
        self._in: dict[Key, list[Link]] = {}
        for link in _links(snapshot):
            self._out.setdefault(link.source, []).append(link)
            self._in.setdefault(link.target, []).append(link)

    def uses(self, key: Key) -> list[Link]:
        """What the resource refers to, in the order of its members."""
        return self._out.get(key, [])

    def used_by(self, key: Key) -> list[Link]:
        """What refers to the resource."""
        return self._in.get(key, [])

    def broken(self) -> Iterator[Link]:
        """References to resources that are not there."""
        return (link for links in self._out.values() for link in links if link.broken)

    def chain(self, tool: Key) -> list[Link]:
        """The tools this tool hands its result to."""
        return [link for link in self.uses(tool) if link.path.startswith("nextToolIds")]

    def cycles(self) -> list[list[Key]]:
        """Groups of tools that hand their results round in a circle (a tool that names itself is one).

        Each group is a strongly connected component of the chain graph (Tarjan's algorithm, without
        recursion), its members in the order in which they stand in the app.
        """
        graph = {
            key: [link.target for link in self.chain(key) if not link.broken]
            for key in self._out
            if key[0] == "tool" and self.chain(key)
        }
        place = {key: number for number, key in enumerate(self._out)}
        groups = (group for group in _components(graph) if len(group) > 1 or group[0] in graph.get(group[0], ()))
        return [sorted(group, key=lambda key: place.get(key, -1)) for group in groups]


def _links(snapshot: Snapshot) -> Iterator[Link]:
    for resource in snapshot:
        if not isinstance(resource.raw, dict):
            continue
        kind = KINDS.get(resource.kind)
        references = kind.references if kind else ()
        if resource.kind == "auth":
            references = (*references, PROVIDER)
        for reference in references:
            known = snapshot.parts[reference.to]
            for path, id in reference.ids(resource.raw):
                broken = known.state == "ready" and snapshot.resource(reference.to, id) is None
                yield Link(resource.key, path, (reference.to, id), reference.label, reference.reverse, broken)


def _components(graph: dict[Key, list[Key]]) -> list[list[Key]]:
    index: dict[Key, int] = {}
    low: dict[Key, int] = {}
    stack: list[Key] = []
    on_stack: set[Key] = set()
    found: list[list[Key]] = []
    for root in graph:
        if root in index:
            continue
        work: list[tuple[Key, Iterator[Key]]] = [(root, iter(graph[root]))]
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
                    group: list[Key] = []
                    while not group or group[-1] != key:
                        group.append(stack.pop())
                        on_stack.discard(group[-1])
                    found.append(group)
    return found
