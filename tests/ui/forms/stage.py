"""An app with one form, and a driver for tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.widgets import Footer

from drio_tui.schema.fields import Reference
from drio_tui.schema.form import FormModel
from drio_tui.ui.base.themes import THEMES
from drio_tui.ui.forms.field_widget import FieldWidget
from drio_tui.ui.forms.schema_form import SchemaForm
from tests.ui import idle


class Stage(App[None]):
    """Shows one form and records its messages."""

    def __init__(self, model: FormModel, **options: Any) -> None:
        super().__init__()
        self.model = model
        self.options = options
        self.submitted: list[SchemaForm.Submitted] = []
        self.new_wanted: list[SchemaForm.NewWanted] = []
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = "drio"

    def compose(self) -> ComposeResult:
        yield SchemaForm(self.model, **self.options)
        yield Footer()

    def on_schema_form_submitted(self, event: SchemaForm.Submitted) -> None:
        self.submitted.append(event)

    def on_schema_form_new_wanted(self, event: SchemaForm.NewWanted) -> None:
        self.new_wanted.append(event)


class Hand:
    """Controls the app with keyboard and mouse, and reads its screen."""

    def __init__(self, app: Stage, pilot: Pilot[None]) -> None:
        self.app = app
        self.pilot = pilot

    @property
    def form(self) -> SchemaForm:
        return self.app.screen_stack[0].query_one(SchemaForm)

    @property
    def model(self) -> FormModel:
        return self.app.model

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def type(self, text: str) -> None:
        names = {" ": "space", ".": "full_stop", "$": "dollar_sign", "#": "number_sign", "{": "left_curly_bracket"}
        await self.pilot.press(*(names.get(char, char) for char in text))

    async def settle(self) -> None:
        await self.pilot.pause()

    async def until(self, condition: Callable[[], object]) -> None:
        await idle.until(condition, lambda: self.screen)

    @property
    def screen(self) -> str:
        return "\n".join(strip.text.rstrip() for strip in self.app.screen._compositor.render_strips())

    def field_widget(self, path: str) -> FieldWidget:
        node, rest = self.model.nearest_node(path)
        assert not rest, f"there is no {path}"
        field_widget = self.form.field_widget_of(node)
        assert field_widget is not None, f"{path} is not on the screen"
        return field_widget

    async def focus(self, path: str) -> None:
        self.field_widget(path).focus_editor()
        await self.pilot.pause()


@asynccontextmanager
async def staged(
    model: FormModel,
    *,
    size: tuple[int, int] = (80, 24),
    references: Mapping[str, Reference] | None = None,
    **options: Any,
) -> AsyncIterator[Hand]:
    app = Stage(model, references=references, **options)
    async with app.run_test(size=size) as pilot:
        hand = Hand(app, pilot)
        await hand.settle()
        hand.form.focus_first()
        await hand.settle()
        yield hand
