"""Undoing the changes in the journal.

An update is undone by an edit from its new values to the old ones. The edit is merged like any other: later changes of
others are kept, and an overlap is a conflict. A create is undone by a delete, and a delete by a create. The resource
gets a new id then, which the journal records as an alias, so that older changes of the old id can still be undone.
Each undo is a separate change in the journal, and can be undone too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from typing import Any

from drio_tui.api.errors import DrioError, NotFound
from drio_tui.kinds import APP, KINDS, Kind
from drio_tui.plan.chain_order import chain_predecessors
from drio_tui.plan.duplicate import create_body
from drio_tui.plan.executor import Executor
from drio_tui.plan.rejected_references import create_without_rejected_references, id_of_created
from drio_tui.plan.steps import Step
from drio_tui.schema.fields import MISSING
from drio_tui.workspace.saving.created_lookup import SentBody, find_created
from drio_tui.workspace.saving.history import Entry, History, new_entry, new_id
from drio_tui.workspace.saving.journal import Journal
from drio_tui.workspace.saving.merge import Object, dotted, equal_at_depth, value_at, with_value
from drio_tui.workspace.saving.reconcile import ended_entry
from drio_tui.workspace.saving.save_result import Deleted, Edit, Failed, Outcome, Saved, Unknown, problem, succeeded
from drio_tui.workspace.saving.saver import Saver
from drio_tui.workspace.saving.without_secrets import fingerprint_of, fingerprints_of, without_paths


@dataclass(frozen=True, slots=True)
class UndoStep:
    """The result of undoing one change.

    `outcome` is None if nothing was sent; `why_not` is the reason then. `notes` are sentences about what could not be
    restored, not sanitized.
    """

    entry: Entry
    outcome: Outcome | None
    why_not: str = ""
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the change was undone."""
        return self.outcome is not None and succeeded(self.outcome)

    @property
    def problem(self) -> str:
        """Why the change was not undone, as a sentence; empty if it was."""
        return self.why_not or (problem(self.outcome) if self.outcome else "")


def why_not_undoable(history: History, entry: Entry, *, with_group: bool = False) -> str | None:
    """Return why the change cannot be undone, None if it can, as far as known without a request to the server.

    `with_group`: what was deleted together with the change is created again before.
    """
    group = entry.group if with_group else ""
    kind = KINDS.get(entry.kind)
    if entry.state == "failed":
        return "It did not happen"
    if history.is_undone(entry):
        return "It was undone already"
    if kind is None:
        return f"This version does not know what a {entry.kind} is"
    if entry.what == "deploy":
        return "A deploy cannot be taken back: drio has no way to un-deploy"
    if entry.what == "create":
        if not kind.deletable:
            return f"drio has no way to delete {'an' if kind is APP else 'a'} {kind.name}"
        if not entry.resource:
            what = kind.title.lower()
            return f"It is not known whether this {what} was made; if it was, delete it by hand"
    if entry.what == "delete":
        if entry.before is None:
            return "What it was like is not known"
        if entry.parent and _is_deleted(history, entry.parent, group):
            parent = KINDS[kind.parent[1]].title.lower() if kind.parent else "parent"
            return f"Its {parent} was deleted too; undo that first"
        return None
    if entry.what == "update":
        before, after = (without_paths(side or {}, entry.lost) for side in (entry.before, entry.after))
        if equal_at_depth(before, after, 0) and not entry.added:
            if entry.part == "binding":
                return "It was rebound, and drio has no way back to the previous schema"
            return "Only a secret changed, and secrets are not kept" if entry.lost else "It changed nothing"
    return "It has been deleted since; undo that first" if _is_deleted(history, entry.resource, group) else None


def undo_notes(entry: Entry) -> tuple[str, ...]:
    """Return what undoing the change will not restore, as sentences to show before it."""
    added = {dotted(path) for path in entry.added}
    sentences = [
        f"The secret in {path} is not kept and cannot be brought back" for path in entry.lost if path not in added
    ]
    if entry.what == "delete":
        sentences.append("It will have a new id")
    return tuple(sentences)


async def undo_last(saver: Saver, app: str) -> list[UndoStep]:
    """Undo the latest group of changes that can be undone.

    Changes with an unknown outcome are reconciled first. The returned steps begin with the newer changes that are not
    undone, with the reason. A group that fails because drio rejects its undo, or because of changes by others, is tried
    once, then skipped. Empty if there is nothing to undo.
    """
    journal = saver.journal(app)
    if journal is None:
        return []
    with saver.stoppable(app):
        return await _undo_last(saver, journal, app)


