"""Running a chain one tool at a time, by the endpoint's rules, with results that can be edited in between."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from drio_tui.api.json_codec import Document
from drio_tui.tool_calls.chain import chain_arguments
from drio_tui.workspace.model.snapshot import Snapshot
from drio_tui.workspace.run.bound_tool import BoundTool, NotRunnable, bound_of, fits


@dataclass(frozen=True, slots=True)
class MappedArguments:
    """An argument and its source: the title of a tool, or the arguments of the first call."""

    name: str
    value: Any
    source: str


@dataclass(frozen=True, slots=True)
class Step:
    """The next tool: its `arguments`, the source of each, and the required ones that no source has (`absent`)."""

    bound: BoundTool
    arguments: Document
    taken: tuple[MappedArguments, ...]
    absent: tuple[str, ...]


@dataclass(slots=True)
class Chain:
    """A chain that is being run: breadth first, each tool once, as the endpoint runs it.

    `results` are `(title, result)`, the newest last; `first` the arguments of the first call.
    """

    snapshot: Snapshot
    first: Document
    results: list[tuple[str, Document]] = field(default_factory=list)
    waiting: deque[str] = field(default_factory=deque)
    seen: set[str] = field(default_factory=set)

    @classmethod
    def begin(cls, snapshot: Snapshot, bound: BoundTool, arguments: Document, result: Document) -> Chain:
        """Return the chain of a tool that has just been run."""
        chain = cls(snapshot, arguments)
        chain.done(bound, result)
        return chain

    def done(self, bound: BoundTool, result: Document) -> None:
        """Record that a tool of the chain was run with this result."""
        self.seen.add(bound.id)
        self.results.append((bound.title, result))
        self.waiting.extend(bound.next_ids)

    def edit(self, result: Document) -> None:
        """Replace the newest result."""
        self.results[-1] = (self.results[-1][0], result)

    def next_step(self) -> tuple[Step | None, list[str]]:
        """Return the next step (None at the end of the chain), and why tools before it cannot be run."""
        skip_reasons: list[str] = []
        while self.waiting:
            id = self.waiting[0]
            if id in self.seen:
                self.waiting.popleft()
                continue
            try:
                return self._step(bound_of(self.snapshot, id)), skip_reasons
            except NotRunnable as error:
                skip_reasons.append(error.message)
                self.skip()
        return None, skip_reasons

    def skip(self) -> None:
        """Leave out the next tool."""
        if self.waiting:
            self.seen.add(self.waiting.popleft())

    def _step(self, bound: BoundTool) -> Step:
        newest_first = [*reversed(self.results), ("the first call's arguments", self.first)]
        mapped = chain_arguments(bound.schema, [result for _, result in newest_first], fits)
        mapped_arguments = tuple(
            MappedArguments(name, value, newest_first[mapped.sources[name]][0])
            for name, value in mapped.arguments.items()
        )
        return Step(bound, mapped.arguments, mapped_arguments, tuple(mapped.absent))
