"""Creating a resource once: a create with an unknown outcome is looked up before it is sent again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Coroutine
from dataclasses import dataclass, field, replace
from typing import Any

from drio_tui.api import json_codec
from drio_tui.api.errors import DrioError
from drio_tui.api.resource_type import Item
from drio_tui.kinds import APP, Kind
from drio_tui.storage.file_names import digest
from drio_tui.workspace.saving.created_lookup import SentBody, find_created
from drio_tui.workspace.saving.history import Entry, new_entry, new_id
from drio_tui.workspace.saving.merge import Object, diff
from drio_tui.workspace.saving.reconcile import ended_entry, pick
from drio_tui.workspace.saving.recorded_requests import RecordedRequests, refused_or_failed
from drio_tui.workspace.saving.save_result import (
    Conflicted,
    CreateOutcome,
    DeletedElsewhere,
    Edit,
    ReadBack,
    Saved,
    SaveOutcome,
    Unknown,
)
from drio_tui.workspace.saving.without_secrets import fingerprint_of, fingerprints_of, without_paths


@dataclass(frozen=True, slots=True)
class NewResource:
    """A resource to be created; the properties are those of `Saver.create`."""

    kind: Kind[Any]
    app: str
    body: Object = field(repr=False)
    parent: str = ""
    idempotency_key: str = ""
    group: str = ""
    undoes: str = ""
    known: Collection[str] | None = None
    secret: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, ...]:
        """What is equal for calls that create one resource."""
        return (self.app, "create", self.kind.name, self.parent, self.idempotency_key or digest_of(self.body))


@dataclass(frozen=True, slots=True)
class _PendingCreate:
    """A create with an unknown outcome: the body that was sent, and the ids that existed before."""

    body: Object = field(repr=False)
    known: Collection[str]
    error: DrioError
    entry: Entry


class Creator:
    """Sends creates, and remembers those with an unknown outcome.

    `save` saves an edit, with the undo group and the id of the entry that it undoes.
    """

    def __init__(self, requests: RecordedRequests, save: Callable[[Edit, str, str], Awaitable[SaveOutcome]]) -> None:
        self._requests = requests
        self._save = save
        self._pending: dict[tuple[str, ...], _PendingCreate] = {}
        self._fingerprinted: set[tuple[str, ...]] = set()

    async def create(self, new: NewResource) -> CreateOutcome:
        """Create a resource, or find and update the one of an earlier call with the same key; see `Saver.create`."""
        kind, app = new.kind, new.app
        pending = self._pending.pop(new.key, None)
        if pending is None:
            return await self._create(new)
        read_back, raw = await self._find_created(kind, app, new.parent, pending.body, pending.known)
        if raw is not None:
            await self._requests.note_end(ended_entry(pending.entry, kind, raw, "done"), "done")
            edit = Edit(kind, app, str(raw.get("id")), raw, {**raw, **new.body}, (), new.secret)
            outcome = await self._save(edit, new.group, new.undoes)
            if isinstance(outcome, Conflicted | DeletedElsewhere):  # changed by others since it was found
                return Unknown(pending.error, "applied", raw, group=new.group)
            return outcome
        if read_back == "cannot tell":
            self._pending[new.key] = pending
            return Unknown(pending.error, read_back, group=new.group)
        return await self._create(new)

    async def _create(self, new: NewResource) -> CreateOutcome:
        requests, kind, app, body, parent = self._requests, new.kind, new.app, new.body, new.parent
        known = new.known
        if known is None:
            listed = await requests.list_resources(kind, app, parent)
            if isinstance(listed, DrioError):
                return refused_or_failed(listed)
            known = {str(raw.get("id")) for raw in listed}
        group = new.group or new_id()
        # The body may have write-only properties of any name: only what the response shows is recorded, at the end.
        entry = new_entry(
            "create", app, kind.name, "", kind.label(body), group=group, parent=parent, undoes=new.undoes,
            known=self._known_fingerprints(known, group, kind.name, parent), lost=new.secret,
            sent=fingerprints_of(without_paths(body, new.secret)),
        )  # fmt: skip

        def send() -> Coroutine[Any, Any, Item[Any]]:
            self._fingerprinted.add((group, kind.name, parent))
            return requests.client.create(kind, body, app=app, parent=parent)

        try:
            item = await requests.write(entry, send)
        except DrioError as error:
            if not error.outcome_unknown:
                await requests.note_end(entry, "failed")
                return refused_or_failed(error)
            read_back, raw = await self._find_created(kind, app, parent, body, known)
            if read_back != "applied":
                self._pending[new.key] = _PendingCreate(body, known, error, entry)
            await requests.note_read_back(ended_entry(entry, kind, raw, entry.state), read_back, error)
            return Unknown(error, read_back, raw, group=group)
        done_entry = ended_entry(entry, kind, item.raw, "done")
        if kind is APP:  # the journal is named after the id of the app, which is known only now
            done_entry = replace(done_entry, app=done_entry.resource)
            await requests.note_begin(done_entry)
        await requests.note_end(done_entry, "done")
        request_ids = (item.request_id,) if item.request_id else ()
        return Saved(item.raw, tuple(diff({}, pick(item.raw, tuple(body)))), (), request_ids, group)

    async def note_created(
        self, kind: Kind[Any], app: str, raw: Object, *, parent: str, group: str, secret: tuple[str, ...]
    ) -> None:
        """Record a resource that a create made whose outcome was unknown, and that the caller has found."""
        app = str(raw.get("id")) if kind is APP else app
        label = kind.label(raw)
        entry = new_entry("create", app, kind.name, "", label, group=group, parent=parent, lost=secret)
        await self._requests.note_begin(entry)
        await self._requests.note_end(ended_entry(entry, kind, raw, "done"), "done")

    def _known_fingerprints(self, known: Collection[str], *key: str) -> tuple[str, ...] | None:
        """Return the fingerprints of the existing ids for the journal; None if it has them for this `key` already."""
        if key in self._fingerprinted:
            return None
        return tuple(fingerprint_of(id) for id in known)

    async def _find_created(
        self, kind: Kind[Any], app: str, parent: str, body: Object, known: Collection[str]
    ) -> tuple[ReadBack, Object | None]:
        """Return whether a create with an unknown outcome was applied, and the created resource if it was found."""
        listed = await self._requests.list_resources(kind, app, parent)
        if isinstance(listed, DrioError):
            return "cannot tell", None
        lookup = find_created(listed, SentBody.of(kind, body), known.__contains__)
        if lookup.is_as_sent:
            return "applied", lookup.raw
        return ("cannot tell", None) if lookup.candidates else ("not applied", None)


def digest_of(*values: Any) -> str:
    """Return a hash of JSON values."""
    return digest(json_codec.dumps([*values]))
