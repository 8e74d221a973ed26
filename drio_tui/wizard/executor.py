"""Carries out the wizard's plan, one request after the other; it can stop anywhere and resume without repeating a step.

The draft is saved before and after each request. When the outcome of a request is unknown (a lost response, the program
killed), the executor lists the resources before it sends the request again: one with the same slug, key or name that
did not exist before is the one that the request created.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from typing import Any

from drio_tui.api.errors import ApiError, Conflict, DrioError, ServerError
from drio_tui.kinds import APP, KINDS, Kind
from drio_tui.wizard.draft import Draft, Object, StepState
from drio_tui.wizard.plan import Step, plan, resolve_refs
from drio_tui.wizard.template_parts import ids_by_ref, template_resources
from drio_tui.wizard.validation import app_body
from drio_tui.workspace.model.loader import read_app
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
"""Seconds for which drio may still carry out a request whose connection was lost."""

_IDENTIFYING = ("slug", "key", "name")


class Executor:
    """Carries out the plan of a draft.

    `save_draft` writes the draft, `on_change` is called after each change of a step. `pause` is the number of seconds
    after which a missing resource is looked up again if its request was sent less than `LATE` seconds ago.
    """

    def __init__(
        self,
        saver: Saver,
        draft: Draft,
        save_draft: Callable[[], Awaitable[None]],
        on_change: Callable[[], object] = lambda: None,
        *,
        pause: float = 1.5,
    ) -> None:
        self.saver = saver
        self.draft = draft
        self.app_snapshot: Snapshot | None = None
        self.steps: list[Step] = plan(draft)
        self._save_draft = save_draft
        self._on_change = on_change
        self._pause = pause
        self._stop_requested = False
        self.running = False

    # -- state ------------------------------------------------------------------------------------

    def state(self, step: Step) -> StepState:
        """Return the state of a step; a change whose body was edited after it was done is reset."""
        state = self.draft.step(step.id)
        if state.state == "done" and step.verb == "change" and state.mark != step.mark:
            state = self.draft.steps[step.id] = StepState()
        return state

    @property
    def done(self) -> bool:
        """Whether every step is done or skipped, by the user or because it depends on a skipped one."""
        return all(self._is_finished(step) for step in self.steps)

    @property
    def failed(self) -> list[Step]:
        """The steps that failed."""
        return [step for step in self.steps if self.state(step).state == "failed"]

    @property
    def counts(self) -> tuple[int, int]:
        """The number of finished steps and of all steps."""
        return sum(self._is_finished(step) for step in self.steps), len(self.steps)

    def _is_finished(self, step: Step) -> bool:
        return self.state(step).state in ("done", "skipped")

    # -- the user's decisions ---------------------------------------------------------------------

    def stop(self) -> None:
        """Send no further request; the current one is finished and recorded."""
        self._stop_requested = True

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

    def replan(self) -> None:
        """Derive the plan again after the answers were edited."""
        self.steps = plan(self.draft, self.app_snapshot, self.saver)
        self._on_change()

    # -- running ----------------------------------------------------------------------------------

    async def run(self, until: str = "") -> None:
        """Carry out the steps that are not done, failed ones included, in order, at most up to the step `until`.

        After a rejected request, the steps that do not depend on it are still carried out; it stops when drio cannot be
        reached.
        """
        if self.running:
            return
        self.running, self._stop_requested = True, False
        try:
            self._reset_failed()
            await self._run(until)
            await self._save_draft()
        finally:
            self.running = False
            self._on_change()

    def _reset_failed(self) -> None:
        for step in self.steps:
            state = self.state(step)
            if state.state == "failed" or (state.state == "skipped" and not state.own):
                state.state = "sent" if state.maybe else "todo"
                state.why = ""
        self._on_change()

    async def _run(self, until: str) -> None:
        index = 0
        while index < len(self.steps) and not self._stop_requested:
            step = self.steps[index]
            index += 1
            if step.id == "read" and self._is_finished(self.steps[0]) and self.app_snapshot is None:
                self.draft.step("read").state = "todo"  # each process reads the app's config once
            state = self.state(step)
            if state.state in ("done", "skipped"):
                continue
            if dependency := self._unfinished_dependency(step):
                state.state, state.why = "skipped", f"It needs this first: {dependency.about}"
                self._on_change()
                continue
            proceed = await self._run_step(step, state)
            await self._save_draft()
            self._on_change()
            if step.id == "read" and state.state == "done":
                self.steps = plan(self.draft, self.app_snapshot, self.saver)
                index = 0
            if not proceed or step.id == until:
                break

    def _unfinished_dependency(self, step: Step) -> Step | None:
        """Return a step that this one depends on and that is not done, or None."""
        required = {other.id: other for other in self.steps if other.id in step.after}
        return next((other for other in required.values() if self.state(other).state != "done"), None)

    async def _run_step(self, step: Step, state: StepState) -> bool:
        """Carry out a step; return whether to go on with others."""
        match step.verb:
            case "read":
                return await self._read(state)
            case "app":
                return await self._create(step, state, APP, app_body(self.draft), "")
            case "create":
                ids = ids_by_ref(self.draft)
                try:
                    body = resolve_refs(step, ids)
                except KeyError as error:
                    return _mark_failed(state, f"What it refers to is not there: {error.args[0]}")
                parent = ids.get(str(self._parent_ref(step)), "")
                return await self._create(step, state, KINDS[step.kind], body, parent)
            case "change":
                return await self._change(step, state)
            case _:
                return await self._delete(step, state)

    def _parent_ref(self, step: Step) -> Any:
        parent, added = KINDS[step.kind].parent, self.draft.added_resource(step.ref)
        return added.body.get(parent[0]) if parent and added else ""

    async def _read(self, state: StepState) -> bool:
        try:
            snapshot = await read_app(self.saver.client, self.draft.app)
        except DrioError as error:
            state.state, state.why = "failed", str(error)
            return False
        if self.draft.brought is None:
            self.draft.brought = template_resources(self.draft, snapshot)
        self.app_snapshot = snapshot
        state.state, state.why = "done", ""
        return True

    # -- creating ---------------------------------------------------------------------------------

    async def _create(self, step: Step, state: StepState, kind: Kind[Any], body: Object, parent: str) -> bool:
        app = "" if kind is APP else self.draft.app
        again = state.state == "sent"
        if again:  # an earlier request may have created it
            created = await self._find_created(kind, app, parent, state)
            if isinstance(created, DrioError):
                return _mark_failed(state, f"It is not known whether it was made. {created}", go_on=False)
            if created is not None:
                return self._mark_created(step, state, created)
        else:
            known = await self.saver.list_resources(kind, app, parent)
            if isinstance(known, DrioError):
                return _mark_failed(state, str(known), go_on=isinstance(known, ApiError))
            state.known = tuple(str(raw.get("id")) for raw in known)
        state.said = {name: body[name] for name in _IDENTIFYING if isinstance(body.get(name), str)}
        state.state, state.maybe, state.mark, state.fields, state.why = "sent", True, step.mark, {}, ""
        state.at = time.time()
        if kind is APP:
            self.draft.sent = body
        await self._save_draft()
        self._on_change()
        intent = f"{self.draft.id} {step.id}"
        outcome = await self.saver.create(
            kind, app, body, parent=parent, idempotency_key=intent, group=self.draft.group, known=state.known
        )
        late = isinstance(outcome, Refused) and isinstance(outcome.error, Conflict) and again
        server_error = isinstance(outcome, Refused) and isinstance(outcome.error, ServerError)
        if late or server_error or isinstance(outcome, Unknown):
            created = await self._find_created(kind, app, parent, state)
            if isinstance(created, dict):
                return self._mark_created(step, state, created)
        return self._record_create(step, state, kind, outcome)

    def _record_create(self, step: Step, state: StepState, kind: Kind[Any], outcome: CreateOutcome) -> bool:
        match outcome:
            case Saved(raw=raw):
                return self._mark_created(step, state, raw)
            case Unknown(error=error):
                return _mark_failed(state, problem(outcome) or str(error), go_on=False)
            case Refused(error=ServerError() as error):  # it may have been carried out nevertheless
                return _mark_failed(state, str(error), go_on=False)
            case Refused(error=error):
                state.maybe = False
                state.fields = {field_error.path: field_error.message for field_error in error.field_errors}
                if isinstance(error, Conflict) and not state.fields and kind is APP:
                    state.fields = {"slug": error.message or "It is taken."}
                return _mark_failed(state, str(error))
            case Failed(error=error):
                state.maybe = False
                return _mark_failed(state, str(error), go_on=False)

    async def _find_created(
        self, kind: Kind[Any], app: str, parent: str, state: StepState
    ) -> Object | DrioError | None:
        """Find the resource that a request with an unknown outcome created; None if there is none."""
        while True:
            listed = await self.saver.list_resources(kind, app, parent)
            if isinstance(listed, DrioError):
                return listed
            matches = [raw for raw in listed if _matches_sent(raw, state.said, state.known)]
            if len(matches) == 1:
                return matches[0]
            if len(matches) > 1:
                message = f"{len(matches)} new ones go by that name. Delete those that are too many, then retry."
                return DrioError(message, title="There are several")
            if not 0 <= time.time() - state.at < LATE or not self._pause:
                return None
            await asyncio.sleep(self._pause)
            state.at = 0.0

    def _mark_created(self, step: Step, state: StepState, raw: Object) -> bool:
        state.state, state.maybe, state.why, state.fields = "done", False, "", {}
        state.made = str(raw.get("id", ""))
        if step.verb == "app":
            self.draft.app = state.made
        return True

    # -- updating and deleting --------------------------------------------------------------------

    async def _change(self, step: Step, state: StepState) -> bool:
        ids = ids_by_ref(self.draft)
        kind = KINDS[step.kind]
        id = self.draft.app if kind is APP else ids.get(step.ref, "")
        try:
            changes = resolve_refs(step, ids)
        except KeyError as error:
            return _mark_failed(state, f"What it refers to is not there: {error.args[0]}")
        state.state, state.mark = "sent", step.mark
        await self._save_draft()
        self._on_change()
        outcome = await self.saver.change(
            kind, self.draft.app, id, lambda current: _patched(current, changes), group=self.draft.group
        )
        return _record_outcome(state, outcome)

    async def _delete(self, step: Step, state: StepState) -> bool:
        if step.run is None:  # it does not exist in the app any more
            state.state = "done"
            return True
        state.state = "sent"
        await self._save_draft()
        self._on_change()
        return _record_outcome(state, await step.run())


def _patched(current: Object, changes: Object) -> Object:
    """Return the resource with the changes applied; objects are merged one level deep, as drio's PATCH does."""
    merged = dict(current)
    for name, value in changes.items():
        old = merged.get(name)
        merged[name] = {**old, **value} if isinstance(value, dict) and isinstance(old, dict) else value
    return merged


def _record_outcome(state: StepState, outcome: Outcome) -> bool:
    if succeeded(outcome):
        state.state, state.why, state.fields = "done", "", {}
        return True
    if isinstance(outcome, Refused):
        state.fields = {field_error.path: field_error.message for field_error in outcome.fields}
    return _mark_failed(state, problem(outcome), go_on=not isinstance(outcome, Failed | Unknown))


def _mark_failed(state: StepState, why: str, *, go_on: bool = True) -> bool:
    state.state, state.why = "failed", why
    return go_on


def _matches_sent(raw: Object, sent: Object, known: Collection[str]) -> bool:
    if str(raw.get("id")) in known:
        return False
    for name in _IDENTIFYING:
        if name in sent:
            value = raw.get(name)
            return isinstance(value, str) and value.strip() == sent[name].strip()
    return False
