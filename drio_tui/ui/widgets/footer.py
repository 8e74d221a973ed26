"""The line of keys at the bottom: as many as there is room for, Help always among them."""

from __future__ import annotations

from typing import Any

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Footer
from textual.widgets._footer import FooterKey

from drio_tui.ui.base.textual_internals import forget_fields, forget_watchers

_ALWAYS = "help"
"""The action that tells of every key, also of those there is no room for."""
_PADDING = 3
"""Cells around a key and its word."""


class KeyFooter(Footer):
    """textual's footer, without the keys that would be cut off at the right."""

    def __init__(self) -> None:
        super().__init__(show_command_palette=False)
        self._width = 0
        self._shown: list[tuple[str, str, str, bool]] = []

    def compose(self) -> ComposeResult:
        if not self._bindings_ready:
            return  # nor is the screen
        found = list(super().compose())
        for one in found:
            if isinstance(one, FooterKey):
                one.set_reactive(FooterKey.compact, self.compact)  # or each is styled twice more
        self._width = self.app.size.width
        self._shown = self._wanted()
        yield from fitting(found, self._width)

    def _wanted(self) -> list[tuple[str, str, str, bool]]:
        """What there is to show, room aside."""
        active = self.screen.active_bindings.values()
        return [
            (binding.key, binding.action, binding.description, enabled)
            for _, binding, enabled, _ in active
            if binding.show
        ]

    def bindings_changed(self, screen: Screen[Any]) -> None:
        self._bindings_ready = True
        if self.app.app_focus and self.is_attached and screen is self.screen:
            self.call_after_refresh(self._renew)

    async def _renew(self) -> None:
        """Draw anew what changed: the focus goes from field to field more often than the keys become others."""
        if self.is_attached and not self._pruning and self._wanted() != self._shown:
            await self.recompose()

    async def recompose(self) -> None:
        await super().recompose()
        forget_watchers(self)  # each key watches this line
        if self.is_attached:
            forget_fields(self.screen)

    def on_resize(self, event: events.Resize) -> None:
        if self._bindings_ready and event.size.width != self._width:
            self.call_after_refresh(self.recompose)


def fitting(found: list[Widget], width: int) -> list[Widget]:
    """Those of the footer's keys that fit into `width` cells, in their order; the one for Help before all others."""
    always = [one for one in found if isinstance(one, FooterKey) and one.action.endswith(_ALWAYS)]
    room = width - sum(map(_cells, always))
    kept: list[Widget] = []
    for one in found:
        if one not in always:
            room -= _cells(one)
        if room >= 0 or one in always:
            kept.append(one)
    return kept


def _cells(one: Widget) -> int:
    return cell_len(one.key_display) + cell_len(one.description) + _PADDING if isinstance(one, FooterKey) else 0
