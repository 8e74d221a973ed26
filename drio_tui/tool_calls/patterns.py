"""Regular expressions of JSON Schemas (ECMA-262) in Python's syntax, without those that use too much memory."""

from __future__ import annotations

import re
from re import _constants as op  # type: ignore[attr-defined]  # the only parser of these patterns there is
from re import _parser  # type: ignore[attr-defined]  # as above
from typing import Any

__all__ = ["TooLarge", "op", "parsed"]

LONGEST = 2_000
_UNKNOWN_TO_PYTHON = re.compile(r"\\[pP]\{[^{}]*\}|\(\?<(?=[A-Za-z_])\w+>")
"""Syntax of the `regex` package that Python's parser does not know; it is replaced by one character, or by a group."""
_MOST_ITEMS = 50_000
"""The most single-character items once repeats are expanded, as the `regex` package does in memory."""


class TooLarge(ValueError):
    """The pattern is too long, or would be once its repeats are expanded."""


def parsed(pattern: str) -> tuple[str, Any]:
    """Return the pattern in Python's syntax, and its parse tree.

    Raises `TooLarge` and, like `re.compile`, `re.error`, `OverflowError` and `RecursionError`.
    """
    if len(pattern) > LONGEST:
        raise TooLarge
    if pattern.endswith("$") and not pattern.endswith("\\$"):
        pattern = pattern[:-1] + r"\Z"  # ECMA's $ does not match before a newline at the end
    tree = _parser.parse(_UNKNOWN_TO_PYTHON.sub(lambda match: "(?:" if match[0][0] == "(" else ".", pattern))
    if _size(tree) > _MOST_ITEMS:
        raise TooLarge
    return pattern, tree


def _size(items: Any) -> int:
    total = 0
    for operator, argument in items:
        if operator in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT):
            low, high, body = argument
            total += _size(body) * max(1, low if high == op.MAXREPEAT else high)
        elif operator is op.SUBPATTERN:
            total += _size(argument[-1])
        elif operator is op.BRANCH:
            total += sum(map(_size, argument[1]))
        elif operator in (op.ASSERT, op.ASSERT_NOT):
            total += _size(argument[1])
        elif operator is op.ATOMIC_GROUP:
            total += _size(argument)
        elif operator is op.GROUPREF_EXISTS:
            total += sum(_size(part) for part in argument[1:] if part is not None)
        else:
            total += 1
    return total