async def _undo_last(saver: Saver, journal: Journal, app: str) -> list[UndoStep]:
    await saver.single_flight.wait_idle(app)
    history = await asyncio.to_thread(journal.read)
    history = await _reconcile(saver, journal, history, [entry for entry in history.entries if entry.undoes])
    skipped: list[UndoStep] = []
    for group in history.open():
        history = await _reconcile(saver, journal, history, group)
        entries = [entry for old in group if (entry := history.get(old.id)) and entry.state != "failed"]
        why_not = {entry.id: why_not_undoable(history, entry) or saver.undo_failures.get(entry.id) for entry in entries}
        if all(why_not.values()):
            skipped += [UndoStep(entry, None, why_not[entry.id] or "") for entry in reversed(entries)]
            continue
        steps = await _undo_all(saver, journal, entries)
        tried = [step for step in steps if step.outcome is not None]
        if tried and not any(step.ok or isinstance(step.outcome, Failed | Unknown) for step in tried):
            saver.undo_failures.update({step.entry.id: f"It could not be undone: {step.problem}" for step in steps})
        return [*skipped, *steps]
    return skipped


async def undo(saver: Saver, app: str, entry: Entry, *, alone: bool = False, force: bool = False) -> list[UndoStep]:
    """Undo a change with the others of its group, or with `alone` only this one.

    With `force` a created resource is deleted even if others changed it since.
    """
    journal = saver.journal(app)
    if journal is None:
        return [UndoStep(entry, None, "No history is kept")]
    with saver.stoppable(app):
        await saver.single_flight.wait_idle(app)
        history = await asyncio.to_thread(journal.read)
        group = [entry] if alone else history.group(entry)
        history = await _reconcile(saver, journal, history, group)
        entries = [current for old in group if (current := history.get(old.id))]
        return await _undo_all(saver, journal, entries, force=force)


async def _undo_all(saver: Saver, journal: Journal, entries: list[Entry], *, force: bool = False) -> list[UndoStep]:
    """Undo the entries that can be undone, newest first; those of unrelated resources at the same time.

    No further one is begun when drio does not respond. If a created resource cannot be deleted, the resources it refers
    to are not deleted either.
    """
    history = await asyncio.to_thread(journal.read)
    order = [
        entry for entry in _undo_order(entries) if not (entry.state == "failed" or history.is_undone(entry))
    ]  # fmt: skip
    changed = {
        history.current(entry.resource) for entry in order if (entry.what, entry.kind) == ("update", "operation")
    }
    rebinds = [entry for entry in order if _is_rebind(entry) and _referenced_ids(entry) & changed]
    order = [*(entry for entry in order if entry not in rebinds), *rebinds]
    undoing = _Undoing(saver, journal, history, new_id(), force, frozenset(entry.id for entry in rebinds))
    steps = [
        Step(entry.id, "run", entry.kind, f"Undo {entry.name}", follows=follows, run=partial(undoing.run, entry))
        for entry, follows in _with_predecessors(order, history)
    ]
    await Executor(saver, entries[0].app if entries else "", steps, group=undoing.group).run()
    return [undoing.steps[entry.id] for entry in order if entry.id in undoing.steps]


