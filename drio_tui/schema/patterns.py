"""Matching the regular expressions of a schema, if their cost is bounded.

Python's matcher has no time limit. A pattern of polynomial cost is therefore not matched against long texts, and one
that could take exponential time is not matched at all; the server validates those.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from drio_tui.api.patterns import PATTERNS
from drio_tui.tool_calls.patterns import TooLarge, op, parsed

_MAX_STEPS = 4_000_000
_MAX_UNROLLED = 24
"""Repetitions up to which a bounded repeat is treated as if it were written out."""

_PROBES = tuple(chr(code) for code in (*range(0x100), 0x3B1, 0x4E2D, 0x2028, 0x1F600))
"""Characters that represent all others when sets of characters are compared."""


def message(pattern: str) -> str:
    """Return the error of a text that does not match: in words for a known pattern, else with the pattern."""
    known = PATTERNS.get(pattern)
    return known or f"must match {pattern if len(pattern) <= 80 else pattern[:79] + '…'}"


def mismatch(pattern: str, text: str) -> bool:
    """Return whether `text` does not match `pattern`; False also if matching would be too expensive."""
    compiled, _, _ = _compile(pattern)
    return compiled is not None and can_match(pattern, text) and compiled.search(text) is None


def can_match(pattern: str, text: str) -> bool:
    """Return whether `text` can be matched against `pattern` at a bounded cost."""
    compiled, power, ways = _compile(pattern)
    return compiled is not None and (len(text) + 1) ** power * ways <= _MAX_STEPS


@lru_cache(maxsize=256)
def _compile(pattern: str) -> tuple[re.Pattern[str] | None, int, int]:
    """Return the compiled pattern, and the power of the text's length and the factor that bound the cost of matching.

    The pattern is None if it is valid in ECMA-262 only, or too expensive.
    """
    try:
        pattern, tree = parsed(pattern)
        anchored = len(tree) > 0 and tree[0][0] is op.AT and tree[0][1] is op.AT_BEGINNING
        power, ways = _cost(tree)
        return re.compile(pattern), power + (not anchored), ways
    except (re.error, OverflowError, RecursionError, TooLarge, _CatastrophicPattern):
        return None, 0, 0


class _CatastrophicPattern(Exception):
    """A nested repeat that could match one text in exponentially many ways."""


def _cost(items: Any) -> tuple[int, int]:
    """Return how many unbounded repeats may compete for the same text, and in how many ways the bounded parts match.

    Raises `_CatastrophicPattern`.
    """
    power, ways = 0, 1
    for operator, argument in items:
        if operator in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT):
            low, high, body = argument
            body_power, body_ways = _cost(body)
            if high != op.MAXREPEAT and high <= _MAX_UNROLLED and high - low <= 4:
                power += body_power * high
                ways *= body_ways**high * (high - low + 1)
            else:
                if not _is_one_character(body):
                    _require_delimited(body)
                power += 1  # a text can be split into repetitions of a delimited body in one way only
        elif operator is op.SUBPATTERN:
            power, ways = _add_cost(power, ways, _cost(argument[-1]))
        elif operator is op.BRANCH:
            costs = [_cost(branch) for branch in argument[1]]
            combine = max if _have_distinct_starts(argument[1]) else sum
            power += max((branch_power for branch_power, _ in costs), default=0)
            ways *= combine(branch_ways for _, branch_ways in costs)
        elif operator in (op.ASSERT, op.ASSERT_NOT):
            power, ways = _add_cost(power, ways, _cost(argument[1]))
        elif operator is op.ATOMIC_GROUP:
            power, ways = _add_cost(power, ways, _cost(argument))
        elif operator in (op.GROUPREF, op.GROUPREF_EXISTS):
            raise _CatastrophicPattern
        if ways > _MAX_STEPS:
            raise _CatastrophicPattern
    return power, ways


def _add_cost(power: int, ways: int, cost: tuple[int, int]) -> tuple[int, int]:
    return power + cost[0], ways * cost[1]


def _have_distinct_starts(branches: Any) -> bool:
    """Return whether the first character of a text determines which of the branches can match it."""
    characters: set[str] = set()
    for branch in branches:
        if not len(branch) or branch[0][0] not in (op.LITERAL, op.IN):
            return False
        first = _characters(branch[0])
        if characters & first:
            return False
        characters |= first
    return True


def _is_one_character(body: Any) -> bool:
    return len(body) == 1 and body[0][0] in (op.LITERAL, op.NOT_LITERAL, op.IN, op.ANY, op.CATEGORY)


def _require_delimited(body: Any) -> None:
    """Raise `_CatastrophicPattern` unless the first character of a repeated body occurs nowhere else in it.

    Such a character marks where each repetition begins, so that the repeat is linear.
    """
    while len(body) == 1 and body[0][0] is op.SUBPATTERN:
        body = body[0][1][-1]
    first = body[0] if len(body) else None
    if first is None or first[0] not in (op.LITERAL, op.IN):
        raise _CatastrophicPattern
    delimiter = _characters(first)
    for item in list(body)[1:]:
        if item[0] in (op.MAX_REPEAT, op.MIN_REPEAT):
            item_body = item[1][2]
            if not _is_one_character(item_body) or delimiter & _characters(item_body[0]):
                raise _CatastrophicPattern
        elif item[0] not in (op.LITERAL, op.IN, op.CATEGORY) or delimiter & _characters(item):
            raise _CatastrophicPattern


def _characters(item: Any) -> frozenset[str]:
    """Return the probe characters that an item of one character matches."""
    operator, argument = item
    if operator is op.LITERAL:
        return frozenset({chr(argument)})
    if operator is op.NOT_LITERAL:
        return frozenset(_PROBES) - {chr(argument)}
    if operator is op.IN:
        characters: set[str] = set()
        negate = False
        for kind, value in argument:
            if kind is op.NEGATE:
                negate = True
            elif kind is op.RANGE:
                characters.update(chr(code) for code in range(value[0], min(value[1], value[0] + 0x3000) + 1))
            else:
                characters |= _characters((kind, value))
        return frozenset(_PROBES) - characters if negate else frozenset(characters)
    return frozenset(_PROBES)  # ANY and the categories
