"""Where a new resource goes: its kind and its parent, from where the cursor is in the tree."""

from __future__ import annotations

from drio_tui.kinds import KINDS
from drio_tui.ui.dialogs.select_dialog import Choice
from drio_tui.workspace.model.tree_model import TreeNode

_INSIDE = {"auth": "auth", "provider": "auth", "integration": "integration", "operation": "operation"}


def kinds_to_add(node: TreeNode | None) -> list[Choice[tuple[str, str]]]:
    """What can be made here as `(kind, parent id)`: what the cursor suggests first, then the others."""
    first: list[tuple[str, str]] = []
    path = [node, *node.ancestors()] if node is not None else []
    for one in path:
        if one.kind == "integration" and one.about:
            first.append(("operation", one.about[1]))
            break
    kinds = [_INSIDE.get(one.kind, one.kind if one.kind in ("tool", "widget") else "") for one in path[:1]]
    kinds += [_INSIDE.get(one.key[-1], one.key[-1]) for one in path if one.kind == "group"]
    wanted = [kind for kind in kinds if kind in KINDS and kind not in ("app",)]
    if wanted and wanted[0] == "operation":
        wanted = wanted[1:]
    parents = dict(first)
    order = [*wanted, *parents, *(kind for kind in KINDS if kind != "app")]
    return [
        Choice((kind, parents.get(kind, "")), f"{KINDS[kind].symbol} {KINDS[kind].title}")
        for kind in dict.fromkeys(order)
    ]
