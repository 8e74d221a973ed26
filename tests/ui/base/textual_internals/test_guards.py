"""Input and sizes on which Textual would fail, or which it would take for what they were not meant for."""

from __future__ import annotations

from types import SimpleNamespace
from typing import ClassVar

import pytest
from textual import events, timer
from textual.app import App, ComposeResult
from textual.containers import VerticalScroll
from textual.geometry import Offset, Region
from textual.screen import Screen
from textual.selection import Selection
from textual.widgets import Button, OptionList, Static, TextArea

from drio_tui.ui.base.textual_internals import guards
from tests.ui.base.textual_internals.small_apps import Lean, Lists


async def test_page_keys_in_an_option_list_that_has_no_lines_do_nothing() -> None:
    guards.guard_option_lists()
    guards.guard_option_lists()  # patching twice changes nothing

    class Hidden(Screen[None]):
        def compose(self) -> ComposeResult:
            yield OptionList("one", "two")

        def on_mount(self) -> None:
            self.query_one(OptionList).display = False

    app = Lists()
    async with app.run_test() as pilot:
        visible = app.query_one(OptionList)
        visible.highlighted = 0
        visible.action_page_down()
        assert visible.highlighted == 1
        await app.push_screen(Hidden())
        await pilot.pause()
        hidden = app.screen.query_one(OptionList)
        hidden.highlighted = 0
        assert 0 not in hidden._index_to_line
        hidden.action_page_up()
        hidden.action_page_down()
        assert hidden.highlighted == 0


class Question(App[None]):
    """A button that puts another one in its place, as a batch does whose step fails at once."""

    pressed: ClassVar[list[str | None]] = []

    def compose(self) -> ComposeResult:
        yield Button("Delete", id="delete")
        yield Button("Go on", id="continue")

    def on_mount(self) -> None:
        self.query_one("#continue").display = False

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.pressed.append(event.button.id)
        self.query_one("#delete").display = False
        self.query_one("#continue").display = True


async def test_the_second_click_of_a_double_click_does_not_press_the_button_that_the_first_one_showed() -> None:
    guards.guard_buttons()
    guards.guard_buttons()  # patching twice changes nothing
    app = Question()
    async with app.run_test() as pilot:
        await pilot.click("#delete", times=2)
        await pilot.pause()
        assert app.pressed == ["delete"]
        await pilot.click("#continue")
        await pilot.pause()
        assert app.pressed == ["delete", "continue"]


async def test_copying_a_selection_below_a_shortened_text_copies_nothing() -> None:
    guards.guard_selections()
    app = Lean()
    async with app.run_test() as pilot:
        text = Static("one\ntwo\nthree")
        await app.screen.mount(text)
        app.screen.selections = {text: Selection(Offset(0, 1), Offset(3, 1))}
        assert app.screen.get_selected_text() == "two"
        text.update("one")
        app.screen.selections = {text: Selection(Offset(0, 1), Offset(3, 1))}
        assert app.screen.get_selected_text() == ""
        await pilot.pause()


async def test_a_size_is_noticed_though_its_timer_is_late(monkeypatch: pytest.MonkeyPatch) -> None:
    guards.guard_timers()
    app = Lean()
    async with app.run_test() as pilot:
        times = iter([0.0])
        with monkeypatch.context() as patch:
            patch.setattr(timer, "_time", SimpleNamespace(get_time=lambda: next(times, 1.0)))
            await pilot.resize_terminal(100, 30)
        assert app.query_one(VerticalScroll).size == (100, 30)
        await pilot.resize_terminal(90, 20)
        assert app.query_one(VerticalScroll).size == (90, 20)


async def test_a_text_area_without_styles_is_drawn_blank() -> None:
    guards.guard_text_areas()
    app = Lean()
    async with app.run_test() as pilot:
        area = TextArea("text", theme="css")
        await app.screen.mount(area)
        await pilot.pause()
        assert "text" in area.render_lines(Region(0, 0, 10, 2))[1].text
        styles, area._component_styles = area._component_styles, {}
        assert [strip.text for strip in area.render_lines(Region(0, 0, 10, 2))] == [" " * 10] * 2
        area._component_styles = styles


async def test_pressing_the_mouse_over_a_removed_widget_selects_nothing() -> None:
    guards.guard_mouse_selection()
    app = Lean()
    async with app.run_test() as pilot:
        text = Static("some text")
        await app.screen.mount(text)
        await pilot.pause()
        x, y = text.region.offset
        assert app.screen.get_widget_and_offset_at(x, y)[0] is text
        parent, text._parent = text._parent, None
        try:
            app.screen._forward_event(events.MouseDown(app.screen, x, y, 0, 0, 1, False, False, False, x, y))
            assert app.screen._select_state is None
        finally:
            text._parent = parent
