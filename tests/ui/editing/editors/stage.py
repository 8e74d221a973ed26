"""An app with a single editor, and a driver for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Generic, TypeVar

from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.widgets import Footer

from drio_tui.ui.base.themes import THEMES
from drio_tui.ui.editing.editors import EDITORS
from drio_tui.ui.editing.editors.base import Editor, EditorContext
from drio_tui.workspace.model.snapshot import Snapshot
from tests.ui import idle

E = TypeVar("E", bound=Editor)


class EditorApp(App[None]):
    """Shows one editor, and records the messages that it posts."""

    def __init__(self, editor: Editor) -> None:
        super().__init__()
        self.editor = editor
        self.changes = 0
        self.saves: list[Editor.SaveWanted] = []
        self.new_requests: list[Editor.NewWanted] = []
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = "drio"

    def compose(self) -> ComposeResult:
        yield self.editor
        yield Footer()

    def on_editor_changed(self, event: Editor.Changed) -> None:
        self.changes += 1

    def on_editor_save_wanted(self, event: Editor.SaveWanted) -> None:
        self.saves.append(event)

    def on_editor_new_wanted(self, event: Editor.NewWanted) -> None:
        self.new_requests.append(event)


class EditorDriver(Generic[E]):
    """Presses keys, types text, and reads the screen."""

    def __init__(self, app: EditorApp, editor: E, pilot: Pilot[None]) -> None:
        self.app = app
        self.editor = editor
        self.pilot = pilot

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.settle()

    async def type(self, text: str) -> None:
        names = {
            " ": "space", ".": "full_stop", "$": "dollar_sign", "#": "number_sign", "{": "left_curly_bracket",
            "}": "right_curly_bracket", "/": "slash", ":": "colon", "-": "minus", "[": "left_square_bracket",
            "]": "right_square_bracket", "*": "asterisk", "_": "underscore", '"': "quotation_mark",
        }  # fmt: skip
        await self.pilot.press(*(names.get(char, char) for char in text))
        await self.settle()

    async def settle(self) -> None:
        await self.pilot.pause()

    async def until(self, condition: Callable[[], object]) -> None:
        await idle.until(condition, lambda: self.screen)

    @property
    def screen(self) -> str:
        return "\n".join(strip.text.rstrip() for strip in self.app.screen._compositor.render_strips())


def editor_for(kind: str, name: str) -> Editor:
    """Return the editor that is registered for a property."""
    return next(spec for spec in EDITORS[kind] if name in spec.properties).build()


@asynccontextmanager
async def staged(
    kind: str,
    name: str,
    raw: Mapping[str, Any] | None,
    snapshot: Snapshot,
    *,
    context: EditorContext | None = None,
    size: tuple[int, int] = (120, 40),
) -> AsyncIterator[EditorDriver[Any]]:
    """The registered editor of a property, loaded and mounted."""
    editor = editor_for(kind, name)
    editor.load(raw, snapshot, context)
    app = EditorApp(editor)
    async with app.run_test(size=size) as pilot:
        driver = EditorDriver(app, editor, pilot)
        await driver.settle()
        yield driver
