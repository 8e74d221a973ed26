"""How the operations of the import screen differ from those of the app, and the plan that updates them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from textual.content import Content

from drio_tui.openapi_import.document import Document
from drio_tui.openapi_import.errors import ImportFailed
from drio_tui.openapi_import.model import OperationSummary
from drio_tui.openapi_import.selection import OperationSelection
from drio_tui.openapi_import.updating import ComparedOperation, Comparison, UpdatePlan, compare_with_app, plan_update
from drio_tui.text import text_of
from drio_tui.ui.openapi_import.import_settings import ImportOptions
from drio_tui.ui.widgets.sanitize import sanitize, sanitize_line
from drio_tui.workspace.model.schema_history import SchemaHistory
from drio_tui.workspace.model.snapshot import Snapshot


class Updates:
    """The comparison of a document with an app; `server` returns the `server_id` of the drio."""

    def __init__(self, app_id: str, server: Callable[[], str]) -> None:
        self._app_id, self._server = app_id, server
        self._compared: dict[str, ComparedOperation] = {}

    async def compare(self, document: Document, snapshot: Snapshot, options: ImportOptions) -> Comparison | None:
        """Compare the document with the app; None if nothing of it is in the app, or another integration is made."""
        try:
            return None if options.again else await self._comparison(document, snapshot, options)
        except ImportFailed:
            return None

    async def _comparison(self, document: Document, snapshot: Snapshot, options: ImportOptions) -> Comparison:
        return await compare_with_app(
            document, snapshot, base_url=options.base_url, integration=options.integration,
            earlier=SchemaHistory(self._server(), self._app_id).of,
        )  # fmt: skip

    def mark(self, selection: OperationSelection, comparison: Comparison | None) -> bool:
        """Mark what is changed and gone in a selection; return whether that is something else than before."""
        operations = comparison.operations if comparison else ()
        self._compared = {item.id: item for item in operations}
        changed = frozenset(item.id for item in operations if item.state == "changed")
        gone = [_summary_of(item) for item in operations if item.state == "gone" and item.imported]
        if changed == selection.changed and selection.gone == {operation.id for operation in gone}:
            return False
        selection.set_compared(changed, gone)
        selection.set_existing(selection.existing | changed)
        return True

    async def plan(
        self, document: Document, snapshot: Snapshot, options: ImportOptions, gone: Collection[str]
    ) -> UpdatePlan:
        """Return the plan for the chosen operations: those in `gone` are deleted. Raises `ImportFailed`."""
        comparison = await self._comparison(document, snapshot, options)
        chosen = [id for id in options.chosen if id not in gone]
        prune = [id for id in options.chosen if id in gone]
        return await plan_update(
            comparison, chosen, prune=prune, tools=options.tools, complete=True, auth=options.auth
        )  # fmt: skip

    def lines(self, id: str) -> list[Content]:
        """Return what is to know about an operation of the app, for the user; empty where there is nothing."""
        item = self._compared.get(id)
        if item is None:
            return []
        lines = [sanitize(f"▲ {note}", "$text-warning") for note in item.notes()]
        names = dict.fromkeys(field.dotted for fields in item.fields.values() for field in fields)
        if item.state == "changed":
            what = ", ".join(names) or "what its tools are bound to"
            lines.insert(0, sanitize(f"~ Changed since it was imported: {what}. Space chooses it.", "$text-warning"))
        if item.state == "gone":
            lines.insert(0, sanitize_line(id, 200, "bold"))
            lines.append(Content("Space chooses it, to delete it with its tools."))
        return lines

    def raw(self, id: str) -> Any:
        """Return the operation of the app as drio returned it, None if there is none."""
        item = self._compared.get(id)
        return item.raw if item is not None else None


def _summary_of(item: ComparedOperation) -> OperationSummary:
    """Return an operation of the app as the picker lists those of the document."""
    raw = item.raw or {}
    return OperationSummary(item.id, text_of(raw, "method"), text_of(raw, "path"), text_of(raw, "name"))
