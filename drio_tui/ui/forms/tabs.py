"""The line of tabs over a form, with how many errors each has."""

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
from drio_tui.ui.widgets.sanitize import safe_line


class TabStrip(Widget, can_focus=True):
    """Titles side by side; the chosen one is scrolled into view where there is no room for all."""

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
        """Another tab is wanted; with `enter`, the focus goes into it."""

        def __init__(self, number: int, *, enter: bool = False) -> None:
            super().__init__()
            self.number = number
            self.enter = enter

    def __init__(self, titles: Sequence[str]) -> None:
        super().__init__()
        self._titles = list(titles)
        self._errors = [0] * len(self._titles)

    @property
    def counts(self) -> tuple[int, ...]:
        """How many errors each tab shows."""
        return tuple(self._errors)

    def count(self, errors: Sequence[int]) -> None:
        """Show how many errors each tab has."""
        if list(errors) != self._errors:
            self._errors = list(errors)
            self.refresh()

    def _labels(self) -> list[Content]:
        labels: list[Content] = []
        for number, title in enumerate(self._titles):
            style = "$text-primary bold underline" if number == self.chosen else "$foreground-muted"
            if number == self.chosen and self.has_focus:
                style = "$block-cursor-foreground on $block-cursor-background bold"
            parts: list[Content | tuple[str, str]] = [safe_line(title, 24, style)]
            if self._errors[number]:
                parts.append((f" ✗{self._errors[number]}", "$text-error bold"))
            labels.append(Content.assemble(" ", *parts, " "))
        return labels

    def _first(self, labels: list[Content]) -> int:
        """The first title shown, so that the chosen one is in view."""
        first = 0
        width = self.content_size.width
        while first < self.chosen and sum(label.cell_length for label in labels[first : self.chosen + 1]) > width:
            first += 1
        return first

    def render(self) -> Content:
        labels = self._labels()
        return Content.assemble(*labels[self._first(labels) :])

    def action_go(self, step: int) -> None:
        self.post_message(self.Chosen((self.chosen + step) % len(self._titles)))

    def action_enter(self) -> None:
        self.post_message(self.Chosen(self.chosen, enter=True))

    def on_click(self, event: events.Click) -> None:
        labels = self._labels()
        at = 0
        for number in range(self._first(labels), len(labels)):
            at += labels[number].cell_length
            if event.x < at:
                self.post_message(self.Chosen(number, enter=True))
                return
