"""The graph of tools that hand their results on: what may be added, and how it looks as text."""

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
    """One line of the drawing. `branch` is the lines before the name; `tool` an id.

    `mark`: `again` when what follows it is drawn further up, `circle` when the chain comes back to a tool
    it came from, `missing` when there is no such tool.
    """

    branch: str
    tool: str
    mark: Mark = ""
    start: bool = False


class Chains:
    """Which tool hands its result to which. `names` gives each tool's name, not yet safe to show."""

    def __init__(self, names: Mapping[str, str], next: Mapping[str, Sequence[str]]) -> None:
        self.names = dict(names)
        self.next: dict[str, tuple[str, ...]] = {
            tool: tuple(dict.fromkeys(targets)) for tool, targets in next.items() if targets
        }

    @classmethod
    def of(cls, snapshot: Snapshot) -> Chains:
        """The chains of an app as they are."""
        tools = [resource for resource in snapshot.resources("tool") if not resource.made_up]
        return cls({tool.id: tool.name for tool in tools}, {tool.id: ids(tool.get("nextToolIds")) for tool in tools})

    def with_next(self, tool: str, targets: Iterable[str], name: str = "") -> Chains:
        """The same with other successors of one tool."""
        names = self.names if tool in self.names else {**self.names, tool: name or tool}
        return Chains(names, {**self.next, tool: tuple(targets)})

    def name(self, tool: str) -> str:
        """A tool's name, its id when there is none."""
        return self.names.get(tool, tool)

    def way(self, source: str, target: str) -> list[str]:
        """The shortest way from one tool to another along the chain, both included; empty when there is none."""
        came: dict[str, str] = {}
        waiting = deque([source])
        seen = {source}
        while waiting:
            here = waiting.popleft()
            if here == target:
                way = [here]
                while way[-1] != source:
                    way.append(came[way[-1]])
                return way[::-1]
            for after in self.next.get(here, ()):
                if after not in seen:
                    seen.add(after)
                    came[after] = here
                    waiting.append(after)
        return []

    def refusal(self, source: str, target: str) -> str:
        """Why `source` may not hand its result to `target`, as a sentence; empty when it may."""
        if source == target:
            return f"{self.name(source)} cannot hand its result to itself."
        if target not in self.names:
            return f"There is no tool {target}."
        if target in self.next.get(source, ()):
            return f"{self.name(source)} hands its result to {self.name(target)} already."
        way = self.way(target, source)
        if way:
            circle = " → ".join(self.name(tool) for tool in (source, *_short(way)))
            return f"It would run in a circle: {circle}."
        return ""

    def circle(self, tool: str) -> list[str]:
        """A way from a tool back to itself, as ids; empty when there is none."""
        for after in self.next.get(tool, ()):
            way = self.way(after, tool)
            if way:
                return [tool, *way]
        return []

    def starts(self) -> list[str]:
        """The tools that begin a chain: they hand on, and nobody hands to them. One of each circle counts too."""
        fed = {target for targets in self.next.values() for target in targets}
        found = [tool for tool in self._order() if self.next.get(tool) and tool not in fed]
        seen = self._reach(found)
        for tool in self._order():
            if self.next.get(tool) and tool not in seen:
                found.append(tool)
                seen |= self._reach([tool])
        return found

    def alone(self) -> list[str]:
        """The tools that are in no chain."""
        fed = {target for targets in self.next.values() for target in targets}
        return [tool for tool in self.names if tool not in fed and not self.next.get(tool)]

    def drawing(self) -> list[Line]:
        """Every chain as lines, from where it starts; a tool reached twice is followed the first time."""
        lines: list[Line] = []
        drawn: set[str] = set()
        for start in self.starts():
            for line in self._draw(start, drawn):
                if len(lines) >= MOST_LINES:
                    return lines
                lines.append(line)
        return lines

    def _draw(self, start: str, drawn: set[str]) -> Iterator[Line]:
        # (tool, branch of its own line, branch of what hangs below it, the tools on the way to it)
        waiting: list[tuple[str, str, str, tuple[str, ...]]] = [(start, "", "", ())]
        while waiting:
            tool, branch, below, way = waiting.pop()
            mark: Mark = ""
            if tool not in self.names:
                mark = "missing"
            elif tool in way:
                mark = "circle"
            elif tool in drawn and self.next.get(tool):
                mark = "again"
            yield Line(branch, tool, mark, start=not way)
            if mark:
                continue
            drawn.add(tool)
            targets = self.next.get(tool, ())
            for number in range(len(targets) - 1, -1, -1):
                last = number == len(targets) - 1
                waiting.append(
                    (
                        targets[number],
                        f"{below}{'└─▶ ' if last else '├─▶ '}",
                        f"{below}{'    ' if last else '│   '}",
                        (*way, tool)[-200:],
                    )
                )

    def _order(self) -> list[str]:
        return list(dict.fromkeys((*self.names, *self.next)))

    def _reach(self, starts: Iterable[str]) -> set[str]:
        seen: set[str] = set()
        waiting = list(starts)
        while waiting:
            tool = waiting.pop()
            if tool not in seen:
                seen.add(tool)
                waiting.extend(self.next.get(tool, ()))
        return seen


def ids(value: object) -> tuple[str, ...]:
    """The ids in a member that should be a list of them."""
    return tuple(one for one in value if isinstance(one, str)) if isinstance(value, list) else ()


def _short(way: list[str]) -> list[str]:
    return way if len(way) <= 6 else [*way[:4], "…", way[-1]]
