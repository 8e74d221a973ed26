"""Plans a document for an app and carries the plan out: what `plan`, `apply` and the program do with a document."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from drio_tui.api import json_codec
from drio_tui.api.client import DrioClient
from drio_tui.api.errors import DrioError, UsageError
from drio_tui.document_layout import WAS, entry_at, place
from drio_tui.kinds import APP
from drio_tui.manifest.compare import Change, Comparison, Options, compare
from drio_tui.manifest.document import Document
from drio_tui.manifest.form import DocumentForm, to_document
from drio_tui.manifest.lock import Base, Unfinished, known_app
from drio_tui.manifest.new_base import base_after, base_before
from drio_tui.manifest.secret import with_placeholders, with_values
from drio_tui.manifest.steps import needed_secrets, plan_steps
from drio_tui.manifest.validation import with_position
from drio_tui.plan.executor import PARALLEL, Executor, Result
from drio_tui.plan.state import PlanState
from drio_tui.plan.steps import Step
from drio_tui.storage.file_names import digest
from drio_tui.workspace.model.loader import load_app
from drio_tui.workspace.model.snapshot import Snapshot
from drio_tui.workspace.saving.history import new_id
from drio_tui.workspace.saving.merge import Object
from drio_tui.workspace.saving.saver import Saver

PULL, APPLY = "drio-tui pull", "drio-tui apply"


class NotApplicable(DrioError):
    """A plan has problems or conflicts, so that nothing was written."""

    title = "The plan cannot be applied"


@dataclass(frozen=True, slots=True)
class DocumentPlan:
    """A document (`desired`) compared with an app: `app` is its id, empty if it does not exist yet.

    `base` is what was applied to it last, None if that is not known.
    """

    desired: Object = field(repr=False)
    app: str
    snapshot: Snapshot
    form: DocumentForm
    comparison: Comparison
    options: Options = field(default_factory=Options)
    base: Base | None = None

    @property
    def slug(self) -> str:
        """The slug of the app in the document."""
        return slug_of(self.desired)

    @property
    def changes(self) -> tuple[Change, ...]:
        return self.comparison.changes

    def with_secrets(self, secrets: Mapping[str, str]) -> DocumentPlan:
        """Return the plan with the values of secrets by name."""
        changes = tuple(
            replace(
                change, entry=with_values(change.entry, secrets),
                fields=tuple(replace(item, after=with_values(item.after, secrets)) for item in change.fields),
            )
            for change in self.changes
        )  # fmt: skip
        comparison = replace(self.comparison, changes=changes)
        return replace(self, desired=with_values(self.desired, secrets), comparison=comparison)

    def located(self, document: Document) -> DocumentPlan:
        """Return the plan with the positions of its problems in the document."""
        problems = tuple(with_position(document, problem) for problem in self.comparison.problems)
        return replace(self, comparison=replace(self.comparison, problems=problems))

    def require_applicable(self, hint: str = "") -> None:
        """Raise `NotApplicable` if there are problems or conflicts; `hint` is what to do about conflicts."""
        if self.comparison.problems:
            text = "\n  ".join(self.comparison.problems)
            raise NotApplicable(text, hint="Nothing was written. Correct the document.")
        if self.comparison.conflicts:
            names = ", ".join(place(*change.name) for change in self.comparison.conflicts)
            raise NotApplicable(f"drio was changed since the last apply: {names}", hint=hint or conflict_hint())


def conflict_hint(pull: str = PULL, apply: str = APPLY) -> str:
    """Return what to do about conflicts; `pull` and `apply` are those commands for the document."""
    return (
        f"`{pull} --on-conflict drio` brings drio's values into the document; "
        f"`{apply} --on-conflict document` overwrites them in drio."
    )


def slug_of(desired: Object) -> str:
    """Return the slug of a document's app. Raises `UsageError` if it has none."""
    app = entry_at(desired, "app", "")
    slug = app.get("slug") if app else None
    if not isinstance(slug, str) or not slug:
        raise UsageError("the document does not name its app", hint="Set app.slug.")
    return slug


async def find_app_id(client: DrioClient, desired: Object, known: Callable[[], str] = str) -> str:
    """Return the id of the app of a document: that of `known()` if it exists, else of the app with the document's slug.

    Else of the app with the slug that it had (`was`); empty if there is none. `known` is called once the drio answered.
    """
    slug_of(desired)
    listing = await client.list(APP)
    return _app_among(listing.items, desired, known())


def _app_among(apps: Sequence[Object], desired: Object, known_id: str) -> str:
    """Return the id of the app of a document among all apps, as `find_app_id` does."""
    if known_id and any(raw.get("id") == known_id for raw in apps):
        return known_id
    for slug in (slug_of(desired), (entry_at(desired, "app", "") or {}).get(WAS)):
        ids = [str(raw["id"]) for raw in apps if slug and raw.get("slug") == slug and raw.get("id")]
        if len(ids) > 1:
            raise UsageError(f"several apps have the slug {slug}")
        if ids:
            return ids[0]
    return ""


