"""What waits to be painted, and what is not painted or mixed again."""

from __future__ import annotations

import asyncio
from typing import Any

from rich.segment import Segment
from rich.style import Style as RichStyle
from textual.app import App, ComposeResult
from textual.color import Color
from textual.renderables.background_screen import BackgroundScreen
from textual.screen import Screen
from textual.strip import Strip
from textual.style import Style
from textual.visual import RichVisual
from textual.widgets import Input, OptionList, Static

from drio_tui.ui.base.textual_internals import painting
from tests.ui.base.textual_internals.small_apps import Lists
from tests.ui.drawing import draw


async def test_the_loop_is_idle_only_when_nothing_else_is_ready() -> None:
    loop = asyncio.get_running_loop()
    seen: list[bool] = []
    done = asyncio.Event()

    def record() -> None:
        seen.append(painting.loop_is_idle(loop))

    def record_last() -> None:
        record()
        done.set()

    loop.call_soon(record)  # the next one is ready
    loop.call_soon(record_last)
    await done.wait()
    assert seen == [False, True]


async def test_a_pending_layout_or_callback_waits_for_refresh() -> None:
    app = Lists()
    async with app.run_test() as pilot:
        async with asyncio.timeout(30):
            while painting.waits_for_refresh(app.screen):
                await pilot.pause()
        app.query_one(Static).refresh(layout=True)
        async with asyncio.timeout(30):
            while not app.screen._layout_required:
                await asyncio.sleep(0)
            assert painting.waits_for_refresh(app.screen)
            while painting.waits_for_refresh(app.screen):
                await pilot.pause()
            ran: list[int] = []
            app.query_one(Static).refresh()
            app.screen.call_after_refresh(lambda: ran.append(len(app.screen._callbacks)))
            while not app.screen._callbacks:
                await asyncio.sleep(0)
            assert painting.waits_for_refresh(app.screen)
            while not ran:
                await pilot.pause()
        assert ran == [0]


async def test_a_change_needs_paint_until_it_is_drawn() -> None:
    app = Lists()
    async with app.run_test() as pilot, asyncio.timeout(30):
        while painting.needs_paint(app.screen):
            await pilot.pause()
        app.query_one(Static).update("changed", layout=False)
        while not painting.needs_paint(app.screen):
            await asyncio.sleep(0)
        assert not painting.waits_for_refresh(app.screen)
        while painting.needs_paint(app.screen):
            await pilot.pause()


def test_the_background_of_dialogs_is_tinted_as_textual_does_it() -> None:
    styles = [None, RichStyle(), RichStyle.parse("bold red on #102030"), RichStyle(color="blue", meta={"@click": "a"})]
    segments = [*(Segment("text", style) for style in styles), Segment("\x1b[?25l", None, [(2,)])]  # type: ignore[list-item]
    for color in (Color(0, 0, 0, 0.6), Color(20, 30, 40, 0.3), Color(0, 0, 0, 0)):
        tint = painting._Tint(color, RichStyle())
        for _ in range(2):
            tinted = tint.apply(segments, color)
            assert tinted == list(BackgroundScreen.process_segments(segments, color))
            assert [one.style.meta for one in tinted if one.style is not None] == [{}] * 4


async def test_a_screen_behind_a_dialog_is_drawn_as_textual_does_it() -> None:
    painting.tint_screens_directly()

    def cells(strips: list[Strip]) -> list[list[tuple[str, RichStyle | None]]]:
        return [[(char, segment.style) for segment in strip for char in segment.text] for strip in strips]

    app = Lists()
    async with app.run_test(size=(40, 10)) as pilot:
        app.query_one(Static).update("[b]bold[/b] [@click=app.bell]a link[/] 漢字")
        await pilot.pause()
        for color in (Color(10, 20, 30, 0.6), Color(0, 0, 0, 0)):
            behind: Any = BackgroundScreen(app.screen, color)
            for width, height in ((40, 10), (30, 6)):
                options: Any = None
                style = Style(background=Color(1, 2, 3), foreground=Color(200, 200, 200), bold=True)
                expected = RichVisual(app.screen, behind).render_strips(width, height, style, options)
                for _ in range(2):
                    strips = behind.visualize().render_strips(width, height, style, options)
                    assert cells(strips) == cells(expected)
            app.query_one(OptionList).highlighted = 1
            await pilot.pause()


async def test_the_focus_moves_without_painting_the_screen() -> None:
    class Form(Screen[None]):
        def compose(self) -> ComposeResult:
            yield Input("first")
            yield Input("second")

    painting.keep_screens_when_focus_moves()
    app = App[None]()
    async with app.run_test() as pilot, asyncio.timeout(30):
        screen = Form()
        await app.push_screen(screen)
        while painting.needs_paint(screen):
            await pilot.pause()
        draw()
        second = screen.query(Input)[1]
        await pilot.press("tab")
        while not second.has_focus or painting.needs_paint(screen):
            await pilot.pause()
        assert second.region in screen._compositor._dirty_regions
        assert screen.region not in screen._compositor._dirty_regions
