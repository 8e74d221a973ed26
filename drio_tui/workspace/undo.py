"""Taking changes back: what the journal says is turned round, against what is there now.

An update is undone by an edit from what it made to what was before, merged like any other, so that what
others have changed since stays and an overlap is a conflict. A create is undone by a delete, a delete by a
create: the thing gets a new id then, which the journal remembers, so that older changes that speak of the
old one can still be undone. Every undo is a change of its own in the journal, and can be undone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from drio_tui.kinds import APP, KINDS, Kind
from drio_tui.schema.fields import MISSING
from drio_tui.workspace import journal as journals
from drio_tui.workspace.duplicate import creatable, create_without, made_id
from drio_tui.workspace.journal import Entry, History, Journal
from drio_tui.workspace.merge import Object, at, dotted, same, with_value
from drio_tui.workspace.outcomes import Edit, Outcome, Saved, problem, succeeded
from drio_tui.workspace.saving import Saver


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
        if not entry.thing:
            return f"It is not known which {kind.title.lower()} was made"
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
    return "It was deleted since; undo that first" if _gone(history, entry.thing) else None


def notes(entry: Entry) -> tuple[str, ...]:
    """What undoing the change will not bring back, to be said beforehand."""
    added = {dotted(path) for path in entry.added}
    found = [f"The secret in {path} is not kept and cannot be brought back" for path in entry.lost if path not in added]
    if entry.what == "delete":
        found.append("It will have a new id")
    return tuple(found)


async def undo_last(saver: Saver, app: str) -> list[Step]:
    """Undo the last change that is not undone, with all that belongs to the same intent, newest first.

    Stops at the first that cannot be undone. Empty when there is nothing to undo.
    """
    journal = saver.journal(app)
    if journal is None:
        return []
    history = await asyncio.to_thread(journal.read)
    return await _undo_all(saver, journal, history.last())


async def undo(saver: Saver, app: str, entry: Entry, *, alone: bool = False, force: bool = False) -> list[Step]:
    """Undo a chosen change with all that belongs to the same intent, or with `alone` only that one.

    `force` deletes what the change made even though others have changed it since.
    """
    journal = saver.journal(app)
    if journal is None:
        return [Step(entry, None, "No history is kept")]
    history = await asyncio.to_thread(journal.read)
    return await _undo_all(saver, journal, [entry] if alone else history.group(entry), force=force)


async def _undo_all(saver: Saver, journal: Journal, entries: list[Entry], *, force: bool = False) -> list[Step]:
    steps: list[Step] = []
    group = journals.new_id()
    for entry in reversed(entries):
        history = await asyncio.to_thread(journal.read)
        if entry.state == "failed" or history.undone(entry):
            continue
        why_not = can_undo(history, entry)
        if why_not:
            steps.append(Step(entry, None, why_not))
            break
        step = await _undo(saver, journal, history, entry, group, force)
        steps.append(step)
        if not step.ok:
            break
    return steps


async def _undo(saver: Saver, journal: Journal, history: History, entry: Entry, group: str, force: bool) -> Step:
    kind = KINDS[entry.kind]
    id = history.current(entry.thing)
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
    id = history.current(entry.thing)
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
    """Make a deleted thing again, with everything it referred to and what referred to it by a single id."""
    kind = KINDS[entry.kind]
    body = creatable(kind, _mapped(kind, entry.before or {}, history.current))
    parent = history.current(entry.parent) if entry.parent else ""
    outcome, left_out = await create_without(saver, kind, entry.app, body, parent=parent, group=group, undoes=entry.id)
    said = [*(f"{text[0].upper()}{text[1:]} could not be brought back" for text in left_out), *notes(entry)]
    made = made_id(outcome)
    if not made:
        return Step(entry, outcome, notes=tuple(said))
    await asyncio.to_thread(journal.alias, history.current(entry.thing), made)
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
    """Point a member that was cleared with the thing at it again, unless it points elsewhere by now."""
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
        "update", entry.app, entry.kind, entry.thing, entry.name, group=group, undoes=entry.id, before={}, after={}
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
    """Whether the journal knows that the thing was deleted, and not made again."""
    current = history.current(id)
    return any(
        each.what == "delete" and each.state == "done" and each.thing == current and not history.undone(each)
        for each in history.entries
    )


def _mapped(kind: Kind[Any], raw: Mapping[str, Any], current: Callable[[str], str]) -> Object:
    """A copy in which every reference to a thing that was made again names it as it is now."""
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
