"""The graph of tools that pass their results on: which links may be added, and the graph as text."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from drio_tui.workspace.model.snapshot import Snapshot

MOST_LINES = 600

Mark = Literal["", "again", "circle", "missing"]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the drawing. `branch` is the text before the name, `tool` an id.

    `mark`: `again` when the tool's successors are drawn further up, `cycle` when the chain returns to one of its
    earlier tools, `missing` when there is no such tool. `start` marks the first tool of a chain.
    """

    branch: str
    tool: str
    mark: Mark = ""
    start: bool = False


class Chains:
    """The tools that each tool passes its result to. `names` are the tools' names by id, not sanitized."""

    def __init__(self, names: Mapping[str, str], next: Mapping[str, Sequence[str]]) -> None:
        self.names = dict(names)
        self.next: dict[str, tuple[str, ...]] = {
            tool: tuple(dict.fromkeys(targets)) for tool, targets in next.items() if targets
        }
        self._leading: dict[str, set[str]] = {}

    @classmethod
    def of(cls, snapshot: Snapshot) -> Chains:
        """Return the chains of an app."""
        tools = [resource for resource in snapshot.resources("tool") if not resource.made_up]
        return cls({tool.id: tool.name for tool in tools}, {tool.id: ids(tool.get("nextToolIds")) for tool in tools})

    def with_next(self, tool: str, targets: Iterable[str], name: str = "") -> Chains:
        """Return a copy with other successors of one tool."""
        names = self.names if tool in self.names else {**self.names, tool: name or tool}
        return Chains(names, {**self.next, tool: tuple(targets)})

    def name(self, tool: str) -> str:
        """Return a tool's name, or its id if it has none."""
        return self.names.get(tool, tool)

    def path(self, source: str, target: str) -> list[str]:
        """Return the shortest path from one tool to another, both included; empty when there is none."""
        predecessor: dict[str, str] = {}
        queue = deque([source])
        seen = {source}
        while queue:
            current = queue.popleft()
            if current == target:
                path = [current]
                while path[-1] != source:
                    path.append(predecessor[path[-1]])
                return path[::-1]
            for successor in self.next.get(current, ()):
                if successor not in seen:
                    seen.add(successor)
                    predecessor[successor] = current
                    queue.append(successor)
        return []

    def why_not_linkable(self, source: str, target: str) -> str:
        """Return why `source` may not pass its result to `target`, as a sentence; empty when it may."""
        if source == target:
            return f"{self.name(source)} cannot hand its result to itself."
        if target not in self.names:
            return f"There is no tool {target}."
        if target in self.next.get(source, ()):
            return f"{self.name(source)} hands its result to {self.name(target)} already."
        if target in self._leading_to(source):
            path = self.path(target, source)
            cycle = " → ".join(self.name(tool) for tool in (source, *_abbreviated(path)))
            return f"It would run in a circle: {cycle}."
        return ""

    def cycle(self, tool: str) -> list[str]:
        """Return a path from a tool back to itself, as ids; empty when there is none."""
        for successor in self.next.get(tool, ()):
            path = self.path(successor, tool)
            if path:
                return [tool, *path]
        return []

    def starts(self) -> list[str]:
        """Return the tools that begin a chain: those without a predecessor, and one tool of each cycle."""
        targets_of_any = {target for targets in self.next.values() for target in targets}
        starts = [tool for tool in self._all_tools() if self.next.get(tool) and tool not in targets_of_any]
        seen = _reachable(starts, self.next)
        for tool in self._all_tools():
            if self.next.get(tool) and tool not in seen:
                starts.append(tool)
                seen |= _reachable([tool], self.next)
        return starts

    def isolated_tools(self) -> list[str]:
        """Return the tools that are in no chain."""
        targets_of_any = {target for targets in self.next.values() for target in targets}
        return [tool for tool in self.names if tool not in targets_of_any and not self.next.get(tool)]

    def drawing(self) -> list[Line]:
        """Draw every chain from its first tool; a tool that is reached twice is followed only the first time."""
        lines: list[Line] = []
        drawn: set[str] = set()
        for start in self.starts():
            for line in self._draw(start, drawn):
                if len(lines) >= MOST_LINES:
                    return lines
                lines.append(line)
        return lines

    def _draw(self, start: str, drawn: set[str]) -> Iterator[Line]:
        # (tool, branch of its line, branch of the lines below it, the tools on the path to it)
        stack: list[tuple[str, str, str, tuple[str, ...]]] = [(start, "", "", ())]
        while stack:
            tool, branch, child_branch, path = stack.pop()
            mark: Mark = ""
            if tool not in self.names:
                mark = "missing"
            elif tool in path:
                mark = "circle"
            elif tool in drawn and self.next.get(tool):
                mark = "again"
            yield Line(branch, tool, mark, start=not path)
            if mark:
                continue
            drawn.add(tool)
            targets = self.next.get(tool, ())
            for number in range(len(targets) - 1, -1, -1):
                is_last = number == len(targets) - 1
                stack.append(
                    (
                        targets[number],
                        f"{child_branch}{'└─▶ ' if is_last else '├─▶ '}",
                        f"{child_branch}{'    ' if is_last else '│   '}",
                        (*path, tool)[-200:],
                    )
                )

    def _all_tools(self) -> list[str]:
        return list(dict.fromkeys((*self.names, *self.next)))

    def _leading_to(self, tool: str) -> set[str]:
        """Return the tools whose results reach `tool`, and the tool itself."""
        if tool not in self._leading:
            sources: dict[str, list[str]] = {}
            for source, targets in self.next.items():
                for target in targets:
                    sources.setdefault(target, []).append(source)
            self._leading[tool] = _reachable([tool], sources)
        return self._leading[tool]


def _reachable(starts: Iterable[str], next: Mapping[str, Iterable[str]]) -> set[str]:
    """Return `starts` and all that follow them."""
    seen: set[str] = set()
    stack = list(starts)
    while stack:
        tool = stack.pop()
        if tool not in seen:
            seen.add(tool)
            stack.extend(next.get(tool, ()))
    return seen


def ids(value: object) -> tuple[str, ...]:
    """Return the ids in a property that should be a list of ids."""
    return tuple(id for id in value if isinstance(id, str)) if isinstance(value, list) else ()


def _abbreviated(path: list[str]) -> list[str]:
    return path if len(path) <= 6 else [*path[:4], "…", path[-1]]
