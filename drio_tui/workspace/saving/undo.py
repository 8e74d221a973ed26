"""Taking changes back: what the journal says is turned round, against what is there now.

An update is undone by an edit from what it made to what was before, merged like any other, so that what
others have changed since stays and an overlap is a conflict. A create is undone by a delete, a delete by a
create: the resource gets a new id then, which the journal remembers, so that older changes that speak of the
old one can still be undone. Every undo is a change of its own in the journal, and can be undone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from drio_tui.api.errors import DrioError, NotFound
from drio_tui.kinds import APP, KINDS, Kind
from drio_tui.schema.fields import MISSING
from drio_tui.workspace.saving import journal as journals
from drio_tui.workspace.saving.duplicate import creatable, create_without, made_id
from drio_tui.workspace.saving.journal import Entry, History, Journal
from drio_tui.workspace.saving.merge import Object, at, dotted, same, with_value
from drio_tui.workspace.saving.reconcile import ended
from drio_tui.workspace.saving.save_result import Edit, Failed, Outcome, Saved, Unknown, problem, succeeded
from drio_tui.workspace.saving.saver import Saver


@dataclass(frozen=True, slots=True)
class Step:
    """One change that was to be undone.

    `outcome` is None when nothing was sent, `why_not` then says why. `notes` say what could not be brought
    back, for people; not yet safe to show.
    """

    entry: Entry
    outcome: Outcome | None
    why_not: str = ""
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether it is undone."""
        return self.outcome is not None and succeeded(self.outcome)

    @property
    def problem(self) -> str:
        """Why it is not undone, in a sentence; empty when it is."""
        return self.why_not or (problem(self.outcome) if self.outcome else "")


def can_undo(history: History, entry: Entry) -> str | None:
    """Why the change cannot be undone, as far as is known without asking the server; None when it can."""
    kind = KINDS.get(entry.kind)
    if entry.state == "failed":
        return "It did not happen"
    if history.undone(entry):
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
        if entry.parent and _gone(history, entry.parent):
            parent = KINDS[kind.parent[1]].title.lower() if kind.parent else "parent"
            return f"Its {parent} was deleted too; undo that first"
        return None
    if entry.what == "update":
        before, after = (without(side or {}, entry.lost) for side in (entry.before, entry.after))
        if same(before, after, 0) and not entry.added:
            if entry.part == "binding":
                return "It was bound anew, and drio has no way back to the schema of before"
            return "Only a secret changed, and secrets are not kept" if entry.lost else "It changed nothing"
    return "It was deleted since; undo that first" if _gone(history, entry.resource) else None


def notes(entry: Entry) -> tuple[str, ...]:
    """What undoing the change will not bring back, to be said beforehand."""
    added = {dotted(path) for path in entry.added}
    found = [f"The secret in {path} is not kept and cannot be brought back" for path in entry.lost if path not in added]
    if entry.what == "delete":
        found.append("It will have a new id")
    return tuple(found)


async def undo_last(saver: Saver, app: str) -> list[Step]:
    """Undo the last change that can be taken back, with all that belongs to the same intent.

    Changes whose end was not noted are looked up first. The steps begin with the newer changes that stay, with the
    reason; a change that drio or somebody else's change kept from being undone is tried once, then passed over.
    Empty when there is nothing to undo.
    """
    journal = saver.journal(app)
    if journal is None:
        return []
    await saver.intents.settle(app)
    history = await asyncio.to_thread(journal.read)
    history = await _look_up(saver, journal, history, [entry for entry in history.entries if entry.undoes])
    staying: list[Step] = []
    for group in history.open():
        history = await _look_up(saver, journal, history, group)
        entries = [entry for each in group if (entry := history.get(each.id)) and entry.state != "failed"]
        why_not = {entry.id: can_undo(history, entry) or saver.not_undone.get(entry.id) for entry in entries}
        if all(why_not.values()):
            staying += [Step(entry, None, why_not[entry.id] or "") for entry in reversed(entries)]
            continue
        steps = await _undo_all(saver, journal, entries)
        tried = [step for step in steps if step.outcome is not None]
        if tried and not any(step.ok or isinstance(step.outcome, Failed | Unknown) for step in tried):
            saver.not_undone.update({step.entry.id: f"It could not be undone: {step.problem}" for step in steps})
        return [*staying, *steps]
    return staying


