"""The single editors of a form: a box, a row of segments, a picker, a list to pick from.

What is typed is kept as it is; what is shown of it is safe: characters that could act on the terminal or
hide are drawn as one symbol each, so that the cursor stays where it belongs.
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
from drio_tui.ui.base.textual_internals import forget_watchers
from drio_tui.ui.widgets.line_editor import drawn
from drio_tui.ui.widgets.sanitize import safe_line


class TextEditor(TextArea, inherit_bindings=False):
    """Several lines of text. Tab leaves it; F6 and F7 are keys of the page it is on, where Textual selects text."""

    BINDINGS: ClassVar[list[BindingType]] = [
        one for one in TextArea.BINDINGS if not isinstance(one, Binding) or one.key not in ("f6", "f7")
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
    def _forget_watching(self) -> None:
        """Be forgotten by the app: textual keeps who watches its theme until that changes, closed editors too."""
        forget_watchers(self.app, self)

    def get_line(self, line_index: int) -> Text:
        line = super().get_line(line_index)
        plain = line.plain.replace("\t", " ")
        safe = drawn(plain)
        return line if safe == plain else Text(safe, end="", no_wrap=True)


class Segments(Widget, can_focus=True):
    """A few alternatives side by side; one of them, or none, is chosen."""

    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "segments",
        "Yes or no, a few alternatives",
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
        self._labels = [safe_line(label, 24) for label in labels]
        self.set_reactive(Segments.chosen, chosen)

    def render(self) -> Content:
        parts: list[Content | str | tuple[str, str]] = []
        for number, label in enumerate(self._labels):
            mark = "●" if number == self.chosen else "○"
            style = "$text-accent bold" if number == self.chosen else "$foreground-muted"
            parts += [(f" {mark} ", style), label.stylize(style), " "]
        return Content.assemble(*parts)

    def pick(self, number: int) -> None:
        """Choose as a person would."""
        if 0 <= number < len(self._labels) and number != self.chosen:
            self.chosen = number
            self.post_message(self.Chosen(self, number))

    def action_choose_next(self, step: int) -> None:
        if self.chosen is None:
            self.pick(0 if step > 0 else len(self._labels) - 1)
        else:
            self.pick((self.chosen + step) % len(self._labels))

    def on_key(self, event: events.Key) -> None:
        """A letter chooses the alternative that begins with it (y, n)."""
        char = (event.character or "").casefold()
        if len(char) != 1 or not char.isalpha() or char in "hjkl":
            return
        for number, label in enumerate(self._labels):
            if label.plain.casefold().startswith(char):
                event.stop()
                self.pick(number)
                return

    def on_click(self, event: events.Click) -> None:
        at = 0
        for number, label in enumerate(self._labels):
            at += 4 + label.cell_length
            if event.x < at:
                self.pick(number)
                return


class Picker(Widget, can_focus=True):
    """Shows what is chosen; Enter, a click or typing asks for the list."""

    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "picker",
        "Choosing from a list",
        Key("picker.open", "enter,space", "open", "Choose", show=False, palette=False),
        Key("picker.next", "right", "turn(1)", "Next one", show=False, palette=False),
        Key("picker.previous", "left", "turn(-1)", "One before", show=False, palette=False),
    )

    class Wanted(Message):
        """The list is wanted; `typed` is what was typed to ask for it."""

        def __init__(self, picker: Picker, typed: str) -> None:
            super().__init__()
            self.picker = picker
            self.typed = typed

    class Turned(Message):
        """The next or previous one is wanted, without the list."""

        def __init__(self, picker: Picker, step: int) -> None:
            super().__init__()
            self.picker = picker
            self.step = step

    def __init__(self, shown: Content, *, classes: str = "") -> None:
        super().__init__(classes=classes)
        self._shown = shown
        self._typed = ""

    def show(self, shown: Content) -> None:
        """Show another choice."""
        self._shown = shown
        self.refresh()

    @property
    def shown(self) -> str:
        """The text it shows."""
        return self._shown.plain

    def render(self) -> Content:
        width = max(1, self.content_size.width - 2)
        shown = self._shown.truncate(width, ellipsis=True)
        return Content.assemble(shown, " " * (width - shown.cell_length), (" ▾", "$foreground-muted"))

    def action_open(self) -> None:
        self.post_message(self.Wanted(self, ""))

    def action_turn(self, step: int) -> None:
        self.post_message(self.Turned(self, step))

    def on_key(self, event: events.Key) -> None:
        if event.is_printable and event.character and event.character.isalnum():
            event.stop()
            if not self._typed:
                self.call_later(self._want)
            self._typed += event.character

    def _want(self) -> None:
        """Ask for one list, with all the letters that came at once."""
        typed, self._typed = self._typed, ""
        self.post_message(self.Wanted(self, typed))

    def on_click(self) -> None:
        self.action_open()
