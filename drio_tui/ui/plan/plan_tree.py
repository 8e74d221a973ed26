"""The tree of a plan: a line for each resource, and below an open one its properties, old and new.

Lines below a resource are made when it is opened, so that a plan of hundreds of resources is shown at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar, NamedTuple

from textual import events
from textual.binding import BindingType
from textual.message import Message
from textual.strip import Strip

from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.plan.plan_rows import (
    MARKS,
    MUTED,
    STYLES,
    ItemState,
    Line,
    PlanItem,
    detail_lines,
    matching,
    reason_lines,
    wrap,
)
from drio_tui.ui.widgets.tree_lines import Part, TreeLines, cells_of, clip, highlighted, words_pattern

_INDENT = 7
"""Cells before the lines below a resource."""


class _Row(NamedTuple):
    """A visible line: the line of an item, one below it (`line`), or a remark about the plan (no `item`)."""

    item: PlanItem | None
    line: Line = ()


class PlanTree(TreeLines):
    """Shows the changes of a plan, and how far each of them got.

    With `choosable`, each resource can be included or left out; `included` are the keys of the included ones.
    """

    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "plan",
        "The changes of a plan",
        Key("plan.include", "space", "toggle_included", "Include", "Include the resource, or leave it as it is"),
        Key("plan.include_all", "asterisk", "include_all", "Include all", "Include all that are shown, or none of them",
            show=False),
        Key("plan.filter", "slash", "filter", "Filter", "Show only the resources that match", show=False),
        Key("plan.next_failed", "exclamation_mark", "next_problem", "Next problem", "Go to the next resource that "
            "failed or is in conflict", show=False),
    )  # fmt: skip

    class Moved(Message):
        """Another resource is selected; `key` is None on a remark."""

        def __init__(self, tree: PlanTree, key: str | None) -> None:
            super().__init__()
            self.tree = tree
            self.key = key

        @property
        def control(self) -> PlanTree:
            return self.tree

    class ChoiceChanged(Message):
        """Resources were included or left out."""

    class FilterRequested(Message):
        """The filter field should be focused."""

    def __init__(self, *, choosable: bool = False, id: str | None = None) -> None:
        super().__init__(id=id)
        self.choosable = choosable
        self.items: Sequence[PlanItem] = ()
        self.included: set[str] = set()
        self.opened: set[str] = set()
        self.states: Mapping[str, ItemState] = {}
        self.rows: list[_Row] = []
        self.shown_items: Sequence[PlanItem] = ()
        self._before: Sequence[Part] = ()
        self._after: Sequence[Part] = ()
        self._query = ""
        self._key: str | None = None
        self._details: dict[str, list[Line]] = {}
        self._details_width = 0

    # -- content ----------------------------------------------------------------------------------

    @property
    def item(self) -> PlanItem | None:
        """The item that the cursor is on, or whose lines it is in."""
        return self.rows[self.cursor].item if 0 <= self.cursor < len(self.rows) else None

    @property
    def has_problems(self) -> bool:
        """Whether there are problems above the plan."""
        return bool(self._before)

    @property
    def line_count(self) -> int:
        return len(self.rows)

    def show(
        self,
        items: Sequence[PlanItem],
        *,
        problems: Iterable[str] = (),
        notes: Iterable[str] = (),
        included: Iterable[str] | None = None,
    ) -> None:
        """Show a plan; `problems` are shown above it, `notes` below. Cursor and open items stay, by key.

        `included` are the keys of the items that are included now; by default all are.
        """
        self.items = items
        self._before = [(f"! {text}", STYLES["conflict"]) for text in problems]
        self._after = [(text, MUTED) for text in notes]
        keys = {item.key for item in items}
        self.included = keys if included is None else keys.intersection(included)
        self.opened &= keys
        self._details.clear()
        self._update_rows(follow_item=True)
        self.post_message(self.ChoiceChanged())

    def set_states(self, states: Mapping[str, ItemState]) -> None:
        """Show how far the items got; an item without a state has none to show."""
        before, self.states = self.states, states
        reasons_shown = any(states.get(key) != before.get(key) for key in self.opened)
        if self._query or reasons_shown:
            self._update_rows()
        else:
            self.refresh()
        if bool(before) != bool(states):
            self.refresh_bindings()

    def filter(self, query: str) -> None:
        """Show only the items that have every word of the query."""
        self._query = query.strip()
        self._update_rows(follow_item=True)

    def choose(self, key: str) -> None:
        """Move the cursor to an item, if it is shown."""
        index = next((index for index, row in enumerate(self.rows) if row.item and row.item.key == key), None)
        if index is not None:
            self.cursor = index

    def _update_rows(self, *, follow_item: bool = False) -> None:
        """Make the list of lines again; the cursor stays on its line, with `follow_item` on its resource."""
        width = max(24, self.scrollable_content_region.width - _INDENT - 1)
        if width != self._details_width:
            self._details_width = width
            self._details.clear()
        current = self.rows[self.cursor] if 0 <= self.cursor < len(self.rows) else None
        offset = self.cursor - self._index_of(self._key) if current is not None and current.item is not None else 0
        self.shown_items = matching(self.items, self.states, self._query) if self._query else self.items
        rows = [_Row(None, line) for part in self._before for line in self._remark(part)]
        for item in self.shown_items:
            rows.append(_Row(item))
            if item.key in self.opened:
                rows += [_Row(item, line) for line in self._lines_below(item)]
        if not self.shown_items and self._query:
            rows.append(_Row(None, (("No resource matches.", MUTED),)))
        if self._after and rows:
            rows.append(_Row(None))
        rows += [_Row(None, line) for part in self._after for line in self._remark(part)]
        self.rows = rows
        index = self._index_of(self._key)
        if index < 0:
            first = next((at for at, row in enumerate(rows) if row.item is not None), 0)
            index = first if follow_item else max(0, min(self.cursor, len(rows) - 1))
        elif not follow_item and index + offset < len(rows) and rows[index + offset].item is rows[index].item:
            index += offset
        self.lines_changed(index)

    def _index_of(self, key: str | None) -> int:
        """Return the index of the line of an item, -1 if it is not shown."""
        if key is None:
            return -1
        return next((at for at, row in enumerate(self.rows) if row.item is not None and row.item.key == key), -1)

    def _lines_below(self, item: PlanItem) -> list[Line]:
        lines = self._details.get(item.key)
        if lines is None:
            lines = self._details[item.key] = detail_lines(item.prepare(item.change), self._details_width)
        state = self.states.get(item.key)
        return [*reason_lines(state, self._details_width), *lines] if state is not None and state.why else lines

    def _can_open(self, item: PlanItem) -> bool:
        """Return whether there are lines below an item: its properties, or why it failed."""
        return item.has_details or bool((state := self.states.get(item.key)) and state.why)

    def _remark(self, part: Part) -> list[Line]:
        text, style = part
        shown = clip(text, 2_000)[0]
        return [((piece, style),) for piece in wrap(shown, max(24, self.scrollable_content_region.width - 2))]

    def cursor_moved(self) -> None:
        item = self.item
        key = item.key if item is not None else None
        if key != self._key:
            self._key = key
            self.post_message(self.Moved(self, key))

    def on_resize(self, event: events.Resize) -> None:
        self._update_rows()

    # -- drawing ----------------------------------------------------------------------------------

    def draw_line(self, index: int, width: int, highlight: str) -> Strip:
        row = self.rows[index]
        if row.line:
            indent = " " * (_INDENT if row.item is not None else 1)
            return self.strip_of([(indent, ""), *row.line], width, highlight)
        if row.item is None:
            return Strip.blank(width, self.visual_style.rich_style)
        return self.strip_of(self._line_of(row.item, width), width, highlight)

    def _line_of(self, item: PlanItem, width: int) -> list[Part]:
        """Return the line of an item: arrow, choice or state, symbol, title, and a note as far as there is room."""
        change, state = item.change, self.states.get(item.key)
        arrow = "  " if not self._can_open(item) else "▾ " if item.key in self.opened else "▸ "
        left_out = self.choosable and item.key not in self.included
        if state is not None:
            mark = MARKS[state.progress]
        elif self.choosable:
            mark = ("○", MUTED) if left_out else ("●", "$text-accent")
        else:
            mark = ("", "")
        symbol, symbol_style = item.shown_symbol
        space = " " if mark[0] else ""
        prefix: list[Part] = [
            (" ", ""), (arrow, MUTED), mark, (f"{space}{symbol} ", MUTED if left_out else symbol_style)
        ]  # fmt: skip
        room = max(4, width - cells_of(prefix) - 1)
        title, used = clip(item.shown_title, room)
        pattern = words_pattern(self._query)
        parts = prefix + highlighted(title, MUTED if left_out else "", pattern)
        text, style = item.note, STYLES["conflict"] if change.action == "conflict" and not left_out else MUTED
        if state is not None and state.why:
            text, style = state.why, state.style
        elif left_out and change.action != "conflict":
            text = "left as it is"
        if text and room - used > 6:
            parts += [("  ", ""), *highlighted(clip(text, room - used - 2)[0], style, pattern)]
        return parts

    # -- actions ----------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide the keys that choose resources where nothing can be chosen."""
        return action not in ("toggle_included", "include_all") or (self.choosable and not self.states)

    def action_toggle_included(self) -> None:
        item = self.item
        if item is not None and self.choosable and not self.states:
            self.included ^= {item.key}
            self._choice_changed()

    def action_include_all(self) -> None:
        if self.choosable and not self.states:
            keys = {item.key for item in self.shown_items}
            self.included = self.included - keys if keys <= self.included else self.included | keys
            self._choice_changed()

    def _choice_changed(self) -> None:
        self.refresh()
        self.post_message(self.ChoiceChanged())

    def action_filter(self) -> None:
        self.post_message(self.FilterRequested())

    def action_next_problem(self) -> None:
        wanted = [
            index
            for index, row in enumerate(self.rows)
            if row.item is not None and not row.line and self._has_problem(row.item)
        ]
        if wanted:
            self.cursor = next((index for index in wanted if index > self.cursor), wanted[0])

    def _has_problem(self, item: PlanItem) -> bool:
        state = self.states.get(item.key)
        return item.change.action == "conflict" if state is None else state.progress == "failed"

    def action_toggle_node(self) -> None:
        item = self.item
        if item is not None and self._can_open(item):
            self._set_open(item, item.key not in self.opened)

    def action_enter(self) -> None:
        self.action_toggle_node()

    def action_open(self) -> None:
        item = self.item
        if item is not None and self._can_open(item):
            if item.key in self.opened:
                self.cursor += 1
            else:
                self._set_open(item, True)

    def action_close(self) -> None:
        item = self.item
        if item is None:
            return
        if self.rows[self.cursor].line:
            self.cursor = self._index_of(item.key)
        elif item.key in self.opened:
            self._set_open(item, False)

    def _set_open(self, item: PlanItem, opened: bool) -> None:
        (self.opened.add if opened else self.opened.discard)(item.key)
        self._update_rows(follow_item=True)

    def action_open_all(self) -> None:
        self.opened = {item.key for item in self.items if self._can_open(item)}
        self._update_rows(follow_item=True)

    def action_close_all(self) -> None:
        self.opened = set()
        self._update_rows(follow_item=True)

    def on_click(self, event: events.Click) -> None:
        index = event.y + self.scroll_offset.y
        if index >= len(self.rows):
            return
        self.cursor = index
        row = self.rows[index]
        if row.item is None or row.line:
            return
        if event.x in (3, 4) and self.choosable and not self.states:
            self.action_toggle_included()
        elif event.x < 3 or event.chain == 2:
            self.action_toggle_node()
