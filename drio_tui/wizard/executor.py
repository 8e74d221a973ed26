"""Carries out a plan, one request after the other; it can stop anywhere and go on without doing a step twice.

What is about to be sent is written down before it is, and what came of it after. A request whose outcome is not
known (an answer lost, the program killed) is not sent again before the app was looked at: a new resource of the same
key, slug or name that was not there before is the one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from typing import Any

from drio_tui.api.errors import ApiError, Conflict, DrioError, ServerError
from drio_tui.kinds import APP, KINDS, Kind
from drio_tui.wizard.draft import Draft, Object, StepState
from drio_tui.wizard.plan import Step, filled_in, plan
from drio_tui.wizard.template_parts import brought_by, ids_of
from drio_tui.wizard.validation import app_body
from drio_tui.workspace.model.loader import load_app
from drio_tui.workspace.model.snapshot import Snapshot
from drio_tui.workspace.saving.save_result import (
    CreateOutcome,
    Failed,
    Outcome,
    Refused,
    Saved,
    Unknown,
    problem,
    succeeded,
)
from drio_tui.workspace.saving.saver import Saver

LATE = 30.0
"""Seconds within which a request whose sender died may still be carried out."""

_NAMES = ("slug", "key", "name")


class Executor:
    """Carries out the plan of a draft. `keep` writes the draft down, `tell` hears of every change of a step.

    `pause` are the seconds after which a resource that is not there is looked for once more, when its request was
    sent only just now.
    """

    def __init__(
        self,
        saver: Saver,
        draft: Draft,
        keep: Callable[[], Awaitable[None]],
        tell: Callable[[], object] = lambda: None,
        *,
        pause: float = 1.5,
    ) -> None:
        self.saver = saver
        self.draft = draft
        self.real: Snapshot | None = None
        self.steps: list[Step] = plan(draft)
        self._keep = keep
        self._tell = tell
        self._pause = pause
        self._stop = False
        self.running = False

    # -- how it is --------------------------------------------------------------------------------

    def state(self, step: Step) -> StepState:
        """How far a step got; one that was changed after it was done is to be done again."""
        found = self.draft.step(step.id)
        if found.state == "done" and step.verb == "change" and found.mark != step.mark:
            found = self.draft.steps[step.id] = StepState()
        return found

    @property
    def done(self) -> bool:
        """Whether nothing is left: everything is done, or skipped by the person (with what needed it)."""
        return all(self._settled(step) for step in self.steps)

    @property
    def failed(self) -> list[Step]:
        """The steps that failed."""
        return [step for step in self.steps if self.state(step).state == "failed"]

    @property
    def counts(self) -> tuple[int, int]:
        """How many steps are behind us, and how many there are."""
        return sum(self._settled(step) for step in self.steps), len(self.steps)

    def _settled(self, step: Step) -> bool:
        return self.state(step).state in ("done", "skipped")

    # -- what a person decides --------------------------------------------------------------------

    def stop(self) -> None:
        """Begin no further request; the one under way is finished and noted."""
        self._stop = True

    def skip(self, step: Step) -> None:
        """Leave a step out. What needs it is left out, too."""
        state = self.state(step)
        if state.state not in ("done", "sent"):
            state.state, state.own, state.why = "skipped", True, "You skipped it."
        self._tell()

    def unskip(self, step: Step) -> None:
        """Want it after all."""
        state = self.state(step)
        if state.state == "skipped":
            state.state, state.own, state.why = "todo", False, ""
        self._tell()

    def replan(self) -> None:
        """Make the plan anew after the answers were edited."""
        self.steps = plan(self.draft, self.real, self.saver)
        self._tell()

    # -- running ----------------------------------------------------------------------------------

    async def run(self, until: str = "") -> None:
        """Do what is not done, failed steps included, in order; ends at the step named `until`, once that is done.

        Goes on after a refusal with what does not need that step; ends where drio cannot be reached.
        """
        if self.running:
            return
        self.running, self._stop = True, False
        try:
            self._begin_again()
            await self._run(until)
            await self._keep()
        finally:
            self.running = False
            self._tell()

    def _begin_again(self) -> None:
        for step in self.steps:
            state = self.state(step)
            if state.state == "failed" or (state.state == "skipped" and not state.own):
                state.state = "sent" if state.maybe else "todo"
                state.why = ""
        self._tell()

    async def _run(self, until: str) -> None:
        place = 0
        while place < len(self.steps) and not self._stop:
            step = self.steps[place]
            place += 1
            if step.id == "read" and self._settled(self.steps[0]) and self.real is None:
                self.draft.step("read").state = "todo"  # what is there is read again by each new program
            state = self.state(step)
            if state.state in ("done", "skipped"):
                continue
            if lacking := self._lacking(step):
                state.state, state.why = "skipped", f"It needs this first: {lacking.about}"
                self._tell()
                continue
            go_on = await self._do(step, state)
            await self._keep()
            self._tell()
            if step.id == "read" and state.state == "done":
                self.steps = plan(self.draft, self.real, self.saver)
                place = 0
            if not go_on or step.id == until:
                break

    def _lacking(self, step: Step) -> Step | None:
        """What the step needs and does not have."""
        needed = {one.id: one for one in self.steps if one.id in step.after}
        return next((one for one in needed.values() if self.state(one).state != "done"), None)

    async def _do(self, step: Step, state: StepState) -> bool:
        """One step; whether it makes sense to go on with others."""
        match step.verb:
            case "read":
                return await self._read(state)
            case "app":
                return await self._create(step, state, APP, app_body(self.draft), "")
            case "create":
                names = ids_of(self.draft)
                try:
                    body = filled_in(step, names)
                except KeyError as error:
                    return _failed(state, f"What it refers to is not there: {error.args[0]}")
                parent = names.get(str(self._parent_ref(step)), "")
                return await self._create(step, state, KINDS[step.kind], body, parent)
            case "change":
                return await self._change(step, state)
            case _:
                return await self._delete(step, state)

    def _parent_ref(self, step: Step) -> Any:
        parent, added = KINDS[step.kind].parent, self.draft.one_added(step.ref)
        return added.body.get(parent[0]) if parent and added else ""

    async def _read(self, state: StepState) -> bool:
        found = Snapshot(self.draft.app)
        await load_app(self.saver.client, self.draft.app, found.apply)
        failure = next((error for part in found.parts.values() for error in part.failures.values()), None)
        if failure is not None:
            state.state, state.why = "failed", str(failure)
            return False
        if self.draft.brought is None:
            self.draft.brought = brought_by(self.draft, found)
        self.real = found
        state.state, state.why = "done", ""
        return True

    # -- making -----------------------------------------------------------------------------------

    async def _create(self, step: Step, state: StepState, kind: Kind[Any], body: Object, parent: str) -> bool:
        app = "" if kind is APP else self.draft.app
        again = state.state == "sent"
        if again:  # it may be there already
            there = await self._look(kind, app, parent, state)
            if isinstance(there, DrioError):
                return _failed(state, f"It is not known whether it was made. {there}", go_on=False)
            if there is not None:
                return self._made(step, state, there)
        else:
            known = await self.saver.listed(kind, app, parent)
            if isinstance(known, DrioError):
                return _failed(state, str(known), go_on=isinstance(known, ApiError))
            state.known = tuple(str(raw.get("id")) for raw in known)
        state.said = {name: body[name] for name in _NAMES if isinstance(body.get(name), str)}
        state.state, state.maybe, state.mark, state.fields, state.why = "sent", True, step.mark, {}, ""
        state.at = time.time()
        if kind is APP:
            self.draft.sent = body
        await self._keep()
        self._tell()
        intent = f"{self.draft.id} {step.id}"
        outcome = await self.saver.create(
            kind, app, body, parent=parent, intent=intent, group=self.draft.group, known=state.known
        )
        late = isinstance(outcome, Refused) and isinstance(outcome.error, Conflict) and again
        broke = isinstance(outcome, Refused) and isinstance(outcome.error, ServerError)
        if late or broke or isinstance(outcome, Unknown):
            there = await self._look(kind, app, parent, state)
            if isinstance(there, dict):
                return self._made(step, state, there)
        return self._ended(step, state, kind, outcome)

    def _ended(self, step: Step, state: StepState, kind: Kind[Any], outcome: CreateOutcome) -> bool:
        match outcome:
            case Saved(raw=raw):
                return self._made(step, state, raw)
            case Unknown(error=error):
                return _failed(state, problem(outcome) or str(error), go_on=False)
            case Refused(error=ServerError() as error):  # it may have been carried out all the same
                return _failed(state, str(error), go_on=False)
            case Refused(error=error):
                state.maybe = False
                state.fields = {one.path: one.message for one in error.field_errors}
                if isinstance(error, Conflict) and not state.fields and kind is APP:
                    state.fields = {"slug": error.message or "It is taken."}
                return _failed(state, str(error))
            case Failed(error=error):
                state.maybe = False
                return _failed(state, str(error), go_on=False)

    async def _look(self, kind: Kind[Any], app: str, parent: str, state: StepState) -> Object | DrioError | None:
        """The resource that was made though no answer came; None when there is none."""
        while True:
            listed = await self.saver.listed(kind, app, parent)
            if isinstance(listed, DrioError):
                return listed
            found = [raw for raw in listed if _is_it(raw, state.said, state.known)]
            if len(found) == 1:
                return found[0]
            if len(found) > 1:
                return DrioError(f"{len(found)} new ones go by that name. Delete those that are too many, then retry.",
                                 title="There are several")  # fmt: skip
            if not 0 <= time.time() - state.at < LATE or not self._pause:
                return None
            await asyncio.sleep(self._pause)
            state.at = 0.0

    def _made(self, step: Step, state: StepState, raw: Object) -> bool:
        state.state, state.maybe, state.why, state.fields = "done", False, "", {}
        state.made = str(raw.get("id", ""))
        if step.verb == "app":
            self.draft.app = state.made
        return True

    # -- changing and deleting --------------------------------------------------------------------

    async def _change(self, step: Step, state: StepState) -> bool:
        names = ids_of(self.draft)
        kind = KINDS[step.kind]
        id = self.draft.app if kind is APP else names.get(step.ref, "")
        try:
            wanted = filled_in(step, names)
        except KeyError as error:
            return _failed(state, f"What it refers to is not there: {error.args[0]}")
        state.state, state.mark = "sent", step.mark
        await self._keep()
        self._tell()
        outcome = await self.saver.change(
            kind, self.draft.app, id, lambda now: _merged(now, wanted), group=self.draft.group
        )
        return _settle(state, outcome)

    async def _delete(self, step: Step, state: StepState) -> bool:
        if step.run is None:  # it is not in the app any more
            state.state = "done"
            return True
        state.state = "sent"
        await self._keep()
        self._tell()
        return _settle(state, await step.run())


def _merged(now: Object, wanted: Object) -> Object:
    """The resource as it is with what is wanted of it; objects are merged one level, as a PATCH does."""
    found = dict(now)
    for name, value in wanted.items():
        there = found.get(name)
        found[name] = {**there, **value} if isinstance(value, dict) and isinstance(there, dict) else value
    return found


def _settle(state: StepState, outcome: Outcome) -> bool:
    if succeeded(outcome):
        state.state, state.why, state.fields = "done", "", {}
        return True
    if isinstance(outcome, Refused):
        state.fields = {one.path: one.message for one in outcome.fields}
    return _failed(state, problem(outcome), go_on=not isinstance(outcome, Failed | Unknown))


def _failed(state: StepState, why: str, *, go_on: bool = True) -> bool:
    state.state, state.why = "failed", why
    return go_on


def _is_it(raw: Object, said: Object, known: Collection[str]) -> bool:
    if str(raw.get("id")) in known:
        return False
    for name in _NAMES:
        if name in said:
            given = raw.get(name)
            return isinstance(given, str) and given.strip() == said[name].strip()
    return False