async def undo(saver: Saver, app: str, entry: Entry, *, alone: bool = False, force: bool = False) -> list[Step]:
    """Undo a chosen change with all that belongs to the same intent, or with `alone` only that one.

    `force` deletes what the change made even though others have changed it since.
    """
    journal = saver.journal(app)
    if journal is None:
        return [Step(entry, None, "No history is kept")]
    await saver.intents.settle(app)
    history = await asyncio.to_thread(journal.read)
    wanted = [entry] if alone else history.group(entry)
    history = await _look_up(saver, journal, history, wanted)
    entries = [found for each in wanted if (found := history.get(each.id))]
    return await _undo_all(saver, journal, entries, force=force)


async def _undo_all(saver: Saver, journal: Journal, entries: list[Entry], *, force: bool = False) -> list[Step]:
    """Undo what can be undone, newest first. Ends where drio does not answer.

    What was made and could not be deleted keeps what it needs.
    """
    steps: list[Step] = []
    needed: set[str] = set()
    group = journals.new_id()
    for entry in _backwards(entries):
        history = await asyncio.to_thread(journal.read)
        if entry.state == "failed" or history.undone(entry):
            continue
        why_not = can_undo(history, entry)
        if why_not is None and entry.what == "create" and history.current(entry.resource) in needed:
            why_not = "Something that stays needs it"
        step = Step(entry, None, why_not) if why_not else await _undo(saver, journal, history, entry, group, force)
        steps.append(step)
        if not step.ok and entry.what == "create":
            needed |= {history.current(id) for id in _needs(entry)}
        if isinstance(step.outcome, Failed | Unknown) and not step.ok:
            break
    return steps


def _needs(entry: Entry) -> set[str]:
    """The ids of what a resource that was made refers to, as far as that is known."""
    kind = KINDS.get(entry.kind)
    found = {id for reference in kind.references for _, id in reference.ids(entry.after or {})} if kind else set()
    return found | ({entry.parent} if entry.parent else set())


def _backwards(entries: list[Entry]) -> list[Entry]:
    """The changes in the order in which they are undone: newest first.

    What was deleted in a row comes back in the order in which it was listed, since drio lists resources in the order
    in which they were made; only what it refers to comes first.
    """
    found: list[Entry] = []
    for deleted, run in groupby(reversed(entries), key=lambda entry: entry.what == "delete"):
        row = list(run)
        found += _by_need(row[::-1]) if deleted else row
    return found


def _by_need(entries: list[Entry]) -> list[Entry]:
    if all(entry.place is not None for entry in entries):  # an earlier version noted none
        entries = sorted(entries, key=lambda entry: entry.place or 0)
    left = {entry.resource: entry for entry in entries}
    needs = {
        entry.resource: {entry.parent}
        | {
            id
            for reference in (KINDS[entry.kind].references if entry.kind in KINDS else ())
            for _, id in reference.ids(entry.before or {})
        }
        for entry in entries
    }
    found: list[Entry] = []
    while left:
        # Those that refer to each other in a circle: the last one that went comes first.
        free = next((id for id in left if not (needs[id] - {id}) & left.keys()), None) or next(reversed(left))
        found.append(left.pop(free))
    return found