async def read_snapshot(client: DrioClient, app: str) -> Snapshot:
    """Return an app as it is. A part that cannot be read is a failed part; see `form.require_complete`.

    The resources are not validated: a document holds what the API returned, and `Resource.reason` is not used.
    """
    snapshot = Snapshot(app)
    await load_app(client, app, snapshot.apply, validate=False)
    return snapshot


@dataclass(frozen=True, slots=True)
class AppRead:
    """The app of a document as it is, with what was applied to it last. The snapshot of no app has an empty id."""

    snapshot: Snapshot
    base: Base | None = None

    @property
    def app(self) -> str:
        """The id of the app, empty if it does not exist."""
        return self.snapshot.app_id


async def read_document_app(client: DrioClient, desired: Object, read_lock: Callable[[], Base | None]) -> AppRead:
    """Return the app of a document, as `find_app_id` finds it, and what `read_lock` returns.

    An app that is in the lock file is read while the apps are listed, which saves a round trip. `read_lock` blocks, and
    is called in a thread; it is called again if the first response tells that this is another sandbox.
    """
    slug_of(desired)
    listing_task = asyncio.create_task(client.list(APP))
    reading: asyncio.Task[Snapshot] | None = None
    try:
        server = client.transport.server_id
        base = await asyncio.to_thread(read_lock)
        expected = known_app(base, desired)
        if expected:
            reading = asyncio.create_task(read_snapshot(client, expected))
        listing = await listing_task
        if client.transport.server_id != server:
            base = await asyncio.to_thread(read_lock)
        app = _app_among(listing.items, desired, known_app(base, desired))
        if not app:
            return AppRead(Snapshot(""), base)
        if reading is not None and app == expected:
            return AppRead(await reading, base)
        return AppRead(await read_snapshot(client, app), base)
    finally:
        for task in (listing_task, reading):
            if task is not None and not task.done():
                task.cancel()
                await asyncio.wait([task])


async def plan_document(
    client: DrioClient,
    desired: Object,
    *,
    base: Base | None = None,
    options: Options | None = None,
    app: str | None = None,
) -> DocumentPlan:
    """Read the app of a document and return the plan; `app` is its id, empty if there is none, None if not known.

    Raises `IncompleteRead` and other `DrioError`s.
    """
    app = await find_app_id(client, desired) if app is None else app
    snapshot = await read_snapshot(client, app) if app else Snapshot("")
    return plan_for(desired, snapshot, base=base, options=options)


def plan_for(
    desired: Object,
    snapshot: Snapshot,
    form: DocumentForm | None = None,
    *,
    base: Base | None = None,
    options: Options | None = None,
) -> DocumentPlan:
    """Return the plan for an app that was read; `form` is its document form. Raises `IncompleteRead`."""
    options = options or Options()
    if form is None:
        form = to_document(snapshot) if snapshot.app_id else DocumentForm({})
    comparison = compare(desired, form, base=base, options=options)
    planned = plan_steps(comparison.changes, comparison.ids, snapshot, with_secrets=False)
    app = entry_at(desired, "app", "") or {}
    problems = [*comparison.problems, *planned.problems]
    notes = [*comparison.notes]
    if not snapshot.app_id:
        if not app.get("template"):
            problems.append("app: the app does not exist, and is created from a template: set app.template, e.g. blank")
        elif app["template"] != "blank":
            notes.append(
                f"The app is made from the template {app['template']}; what it brings is compared once the app exists."
            )
    comparison = replace(comparison, problems=tuple(problems), notes=tuple(notes))
    return DocumentPlan(desired, snapshot.app_id, snapshot, form, comparison, options, base)


@dataclass(frozen=True, slots=True)
class Applied:
    """How an apply ended. `app` is the id of the app, `results` are those of the steps, `base` is for the lock file.

    `group` is the undo group. `left` are the changes that a plan would still find, None if the app could not be read.
    """

    app: str
    results: tuple[Result, ...]
    group: str
    base: Base | None = None
    left: tuple[Change, ...] | None = None

    @property
    def failed(self) -> list[Result]:
        """The steps that failed or were skipped."""
        return [result for result in self.results if not result.ok]


