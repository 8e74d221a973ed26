"""Tests of each Textual internal that the program depends on; they fail when Textual changes it."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import weakref
from contextvars import Token
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from rich.segment import Segment
from rich.style import Style as RichStyle
from textual import events, timer
from textual._styles_cache import StylesCache
from textual.app import App, ComposeResult
from textual.color import Color
from textual.command import CommandPalette
from textual.containers import VerticalScroll
from textual.css import stylesheet
from textual.css.parse import parse
from textual.css.query import NoMatches
from textual.drivers import linux_driver
from textual.geometry import Offset, Region
from textual.message import Message
from textual.renderables.background_screen import BackgroundScreen
from textual.screen import Screen
from textual.selection import Selection
from textual.widget import Widget
from textual.widgets import Button, Input, OptionList, Static, TextArea

from drio_tui.ui.app.drio_app import DrioApp
from drio_tui.ui.base import textual_internals as internals
from drio_tui.ui.base.textual_internals import LeanApp, TerminalDriver, _InputParser
from tests.ui.idle import idle
from tests.ui.leaking import forget_timers


def keys(messages: list[Message]) -> list[str]:
    return [message.key for message in messages if isinstance(message, events.Key)]


def test_the_driver_overrides_the_methods_that_textual_calls() -> None:
    """Their behaviour is tested in tests/ui/app/test_terminal.py and tests/ui/editing/test_endings.py."""
    methods = linux_driver.LinuxDriver.__dict__
    for name in ("_run_input_thread", "run_input_thread", "process_message", "start_application_mode"):
        assert name in methods
        assert name in TerminalDriver.__dict__
    for name in ("_sigtstp_application", "_disable_mouse_support", "stop_application_mode"):
        assert name in methods
    assert methods["_run_input_thread"].__code__.co_names[0] == "run_input_thread"
    assert "_run_input_thread" in methods["start_application_mode"].__code__.co_names


@pytest.mark.parametrize("broken", ["\x1b[99999999u", "\x1b[97:65;2u", "\x1b[48;0;0;0;0t\x1b[<0;5;5M"])
def test_the_parser_goes_on_after_a_sequence_textual_cannot_convert(broken: str) -> None:
    parser = _InputParser(False)
    assert keys([*parser.feed(f"a{broken}c\x1b[Bb")]) == ["a", "c", "down", "b"]


def test_textuals_own_parser_still_fails_on_such_a_sequence() -> None:
    """If this test fails, the parser no longer has to be restarted."""
    with pytest.raises((ValueError, OverflowError)):
        list(internals.XTermParser().feed("\x1b[99999999u"))


def test_an_unterminated_paste_is_detected() -> None:
    parser = _InputParser(False)
    assert not parser._in_paste
    assert [*parser.feed("\x1b[200~half")] == []
    assert parser._in_paste
    (paste,) = parser.feed("\x1b[201~")
    assert isinstance(paste, events.Paste)
    assert paste.text == "half"
    assert not parser._in_paste


def test_a_paste_without_an_end_is_ended_after_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    parser = _InputParser(False)
    assert [*parser.feed("\x1b[200~half")] == []
    assert [*parser.tick()] == []
    monkeypatch.setattr(internals, "_PASTE_PAUSE", -1)
    (paste,) = parser.tick()
    assert isinstance(paste, events.Paste)
    assert keys([*parser.feed("q")]) == ["q"]


class TwoModes(App[int]):
    MODES = {"one": Screen, "two": Screen}

    async def on_mount(self) -> None:
        await self.switch_mode("one")
        await self.push_screen(Screen())
        await self.switch_mode("two")


async def test_all_screens_returns_the_screens_of_every_mode() -> None:
    app = TwoModes()
    async with app.run_test() as pilot:
        await pilot.pause()
        (_, *rest) = internals.all_screens(app)
        assert len(rest) == 3
        assert app.screen in rest


async def test_is_ending_after_exit() -> None:
    app = TwoModes()
    async with app.run_test():
        assert not internals.is_ending(app)
        app.exit(3)
        assert internals.is_ending(app)


async def test_end_after_crash_sets_the_return_code_and_prints_no_traceback(
    capsys: pytest.CaptureFixture[str],
) -> None:
    app = TwoModes()
    with pytest.raises(RuntimeError, match="broken"):
        async with app.run_test():
            internals.end_after_crash(app, RuntimeError("broken"))
    assert app.return_code == 1
    assert "Traceback" not in "".join(capsys.readouterr())


async def test_the_loop_is_idle_only_when_nothing_else_is_ready() -> None:
    loop = asyncio.get_running_loop()
    seen: list[bool] = []
    done = asyncio.Event()

    def record() -> None:
        seen.append(internals.loop_is_idle(loop))

    def record_last() -> None:
        record()
        done.set()

    loop.call_soon(record)  # the next one is ready
    loop.call_soon(record_last)
    await done.wait()
    assert seen == [False, True]


class Lists(App[None]):
    def compose(self) -> ComposeResult:
        yield Static()
        yield OptionList("one", "two")


async def test_a_pending_layout_or_callback_waits_for_refresh() -> None:
    app = Lists()
    async with app.run_test() as pilot:
        async with asyncio.timeout(30):
            while internals.waits_for_refresh(app.screen):
                await pilot.pause()
        app.query_one(Static).refresh(layout=True)
        async with asyncio.timeout(30):
            while not app.screen._layout_required:
                await asyncio.sleep(0)
            assert internals.waits_for_refresh(app.screen)
            while internals.waits_for_refresh(app.screen):
                await pilot.pause()
            ran: list[int] = []
            app.query_one(Static).refresh()
            app.screen.call_after_refresh(lambda: ran.append(len(app.screen._callbacks)))
            while not app.screen._callbacks:
                await asyncio.sleep(0)
            assert internals.waits_for_refresh(app.screen)
            while not ran:
                await pilot.pause()
        assert ran == [0]


async def test_a_change_needs_paint_until_it_is_drawn() -> None:
    app = Lists()
    async with app.run_test() as pilot, asyncio.timeout(30):
        while internals.needs_paint(app.screen):
            await pilot.pause()
        app.query_one(Static).update("changed", layout=False)
        while not internals.needs_paint(app.screen):
            await asyncio.sleep(0)
        assert not internals.waits_for_refresh(app.screen)
        while internals.needs_paint(app.screen):
            await pilot.pause()


@pytest.mark.parametrize("guarded", [True, False])
async def test_a_palette_that_is_removed_while_it_searches_does_not_fail(guarded: bool) -> None:
    """Textual's own palette fails; once it does not, `make_command_palette` can be removed."""
    app = App[None]()
    async with app.run_test() as pilot:
        palette: Any = internals.make_command_palette() if guarded else CommandPalette()
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
        assert not internals.is_searching(app.screen)
        app.action_command_palette()
        seen: list[bool] = []
        async with asyncio.timeout(30):
            while not isinstance(app.screen, CommandPalette) or not app.screen.has_class("-ready"):
                seen.append(internals.is_searching(app.screen))
                await asyncio.sleep(0)
        assert any(seen)
        await pilot.pause()
        assert not internals.is_searching(app.screen)


