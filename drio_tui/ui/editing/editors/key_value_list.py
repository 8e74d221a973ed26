"""A list of names with values, one per line with a note below it: field mappings, styles."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Static

from drio_tui.api.json_codec import MalformedJson, dumps, loads
from drio_tui.ui.editing.editors.base import Notes, notify_at_end
from drio_tui.ui.widgets.line_editor import LineEditor


@dataclass(eq=False)
class Pair:
    """A name and its value.

    With `any_scalar`, the text may be any JSON scalar, else it is a string. `loaded` is true for pairs of the resource.
    """

    name: str
    original: Any = ""
    any_scalar: bool = False
    loaded: bool = False
    text: str = field(init=False)

    def __post_init__(self) -> None:
        self.text = value_text(self.original)

    @property
    def value(self) -> Any:
        """The typed value; while the text is unchanged, the original value, whatever its type."""
        if self.text == value_text(self.original):
            return self.original
        if self.any_scalar:
            try:
                value = loads(self.text)
            except MalformedJson:
                return self.text
            return value if not isinstance(value, str | dict | list) else self.text
        return self.text


def value_text(value: Any) -> str:
    """Return a value as the text of its field."""
    return value if isinstance(value, str) else dumps(value)


def pairs_from(value: Any, *, any_scalar: bool = False) -> list[Pair]:
    """Return the pairs of an object, none if the value is not an object."""
    return (
        [Pair(str(name), inner, any_scalar, loaded=True) for name, inner in value.items()]
        if isinstance(value, dict)
        else []
    )


def object_from(pairs: list[Pair]) -> dict[str, Any]:
    """Return the object of these pairs; new ones without a name are left out."""
    return {pair.name: pair.value for pair in pairs if pair.name or pair.loaded}


class _RemoveButton(Static):
    """Removes its row."""

    def on_click(self, event: events.Click) -> None:
        event.stop()
        row = next(node for node in self.ancestors if isinstance(node, KeyValueRow))
        row.post_message(KeyValueRow.Removed(row))


class KeyValueRow(Widget):
    """The fields of a pair, and a note."""

    class Edited(Message):
        """The name or the value was edited."""

        def __init__(self, row: KeyValueRow) -> None:
            super().__init__()
            self.row = row

    class Removed(Message):
        """The user wants the row removed."""

        def __init__(self, row: KeyValueRow) -> None:
            super().__init__()
            self.row = row

    def __init__(self, pair: Pair, placeholder: str) -> None:
        super().__init__()
        self.pair = pair
        self._placeholder = placeholder

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield LineEditor(self.pair.name, placeholder="name", classes="-name")
            yield LineEditor(self.pair.text, placeholder=self._placeholder, classes="-value")
            yield _RemoveButton("✕", markup=False)
        yield Notes()

    def show_note(self, note: Content) -> None:
        """Show a note about the pair."""
        if self.is_mounted:
            self.query_one(Notes).show_lines([note])

    def set_text(self, text: str) -> None:
        """Set the text of the value, as if it had been typed."""
        self.query_one(".-value", LineEditor).value = text

    def focus_value(self) -> None:
        """Focus the name if it is empty or ends with a dot, else the value."""
        name = self.query_one(".-name", LineEditor)
        incomplete = not self.pair.name or self.pair.name.endswith(".")
        (name if incomplete else self.query_one(".-value", LineEditor)).focus()

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if event.input.has_class("-name"):
            if event.value == self.pair.name:
                return
            self.pair.name = event.value
        else:
            if event.value == self.pair.text:
                return
            self.pair.text = event.value
        self.post_message(self.Edited(self))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.screen.focus_next()


class KeyValueList(Widget):
    """The rows of an object. `notes_for` returns the notes of the pairs by index."""

    def __init__(self, placeholder: str, notes_for: Callable[[list[Pair]], Mapping[int, Content]], *, id: str) -> None:
        super().__init__(id=id)
        self._placeholder = placeholder
        self._notes_for = notes_for
        self.pairs: list[Pair] = []

    @property
    def rows(self) -> list[KeyValueRow]:
        """The mounted rows in order, without those that are being removed."""
        return [row for row in self.query_children(KeyValueRow) if row.pair in self.pairs]

    def set_pairs(self, pairs: list[Pair]) -> None:
        """Show these pairs. `add_pair`, `remove_row` and `move_row` change the caller's list in place."""
        self.pairs = pairs
        self.display = bool(pairs)
        if [row.pair for row in self.rows] == pairs:
            self.show_notes()
            return
        self.remove_children()
        self.mount(*(KeyValueRow(pair, self._placeholder) for pair in pairs))
        self.call_after_refresh(self.show_notes)

    def show_notes(self) -> None:
        """Update the note of every row."""
        notes = self._notes_for(self.pairs)
        for number, row in enumerate(self.rows):
            row.show_note(notes.get(number, Content()))

    def add_pair(self, pair: Pair) -> None:
        """Append a pair and focus its row."""
        self.pairs.append(pair)
        self.display = True
        row = KeyValueRow(pair, self._placeholder)
        self.mount(row)
        row.call_after_refresh(row.focus_value)

    def remove_row(self, row: KeyValueRow) -> None:
        """Remove a row and its pair; the focus moves to the next row, else to the previous one."""
        rows = self.rows
        at = rows.index(row)
        self.pairs.remove(row.pair)
        self.display = bool(self.pairs)
        neighbour = rows[at + 1] if at + 1 < len(rows) else rows[at - 1] if at else None
        if neighbour is not None:
            neighbour.focus_value()
        row.remove()

    def move_row(self, row: KeyValueRow, step: int) -> None:
        """Move a row up or down."""
        at = self.pairs.index(row.pair)
        other = at + step
        if 0 <= other < len(self.pairs):
            self.pairs[at], self.pairs[other] = self.pairs[other], self.pairs[at]
            target = next(other_row for other_row in self.rows if other_row.pair is self.pairs[at])
            if step < 0:
                self.move_child(row, before=target)
            else:
                self.move_child(row, after=target)
        else:
            notify_at_end(self, step)
