"""Going through a chain one tool at a time, by the rule the endpoint follows, with the results open to editing."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from drio_tui.tool_calls.chain import handed_on
from drio_tui.workspace.model.snapshot import Snapshot
from drio_tui.workspace.run.bound_tool import BoundTool, NotRunnable, bound_of, fits

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class MappedArguments:
    """An argument and where it came from: the title of a tool, or the arguments of the first call."""

    name: str
    value: Any
    source: str


@dataclass(frozen=True, slots=True)
class Step:
    """A tool that comes next: `arguments` found for it, where each was found, and the required ones that are not."""

    bound: BoundTool
    arguments: Document
    taken: tuple[MappedArguments, ...]
    absent: tuple[str, ...]


@dataclass(slots=True)
class Chain:
    """A chain under way: breadth first, each tool once, as the endpoint goes through it.

    `results` are `(title, result)`, the newest last; `first` the arguments of the first call.
    """

    snapshot: Snapshot
    first: Document
    results: list[tuple[str, Document]] = field(default_factory=list)
    waiting: deque[str] = field(default_factory=deque)
    seen: set[str] = field(default_factory=set)

    @classmethod
    def begin(cls, snapshot: Snapshot, bound: BoundTool, arguments: Document, result: Document) -> Chain:
        """The chain of a tool that has just been run."""
        chain = cls(snapshot, arguments)
        chain.done(bound, result)
        return chain

    def done(self, bound: BoundTool, result: Document) -> None:
        """A tool of the chain was run with this result."""
        self.seen.add(bound.id)
        self.results.append((bound.title, result))
        self.waiting.extend(bound.next_ids)

    def edit(self, result: Document) -> None:
        """Put another result in the newest one's place."""
        self.results[-1] = (self.results[-1][0], result)

    def peek(self) -> tuple[Step | None, list[str]]:
        """The next step, and why tools that stand before it cannot be run; None at the end of the chain."""
        passed: list[str] = []
        while self.waiting:
            id = self.waiting[0]
            if id in self.seen:
                self.waiting.popleft()
                continue
            try:
                return self._step(bound_of(self.snapshot, id)), passed
            except NotRunnable as error:
                passed.append(error.message)
                self.skip()
        return None, passed

    def skip(self) -> None:
        """Leave out the tool that would come next."""
        if self.waiting:
            self.seen.add(self.waiting.popleft())

    def _step(self, bound: BoundTool) -> Step:
        newest_first = [*reversed(self.results), ("the first call's arguments", self.first)]
        given = handed_on(bound.schema, [result for _, result in newest_first], fits)
        taken = tuple(
            MappedArguments(name, value, newest_first[given.sources[name]][0])
            for name, value in given.arguments.items()
        )
        return Step(bound, given.arguments, taken, tuple(given.absent))
