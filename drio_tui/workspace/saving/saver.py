"""Writing changes so that nobody's work is lost: read again, compare, merge, send what changed, note how to undo it.

The API documents no ETag, so a write is preceded by a read, and only the time between that read and the
write is left to chance; a PATCH sends changed members only, so that even then members changed by others
stay. Within one `Saver` writes to the same thing wait for each other.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from drio_tui.api import json_codec
from drio_tui.api.client import DrioClient
from drio_tui.api.errors import ApiError, Conflict, DrioError, NotFound, PreconditionFailed
from drio_tui.api.models import DeployResult
from drio_tui.api.resource_type import Item
from drio_tui.kinds import APP, Kind
from drio_tui.schema.fields import MISSING
from drio_tui.workspace.saving import journal as journals
from drio_tui.workspace.saving.cancellation import CancellableRequests, Stopped
from drio_tui.workspace.saving.journal import Entry, Journal, State, strip
from drio_tui.workspace.saving.merge import FieldChange, Merge, Object, at, diff, same
from drio_tui.workspace.saving.reconcile import (
    before_the_answer,
    dotted_all,
    ended,
    holds,
    merge_of,
    only,
    others_since,
    verdict_of,
)
from drio_tui.workspace.saving.save_requests import Write, comparable, writes
from drio_tui.workspace.saving.save_result import (
    Changed,
    Conflicted,
    CreateOutcome,
    Deleted,
    DeletedElsewhere,
    DeleteOutcome,
    Edit,
    Failed,
    Refused,
    Saved,
    SaveOutcome,
    Unknown,
    Verdict,
)
from drio_tui.workspace.saving.single_flight import SingleFlight

_ROUNDS = 3
"""How often an edit is merged again when the server says (412) that it moved on in between."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What saving an edit would do now, for review: nothing was sent."""

    edit: Edit
    merge: Merge
    theirs: Object

    @property
    def diff(self) -> tuple[FieldChange, ...]:
        """What would be written."""
        return self.merge.mine


@dataclass(frozen=True, slots=True)
class _Attempt:
    """A create that may have happened: what was sent, and the ids that were there before."""

    body: Object = field(repr=False)
    known: Collection[str]
    error: DrioError
    entry: Entry


