"""Regular expressions from a schema, used only as far as their cost is bounded.

Python's matcher has no time limit, so a pattern whose repeats could multiply is not tried on long texts,
and one that could take exponential time not at all: the server then decides.
"""

from __future__ import annotations

import re
from functools import lru_cache
from re import _constants as _op  # type: ignore[attr-defined]  # the only parser of these patterns there is
from re import _parser  # type: ignore[attr-defined]  # as above
from typing import Any

from drio_tui.api.wording import PATTERNS

_WORK = 4_000_000
_MANY = 24
_PROBES = tuple(chr(code) for code in (*range(0x100), 0x3B1, 0x4E2D, 0x2028, 0x1F600))


def saying(pattern: str) -> str:
    """What a pattern asks for, as the end of a sentence about the field."""
    known = PATTERNS.get(pattern)
    return known or f"must match {pattern if len(pattern) <= 80 else pattern[:79] + '…'}"


def mismatch(pattern: str, text: str) -> bool:
    """Whether `text` certainly does not match `pattern`; False where that cannot be found out cheaply."""
    compiled, power = _compiled(pattern)
    if compiled is None or (power and (len(text) + 1) ** power > _WORK):
        return False
    return compiled.search(text) is None


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> tuple[re.Pattern[str] | None, int]:
    """The pattern, and the power of the text's length that matching may cost; None when it is not tried."""
    if len(pattern) > 2_000:
        return None, 0
    if pattern.endswith("$") and not pattern.endswith("\\$"):
        pattern = pattern[:-1] + r"\Z"  # ECMA's $ does not forgive a newline at the end
    try:
        tree = _parser.parse(pattern)
        anchored = len(tree) > 0 and tree[0][0] is _op.AT and tree[0][1] is _op.AT_BEGINNING
        power = _cost(tree) + (not anchored)
        return re.compile(pattern), power
    except (re.error, OverflowError, RecursionError, _Explosive):
        return None, 0  # written for ECMA-262 only, or too dear


class _Explosive(Exception):
    """A repeat inside a repeat that could match one text in exponentially many ways."""


def _cost(items: Any) -> int:
    """How many unbounded repeats can stand in each other's way."""
    total = 0
    for operator, argument in items:
        if operator in (_op.MAX_REPEAT, _op.MIN_REPEAT, _op.POSSESSIVE_REPEAT):
            low, high, body = argument
            inner = _cost(body)
            if high != _op.MAXREPEAT and high <= 1:
                total += inner
            elif high == _op.MAXREPEAT or high > _MANY or high - low > 4:
                if not _single(body):
                    _must_be_marked(body)
                total += 1  # the rounds of a marked body cannot be cut in two ways
            else:
                total += inner * max(1, high)
        elif operator is _op.SUBPATTERN:
            total += _cost(argument[-1])
        elif operator is _op.BRANCH:
            total += max((_cost(branch) for branch in argument[1]), default=0)
        elif operator in (_op.ASSERT, _op.ASSERT_NOT):
            total += _cost(argument[1])
        elif operator is _op.ATOMIC_GROUP:
            total += _cost(argument)
        elif operator in (_op.GROUPREF, _op.GROUPREF_EXISTS):
            raise _Explosive
    return total


def _single(body: Any) -> bool:
    return len(body) == 1 and body[0][0] in (_op.LITERAL, _op.NOT_LITERAL, _op.IN, _op.ANY, _op.CATEGORY)


def _must_be_marked(body: Any) -> None:
    """A repeated body is cheap when its first character marks where each round begins."""
    while len(body) == 1 and body[0][0] is _op.SUBPATTERN:
        body = body[0][1][-1]
    first = body[0] if len(body) else None
    if first is None or first[0] not in (_op.LITERAL, _op.IN):
        raise _Explosive
    mark = _characters(first)
    for item in list(body)[1:]:
        if item[0] in (_op.MAX_REPEAT, _op.MIN_REPEAT):
            item_body = item[1][2]
            if not _single(item_body) or mark & _characters(item_body[0]):
                raise _Explosive
        elif item[0] not in (_op.LITERAL, _op.IN, _op.CATEGORY) or mark & _characters(item):
            raise _Explosive


def _characters(item: Any) -> frozenset[str]:
    """The probe characters a one-character item matches."""
    operator, argument = item
    if operator is _op.LITERAL:
        return frozenset({chr(argument)})
    if operator is _op.NOT_LITERAL:
        return frozenset(_PROBES) - {chr(argument)}
    if operator is _op.IN:
        found: set[str] = set()
        negate = False
        for kind, value in argument:
            if kind is _op.NEGATE:
                negate = True
            elif kind is _op.RANGE:
                found.update(chr(code) for code in range(value[0], min(value[1], value[0] + 0x3000) + 1))
            else:
                found |= _characters((kind, value))
        return frozenset(_PROBES) - found if negate else frozenset(found)
    return frozenset(_PROBES)  # ANY and the categories
