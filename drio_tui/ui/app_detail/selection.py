"""The resources of an app that a key applies to, and which of the keys that change the app are available.

The app screen needs this at once; what the keys do (`app_actions`) is imported later.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from textual.binding import BindingType

from drio_tui.kinds import KINDS
from drio_tui.ui.base import keymap
from drio_tui.ui.base.context import ScreenContext
from drio_tui.ui.base.keymap import Key
from drio_tui.workspace.lint.binding import binding_state
from drio_tui.workspace.model.snapshot import Resource, Snapshot

if TYPE_CHECKING:
    from drio_tui.kinds import Kind
    from drio_tui.workspace.model.snapshot import ResourceKey
    from drio_tui.workspace.model.tree_model import TreeNode
    from drio_tui.workspace.saving.save_result import Saved

BINDINGS: list[BindingType] = keymap.section(
    "editing",
    "Changing an app",
    Key(
        "editing.edit",
        "e",
        "edit_resource",
        "Edit",
        "Edit the selected resource, or all that are marked",
        dangerous=True,
    ),
    Key(
        "editing.outside",
        "E",
        "edit_outside",
        "$EDITOR",
        "Edit its JSON in $VISUAL or $EDITOR",
        dangerous=True,
        show=False,
    ),
    Key("editing.add", "a", "add_resource", "Add", "Create a resource here", dangerous=True),
    Key(
        "editing.delete",
        "D",
        "delete_resources",
        "Delete",
        "Delete the marked resources, or the selected one",
        dangerous=True,
    ),
    Key(
        "editing.bulk",
        "R",
        "change_several",
        "Change several",
        "Replace text, rename, annotate, move or edit the marked resources, or those of the app",
        dangerous=True,
        show=False,
    ),
    Key("editing.copy", "c", "duplicate_resource", "Duplicate", "Make a copy of it", dangerous=True, show=False),
    Key(
        "editing.switch",
        "x",
        "switch_resources",
        "Enable/disable",
        "Enable or disable the marked resources, or the selected one",
        dangerous=True,
        show=False,
    ),
    Key(
        "editing.rebind",
        "b",
        "rebind_tool",
        "Rebind",
        "Bind the tool to the current schema of its operation",
        dangerous=True,
        show=False,
    ),
    Key("editing.mark", "m", "mark", "Mark", "Mark it, to change several at once", dangerous=True, show=False),
    Key("editing.undo", "z", "undo_change", "Undo", "Undo the last change", dangerous=True),
    Key("editing.history", "H", "show_history", "History", "Every change made here", dangerous=True, show=False),
)


class AppView(ScreenContext, Protocol):
    """What the selection and the actions need of the app screen, which documents the attributes and methods."""

    app_id: str
    snapshot: Snapshot
    reveal_when_loaded: ResourceKey | None
    changing: str

    @property
    def selected_node(self) -> TreeNode | None: ...

    def action_refresh(self) -> None: ...

    def show_saved(self, kind: Kind[Any], saved: Saved) -> None: ...

    def show_marked(self) -> None: ...


class Selection:
    """The marked and the selected resources of an app screen, and why an action is disabled for them.

    Attributes:
        marked: The marked resources, in the order they were marked.
        forbidden: The reason by action and resource key, where drio has not allowed an action on a resource.
    """

    def __init__(self, screen: AppView) -> None:
        self._screen = screen
        self.marked: dict[ResourceKey, None] = {}
        self.forbidden: dict[tuple[str, ResourceKey], str] = {}

    def mark(self) -> None:
        resource = self.selected_resource()
        if resource is None:
            return
        if resource.key in self.marked:
            del self.marked[resource.key]
        else:
            self.marked[resource.key] = None
        self._screen.show_marked()

    def unmark_all(self) -> None:
        self.marked.clear()
        self._screen.show_marked()

    def selected_resource(self) -> Resource | None:
        """Return the selected resource, None if no resource that drio stores is selected."""
        node = self._screen.selected_node
        if node is None or node.about is None:
            return None
        resource = self._screen.snapshot.at(node.about)
        return resource if resource is not None and resource.kind in KINDS and not resource.made_up else None

    def selected_resources(self) -> list[Resource]:
        """Return the marked resources, else the selected one."""
        marked = [resource for key in self.marked if (resource := self._screen.snapshot.at(key))]
        selected = self.selected_resource()
        return marked or ([selected] if selected else [])

    def affected_resources(self, action: str) -> list[Resource]:
        """Return the resources that an action would apply to."""
        if action in ("delete_resources", "switch_resources", "edit_resource"):
            return self.selected_resources()
        resource = self.selected_resource()
        return [resource] if resource is not None else []

    def disabled_reason(self, action: str) -> str | None:
        """Return why one of these actions is not available now, None if it is (or is not one of these)."""
        if self.forbidden:
            reasons = [self.forbidden.get((action, resource.key), "") for resource in self.affected_resources(action)]
            if reasons and all(reasons):
                return reasons[0]
        match action:
            case "edit_resource" if self.marked:
                return why_not_edited_together(self.selected_resources()) or None
            case "edit_resource" | "edit_outside" if self.selected_resource() is None:
                return self._why_not_editable()
            case "change_several" if not len(self._screen.snapshot):
                return "The app is not read yet."
            case "mark" if self.selected_resource() is None:
                return "Choose a resource of the app to mark it."
            case "duplicate_resource":
                resource = self.selected_resource()
                if resource is None:
                    return "There is nothing to copy here."
                if not KINDS[resource.kind].copyable:
                    return "drio makes apps from templates only; create one from the same template instead"
            case "delete_resources":
                resources = self.selected_resources()
                if not resources or not all(KINDS[resource.kind].deletable for resource in resources):
                    return "drio has no way to delete this."
            case "rebind_tool":
                return why_not_rebindable(self.selected_resource(), self._screen.snapshot)
            case "switch_resources":
                resources = self.selected_resources()
                if not resources or not all(KINDS[resource.kind].switchable for resource in resources):
                    return "Only tools and apps can be enabled and disabled."
        return None

    def _why_not_editable(self) -> str:
        node = self._screen.selected_node
        kind = kinds_to_add(node)[0][0] if node is not None and node.kind == "group" else ""
        if kind:
            title = KINDS[kind].title.lower()
            article = "an" if title[0] in "aeiou" else "a"
            return f"A heading cannot be edited: press a to add {article} {title}, or choose one."
        return "Choose a resource of the app to edit it."


_INSIDE = {"auth": "auth", "provider": "auth", "integration": "integration", "operation": "operation"}


def kinds_to_add(node: TreeNode | None) -> list[tuple[str, str]]:
    """Return the possible `(kind, parent id)` of a new resource: first those the cursor suggests, then the others."""
    parents: dict[str, str] = {}
    path = [node, *node.ancestors()] if node is not None else []
    for ancestor in path:
        if ancestor.kind == "integration" and ancestor.about:
            parents["operation"] = ancestor.about[1]
            break
    kinds = [_INSIDE.get(first.kind, first.kind if first.kind in ("tool", "widget") else "") for first in path[:1]]
    kinds += [_INSIDE.get(ancestor.key[-1], ancestor.key[-1]) for ancestor in path if ancestor.kind == "group"]
    suggested = [kind for kind in kinds if kind in KINDS and kind not in ("app",)]
    if suggested and suggested[0] == "operation":
        suggested = suggested[1:]
    order = [*suggested, *parents, *(kind for kind in KINDS if kind != "app")]
    return [(kind, parents.get(kind, "")) for kind in dict.fromkeys(order)]


def why_not_rebindable(tool: Resource | None, snapshot: Snapshot) -> str | None:
    """Return why a tool cannot be rebound, None if it can."""
    if tool is None or tool.kind != "tool":
        return "Only a tool is bound to an operation."
    match binding_state(tool.get("binding"), snapshot):
        case "stale":
            return None
        case "missing":
            return "Its operation is not there any more: e chooses another one."
        case "unbound":
            return "It is bound to nothing: e chooses an operation."
        case _:
            return "Its binding holds."


def why_not_edited_together(resources: Sequence[Resource]) -> str:
    """Return why the marked resources cannot be edited together, as a sentence; empty if they can."""
    counts = Counter(resource.kind for resource in resources)
    if len(counts) < 2:
        return ""
    return (
        f"{count_by_kind(resources)} are marked: only those of one kind are edited together; R can replace text in all."
    )


def count_by_kind(resources: Sequence[Resource]) -> str:
    """Return how many resources there are of each kind: `2 tools and 1 widget`."""
    counts = Counter(resource.kind for resource in resources)
    names = [
        f"{count} {KINDS[kind].plural.lower()}" if count > 1 else f"1 {KINDS[kind].title.lower()}"
        for kind, count in counts.items()
    ]
    return ", ".join(names[:-1]) + f" and {names[-1]}" if len(names) > 1 else names[0]
