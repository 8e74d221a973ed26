"""Waiting for an idle program, as Textual's pilot does, but looking ten times as often, and for held-back keys too.

As it comes, the pilot looks every 20 ms and calls a program idle that used at most a twentieth of that: one
with a blinking cursor rarely did, so that most key presses took the whole second that a look may last. It knows
nothing of keys that the program holds back until the screen is laid out.
"""

from __future__ import annotations

from typing import Any

import textual.app
import textual.pilot
from textual import _wait
from textual._context import active_app

_wait.SLEEP_GRANULARITY = 1 / 200
_wait.SLEEP_IDLE = _wait.SLEEP_GRANULARITY / 5
_wait.wait_for_idle.__defaults__ = (_wait.SLEEP_GRANULARITY, 1)


async def _wait_for_idle(*seconds: float) -> None:
    await _wait.wait_for_idle(*seconds)
    app: Any = active_app.get(None)
    while app is not None and app.is_running and hasattr(app, "_type_ahead") and app._type_ahead.waiting:
        await _wait.wait_for_idle(*seconds)


textual.app.wait_for_idle = textual.pilot.wait_for_idle = _wait_for_idle
