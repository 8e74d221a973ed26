"""Draw frames only when a test looks at the screen, not sixty times a second.

Drawing takes a fifth of the time of the tests that run the whole program, and most frames are never looked at. The
screen is drawn once a condition that a test waits for with `until` holds, so that failures of drawing still fail the
test. Programs in a terminal run in a separate process, which draws every frame.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakSet

from textual.screen import Screen

_draw_now = Screen._compositor_refresh
_undrawn: WeakSet[Screen[Any]] = WeakSet()


def install() -> None:
    """Postpone the frames of the current screen."""

    def postpone(self: Screen[Any]) -> None:
        if self is self.app.screen and self.app.is_headless:
            _undrawn.add(self)
            self._dirty_widgets.clear()  # the compositor has their regions
            self.app._update_mouse_over(self)
        else:
            _draw_now(self)

    Screen._compositor_refresh = postpone  # type: ignore[method-assign]


def draw() -> bool:
    """Draw the postponed frames; return whether there were any."""
    screens = [screen for screen in _undrawn if screen.is_running and screen.is_current]
    _undrawn.clear()
    for screen in screens:
        with screen._context():
            try:
                _draw_now(screen)
            except Exception as error:
                screen.app._handle_exception(error)
    return bool(screens)
