"""Reconciling a write: what reading the resource back shows after an unknown outcome, and what the journal records."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from drio_tui.api.errors import DrioError
from drio_tui.kinds import Kind
from drio_tui.schema.fields import MISSING
from drio_tui.text import first_names
from drio_tui.workspace.saving.history import Entry, State
from drio_tui.workspace.saving.merge import (
    FieldChange,
    Merge,
    Object,
    Path,
    diff,
    dotted,
    equal_at_depth,
    merge,
    value_at,
)
from drio_tui.workspace.saving.save_requests import Write, comparable, identity_lists
from drio_tui.workspace.saving.save_result import Edit, ReadBack
from drio_tui.workspace.saving.without_secrets import without_paths, without_secrets


def merge_edit(edit: Edit, remote: Object) -> Merge:
    """Return the merge of an edit with the current version of the resource."""
    return merge(
        comparable(edit.kind, edit.base),
        comparable(edit.kind, remote),
        comparable(edit.kind, edit.local),
        lists=identity_lists(edit.kind),
    )


def remote_changes_since(kind: Kind[Any], base: Object, current: Object) -> list[FieldChange]:
    """Return the changes from `base` to `current`, without those of properties that only the server sets."""
    return [
        change for change in diff(comparable(kind, base), comparable(kind, current)) if change.path[0] not in kind.fixed
    ]


def remote_change_note(edit: Edit, remote: Object) -> str:
    """Return which properties others changed since the edit began, and which of them saving will ask about.

    Empty if they changed nothing. Not sanitized.
    """
    merged = merge_edit(edit, remote)
    names = sorted({change.path[0] for change in merged.remote_changes})
    if not names:
        return ""
    conflicts = sorted(conflict.dotted for conflict in merged.conflicts)
    asks = f"You changed {first_names(conflicts, 4)} too: saving asks which version to keep."
    outcome = asks if conflicts else "Saving merges it with your edits."
    return f"Changed in drio meanwhile: {first_names(names, 4)}. {outcome}"


def read_back_of(
    kind: Kind[Any], write: Write, before: Object, wanted: Object, current: Object | DrioError | None
) -> ReadBack:
    """Return what the resource as read back (`current`, None if it does not exist) shows of a write.

    The write was to change the resource from `before` to `wanted`.
    """
    if not isinstance(current, dict):
        return "cannot tell"
    comparable_current = comparable(kind, current)
    changes = diff(pick(before, write.properties), pick(wanted, write.properties))
    values = [(value_at(comparable_current, change.path), change) for change in changes]
    # A write-only property is missing both before and after.
    readable = [(value, change) for value, change in values if not (value is MISSING and change.before is MISSING)]
    values = readable or values
    if values and all(equal_at_depth(value, change.after, len(change.path)) for value, change in values):
        return "applied"
    if values and all(equal_at_depth(value, change.before, len(change.path)) for value, change in values):
        only_secrets = all(value is MISSING and change.before is MISSING for value, change in values)
        return "cannot tell" if only_secrets else "not applied"
    return "cannot tell"


def ended_entry(entry: Entry, kind: Kind[Any], raw: Object | None, state: State) -> Entry:
    """Return the entry of a create with its outcome; `raw` is the created resource, None if none was found.

    What was at the paths `lost` of the entry is not recorded either.
    """
    if raw is None:
        return replace(entry, state=state)
    after, lost = without_secrets(without_paths(raw, entry.lost))
    return replace(
        entry,
        state=state,
        resource=str(raw.get("id", "")),
        name=kind.label(raw),
        after=after,
        lost=tuple(dict.fromkeys((*entry.lost, *dotted_paths(lost)))),
    )


def pick(raw: Object, properties: tuple[str, ...]) -> Object:
    """Return a copy with only these properties."""
    return {name: raw[name] for name in properties if name in raw}


def loggable_before_response(before: Object, after: Object) -> Object:
    """Return the part of `after` that may be in the journal before the response shows what is write-only.

    New properties of `config` are left out: they may be secrets, whatever their names are.
    """
    return {
        name: {key: item for key, item in value.items() if key in before[name]}
        if isinstance(value, dict) and isinstance(before.get(name), dict) and name == "config"
        else value
        for name, value in after.items()
    }


def dotted_paths(*groups: tuple[Path, ...]) -> tuple[str, ...]:
    """Return the paths of all groups in dotted form, without duplicates."""
    return tuple(dict.fromkeys(dotted(path) for paths in groups for path in paths))
