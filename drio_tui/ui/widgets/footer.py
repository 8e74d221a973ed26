"""The footer: as many keys as there is room for, always including Help; all keys that may follow a prefix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.content import Content
from textual.reactive import reactive
from textual.screen import Screen
from textual.style import Style
from textual.widget import Widget
from textual.widgets import Footer

from drio_tui.ui.base.textual_internals.memory import forget_fields

_ALWAYS_SHOWN = "help"
"""The action that shows all keys, also those there is no room for."""
_PADDING = 3
"""Cells around a key and its label."""
_DIM = Style(dim=True)


class FooterKey(NamedTuple):
    """A key of the footer: `key` is Textual's name of it, `label` how it is shown."""

    key: str
    label: str
    description: str
    action: str
    enabled: bool
    tooltip: str

    @property
    def width(self) -> int:
        """Its width in cells."""
        return cell_len(self.label) + cell_len(self.description) + _PADDING


class KeyLine(Widget):
    """Draws keys in one line, so that other keys change nothing else on the screen; a click presses one."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {"key-line--key", "key-line--description", "key-line--hover"}
    DEFAULT_CSS = """
    KeyLine {
        width: 1fr;
        height: 1;
        background: $footer-item-background;
        & > .key-line--key {
            color: $footer-key-foreground; background: $footer-key-background; text-style: bold;
        }
        & > .key-line--description {
            color: $footer-description-foreground; background: $footer-description-background;
        }
        & > .key-line--hover { background: $block-hover-background; }
    }
    """

    keys: reactive[tuple[FooterKey, ...]] = reactive((), init=False)
    """The keys, from left to right."""

    hover: reactive[int] = reactive(-1, init=False)
    """The index of the key under the mouse, -1 for none."""

    def render(self) -> Content:
        key_style = self.get_visual_style("key-line--key")
        description_style = self.get_visual_style("key-line--description")
        hover_style = self.get_visual_style("key-line--hover")
        parts: list[tuple[str, Style]] = []
        for number, key in enumerate(self.keys):
            extra = Style(background=hover_style.background) if number == self.hover else Style.null()
            extra = extra if key.enabled else extra + _DIM
            parts += [(f" {key.label} ", key_style + extra), (f"{key.description} ", description_style + extra)]
        return Content.assemble(*parts)

    def _index_at(self, x: int) -> int:
        for number, key in enumerate(self.keys):
            x -= key.width
            if x < 0:
                return number
        return -1

    def watch_keys(self) -> None:
        self.hover = -1

    def watch_hover(self, hover: int) -> None:
        self.tooltip = self.keys[hover].tooltip or None if 0 <= hover < len(self.keys) else None
        self.styles.pointer = "pointer" if hover >= 0 else "default"

    def on_mouse_move(self, event: events.MouseMove) -> None:
        self.hover = self._index_at(event.x)

    def on_leave(self) -> None:
        self.hover = -1

    def on_mouse_down(self, event: events.MouseDown) -> None:
        index = self._index_at(event.x)
        if index >= 0 and self.keys[index].enabled:
            self.app.simulate_key(self.keys[index].key)
        elif index >= 0:
            self.app.bell()


class KeyFooter(Footer):
    """Textual's footer, without the keys that would be cut off at the right.

    While the screen awaits the key after a prefix, those that do not fit are in a second row.
    """

    DEFAULT_CSS = """
    KeyFooter {
        layout: vertical;
        & > .-second-row { display: none; }
        &.-two-rows { height: 2; }
        &.-two-rows > .-second-row { display: block; }
    }
    """

    def __init__(self) -> None:
        super().__init__(show_command_palette=False)

    def compose(self) -> ComposeResult:
        yield KeyLine()
        yield KeyLine(classes="-second-row")

    @property
    def keys(self) -> tuple[FooterKey, ...]:
        """The keys that are shown."""
        return tuple(key for line in self.query(KeyLine) for key in line.keys)

    def bindings_changed(self, screen: Screen[Any]) -> None:
        self._bindings_ready = True
        if self.app.app_focus and self.is_attached and screen is self.screen:
            self.call_after_refresh(self._show_keys)

    def on_resize(self, _event: events.Resize) -> None:
        self._show_keys()

    def _show_keys(self) -> None:
        if not self._bindings_ready or not self.is_attached or self._pruning:
            return
        keys, width = self._all_keys(), self.app.size.width
        first = keys_that_fit(keys, width)
        second: tuple[FooterKey, ...] = ()
        if getattr(self.screen, "awaits_key", False):
            second = keys_that_fit([key for key in keys if key not in first], width)
        for line, shown in zip(self.query(KeyLine), (first, second), strict=True):
            line.keys = shown
        self.set_class(bool(second), "-two-rows")
        forget_fields(self.screen)

    def _all_keys(self) -> list[FooterKey]:
        """Return the keys to show if there were room for all: the first one of each action."""
        keys: dict[str, FooterKey] = {}
        for _, binding, enabled, tooltip in self.screen.active_bindings.values():
            if binding.show and binding.action not in keys:
                label = self.app.get_key_display(binding)
                keys[binding.action] = FooterKey(
                    binding.key, label, binding.description, binding.action, enabled, tooltip
                )
        return list(keys.values())


def keys_that_fit(keys: Sequence[FooterKey], width: int) -> tuple[FooterKey, ...]:
    """Return the footer's keys that fit into `width` cells, in order; Help takes its room first."""
    always = [key for key in keys if key.action.endswith(_ALWAYS_SHOWN)]
    room = width - sum(key.width for key in always)
    fitting: list[FooterKey] = []
    for key in keys:
        if key not in always:
            room -= key.width
        if room >= 0 or key in always:
            fitting.append(key)
    return tuple(fitting)
