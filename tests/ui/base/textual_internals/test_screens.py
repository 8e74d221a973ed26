"""The stacks of screens, and Textual's command palette."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest
from textual._compositor import Compositor
from textual.app import App, ComposeResult
from textual.color import Color
from textual.command import CommandPalette
from textual.css.query import NoMatches
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Static

from drio_tui.ui.base.textual_internals import screens
from drio_tui.ui.base.textual_internals.app import has_started
from tests.ui.base.textual_internals.small_apps import Lean, Lists, TwoModes
from tests.ui.idle import PATIENCE, idle


async def test_all_screens_returns_the_screens_of_every_mode() -> None:
    app = TwoModes()
    async with app.run_test() as pilot:
        await pilot.pause()
        (_, *rest) = screens.all_screens(app)
        assert len(rest) == 3
        assert app.screen in rest


@pytest.mark.parametrize("guarded", [True, False])
async def test_a_palette_that_is_removed_while_it_searches_does_not_fail(guarded: bool) -> None:
    """Textual's own palette fails; once it does not, `make_command_palette` can be removed."""
    app = App[None]()
    async with app.run_test() as pilot:
        palette: Any = screens.make_command_palette() if guarded else CommandPalette()
        await app.push_screen(palette)
        await pilot.pause()
        await palette.query("*").remove()
        with contextlib.nullcontext() if guarded else pytest.raises(NoMatches):
            palette._watch__list_visible()
        with contextlib.nullcontext() if guarded else pytest.raises(NoMatches):
            await palette._watch__show_busy()


async def test_the_palette_is_searching_until_it_shows_its_commands() -> None:
    app = Lists()
    async with app.run_test() as pilot:
        assert not screens.is_searching(app.screen)
        app.action_command_palette()
        seen: list[bool] = []
        async with asyncio.timeout(30):
            while not isinstance(app.screen, CommandPalette) or not app.screen.has_class("-ready"):
                seen.append(screens.is_searching(app.screen))
                await asyncio.sleep(0)
        assert any(seen)
        await pilot.pause()
        assert not screens.is_searching(app.screen)


class Areas(Lists):
    MODES = {"here": Screen, "there": Screen}
    DEFAULT_MODE = "here"


async def test_mode_of_and_screen_of_active_pump_find_the_screen() -> None:
    app = Areas()
    assert not has_started(app)
    async with app.run_test() as pilot:
        assert has_started(app)
        screen = app.screen
        button = Static()
        await screen.mount(button)
        seen: list[Screen[object] | None] = []
        button.call_later(lambda: seen.append(screens.screen_of_active_pump()))
        app.call_later(lambda: seen.append(screens.screen_of_active_pump()))
        await app.switch_mode("there")
        await pilot.pause()
        assert seen == [screen, None] or seen == [None, screen]
        assert (screens.mode_of(app, screen), screens.mode_of(app, app.screen)) == ("here", "there")


async def test_replace_screens_removes_screens_and_returns_none_to_callers() -> None:
    app = Areas()
    async with app.run_test() as pilot:
        base = app.screen
        results: list[object] = []
        replaced, over, replacement = Screen[int](), Screen[int](), Screen[None]()
        await app.push_screen(replaced, results.append)
        await app.push_screen(over, results.append)
        app.call_later(screens.replace_screens, app, "here", 1, replacement)
        async with asyncio.timeout(30):
            while app.screen is not replacement or replaced.is_running or over.is_running:
                await pilot.pause()
        assert app.screen_stack == [base, replacement]
        assert results == [None, None]


async def test_a_screen_has_the_classes_of_its_size_before_it_is_laid_out(monkeypatch: pytest.MonkeyPatch) -> None:
    class Sized(screens.OpensAtOnce, Screen[None]):
        HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]
        CSS = "Sized { border: round red; &.-wide Static { color: red; } &.-narrow Static { color: blue; } }"

        def compose(self) -> ComposeResult:
            yield Static("text")

    app = Lean()
    async with app.run_test(size=(120, 30)) as pilot:
        screen = Sized()
        layouts: list[tuple[int, bool]] = []
        styled: list[Any] = []
        frames: list[tuple[Color, bool]] = []
        reflow, update = Compositor.reflow, app.stylesheet.update_nodes

        def noted_reflow(compositor: Compositor, parent: Widget, size: Any) -> Any:
            if parent is screen:
                layouts.append((size.width, parent.has_class("-wide")))
            return reflow(compositor, parent, size)

        def paint(painted: Screen[Any]) -> None:
            if painted is screen:
                regions = screen._compositor._dirty_regions
                frames.append((screen.query_one(Static).styles.color, screen._compositor.size.region in regions))
                regions.clear()

        def noted_update(nodes: Any, **options: Any) -> None:
            styled.extend(nodes := list(nodes))
            update(nodes, **options)

        monkeypatch.setattr(Compositor, "reflow", noted_reflow)
        monkeypatch.setattr(Screen, "_compositor_refresh", paint)
        monkeypatch.setattr(app.stylesheet, "update_nodes", noted_update)
        await app.push_screen(screen)
        await idle()
        assert screen.styles.border.top[0] == "round"
        assert frames == [(Color.parse("red"), True)]
        assert screen not in styled
        await pilot.resize_terminal(60, 30)
        await idle()
        assert frames[-1][0] == Color.parse("blue")
        assert set(layouts) == {(120, True), (60, False)}
        frames.clear()
        screen.refresh(layout=True)
        async with asyncio.timeout(PATIENCE):
            while not frames:
                await idle()
        assert frames == [(Color.parse("blue"), True)]