@dataclass(slots=True)
class _Undoing:
    """An undo of several changes. `steps` are the results by id of the change, `needed` the ids of what has to stay.

    `rebinds` are the ids of changes that bound a tool to a schema which is undone before them.
    """

    saver: Saver
    journal: Journal
    history: History
    group: str
    force: bool
    rebinds: frozenset[str] = frozenset()
    steps: dict[str, UndoStep] = field(default_factory=dict)
    needed: set[str] = field(default_factory=set)

    async def run(self, entry: Entry) -> Outcome | str:
        """Undo one change; return the outcome, or why nothing was sent."""
        history = self.history
        why_not = why_not_undoable(history, entry)
        if why_not is None and entry.what == "create" and history.current(entry.resource) in self.needed:
            why_not = "Something that stays needs it"
        if entry.id in self.rebinds and self._is_schema_restored(entry):
            step = await self._bind_again(entry)
        elif why_not:
            step = UndoStep(entry, None, why_not)
        else:
            step = await _undo(self.saver, self.journal, history, entry, self.group, self.force)
        self.steps[entry.id] = step
        if step.ok:
            history.note_undone(entry)
        elif entry.what == "create":
            self.needed |= {history.current(id) for id in _referenced_ids(entry)}
        return step.why_not if step.outcome is None else step.outcome

    def _is_schema_restored(self, entry: Entry) -> bool:
        """Return whether the changes of the operation that a tool is bound to were undone."""
        operations = {self.history.current(id) for id in _referenced_ids(entry)}
        steps = [step for step in self.steps.values() if self.history.current(step.entry.resource) in operations]
        return bool(steps) and all(step.ok for step in steps)

    async def _bind_again(self, entry: Entry) -> UndoStep:
        """Bind a tool to the schema that its operation has again."""
        kind, id = KINDS[entry.kind], self.history.current(entry.resource)
        current = await self.saver.read(kind, entry.app, id)
        if current is None:
            return UndoStep(entry, None, "It has been deleted since")
        if isinstance(current, DrioError):
            return UndoStep(entry, Failed(current))
        edit = Edit(kind, entry.app, id, current, current, ("binding",))
        return UndoStep(entry, await self.saver.save(edit, group=self.group, undoes=entry.id))


def _is_rebind(entry: Entry) -> bool:
    """Return whether a change bound a tool to the current schema of the operation that it was bound to before."""
    return (
        entry.part == "binding" and entry.what == "update" and equal_at_depth(entry.before or {}, entry.after or {}, 0)
    )


def _with_predecessors(entries: list[Entry], history: History) -> Iterator[tuple[Entry, tuple[str, ...]]]:
    """Yield the entries, in the order in which they are undone, each with the ids of those that are undone before it.

    These are the ones about the same resource, one that it refers to, or one that refers to it, those of its kind that
    took or freed one of its keys, and those of `chain_predecessors`. Deleted resources of a kind are created again one
    after the other, since drio lists them in the order of their creation.
    """
    last: dict[str, str] = {}  # by id of a resource, the entry about it
    referring: dict[str, list[str]] = {}  # since then, the entries that refer to it
    last_of_kind: dict[str, str] = {}
    last_with_key: dict[tuple[str, str], str] = {}
    for entry, chains in zip(entries, chain_predecessors(entries), strict=True):
        resource = history.current(entry.resource)
        referenced = {history.current(id) for id in _referenced_ids(entry)} - {resource}
        before = [*chains, *(last[id] for id in (resource, *referenced) if id in last)]
        before += referring.pop(resource, [])
        if entry.what == "delete":
            before += [last_of_kind[entry.kind]] if entry.kind in last_of_kind else []
            last_of_kind[entry.kind] = entry.id
        for key in _changed_keys(entry):
            before += [last_with_key[entry.kind, key]] if (entry.kind, key) in last_with_key else []
            last_with_key[entry.kind, key] = entry.id
        last[resource] = entry.id
        for id in referenced:
            referring.setdefault(id, []).append(entry.id)
        yield entry, tuple(dict.fromkeys(before))


def _changed_keys(entry: Entry) -> set[str]:
    """Return the keys that a change took and freed."""
    before, after = ((side or {}).get("key") for side in (entry.before, entry.after))
    return {key for key in (before, after) if isinstance(key, str)} if before != after else set()


def _referenced_ids(entry: Entry) -> set[str]:
    """Return the ids that a resource refers to before and after a change, its parent included, as far as known."""
    kind = KINDS.get(entry.kind)
    references = kind.references if kind else ()
    sides = (entry.before or {}, entry.after or {})
    ids = {id for side in sides for reference in references for _, id in reference.ids(side)}
    ids |= {id for _, id, _ in entry.links}
    return ids | ({entry.parent} if entry.parent else set())


def _undo_order(entries: list[Entry]) -> list[Entry]:
    """Return the changes in the order in which they are undone: newest first.

    Consecutive deletes are undone in the order of `Entry.place`, because drio lists resources in the order of their
    creation; but what a resource refers to is created before it.
    """
    ordered: list[Entry] = []
    for are_deletes, run in groupby(reversed(entries), key=lambda entry: entry.what == "delete"):
        newest_first = list(run)
        ordered += _creation_order(newest_first[::-1]) if are_deletes else newest_first
    return ordered


