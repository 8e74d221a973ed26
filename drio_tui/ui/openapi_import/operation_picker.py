"""The operations of an OpenAPI document to choose from: a filter, the list, and what the chosen ones come to."""

from __future__ import annotations

from collections.abc import Sequence
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
from drio_tui.tool_calls.token_count import kilobytes
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.widgets.filter_input import FilterInput
from drio_tui.ui.widgets.row_list import Column, Row, RowList
from drio_tui.ui.widgets.sanitize import safe_line

_MARK_CELLS = 4
_METHODS = {"GET": "$text-success", "HEAD": "$text-success", "OPTIONS": "$text-success", "DELETE": "$text-error"}


class OperationRows(RowList):
    """The list. A click on a row's mark chooses it."""

    class Marked(Message):
        """The mark of a row was clicked."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    def on_click(self, event: events.Click) -> None:
        super().on_click(event)
        if event.y and event.x < _MARK_CELLS and event.chain == 1 and self.key is not None:
            self.post_message(self.Marked(self.key))


class OperationPicker(Vertical):
    """Choose operations by Space, by tag, or all that the filter shows. `choosing` holds what is chosen.

    It fills whatever room it is given; `show` gives it the operations. Enter and a double click post `Opened`.
    """

    DEFAULT_CSS = """
    OperationPicker {
        height: 1fr;
        & > OperationRows { height: 1fr; }
        & > .-sum { height: 1; padding: 0 1; background: $surface; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "operations",
        "Operations of an OpenAPI document",
        Key("operations.choose", "space", "choose", "Choose", "Choose the operation, or no longer"),
        Key("operations.all", "a", "toggle_shown", "All shown", "Choose all that the filter shows, or none of them"),
        Key("operations.tag", "A", "toggle_tag", "All of its tag", "Choose all with the same tag, or none of them"),
        Key("operations.none", "u", "clear", "None", "Choose none", show=False),
        Key("operations.filter", "slash", "filter", "Filter", "Words in method, path, summary or tag; tag:… is:safe …"),
    )

    class Changed(Message):
        """Other operations are chosen."""

        def __init__(self, picker: OperationPicker) -> None:
            super().__init__()
            self.picker = picker

    class Moved(Message):
        """The cursor stands on another operation, on none where `id` is None."""

        def __init__(self, picker: OperationPicker, id: str | None) -> None:
            super().__init__()
            self.picker = picker
            self.id = id

    class Opened(Message):
        """An operation is to be looked at."""

        def __init__(self, picker: OperationPicker, id: str) -> None:
            super().__init__()
            self.picker = picker
            self.id = id

    def __init__(self, operations: Sequence[OperationSummary] = (), *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.choosing = OperationSelection(operations)
        self._cache: dict[str, Row] = {}
        self._shown: list[OperationSummary] = []

    def compose(self) -> ComposeResult:
        yield FilterInput(placeholder="/ to filter: words, tag:…, is:safe, is:chosen")
        yield OperationRows(
            Column("", 2),
            Column("Method", 7),
            Column("Path", least=18, cut="middle"),
            Column("Summary", least=16, rank=2),
            Column("Tag", 24, least=8, rank=3),
            Column("Tokens", 7, align="right", rank=1),
        )
        yield Static(classes="-sum", markup=False)

    def on_mount(self) -> None:
        self._fill()

    @property
    def rows(self) -> OperationRows:
        """The list."""
        return self.query_one(OperationRows)

    @property
    def id_here(self) -> str | None:
        """The id of the operation that the cursor is on."""
        return self.rows.key

    def show(self, operations: Sequence[OperationSummary], chosen: Sequence[str] = ()) -> None:
        """Show other operations; `chosen` are ids to be chosen at first."""
        self.choosing = OperationSelection(operations)
        self.choosing.choose(chosen)
        self.refresh_rows()

    def refresh_rows(self) -> None:
        """Draw all of it anew, after `choosing` was changed from outside."""
        self._cache.clear()
        self._fill()
        self.post_message(self.Changed(self))

    def focus_list(self) -> None:
        """Take the focus to the list."""
        self.rows.focus()

    # -- drawing ----------------------------------------------------------------------------------

    def _fill(self) -> None:
        if not self.is_mounted:
            return
        self._shown = self.choosing.shown(self.query_one(FilterInput).value)
        self.rows.show([self._cache.get(one.id) or self._row(one) for one in self._shown])
        self._sum()

    def _row(self, one: OperationSummary) -> Row:
        choosing = self.choosing
        if one.id in choosing.made:
            mark = Content.styled("✓", "$text-success")
        elif choosing.is_chosen(one.id):
            mark = Content.styled("●", "$text-accent")
        else:
            mark = Content.styled("✗", "$text-error") if one.obstacle else Content.styled("○", "$foreground-muted")
        # What is left out (▲) and what is going away (†) is said by a sign, since a line has no room for more.
        signs = ("▲" if one.notes else "") + ("†" if one.deprecated else "")
        path = safe_line(one.path, 200, "$foreground-muted" if one.obstacle else "")
        row = Row(
            one.id,
            (
                mark,
                safe_line(one.method, 7, _METHODS.get(one.method, "$text-warning")),
                Content.assemble(path, (f" {signs}", "$text-warning")) if signs else path,
                safe_line(one.summary, 120),
                safe_line(", ".join(one.tags), 60, "$foreground-muted"),
                Content(f"{one.tokens:,}"),
            ),
        )
        self._cache[one.id] = row
        return row

    def _sum(self) -> None:
        choosing = self.choosing
        total = len(choosing.operations)
        shown = "" if len(self._shown) == total else f"{len(self._shown):,} of "
        parts = [Content(shown + count_of(total, "operation"))]
        if choosing.made:
            parts.append(Content.styled(f"✓ {len(choosing.made)} in the app", "$text-success"))
        if len(choosing):
            unsafe = f", {choosing.unsafe} change something" if choosing.unsafe else ""
            parts.append(Content.styled(f"● {len(choosing)} chosen{unsafe}", "$text-accent"))
            parts.append(Content(f"{kilobytes(choosing.bytes)}, about {choosing.tokens:,} tokens"))
        else:
            parts.append(Content.styled("tokens are estimated from what clients get of each tool", "$foreground-muted"))
        if choosing.warnings():
            parts.append(Content.styled("▲ many", "$text-warning"))
        self.query_one(".-sum", Static).update(Content("  ").join(parts), layout=False)

    # -- acting -----------------------------------------------------------------------------------

    def _changed(self, ids: Sequence[str]) -> None:
        for id in ids:
            self._cache.pop(id, None)
        self._fill()
        self.post_message(self.Changed(self))

    def action_choose(self) -> None:
        here = self.id_here
        if here is None:
            return
        why = self.choosing.toggle(here)
        if why:
            self.notify(safe_line(why, 300).plain, title="It cannot be taken", severity="warning", markup=False)
            return
        self._changed((here,))

    def action_toggle_shown(self) -> None:
        self._toggle_all([one.id for one in self._shown])

    def action_toggle_tag(self) -> None:
        if self.id_here is not None:
            self._toggle_all(self.choosing.tagged_as(self.id_here))

    def _toggle_all(self, ids: Sequence[str]) -> None:
        self.choosing.toggle_all(ids)
        self._changed(ids)

    def action_clear(self) -> None:
        before = self.choosing.chosen
        self.choosing.clear()
        self._changed(before)

    def action_filter(self) -> None:
        self.query_one(FilterInput).focus()

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._fill()

    @on(FilterInput.Leave)
    def _to_list(self, event: FilterInput.Leave) -> None:
        event.stop()
        self.focus_list()

    @on(OperationRows.Marked)
    def _marked(self, event: OperationRows.Marked) -> None:
        event.stop()
        self.action_choose()

    @on(RowList.Moved)
    def _moved(self, event: RowList.Moved) -> None:
        event.stop()
        self.post_message(self.Moved(self, event.key))

    @on(RowList.Opened)
    def _opened(self, event: RowList.Opened) -> None:
        event.stop()
        self.post_message(self.Opened(self, event.key))
