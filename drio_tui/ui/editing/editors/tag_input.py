"""A field for several short texts, such as scopes: tags that are added from a list or by typing, and removed singly."""

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
from drio_tui.ui.dialogs.select_dialog import Choice, SelectDialog
from drio_tui.ui.widgets.sanitize import sanitize_line

_MAX_WIDTH = 40
_ADD_LABEL = " + add "


class TagInput(Widget, can_focus=True):
    """Tags in lines that wrap. `suggestions` returns tags to choose from; any other can be typed."""

    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "tags",
        "Tags (scopes)",
        Key("tags.add", "enter,space,plus", "add", "Add", "Add one from the list or by typing", palette=False),
        Key("tags.remove", "delete,backspace,x", "remove", "Remove", "Remove the selected tag", palette=False),
        Key("tags.next", "right,l", "go(1)", "Next", show=False, palette=False),
        Key("tags.previous", "left,h", "go(-1)", "Previous", show=False, palette=False),
    )

    cursor: reactive[int] = reactive(0)
    """The index of the selected tag; after the last tag it is the label that adds one."""

    class Changed(Message):
        """A tag was added or removed."""

        def __init__(self, tag_input: TagInput, tags: list[str]) -> None:
            super().__init__()
            self.tag_input = tag_input
            self.tags = tags

    def __init__(
        self,
        title: str,
        tags: Sequence[str],
        suggestions: Callable[[], Sequence[Choice[str]]],
        *,
        id: str | None = None,
    ) -> None:
        super().__init__(id=id)
        self._title = title
        self.tags = list(tags)
        self._suggestions = suggestions

    def _labels(self) -> list[Content]:
        labels: list[Content] = []
        for number, tag in enumerate(self.tags):
            at_cursor = number == self.cursor and self.has_focus
            style = "$block-cursor-foreground on $block-cursor-background" if at_cursor else "on $panel"
            labels.append(Content.assemble((" ", style), sanitize_line(tag, _MAX_WIDTH, style), (" ✕ ", style)))
        at_cursor = self.cursor >= len(self.tags) and self.has_focus
        labels.append(
            Content.styled(
                _ADD_LABEL, "$block-cursor-foreground on $block-cursor-background" if at_cursor else "$text-accent"
            )
        )
        return labels

    def _positions(self, width: int) -> list[tuple[int, int]]:
        """Return column and line of each label."""
        positions: list[tuple[int, int]] = []
        x = y = 0
        for label in self._labels():
            if x and x + label.cell_length > width:
                x, y = 0, y + 1
            positions.append((x, y))
            x += label.cell_length + 1
        return positions

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return self._positions(max(1, width))[-1][1] + 2

    def render(self) -> Content:
        lines: list[Content] = [sanitize_line(self._title, 60, "bold $text-primary")]
        line: list[Content | str] = []
        at = 0
        for label, (_, y) in zip(self._labels(), self._positions(max(1, self.content_size.width)), strict=True):
            if y != at:
                lines.append(Content.assemble(*line))
                line, at = [], y
            line += [label, " "]
        return Content("\n").join([*lines, Content.assemble(*line)])

    def set_tags(self, tags: Sequence[str]) -> None:
        """Replace the tags."""
        self.tags = list(tags)
        self.cursor = min(self.cursor, len(self.tags))
        self.refresh(layout=True)

    def _notify_changed(self) -> None:
        self.refresh(layout=True)
        self.post_message(self.Changed(self, list(self.tags)))

    def action_go(self, step: int) -> None:
        self.cursor = max(0, min(len(self.tags), self.cursor + step))

    def action_remove(self) -> None:
        if self.cursor < len(self.tags):
            del self.tags[self.cursor]
            self._notify_changed()
        else:
            self.notify("There is no tag to remove.", markup=False)

    def action_add(self) -> None:
        choices = [choice for choice in self._suggestions() if choice.value not in self.tags]
        self.app.push_screen(
            SelectDialog(f"Add to {self._title.lower()}", choices, near=self.region, free=True), self._add_chosen
        )

    def _add_chosen(self, choice: Choice[str] | None) -> None:
        if choice is None:
            return
        new_tags = [tag for tag in dict.fromkeys(choice.value.split()) if tag not in self.tags]
        if new_tags:
            self.tags += new_tags
            self.cursor = len(self.tags)
            self._notify_changed()

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        labels = self._labels()
        for number, (x, y) in enumerate(self._positions(max(1, self.content_size.width))):
            width = labels[number].cell_length
            if y + 1 == event.y and x <= event.x < x + width:
                self.cursor = number
                if number == len(self.tags):
                    self.action_add()
                elif event.x >= x + width - 3:
                    self.action_remove()
                return
