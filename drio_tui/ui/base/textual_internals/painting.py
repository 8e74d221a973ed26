"""What is painted when: what still waits for it, and painting less."""

from __future__ import annotations

import asyncio
from collections.abc import Sized
from functools import lru_cache
from typing import Any, cast

from rich.segment import Segment
from rich.style import Style as RichStyle
from textual.color import Color
from textual.css.styles import RulesMap
from textual.filter import LineFilter
from textual.renderables.background_screen import BackgroundScreen
from textual.screen import Screen
from textual.strip import Strip
from textual.style import Style
from textual.visual import RenderOptions, Visual


@lru_cache(2048)
def _tinted(style: RichStyle | None, color: Color, below: RichStyle) -> RichStyle:
    """Return `style` tinted with `color`, without links and metadata, on top of `below`."""
    (segment,) = BackgroundScreen.process_segments([Segment(" ", style)], color)
    return below + segment.style


class _Tint(LineFilter):
    """Tints what is behind a dialog, on top of the dialog's own style."""

    def __init__(self, color: Color, style: RichStyle) -> None:
        super().__init__()
        self._color = color
        self._style = style

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [
            Segment(text, style if control else _tinted(style, self._color, self._style), control)
            for text, style, control in segments
        ]


_tint_of = lru_cache(16)(_Tint)


class _TintedScreen(Visual):
    """A screen behind a dialog. What did not change there is tinted once."""

    def __init__(self, screen: Screen[Any], color: Color) -> None:
        self._screen = screen
        self._color = color

    def render_strips(self, width: int, height: int | None, style: Style, options: RenderOptions) -> list[Strip]:
        compositor, tint = self._screen._compositor, _tint_of(self._color, style.rich_style)
        lines = compositor._render_chops(compositor.size.region, lambda _: True)
        return [
            Strip.join([strip.apply_filter(tint, self._color) for strip in line.values()]).crop(0, width)
            for line in lines[:height]
        ]

    def get_optimal_width(self, rules: RulesMap, container_width: int) -> int:
        return container_width

    def get_height(self, rules: RulesMap, width: int) -> int:
        return self._screen.size.height


def tint_screens_directly() -> None:
    """Draw what is behind a dialog from its lines.

    Textual makes a Rich renderable of it, which takes three times as long (8.2), twice when a dialog opens and again
    when one above it closes. It also mixes the colours of each segment again every time; here once for each style.
    """

    def visualize(background: BackgroundScreen) -> Visual:
        return _TintedScreen(background.screen, background.color)

    BackgroundScreen.visualize = visualize  # type: ignore[attr-defined] # Textual asks objects for it


def keep_screens_when_focus_moves() -> None:
    """Do not paint the whole screen when the focus moves.

    Textual does (8.2), with all that is behind a dialog. The two widgets paint themselves, and so does every widget
    whose style changes. The frame in which the screen was painted is still waited for: what is called after a refresh
    has to come after the events of widgets that are hidden, which take the focus away.
    """

    def watch_focused(screen: Screen[Any]) -> None:
        screen.refresh_bindings()
        screen._dirty_widgets.add(screen)  # nothing of it is painted, since it has no region to paint
        screen.check_idle()

    vars(Screen)["focused"]._repaint = False
    Screen._watch_focused = watch_focused  # type: ignore[method-assign] # for every screen


def loop_is_idle(loop: asyncio.AbstractEventLoop) -> bool:
    """Return whether nothing but the running callback is ready: every task waits for I/O, a timer or a thread."""
    return not cast(Sized, cast(Any, loop)._ready)


def waits_for_refresh(screen: Screen[Any]) -> bool:
    """Return whether a layout or a `call_after_refresh` callback waits for the next repaint of `screen`."""
    return bool(screen._callbacks or screen._layout_required or screen._recompose_required)


def needs_paint(screen: Screen[Any]) -> bool:
    """Return whether a change of `screen` or of a widget on it is not painted yet."""
    return bool(
        waits_for_refresh(screen) or screen._scroll_required or screen._repaint_required or screen._dirty_widgets
    )


def paint_now(screen: Screen[Any]) -> None:
    """Lay `screen` out and paint what has changed, instead of at the next tick of its timer, some 16 ms later."""
    screen._on_timer_update()
