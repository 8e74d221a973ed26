"""Screens whose keys do not depend on the focus, and keys that follow a prefix."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingsMap
from textual.dom import DOMNode
from textual.keys import key_to_character
from textual.screen import Screen, ScreenResultType
from textual.timer import Timer
from textual.widget import Widget


class PageBindings(Screen[ScreenResultType]):
    """A screen with a page (`key_page`) whose keys are active wherever the focus is, also without a focus.

    Textual uses the keys of the focused widget and its ancestors. A page without anything to focus would
    have none.
    """

    @property
    def key_page(self) -> Widget | None:
        """The widget whose keys are active; override it."""
        return None

    @property
    def _binding_chain(self) -> list[tuple[DOMNode, BindingsMap]]:
        chain = super()._binding_chain
        page = self.key_page
        if page is None or not page.is_mounted or page._pruning or any(node is page for node, _ in chain):
            return chain
        index = next((index for index, (node, _) in enumerate(chain) if node is self), len(chain))
        bindings = page._bindings.copy()
        for node, _ in chain[:index]:
            for key in list(bindings.key_to_bindings):
                if node.check_consume_key(key, key_to_character(key)):  # a text field that has the focus takes the key
                    del bindings.key_to_bindings[key]
        if self.app._keymap:
            bindings.apply_keymap(self.app._keymap)
        return [*chain[:index], (page, bindings), *chain[index:]]


class PrefixBindings(PageBindings[ScreenResultType]):
    """A screen with a prefix: a key (`PREFIX`, the id of its binding) after which other keys count for a moment.

    The prefix takes precedence over the same key of the focused widget, except where that takes it as text. While the
    next key is awaited, only the keys that may follow count, and the footer shows them. Any other key ends that.
    """

    PREFIX: ClassVar[str] = ""
    PREFIX_SECONDS: ClassVar[float] = 1.5

    _prefix_timer: Timer | None = None

    def prefix_bindings(self) -> Iterable[Binding]:
        """Return what the keys after the prefix do; override it."""
        return ()

    @property
    def awaits_key(self) -> bool:
        """Whether the prefix was pressed and the next key is awaited."""
        return self._prefix_timer is not None

    def begin_prefix(self) -> None:
        """Await the next key."""
        self.end_prefix()
        self._prefix_timer = self.set_timer(self.PREFIX_SECONDS, self.end_prefix)
        self.refresh_bindings()

    def end_prefix(self) -> None:
        """Await no key any more."""
        if self._prefix_timer is not None:
            self._prefix_timer.stop()
            self._prefix_timer = None
            self.refresh_bindings()

    def on_key(self, event: events.Key) -> None:
        if self.awaits_key:  # one of the keys that may follow would not come here
            self.end_prefix()
            event.stop()
            event.prevent_default()

    @property
    def _binding_chain(self) -> list[tuple[DOMNode, BindingsMap]]:
        chain = super()._binding_chain
        own = next((bindings for node, bindings in chain if node is self), None)
        prefix = BindingsMap()
        for key, found in own.key_to_bindings.items() if own is not None and self.PREFIX else ():
            if any(binding.id == self.PREFIX for binding in found):
                prefix.key_to_bindings[key] = found
        if not prefix.key_to_bindings:  # a text field has the focus
            return chain
        if not self.awaits_key:
            return [(self, prefix), *chain]
        following = BindingsMap([replace(binding, priority=True) for binding in self.prefix_bindings()])
        if self.app._keymap:
            following.apply_keymap(self.app._keymap)
        return [(self, following)]
