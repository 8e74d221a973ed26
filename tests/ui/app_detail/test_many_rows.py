"""An app with tens of thousands of resources: its pages show only the first ones."""

from __future__ import annotations

from drio_tui.ui.app_detail.field_list import blocks_of
from drio_tui.ui.widgets.rich_text import layout
from drio_tui.workspace.model.tree_model import TreeModel
from tests.workspace.small_app import small_config, snapshot_of


def test_the_page_of_a_large_group_names_its_first_resources_and_counts_the_others() -> None:
    """F26: the tree has all of them, and draws only the visible lines."""
    config = small_config()
    config["tools"] += [{"id": f"t{n}", "name": f"Tool {n}", "order": n + 10} for n in range(20_000)]
    outline = TreeModel(snapshot_of(config))
    group = outline.by_key["group", "tool"]
    assert len(group.children) == 20_002
    lines = [line.plain for line in layout(blocks_of(group, outline), 100)]
    assert len(lines) < 600
    assert any("Tool 0" in line for line in lines)
    assert "… and 19,502 more: see the tree" in "\n".join(lines)
