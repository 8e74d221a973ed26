"""Matching the regular expressions of a schema, if their cost is bounded.

Python's matcher has no time limit. A pattern of polynomial cost is therefore not matched against long texts, and one
that could take exponential time is not matched at all; the server validates those.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

from drio_tui.api.patterns import PATTERNS
from drio_tui.tool_calls.patterns import TooLarge, op, parsed

_MAX_STEPS = 4_000_000
_MAX_UNROLLED = 24
"""Repetitions up to which a bounded repeat is treated as if it were written out."""

_INLINE_IGNORE_CASE = re.compile(r"\(\?[a-zA-Z-]*i[a-zA-Z-]*[:)]")
_PROBES = tuple(chr(code) for code in (*range(0x100), 0x3B1, 0x4E2D, 0x2028, 0x1F600))
"""Characters that represent all others when sets of characters are compared."""


def message(pattern: str) -> str:
    """Return the error of a text that does not match: in words for a known pattern, else with the pattern."""
    known = PATTERNS.get(pattern)
    return known or f"must match {pattern if len(pattern) <= 80 else pattern[:79] + '…'}"


def mismatch(pattern: str, text: str) -> bool:
    """Return whether `text` does not match `pattern`; False also if matching would be too expensive."""
    compiled = _compile(pattern)
    return not isinstance(compiled, Exception) and can_match(pattern, text) and compiled.pattern.search(text) is None


def can_match(pattern: str, text: str) -> bool:
    """Return whether `text` can be matched against `pattern` at a bounded cost."""
    compiled = _compile(pattern)
    return not isinstance(compiled, Exception) and compiled.cost(text) <= _MAX_STEPS


class _Compiled(NamedTuple):
    """A compiled pattern, with the power of a text's length and the factor that bound the cost of matching it."""

    pattern: re.Pattern[str]
    power: int
    ways: int

    def cost(self, text: str) -> int:
        return int((len(text) + 1) ** self.power * self.ways)


class BoundedPattern:
    """A regular expression of a user, in Python's syntax, that takes bounded time on the texts it is applied to.

    Raises `ValueError`, with a sentence for the user, for one that is invalid or could take exponential time.
    """

    def __init__(self, pattern: str, *, ignore_case: bool = False, whole_word: bool = False) -> None:
        if _INLINE_IGNORE_CASE.search(pattern):
            raise ValueError("(?i) cannot be part of the pattern: case is ignored by the option for it.")
        error = _compile(pattern)  # whatever is wrong with it is not because of what is put around it
        compiled = _compile(rf"(?<!\w)(?:{pattern})(?!\w)" if whole_word else pattern, ignore_case=ignore_case)
        for result in (error, compiled):
            if isinstance(result, _CatastrophicPattern):
                raise ValueError("This pattern could take forever: a repeat within a repeat, or a back-reference.")
            if isinstance(result, Exception):
                raise ValueError(f"This is no regular expression: {str(result) or 'it is too long'}.")
        assert isinstance(compiled, _Compiled)
        self._compiled = compiled

    @property
    def compiled(self) -> re.Pattern[str]:
        """The pattern, to be matched with texts whose `cost` is bearable."""
        return self._compiled.pattern

    def cost(self, text: str) -> int:
        """Return the most steps that matching the text everywhere may take; a million take up to 0.1 seconds."""
        return self._compiled.cost(text)


@lru_cache(maxsize=256)
def _compile(pattern: str, *, ignore_case: bool = False) -> _Compiled | Exception:
    """Return the compiled pattern; the error if it is invalid, valid in ECMA-262 only, or too expensive."""
    try:
        pattern, tree = parsed(pattern)
        anchored = len(tree) > 0 and tree[0][0] is op.AT and tree[0][1] is op.AT_BEGINNING
        power, ways = _cost(tree, _same_in_any_case if ignore_case else _itself)
        return _Compiled(re.compile(pattern, re.IGNORECASE if ignore_case else 0), power + (not anchored), ways)
    except (re.error, OverflowError, RecursionError, TooLarge, _CatastrophicPattern) as error:
        return error


class _CatastrophicPattern(Exception):
    """A nested repeat that could match one text in exponentially many ways."""


Fold = Callable[[str], str]
"""Returns the character that stands for those that a pattern cannot distinguish from it."""