def _creation_order(entries: list[Entry]) -> list[Entry]:
    """Return deletes in the order in which their resources are created again."""
    if all(entry.place is not None for entry in entries):  # earlier versions did not record it
        entries = sorted(entries, key=lambda entry: entry.place or 0)
    remaining = {entry.resource: entry for entry in entries}
    needs = {
        entry.resource: {entry.parent}
        | {
            id
            for reference in (KINDS[entry.kind].references if entry.kind in KINDS else ())
            for _, id in reference.ids(entry.before or {})
        }
        for entry in entries
    }
    ordered: list[Entry] = []
    while remaining:
        # In a cycle of references the resource that was deleted last is created first.
        next_id = next((id for id in remaining if not (needs[id] - {id}) & remaining.keys()), None)
        ordered.append(remaining.pop(next_id or next(reversed(remaining))))
    return ordered


async def _reconcile(saver: Saver, journal: Journal, history: History, entries: list[Entry]) -> History:
    """Determine the unknown outcomes of creates and deletes, record them, and return the current history.

    Updates need no reconciling: undoing one reads the resource anyway.
    """
    for entry in entries:
        if entry.state == "unknown" and entry.what in ("create", "delete") and entry.kind in KINDS:
            reconcile = _reconcile_create if entry.what == "create" else _reconcile_delete
            reconciled = await reconcile(saver, history, entry)
            if reconciled is not None:
                await asyncio.to_thread(journal.end, reconciled)
                undone = history.get(reconciled.undoes)
                if reconciled.what == "create" and reconciled.state == "done" and undone is not None:
                    await asyncio.to_thread(journal.alias, history.current(undone.resource), reconciled.resource)
                history = await asyncio.to_thread(journal.read)
    return history


async def _reconcile_delete(saver: Saver, history: History, entry: Entry) -> Entry | None:
    """Return the entry of a delete with its outcome; None if drio does not respond."""
    current = await saver.read(KINDS[entry.kind], entry.app, history.current(entry.resource))
    if isinstance(current, DrioError):
        return None
    return replace(entry, state="done" if current is None else "failed")


async def _reconcile_create(saver: Saver, history: History, entry: Entry) -> Entry | None:
    """Return the entry of a create with its outcome; None if drio does not respond.

    Only resources count that did not exist before it, and that no other entry is about.
    """
    kind = KINDS[entry.kind]
    listed = await saver.list_resources(kind, entry.app, history.current(entry.parent) if entry.parent else "")
    if isinstance(listed, NotFound):
        return replace(entry, state="failed")
    if isinstance(listed, DrioError):
        return None
    recorded_ids = {
        history.current(other.resource) for other in history.entries if other.resource and other.id != entry.undoes
    }
    siblings = [other for other in history.group(entry) if (other.kind, other.parent) == (entry.kind, entry.parent)]
    first = next((sibling for sibling in siblings if sibling.known is not None), None)
    before = set(first.known or ()) if first else set()

    def is_known(id: str) -> bool:
        return id in recorded_ids or fingerprint_of(id) in before

    sent = fingerprints_of({"name": entry.name}) if entry.sent is None else entry.sent
    lookup = find_created(listed, SentBody.of_fingerprints(kind, sent), is_known)
    if not lookup.candidates:
        return replace(entry, state="failed")
    if first is None or entry.sent is None or lookup.raw is None or not lookup.is_as_sent:
        return replace(entry, state="unresolved")
    return ended_entry(entry, kind, lookup.raw, "done")


async def _undo(saver: Saver, journal: Journal, history: History, entry: Entry, group: str, force: bool) -> UndoStep:
    """Undo one change for which `why_not_undoable` returned None."""
    kind = KINDS[entry.kind]
    id = history.current(entry.resource)
    match entry.what:
        case "create":
            base = None if force or entry.after is None else _with_current_ids(kind, entry.after, history.current)
            outcome: Outcome = await saver.delete(
                kind, entry.app, id, base=base, ignoring=entry.lost, group=group, undoes=entry.id
            )
            if isinstance(outcome, Deleted) and outcome.already:
                await _mark_undone(journal, entry, group)
            return UndoStep(entry, outcome)
        case "delete":
            return await _create_again(saver, journal, history, entry, group)
        case _:
            edit = await _inverse_edit(saver, history, entry)
            outcome = await saver.save(edit, group=group, undoes=entry.id)
            if isinstance(outcome, Saved) and not outcome.diff:
                await _mark_undone(journal, entry, group)
            return UndoStep(entry, outcome, notes=undo_notes(entry))


