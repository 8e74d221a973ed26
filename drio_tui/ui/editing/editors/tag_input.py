"""Several short words side by side, such as scopes: added from a list or by typing, taken away one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.dialogs.select_dialog import Choice, ChooserScreen
from drio_tui.ui.widgets.sanitize import safe_line

_LONGEST = 40
_ADD = " + add "


class Chips(Widget, can_focus=True):
    """Words in a row that wraps. `offers` gives words to choose from; any other can be typed."""

    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "tags",
        "Words side by side (scopes)",
        Key("tags.add", "enter,space,plus", "add", "Add", "Add one from the list or by typing", palette=False),
        Key("tags.remove", "delete,backspace,x", "remove", "Remove", "Take the marked one away", palette=False),
        Key("tags.next", "right,l", "go(1)", "Next", show=False, palette=False),
        Key("tags.previous", "left,h", "go(-1)", "Previous", show=False, palette=False),
    )

    cursor: reactive[int] = reactive(0)
    """The number of the marked word; beyond the last one it is the line that adds."""

    class Changed(Message):
        """A word was added or taken away."""

        def __init__(self, chips: Chips, words: list[str]) -> None:
            super().__init__()
            self.chips = chips
            self.words = words

    def __init__(
        self, title: str, words: Sequence[str], offers: Callable[[], Sequence[Choice[str]]], *, id: str | None = None
    ) -> None:
        super().__init__(id=id)
        self._title = title
        self.words = list(words)
        self._offers = offers

    def _labels(self) -> list[Content]:
        labels: list[Content] = []
        for number, word in enumerate(self.words):
            here = number == self.cursor and self.has_focus
            style = "$block-cursor-foreground on $block-cursor-background" if here else "on $panel"
            labels.append(Content.assemble((" ", style), safe_line(word, _LONGEST, style), (" ✕ ", style)))
        here = self.cursor >= len(self.words) and self.has_focus
        labels.append(
            Content.styled(_ADD, "$block-cursor-foreground on $block-cursor-background" if here else "$text-accent")
        )
        return labels

    def _places(self, width: int) -> list[tuple[int, int]]:
        """Column and line of each label."""
        found: list[tuple[int, int]] = []
        x = y = 0
        for label in self._labels():
            if x and x + label.cell_length > width:
                x, y = 0, y + 1
            found.append((x, y))
            x += label.cell_length + 1
        return found

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return self._places(max(1, width))[-1][1] + 2

    def render(self) -> Content:
        lines: list[Content] = [safe_line(self._title, 60, "bold $text-primary")]
        row: list[Content | str] = []
        at = 0
        for label, (_, y) in zip(self._labels(), self._places(max(1, self.content_size.width)), strict=True):
            if y != at:
                lines.append(Content.assemble(*row))
                row, at = [], y
            row += [label, " "]
        return Content("\n").join([*lines, Content.assemble(*row)])

    def put(self, words: Sequence[str]) -> None:
        """Show other words."""
        self.words = list(words)
        self.cursor = min(self.cursor, len(self.words))
        self.refresh(layout=True)

    def _changed(self) -> None:
        self.refresh(layout=True)
        self.post_message(self.Changed(self, list(self.words)))

    def action_go(self, step: int) -> None:
        self.cursor = max(0, min(len(self.words), self.cursor + step))

    def action_remove(self) -> None:
        if self.cursor < len(self.words):
            del self.words[self.cursor]
            self._changed()
        else:
            self.notify("There is nothing to take away.", markup=False)

    def action_add(self) -> None:
        choices = [choice for choice in self._offers() if choice.value not in self.words]
        self.app.push_screen(
            ChooserScreen(f"Add to {self._title.lower()}", choices, near=self.region, free=True), self._take
        )

    def _take(self, choice: Choice[str] | None) -> None:
        if choice is None:
            return
        fresh = [word for word in dict.fromkeys(choice.value.split()) if word not in self.words]
        if fresh:
            self.words += fresh
            self.cursor = len(self.words)
            self._changed()

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        labels = self._labels()
        for number, (x, y) in enumerate(self._places(max(1, self.content_size.width))):
            width = labels[number].cell_length
            if y + 1 == event.y and x <= event.x < x + width:
                self.cursor = number
                if number == len(self.words):
                    self.action_add()
                elif event.x >= x + width - 3:
                    self.action_remove()
                return
