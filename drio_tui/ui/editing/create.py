"""Making something new, from the tree or in the middle of editing something else that is to refer to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from drio_tui.api.resource_type import why_degraded
from drio_tui.kinds import KINDS
from drio_tui.ui.dialogs.select_dialog import Choice, ChooserScreen
from drio_tui.workspace.model.snapshot import Resource, Snapshot, resources_of

if TYPE_CHECKING:
    from drio_tui.ui.base.context import DrioContext
    from drio_tui.ui.editing.edit_screen import Target

_NEW = object()


async def make_new(app: DrioContext, target: Target, snapshot: Snapshot) -> Resource | None:
    """Let a person make the resource of `target`, over what is on the screen; None when they go back instead.

    Where its kind stands under another one and `target` does not say under which, that is chosen first, or
    made as well. What was made is put into `snapshot`. To be called in a worker.
    """
    from drio_tui.ui.editing.edit_screen import EditScreen  # it can make new resources itself

    kind = KINDS[target.kind]
    if kind.parent is not None and not target.parent:
        parent = await _choose_parent(app, target, snapshot)
        if not parent:
            return None
        target = replace(target, parent=parent)
    screen = EditScreen(target, snapshot)
    await app.push_screen_wait(screen)
    if screen.saved is None:
        return None
    (made,) = resources_of(kind.name, [screen.saved], partial(why_degraded, kind), under=target.parent)
    snapshot.add(made)
    return made


async def _choose_parent(app: DrioContext, target: Target, snapshot: Snapshot) -> str:
    """The id of what the new resource is to stand under; empty when the person goes back."""
    kind = KINDS[target.kind]
    assert kind.parent is not None
    above = KINDS[kind.parent[1]]
    word = above.title.lower()
    choices: list[Choice[Any]] = [*parents_of(kind.name, snapshot), Choice(_NEW, f"new {word}…", quiet=True, new=True)]
    title = f"In which {word}?" if len(choices) > 1 else f"It needs an {word} first"
    chosen = await app.push_screen_wait(ChooserScreen(title, choices))
    if chosen is None:
        return ""
    if chosen.value is not _NEW:
        return str(chosen.value)
    begin = {"name": chosen.typed} if chosen.typed else {}
    wanted = replace(target, kind=above.name, begin=begin, wanted_by=f"the {kind.title.lower()} to come")
    made = await make_new(app, wanted, snapshot)
    return made.id if made is not None else ""


def begin_of(kind: str, asking: str, resource: Mapping[str, Any]) -> dict[str, Any]:
    """What a new resource begins with, from the resource of kind `asking` that is to refer to it.

    A widget shows a tool: one that is made for a tool's `widgetId` shows that tool, once it is there.
    """
    id = resource.get("id")
    return {"toolId": id} if kind == "widget" and asking == "tool" and isinstance(id, str) and id else {}


def parents_of(kind: str, snapshot: Snapshot) -> list[Choice[str]]:
    """What a new resource of this kind can stand under, by name; empty where it needs nothing."""
    parent = KINDS[kind].parent
    if parent is None:
        return []
    return [
        Choice(resource.id, resource.name, resource.id)
        for resource in snapshot.resources(parent[1])
        if not resource.made_up
    ]
