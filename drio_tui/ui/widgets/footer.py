"""The footer: as many keys as there is room for, always including Help; all keys that may follow a prefix."""

from __future__ import annotations

from typing import Any

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Footer
from textual.widgets._footer import FooterKey

from drio_tui.ui.base.textual_internals import forget_fields, forget_watchers

_ALWAYS_SHOWN = "help"
"""The action that shows all keys, also those there is no room for."""
_PADDING = 3
"""Cells around a key and its label."""


class KeyFooter(Footer):
    """Textual's footer, without the keys that would be cut off at the right.

    While the screen awaits the key after a prefix, those that do not fit are in a second row.
    """

    DEFAULT_CSS = """
    KeyFooter.-two-rows {
        layout: vertical;
        height: 2;
        Horizontal { height: 1; }
    }
    """

    def __init__(self) -> None:
        super().__init__(show_command_palette=False)
        self._composed_width = 0
        self._composed_bindings: list[tuple[str, str, str, bool]] = []

    def compose(self) -> ComposeResult:
        if not self._bindings_ready:
            return  # the screen is not ready either
        widgets = list(super().compose())
        for widget in widgets:
            if isinstance(widget, FooterKey):
                widget.set_reactive(FooterKey.compact, self.compact)  # Textual would style each key twice more
        self._composed_width = self.app.size.width
        self._composed_bindings = self._bindings_to_show()
        fitting = keys_that_fit(widgets, self._composed_width)
        others = [widget for widget in widgets if widget not in fitting]
        has_two_rows = bool(others) and getattr(self.screen, "awaits_key", False)
        self.set_class(has_two_rows, "-two-rows")
        if has_two_rows:
            yield Horizontal(*fitting)
            yield Horizontal(*keys_that_fit(others, self._composed_width))
        else:
            yield from fitting

    def _bindings_to_show(self) -> list[tuple[str, str, str, bool]]:
        """Return the bindings to show if there were room for all."""
        active = self.screen.active_bindings.values()
        return [
            (binding.key, binding.action, binding.description, enabled)
            for _, binding, enabled, _ in active
            if binding.show
        ]

    def bindings_changed(self, screen: Screen[Any]) -> None:
        self._bindings_ready = True
        if self.app.app_focus and self.is_attached and screen is self.screen:
            self.call_after_refresh(self._recompose_if_changed)

    async def _recompose_if_changed(self) -> None:
        """Recompose only if the keys have changed: the focus moves much more often."""
        if self.is_attached and not self._pruning and self._bindings_to_show() != self._composed_bindings:
            await self.recompose()

    async def recompose(self) -> None:
        await super().recompose()
        forget_watchers(self)  # each key watches the footer
        if self.is_attached:
            forget_fields(self.screen)

    def on_resize(self, event: events.Resize) -> None:
        if self._bindings_ready and event.size.width != self._composed_width:
            self.call_after_refresh(self.recompose)


def keys_that_fit(widgets: list[Widget], width: int) -> list[Widget]:
    """Return the footer's keys that fit into `width` cells, in order; Help takes its room first."""
    always = [widget for widget in widgets if isinstance(widget, FooterKey) and widget.action.endswith(_ALWAYS_SHOWN)]
    room = width - sum(map(_cell_width, always))
    fitting: list[Widget] = []
    for widget in widgets:
        if widget not in always:
            room -= _cell_width(widget)
        if room >= 0 or widget in always:
            fitting.append(widget)
    return fitting


def _cell_width(key: Widget) -> int:
    return cell_len(key.key_display) + cell_len(key.description) + _PADDING if isinstance(key, FooterKey) else 0
