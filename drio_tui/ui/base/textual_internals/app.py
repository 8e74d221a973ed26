"""The base of the app: parsing styles once, mounting widgets without holding others, and how the app ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context, copy_context
from typing import Any, TypeVar

from textual.app import App
from textual.cache import LRUCache
from textual.css.stylesheet import Stylesheet
from textual.dom import DOMNode
from textual.screen import Screen
from textual.widget import Widget

from drio_tui.ui.base.textual_internals.guards import guard_text_areas
from drio_tui.ui.base.textual_internals.memory import empty_cancelled_timers

T = TypeVar("T")


class CachingStylesheet(Stylesheet):
    """A style sheet that parses each source once for the same variables.

    Textual's own parses all sources again for each new screen that has styles (8.2).
    """

    def __init__(self, *, variables: dict[str, str] | None = None) -> None:
        super().__init__(variables=variables)
        self._parse_cache = LRUCache(1024)

    def set_variables(self, variables: dict[str, str]) -> None:
        if variables != self._variables:  # else what is cached is still right
            super().set_variables(variables)

    def reparse(self) -> None:
        self._invalid_css = set()
        self.parse()


class LeanApp(App[int], inherit_bindings=False):
    """An app that does not keep removed widgets alive, and parses its styles once."""

    _widget_context: Context | None = None

    def __init__(self) -> None:
        super().__init__()
        self.stylesheet = CachingStylesheet(variables=self.get_css_variables())

    def _load_screen_css(self, screen: Screen[Any]) -> None:
        super()._load_screen_css(screen)
        if screen._css_update_count < 0:  # it is new: its widgets get the styles of now when they are mounted
            screen._css_update_count = self._css_update_count

    def _start_widget(self, parent: Widget, widget: Widget) -> None:
        # Textual creates scrollbars on demand, also in a widget that is being removed (8.2). Nothing would end
        # their message loops, which keep the whole screen alive.
        if parent._pruning or parent._closing or parent._closed:
            widget._attach(parent)
            return
        self._in_widget_context(super()._start_widget, parent, widget)

    def _register(self, parent: DOMNode, *widgets: Widget, **options: Any) -> list[Widget]:
        empty_cancelled_timers(asyncio.get_running_loop())
        guard_text_areas()
        return self._in_widget_context(super()._register, parent, *widgets, **options)

    def _in_widget_context(self, start: Callable[..., T], *arguments: Any, **options: Any) -> T:
        """Call `start` in a copy of the app's first context.

        A task keeps the context it was started in, which would hold the widget that was handling a message then.
        """
        self._widget_context = self._widget_context or copy_context()
        return self._widget_context.copy().run(start, *arguments, **options)


def is_ending(app: App[Any]) -> bool:
    """Return whether `App.exit` was called."""
    return app._exit


def end_after_crash(app: App[Any], error: BaseException) -> None:
    """End `app` with return code 1, as Textual does after an unhandled exception, but print no traceback."""
    app._return_code = 1
    if isinstance(error, Exception):
        app._exception = app._exception or error
    app._exception_event.set()
    app._close_messages_no_wait()


def has_started(app: App[Any]) -> bool:
    """Return whether `app` is mounted and handles messages."""
    return app._is_mounted and app._running
