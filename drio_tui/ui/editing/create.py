"""Creating a resource, from the tree or while editing another resource that is to refer to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from drio_tui.api.resource_type import validation_error
from drio_tui.kinds import KINDS
from drio_tui.ui.dialogs.select_dialog import Choice, SelectDialog
from drio_tui.workspace.model.snapshot import Resource, Snapshot, resources_of

if TYPE_CHECKING:
    from drio_tui.ui.base.context import DrioContext
    from drio_tui.ui.editing.edit_target import EditTarget

_NEW = object()


async def create_resource(app: DrioContext, target: EditTarget, snapshot: Snapshot) -> Resource | None:
    """Let the user create the resource of `target` in a screen over the current one; None if they go back.

    If its kind has a parent and `target` does not name one, the user chooses or creates the parent first. The new
    resource is added to `snapshot`. To be called in a worker.
    """
    from drio_tui.ui.editing.edit_screen import EditScreen

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
    (created,) = resources_of(kind.name, [screen.saved], partial(validation_error, kind), under=target.parent)
    snapshot.add(created)
    return created


async def _choose_parent(app: DrioContext, target: EditTarget, snapshot: Snapshot) -> str:
    """Return the id of the parent for the new resource, empty if the user goes back."""
    kind = KINDS[target.kind]
    assert kind.parent is not None
    parent_kind = KINDS[kind.parent[1]]
    title = parent_kind.title.lower()
    choices: list[Choice[Any]] = [
        *parent_choices(kind.name, snapshot),
        Choice(_NEW, f"new {title}…", quiet=True, new=True),
    ]
    heading = f"In which {title}?" if len(choices) > 1 else f"It needs an {title} first"
    chosen = await app.push_screen_wait(SelectDialog(heading, choices))
    if chosen is None:
        return ""
    if chosen.value is not _NEW:
        return str(chosen.value)
    initial = {"name": chosen.typed} if chosen.typed else {}
    parent_target = replace(
        target, kind=parent_kind.name, initial=initial, requested_by=f"the new {kind.title.lower()}"
    )
    created = await create_resource(app, parent_target, snapshot)
    return created.id if created is not None else ""


def initial_values(kind: str, referrer: str, resource: Mapping[str, Any]) -> dict[str, Any]:
    """Return the initial properties of a new resource, for `resource` of kind `referrer` that is to refer to it.

    A widget that is created for the `widgetId` of a tool shows that tool, if the tool exists already.
    """
    id = resource.get("id")
    return {"toolId": id} if kind == "widget" and referrer == "tool" and isinstance(id, str) and id else {}


def parent_choices(kind: str, snapshot: Snapshot) -> list[Choice[str]]:
    """Return the possible parents of a new resource of this kind; none if it needs no parent."""
    parent = KINDS[kind].parent
    if parent is None:
        return []
    return [
        Choice(resource.id, resource.name, resource.id)
        for resource in snapshot.resources(parent[1])
        if not resource.made_up
    ]
