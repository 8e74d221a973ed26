"""A widget rendered as text: styled lines that scroll in both directions, with table headers that stay in view."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.content import Content
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.widgets.rich_text import set_virtual_size, strip_of
from drio_tui.workspace.run.text_lines import Line
from drio_tui.workspace.run.text_renderer import RenderedWidget

STYLES: dict[str, str] = {
    "title": "bold $text-primary",
    "muted": "$foreground-muted",
    "badge": "$text-accent",
    "key": "$text-secondary",
    "value": "bold",
    "head": "bold",
    "rule": "$foreground-muted",
    "bar0": "$text-primary",
    "bar1": "$text-accent",
    "bar2": "$text-success",
    "bar3": "$text-warning",
}
"""The style of each role of `workspace.run.text_renderer`."""


def content_of(line: Line) -> Content:
    """Return a line as content; its texts are already sanitized."""
    return Content.assemble(*[(text, STYLES[role]) if role in STYLES else text for text, role in line])


class WidgetPreview(ScrollView, can_focus=True):
    """Shows what a function renders for the current width, and renders it again when the width changes."""

    DEFAULT_CSS = """
    WidgetPreview {
        background: $background;
        color: $foreground;
        padding: 0 1;
        overflow-y: scroll;  /* a bar that comes and goes would change the width the widget was rendered for */
        scrollbar-size-vertical: 1;
        scrollbar-size-horizontal: 1;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "widget_preview",
        "Widget preview",
        Key("widget_preview.down", "down,j", "scroll_down", "Down", show=False, palette=False),
        Key("widget_preview.up", "up,k", "scroll_up", "Up", show=False, palette=False),
        Key("widget_preview.left", "left,h", "sideways(-8)", "Left", show=False, palette=False),
        Key("widget_preview.right", "right,l", "sideways(8)", "Right", show=False, palette=False),
        Key("widget_preview.page_down", "pagedown,ctrl+f,space", "page_down", "Page down", show=False, palette=False),
        Key("widget_preview.page_up", "pageup,ctrl+b", "page_up", "Page up", show=False, palette=False),
        Key("widget_preview.first", "home,g", "scroll_home", "First", show=False, palette=False),
        Key("widget_preview.last", "end,G", "scroll_end", "Last", show=False, palette=False),
    )

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._draw: Callable[[int], RenderedWidget] | None = None
        self._rendered = RenderedWidget()
        self._drawn_for = -1

    def show(self, draw: Callable[[int], RenderedWidget] | None, *, keep_place: bool = False) -> None:
        """Show what `draw` returns for a width in cells, from the top unless `keep_place`; None shows nothing."""
        self._draw = draw
        self._drawn_for = -1
        self._redraw()
        if not keep_place:
            self.scroll_to(0, 0, animate=False)

    @property
    def text(self) -> str:
        """The preview as plain text."""
        return "\n".join(self._rendered.plain())

    def on_resize(self, _event: events.Resize) -> None:
        self._redraw()

    def _redraw(self) -> None:
        width = self.scrollable_content_region.width
        if width <= 0 or width == self._drawn_for:
            return
        self._drawn_for = width
        self._rendered = self._draw(width) if self._draw is not None else RenderedWidget()
        set_virtual_size(self, Size(self._rendered.width, len(self._rendered.lines)))
        self.refresh()

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        style = self.visual_style
        index = y if y < self._rendered.head else y + self.scroll_offset.y
        if index >= len(self._rendered.lines):
            return Strip.blank(width, style.rich_style)
        line = content_of(self._rendered.lines[index])
        left = self.scroll_offset.x
        strip = strip_of(self, line, style, max(line.cell_length, left + width))
        return strip.crop(left, left + width)

    def action_sideways(self, step: int) -> None:
        self.scroll_relative(x=step, animate=False)