async def _inverse_edit(saver: Saver, history: History, entry: Entry) -> Edit:
    """Return the edit that restores the properties of an update.

    A secret that was added is removed, even if it changed since; one that was replaced stays unchanged.
    """
    kind = KINDS[entry.kind]
    id = history.current(entry.resource)
    base, local = (
        _with_current_ids(kind, without_paths(side or {}, entry.lost), history.current)
        for side in (entry.after, entry.before)
    )
    if entry.added:
        current = await saver.read(kind, entry.app, id)
        for path in entry.added:
            value = value_at(current, path)
            if value is not MISSING:
                base = with_value(base, path, value)
    return Edit(kind, entry.app, id, base, local)


async def _create_again(saver: Saver, journal: Journal, history: History, entry: Entry, group: str) -> UndoStep:
    """Create a deleted resource again, with its references and the single references to it that were cleared."""
    kind = KINDS[entry.kind]
    body = create_body(kind, _with_current_ids(kind, entry.before or {}, history.current))
    parent = history.current(entry.parent) if entry.parent else ""
    outcome, left_out = await create_without_rejected_references(
        saver, kind, entry.app, body, parent=parent, group=group, undoes=entry.id
    )
    sentences = [
        *(f"{label[0].upper()}{label[1:]} could not be brought back" for label in left_out),
        *undo_notes(entry),
    ]
    created_id = id_of_created(outcome)
    if not created_id:
        return UndoStep(entry, outcome, notes=tuple(sentences))
    old_id = history.current(entry.resource)
    await asyncio.to_thread(journal.alias, old_id, created_id)
    history.aliases[old_id] = created_id
    raw = getattr(outcome, "raw", None) or {}
    # A server may ignore some properties in a POST: those are saved through their separate routes.
    wanted = {name: value for name, value in body.items() if name in raw and not left_out}
    save_outcome = await saver.save(
        Edit(kind, entry.app, created_id, raw, {**raw, **wanted}), group=group, undoes=entry.id
    )
    if not succeeded(save_outcome):
        sentences.append(f"Not everything could be brought back: {problem(save_outcome)}")
    for kind_name, id, property_name in entry.links:
        sentences += await _restore_link(
            saver, KINDS.get(kind_name), entry, history.current(id), property_name, created_id, group
        )
    if isinstance(outcome, Saved) and isinstance(save_outcome, Saved):
        outcome = replace(outcome, raw=save_outcome.raw)
    return UndoStep(entry, outcome, notes=tuple(sentences))


async def _restore_link(
    saver: Saver, kind: Kind[Any] | None, entry: Entry, id: str, property_name: str, target_id: str, group: str
) -> list[str]:
    """Set a reference that was cleared with the resource, unless it was set since; return what to report."""
    if kind is None:
        return []
    current = await saver.read(kind, entry.app, id)
    if not isinstance(current, dict) or current.get(property_name) is not None:
        return []
    edit = Edit(kind, entry.app, id, current, {**current, property_name: target_id})
    outcome = await saver.save(edit, group=group, undoes=entry.id)
    return [] if succeeded(outcome) else [f"{kind.label(current)} does not refer to it again: {problem(outcome)}"]


async def _mark_undone(journal: Journal, entry: Entry, group: str) -> None:
    """Record that a change is undone if undoing it took no request."""
    marker = new_entry(
        "update", entry.app, entry.kind, entry.resource, entry.name, group=group, undoes=entry.id, before={}, after={}
    )
    await asyncio.to_thread(journal.begin, marker)
    await asyncio.to_thread(journal.end, replace(marker, state="done"))


def _is_deleted(history: History, id: str, group: str) -> bool:
    """Return whether the resource was deleted according to the journal, and not created again.

    A delete of `group` from which it can be created again does not count.
    """
    current = history.current(id)
    return any(
        entry.what == "delete"
        and entry.state == "done"
        and entry.resource == current
        and not history.is_undone(entry)
        and not (group and entry.group == group and entry.before is not None)
        for entry in history.entries
    )


def _with_current_ids(kind: Kind[Any], raw: Mapping[str, Any], current: Callable[[str], str]) -> Object:
    """Return a copy in which references to resources that were created again have the current ids."""
    result = dict(raw)
    for reference in kind.references:
        result = reference.replaced(result, {id: current(id) for _, id in reference.ids(result)})
    return result
