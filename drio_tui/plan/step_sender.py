"""Sends the requests of single steps, and records in their states how they ended.

The state of a step is saved before its request is sent. When the outcome of a create is unknown (a lost response, the
program killed), the created resource is looked up before it is sent again (`workspace/saving/created_lookup.py`).
Updates, detaches and deletes read the resource anyway, so that sending them again changes nothing twice.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from drio_tui.api.errors import ApiError, Conflict, DrioError, RateLimited, ServerError
from drio_tui.kinds import APP, INTEGRATION, KINDS, Kind
from drio_tui.plan.rejected_references import without_rejected
from drio_tui.plan.shared_save import SharedSave
from drio_tui.plan.state import PlanState, StepState, collection
from drio_tui.plan.steps import Step, replace_refs, with_changes, without_references
from drio_tui.workspace.saving.created_lookup import SentBody, find_created
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
from drio_tui.workspace.saving.without_secrets import fingerprints_of, without_paths

LATE = 30.0
"""Seconds for which drio may still carry out a request whose connection was lost."""
_MAX_UNAVAILABLE = 3
"""How often a request is sent again that was answered with 503."""


class StepSender:
    """Carries out single steps in one app, whose id is `app`: empty until a step has created it.

    `plan_state`, `group` and `pause` are those of the `Executor`. `save` is awaited before each request; `on_change` is
    called after each change of a state, `on_create` with a step and its body before a create is saved and sent, and
    `on_created` with a step whose resource was created.
    """

    def __init__(
        self,
        saver: Saver,
        app: str,
        plan_state: PlanState,
        group: str,
        *,
        pause: float,
        save: SharedSave,
        on_change: Callable[[], object],
        on_create: Callable[[Step, Object], object],
        on_created: Callable[[Step], object],
    ) -> None:
        self.saver, self.app, self.plan_state, self.group = saver, app, plan_state, group
        self.save = save
        self.steps: Sequence[Step] = ()
        """All steps of the plan."""
        self.ref_ids: dict[str, str] = {}
        """The ids by ref of the resources that steps refer to; empty for one that does not exist."""
        self.outcomes: dict[str, Outcome | None] = {}
        """The outcome of each step that was carried out in this process, by the step's id; None if nothing was sent."""
        self.left_out: dict[str, dict[str, None]] = {}
        """The labels of the references that drio rejected, by the step's id."""
        self.read: set[str] = set()
        """The ids of the steps that have read in this process."""
        self.stopped = False
        """Whether no request is sent a second time any more."""
        self.cancelled = False
        """Whether no request is sent any more."""
        self._pause, self._on_change, self._on_create, self._on_created = pause, on_change, on_create, on_created
        self._known: dict[str, set[str]] = {}
        self._listing: dict[str, asyncio.Lock] = {}

    def set_known(self, kind: str, parent: str, ids: Iterable[str]) -> None:
        """Set which resources exist in a collection, if they were listed just now."""
        key = collection(kind, parent)
        self.plan_state.known[key] = [*ids]
        self._known[key] = set(self.plan_state.known[key])

    async def send(self, step: Step, state: StepState) -> bool:
        """Carry out a step; return whether others may be started."""
        match step.verb:
            case "create":
                return await self._create(step, state)
            case "read" | "run":
                return await self._run_closure(step, state)
            case _:
                return await self._change(step, state)

    def is_unknown(self, step: Step, state: StepState) -> bool:
        """Return whether a step failed that may have been carried out nevertheless."""
        return state.state == "failed" and _may_be_done(self.outcomes.get(step.id))

    def _fail(self, step: Step, why: str, outcome: Outcome | None = None, *, go_on: bool = True) -> bool:
        state = self.plan_state.step(step.id)
        state.state, state.why = "failed", why or "It failed"
        self.outcomes[step.id] = outcome
        return go_on

    async def _begin(self, step: Step, state: StepState) -> None:
        """Store that a request is about to be sent."""
        state.state, state.mark, state.fields, state.why, state.at = "sent", step.mark, {}, "", time.time()
        await self.save()
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
            self.read.add(step.id)
        return self._record(step, state, outcome)

    # -- creating ---------------------------------------------------------------------------------

    async def _create(self, step: Step, state: StepState) -> bool:
        kind = KINDS[step.kind]
        try:
            body, parent = replace_refs(step.body, self.ref_ids), replace_refs(step.parent, self.ref_ids)
        except KeyError as error:
            return self._fail(step, f"What it refers to is not there: {error.args[0]}")
        app = "" if kind is APP else self.app
        again = state.state == "sent"
        try:
            if again:  # an earlier request may have created it
                created = await self._find_created(kind, app, parent, state)
                if created is not None:
                    return await self._found(step, state, kind, app, parent, created)
            if step.lost:
                state.maybe = False
                return self._fail(step, f"Its secret is not kept, so it has to be given again: {', '.join(step.lost)}")
            known = await self._known_ids(kind, app, parent)
        except DrioError as error:
            why = f"It is not known whether it was made. {error}" if again else str(error)
            listing = Refused(error) if isinstance(error, ApiError) else Failed(error)
            return self._fail(step, why, listing, go_on=isinstance(error, ApiError) and not again)
        state.sent = fingerprints_of(without_paths(body, step.secret))
        state.maybe = True
        self._on_create(step, body)
        attempts_left = _MAX_UNAVAILABLE
        while True:
            await self._begin(step, state)
            if self.cancelled:
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
            if (late or _may_be_done(outcome)) and not self.cancelled:
                try:
                    created = await self._find_created(kind, app, parent, state)
                except DrioError as error:
                    return self._fail(step, f"It is not known whether it was made. {error}", outcome)
                if created is not None:
                    return await self._found(step, state, kind, app, parent, created, outcome)
            attempts_left -= 1
            if step.drops_rejected and isinstance(outcome, Refused) and outcome.fields:
                reduced = without_rejected(body, outcome.fields)
                if reduced is not None:
                    body = reduced[0]
                    self.left_out.setdefault(step.id, {}).update(dict.fromkeys(reduced[1]))
                    continue
            if not (unavailable and attempts_left) or self.stopped:
                break
        return self._record_create(step, state, outcome)

    def _record_create(self, step: Step, state: StepState, outcome: Outcome) -> bool:
        state.maybe = _may_be_done(outcome)
        go_on = self._record_failure(step, state, outcome)
        error = outcome.error if isinstance(outcome, Refused) else None
        if isinstance(error, Conflict) and not state.fields and step.kind == APP.name:
            state.fields = {"slug": error.message or "It is taken."}
        return go_on

    async def _find_created(self, kind: Kind[Any], app: str, parent: str, state: StepState) -> Object | None:
        """Find the resource that a request with an unknown outcome created; None if there is none.

        Raises `DrioError` if drio cannot be asked, or it is not clear which one it is.
        """
        sent = SentBody.of_fingerprints(kind, state.sent)
        while True:
            listed = await self.saver.list_resources(kind, app, parent)
            if isinstance(listed, DrioError):
                raise listed
            known = {*state.known, *self.plan_state.known.get(collection(kind.name, parent), ()), *self.plan_state.made}
            lookup = find_created(listed, sent, known.__contains__)
            if lookup.raw is not None:
                return lookup.raw
            if lookup.candidates > 1:
                message = f"{lookup.candidates} new ones go by that name. Delete those that are too many, then retry."
                raise DrioError(message, title="There are several")
            if lookup.candidates:
                message = "A new one goes by that name, but is not as it was sent. Delete or rename it, then retry."
                raise DrioError(message, title="It may be another one")
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
                created = self.plan_state.made if kind.parent and kind.parent[1] == INTEGRATION.name else ()
                if not (self._is_create_unknown(kind) and key in self.plan_state.known):
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

    def _is_create_unknown(self, kind: Kind[Any]) -> bool:
        """Return whether it is not known whether a create of this kind was carried out."""
        states = [
            self.plan_state.step(step.id) for step in self.steps if (step.verb, step.kind) == ("create", kind.name)
        ]
        return any(state.maybe and state.state != "done" for state in states)

    async def _found(
        self, step: Step, state: StepState, kind: Kind[Any], app: str, parent: str, raw: Object,
        outcome: Outcome | None = None,
    ) -> bool:  # fmt: skip
        """Record that a create with an unknown outcome, or the one before `outcome`, has made the resource `raw`."""
        await self.saver.note_created(kind, app, raw, parent=parent, group=self.group, secret=step.secret)
        return self._created(step, state, raw, outcome)

    def _created(self, step: Step, state: StepState, raw: Object, outcome: Outcome | None = None) -> bool:
        state.state, state.maybe, state.why, state.fields = "done", False, "", {}
        state.made = str(raw.get("id", ""))
        for known in self._known.values():
            known.add(state.made)
        if step.ref:
            self.ref_ids[step.ref] = state.made
        if step.kind == APP.name:
            self.app = state.made
        self.outcomes[step.id] = outcome if outcome is not None and succeeded(outcome) else Saved(raw, group=self.group)
        self._on_created(step)
        return True

    # -- updating and deleting --------------------------------------------------------------------

    async def _change(self, step: Step, state: StepState) -> bool:
        kind = KINDS[step.kind]
        try:
            id = self.app if kind is APP else replace_refs(step.ref, self.ref_ids)
            changes = tuple(replace(change, after=replace_refs(change.after, self.ref_ids)) for change in step.changes)
        except KeyError as error:
            if step.verb in ("delete", "detach"):
                return self._record(step, state, Deleted(step.ref, already=True))
            return self._fail(step, f"What it refers to is not there: {error.args[0]}")
        if step.lost and step.verb == "update":
            return self._fail(step, f"Its secret is not kept, so it has to be given again: {', '.join(step.lost)}")
        for attempts_left in reversed(range(_MAX_UNAVAILABLE)):
            await self._begin(step, state)
            if self.cancelled:
                return self._fail(step, "You stopped it.")
            outcome = await self._send_change(step, kind, id, changes)
            unavailable = isinstance(outcome, Refused) and outcome.error.status == 503
            if not (unavailable and attempts_left) or self.stopped:
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
            self.outcomes[step.id] = outcome
            return True
        return self._record_failure(step, state, outcome)

    def _record_failure(self, step: Step, state: StepState, outcome: Outcome) -> bool:
        """Record why a request failed, also by property; return whether other steps can go on."""
        if isinstance(outcome, Refused):
            state.fields = {field_error.path: field_error.message for field_error in outcome.fields}
        return self._fail(step, problem(outcome), outcome, go_on=not _cannot_go_on(outcome))


def _may_be_done(outcome: Outcome | None) -> bool:
    """Return whether a request that did not succeed may have been carried out nevertheless."""
    return isinstance(outcome, Unknown) or (isinstance(outcome, Refused) and isinstance(outcome.error, ServerError))


def _cannot_go_on(outcome: Outcome) -> bool:
    """Return whether other requests would fail for the same reason."""
    return isinstance(outcome, Failed) or (isinstance(outcome, Refused) and isinstance(outcome.error, RateLimited))
