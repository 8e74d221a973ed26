"""Carries out the steps of a plan concurrently; it can stop anywhere and go on without repeating a step.

The state of a step is saved before its request is sent. When the outcome of a create is unknown (a lost response, the
program killed), the executor lists the resources before it sends the request again: one with the same slug, key or name
that did not exist before, and that no other step has created, is the one that the request created. Updates, detaches
and deletes read the resource anyway, so that sending them again changes nothing twice.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from drio_tui.api.backoff import SharedBackoff
from drio_tui.api.errors import ApiError, Conflict, DrioError, RateLimited, ServerError
from drio_tui.kinds import APP, INTEGRATION, KINDS, Kind
from drio_tui.plan.rejected_references import without_rejected
from drio_tui.plan.schedule import Schedule
from drio_tui.plan.state import PlanState, StepState, collection
from drio_tui.plan.steps import IDENTIFYING, Step, replace_refs, with_changes, without_references
from drio_tui.workspace.saving import journal as journals
from drio_tui.workspace.saving.merge import FieldChange, Object
from drio_tui.workspace.saving.save_result import (
    Deleted,
    Edit,
    Failed,
    Outcome,
    Refused,
    Saved,
    Unknown,
    problem,
    succeeded,
)
from drio_tui.workspace.saving.saver import Saver

PARALLEL = 6
"""How many steps run at the same time."""
LATE = 30.0
"""Seconds for which drio may still carry out a request whose connection was lost."""
_MAX_UNAVAILABLE = 3
"""How often a request is sent again that was answered with 503."""
_MAX_UNKNOWN = 3
"""After how many unknown outcomes in a row no further step is started."""

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
        self.app = app
        self.steps: list[Step] = [*steps]
        self.plan_state = state or PlanState()
        self.group = group or journals.new_id()
        self.running = False
        self.backoff = SharedBackoff(on_change)
        self.given_ids = dict(ids or {})
        """The ids of refs that the plan does not create."""
        self._ref_ids: dict[str, str] = {}
        if not app:  # created by this plan earlier
            made = [self.state(step).made for step in self.steps if (step.verb, step.kind) == ("create", APP.name)]
            self.app = next(filter(None, made), "")
        self._parallel = parallel or PARALLEL
        self._pause = pause
        self._on_change = on_change
        self._save = _SharedSave(save)
        self._known: dict[str, set[str]] = {}
        self._listing: dict[str, asyncio.Lock] = {}
        self._outcomes: dict[str, Outcome | None] = {}
        self._left_out: dict[str, dict[str, None]] = {}
        self._read: set[str] = set()
        self._schedule = Schedule((), self.state)
        self._stop_requested = False
        self._cancelled = False
        self._unknown_in_a_row = 0

    # -- state ------------------------------------------------------------------------------------

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
        return Result(step, self._outcomes.get(step.id), problem_text, tuple(self._left_out.get(step.id, ())))

    @property
    def results(self) -> list[Result | None]:
        """The results of all steps, in their order."""
        return [self.result(step) for step in self.steps]

    @property
    def done(self) -> bool:
        """Whether every step is done or skipped, by the user or because it depends on a skipped one."""
        return all(self._is_finished(step) for step in self.steps)

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
        """The number of finished steps and of all steps."""
        return sum(self._is_finished(step) for step in self.steps), len(self.steps)

    @property
    def ids(self) -> dict[str, str]:
        """The ids by ref: those of the created resources, and those given; empty for one that does not exist yet."""
        made = {step.ref: self.state(step).made for step in self.steps if step.verb == "create" and step.ref}
        return {**self.given_ids, **made}

    def _is_finished(self, step: Step) -> bool:
        return self.state(step).state in ("done", "skipped")

    def store_with(self, save: Callable[[], Awaitable[None]]) -> None:
        """Store the state with `save` from now on."""
        self._save = _SharedSave(save)

    def set_known(self, kind: str, parent: str, ids: Iterable[str]) -> None:
        """Set which resources exist in a collection, if they were listed just now."""
        key = collection(kind, parent)
        self.plan_state.known[key] = [*ids]
        self._known[key] = set(self.plan_state.known[key])

    # -- the user's decisions ---------------------------------------------------------------------

    def stop(self, *, cancel: bool = False) -> None:
        """Start no further step; the running ones are finished and recorded. With `cancel`, end their requests too."""
        self._stop_requested = True
        self._cancelled = self._cancelled or cancel
        self.backoff.give_up()
        if cancel:
            self.saver.stop(self.app)

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
        self._ref_ids = self.ids
        if self.running:
            self._schedule.replace(self.steps)
        self._on_change()

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
        self.running, self._stop_requested, self._cancelled, self._unknown_in_a_row = True, False, False, 0
        results: list[Result] = []

        async def report(step: Step) -> None:
            result = self.result(step)
            if result is None:
                return
            results.append(result)
            if on_result is not None:
                on_result(result)
            asks = on_failure is not None and result.outcome is not None and not result.ok and not self._stop_requested
            if asks and on_failure is not None and await on_failure(result) == "stop":
                self._stop_requested = True

        try:
            self._prepare()
            with self.backoff.active():
                await self._run(until, report)
            await self._save()
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
            if step.verb == "read" and state.state == "done" and step.id not in self._read:
                state.state = "todo"
        self._ref_ids = self.ids
        self._schedule = Schedule(self.steps, self.state)
        self._on_change()

    async def _run(self, until: str, report: Callable[[Step], Awaitable[None]]) -> None:
        running: dict[asyncio.Task[bool], Step] = {}
        try:
            while True:
                for step in self._schedule.take_skipped():
                    self._on_change()
                    await report(step)
                while not self._stop_requested and len(running) < self._parallel:
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
                        self._stop_requested = True
                    self._schedule.finished(step)
                    self._save.soon()
                    self._on_change()
                    await report(step)
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _run_step(self, step: Step) -> bool:
        """Carry out a step; return whether others may be started."""
        state = self.state(step)
        match step.verb:
            case "create":
                go_on = await self._create(step, state)
            case "read" | "run":
                go_on = await self._run_closure(step, state)
            case _:
                go_on = await self._change(step, state)
        outcome = self._outcomes.get(step.id)
        unknown = state.state == "failed" and _may_be_done(outcome)
        self._unknown_in_a_row = self._unknown_in_a_row + 1 if unknown else 0
        return go_on and self._unknown_in_a_row < _MAX_UNKNOWN

    def _fail(self, step: Step, why: str, outcome: Outcome | None = None, *, go_on: bool = True) -> bool:
        state = self.state(step)
        state.state, state.why = "failed", why or "It failed"
        self._outcomes[step.id] = outcome
        return go_on

    async def _begin(self, step: Step, state: StepState) -> None:
        """Store that a request is about to be sent."""
        state.state, state.mark, state.fields, state.why, state.at = "sent", step.mark, {}, "", time.time()
        await self._save()
        self._on_change()

    async def _run_closure(self, step: Step, state: StepState) -> bool:
        if step.run is None:
            return self._fail(step, "It cannot go on after a restart")
        state.state, state.mark = "sent", step.mark
        self._on_change()
        outcome = await step.run()
        if isinstance(outcome, str):
            return self._fail(step, outcome)
        if succeeded(outcome):
            self._read.add(step.id)
        return self._record(step, state, outcome)

    # -- creating ---------------------------------------------------------------------------------

    async def _create(self, step: Step, state: StepState) -> bool:
        kind = KINDS[step.kind]
        try:
            body, parent = replace_refs(step.body, self._ref_ids), replace_refs(step.parent, self._ref_ids)
        except KeyError as error:
            return self._fail(step, f"What it refers to is not there: {error.args[0]}")
        app = "" if kind is APP else self.app
        again = state.state == "sent"
        try:
            if again:  # an earlier request may have created it
                created = await self._find_created(kind, app, parent, state)
                if created is not None:
                    await self.saver.note_created(
                        kind, app, created, parent=parent, group=self.group, secret=step.secret
                    )
                    return self._created(step, state, created)
            if step.lost:
                state.maybe = False
                return self._fail(step, f"Its secret is not kept, so it has to be given again: {', '.join(step.lost)}")
            known = await self._known_ids(kind, app, parent)
        except DrioError as error:
            why = f"It is not known whether it was made. {error}" if again else str(error)
            listing = Refused(error) if isinstance(error, ApiError) else Failed(error)
            return self._fail(step, why, listing, go_on=isinstance(error, ApiError) and not again)
        state.sent_names = {name: body[name] for name in IDENTIFYING if isinstance(body.get(name), str)}
        state.maybe = True
        self._will_create(step, body)
        attempts_left = _MAX_UNAVAILABLE
        while True:
            await self._begin(step, state)
            if self._cancelled:
                state.maybe = again
                return self._fail(step, "You stopped it.")
            outcome = await self.saver.create(
                kind,
                app,
                body,
                parent=parent,
                idempotency_key=f"{self.group} {step.id}",
                group=self.group,
                known=known,
                secret=step.secret,
            )
            if succeeded(outcome) and isinstance(outcome, Saved | Unknown) and outcome.raw:
                return self._created(step, state, outcome.raw, outcome)
            late = again and isinstance(outcome, Refused) and isinstance(outcome.error, Conflict)
            unavailable = isinstance(outcome, Refused) and outcome.error.status == 503
            if (late or _may_be_done(outcome)) and not self._cancelled:
                try:
                    created = await self._find_created(kind, app, parent, state)
                except DrioError as error:
                    return self._fail(step, f"It is not known whether it was made. {error}", outcome)
                if created is not None:
                    await self.saver.note_created(
                        kind, app, created, parent=parent, group=self.group, secret=step.secret
                    )
                    return self._created(step, state, created, outcome)
            attempts_left -= 1
            if step.drops_rejected and isinstance(outcome, Refused) and outcome.fields:
                reduced = without_rejected(body, outcome.fields)
                if reduced is not None:
                    body = reduced[0]
                    self._left_out.setdefault(step.id, {}).update(dict.fromkeys(reduced[1]))
                    continue
            if not (unavailable and attempts_left) or self._stop_requested:
                break
        return self._record_create(step, state, outcome)

    def _record_create(self, step: Step, state: StepState, outcome: Outcome) -> bool:
        state.maybe = _may_be_done(outcome)
        if isinstance(outcome, Refused):
            state.fields = {field_error.path: field_error.message for field_error in outcome.fields}
            if isinstance(outcome.error, Conflict) and not state.fields and step.kind == APP.name:
                state.fields = {"slug": outcome.error.message or "It is taken."}
        return self._fail(step, problem(outcome), outcome, go_on=not _cannot_go_on(outcome))

    async def _find_created(self, kind: Kind[Any], app: str, parent: str, state: StepState) -> Object | None:
        """Find the resource that a request with an unknown outcome created; None if there is none.

        Raises `DrioError` if drio cannot be asked, or several match.
        """
        while True:
            listed = await self.saver.list_resources(kind, app, parent)
            if isinstance(listed, DrioError):
                raise listed
            known = {*state.known, *self.plan_state.known.get(collection(kind.name, parent), ()), *self.plan_state.made}
            matches = [
                raw for raw in listed if str(raw.get("id")) not in known and _matches_sent(raw, state.sent_names)
            ]
            if len(matches) == 1:
                return matches[0]
            if len(matches) > 1:
                message = f"{len(matches)} new ones go by that name. Delete those that are too many, then retry."
                raise DrioError(message, title="There are several")
            if not 0 <= time.time() - state.at < LATE or not self._pause:
                return None
            await asyncio.sleep(self._pause)
            state.at = 0.0

    async def _known_ids(self, kind: Kind[Any], app: str, parent: str) -> set[str]:
        """Return the ids in a collection, with those that the plan has created; they are listed once in each process.

        While the outcome of a create in it is unknown, the ids from before that request count. Raises `DrioError`.
        """
        key = collection(kind.name, parent)
        async with self._listing.setdefault(key, asyncio.Lock()):
            if key not in self._known:
                unknown = any(
                    state.maybe
                    for step in self.steps
                    if (step.verb, step.kind) == ("create", kind.name) and (state := self.state(step)).state != "done"
                )
                created = self.plan_state.made if kind.parent and kind.parent[1] == INTEGRATION.name else ()
                if not (unknown and key in self.plan_state.known):
                    if parent in created:
                        known = []  # drio creates an integration without operations
                    else:
                        listed = await self.saver.list_resources(kind, app, parent)
                        if isinstance(listed, DrioError):
                            raise listed
                        known = [id for raw in listed if (id := str(raw.get("id"))) not in self.plan_state.made]
                    self.plan_state.known[key] = known
                self._known[key] = {*self.plan_state.known[key], *self.plan_state.made}
            return self._known[key]

    def _created(self, step: Step, state: StepState, raw: Object, outcome: Outcome | None = None) -> bool:
        state.state, state.maybe, state.why, state.fields = "done", False, "", {}
        state.made = str(raw.get("id", ""))
        for known in self._known.values():
            known.add(state.made)
        if step.ref:
            self._ref_ids[step.ref] = state.made
        if step.kind == APP.name:
            self.app = state.made
        self._outcomes[step.id] = (
            outcome if outcome is not None and succeeded(outcome) else Saved(raw, group=self.group)
        )
        self._has_created(step)
        return True

    def _will_create(self, step: Step, body: Object) -> None:
        """A create is about to be sent; called before the state is saved."""

    def _has_created(self, step: Step) -> None:
        """A resource was created."""

    # -- updating and deleting --------------------------------------------------------------------

    async def _change(self, step: Step, state: StepState) -> bool:
        kind = KINDS[step.kind]
        try:
            id = self.app if kind is APP else replace_refs(step.ref, self._ref_ids)
            changes = tuple(replace(change, after=replace_refs(change.after, self._ref_ids)) for change in step.changes)
        except KeyError as error:
            if step.verb in ("delete", "detach"):
                return self._record(step, state, Deleted(step.ref, already=True))
            return self._fail(step, f"What it refers to is not there: {error.args[0]}")
        if step.lost and step.verb == "update":
            return self._fail(step, f"Its secret is not kept, so it has to be given again: {', '.join(step.lost)}")
        for attempts_left in reversed(range(_MAX_UNAVAILABLE)):
            await self._begin(step, state)
            if self._cancelled:
                return self._fail(step, "You stopped it.")
            outcome = await self._send_change(step, kind, id, changes)
            unavailable = isinstance(outcome, Refused) and outcome.error.status == 503
            if not (unavailable and attempts_left) or self._stop_requested:
                break
        return self._record(step, state, outcome)

    async def _send_change(self, step: Step, kind: Kind[Any], id: str, changes: tuple[FieldChange, ...]) -> Outcome:
        saver, app, group = self.saver, self.app, self.group
        match step.verb:
            case "delete":
                return await saver.delete(
                    kind, app, id, base=step.base, links=step.links, ignoring=step.ignoring, place=step.place,
                    group=group,
                )  # fmt: skip
            case "detach":
                return await saver.change(
                    kind, app, id, lambda raw: without_references(kind, raw, step.property_name, step.targets),
                    group=group,
                )  # fmt: skip
        base = step.base
        if base is None and step.again:
            current = await saver.read(kind, app, id)
            if isinstance(current, DrioError):
                return Refused(current) if isinstance(current, ApiError) else Failed(current)
            base = current
        if base is None:
            return await saver.change(
                kind, app, id, lambda raw: with_changes(raw, changes), group=group, secret=step.secret
            )
        edit = Edit(kind, app, id, base, with_changes(base, changes), step.again, step.secret)
        return await saver.save(edit, group=group)

    def _record(self, step: Step, state: StepState, outcome: Outcome) -> bool:
        if succeeded(outcome):
            state.state, state.why, state.fields = "done", "", {}
            self._outcomes[step.id] = outcome
            return True
        if isinstance(outcome, Refused):
            state.fields = {field_error.path: field_error.message for field_error in outcome.fields}
        return self._fail(step, problem(outcome), outcome, go_on=not _cannot_go_on(outcome))


class _SharedSave:
    """Saves the state; calls during a save share the next one, which has the changes of all of them."""

    def __init__(self, save: Callable[[], Awaitable[None]] | None) -> None:
        self._save = save
        self._running: asyncio.Task[None] | None = None
        self._next: asyncio.Task[None] | None = None

    async def __call__(self) -> None:
        """Wait until the state as it is now is saved."""
        if self._save is not None:
            await asyncio.shield(self._start(self._save))

    def soon(self) -> None:
        """Begin to save the state."""
        if self._save is not None:
            self._start(self._save)

    def _start(self, save: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        if self._next is None:
            self._next = asyncio.create_task(self._run(save, self._running))
        return self._next

    async def _run(self, save: Callable[[], Awaitable[None]], before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
        self._running, self._next = self._next, None
        await save()


def _may_be_done(outcome: Outcome | None) -> bool:
    """Return whether a request that did not succeed may have been carried out nevertheless."""
    return isinstance(outcome, Unknown) or (isinstance(outcome, Refused) and isinstance(outcome.error, ServerError))


def _cannot_go_on(outcome: Outcome) -> bool:
    """Return whether other requests would fail for the same reason."""
    return isinstance(outcome, Failed) or (isinstance(outcome, Refused) and isinstance(outcome.error, RateLimited))


def _matches_sent(raw: Object, sent: Mapping[str, str]) -> bool:
    """Return whether a resource has the slug that was sent, else the key, else the name: the first that both have."""
    for name in IDENTIFYING:
        if name in sent and isinstance(value := raw.get(name), str):
            return value.strip() == sent[name].strip()
    return False
