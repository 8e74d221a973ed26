"""The kinds and parents offered for a new resource, depending on where the cursor is in the tree."""

from __future__ import annotations

from drio_tui.kinds import KINDS
from drio_tui.ui.dialogs.select_dialog import Choice
from drio_tui.workspace.model.tree_model import TreeNode

_INSIDE = {"auth": "auth", "provider": "auth", "integration": "integration", "operation": "operation"}


def kinds_to_add(node: TreeNode | None) -> list[Choice[tuple[str, str]]]:
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
    return [
        Choice((kind, parents.get(kind, "")), f"{KINDS[kind].symbol} {KINDS[kind].title}")
        for kind in dict.fromkeys(order)
    ]