class Saver:
    """Writes to one drio. `journal_of` gives the journal of an app; without it none is kept.

    Every method gives an outcome and raises only `asyncio.CancelledError`: a caller that goes away does not
    end a write under way, which is finished and noted all the same (`intents.settle` waits for it). A person
    who does not want to wait any longer calls `stop`.
    """

    def __init__(self, client: DrioClient, journal_of: Callable[[str], Journal] | None = None) -> None:
        self.client = client
        self._journal_of = journal_of
        self._journals: dict[Path, Journal] = {}
        self._deploying: dict[str, asyncio.Event] = {}
        self.intents = SingleFlight()
        self._asking = CancellableRequests()
        self._before = CancellableRequests()
        self._open: dict[tuple[str, ...], _Attempt] = {}
        self._marked: set[tuple[str, ...]] = set()
        self.not_undone: dict[str, str] = {}
        """By id, the changes that could not be undone, and why: the next undo passes over them."""

    def stop(self, app: str) -> bool:
        """Give up the request under way for a change of an app; whether there was one.

        What was only being read, or waited for a deploy, ends in `Failed`, with nothing written. What was being
        written is looked up, as after a lost answer, and ends in `Unknown`; a second `stop` gives up the looking.
        A deploy goes on: while there is one, no change is being written.
        """
        waiting = self._before.stop(app)
        return waiting if app in self._deploying else self._asking.stop(app) or waiting

    def stop_deploy(self, app: str) -> bool:
        """The same for a deploy, and for the writes that it waits for."""
        return self._asking.stop(app)

    def journal(self, app: str) -> Journal | None:
        """The journal in which changes of this app are noted, if one is kept.

        It is the same one each time: it holds what could not be written to its file.
        """
        if self._journal_of is None or not app:
            return None
        journal = self._journal_of(app)
        return self._journals.setdefault(journal.path, journal)

    # --- changing --------------------------------------------------------------------------------

    async def preview(self, edit: Edit) -> Preview | DeletedElsewhere | Failed | Refused:
        """Read again and merge, without writing."""
        theirs = await self._now(edit.kind, edit.app, edit.id, self._before)
        if theirs is None:
            return DeletedElsewhere(edit, edit.mine)
        if isinstance(theirs, DrioError):
            return _not_done(theirs)
        return Preview(edit, merge_of(edit, theirs), theirs)

    async def save(self, edit: Edit, *, group: str = "", undoes: str = "") -> SaveOutcome:
        """Write what `edit.mine` changed, merged with what others have changed since `edit.base`.

        A tool's binding and chain and a widget's actions go by their own routes, after the PATCH of the rest.
        """
        intent = (edit.app, "save", edit.kind.name, edit.id, _digest(edit.base, edit.mine, [*edit.again]))
        key = (edit.app, edit.kind.name, edit.id)
        return await self.intents.once(intent, lambda: self.intents.alone(key, lambda: self._save(edit, group, undoes)))

    async def _save(self, edit: Edit, group: str, undoes: str) -> SaveOutcome:
        if (stopped := await self._after_deploy(edit.app)) is not None:
            return stopped
        group = group or journals.new_id()
        for rounds_left in reversed(range(_ROUNDS)):
            outcome = await self._save_once(edit, group, undoes)
            if not rounds_left or not isinstance(outcome, Refused) or not await self._moved_on(edit, outcome):
                break
        return outcome

    async def _moved_on(self, edit: Edit, outcome: Refused) -> bool:
        """Whether a write was refused because the resource is not any more what was read just before it.

        412 says so. 409 can mean that, or a clash with something else, which no second try would mend.
        """
        if isinstance(outcome.error, PreconditionFailed):
            return True
        if not isinstance(outcome.error, Conflict) or outcome.fields or outcome.referrers or outcome.read is None:
            return False
        now = await self._now(edit.kind, edit.app, edit.id)
        return isinstance(now, dict) and bool(diff(comparable(edit.kind, outcome.read), comparable(edit.kind, now)))

    async def _save_once(self, edit: Edit, group: str, undoes: str) -> SaveOutcome:
        theirs = await self._now(edit.kind, edit.app, edit.id)
        if theirs is None:
            return DeletedElsewhere(edit, edit.mine)
        if isinstance(theirs, DrioError):
            return _not_done(theirs)
        found = merge_of(edit, theirs)
        if found.conflicts:
            return Conflicted(edit, found, theirs)
        before = comparable(edit.kind, theirs)
        raw = theirs
        written: list[FieldChange] = []
        ids: list[str] = []
        for write in writes(edit.kind, before, found.merged, edit.again, theirs, edit.mine):
            entry = _update(edit, write, theirs, found.merged, group, undoes)
            item = await self._send(edit, write, entry, theirs, found.merged)
            if isinstance(item, DrioError):
                return await self._not_saved(edit, write, entry, item, before, raw, found.merged, tuple(written))
            raw = item.raw
            if item.request_id:
                ids.append(item.request_id)
            written += [change for change in found.mine if change.path[0] in write.members]
        return Saved(raw, tuple(written), found.theirs, tuple(ids), group)

    async def _send(
        self, edit: Edit, write: Write, entry: Entry, theirs: Object, wanted: Object
    ) -> Item[Any] | DrioError:
        """One request with its entry in the journal."""
        kind = edit.kind
        await self._begin(entry)
        try:
            sending = write.send(self.client, kind, edit.app, edit.id)
            item = await self._asking.ask(edit.app, sending, changes=True)
        except DrioError as error:
            # What may have happened stays unknown in the journal; undoing looks at what is there.
            if not error.outcome_unknown:
                await self._end(entry, "failed")
            return error
        given, given_lost = strip(only(comparable(kind, item.raw), write.members))
        # What was sent and does not come back is write-only: a secret by whatever name.
        unseen = tuple(
            change.dotted
            for change in diff(only(comparable(kind, theirs), write.members), only(wanted, write.members))
            if change.after is not MISSING and change.after is not None and at(item.raw, change.path) is MISSING
        )
        added = tuple(path for path in given_lost if at(theirs, path) is MISSING)
        told = dict.fromkeys((*entry.lost, *dotted_all(given_lost), *unseen))
        await self._end(replace(entry, after=given, lost=tuple(told), added=added), "done")
        return item

    async def _not_saved(
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
        """What an error on the way means, after looking where that helps."""
        if error.outcome_unknown:
            now = await self._now(edit.kind, edit.app, edit.id)
            verdict = verdict_of(edit.kind, write, before, wanted, now)
            await self._looked_up(entry, verdict, error)
            return Unknown(error, verdict, now if isinstance(now, dict) else None, written, entry.group)
        if isinstance(error, NotFound) and await self._now(edit.kind, edit.app, edit.id) is None:
            return DeletedElsewhere(edit, edit.mine)
        return Refused(error, written, read) if isinstance(error, ApiError) else Failed(error, written)

    # --- making ----------------------------------------------------------------------------------

    async def create(
        self,
        kind: Kind[Any],
        app: str,
        body: Object,
        *,
        parent: str = "",
        intent: str = "",
        group: str = "",
        undoes: str = "",
        known: Collection[str] | None = None,
    ) -> CreateOutcome:
        """POST a new resource. `known` are the ids that are there already; they are read when not given.

        `intent` names what the person asked for (a form, say), so that asking twice makes one thing; without
        it the body does. When the outcome is unknown the list is read again: a new resource that has everything
        the body says is the one (`applied`), none with its key, slug or name means that it did not happen.
        Asked again with the same intent, it looks first for what the attempt before may have made since; what
        is found is brought up to what the body says now.
        """
        key = (app, "create", kind.name, parent, intent or _digest(body))

        async def make() -> CreateOutcome:
            before = self._open.pop(key, None)
            if before is not None:
                verdict, raw = await self._was_made(kind, app, parent, before.body, before.known)
                if raw is not None:
                    await self._end(ended(before.entry, kind, raw, "done"), "done")
                    edit = Edit(kind, app, str(raw.get("id")), raw, {**raw, **body})
                    found = await self._save(edit, group, undoes)
                    if isinstance(found, Conflicted | DeletedElsewhere):  # others, within this moment
                        return Unknown(before.error, "applied", raw, group=group)
                    return found
                if verdict == "cannot tell":
                    self._open[key] = before
                    return Unknown(before.error, verdict, group=group)
            return await self._create(key, kind, app, body, parent, group, undoes, known)

        return await self.intents.once(key, make)

    async def _create(
        self,
        key: tuple[str, ...],
        kind: Kind[Any],
        app: str,
        body: Object,
        parent: str,
        group: str,
        undoes: str,
        known: Collection[str] | None,
    ) -> CreateOutcome:
        if (stopped := await self._after_deploy(app)) is not None:
            return stopped
        if known is None:
            listed = await self.listed(kind, app, parent)
            if isinstance(listed, DrioError):
                return _not_done(listed)
            known = {str(raw.get("id")) for raw in listed}
        group = group or journals.new_id()
        # The body may hold write-only members by any name; what the answer shows is noted at the end.
        entry = journals.entry(
            "create", app, kind.name, "", kind.label(body), group=group, parent=parent, undoes=undoes,
            known=self._marks(known, group, kind.name, parent), sent=journals.marks_of(body),
        )  # fmt: skip
        await self._begin(entry)
        try:
            sending = self.client.create(kind, body, app=app, parent=parent)
            item = await self._asking.ask(app, sending, changes=True)
        except DrioError as error:
            if not error.outcome_unknown:
                await self._end(entry, "failed")
                return _not_done(error)
            verdict, raw = await self._was_made(kind, app, parent, body, known)
            if verdict != "applied":
                self._open[key] = _Attempt(body, known, error, entry)
            await self._looked_up(ended(entry, kind, raw, entry.state), verdict, error)
            return Unknown(error, verdict, raw, group=group)
        made = ended(entry, kind, item.raw, "done")
        if kind is APP:  # its journal has a name only now
            made = replace(made, app=made.resource)
            await self._begin(made)
        await self._end(made, "done")
        ids = (item.request_id,) if item.request_id else ()
        return Saved(item.raw, tuple(diff({}, only(item.raw, tuple(body)))), (), ids, group)

    def _marks(self, known: Collection[str], *key: str) -> tuple[str, ...] | None:
        """What the journal notes of the resources that are there before a create; None where it has that already."""
        if key in self._marked:
            return None
        self._marked.add(key)
        return tuple(journals.mark_of(id) for id in known)

    async def _was_made(
        self, kind: Kind[Any], app: str, parent: str, body: Object, known: Collection[str]
    ) -> tuple[Verdict, Object | None]:
        listed = await self.listed(kind, app, parent)
        if isinstance(listed, DrioError):
            return "cannot tell", None
        fresh = [raw for raw in listed if str(raw.get("id")) not in known]
        named = [raw for raw in fresh if any(name in body and body[name] == raw.get(name) for name in _NAMES)]
        exact = [raw for raw in named if holds(comparable(kind, raw), comparable(kind, body))]
        if len(exact) == 1:
            return "applied", exact[0]
        return ("cannot tell", None) if named else ("not applied", None)

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
        """DELETE a resource, noting all of it first.

        With `base`, what was seen when the person decided, nothing is deleted that others have changed since.
        `ignoring` are dotted paths that `base` does not know. `links` are the single references to it that may
        be cleared with it: `(kind, id, member)`. `place` orders what is deleted with the same intent as drio lists it.
        """
        intent = (app, "delete", kind.name, id)
        key = (app, kind.name, id)
        return await self.intents.once(
            intent,
            lambda: self.intents.alone(
                key, lambda: self._delete(kind, app, id, base, ignoring, tuple(links), place, group, undoes)
            ),
        )

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
        if (stopped := await self._after_deploy(app)) is not None:
            return stopped
        now = await self._now(kind, app, id)
        if now is None:
            return Deleted(kind.label(base or {"id": id}), already=True)
        if isinstance(now, DrioError):
            return _not_done(now)
        if base is not None and (
            since := [each for each in others_since(kind, base, now) if each.dotted not in ignoring]
        ):
            return Changed(tuple(since), now)
        before, stripped = strip(now)
        lost = dotted_all(stripped)
        group = group or journals.new_id()
        parent = now.get(kind.parent[0]) if kind.parent else None
        if isinstance(now.get("secretRef"), str):
            lost = tuple(dict.fromkeys((*lost, "secretRef")))
        entry = journals.entry(
            "delete", app, kind.name, id, kind.label(now), group=group, before=before, lost=lost, links=links,
            place=place, parent=parent if isinstance(parent, str) else "", undoes=undoes,
        )  # fmt: skip
        await self._begin(entry)
        try:
            request_id = await self._asking.ask(app, self.client.delete(kind, id, app=app), changes=True)
        except DrioError as error:
            if not error.outcome_unknown:
                await self._end(entry, "failed")
                return Deleted(kind.label(now), already=True) if isinstance(error, NotFound) else _not_done(error)
            left = await self._now(kind, app, id)
            raw = left if isinstance(left, dict) else None
            verdict: Verdict = "applied" if left is None else "cannot tell" if raw is None else "not applied"
            await self._looked_up(entry, verdict, error)
            return Unknown(error, verdict, raw, group=group)
        await self._end(entry, "done")
        return Deleted(kind.label(now), request_id, group=group)

    # --- deploying -------------------------------------------------------------------------------

    async def deploy(
        self, app: str, look: Callable[[], Coroutine[Any, Any, None]] | None = None
    ) -> Item[DeployResult] | Refused | Failed | Unknown:
        """POST …/deploy once every write to the app that is under way has ended; one deploy at a time.

        `look` is awaited right before it, and again after it unless it was refused: what it reads is what is sent,
        since writes that begin meanwhile wait until the deploy has ended. A `DrioError` of the first ends the deploy.
        """
        return await self.intents.once((app, "deploy"), lambda: self._deploy_alone(app, look))

    async def _deploy_alone(
        self, app: str, look: Callable[[], Coroutine[Any, Any, None]] | None
    ) -> Item[DeployResult] | Refused | Failed | Unknown:
        await self.intents.settle(app)
        over = self._deploying[app] = asyncio.Event()
        try:
            if look is not None:
                await self._asking.ask(app, look())
            outcome = await self._deploy(app)
            if look is not None and not isinstance(outcome, Refused | Failed):
                with contextlib.suppress(DrioError):
                    await self._asking.ask(app, look())
            return outcome
        except DrioError as error:
            return _not_done(error)
        finally:
            del self._deploying[app]
            over.set()

    async def _after_deploy(self, app: str) -> Failed | None:
        """Wait until no deploy is under way; gives what to end with when the person stops waiting."""
        while (over := self._deploying.get(app)) is not None:
            try:
                await self._before.ask(app, over.wait())
            except Stopped as error:
                return Failed(error)
        return None

    async def _deploy(self, app: str) -> Item[DeployResult] | Refused | Failed | Unknown:
        before = await self._now(APP, app, app)
        if before is None or isinstance(before, DrioError):
            return _not_done(before or NotFound("the app is not there any more", status=404))
        entry = journals.entry("deploy", app, APP.name, app, APP.label(before))
        await self._begin(entry)
        try:
            item = await self._asking.ask(app, self.client.deploy(app), changes=True)
        except DrioError as error:
            if not error.outcome_unknown:
                await self._end(entry, "failed")
                return _not_done(error)
            now = await self._now(APP, app, app)
            raw = now if isinstance(now, dict) else None
            moved = raw is not None and not same(raw.get("version"), before.get("version"))
            verdict: Verdict = "applied" if moved else "cannot tell"
            await self._looked_up(entry, verdict, error)
            return Unknown(error, verdict, raw, group=entry.group)
        await self._end(entry, "done")
        return item

    # --- reading ---------------------------------------------------------------------------------

    async def now(self, kind: Kind[Any], app: str, id: str) -> Object | DrioError | None:
        """The resource as it is, None when it is not there (any more)."""
        return await self._now(kind, app, id)

    async def _now(
        self, kind: Kind[Any], app: str, id: str, asking: CancellableRequests | None = None
    ) -> Object | DrioError | None:
        try:
            return (await (asking or self._asking).ask(app, self.client.get(kind, id, app=app))).raw
        except NotFound:
            return None
        except DrioError as error:
            return error

    async def listed(self, kind: Kind[Any], app: str, parent: str = "") -> list[Object] | DrioError:
        """All resources of a kind, as they are."""
        try:
            listing = self.client.list(kind, app=app, parent=parent)
            return (await self._asking.ask(app, listing)).items
        except DrioError as error:
            return error

    # --- noting ----------------------------------------------------------------------------------

    async def _begin(self, entry: Entry) -> None:
        """Note a change before its request is sent, without holding up the screen."""
        if (journal := self.journal(entry.app)) is not None:
            await asyncio.to_thread(journal.begin, entry)

    async def _end(self, entry: Entry, state: State) -> None:
        """Note how it ended."""
        if (journal := self.journal(entry.app)) is not None:
            await asyncio.to_thread(journal.end, replace(entry, state=state))

    async def _looked_up(self, entry: Entry, verdict: Verdict, error: DrioError) -> None:
        """Note what reading again showed after an answer was lost.

        What was given up may still arrive: the journal leaves it open, and undoing looks at what is there.
        """
        if verdict == "applied":
            await self._end(entry, "done")
        elif verdict == "not applied" and not isinstance(error, Stopped):
            await self._end(entry, "failed")


_NAMES = ("key", "slug", "name")


def _update(edit: Edit, write: Write, theirs: Object, wanted: Object, group: str, undoes: str) -> Entry:
    """The journal's entry of a write, as it is noted before it is sent."""
    kind = edit.kind
    before, lost = strip(only(comparable(kind, theirs), write.members))
    after, sent_lost = strip(only(wanted, write.members))
    return journals.entry(
        "update", edit.app, kind.name, edit.id, kind.label(theirs), group=group, part=write.part,
        before=before, after=before_the_answer(before, after), lost=dotted_all(lost, sent_lost), undoes=undoes,
    )  # fmt: skip


def _not_done(error: DrioError) -> Refused | Failed:
    return Refused(error) if isinstance(error, ApiError) else Failed(error)


def _digest(*values: Any) -> str:
    return journals.digest(json_codec.dumps([*values]))
