"""What an answer, or a look after none came, shows of a write; and what of it may be noted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from drio_tui.api.errors import DrioError
from drio_tui.kinds import Kind
from drio_tui.schema.fields import MISSING
from drio_tui.workspace.saving.journal import Entry, State, strip
from drio_tui.workspace.saving.merge import FieldChange, Merge, Object, Path, at, diff, dotted, merge, same
from drio_tui.workspace.saving.save_requests import Write, comparable, identity_lists
from drio_tui.workspace.saving.save_result import Edit, Verdict


def merge_of(edit: Edit, theirs: Object) -> Merge:
    """The edit put together with how the resource is now."""
    return merge(
        comparable(edit.kind, edit.base),
        comparable(edit.kind, theirs),
        comparable(edit.kind, edit.mine),
        lists=identity_lists(edit.kind),
    )


def others_since(kind: Kind[Any], base: Object, now: Object) -> list[FieldChange]:
    """What differs from what was seen, apart from what the server sets by itself."""
    return [
        change for change in diff(comparable(kind, base), comparable(kind, now)) if change.path[0] not in kind.fixed
    ]


def verdict_of(
    kind: Kind[Any], write: Write, before: Object, wanted: Object, now: Object | DrioError | None
) -> Verdict:
    """What reading again (`now`, None: not there) says of a write that was to lead from `before` to `wanted`."""
    if not isinstance(now, dict):
        return "cannot tell"
    there = comparable(kind, now)
    seen = [
        (at(there, change.path), change) for change in diff(only(before, write.members), only(wanted, write.members))
    ]
    # A write-only member shows neither before nor after.
    seen = [(value, change) for value, change in seen if not (value is MISSING and change.before is MISSING)] or seen
    if seen and all(same(value, change.after, len(change.path)) for value, change in seen):
        return "applied"
    if seen and all(same(value, change.before, len(change.path)) for value, change in seen):
        only_secrets = all(value is MISSING and change.before is MISSING for value, change in seen)
        return "cannot tell" if only_secrets else "not applied"
    return "cannot tell"


def ended(entry: Entry, kind: Kind[Any], raw: Object | None, state: State) -> Entry:
    """The journal's entry of a create once its end is known; `raw` is what was made, None when nothing was seen."""
    if raw is None:
        return replace(entry, state=state)
    after, lost = strip(raw)
    return replace(
        entry,
        state=state,
        resource=str(raw.get("id", "")),
        name=kind.label(raw),
        after=after,
        lost=dotted_all(lost),
    )


def holds(raw: Object, body: Object) -> bool:
    """Whether the resource has everything that the body says, as far as it shows it."""
    return all(
        holds(raw[name], value)
        if isinstance(value, dict) and isinstance(raw[name], dict)
        else same(raw[name], value, 1)
        for name, value in body.items()
        if name in raw
    )


def only(raw: Object, members: tuple[str, ...]) -> Object:
    """These members of it alone."""
    return {name: raw[name] for name in members if name in raw}


def before_the_answer(before: Object, after: Object) -> Object:
    """What is wanted as far as it may be kept before the answer shows which members are write-only.

    New members of objects that are no known field could be secrets by any name: they wait for the answer.
    """
    return {
        name: {key: item for key, item in value.items() if key in before[name]}
        if isinstance(value, dict) and isinstance(before.get(name), dict) and name == "config"
        else value
        for name, value in after.items()
    }


def dotted_all(*parts: tuple[Path, ...]) -> tuple[str, ...]:
    """Every path once, as people read them."""
    return tuple(dict.fromkeys(dotted(path) for part in parts for path in part))
