"""Every key that works on the screen below, read from the binding registry."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from drio_tui.ui import keymap
from drio_tui.ui.keymap import Key, Section
from drio_tui.ui.stylesheets import stylesheet
from drio_tui.ui.widgets.dialog import Dialog


class HelpScreen(Dialog[None]):
    """Keys of `below` (the screen that was shown), its widgets and the program, grouped, as they are bound now."""

    CSS_PATH = stylesheet("help")
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "help",
        "Help",
        Key("help.close", "escape,question_mark,q,f1", "dismiss", "Close"),
        Key("help.down", "j,down", "scroll(2)", "Down", show=False, palette=False),
        Key("help.up", "k,up", "scroll(-2)", "Up", show=False, palette=False),
    )

    def __init__(self, below: Screen[object], bound: dict[str, str]) -> None:
        super().__init__()
        self._names = {key.id for key in self._keys_of(below)}
        self._bound = bound

    @staticmethod
    def _keys_of(below: Screen[object]) -> Iterator[Key]:
        """The registered keys that the screen and the widgets on it declare."""
        for node in (below, *below.query("*")):
            for _, binding in node._bindings:
                key = keymap.find(binding.id)
                if key is not None:
                    yield key

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="keys") as box:
            box.border_title = "Keys"
            box.border_subtitle = "Esc closes"
            for part in keymap.sections():
                keys = [key for key in part.keys if part.name == "app" or key.id in self._names]
                if keys:
                    yield Static(self._table(part, keys))

    def _table(self, part: Section, keys: list[Key]) -> Content:
        lines = [Content.styled(part.title, "bold $text-primary")]
        for key in keys:
            shown = keymap.display(self._bound.get(key.id, key.keys))
            mark = Content.styled("  changes things", "$text-warning") if key.dangerous else Content()
            text = key.tooltip or key.description
            lines.append(Content.assemble("  ", (f"{shown:<18}", "$text-accent"), (text, ""), mark))
        lines.append(Content())
        return Content("\n").join(lines)

    def action_scroll(self, lines: int) -> None:
        self.query_one("#keys").scroll_relative(y=lines, animate=False)
