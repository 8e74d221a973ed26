"""Apps of a few widgets, on which the internals of Textual are tested."""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.containers import VerticalScroll
from textual.screen import Screen
from textual.widgets import OptionList, Static

from drio_tui.ui.base.textual_internals.app import LeanApp


class TwoModes(App[int]):
    MODES = {"one": Screen, "two": Screen}

    async def on_mount(self) -> None:
        await self.switch_mode("one")
        await self.push_screen(Screen())
        await self.switch_mode("two")


class Lists(App[None]):
    def compose(self) -> ComposeResult:
        yield Static()
        yield OptionList("one", "two")


class Lean(LeanApp):
    def compose(self) -> ComposeResult:
        yield VerticalScroll()
