"""Textual keeps nothing of what was removed."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import weakref
from typing import Any

from rich.segment import Segment
from textual import events
from textual._styles_cache import StylesCache
from textual.app import App
from textual.color import Color
from textual.containers import VerticalScroll
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input, Static

from drio_tui.ui.app.drio_app import DrioApp
from drio_tui.ui.base.textual_internals import memory
from drio_tui.ui.base.textual_internals.app import LeanApp
from tests.ui.base.textual_internals.small_apps import Lean
from tests.ui.idle import idle
from tests.ui.leaking import forget_timers


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
        memory.forget_watchers(app)
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
        memory.forget_fields(app.screen)
        assert set(subscribed) & {stays, leaves} == {stays}


async def test_background_styles_are_cached_without_the_widget() -> None:
    memory.share_background_styles()
    memory.share_background_styles()  # patching twice changes nothing
    black, red = Color(0, 0, 0), Color(255, 0, 0)
    first, second = StylesCache().get_inner_outer(black, red), StylesCache().get_inner_outer(black, red)
    assert first[0] is second[0]
    assert (first[0].background, first[1].background) == (black + red, black)


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