async def test_page_keys_in_an_option_list_that_has_no_lines_do_nothing() -> None:
    internals.guard_option_lists()
    internals.guard_option_lists()  # patching twice changes nothing

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
    internals.guard_buttons()
    internals.guard_buttons()  # patching twice changes nothing
    app = Question()
    async with app.run_test() as pilot:
        await pilot.click("#delete", times=2)
        await pilot.pause()
        assert app.pressed == ["delete"]
        await pilot.click("#continue")
        await pilot.pause()
        assert app.pressed == ["delete", "continue"]


class Areas(Lists):
    MODES = {"here": Screen, "there": Screen}
    DEFAULT_MODE = "here"


async def test_mode_of_and_screen_of_active_pump_find_the_screen() -> None:
    app = Areas()
    assert not internals.has_started(app)
    async with app.run_test() as pilot:
        assert internals.has_started(app)
        screen = app.screen
        button = Static()
        await screen.mount(button)
        screens: list[Screen[object] | None] = []
        button.call_later(lambda: screens.append(internals.screen_of_active_pump()))
        app.call_later(lambda: screens.append(internals.screen_of_active_pump()))
        await app.switch_mode("there")
        await pilot.pause()
        assert screens == [screen, None] or screens == [None, screen]
        assert (internals.mode_of(app, screen), internals.mode_of(app, app.screen)) == ("here", "there")


