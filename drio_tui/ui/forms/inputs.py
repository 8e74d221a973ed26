"""The editors of single values in a form: a text area, a row of segments, a picker.

The value stays as typed; only the display is sanitized: characters that could control the terminal or are hidden
are drawn as one symbol each, so that the cursor position stays right.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual import events, on
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import TextArea

from drio_tui.text import visible
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.base.textual_internals.memory import forget_watchers
from drio_tui.ui.widgets.line_editor import sanitized_same_length
from drio_tui.ui.widgets.sanitize import sanitize_line


class TextEditor(TextArea, inherit_bindings=False):
    """A text area. Tab leaves it; F6 and F7, which Textual uses to select text, are left to the page."""

    BINDINGS: ClassVar[list[BindingType]] = [
        binding for binding in TextArea.BINDINGS if not isinstance(binding, Binding) or binding.key not in ("f6", "f7")
    ]

    def __init__(self, text: str, *, placeholder: str = "", classes: str = "") -> None:
        super().__init__(
            text,
            soft_wrap=True,
            tab_behavior="focus",
            show_line_numbers=False,
            highlight_cursor_line=False,
            compact=True,
            placeholder=Content(visible(placeholder, multiline=True)),
            classes=classes,
        )

    @on(events.Unmount)
    def _stop_watching(self) -> None:
        """Remove this editor from the app's watchers: Textual keeps those of the theme until it changes."""
        forget_watchers(self.app, self)

    def get_line(self, line_index: int) -> Text:
        line = super().get_line(line_index)
        plain = line.plain.replace("\t", " ")
        sanitized = sanitized_same_length(plain)
        return line if sanitized == plain else Text(sanitized, end="", no_wrap=True)


class Segments(Widget, can_focus=True):
    """A few alternatives side by side, of which one or none is chosen."""

    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "segments",
        "Segmented choices",
        Key("segments.next", "right,l,space", "choose_next(1)", "Next", show=False, palette=False),
        Key("segments.previous", "left,h", "choose_next(-1)", "Previous", show=False, palette=False),
    )

    chosen: reactive[int | None] = reactive(None)
    """The number of the chosen alternative."""

    class Chosen(Message):
        """Another alternative was chosen."""

        def __init__(self, segments: Segments, number: int) -> None:
            super().__init__()
            self.segments = segments
            self.number = number

    def __init__(self, labels: Sequence[str], chosen: int | None) -> None:
        super().__init__()
        self._labels = [sanitize_line(label, 24) for label in labels]
        self.set_reactive(Segments.chosen, chosen)

    def render(self) -> Content:
        parts: list[Content | str | tuple[str, str]] = []
        for number, label in enumerate(self._labels):
            mark = "●" if number == self.chosen else "○"
            style = "$text-accent bold" if number == self.chosen else "$foreground-muted"
            parts += [(f" {mark} ", style), label.stylize(style), " "]
        return Content.assemble(*parts)

    def pick(self, number: int) -> None:
        """Choose an alternative, as the user does, and post `Chosen`."""
        if 0 <= number < len(self._labels) and number != self.chosen:
            self.chosen = number
            self.post_message(self.Chosen(self, number))

    def action_choose_next(self, step: int) -> None:
        if self.chosen is None:
            self.pick(0 if step > 0 else len(self._labels) - 1)
        else:
            self.pick((self.chosen + step) % len(self._labels))

    def on_key(self, event: events.Key) -> None:
        """Choose the alternative that begins with the typed letter (y, n)."""
        char = (event.character or "").casefold()
        if len(char) != 1 or not char.isalpha() or char in "hjkl":
            return
        for number, label in enumerate(self._labels):
            if label.plain.casefold().startswith(char):
                event.stop()
                self.pick(number)
                return

    def on_click(self, event: events.Click) -> None:
        end = 0
        for number, label in enumerate(self._labels):
            end += 4 + label.cell_length
            if event.x < end:
                self.pick(number)
                return


class Picker(Widget, can_focus=True):
    """Shows the current choice; Enter, a click or typing opens the list."""

    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "picker",
        "Choosing from a list",
        Key("picker.open", "enter,space", "open", "Choose", show=False, palette=False),
        Key("picker.next", "right", "turn(1)", "Next choice", show=False, palette=False),
        Key("picker.previous", "left", "turn(-1)", "Previous choice", show=False, palette=False),
    )

    class Wanted(Message):
        """The list should open; `typed` is the text typed to open it."""

        def __init__(self, picker: Picker, typed: str) -> None:
            super().__init__()
            self.picker = picker
            self.typed = typed

    class Turned(Message):
        """The next or previous choice should be chosen, without the list."""

        def __init__(self, picker: Picker, step: int) -> None:
            super().__init__()
            self.picker = picker
            self.step = step

    def __init__(self, label: Content, *, classes: str = "") -> None:
        super().__init__(classes=classes)
        self._label = label
        self._typed = ""

    def show(self, label: Content) -> None:
        """Show another choice."""
        self._label = label
        self.refresh()

    @property
    def shown(self) -> str:
        """The text of the current choice."""
        return self._label.plain

    def render(self) -> Content:
        width = max(1, self.content_size.width - 2)
        label = self._label.truncate(width, ellipsis=True)
        return Content.assemble(label, " " * (width - label.cell_length), (" ▾", "$foreground-muted"))

    def action_open(self) -> None:
        self.post_message(self.Wanted(self, ""))

    def action_turn(self, step: int) -> None:
        self.post_message(self.Turned(self, step))

    def on_key(self, event: events.Key) -> None:
        if event.is_printable and event.character and event.character.isalnum():
            event.stop()
            if not self._typed:
                self.call_later(self._post_wanted)
            self._typed += event.character

    def _post_wanted(self) -> None:
        """Open the list once for all letters that were typed together."""
        typed, self._typed = self._typed, ""
        self.post_message(self.Wanted(self, typed))

    def on_click(self) -> None:
        self.action_open()
