"""The order of the steps: which can be started, and which are skipped because of one that is not done."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterator, Sequence

from drio_tui.plan.state import StepState
from drio_tui.plan.steps import Step
from drio_tui.workspace.saving.created_lookup import IDENTIFYING


class Schedule:
    """Hands out the steps whose dependencies are done, in the order of the plan.

    Creates with the same slug, key or name in one collection are not handed out at the same time: the resource that one
    of them created could not be distinguished from that of the other.
    """

    def __init__(self, steps: Sequence[Step], state: Callable[[Step], StepState]) -> None:
        self._state = state
        self._started: set[str] = set()
        self._skipped: list[Step] = []
        self._build(steps)

    def _build(self, steps: Sequence[Step]) -> None:
        self._steps = [*steps]
        self._by_id = {step.id: step for step in self._steps}
        self._indexes = {step.id: index for index, step in enumerate(self._steps)}
        self._namesakes: dict[str, list[str]] = {step.id: [] for step in self._steps}
        self._dependents: dict[str, list[str]] = {step.id: [] for step in self._steps}
        self._waiting_for: dict[str, set[str]] = {}
        self._ready: list[int] = []
        self._offered: set[str] = set()
        last_of_name: dict[tuple[str, ...], str] = {}
        for step in self._steps:
            for name in _names(step):
                if (earlier := last_of_name.get(name)) is not None:
                    self._namesakes[step.id].append(earlier)
                last_of_name[name] = step.id
            before = (*step.after, *step.follows, *self._namesakes[step.id])
            needed = {id for id in before if id in self._by_id and id != step.id}
            for id in needed:
                self._dependents[id].append(step.id)
            self._waiting_for[step.id] = {id for id in needed if not self._is_final(self._by_id[id])}
        for step in self._steps:
            if not self._waiting_for[step.id]:
                self._offer(step)

    def replace(self, steps: Sequence[Step]) -> None:
        """Hand out these steps from now on, without those that were handed out and have not finished."""
        ids = {step.id for step in steps}
        self._skipped = [step for step in self._skipped if step.id in ids]
        self._build(steps)

    def next(self, until: str = "") -> Step | None:
        """Return the next step to start, of those up to the step `until`; None if there is none yet."""
        last = self._indexes.get(until, len(self._steps))
        if not self._ready or self._ready[0] > last:
            return None
        step = self._steps[heapq.heappop(self._ready)]
        self._started.add(step.id)
        return step

    def finished(self, step: Step) -> None:
        """A step that was handed out is done, failed or skipped."""
        self._started.discard(step.id)
        for released in [*self._released_by(step)]:
            self._offer(released)

    @property
    def has_skipped(self) -> bool:
        """Whether `take_skipped` would yield steps."""
        return bool(self._skipped)

    def take_skipped(self) -> Iterator[Step]:
        """Yield the steps that were skipped since the last call."""
        while self._skipped:
            yield self._skipped.pop(0)

    def _is_final(self, step: Step) -> bool:
        return step.id not in self._started and self._state(step).state in ("done", "failed", "skipped")

    def _offer(self, step: Step) -> None:
        """Put a step with finished dependencies among the ready ones, or skip it because one of them is not done."""
        queue = deque([step])
        while queue:
            offered = queue.popleft()
            if offered.id in self._offered or offered.id in self._started or self._is_final(offered):
                continue
            self._offered.add(offered.id)
            if (why := self._why_skipped(offered)) is None:
                heapq.heappush(self._ready, self._indexes[offered.id])
                continue
            state = self._state(offered)
            state.state, state.why = "skipped", why
            self._skipped.append(offered)
            queue += self._released_by(offered)

    def _why_skipped(self, step: Step) -> str | None:
        for id in step.after:
            if id in self._by_id and self._state(self._by_id[id]).state != "done":
                return f"It needs this first: {self._by_id[id].about}"
        for id in self._namesakes[step.id]:
            if self._state(self._by_id[id]).maybe:
                return f"It has the same name, and it is not known whether this was done: {self._by_id[id].about}"
        return None

    def _released_by(self, step: Step) -> Iterator[Step]:
        """Yield the steps that waited for this one last."""
        for id in self._dependents.get(step.id, ()):
            waiting = self._waiting_for[id]
            if step.id in waiting:
                waiting.remove(step.id)
                if not waiting:
                    yield self._by_id[id]


def _names(step: Step) -> Iterator[tuple[str, ...]]:
    """Yield keys that creates share if their resources could not be distinguished."""
    if step.verb == "create":
        for name in IDENTIFYING:
            value = step.body.get(name)
            if isinstance(value, str):
                yield step.kind, step.parent, name, value.strip()