async def test_replace_screens_removes_screens_and_returns_none_to_callers() -> None:
    app = Areas()
    async with app.run_test() as pilot:
        base = app.screen
        results: list[object] = []
        replaced, over, replacement = Screen[int](), Screen[int](), Screen[None]()
        await app.push_screen(replaced, results.append)
        await app.push_screen(over, results.append)
        app.call_later(internals.replace_screens, app, "here", 1, replacement)
        async with asyncio.timeout(30):
            while app.screen is not replacement or replaced.is_running or over.is_running:
                await pilot.pause()
        assert app.screen_stack == [base, replacement]
        assert results == [None, None]


class Lean(internals.LeanApp):
    def compose(self) -> ComposeResult:
        yield VerticalScroll()


async def test_styles_are_parsed_once_for_a_theme(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []

    def counted(scope: str, css: str, *arguments: Any, **options: Any) -> Any:
        parsed.append(css)
        return parse(scope, css, *arguments, **options)

    monkeypatch.setattr(stylesheet, "parse", counted)
    sheet = internals.CachingStylesheet(variables={"accent": "red"})
    sheet.add_source("Input { color: $accent; }", ("input.tcss", ""))
    sheet.reparse()
    sheet.add_source("Static { color: $accent; }", ("static.tcss", ""))
    sheet.set_variables({"accent": "red"})
    sheet.reparse()
    assert len(parsed) == len(sheet.rules) == 2
    sheet.set_variables({"accent": "blue"})
    sheet.reparse()
    assert len(parsed) == 4
    assert all(rule.styles.color == Color.parse("blue") for rule in sheet.rules)


async def test_a_new_screen_has_its_styles_without_a_refresh_of_all_styles(monkeypatch: pytest.MonkeyPatch) -> None:
    class Styled(Screen[None]):
        CSS = "Static { color: red; }"

        def compose(self) -> ComposeResult:
            yield Static("text")

    class TwoModes(LeanApp):
        MODES = {"first": Screen, "styled": Styled}
        DEFAULT_MODE = "first"

    app = TwoModes()
    async with app.run_test():
        refreshed: list[bool] = []
        monkeypatch.setattr(app, "refresh_css", lambda **_options: refreshed.append(True))
        await app.switch_mode("styled")
        assert app.screen.query_one(Static).styles.color == Color.parse("red")
        assert not refreshed


async def test_a_scrollbar_created_in_a_removed_widget_runs_no_message_loop() -> None:
    app = Lean()
    async with app.run_test():
        container = app.query_one(VerticalScroll)
        assert container.vertical_scrollbar._task is not None
        await container.remove()
        assert container.horizontal_scrollbar._task is None


async def test_a_widget_does_not_keep_the_widget_whose_message_mounted_it() -> None:
    app = Lean()
    async with app.run_test() as pilot:
        first, second = Static(), Static()
        await app.screen.mount(first)
        first.call_later(app.screen.mount, second)
        await pilot.pause()
        await first.remove()
        gc.collect()
        assert not [holder for holder in gc.get_referrers(first) if isinstance(holder, Token)]
        assert second.is_running


async def test_ended_watchers_are_removed() -> None:
    app = Lean()
    async with app.run_test() as pilot:
        stays, leaves = Static(), Static()
        await app.screen.mount(stays, leaves)
        for widget in (stays, leaves):
            widget.watch(app, "theme", lambda: None, init=False)
        await leaves.remove()
        watchers = getattr(app, "__watchers")["theme"]  # attribute access would mangle the name
        assert {watcher for watcher, *_ in watchers} >= {stays, leaves}
        internals.forget_watchers(app)
        assert {watcher for watcher, *_ in watchers} & {stays, leaves} == {stays}
        await pilot.pause()


async def test_subscriptions_of_removed_fields_are_removed() -> None:
    app = Lean()
    async with app.run_test():
        stays, leaves = Input(), Input()
        await app.screen.mount(stays, leaves)
        await leaves.remove()
        subscribed = app.screen.text_selection_started_signal._subscriptions
        assert {stays, leaves} <= set(subscribed)
        internals.forget_fields(app.screen)
        assert set(subscribed) & {stays, leaves} == {stays}


async def test_background_styles_are_cached_without_the_widget() -> None:
    internals.share_background_styles()
    internals.share_background_styles()  # patching twice changes nothing
    black, red = Color(0, 0, 0), Color(255, 0, 0)
    first, second = StylesCache().get_inner_outer(black, red), StylesCache().get_inner_outer(black, red)
    assert first[0] is second[0]
    assert (first[0].background, first[1].background) == (black + red, black)


def test_the_background_of_dialogs_is_tinted_as_textual_does_it() -> None:
    internals.share_tinted_styles()
    internals.share_tinted_styles()  # patching twice changes nothing
    method: Any = vars(BackgroundScreen)["process_segments"]
    original = method.__func__.original
    styles = [None, RichStyle(), RichStyle.parse("bold red on #102030"), RichStyle(color="blue", meta={"@click": "a"})]
    segments = [*(Segment("text", style) for style in styles), Segment("\x1b[?25l", None, [(2,)])]  # type: ignore[list-item]
    for color in (Color(0, 0, 0, 0.6), Color(20, 30, 40, 0.3), Color(0, 0, 0, 0)):
        for _ in range(2):
            tinted = list(BackgroundScreen.process_segments(segments, color))
            assert tinted == list(original(segments, color))
            assert [one.style.meta for one in tinted if one.style is not None] == [{}] * 4


async def test_the_focus_moves_without_painting_the_screen() -> None:
    class Form(Screen[None]):
        painted = 0

        def compose(self) -> ComposeResult:
            yield Input("first")
            yield Input("second")

        def render(self) -> Any:
            self.painted += 1
            return super().render()

    internals.keep_screens_when_focus_moves()
    app = App[None]()
    async with app.run_test() as pilot:
        screen = Form()
        await app.push_screen(screen)
        await idle()
        first, second = screen.query(Input)
        assert first.has_focus
        painted = screen.painted
        await pilot.press("tab")
        await idle()
        assert second.has_focus
        assert screen.painted == painted


async def test_typing_in_a_long_field_keeps_few_copies_of_its_value() -> None:
    DrioApp()
    app = App[None]()
    async with app.run_test() as pilot:
        field = Input("日本語テキスト" * 200, select_on_focus=False)
        await app.mount(field)
        field.focus()
        await pilot.pause()
        for _ in range(60):
            field.cursor_position -= 1
            field.render_line(0)
    gc.collect()
    kept = [item for item in gc.get_objects() if isinstance(item, Segment) and len(item.text) > 1_000]
    assert len(kept) < 40


async def test_a_widget_does_not_keep_the_screen_that_sent_its_last_message() -> None:
    DrioApp()
    app = Lean()
    async with app.run_test() as pilot:
        stays = Static()
        await app.screen.mount(stays)
        screen = Screen[None]()
        reference = weakref.ref(screen)
        await app.push_screen(screen)
        screen.dismiss()
        await pilot.pause()
        message = events.Show().set_sender(screen)
        assert message._sender is screen
        stays.post_message(message)
        del screen, message
        await idle()
        await forget_timers()
        for node in (app, app.screen):
            node.call_later(lambda: None)
        await idle()
        gc.collect()
        assert reference() is None


def cached_arrangement(widget: Any) -> list[Widget]:
    """Return the widgets in the arrangements that `widget` has cached."""
    results = widget._arrangement_cache._cache.values()
    return [placement.widget for result in results for placement in result.placements]


async def test_a_removed_widget_is_in_no_cache_of_its_ancestors() -> None:
    DrioApp()
    app = Lean()
    async with app.run_test() as pilot:
        box = VerticalScroll(Static("a", id="one"), Static("b", id="two"))
        await app.screen.mount(box)
        await pilot.pause()
        removed = app.screen.query_one("#one")
        assert removed in cached_arrangement(box)
        assert box.query_one("#one") is removed
        assert removed in box.displayed_children
        await removed.remove()
        await pilot.pause()
        for node in (app, app.screen, box):
            assert not [widget for widget in node._nodes._displayed_nodes[1] if widget is removed]
            assert not node._query_one_cache
            assert node is app or not [widget for widget in cached_arrangement(node) if widget is removed]


async def test_copying_a_selection_below_a_shortened_text_copies_nothing() -> None:
    internals.guard_selections()
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
    internals.guard_timers()
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
    internals.guard_text_areas()
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
    internals.guard_mouse_selection()
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


async def test_cancelled_timers_are_emptied_when_a_widget_is_mounted() -> None:
    class Held:
        """An object that the context of a timer refers to."""

    app = LeanApp()
    async with app.run_test():
        held = Held()
        reference = weakref.ref(held)
        context = contextvars.copy_context()
        context.run(contextvars.ContextVar[Held]("held").set, held)
        asyncio.get_running_loop().call_later(60, int, context=context).cancel()
        del held, context
        gc.collect()
        assert reference() is not None
        await app.mount(Static())
        gc.collect()
        assert reference() is None
