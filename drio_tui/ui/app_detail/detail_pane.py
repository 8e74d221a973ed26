"""The details of the selected node in the tabs Fields, JSON, References and Model, filled when first shown.

Only Fields has its widgets from the start; those of the others are mounted later, so that an app opens quickly.
"""

from __future__ import annotations

import asyncio

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import TabbedContent, TabPane

from drio_tui.asyncio_wait import import_in_thread
from drio_tui.kinds import KINDS
from drio_tui.ui.app_detail.config_tree import SYMBOLS
from drio_tui.ui.app_detail.field_list import blocks_of
from drio_tui.ui.widgets.empty_state import EmptyState
from drio_tui.ui.widgets.rich_text import Document
from drio_tui.ui.widgets.row_list import Column, Row, RowList
from drio_tui.ui.widgets.sanitize import sanitize_line
from drio_tui.workspace.model.references import Link
from drio_tui.workspace.model.snapshot import ResourceKey, Snapshot
from drio_tui.workspace.model.tools import tool_of
from drio_tui.workspace.model.tree_model import TreeModel, TreeNode

TABS = {"fields": "Fields", "json": "JSON", "references": "References", "model": "Model"}
_MODULES = {"json": "drio_tui.ui.widgets.json_view", "model": "drio_tui.ui.editing.model_view"}
"""The modules of the pages that this module does not import, by tab."""


