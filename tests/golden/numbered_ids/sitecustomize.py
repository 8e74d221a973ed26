"""Replaces the random ids of a sandbox by a sequence (`tool_0000000000000012`), its tokens too, and its durations.

Python imports it at start if its folder is in PYTHONPATH.
"""

from __future__ import annotations

import itertools
import secrets
import time
from collections.abc import Sequence

from fixed_durations import perf_counter

_LENGTH = 16
_calls = itertools.count()


def _next_digit(alphabet: Sequence[str]) -> str:
    """Return the next character of an id; `drio_tui.sandbox.naming.new_id` calls it once for each character."""
    number, position = divmod(next(_calls), _LENGTH)
    return alphabet[number // len(alphabet) ** (_LENGTH - 1 - position) % len(alphabet)]


_tokens = itertools.count()
secrets.choice = _next_digit  # type: ignore[assignment]
secrets.token_urlsafe = lambda size=32: f"{next(_tokens):0{size * 4 // 3}}"  # type: ignore[assignment,misc]
secrets.token_hex = lambda size=32: f"{next(_tokens):0{size * 2}x}"  # type: ignore[assignment,misc]
time.perf_counter = perf_counter
