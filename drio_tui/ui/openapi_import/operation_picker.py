"""The picker for operations of an OpenAPI document: a filter, the list, and the totals of the chosen operations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from drio_tui.openapi_import.model import OperationSummary
from drio_tui.openapi_import.selection import OperationSelection
from drio_tui.text import count_of
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.widgets.filter_input import FilterInput
from drio_tui.ui.widgets.row_list import Column, Row, RowList
from drio_tui.ui.widgets.sanitize import sanitize_line

_MARK_CELLS = 4
_MARKS = {
    "new": ("○", "$foreground-muted"), "unchanged": ("✓", "$text-success"), "changed": ("~", "$text-warning"),
    "gone": ("-", "$text-error"), "cannot be taken": ("✗", "$text-error"),
}  # fmt: skip
"""The mark and the style of the operations of each state."""
_CHANGE = {True: "changes", False: "change"}
_METHODS = {"GET": "$text-success", "HEAD": "$text-success", "OPTIONS": "$text-success", "DELETE": "$text-error"}


class OperationRows(RowList):
    """The list of operations. A click on a row's mark chooses the operation."""

    class MarkClicked(Message):
        """The mark of a row was clicked."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    def on_click(self, event: events.Click) -> None:
        super().on_click(event)
        if event.y and event.x < _MARK_CELLS and event.chain == 1 and self.key is not None:
            self.post_message(self.MarkClicked(self.key))


class OperationPicker(Vertical):
    """Choose operations by Space, by tag, or all that the filter shows. `selection` is the selection.

    `show` sets the operations. Enter and a double click post `Opened`.
    """

    DEFAULT_CSS = """
    OperationPicker {
        height: 1fr;
        & > OperationRows { height: 1fr; }
        & > .-totals {
            height: 2; padding: 0 1; background: $surface; text-wrap: nowrap; text-overflow: ellipsis;
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "operations",
        "Operations of an OpenAPI document",
        Key("operations.choose", "space", "choose", "Choose", "Choose the operation, or undo that"),
        Key("operations.all", "a", "toggle_shown", "All", "Choose all that the filter shows, or none of them"),
        Key("operations.tag", "A", "toggle_tag", "Its tag", "Choose all with the same tag, or none of them"),
        Key("operations.none", "u", "clear", "None", "Choose none", show=False),
        Key("operations.filter", "slash", "filter", "Filter", "Words in method, path, summary or tag; tag:… is:safe …"),
    )

    class Changed(Message):
        """The selection changed."""

        def __init__(self, picker: OperationPicker) -> None:
            super().__init__()
            self.picker = picker

    class Moved(Message):
        """The cursor moved to another operation; `id` is None if the list is empty."""

        def __init__(self, picker: OperationPicker, id: str | None) -> None:
            super().__init__()
            self.picker = picker
            self.id = id

    class Opened(Message):
        """An operation was opened with Enter or a double click."""

        def __init__(self, picker: OperationPicker, id: str) -> None:
            super().__init__()
            self.picker = picker
            self.id = id

    def __init__(self, operations: Sequence[OperationSummary] = (), *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.selection = OperationSelection(operations)
        self._cache: dict[str, Row] = {}
        self._shown: list[OperationSummary] = []

    def compose(self) -> ComposeResult:
        yield FilterInput(placeholder="/ to filter: words, tag:…, is:safe, is:chosen, is:changed")
        yield OperationRows(
            Column("", 2),
            Column("Method", 7),
            Column("Path", min_width=18, cut="middle"),
            Column("Summary", min_width=16, rank=2),
            Column("Tag", 24, min_width=8, rank=3),
            Column("Tokens", 7, align="right", rank=1),
        )
        yield Static(classes="-totals", markup=False)

    def on_mount(self) -> None:
        self._fill()

    @property
    def rows(self) -> OperationRows:
        """The list of operations."""
        return self.query_one(OperationRows)

    @property
    def current_id(self) -> str | None:
        """The id of the operation under the cursor."""
        return self.rows.key

    def show(self, operations: Sequence[OperationSummary], chosen: Sequence[str] = ()) -> None:
        """Show other operations; `chosen` are the ids that are chosen initially."""
        self.selection = OperationSelection(operations)
        self.selection.choose(chosen)
        self.refresh_rows()

    def refresh_rows(self) -> None:
        """Draw all rows again, after the caller has changed `selection`."""
        self._cache.clear()
        self._fill()
        self.post_message(self.Changed(self))

    def focus_list(self) -> None:
        """Focus the list."""
        self.rows.focus()

    # -- display ----------------------------------------------------------------------------------

    def _fill(self) -> None:
        if not self.is_mounted:
            return
        self._shown = self.selection.shown(self.query_one(FilterInput).value)
        self.rows.show([self._cache.get(operation.id) or self._row(operation) for operation in self._shown])
        self._update_totals()

    def _row(self, operation: OperationSummary) -> Row:
        selection = self.selection
        # The second cell says of an operation of the app how it differs: ~ changed, - gone.
        sign = "~" if operation.id in selection.changed else "-" if operation.id in selection.gone else ""
        sign_style = "$text-error" if sign == "-" else "$text-warning"
        if selection.is_chosen(operation.id):
            mark = Content.assemble(("●", "$text-accent"), (sign, sign_style))
        elif sign:
            mark = Content.assemble(("○", "$foreground-muted"), (sign, sign_style))
        elif operation.id in selection.existing:
            mark = Content.styled("✓", "$text-success")
        elif operation.obstacle:
            mark = Content.styled("✗", "$text-error")
        else:
            mark = Content.styled("○", "$foreground-muted")
        # Signs save space: ▲ something is left out, † deprecated.
        signs = ("▲" if operation.notes else "") + ("†" if operation.deprecated else "")
        path = sanitize_line(operation.path, 200, "$foreground-muted" if operation.obstacle else "")
        row = Row(
            operation.id,
            (
                mark,
                sanitize_line(operation.method, 7, _METHODS.get(operation.method, "$text-warning")),
                Content.assemble(path, (f" {signs}", "$text-warning")) if signs else path,
                sanitize_line(operation.summary, 120),
                sanitize_line(", ".join(operation.tags), 60, "$foreground-muted"),
                Content(f"{operation.tokens:,}"),
            ),
        )
        self._cache[operation.id] = row
        return row

    def _update_totals(self) -> None:
        """Count the operations by their marks, and those that are chosen below."""
        selection, counts = self.selection, self.selection.counts
        total = len(selection.operations)
        if len(self._shown) == total:
            parts = [Content(count_of(total - counts["gone"], "operation"))]
        else:
            parts = [Content(f"{len(self._shown):,} of {count_of(total, 'operation')}")]
        for state, (mark, style) in _MARKS.items():
            if counts[state]:
                parts.append(Content.styled(f"{mark} {counts[state]:,} {state}", style))
        lines = [Content("  ").join(parts), Content("  ").join(self._chosen_parts())]
        self.query_one(".-totals", Static).update(Content("\n").join(lines), layout=False)

    def _chosen_parts(self) -> Iterator[Content]:
        selection = self.selection
        if not len(selection):
            yield Content.styled("Tokens are estimated from what clients get of each tool.", "$foreground-muted")
            return
        chosen = {*selection.chosen}
        kinds = {
            "new": len(selection.added), "to update": len(chosen & selection.changed),
            "to delete": len(chosen & selection.gone),
        }  # fmt: skip
        text = ", ".join(f"{count:,} {kind}" for kind, count in kinds.items() if count)
        yield Content.styled(f"● {len(chosen):,} chosen: {text}", "$text-accent")
        if selection.added:
            unsafe = selection.unsafe
            yield Content(f"about {selection.tokens:,} tokens")
            if unsafe:
                yield Content.styled(f"{unsafe:,} {_CHANGE[unsafe == 1]} something", "$text-warning")
        if selection.warnings():
            yield Content.styled("▲ many", "$text-warning")

    # -- actions ----------------------------------------------------------------------------------

    def _selection_changed(self, ids: Sequence[str]) -> None:
        for id in ids:
            self._cache.pop(id, None)
        self._fill()
        self.post_message(self.Changed(self))

    def action_choose(self) -> None:
        id = self.current_id
        if id is None:
            return
        reason = self.selection.toggle(id)
        if reason:
            self.notify(sanitize_line(reason, 300).plain, title="It cannot be taken", severity="warning", markup=False)
            return
        self._selection_changed((id,))

    def action_toggle_shown(self) -> None:
        self._toggle_all([operation.id for operation in self._shown])

    def action_toggle_tag(self) -> None:
        if self.current_id is not None:
            self._toggle_all(self.selection.tagged_as(self.current_id))

    def _toggle_all(self, ids: Sequence[str]) -> None:
        self.selection.toggle_all(ids)
        self._selection_changed(ids)

    def action_clear(self) -> None:
        before = self.selection.chosen
        self.selection.clear()
        self._selection_changed(before)

    def action_filter(self) -> None:
        self.query_one(FilterInput).focus()

    @on(Input.Changed)
    def _filter_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._fill()

    @on(FilterInput.Leave)
    def _filter_left(self, event: FilterInput.Leave) -> None:
        event.stop()
        self.focus_list()

    @on(OperationRows.MarkClicked)
    def _mark_clicked(self, event: OperationRows.MarkClicked) -> None:
        event.stop()
        self.action_choose()

    @on(RowList.Moved)
    def _cursor_moved(self, event: RowList.Moved) -> None:
        event.stop()
        self.post_message(self.Moved(self, event.key))

    @on(RowList.Opened)
    def _row_opened(self, event: RowList.Opened) -> None:
        event.stop()
        self.post_message(self.Opened(self, event.key))
