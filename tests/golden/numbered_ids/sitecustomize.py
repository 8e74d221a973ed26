"""Makes the ids of a sandbox count up: `tool_0000000000000012`, and its tokens, which no golden file may hold anyway.

Python imports it where PYTHONPATH names its folder.
"""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Sequence

_LENGTH = 16
_calls = itertools.count()


def _next_digit(alphabet: Sequence[str]) -> str:
    """One character of an id, as `drio_tui.sandbox.naming.new_id` asks for them."""
    number, place = divmod(next(_calls), _LENGTH)
    return alphabet[number // len(alphabet) ** (_LENGTH - 1 - place) % len(alphabet)]


_tokens = itertools.count()
secrets.choice = _next_digit  # type: ignore[assignment]
secrets.token_urlsafe = lambda size=32: f"{next(_tokens):0{size * 4 // 3}}"  # type: ignore[assignment,misc]
secrets.token_hex = lambda size=32: f"{next(_tokens):0{size * 2}x}"  # type: ignore[assignment,misc]
