"""What a text costs a model that reads it."""

from __future__ import annotations

import json
import re
from typing import Any

_PIECE = re.compile(r"[A-Za-z]+|[0-9]{1,3}|[!-/:-@\[-`{-~]{1,3}|\s{2,}")
_LONG = re.compile(r"[A-Za-z]{9,}")


def compact(value: Any) -> str:
    """A JSON value in as few characters as it takes."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def tokens(text: str) -> int:
    """About how many tokens a text is to a model.

    Counted are words (and a part more for each letter beyond the eighth), digits by three, signs by three, and most
    letters of other scripts one by one. On tools of public APIs that is within a sixth of what OpenAI's o200k
    tokenizer counts, mostly within a tenth; other models' tokenizers differ by as much among themselves.
    """
    count = len(_PIECE.findall(text)) + sum(len(word) - 8 for word in _LONG.findall(text)) / 5
    if not text.isascii():
        count += 0.8 * sum(not char.isascii() for char in text)
    return round(count * 0.9)