async def _look_up(saver: Saver, journal: Journal, history: History, entries: list[Entry]) -> History:
    """Find out at drio what came of changes whose end was not noted, and note it; gives the history as it is then.

    An update needs none: undoing it looks at what is there.
    """
    for entry in entries:
        if entry.state == "unknown" and entry.what in ("create", "delete") and entry.kind in KINDS:
            found = await (_made if entry.what == "create" else _deleted)(saver, history, entry)
            if found is not None:
                await asyncio.to_thread(journal.end, found)
                undone = history.get(found.undoes)
                if found.what == "create" and found.state == "done" and undone is not None:
                    await asyncio.to_thread(journal.alias, history.current(undone.resource), found.resource)
                history = await asyncio.to_thread(journal.read)
    return history


async def _deleted(saver: Saver, history: History, entry: Entry) -> Entry | None:
    now = await saver.now(KINDS[entry.kind], entry.app, history.current(entry.resource))
    if isinstance(now, DrioError):
        return None
    return replace(entry, state="done" if now is None else "failed")


async def _made(saver: Saver, history: History, entry: Entry) -> Entry | None:
    """The entry of a create with what it made; None where drio does not answer.

    It made what goes by its name, if that was not there before and is nobody else's entry.
    """
    kind = KINDS[entry.kind]
    listed = await saver.listed(kind, entry.app, history.current(entry.parent) if entry.parent else "")
    if isinstance(listed, NotFound):
        return replace(entry, state="failed")
    if isinstance(listed, DrioError):
        return None
    ours = {history.current(each.resource) for each in history.entries if each.resource and each.id != entry.undoes}
    same_place = [each for each in history.group(entry) if (each.kind, each.parent) == (entry.kind, entry.parent)]
    first = next((each for each in same_place if each.known is not None), None)
    before = set(first.known or ()) if first else None
    named = [raw for raw in listed if kind.label(raw) == entry.name and str(raw.get("id")) not in ours]
    fresh = [raw for raw in named if before is not None and journals.mark_of(str(raw.get("id"))) not in before]
    if not named or (before is not None and not fresh):
        return replace(entry, state="failed")
    if len(fresh) > 1 or not fresh or entry.sent is None:
        return replace(entry, state="unresolved")
    shown = journals.marks_of(fresh[0])
    others = any(shown.get(name, mark) != mark for name, mark in entry.sent.items())  # or drio keeps it otherwise
    return replace(entry, state="unresolved") if others else ended(entry, kind, fresh[0], "done")


async def _undo(saver: Saver, journal: Journal, history: History, entry: Entry, group: str, force: bool) -> Step:
    kind = KINDS[entry.kind]
    id = history.current(entry.resource)
    match entry.what:
        case "create":
            seen = None if force or entry.after is None else _mapped(kind, entry.after, history.current)
            outcome: Outcome = await saver.delete(
                kind, entry.app, id, base=seen, ignoring=entry.lost, group=group, undoes=entry.id
            )
            if succeeded(outcome):
                await _mark(journal, entry, group)
            return Step(entry, outcome)
        case "delete":
            return await _restore(saver, journal, history, entry, group)
        case _:
            edit = await _inverse(saver, history, entry)
            outcome = await saver.save(edit, group=group, undoes=entry.id)
            if isinstance(outcome, Saved) and not outcome.diff:
                await _mark(journal, entry, group)
            return Step(entry, outcome, notes=notes(entry))


async def _inverse(saver: Saver, history: History, entry: Entry) -> Edit:
    """The edit that leads back, of the members that were changed.

    A secret that was put in goes out again whatever it is by now; one that was replaced stays as it is.
    """
    kind = KINDS[entry.kind]
    id = history.current(entry.resource)
    base, mine = (
        _mapped(kind, without(side or {}, entry.lost), history.current) for side in (entry.after, entry.before)
    )
    if entry.added:
        now = await saver.now(kind, entry.app, id)
        for path in entry.added:
            value = at(now, path)
            if value is not MISSING:
                base = with_value(base, path, value)
    return Edit(kind, entry.app, id, base, mine)


