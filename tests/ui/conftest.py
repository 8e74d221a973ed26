"""Waiting for an idle program, as Textual's pilot does, but looking ten times as often.

As it comes, the pilot looks every 20 ms and calls a program idle that used at most a twentieth of that: one
with a blinking cursor rarely did, so that most key presses took the whole second that a look may last.
"""

from __future__ import annotations

from textual import _wait

_wait.SLEEP_GRANULARITY = 1 / 200
_wait.SLEEP_IDLE = _wait.SLEEP_GRANULARITY / 5
_wait.wait_for_idle.__defaults__ = (_wait.SLEEP_GRANULARITY, 1)
