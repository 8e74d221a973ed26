"""What a text costs a model that reads it."""

from __future__ import annotations

import json
import re
from typing import Any

MANY_TOOLS = 40
"""Cursor passes on about 40 tools of all its servers together; any model chooses worse from a long list."""
MANY_TOKENS = 10_000
"""A twentieth of a context of 200,000 tokens, spent before the first question is asked."""

_PIECE = re.compile(r"[A-Za-z]+|[0-9]{1,3}|[!-/:-@\[-`{-~]{1,3}|\s{2,}")
_LONG = re.compile(r"[A-Za-z]{9,}")


def compact(value: Any) -> str:
    """A JSON value in as few characters as it takes."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def size(value: Any) -> int:
    """How many bytes a JSON value takes, as compact as it is sent."""
    return len(compact(value).encode("utf-8", "surrogatepass"))


def kilobytes(length: int) -> str:
    """A number of bytes for people: `640 bytes`, `2.6 kB`, `1,204 kB`."""
    if length < 1_000:
        return f"{length} bytes"
    return f"{length / 1_000:,.1f} kB" if length < 10_000 else f"{length / 1_000:,.0f} kB"


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
