"""Regular expressions from a schema, used only as far as their cost is bounded.

Python's matcher has no time limit, so a pattern whose repeats could multiply is not tried on long texts,
and one that could take exponential time not at all: the server then decides.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from drio_tui.api.patterns import PATTERNS
from drio_tui.tool_calls.patterns import TooLarge, op, parsed

_WORK = 4_000_000
_MANY = 24
_PROBES = tuple(chr(code) for code in (*range(0x100), 0x3B1, 0x4E2D, 0x2028, 0x1F600))


def saying(pattern: str) -> str:
    """What a pattern asks for, as the end of a sentence about the field."""
    known = PATTERNS.get(pattern)
    return known or f"must match {pattern if len(pattern) <= 80 else pattern[:79] + '…'}"


def mismatch(pattern: str, text: str) -> bool:
    """Whether `text` certainly does not match `pattern`; False where that cannot be found out cheaply."""
    compiled, power, ways = _compiled(pattern)
    if compiled is None or (len(text) + 1) ** power * ways > _WORK:
        return False
    return compiled.search(text) is None


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> tuple[re.Pattern[str] | None, int, int]:
    """The pattern, the power of the text's length and the factor that matching may cost; None when it is not tried."""
    try:
        pattern, tree = parsed(pattern)
        anchored = len(tree) > 0 and tree[0][0] is op.AT and tree[0][1] is op.AT_BEGINNING
        power, ways = _cost(tree)
        return re.compile(pattern), power + (not anchored), ways
    except (re.error, OverflowError, RecursionError, TooLarge, _Explosive):
        return None, 0, 0  # written for ECMA-262 only, or too dear


class _Explosive(Exception):
    """A repeat inside a repeat that could match one text in exponentially many ways."""


def _cost(items: Any) -> tuple[int, int]:
    """How many unbounded repeats can stand in each other's way, and how many ways the bounded parts have together."""
    total, ways = 0, 1
    for operator, argument in items:
        if operator in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT):
            low, high, body = argument
            inner, inner_ways = _cost(body)
            if high != op.MAXREPEAT and high <= _MANY and high - low <= 4:
                total += inner * high
                ways *= inner_ways**high * (high - low + 1)
            else:
                if not _single(body):
                    _must_be_marked(body)
                total += 1  # the rounds of a marked body cannot be cut in two ways
        elif operator is op.SUBPATTERN:
            total, ways = _added(total, ways, _cost(argument[-1]))
        elif operator is op.BRANCH:
            found = [_cost(branch) for branch in argument[1]]
            several = max if _told_apart(argument[1]) else sum
            total += max((inner for inner, _ in found), default=0)
            ways *= several(inner_ways for _, inner_ways in found)
        elif operator in (op.ASSERT, op.ASSERT_NOT):
            total, ways = _added(total, ways, _cost(argument[1]))
        elif operator is op.ATOMIC_GROUP:
            total, ways = _added(total, ways, _cost(argument))
        elif operator in (op.GROUPREF, op.GROUPREF_EXISTS):
            raise _Explosive
        if ways > _WORK:
            raise _Explosive
    return total, ways


def _added(total: int, ways: int, inner: tuple[int, int]) -> tuple[int, int]:
    return total + inner[0], ways * inner[1]


def _told_apart(branches: Any) -> bool:
    """Whether the first character of a text says which of the branches it can match."""
    seen: set[str] = set()
    for branch in branches:
        if not len(branch) or branch[0][0] not in (op.LITERAL, op.IN):
            return False
        first = _characters(branch[0])
        if seen & first:
            return False
        seen |= first
    return True


def _single(body: Any) -> bool:
    return len(body) == 1 and body[0][0] in (op.LITERAL, op.NOT_LITERAL, op.IN, op.ANY, op.CATEGORY)


def _must_be_marked(body: Any) -> None:
    """A repeated body is cheap when its first character marks where each round begins."""
    while len(body) == 1 and body[0][0] is op.SUBPATTERN:
        body = body[0][1][-1]
    first = body[0] if len(body) else None
    if first is None or first[0] not in (op.LITERAL, op.IN):
        raise _Explosive
    mark = _characters(first)
    for item in list(body)[1:]:
        if item[0] in (op.MAX_REPEAT, op.MIN_REPEAT):
            item_body = item[1][2]
            if not _single(item_body) or mark & _characters(item_body[0]):
                raise _Explosive
        elif item[0] not in (op.LITERAL, op.IN, op.CATEGORY) or mark & _characters(item):
            raise _Explosive


def _characters(item: Any) -> frozenset[str]:
    """The probe characters a one-character item matches."""
    operator, argument = item
    if operator is op.LITERAL:
        return frozenset({chr(argument)})
    if operator is op.NOT_LITERAL:
        return frozenset(_PROBES) - {chr(argument)}
    if operator is op.IN:
        found: set[str] = set()
        negate = False
        for kind, value in argument:
            if kind is op.NEGATE:
                negate = True
            elif kind is op.RANGE:
                found.update(chr(code) for code in range(value[0], min(value[1], value[0] + 0x3000) + 1))
            else:
                found |= _characters((kind, value))
        return frozenset(_PROBES) - found if negate else frozenset(found)
    return frozenset(_PROBES)  # ANY and the categories
