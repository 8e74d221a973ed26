"""Draw frames only when a test looks at the screen, not sixty times a second.

Drawing takes a fourth of the time of the tests that run the whole program, and most frames are never looked at. So that
failures of drawing still fail the test, each screen is also drawn once a condition that a test waits for with `until`
holds for the first time on it, and at the end of the test. Programs in a terminal run in a separate process, which
draws every frame.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakSet

from textual.app import App
from textual.screen import Screen

_draw_now = Screen._compositor_refresh
_undrawn: WeakSet[Screen[Any]] = WeakSet()
_drawn: WeakSet[Screen[Any]] = WeakSet()


def install() -> None:
    """Postpone the frames of the current screen until the end of the program."""
    shut_down = App._shutdown

    def postpone(self: Screen[Any]) -> None:
        if self is self.app.screen and self.app.is_headless:
            _undrawn.add(self)
            self._dirty_widgets.clear()  # the compositor has their regions
            self.app._update_mouse_over(self)
        else:
            _draw_now(self)

    async def draw_and_shut_down(self: App[Any]) -> None:
        draw()
        await shut_down(self)

    Screen._compositor_refresh = postpone  # type: ignore[method-assign]
    App._shutdown = draw_and_shut_down  # type: ignore[method-assign]


def draw_new() -> bool:
    """Draw the screens that have never been drawn; return whether there were any."""
    return draw(lambda screen: screen not in _drawn)


def draw(which: Callable[[Screen[Any]], bool] = lambda _: True) -> bool:
    """Draw the postponed frames; return whether there were any."""
    screens = [screen for screen in _undrawn if screen.is_running and screen.is_current and which(screen)]
    _undrawn.difference_update(screens)
    _drawn.update(screens)
    for screen in screens:
        with screen._context():
            try:
                _draw_now(screen)
            except Exception as error:
                screen.app._handle_exception(error)
    return bool(screens)