class ReferenceList(RowList):
    """One row per reference: ↗ what it uses, ↙ what uses it; `target(row key)` returns the resource."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(
            Column("Item", min_width=20),
            Column("How", 40, min_width=10, rank=1),
            Column("At", 40, min_width=10, rank=2),
            id=id,
        )
        self._targets: dict[str, ResourceKey] = {}

    def target(self, row: str) -> ResourceKey | None:
        """Return the key of the resource of a row."""
        return self._targets.get(row)

    def show_for(self, key: ResourceKey | None, outline: TreeModel) -> int:
        """List the references of a resource; return their number."""
        self._targets = {}
        rows: list[Row] = []
        if key is not None:
            for number, link in enumerate(outline.links.uses(key)):
                rows.append(self._row(f"out{number}", link, link.target, link.label, outline))
            for number, link in enumerate(outline.links.used_by(key)):
                rows.append(self._row(f"in{number}", link, link.source, link.reverse, outline))
        self.show(rows)
        return len(rows)

    def _row(self, row_key: str, link: Link, key: ResourceKey, label: str, outline: TreeModel) -> Row:
        self._targets[row_key] = key
        resource = outline.snapshot.at(key)
        kind = KINDS[key[0]].title.lower() if key[0] in KINDS else key[0]
        sign = "↗ " if row_key.startswith("out") else "↙ "
        symbol = Content.assemble((sign, "$foreground-muted"), (f"{SYMBOLS.get(key[0], '•')} ", "$text-accent"))
        if resource is None:
            note = "  not there" if link.broken else ""
            item = Content.assemble(symbol, sanitize_line(key[1], 200), (note, "$text-error"))
        else:
            item = Content.assemble(symbol, sanitize_line(resource.name, 200), (f"  {kind}", "$foreground-muted"))
        return Row(row_key, (item, Content(label), sanitize_line(link.path, 60, "$foreground-muted")))


class DetailPane(Vertical):
    """Shows one node of a tree model."""

    class Jump(Message):
        """A reference was followed."""

        def __init__(self, key: ResourceKey) -> None:
            super().__init__()
            self.key = key

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._outline: TreeModel | None = None
        self._node: TreeNode | None = None
        self._stale = set(TABS)
        self._same_node = False
        self._mounted = {"fields"}
        self._mounting = asyncio.Lock()

    def compose(self) -> ComposeResult:
        with TabbedContent(initial="fields"):
            for name, title in TABS.items():
                with TabPane(title, id=name):
                    if name == "fields":
                        yield Document()

    async def mount_pages(self) -> None:
        """Mount the widgets of every tab."""
        for name in TABS:
            await self._mount_page(name)

    async def _mount_page(self, name: str) -> None:
        async with self._mounting:
            if name in self._mounted:
                return
            if name in _MODULES:
                await import_in_thread(_MODULES[name])
            await self.tabs.get_pane(name).mount(*_widgets_of(name))
            self._mounted.add(name)

    @property
    def tabs(self) -> TabbedContent:
        """The tabbed content."""
        return self.query_one(TabbedContent)

    def show(self, node: TreeNode, outline: TreeModel) -> None:
        """Show a node. If it is the same one as before (after a refresh), the scroll position is kept."""
        self._same_node = self._node is not None and self._node.key == node.key
        self._node, self._outline = node, outline
        self._stale = set(TABS)
        self._fill()

    async def open_tab(self, name: str) -> None:
        """Show a tab and focus it."""
        await self._mount_page(name)
        self.tabs.active = name
        self.focus_page()

    def focus_page(self) -> None:
        """Focus the open tab."""
        pane = self.tabs.active_pane
        for widget in pane.query("*") if pane else ():
            if widget.focusable:
                widget.focus()
                return
        self.tabs.query_one("Tabs").focus()

    @on(TabbedContent.TabActivated)
    async def _activated(self, event: TabbedContent.TabActivated) -> None:
        event.stop()
        await self._mount_page(self.tabs.active)
        self._fill()

    def _fill(self) -> None:
        name, node, outline = self.tabs.active, self._node, self._outline
        if node is None or outline is None or name not in self._stale & self._mounted:
            return
        self._stale.discard(name)
        if name == "fields":
            self.query_one(Document).show(blocks_of(node, outline), keep_place=self._same_node)
        elif name == "json":
            from drio_tui.ui.widgets.json_view import JsonView  # imported by `_mount_page`

            self.query_one(JsonView).show(json_of(node, outline))
        elif name == "model":
            self._show_model(node, outline.snapshot)
        else:
            references = self.query_one(ReferenceList)
            count = references.show_for(node.about, outline)
            references.display = count > 0
            self.query_one("#no-references").display = count == 0

    def _show_model(self, node: TreeNode, snapshot: Snapshot) -> None:
        """Show how AI clients list the tool of the node, or all tools at the app and at nodes that have no tool."""
        from drio_tui.ui.editing.model_view import ModelView  # imported by `_mount_page`

        id = tool_of(snapshot, *node.about) if node.about and len(node.about) == 2 else None
        resource = snapshot.resource("tool", id) if id else snapshot.app
        view = self.query_one(ModelView)
        if resource is None:
            view.look_at_nothing("The app is not read yet.")
        else:
            view.look_at(resource, snapshot, is_new=not self._same_node)

    @on(RowList.Opened)
    def _reference_opened(self, event: RowList.Opened) -> None:
        event.stop()
        target = self.query_one(ReferenceList).target(event.key)
        if target is not None:
            self.post_message(self.Jump(target))


def _widgets_of(tab: str) -> list[Widget]:
    match tab:
        case "json":
            from drio_tui.ui.widgets.json_view import JsonView  # imported by `_mount_page`

            return [JsonView()]
        case "model":
            from drio_tui.ui.editing.model_view import ModelView  # imported by `_mount_page`

            return [ModelView()]
        case _:
            nothing = EmptyState("No references", "Nothing uses it, and it uses nothing.", id="no-references")
            return [ReferenceList(), nothing]


def json_of(node: TreeNode, outline: TreeModel) -> object:
    """Return the JSON of a node: its value, its resource, or a list of that of its children."""
    if node.kind in ("binding", "chain", "action", "branding", "member", "deleted"):
        return node.value
    if node.kind == "group":
        if isinstance(node.value, dict):
            return node.value
        return [json_of(child, outline) for child in node.children if child.kind not in ("group", "pending", "failed")]
    if node.kind == "failed":
        return node.value.as_dict()
    resource = outline.snapshot.at(node.about) if node.about else None
    return resource.raw if resource else None
