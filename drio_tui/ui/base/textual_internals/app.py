"""The base of the app: parsing styles once, mounting widgets without holding others, and how the app ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context, copy_context
from typing import Any, NamedTuple, TypeVar

from textual.app import App
from textual.await_remove import AwaitRemove
from textual.cache import LRUCache
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet
from textual.dom import DOMNode
from textual.screen import Screen
from textual.widget import Widget

from drio_tui.ui.base.textual_internals.drawing import count_lines_of_text_areas_once
from drio_tui.ui.base.textual_internals.guards import guard_text_areas
from drio_tui.ui.base.textual_internals.memory import empty_cancelled_timers

T = TypeVar("T")


class _Rules(NamedTuple):
    """The rules of a style sheet that can apply to the widgets with some names: their types, classes and id."""

    ordered: list[RuleSet]
    by_name: dict[str, list[RuleSet]]


class CachingStylesheet(Stylesheet):
    """A style sheet that parses each source once for the same variables, and looks rules up by a widget's names.

    Textual's own parses all sources again for each new screen that has styles, and goes through all rules of the app
    for each widget and each of its component classes (8.2).
    """

    def __init__(self, *, variables: dict[str, str] | None = None) -> None:
        super().__init__(variables=variables)
        self._parse_cache = LRUCache(1024)
        self._chosen: _Rules | None = None  # those of the widget that `apply` is called for
        self._rules_of: LRUCache[frozenset[str], _Rules] = LRUCache(4096)
        self._looked_up_in: dict[str, list[RuleSet]] | None = None

    @property
    def rules(self) -> list[RuleSet]:
        return self._chosen.ordered if self._chosen is not None else super().rules

    @property
    def rules_map(self) -> dict[str, list[RuleSet]]:
        return self._chosen.by_name if self._chosen is not None else super().rules_map

    def apply(self, node: DOMNode, *, animate: bool = False, cache: dict[tuple[Any, ...], Any] | None = None) -> None:
        before, self._chosen = self._chosen, None
        try:
            self._chosen = self._rules_for(frozenset(node._selector_names))
            super().apply(node, animate=animate, cache=cache)
        finally:
            self._chosen = before

    def _rules_for(self, names: frozenset[str]) -> _Rules:
        rules, rules_map = self.rules, self.rules_map
        if rules_map is not self._looked_up_in:
            self._rules_of.clear()
            self._looked_up_in = rules_map
        found = self._rules_of.get(names)
        if found is None:
            by_name = {name: rules_map[name] for name in names if name in rules_map}
            chosen = {id(rule) for rules in by_name.values() for rule in rules}
            found = self._rules_of[names] = _Rules([rule for rule in rules if id(rule) in chosen], by_name)
        return found

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
            self.stylesheet.apply(screen)  # with those that only it has

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
        count_lines_of_text_areas_once()
        return self._in_widget_context(super()._register, parent, *widgets, **options)

    def update_styles(self, node: DOMNode, animate: bool = True) -> None:
        # A widget that is not mounted gets its styles then. Textual applies them whenever a class is added to it, such
        # as by each constructor of a field (8.2).
        if node is self or node.parent is not None:
            super().update_styles(node, animate=animate)

    def _prune(self, *nodes: Widget, parent: DOMNode | None = None) -> AwaitRemove:
        # The screen below a closed one was painted when it became the current one. Textual would lay it out and paint
        # it again when the closed one has ended (8.2).
        return super()._prune(*nodes, parent=None if parent is self else parent)

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