async def _restore(saver: Saver, journal: Journal, history: History, entry: Entry, group: str) -> Step:
    """Make a deleted resource again, with everything it referred to and what referred to it by a single id."""
    kind = KINDS[entry.kind]
    body = creatable(kind, _mapped(kind, entry.before or {}, history.current))
    parent = history.current(entry.parent) if entry.parent else ""
    outcome, left_out = await create_without(saver, kind, entry.app, body, parent=parent, group=group, undoes=entry.id)
    said = [*(f"{text[0].upper()}{text[1:]} could not be brought back" for text in left_out), *notes(entry)]
    made = made_id(outcome)
    if not made:
        return Step(entry, outcome, notes=tuple(said))
    await asyncio.to_thread(journal.alias, history.current(entry.resource), made)
    raw = getattr(outcome, "raw", None) or {}
    # A server may not take everything at once: what it did not take goes by the routes of its own.
    wanted = {name: value for name, value in body.items() if name in raw and not left_out}
    rest = await saver.save(Edit(kind, entry.app, made, raw, {**raw, **wanted}), group=group, undoes=entry.id)
    if not succeeded(rest):
        said.append(f"Not everything could be brought back: {problem(rest)}")
    for referrer, id, member in entry.links:
        said += await _link_again(saver, KINDS.get(referrer), entry, history.current(id), member, made, group)
    if isinstance(outcome, Saved) and isinstance(rest, Saved):
        outcome = replace(outcome, raw=rest.raw)
    return Step(entry, outcome, notes=tuple(said))


async def _link_again(
    saver: Saver, kind: Kind[Any] | None, entry: Entry, id: str, member: str, made: str, group: str
) -> list[str]:
    """Point a member that was cleared with the resource at it again, unless it points elsewhere by now."""
    if kind is None:
        return []
    now = await saver.now(kind, entry.app, id)
    if not isinstance(now, dict) or now.get(member) is not None:
        return []
    edit = Edit(kind, entry.app, id, now, {**now, member: made})
    outcome = await saver.save(edit, group=group, undoes=entry.id)
    return [] if succeeded(outcome) else [f"{kind.label(now)} does not refer to it again: {problem(outcome)}"]


async def _mark(journal: Journal, entry: Entry, group: str) -> None:
    """Note that a change is undone where undoing it took no request."""
    history = await asyncio.to_thread(journal.read)
    if history.undone(entry):
        return
    mark = journals.entry(
        "update", entry.app, entry.kind, entry.resource, entry.name, group=group, undoes=entry.id, before={}, after={}
    )
    await asyncio.to_thread(journal.begin, mark)
    await asyncio.to_thread(journal.end, replace(mark, state="done"))


def without(raw: Mapping[str, Any], lost: tuple[str, ...], path: str = "") -> Object:
    """The object without the members at these dotted paths."""
    found: Object = {}
    for name, value in raw.items():
        here = f"{path}.{name}" if path else name
        if here not in lost:
            found[name] = without(value, lost, here) if isinstance(value, dict) else value
    return found


def _gone(history: History, id: str) -> bool:
    """Whether the journal knows that the resource was deleted, and not made again."""
    current = history.current(id)
    return any(
        each.what == "delete" and each.state == "done" and each.resource == current and not history.undone(each)
        for each in history.entries
    )


def _mapped(kind: Kind[Any], raw: Mapping[str, Any], current: Callable[[str], str]) -> Object:
    """A copy in which every reference to a resource that was made again names it as it is now."""
    result = dict(raw)
    for reference in kind.references:
        result = _at(result, reference.path.split("."), current)
    return result


def _at(value: Any, steps: list[str], current: Callable[[str], str]) -> Any:
    if not steps:
        return current(value) if isinstance(value, str) else value
    name = steps[0].removesuffix("[]")
    if not isinstance(value, dict) or name not in value:
        return value
    inner = value[name]
    if steps[0].endswith("[]"):
        if isinstance(inner, list):
            return {**value, name: [_at(item, steps[1:], current) for item in inner]}
        return value
    return {**value, name: _at(inner, steps[1:], current)}
