"""The keys of the screen below, read from the binding registry."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Input, Static

from drio_tui.text import has_words
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key, Section
from drio_tui.ui.base.stylesheets import stylesheet
from drio_tui.ui.dialogs.dialog import ButtonRow, Dialog
from drio_tui.ui.widgets.filter_input import FilterInput


class HelpDialog(Dialog[None]):
    """The keys of `below` (the screen that was shown), of its widgets and of the program, as they are bound now.

    The keys of the screen come first, those that work everywhere last. `bound` is the user's `[keys]` table.
    """

    CSS_PATH = stylesheet("help")
    WAITS = False
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "help",
        "Help",
        Key("help.close", "escape,question_mark,q,f1", "dismiss", "Close"),
        Key("help.filter", "slash", "filter", "Filter", "Show only the keys that match"),
        Key("help.down", "j,down", "scroll(2)", "Down", show=False, palette=False),
        Key("help.up", "k,up", "scroll(-2)", "Up", show=False, palette=False),
    )

    def __init__(self, below: Screen[object], bound: dict[str, str]) -> None:
        super().__init__()
        ids = dict.fromkeys(key.id for key in self._keys_of(below))
        order = {id: index for index, id in enumerate(ids)}
        parts = []
        for part in keymap.sections():
            # A dialog passes on only those keys of the program that come before its own.
            keys = [
                key
                for key in part.keys
                if key.id in order or (part.name == "app" and (key.priority or not below.is_modal))
            ]
            if keys:
                everywhere = part.name in ("app", "screen")
                parts.append((everywhere, min(order.get(key.id, 0) for key in keys), part, keys))
        parts.sort(key=lambda entry: entry[:2])
        self._parts: list[tuple[Section, list[Key]]] = [(part, keys) for _, _, part, keys in parts]
        self._bound = bound

    @staticmethod
    def _keys_of(below: Screen[object]) -> Iterator[Key]:
        """Yield the registered keys that the screen and its widgets declare, the screen's first."""
        for node in (below, *below.query("*")):
            for _, binding in node._bindings:
                key = keymap.find(binding.id)
                if key is not None and not (key.id == "dialog.confirm" and not below.query(ButtonRow)):
                    yield key
                    yield from keymap.keys_after(key.id)

    def compose(self) -> ComposeResult:
        with Vertical(id="help") as box:
            box.border_title = "Keys"
            box.border_subtitle = "/ filters · Esc closes"
            yield FilterInput(placeholder="/ to filter: words, a key, or a key id as in config.toml")
            with VerticalScroll(id="keys"):
                for part, _ in self._parts:
                    yield Static(id=f"section-{part.name}")
            yield Static("No key matches.", id="none")

    def on_mount(self) -> None:
        self.set_focus(self.query_one("#keys"))

    def on_resize(self, event: events.Resize) -> None:
        self.call_after_refresh(self._show_filtered)  # the width of the list is known then

    def _show_filtered(self) -> None:
        self._show(self.query_one(FilterInput).value)

    @on(Input.Changed)
    def _filter(self, event: Input.Changed) -> None:
        self._show(event.value)

    def _show(self, query: str) -> None:
        for part, keys in self._parts:
            matching = [key for key in keys if has_words(self._searchable_text(part, key), query)]
            section = self.query_one(f"#section-{part.name}", Static)
            section.display = bool(matching)
            section.update(self._table(part, matching))
        self.query_one("#none").display = not any(section.display for section in self.query("#keys > Static"))

    def _searchable_text(self, part: Section, key: Key) -> str:
        return f"{part.title} {self._keys_shown(key)} {key.description} {key.tooltip} {key.id}"

    def _keys_shown(self, key: Key) -> str:
        return keymap.displayed(key, self._bound)

    def _table(self, part: Section, keys: list[Key]) -> Content:
        lines = [Content.styled(part.title, "bold $text-primary")]
        for key in keys:
            mark = Content.styled("  changes something", "$text-warning") if key.dangerous else Content()
            text = Content.assemble(key.tooltip or key.description, mark)
            lines += _hanging(self._keys_shown(key), text, self.query_one("#keys").scrollable_content_region.width)
        lines.append(Content())
        return Content("\n").join(lines)

    def action_scroll(self, lines: int) -> None:
        self.query_one("#keys").scroll_relative(y=lines, animate=False)

    def action_filter(self) -> None:
        self.query_one(FilterInput).focus()

    @on(FilterInput.Leave)
    def _to_keys(self) -> None:
        self.query_one("#keys").focus()


_KEYS_WIDTH = 18
"""Cells of the keys, with the space behind them; wider ones are on a separate line."""


def _hanging(keys: str, text: Content, width: int) -> list[Content]:
    """Return the lines of an entry in `width` cells: the keys, and beside them what they do."""
    shown = Content.styled(keys, "$text-accent")
    wrapped = text.wrap(max(10, width - _KEYS_WIDTH - 2))
    lines = [Content.assemble(" " * (_KEYS_WIDTH + 2), line) for line in wrapped]
    if shown.cell_length >= _KEYS_WIDTH:
        return [Content.assemble("  ", shown), *lines]
    return [Content.assemble("  ", shown, " " * (_KEYS_WIDTH - shown.cell_length), wrapped[0]), *lines[1:]]