class Applier:
    """Carries out the plan of a document; running it again, or planning again, goes on where it ended.

    `state` and `save` are how far a saved plan got; `save` is awaited before each request. `save_base` stores what the
    lock file has to say if the apply does not end, and is awaited before the first change of an existing app. Without a
    `group` an apply of the same document that did not end is gone on with: one undo takes all of it.
    `on_result` is called with each result, `on_steps` with the number of steps once it is known, `on_change` when a
    step begins or ends.
    """

    def __init__(
        self,
        saver: Saver,
        plan: DocumentPlan,
        *,
        parallel: int = PARALLEL,
        group: str = "",
        state: PlanState | None = None,
        save: Callable[[], Awaitable[None]] | None = None,
        save_base: Callable[[Base], Awaitable[None]] | None = None,
        on_result: Callable[[Result], object] = lambda _: None,
        on_steps: Callable[[int], object] = lambda _: None,
        on_change: Callable[[], object] = lambda: None,
        pause: float = 1.5,
    ) -> None:
        self.saver, self.plan = saver, plan
        document = digest(json_codec.dumps(with_placeholders(plan.desired)))
        stopped = plan.base.unfinished if plan.base is not None and plan.base.app == plan.app else None
        goes_on = stopped is not None and stopped.document == document
        self.group = group or (stopped.group if stopped is not None and goes_on else new_id())
        self._unfinished = Unfinished(self.group, document)
        self.state = state or PlanState()
        self.executor: Executor | None = None
        self._stopped = False
        self._options: dict[str, Any] = {
            "parallel": parallel, "group": self.group, "save": save, "on_change": on_change, "pause": pause,
        }  # fmt: skip
        self._on_result, self._on_steps, self._save_base = on_result, on_steps, save_base

    async def run(self) -> Applied:
        """Make the changes of the plan that are not made. After `stop`, another run goes on.

        Raises `NotApplicable` before anything of an existing app is written, and `DrioError`s.
        """
        try:
            return await self._run()
        finally:
            self._stopped = False

    async def _run(self) -> Applied:
        plan = self.plan
        plan.require_applicable()
        require_secrets(plan.changes)
        results: list[Result] = []
        sent: list[Change] = []
        app = plan.app
        if not app:
            results += await self._carry_out("", [change for change in plan.changes if change.kind == "app"], plan)
            app = self.executor.app if self.executor is not None else ""
            if not app or self._stopped or any(not result.ok for result in results):
                return Applied(app, tuple(results), self.group)
            sent += [change for change in plan.changes if change.kind == "app"]
            # the app may have what its template brings
            plan = await plan_document(self.saver.client, plan.desired, options=plan.options, app=app)
            try:
                plan.require_applicable()
            except NotApplicable as error:
                hint = "The app was created, and nothing else was written. Correct the document, and apply it again."
                raise NotApplicable(error.message, hint=hint) from None
        comparison = plan.comparison
        begun = await asyncio.to_thread(
            base_before, plan.changes, comparison.ids, plan.form, app, self.plan.base, plan.desired
        )
        if self._save_base is not None and plan.changes:
            await self._save_base(replace(begun, unfinished=self._unfinished))
        results += await self._carry_out(app, [*plan.changes], plan)
        done = {result.step.id for result in results if result.ok}
        sent += [change for change in plan.changes if _is_done(change, done)]
        try:
            form = await asyncio.to_thread(to_document, await read_snapshot(self.saver.client, app))
        except DrioError:
            return Applied(app, tuple(results), self.group)
        if any(not result.ok and _is_rename(result.step) for result in results):  # keys may be in between
            base = begun
        else:
            base = await asyncio.to_thread(base_after, plan.desired, form, begun, sent)
        if not all(result.ok for result in results):
            base = replace(base, unfinished=self._unfinished)
        options = replace(plan.options, write_secrets=())
        keys = replace(base, applied={}, order=(), secrets={}, begun=())  # which resource is which entry
        left = await asyncio.to_thread(compare, plan.desired, form, base=keys, options=options)
        return Applied(app, tuple(results), self.group, base, left.changes)

    def stop(self, *, cancel: bool = False) -> bool:
        """Start no further step; the running ones are finished.

        With `cancel`, end their requests too; return whether there were any.
        """
        self._stopped = True
        return self.executor is not None and self.executor.stop(cancel=cancel)

    async def _carry_out(self, app: str, changes: list[Change], plan: DocumentPlan) -> list[Result]:
        planned = await asyncio.to_thread(plan_steps, changes, plan.comparison.ids, plan.snapshot)
        if planned.problems:
            raise NotApplicable("\n  ".join(planned.problems))
        self.executor = Executor(self.saver, app, planned.steps, self.state, **self._options)
        self._on_steps(len(planned.steps))
        if not self._stopped:
            await self.executor.run(on_result=self._on_result)
        return [self.executor.result(step) or Result(step, None, "It was not started.") for step in self.executor.steps]


def require_secrets(changes: Iterable[Change]) -> None:
    """Raise `UsageError` if a change sends a secret whose value is not known."""
    if names := needed_secrets(changes):
        raise UsageError(
            f"these secrets have no value: {', '.join(names)}",
            hint="Set them in the environment, or in a dotenv file: --secrets FILE",
        )


def _is_rename(step: Step) -> bool:
    return any(change.path == ("key",) for change in step.changes)


def _is_done(change: Change, done: set[str]) -> bool:
    where = place(change.kind, change.key)
    return any(f"{verb}:{where}" in done for verb in ("create", "update", "delete", "chain"))
