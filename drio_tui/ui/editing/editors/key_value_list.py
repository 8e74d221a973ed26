"""Names with values, a line each, and what is said of each under it: mappings of slots, styles."""

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
from drio_tui.ui.editing.editors.base import Notes, say_end
from drio_tui.ui.widgets.line_editor import LineEditor


@dataclass(eq=False)
class Pair:
    """A name and its value. `loose` values may be any JSON scalar, others are text; `given` came with it."""

    name: str
    start: Any = ""
    loose: bool = False
    given: bool = False
    text: str = field(init=False)

    def __post_init__(self) -> None:
        self.text = shown(self.start)

    @property
    def value(self) -> Any:
        """The value as typed; as it came while its text is as it was."""
        if self.text == shown(self.start):
            return self.start
        if self.loose:
            try:
                found = loads(self.text)
            except MalformedJson:
                return self.text
            return found if not isinstance(found, str | dict | list) else self.text
        return self.text


def shown(value: Any) -> str:
    """A value as the text of a line."""
    return value if isinstance(value, str) else dumps(value)


def pairs_of(value: Any, *, loose: bool = False) -> list[Pair]:
    """The pairs in an object; none where it is no object."""
    return (
        [Pair(str(name), inner, loose, given=True) for name, inner in value.items()] if isinstance(value, dict) else []
    )


def object_of(pairs: list[Pair]) -> dict[str, Any]:
    """The object that the pairs make; new ones without a name are not in it yet."""
    return {pair.name: pair.value for pair in pairs if pair.name or pair.given}


class _Cross(Static):
    """Takes its row away."""

    def on_click(self, event: events.Click) -> None:
        event.stop()
        row = next(node for node in self.ancestors if isinstance(node, PairRow))
        row.post_message(PairRow.Removed(row))


class PairRow(Widget):
    """One pair: two lines to type in, and what is said of it."""

    class Edited(Message):
        """Name or value was typed."""

        def __init__(self, row: PairRow) -> None:
            super().__init__()
            self.row = row

    class Removed(Message):
        """The row is to go."""

        def __init__(self, row: PairRow) -> None:
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
            yield _Cross("✕", markup=False)
        yield Notes()

    def say(self, line: Content) -> None:
        """Say something of the pair."""
        if self.is_mounted:
            self.query_one(Notes).say([line])

    def put(self, text: str) -> None:
        """Type a value for the person."""
        self.query_one(".-value", LineEditor).value = text

    def focus_value(self) -> None:
        """Take the focus to the name where there is none yet or it is only begun, else to the value."""
        name = self.query_one(".-name", LineEditor)
        unfinished = not self.pair.name or self.pair.name.endswith(".")
        (name if unfinished else self.query_one(".-value", LineEditor)).focus()

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
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.screen.focus_next()


class PairList(Widget):
    """The rows of an object."""

    def __init__(self, placeholder: str, say: Callable[[list[Pair]], Mapping[int, Content]], *, id: str) -> None:
        super().__init__(id=id)
        self._placeholder = placeholder
        self._say = say
        self.pairs: list[Pair] = []

    @property
    def rows(self) -> list[PairRow]:
        """The rows on the screen, in order; those on their way out are none of them."""
        return [row for row in self.query_children(PairRow) if row.pair in self.pairs]

    def put(self, pairs: list[Pair]) -> None:
        """Show these pairs; the list is the caller's and is changed in place by `add`, `take` and `shift`."""
        self.pairs = pairs
        self.display = bool(pairs)
        if [row.pair for row in self.rows] == pairs:
            self.say()
            return
        self.remove_children()
        self.mount(*(PairRow(pair, self._placeholder) for pair in pairs))
        self.call_after_refresh(self.say)

    def say(self) -> None:
        """Say anew what there is to say of each."""
        said = self._say(self.pairs)
        for number, row in enumerate(self.rows):
            row.say(said.get(number, Content()))

    def add(self, pair: Pair) -> None:
        """One more, with the focus on it."""
        self.pairs.append(pair)
        self.display = True
        row = PairRow(pair, self._placeholder)
        self.mount(row)
        row.call_after_refresh(row.focus_value)

    def take(self, row: PairRow) -> None:
        """Take a row away; the focus goes to its neighbour."""
        rows = self.rows
        at = rows.index(row)
        self.pairs.remove(row.pair)
        self.display = bool(self.pairs)
        other = rows[at + 1] if at + 1 < len(rows) else rows[at - 1] if at else None
        if other is not None:
            other.focus_value()
        row.remove()

    def shift(self, row: PairRow, step: int) -> None:
        """Move a row up or down."""
        at = self.pairs.index(row.pair)
        other = at + step
        if 0 <= other < len(self.pairs):
            self.pairs[at], self.pairs[other] = self.pairs[other], self.pairs[at]
            target = next(one for one in self.rows if one.pair is self.pairs[at])
            if step < 0:
                self.move_child(row, before=target)
            else:
                self.move_child(row, after=target)
        else:
            say_end(self, step)
