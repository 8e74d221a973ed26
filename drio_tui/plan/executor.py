"""Carries out the steps of a plan concurrently; it can stop anywhere and go on without repeating a step.

`StepSender` (`step_sender.py`) sends the requests of each step.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from drio_tui.api.backoff import SharedBackoff
from drio_tui.kinds import APP
from drio_tui.plan.schedule import Schedule
from drio_tui.plan.shared_save import SharedSave
from drio_tui.plan.state import PlanState, StepState
from drio_tui.plan.step_sender import StepSender
from drio_tui.plan.steps import Step
from drio_tui.workspace.saving.history import new_id
from drio_tui.workspace.saving.merge import Object
from drio_tui.workspace.saving.save_result import Outcome
from drio_tui.workspace.saving.saver import Saver

PARALLEL = 6
"""How many steps run at the same time."""
_MAX_UNKNOWN = 3
"""After how many unknown outcomes in a row no further step is started."""
_COUNT_TO_TELL, _SECONDS_TO_TELL = 5, 3.0
"""How many steps have to have ended, and how long a run must take, before it is estimated how long it still takes."""

Choice = Literal["continue", "stop"]


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a step. `outcome` is None if nothing was sent; `problem` is why it is not done, else empty.

    `left_out` are the labels of the references that drio rejected, and that were left out.
    """

    step: Step
    outcome: Outcome | None
    problem: str = ""
    left_out: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the step is done."""
        return not self.problem


class Executor:
    """Carries out the steps of a plan in one app.

    `app` is its id, empty for a plan that creates it. `state` is how far the plan got earlier; `save` stores it, and
    is awaited before each request (calls at the same time share one save). `on_change` is called after each change of a
    step. `ids` are the ids of refs that the plan does not create; an empty one means that the resource does not exist.
    `group` is the undo group of the changes, and must be the same when a plan goes on. `parallel` is how many steps run
    at the same time, by default `PARALLEL`. `pause` is the number of seconds after which a missing resource is looked
    up again if its request was sent less than `LATE` seconds ago.
    """

    def __init__(
        self,
        saver: Saver,
        app: str,
        steps: tuple[Step, ...] | list[Step],
        state: PlanState | None = None,
        *,
        save: Callable[[], Awaitable[None]] | None = None,
        on_change: Callable[[], object] = lambda: None,
        ids: Mapping[str, str] | None = None,
        parallel: int = 0,
        group: str = "",
        pause: float = 1.5,
    ) -> None:
        self.saver = saver
        self.plan_state = state or PlanState()
        self.group = group or new_id()
        self._sender = StepSender(
            saver, app, self.plan_state, self.group, pause=pause, save=SharedSave(save), on_change=on_change,
            on_create=self._will_create, on_created=self._has_created,
        )  # fmt: skip
        self.steps: list[Step] = [*steps]
        self.running = False
        self.backoff = SharedBackoff(on_change)
        self.given_ids = dict(ids or {})
        """The ids of refs that the plan does not create."""
        if not app:  # created by this plan earlier
            made = [self.state(step).made for step in self.steps if (step.verb, step.kind) == ("create", APP.name)]
            self._sender.app = next(filter(None, made), "")
        self._parallel = parallel or PARALLEL
        self._on_change = on_change
        self._schedule = Schedule((), self.state)
        self._unknown_in_a_row = 0
        self._run_began = 0.0  # on the monotonic clock, later by the time in which the user was asked
        self._run_count = 0  # of the steps that have ended in this run

    # -- state ------------------------------------------------------------------------------------

    @property
    def app(self) -> str:
        """The id of the app; empty until the plan has created it."""
        return self._sender.app

    def state(self, step: Step) -> StepState:
        """Return the state of a step; an update whose body was edited after it was done is reset."""
        state = self.plan_state.step(step.id)
        if state.state == "done" and step.verb == "update" and state.mark != step.mark:
            state = self.plan_state.steps[step.id] = StepState()
        return state

    def result(self, step: Step) -> Result | None:
        """Return the result of a step; None while it has none."""
        state = self.state(step)
        if state.state in ("todo", "sent"):
            return None
        problem_text = "" if state.state == "done" else state.why
        return Result(
            step, self._sender.outcomes.get(step.id), problem_text, tuple(self._sender.left_out.get(step.id, ()))
        )

    @property
    def results(self) -> list[Result | None]:
        """The results of all steps, in their order."""
        return [self.result(step) for step in self.steps]

    @property
    def done(self) -> bool:
        """Whether every step is done or skipped, by the user or because it depends on a skipped one."""
        return all(self.state(step).state in ("done", "skipped") for step in self.steps)

    @property
    def complete(self) -> bool:
        """Whether every step is done, and none was skipped."""
        return all(self.state(step).state == "done" for step in self.steps)

    @property
    def failed(self) -> list[Result]:
        """The results of the steps that failed, or were skipped because of one that failed."""
        return [
            result
            for result in self.results
            if result is not None and not result.ok and not self.state(result.step).own
        ]

    @property
    def untried(self) -> list[Step]:
        """The steps that have no result yet."""
        return [step for step in self.steps if self.state(step).state in ("todo", "sent")]

    @property
    def left(self) -> int:
        """The number of steps that were not started."""
        return sum(self.state(step).state == "todo" for step in self.steps)

    @property
    def counts(self) -> tuple[int, int]:
        """The number of steps that are done and of all steps."""
        return sum(self.state(step).state == "done" for step in self.steps), len(self.steps)

    @property
    def ids(self) -> dict[str, str]:
        """The ids by ref: those of the created resources, and those given; empty for one that does not exist yet."""
        made = {step.ref: self.state(step).made for step in self.steps if step.verb == "create" and step.ref}
        return {**self.given_ids, **made}

    def store_with(self, save: Callable[[], Awaitable[None]]) -> None:
        """Store the state with `save` from now on."""
        self._sender.save = SharedSave(save)

    def set_known(self, kind: str, parent: str, ids: Iterable[str]) -> None:
        """Set which resources exist in a collection, if they were listed just now."""
        self._sender.set_known(kind, parent, ids)

    # -- the user's decisions ---------------------------------------------------------------------

    def stop(self, *, cancel: bool = False) -> bool:
        """Start no further step; the running ones are finished and recorded.

        With `cancel`, end their requests too; return whether there were any.
        """
        self._sender.stopped = True
        self._sender.cancelled = self._sender.cancelled or cancel
        self.backoff.give_up()
        return cancel and self.saver.stop(self.app)

    def skip(self, step: Step) -> None:
        """Skip a step, and with it those that depend on it."""
        state = self.state(step)
        if state.state not in ("done", "sent"):
            state.state, state.own, state.why = "skipped", True, "You skipped it."
        self._on_change()

    def unskip(self, step: Step) -> None:
        """Undo the skipping of a step."""
        state = self.state(step)
        if state.state == "skipped":
            state.state, state.own, state.why = "todo", False, ""
        self._on_change()

    def replace_steps(self, steps: list[Step] | tuple[Step, ...], ids: Mapping[str, str] | None = None) -> None:
        """Carry out these steps from now on, for a plan that was derived again; steps that are running stay."""
        self.steps = [*steps]
        if ids is not None:
            self.given_ids = dict(ids)
        self._sender.steps, self._sender.ref_ids = self.steps, self.ids
        if self.running:
            self._schedule.replace(self.steps)
        self._on_change()

    def seconds_left(self) -> float | None:
        """Estimate from this run how long it still takes; None if it is not running, or is too young to tell."""
        elapsed = time.monotonic() - self._run_began
        if not self.running or self._run_count < _COUNT_TO_TELL or elapsed < _SECONDS_TO_TELL:
            return None
        return elapsed / self._run_count * len(self.untried)

    # -- running ----------------------------------------------------------------------------------

    async def run(
        self,
        until: str = "",
        *,
        on_result: Callable[[Result], object] | None = None,
        on_failure: Callable[[Result], Awaitable[Choice]] | None = None,
    ) -> list[Result]:
        """Carry out the steps that are not done, failed ones included, at most up to the step `until`.

        Returns the results of this run, in the order in which they came; `on_result` is called with each. After a
        failure, `on_failure` decides whether further steps are started. Steps that need one which is not done are
        skipped; no further step is started when drio cannot be reached.
        """
        if self.running:
            return []
        self.running, self._unknown_in_a_row = True, 0
        self._run_began, self._run_count = time.monotonic(), 0
        self._sender.stopped = self._sender.cancelled = False
        results: list[Result] = []

        async def report(step: Step) -> None:
            result = self.result(step)
            if result is None:
                return
            results.append(result)
            self._run_count += 1
            if on_result is not None:
                on_result(result)
            asks = on_failure is not None and result.outcome is not None and not result.ok and not self._sender.stopped
            if asks and on_failure is not None:
                asked = time.monotonic()
                if await on_failure(result) == "stop":
                    self._sender.stopped = True
                self._run_began += time.monotonic() - asked

        try:
            self._prepare()
            with self.backoff.active():
                await self._run(until, report)
            await self._sender.save()
        finally:
            self.running = False
            self._on_change()
        return results

    def _prepare(self) -> None:
        """Reset what failed, and what each process does once."""
        for step in self.steps:
            state = self.state(step)
            if state.state == "failed" or (state.state == "skipped" and not state.own):
                state.state = "sent" if state.maybe else "todo"
                state.why = ""
            if step.verb == "read" and state.state == "done" and step.id not in self._sender.read:
                state.state = "todo"
        self._sender.steps, self._sender.ref_ids = self.steps, self.ids
        self._schedule = Schedule(self.steps, self.state)
        self._on_change()

    async def _run(self, until: str, report: Callable[[Step], Awaitable[None]]) -> None:
        running: dict[asyncio.Task[bool], Step] = {}
        try:
            while True:
                for step in self._schedule.take_skipped():
                    self._on_change()
                    await report(step)
                while not self._sender.stopped and len(running) < self._parallel:
                    next_step = self._schedule.next(until)
                    if next_step is None:
                        break
                    running[asyncio.create_task(self._run_step(next_step))] = next_step
                if running:
                    await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                elif not self._schedule.has_skipped:
                    break
                for task in [task for task in running if task.done()]:
                    step = running.pop(task)
                    if not task.result():
                        self._sender.stopped = True
                    self._schedule.finished(step)
                    self._sender.save.soon()
                    self._on_change()
                    await report(step)
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _run_step(self, step: Step) -> bool:
        """Carry out a step; return whether others may be started."""
        state = self.state(step)
        go_on = await self._sender.send(step, state)
        self._unknown_in_a_row = self._unknown_in_a_row + 1 if self._sender.is_unknown(step, state) else 0
        return go_on and self._unknown_in_a_row < _MAX_UNKNOWN

    def _will_create(self, step: Step, body: Object) -> None:
        """A create is about to be sent; called before the state is saved."""

    def _has_created(self, step: Step) -> None:
        """A resource was created."""
