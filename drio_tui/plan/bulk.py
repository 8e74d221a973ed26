"""Batches: tasks that run one after the other, each with a result, and of which only the failed ones are retried."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from drio_tui.kinds import KINDS, Kind
from drio_tui.workspace.model.snapshot import Resource
from drio_tui.workspace.saving import journal as journals
from drio_tui.workspace.saving.save_result import (
    Outcome,
    SaveOutcome,
    problem,
    succeeded,
)
from drio_tui.workspace.saving.saver import Saver

Choice = Literal["continue", "stop"]


@dataclass(frozen=True, slots=True)
class Task:
    """One task of a batch. `label` is shown (not sanitized), `after` the indexes of the tasks it depends on."""

    label: str
    run: Callable[[], Awaitable[Outcome]] = field(repr=False)
    after: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one task. `outcome` is None if it was skipped; `problem` is why it is not done, else empty."""

    task: Task
    outcome: Outcome | None
    problem: str = ""

    @property
    def ok(self) -> bool:
        """Whether the task is done."""
        return self.outcome is not None and succeeded(self.outcome)


class Batch:
    """Tasks and their latest results. Running a batch again runs only the tasks that are not done."""

    def __init__(self, tasks: Iterable[Task]) -> None:
        self.tasks = tuple(tasks)
        self.results: list[Result | None] = [None] * len(self.tasks)
        self._stopped = False

    async def run(
        self,
        *,
        on_result: Callable[[Result], object] | None = None,
        on_failure: Callable[[Result], Awaitable[Choice]] | None = None,
    ) -> list[Result]:
        """Run the tasks that are not done, in order, and return their results.

        `on_failure` is awaited after a failed task and decides whether to continue; without it the batch continues. A
        task that depends on one that is not done is skipped, and its `problem` names that one.
        """
        self._stopped = False
        results: list[Result] = []
        for index, task in enumerate(self.tasks):
            if self._stopped:
                break
            if self._is_done(index):
                continue
            missing = next((needed for needed in task.after if not self._is_done(needed)), None)
            if missing is None:
                outcome = await task.run()
                result = Result(task, outcome, problem(outcome))
            else:
                result = Result(task, None, f"It needs this first: {self.tasks[missing].label}")
            self.results[index] = result
            results.append(result)
            if on_result:
                on_result(result)
            if result.outcome is not None and not result.ok and on_failure and await on_failure(result) == "stop":
                break
        return results

    def after(self, result: Result) -> int:
        """Return how many tasks after that of `result` are not done."""
        index = self.tasks.index(result.task)
        return sum(not self._is_done(later) for later in range(index + 1, len(self.tasks)))

    def stop(self) -> None:
        """Start no further task; the running one is finished."""
        self._stopped = True

    @property
    def done(self) -> bool:
        """Whether all tasks are done."""
        return all(self._is_done(index) for index in range(len(self.tasks)))

    @property
    def failed(self) -> list[Result]:
        """The results of the tasks that failed or were skipped."""
        return [result for result in self.results if result and not result.ok]

    @property
    def untried(self) -> list[Task]:
        """The tasks that have no result yet."""
        return [task for task, result in zip(self.tasks, self.results, strict=True) if result is None]

    def _is_done(self, index: int) -> bool:
        result = self.results[index]
        return result is not None and result.ok


def can_be_switched(kind: Kind[Any]) -> bool:
    """Return whether resources of this kind can be enabled and disabled."""
    model = kind.patch_model
    return model is not None and "is_enabled" in model.model_fields


def enable_all(saver: Saver, app: str, resources: Sequence[Resource], enabled: bool) -> Batch:
    """Return a batch that enables or disables resources; one undo reverts all of it."""
    group = journals.new_id()
    verb = "Enable" if enabled else "Disable"

    def task(resource: Resource) -> Task:
        def run() -> Awaitable[SaveOutcome]:
            to = {"isEnabled": enabled}
            return saver.change(KINDS[resource.kind], app, resource.id, lambda raw: {**raw, **to}, group=group)

        return Task(f"{verb} {resource.name}", run)

    return Batch(task(resource) for resource in resources)
