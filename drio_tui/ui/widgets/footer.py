"""The footer: as many keys as there is room for, always including Help; all keys that may follow a prefix."""

from __future__ import annotations

from typing import Any, NamedTuple

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.screen import Screen
from textual.widgets import Footer
from textual.widgets._footer import FooterKey

from drio_tui.ui.base.textual_internals import forget_fields

_ALWAYS_SHOWN = "help"
"""The action that shows all keys, also those there is no room for."""
_PADDING = 3
"""Cells around a key and its label."""


class ShownKey(NamedTuple):
    """What the footer shows of an action: its first key."""

    key: str
    display: str
    description: str
    action: str
    enabled: bool
    tooltip: str

    @property
    def width(self) -> int:
        """Cells."""
        return cell_len(self.display) + cell_len(self.description) + _PADDING


class KeyFooter(Footer):
    """Textual's footer, without the keys that would be cut off at the right.

    While the screen awaits the key after a prefix, those that do not fit are in a second row.

    When the keys change, its widgets are changed and not replaced, as Textual's would be: mounting them takes much
    longer.
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
        self._shown: tuple[list[ShownKey], list[ShownKey]] = ([], [])

    def compose(self) -> ComposeResult:
        first, second = self._shown = self._rows_to_show()
        self.set_class(bool(second), "-two-rows")
        if second:
            yield Horizontal(*map(self._widget, first))
            yield Horizontal(*map(self._widget, second))
        else:
            yield from map(self._widget, first)

    def _rows_to_show(self) -> tuple[list[ShownKey], list[ShownKey]]:
        """Return the keys of the two rows; the second is empty if there is only one."""
        if not self._bindings_ready:
            return [], []  # the screen is not ready either
        keys: dict[str, ShownKey] = {}
        for _, binding, enabled, tooltip in self.screen.active_bindings.values():
            if binding.show and binding.action not in keys:
                display = self.app.get_key_display(binding)
                shown = ShownKey(binding.key, display, binding.description, binding.action, enabled, tooltip)
                keys[binding.action] = shown
        width = self.app.size.width
        first = keys_that_fit(list(keys.values()), width)
        if not getattr(self.screen, "awaits_key", False):
            return first, []
        return first, keys_that_fit([key for key in keys.values() if key not in first], width)

    def _widget(self, key: ShownKey) -> FooterKey:
        widget = FooterKey(key.key, key.display, key.description, key.action, not key.enabled, key.tooltip)
        widget.set_reactive(FooterKey.compact, self.compact)  # Textual would style each key twice more
        return widget

    def bindings_changed(self, screen: Screen[Any]) -> None:
        self._bindings_ready = True
        if self.app.app_focus and self.is_attached and screen is self.screen:
            self.call_after_refresh(self.recompose)

    async def recompose(self) -> None:
        """Show the keys of now: the focus moves much more often than they change."""
        if not self.is_attached or self._pruning or (rows := self._rows_to_show()) == self._shown:
            return
        if rows[1] or self._shown[1]:
            await super().recompose()
        else:
            self._shown = rows
            await self._change_keys(rows[0])
        if self.is_attached:
            forget_fields(self.screen)

    async def _change_keys(self, keys: list[ShownKey]) -> None:
        widgets = list(self.query_children(FooterKey))
        async with self.batch():
            for widget, key in zip(widgets, keys, strict=False):
                _change(widget, key)
            await self.remove_children(widgets[len(keys) :])
            if self.is_attached:
                await self.mount_all(map(self._widget, keys[len(widgets) :]))

    def on_resize(self, _: events.Resize) -> None:
        self.call_after_refresh(self.recompose)


def _change(widget: FooterKey, key: ShownKey) -> None:
    """Let a widget of the footer show another key."""
    widget.key, widget.key_display, widget.description, widget.action = key[:4]
    widget._disabled = not key.enabled
    widget.set_class(not key.enabled, "-disabled")
    widget.tooltip = key.tooltip or None
    widget.refresh(layout=True)


def keys_that_fit(keys: list[ShownKey], width: int) -> list[ShownKey]:
    """Return the keys that fit into `width` cells, in order; Help takes its room first."""
    always = [key for key in keys if key.action.endswith(_ALWAYS_SHOWN)]
    room = width - sum(key.width for key in always)
    fitting: list[ShownKey] = []
    for key in keys:
        if key not in always:
            room -= key.width
        if room >= 0 or key in always:
            fitting.append(key)
    return fitting