def _itself(character: str) -> str:
    return character


def _same_in_any_case(character: str) -> str:
    return character.upper().lower()


def _cost(items: Any, fold: Fold) -> tuple[int, int]:
    """Return how many unbounded repeats may compete for the same text, and in how many ways the bounded parts match.

    Raises `_CatastrophicPattern`.
    """
    power, ways = 0, 1
    for operator, argument in items:
        if operator in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT):
            low, high, body = argument
            body_power, body_ways = _cost(body, fold)
            if high != op.MAXREPEAT and high <= _MAX_UNROLLED and high - low <= 4:
                power += body_power * high
                ways *= body_ways**high * (high - low + 1)
            else:
                if not _is_one_character(body):
                    _require_delimited(body, fold)
                power += 1  # a text can be split into repetitions of a delimited body in one way only
        elif operator is op.SUBPATTERN:
            power, ways = _add_cost(power, ways, _cost(argument[-1], fold))
        elif operator is op.BRANCH:
            costs = [_cost(branch, fold) for branch in argument[1]]
            combine = max if _have_distinct_starts(argument[1], fold) else sum
            power += max((branch_power for branch_power, _ in costs), default=0)
            ways *= combine(branch_ways for _, branch_ways in costs)
        elif operator in (op.ASSERT, op.ASSERT_NOT):
            power, ways = _add_cost(power, ways, _cost(argument[1], fold))
        elif operator is op.ATOMIC_GROUP:
            power, ways = _add_cost(power, ways, _cost(argument, fold))
        elif operator in (op.GROUPREF, op.GROUPREF_EXISTS):
            raise _CatastrophicPattern
        if ways > _MAX_STEPS:
            raise _CatastrophicPattern
    return power, ways


def _add_cost(power: int, ways: int, cost: tuple[int, int]) -> tuple[int, int]:
    return power + cost[0], ways * cost[1]


def _have_distinct_starts(branches: Any, fold: Fold) -> bool:
    """Return whether the first character of a text determines which of the branches can match it."""
    characters: set[str] = set()
    for branch in branches:
        if not len(branch) or branch[0][0] not in (op.LITERAL, op.IN):
            return False
        first = _characters(branch[0], fold)
        if characters & first:
            return False
        characters |= first
    return True


def _is_one_character(body: Any) -> bool:
    return len(body) == 1 and body[0][0] in (op.LITERAL, op.NOT_LITERAL, op.IN, op.ANY, op.CATEGORY)


def _require_delimited(body: Any, fold: Fold) -> None:
    """Raise `_CatastrophicPattern` unless the first character of a repeated body occurs nowhere else in it.

    Such a character marks where each repetition begins, so that the repeat is linear.
    """
    while len(body) == 1 and body[0][0] is op.SUBPATTERN:
        body = body[0][1][-1]
    first = body[0] if len(body) else None
    if first is None or first[0] not in (op.LITERAL, op.IN):
        raise _CatastrophicPattern
    delimiter = _characters(first, fold)
    for item in list(body)[1:]:
        if item[0] in (op.MAX_REPEAT, op.MIN_REPEAT):
            item_body = item[1][2]
            if not _is_one_character(item_body) or delimiter & _characters(item_body[0], fold):
                raise _CatastrophicPattern
        elif item[0] not in (op.LITERAL, op.IN, op.CATEGORY) or delimiter & _characters(item, fold):
            raise _CatastrophicPattern


def _characters(item: Any, fold: Fold) -> frozenset[str]:
    """Return the probe characters that an item of one character matches, each as `fold` returns it."""
    operator, argument = item
    if operator is op.LITERAL:
        return frozenset({fold(chr(argument))})
    if operator is op.NOT_LITERAL:
        return frozenset(map(fold, _PROBES)) - {fold(chr(argument))}
    if operator is op.IN:
        characters: set[str] = set()
        negate = False
        for kind, value in argument:
            if kind is op.NEGATE:
                negate = True
            elif kind is op.RANGE:
                codes = range(value[0], min(value[1], value[0] + 0x3000) + 1)
                characters.update(fold(chr(code)) for code in codes)
            else:
                characters |= _characters((kind, value), fold)
        return frozenset(map(fold, _PROBES)) - characters if negate else frozenset(characters)
    return frozenset(map(fold, _PROBES))  # ANY and the categories
