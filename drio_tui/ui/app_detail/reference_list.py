"""The list of what a resource uses and what uses it; Enter on a row goes there."""

from __future__ import annotations

from textual.content import Content

from drio_tui.kinds import KINDS
from drio_tui.ui.app_detail.config_tree import SYMBOLS
from drio_tui.ui.widgets.row_list import Column, Row, RowList
from drio_tui.ui.widgets.sanitize import sanitize_line
from drio_tui.workspace.model.references import Link
from drio_tui.workspace.model.snapshot import ResourceKey
from drio_tui.workspace.model.tree_model import TreeModel


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
