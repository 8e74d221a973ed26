"""The order of steps that give resources other keys: one that takes a key comes after the one that frees it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from drio_tui.api import json_codec
from drio_tui.kinds import KINDS
from drio_tui.naming import KEY_MAX
from drio_tui.plan.steps import Step
from drio_tui.schema.fields import MISSING
from drio_tui.storage.file_names import digest
from drio_tui.workspace.model.snapshot import Resource
from drio_tui.workspace.saving.merge import FieldChange


@dataclass(frozen=True, slots=True)
class KeyChange:
    """The step with the id `step` gives a resource the key `key`, and frees its key `was`, empty for a new resource.

    `label` is the name of the resource for the user, once it has the key.
    """

    step: str
    kind: str
    key: str
    label: str
    was: str = ""


def shortened_key(key: str) -> str:
    """Return what `temporary_key` keeps of a key: all of it, unless it is long."""
    return key[: KEY_MAX - 9].rstrip("-")


def temporary_key(key: str, id: str) -> str:
    """Return a key that no other resource has, for a resource that is to get or had `key`; `id` makes it unique."""
    return f"{shortened_key(key)}-{digest(id)[:8]}"


def key_before(key: str, id: str) -> str | None:
    """Return the `shortened_key` of which `temporary_key` made `key` for this id, None if it did not."""
    own_key = key.removesuffix(f"-{digest(id)[:8]}")
    return own_key if own_key and own_key != key else None


def is_made_of(new: Resource, old: Resource) -> bool:
    """Return whether an interrupted move made the operation `new` of `old`: it has the key that `old` gave away.

    Of a long key only the beginning is known, which others may share.
    """
    key, new_key = key_before(old.text("key"), old.id), new.text("key")
    return key == new_key or (
        key == shortened_key(new_key) and all(new.text(name) == old.text(name) for name in ("method", "path"))
    )


def order_by_keys(steps: Sequence[Step], changes: Sequence[KeyChange]) -> list[Step]:
    """Return the steps, each of `changes` after the one that frees its key.

    Where they wait for each other in a circle, a step is added that gives one of them another key in between.
    """
    ordered = _KeyOrder([*steps], {change.step: change for change in changes})
    ordered.wait()
    return ordered.steps


class _KeyOrder:
    """The ordering of the steps of one plan; `changes` are by the id of their step."""

    def __init__(self, steps: list[Step], changes: dict[str, KeyChange]) -> None:
        self.steps, self._changes = steps, changes

    def wait(self) -> None:
        """Let a step that takes a key wait for the one that frees it."""
        frees = {(change.kind, change.was): id for id, change in self._changes.items() if change.was}
        freed_by = {
            id: frees[change.kind, change.key]
            for id, change in self._changes.items()
            if (change.kind, change.key) in frees
        }
        for index, step in enumerate(self.steps):
            if step.id in freed_by and freed_by[step.id] != step.id:
                self.steps[index] = replace(step, after=(*step.after, freed_by[step.id]))
        self._break_circles(freed_by)

    def _break_circles(self, freed_by: dict[str, str]) -> None:
        checked: set[str] = set()
        for start in freed_by:
            path: list[str] = []
            id: str | None = start
            while id is not None and id not in checked:
                checked.add(id)
                path.append(id)
                id = freed_by.get(id)
            if id in path and freed_by[id] != id:
                waiting = next(other for other in path if freed_by[other] == id)
                self._free_key(id, waiting)

    def _free_key(self, rename_id: str, waiting_id: str) -> None:
        """Give the resource of a step another key first, so that the step which waits for its key can go on."""
        index, rename = next((index, step) for index, step in enumerate(self.steps) if step.id == rename_id)
        change = self._changes[rename_id]
        key = temporary_key(change.was, rename.ref)
        title = KINDS[change.kind].title.lower()
        free = Step(
            f"free:{rename_id.partition(':')[2]}", "update", change.kind,
            f"Free the key {change.was} of the {title} that will be {change.label}", rename.ref,
            changes=(FieldChange(("key",), MISSING, key),), mark=digest(json_codec.dumps(key)),
        )  # fmt: skip
        base = None if rename.base is None else {**rename.base, "key": key}
        self.steps[index] = replace(rename, base=base, after=(*rename.after, free.id))
        self.steps.insert(index, free)
        for index, step in enumerate(self.steps):
            if step.id == waiting_id:
                after = tuple(free.id if id == rename_id else id for id in step.after)
                self.steps[index] = replace(step, after=after)
