"""Saving changes without overwriting those of others: read again, merge, send what changed, record it in the journal.

The API documents no ETag, so each write is preceded by a read. A change by others between that read and the write is
not detected, but a PATCH sends only changed properties, so that others' changes to other properties are kept even then.
Within one `Saver` writes to the same resource are serialized.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Coroutine, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from drio_tui.api.client import DrioClient
from drio_tui.api.errors import ApiError, Conflict, DrioError, NotFound, PreconditionFailed
from drio_tui.api.resource_type import Item
from drio_tui.kinds import Kind
from drio_tui.schema.fields import MISSING
from drio_tui.workspace.saving.creating import Creator, NewResource, digest_of
from drio_tui.workspace.saving.deploying import Deploys
from drio_tui.workspace.saving.history import Entry, new_entry, new_id
from drio_tui.workspace.saving.journal import Journal
from drio_tui.workspace.saving.merge import FieldChange, Merge, Object, diff, value_at
from drio_tui.workspace.saving.reconcile import (
    dotted_paths,
    loggable_before_response,
    merge_edit,
    pick,
    read_back_of,
    remote_changes_since,
)
from drio_tui.workspace.saving.recorded_requests import RecordedRequests, refused_or_failed
from drio_tui.workspace.saving.save_requests import Write, comparable, requests_for
from drio_tui.workspace.saving.save_result import (
    ChangedMeanwhile,
    Conflicted,
    CreateOutcome,
    Deleted,
    DeletedElsewhere,
    DeleteOutcome,
    Edit,
    Failed,
    ReadBack,
    Refused,
    Saved,
    SaveOutcome,
    Unknown,
)
from drio_tui.workspace.saving.single_flight import SingleFlight
from drio_tui.workspace.saving.without_secrets import without_paths, without_secrets

if TYPE_CHECKING:
    from drio_tui.api.models import DeployResult

T = TypeVar("T")

_MAX_ATTEMPTS = 3
"""How often an edit is read, merged and sent if the resource changes in between (412, or 409)."""
PREVIEW_SECONDS = 3.0
"""How long the read of a preview counts as the read of the save that follows."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What saving an edit would do, for review; nothing was sent."""

    edit: Edit
    merge: Merge
    remote: Object
    read_at: float = field(default_factory=time.monotonic)
    """When `remote` was read, on the clock of `time.monotonic`."""

    @property
    def diff(self) -> tuple[FieldChange, ...]:
        """The changes that would be written."""
        return self.merge.local_changes


