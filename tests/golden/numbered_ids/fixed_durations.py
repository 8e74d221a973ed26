"""Gives all that the program and the sandbox measure one duration, so that a busy machine changes no frame."""

from __future__ import annotations

import sys
import time

SECONDS = 0.012
"""What each measured duration is."""
_now = time.perf_counter


class _Instant(float):
    """A time of a clock whose instants are all `SECONDS` apart."""

    def __sub__(self, other: float) -> float:
        return SECONDS


def perf_counter() -> float:
    """Return an instant for callers in drio_tui, the time for others."""
    return _Instant(_now()) if sys._getframe(1).f_globals.get("__name__", "").startswith("drio_tui.") else _now()
