"""The line of tabs above a form, with the number of errors on each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.widgets.sanitize import sanitize_line


class TabStrip(Widget, can_focus=True):
    """Titles side by side, scrolled to the chosen one if there is no room for all."""

    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "form_tabs",
        "Tabs of a form",
        Key("form_tabs.next", "right,l", "go(1)", "Next tab", show=False, palette=False),
        Key("form_tabs.previous", "left,h", "go(-1)", "Previous tab", show=False, palette=False),
        Key("form_tabs.enter", "enter,down,j", "enter", "Into the tab", show=False, palette=False),
    )

    chosen: reactive[int] = reactive(0)
    """The number of the tab that is shown."""

    class Chosen(Message):
        """A tab was chosen; with `enter`, the focus should move into it."""

        def __init__(self, number: int, *, enter: bool = False) -> None:
            super().__init__()
            self.number = number
            self.enter = enter

    def __init__(self, titles: Sequence[str]) -> None:
        super().__init__()
        self._titles = list(titles)
        self._errors = [0] * len(self._titles)
        self._notes: dict[int, Content] = {}

    @property
    def counts(self) -> tuple[int, ...]:
        """The number of errors shown on each tab."""
        return tuple(self._errors)

    def count(self, errors: Sequence[int]) -> None:
        """Show the number of errors on each tab."""
        if list(errors) != self._errors:
            self._errors = list(errors)
            self.refresh()

    def note(self, number: int, note: Content) -> None:
        """Show a short text beside the title of a tab."""
        if self._notes.get(number) != note:
            self._notes[number] = note
            self.refresh()

    def _labels(self) -> list[Content]:
        labels: list[Content] = []
        for number, title in enumerate(self._titles):
            style = "$text-primary bold underline" if number == self.chosen else "$foreground-muted"
            if number == self.chosen and self.has_focus:
                style = "$block-cursor-foreground on $block-cursor-background bold"
            parts: list[Content | str | tuple[str, str]] = [sanitize_line(title, 24, style)]
            if self._notes.get(number):
                parts += [" ", self._notes[number]]
            if self._errors[number]:
                parts.append((f" ✗{self._errors[number]}", "$text-error bold"))
            labels.append(Content.assemble(" ", *parts, " "))
        return labels

    def _first_visible(self, labels: list[Content]) -> int:
        """Return the index of the first title to show, so that the chosen one is visible."""
        index = 0
        width = self.content_size.width
        while index < self.chosen and sum(label.cell_length for label in labels[index : self.chosen + 1]) > width:
            index += 1
        return index

    def visible_tabs(self) -> list[tuple[int, int]]:
        """Return the number of each tab that is visible, and the column at which it begins."""
        labels = self._labels()
        tabs: list[tuple[int, int]] = []
        column = 0
        for number in range(self._first_visible(labels), len(labels)):
            if column < self.content_size.width:
                tabs.append((number, column))
            column += labels[number].cell_length
        return tabs

    def render(self) -> Content:
        labels = self._labels()
        return Content.assemble(*labels[self._first_visible(labels) :])

    def action_go(self, step: int) -> None:
        self.post_message(self.Chosen((self.chosen + step) % len(self._titles)))

    def action_enter(self) -> None:
        self.choose(self.chosen)

    def choose(self, number: int) -> None:
        """Show a tab, and move the focus into it."""
        self.post_message(self.Chosen(number, enter=True))

    def on_click(self, event: events.Click) -> None:
        clicked = [number for number, column in self.visible_tabs() if column <= event.x]
        if clicked and event.x < sum(label.cell_length for label in self._labels()):
            self.choose(clicked[-1])