class Saver:
    """Writes to one drio. `journal_of` returns the journal of an app; without it there is no journal.

    Methods return an outcome and raise only `asyncio.CancelledError`. Cancelling the caller does not end a running
    write: it is completed and recorded in the journal (`single_flight.wait_idle` waits for it). To end it, call `stop`.
    """

    def __init__(self, client: DrioClient, journal_of: Callable[[str], Journal] | None = None) -> None:
        self.client = client
        self.single_flight = SingleFlight()
        self._requests = RecordedRequests(client, journal_of)
        self._deploys = Deploys(self._requests, self.single_flight)
        self._creator = Creator(
            self._requests, lambda edit, group, undoes: self._save(edit, lambda _: edit, None, group, undoes)
        )
        self.undo_failures: dict[str, str] = {}
        """Why changes could not be undone, by id of their entry; `undo_last` skips them."""

    def stop(self, app: str) -> bool:
        """Cancel the running request for a change of an app, and the rest of it; return whether there is one.

        A change that is still being read, or waits for a deploy, ends with `Failed`, and nothing is written. One that
        is being written is read back, as after a lost response, and ends with `Unknown`; a second `stop` cancels the
        reading. A deploy is not cancelled: during a deploy no change is being written.
        """
        cancelled = self._requests.before_write.cancel(app)
        return cancelled if self._deploys.is_running(app) else self._requests.running.cancel(app) or cancelled

    def stoppable(self, app: str) -> AbstractContextManager[None]:
        """Return the context of changes of an app that belong together: after `stop` no further one is sent."""
        return self._requests.running.change(app)

    def stop_deploy(self, app: str) -> bool:
        """Cancel the running deploy of an app, or the writes it waits for; return whether there was a request."""
        return self._requests.running.cancel(app)

    async def send(self, app: str, request: Coroutine[Any, Any, T], *, changes: bool) -> T:
        """Await a request about an app that is not recorded; `stop_deploy` cancels it. Raises `DrioError`."""
        return await self._requests.running.run(app, request, changes=changes)

    def journal(self, app: str) -> Journal | None:
        """Return the journal of an app, None if there is none.

        It is the same object each time, since it has in memory what could not be written to its file.
        """
        return self._requests.journal(app)

    # --- changing --------------------------------------------------------------------------------

    async def preview(self, edit: Edit) -> Preview | DeletedElsewhere | Failed | Refused:
        """Read the resource and merge the edit, without writing."""
        remote = await self._requests.read(edit.kind, edit.app, edit.id, self._requests.before_write)
        if remote is None:
            return DeletedElsewhere(edit, edit.local)
        if isinstance(remote, DrioError):
            return refused_or_failed(remote)
        return Preview(edit, merge_edit(edit, remote), remote)

    async def save(
        self, edit: Edit, *, preview: Preview | None = None, group: str = "", undoes: str = ""
    ) -> SaveOutcome:
        """Save the changes of an edit, merged with those that others made since `edit.base`.

        The resource is read first, unless `preview` was made less than `PREVIEW_SECONDS` ago.
        The binding and chain of a tool and the actions of a widget have separate routes, used after the PATCH.
        """
        digest = digest_of(edit.base, edit.local, [*edit.again])

        async def run() -> SaveOutcome:
            fresh = preview is not None and time.monotonic() - preview.read_at < PREVIEW_SECONDS
            return await self._save(edit, lambda _: edit, preview.remote if preview and fresh else None, group, undoes)

        return await self._run_exclusively("save", edit.kind, edit.app, edit.id, run, digest)

    async def change(
        self,
        kind: Kind[Any],
        app: str,
        id: str,
        to: Callable[[dict[str, Any]], dict[str, Any]],
        *,
        group: str = "",
        secret: tuple[str, ...] = (),
    ) -> SaveOutcome:
        """Read a resource and save what `to` returns for it; `to` must not modify its argument.

        `secret` is that of `Edit`.
        """

        async def run() -> SaveOutcome:
            deleted = Edit(kind, app, id, {}, {})
            return await self._save(deleted, lambda raw: Edit(kind, app, id, raw, to(raw), (), secret), None, group, "")

        return await self._run_exclusively("change", kind, app, id, run, new_id())

    async def _run_exclusively(
        self, method: str, kind: Kind[Any], app: str, id: str, run: Callable[[], Coroutine[Any, Any, T]], *key: str
    ) -> T:
        """Await `run` while nothing else is written to the resource, once for equal calls at the same time."""
        return await self.single_flight.run(
            (app, method, kind.name, id, *key), lambda: self.single_flight.exclusive((app, kind.name, id), run)
        )

    async def _save(
        self, edit: Edit, edit_for: Callable[[dict[str, Any]], Edit], remote: Object | None, group: str, undoes: str
    ) -> SaveOutcome:
        """Save what `edit_for` returns for the current resource: `remote`, or what is read if that is None."""
        if (stopped := await self._deploys.wait(edit.app)) is not None:
            return stopped
        group = group or new_id()
        for attempts_left in reversed(range(_MAX_ATTEMPTS)):
            current = await self._requests.read(edit.kind, edit.app, edit.id) if remote is None else remote
            remote = None
            if current is None:
                return DeletedElsewhere(edit, edit.local)
            if isinstance(current, DrioError):
                return refused_or_failed(current)
            edit = edit_for(dict(current))
            outcome = await self._write(edit, current, group, undoes)
            if (
                not attempts_left
                or not isinstance(outcome, Refused)
                or not await self._changed_since_read(edit, outcome)
            ):
                break
        return outcome

    async def _changed_since_read(self, edit: Edit, outcome: Refused) -> bool:
        """Return whether a write was rejected because the resource changed after it was read.

        A 412 means that. A 409 can also be another conflict, which a second attempt would not resolve.
        """
        if isinstance(outcome.error, PreconditionFailed):
            return True
        if not isinstance(outcome.error, Conflict) or outcome.fields or outcome.referrers or outcome.read is None:
            return False
        current = await self._requests.read(edit.kind, edit.app, edit.id)
        return isinstance(current, dict) and bool(
            diff(comparable(edit.kind, outcome.read), comparable(edit.kind, current))
        )

    async def _write(self, edit: Edit, remote: Object, group: str, undoes: str) -> SaveOutcome:
        """Merge an edit with the current resource, and send the requests that it takes.

        If the response to one was lost, but reading again shows that it was carried out, the others are sent.
        """
        merge = merge_edit(edit, remote)
        if merge.conflicts:
            return Conflicted(edit, merge, remote)
        before = comparable(edit.kind, remote)
        raw = remote
        written: list[FieldChange] = []
        request_ids: list[str] = []
        writes = [*requests_for(edit.kind, before, merge.merged, edit.again, remote, edit.local)]
        for write in writes:
            entry = _update_entry(edit, write, remote, merge.merged, group, undoes)
            item = await self._send(edit, write, entry, remote, merge.merged)
            if isinstance(item, DrioError):
                outcome = await self._outcome_of_error(
                    edit, write, entry, item, before, raw, merge.merged, tuple(written)
                )
                applied = outcome.raw if isinstance(outcome, Unknown) and outcome.read_back == "applied" else None
                if applied is None or write is writes[-1]:
                    return outcome
                raw = applied
            else:
                raw = item.raw
                if item.request_id:
                    request_ids.append(item.request_id)
            written += [change for change in merge.local_changes if change.path[0] in write.properties]
        return Saved(raw, tuple(written), merge.remote_changes, tuple(request_ids), group)

    async def _send(
        self, edit: Edit, write: Write, entry: Entry, remote: Object, wanted: Object
    ) -> Item[Any] | DrioError:
        """Send one request and record it in the journal."""
        kind = edit.kind
        try:
            item = await self._requests.write(entry, partial(write.send, self.client, kind, edit.app, edit.id))
        except DrioError as error:
            # A write with an unknown outcome stays `unknown` in the journal; an undo reads the resource.
            if not error.outcome_unknown:
                await self._requests.note_end(entry, "failed")
            return error
        public = without_paths(pick(comparable(kind, item.raw), write.properties), edit.secret)
        after, lost_paths = without_secrets(public)
        # What was sent and is missing in the response is write-only: it counts as a secret, whatever its name is.
        write_only = tuple(
            change.dotted
            for change in diff(pick(comparable(kind, remote), write.properties), pick(wanted, write.properties))
            if change.after is not MISSING and change.after is not None and value_at(item.raw, change.path) is MISSING
        )
        added = tuple(path for path in lost_paths if value_at(remote, path) is MISSING)
        lost = dict.fromkeys((*entry.lost, *dotted_paths(lost_paths), *write_only))
        await self._requests.note_end(replace(entry, after=after, lost=tuple(lost), added=added), "done")
        return item

    async def _outcome_of_error(
        self,
        edit: Edit,
        write: Write,
        entry: Entry,
        error: DrioError,
        before: Object,
        read: Object,
        wanted: Object,
        written: tuple[FieldChange, ...],
    ) -> SaveOutcome:
        """Return the outcome of a save with a failed request; the resource is read back if needed."""
        if error.outcome_unknown:
            current = await self._requests.read(edit.kind, edit.app, edit.id)
            read_back = read_back_of(edit.kind, write, before, wanted, current)
            await self._requests.note_read_back(entry, read_back, error)
            return Unknown(error, read_back, current if isinstance(current, dict) else None, written, entry.group)
        if isinstance(error, NotFound) and await self._requests.read(edit.kind, edit.app, edit.id) is None:
            return DeletedElsewhere(edit, edit.local)
        return Refused(error, written, read) if isinstance(error, ApiError) else Failed(error, written)

    # --- creating --------------------------------------------------------------------------------

    async def create(
        self,
        kind: Kind[Any],
        app: str,
        body: Object,
        *,
        parent: str = "",
        idempotency_key: str = "",
        group: str = "",
        undoes: str = "",
        known: Collection[str] | None = None,
        secret: tuple[str, ...] = (),
    ) -> CreateOutcome:
        """POST a new resource. `known` are the existing ids; they are read if not given.

        `secret` are the dotted paths of values in the body that are secrets whatever their names, and not recorded.

        `idempotency_key` is an idempotency key, such as the id of a form: calls with the same key create one resource.
        Without it the body is the key. After an unknown outcome the list is read: a new resource that matches the body
        is the created one (`applied`); if none has its key, slug or name, it was not created. A later call with the
        same key first looks for the resource of the previous attempt, and updates it to the new body.
        """
        new = NewResource(kind, app, body, parent, idempotency_key, group, undoes, known, secret)

        async def create() -> CreateOutcome:
            return await self._deploys.wait(app) or await self._creator.create(new)

        return await self.single_flight.run(new.key, create)

    async def note_created(
        self, kind: Kind[Any], app: str, raw: Object, *, parent: str = "", group: str = "", secret: tuple[str, ...] = ()
    ) -> None:
        """Record a resource that a create made whose outcome was unknown, and that the caller has found."""
        await self._creator.note_created(kind, app, raw, parent=parent, group=group, secret=secret)

    # --- deleting --------------------------------------------------------------------------------

    async def delete(
        self,
        kind: Kind[Any],
        app: str,
        id: str,
        *,
        base: Object | None = None,
        links: Sequence[tuple[str, str, str]] = (),
        ignoring: Collection[str] = (),
        place: int | None = None,
        group: str = "",
        undoes: str = "",
    ) -> DeleteOutcome:
        """DELETE a resource, after recording all of it in the journal.

        With `base`, the resource as shown to the user, it is not deleted if others changed it since. `ignoring` are the
        dotted paths of changes that do not matter. `links` are the single references to it that the server may clear:
        `(kind, id, property)`. `place` is its position in drio's lists, see `Entry`.
        """
        return await self._run_exclusively(
            "delete", kind, app, id,
            lambda: self._delete(kind, app, id, base, ignoring, tuple(links), place, group, undoes),
        )  # fmt: skip

    async def _delete(
        self,
        kind: Kind[Any],
        app: str,
        id: str,
        base: Object | None,
        ignoring: Collection[str],
        links: tuple[tuple[str, str, str], ...],
        place: int | None,
        group: str,
        undoes: str,
    ) -> DeleteOutcome:
        if (stopped := await self._deploys.wait(app)) is not None:
            return stopped
        current = await self._requests.read(kind, app, id)
        if current is None:
            return Deleted(kind.label(base or {"id": id}), already=True)
        if isinstance(current, DrioError):
            return refused_or_failed(current)
        if base is not None:
            changes = [change for change in remote_changes_since(kind, base, current) if change.dotted not in ignoring]
            if changes:
                return ChangedMeanwhile(tuple(changes), current)
        name = kind.label(current)
        before, lost_paths = without_secrets(current)
        lost = dotted_paths(lost_paths)
        group = group or new_id()
        parent = current.get(kind.parent[0]) if kind.parent else None
        if isinstance(current.get("secretRef"), str):
            lost = tuple(dict.fromkeys((*lost, "secretRef")))
        entry = new_entry(
            "delete", app, kind.name, id, name, group=group, before=before, lost=lost, links=links,
            place=place, parent=parent if isinstance(parent, str) else "", undoes=undoes,
        )  # fmt: skip
        try:
            request_id = await self._requests.write(entry, partial(self.client.delete, kind, id, app=app))
        except DrioError as error:
            if not error.outcome_unknown:
                await self._requests.note_end(entry, "failed")
                return Deleted(name, already=True) if isinstance(error, NotFound) else refused_or_failed(error)
            remaining = await self._requests.read(kind, app, id)
            raw = remaining if isinstance(remaining, dict) else None
            read_back: ReadBack = "applied" if remaining is None else "cannot tell" if raw is None else "not applied"
            await self._requests.note_read_back(entry, read_back, error)
            return Unknown(error, read_back, raw, group=group)
        await self._requests.note_end(entry, "done")
        return Deleted(name, request_id, group=group)

    # --- deploying -------------------------------------------------------------------------------

    async def deploy(
        self, app: str, look: Callable[[], Coroutine[Any, Any, None]] | None = None
    ) -> Item[DeployResult] | Refused | Failed | Unknown:
        """POST …/deploy after the running writes to the app have ended; one deploy at a time.

        `look` is awaited immediately before the request, and again after it unless it was rejected. What it reads is
        what is deployed, since later writes wait until the deploy has ended. If its first call raises a `DrioError`,
        nothing is deployed.
        """
        return await self.single_flight.run((app, "deploy"), lambda: self._deploys.deploy(app, look))

    # --- reading ---------------------------------------------------------------------------------

    async def read(self, kind: Kind[Any], app: str, id: str) -> Object | DrioError | None:
        """Return the current resource, None if it does not exist, or the error."""
        return await self._requests.read(kind, app, id)

    async def list_resources(self, kind: Kind[Any], app: str, parent: str = "") -> list[Object] | DrioError:
        """Return all current resources of a kind, or the error."""
        return await self._requests.list_resources(kind, app, parent)


def _update_entry(edit: Edit, write: Write, remote: Object, wanted: Object, group: str, undoes: str) -> Entry:
    """Return the journal entry of a write that was not sent yet."""
    kind = edit.kind
    sides = (pick(comparable(kind, remote), write.properties), pick(wanted, write.properties))
    (before, lost), (after, sent_lost) = (without_secrets(without_paths(side, edit.secret)) for side in sides)
    secret = (path for path in edit.secret if path.partition(".")[0] in write.properties)
    return new_entry(
        "update", edit.app, kind.name, edit.id, kind.label(remote), group=group, part=write.part,
        before=before, after=loggable_before_response(before, after), undoes=undoes,
        lost=tuple(dict.fromkeys((*dotted_paths(lost, sent_lost), *secret))),
    )  # fmt: skip
