"""Doing the same to many resources: one after the other, a result for each, and a retry of what failed alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from drio_tui.kinds import KINDS, Kind
from drio_tui.workspace.model.snapshot import Resource
from drio_tui.workspace.saving import journal as journals
from drio_tui.workspace.saving.save_result import (
    DeletedElsewhere,
    Edit,
    Failed,
    Outcome,
    SaveOutcome,
    problem,
    succeeded,
)
from drio_tui.workspace.saving.saver import Saver

Choice = Literal["continue", "stop"]


@dataclass(frozen=True, slots=True)
class Task:
    """One of many. `about` is what people read (not yet safe to show), `after` the places of those it needs done."""

    about: str
    run: Callable[[], Awaitable[Outcome]] = field(repr=False)
    after: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one task. `outcome` is None when it was not tried; `problem` says why it is not done."""

    task: Task
    outcome: Outcome | None
    problem: str = ""

    @property
    def ok(self) -> bool:
        """Whether it is done."""
        return self.outcome is not None and succeeded(self.outcome)


class Batch:
    """Tasks and what came of them so far. Running it again does only what is not done."""

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
        """Do what is not done, in order; gives the results of this run.

        After a failure `on_failure` says whether to go on (without it: yes). A task that needs one that is
        not done is passed over and says which.
        """
        self._stopped = False
        found: list[Result] = []
        for place, task in enumerate(self.tasks):
            if self._stopped:
                break
            if self._ok(place):
                continue
            waiting = next((needed for needed in task.after if not self._ok(needed)), None)
            if waiting is None:
                outcome = await task.run()
                result = Result(task, outcome, problem(outcome))
            else:
                result = Result(task, None, f"It needs this first: {self.tasks[waiting].about}")
            self.results[place] = result
            found.append(result)
            if on_result:
                on_result(result)
            if result.outcome is not None and not result.ok and on_failure and await on_failure(result) == "stop":
                break
        return found

    def after(self, result: Result) -> int:
        """How many of those behind this one are not done."""
        here = self.tasks.index(result.task)
        return sum(not self._ok(place) for place in range(here + 1, len(self.tasks)))

    def stop(self) -> None:
        """Begin no further task; the one under way is finished."""
        self._stopped = True

    @property
    def done(self) -> bool:
        """Whether everything is done."""
        return all(self._ok(place) for place in range(len(self.tasks)))

    @property
    def failed(self) -> list[Result]:
        """Those that were tried or passed over, and are not done."""
        return [result for result in self.results if result and not result.ok]

    @property
    def untried(self) -> list[Task]:
        """Those whose turn has not come."""
        return [task for task, result in zip(self.tasks, self.results, strict=True) if result is None]

    def _ok(self, place: int) -> bool:
        result = self.results[place]
        return result is not None and result.ok


def can_be_switched(kind: Kind[Any]) -> bool:
    """Whether resources of this kind can be enabled and disabled."""
    model = kind.patch_model
    return model is not None and "is_enabled" in model.model_fields


async def set_enabled(saver: Saver, kind: Kind[Any], app: str, id: str, on: bool, *, group: str = "") -> SaveOutcome:
    """Enable or disable a tool or an app, whatever else others change in it."""
    return await change(saver, kind, app, id, lambda now: {**now, "isEnabled": on}, group=group)


async def change(
    saver: Saver,
    kind: Kind[Any],
    app: str,
    id: str,
    to: Callable[[dict[str, Any]], dict[str, Any]],
    *,
    group: str = "",
) -> SaveOutcome:
    """Change a resource as it is now, not as it once was seen: `to` makes the wanted object from the present one."""
    now = await saver.now(kind, app, id)
    if now is None:
        return DeletedElsewhere(Edit(kind, app, id, {}, {}), {})
    if not isinstance(now, dict):
        return Failed(now)
    return await saver.save(Edit(kind, app, id, now, to(now)), group=group)


def enable_all(saver: Saver, app: str, resources: Sequence[Resource], on: bool) -> Batch:
    """Enable or disable many; one undo takes all of it back."""
    group = journals.new_id()
    word = "Enable" if on else "Disable"

    def task(resource: Resource) -> Task:
        kind = KINDS[resource.kind]
        return Task(f"{word} {resource.name}", lambda: set_enabled(saver, kind, app, resource.id, on, group=group))

    return Batch(task(resource) for resource in resources)
