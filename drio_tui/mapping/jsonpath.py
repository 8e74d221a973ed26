"""JSONPath (RFC 9535), evaluated with a budget so that no path and no data can take unbounded time.

All selectors and filters are there, and of the functions `length`, `count` and `value`. `match` and `search`
are left out on purpose: a regular expression from a mapping has no time limit in Python.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import Any, NoReturn

LONGEST = 2_000
DEEPEST = 32
STEPS = 200_000
"""How many nodes one evaluation may look at, those of its filters included."""
NODES = 20_000
"""How many nodes a path may find."""

Location = tuple[str | int, ...]
Node = tuple[Location, Any]
"""Where a value stands, as names and indexes from the root, and the value."""


class PathError(ValueError):
    """The path is not one, or took more than its budget; the message is the end of a sentence about it."""


_NAME = re.compile(r"[A-Za-z_\u0080-\U0010FFFF][A-Za-z0-9_\u0080-\U0010FFFF]*")
_ONLY_NAMES = re.compile(r"\$(?:\.[A-Za-z_][A-Za-z0-9_]*)*")
_INT = re.compile(r"-?(?:0|[1-9][0-9]{0,15})(?![0-9])")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?")
_FUNCTION = re.compile(r"([a-z][a-z0-9_]*)\(")
_COMPARE = re.compile(r"==|!=|<=|>=|<|>")
_BLANK = re.compile(r"[ \t\n\r]*")
_LITERALS = {"true": True, "false": False, "null": None}
_WORD = re.compile(r"(?:true|false|null)(?![A-Za-z0-9_])")
_NOTHING: Any = object()
"""What a query of a comparison gives where it finds nothing; unlike `null`."""


@dataclass(slots=True)
class Steps:
    """How many nodes may still be looked at; several evaluations can share one."""

    left: int = STEPS


@dataclass(slots=True)
class _Budget:
    steps: Steps
    root: Any = field(repr=False)

    def spend(self, steps: int = 1) -> None:
        self.steps.left -= steps
        if self.steps.left < 0:
            raise PathError("looks at too much")


Selector = Callable[[Node, _Budget], Iterator[Node]]
Test = Callable[[Any, _Budget], bool]
Operand = Callable[[Any, _Budget], Any]


@dataclass(frozen=True, slots=True)
class _Segment:
    selectors: tuple[Selector, ...]
    below: bool  # the `..` form: the node and all under it

    def apply(self, nodes: Iterator[Node], budget: _Budget) -> Iterator[Node]:
        for node in nodes:
            for each in _descend(node, budget) if self.below else (node,):
                for selector in self.selectors:
                    yield from selector(each, budget)


@dataclass(frozen=True, slots=True)
class Path:
    """A parsed path; `text` is as it was written."""

    text: str
    segments: tuple[_Segment, ...] = field(repr=False)
    names: tuple[str, ...] | None = field(default=None, repr=False)  # where it is nothing but names, as most are

    def find(self, value: Any, steps: Steps | None = None) -> list[Node]:
        """Every node of `value` that the path finds, in its order. Raises `PathError` beyond the budget."""
        budget = _Budget(steps or Steps(), value)
        if self.names is not None:
            budget.spend(len(self.names) + 1)
            for name in self.names:
                if not isinstance(value, dict) or name not in value:
                    return []
                value = value[name]
            return [(self.names, value)]
        found: list[Node] = []
        for node in _walk(self.segments, ((), value), budget):
            found.append(node)
            if len(found) > NODES:
                raise PathError("finds too much")
        return found


@lru_cache(maxsize=1024)
def parse(text: str) -> Path:
    """The path in `text`. Raises `PathError` saying what is wrong with it."""
    if len(text) > LONGEST:
        raise PathError("is too long for a JSONPath")
    if not text.startswith("$"):
        raise PathError("must be a JSONPath, which begins with $")
    reader = _Reader(text)
    reader.at = 1
    segments = reader.segments(0)
    if reader.at != len(text):
        reader.wrong("something that is no step of a path")
    return Path(text, segments, tuple(text.split(".")[1:]) if _ONLY_NAMES.fullmatch(text) else None)


def _walk(segments: tuple[_Segment, ...], start: Node, budget: _Budget) -> Iterator[Node]:
    nodes: Iterator[Node] = iter((start,))
    for segment in segments:
        nodes = segment.apply(nodes, budget)
    return nodes


def _children(node: Node, budget: _Budget) -> Iterator[Node]:
    location, value = node
    if isinstance(value, dict):
        pairs: Iterator[tuple[str | int, Any]] = iter(value.items())
    elif isinstance(value, list):
        pairs = iter(enumerate(value))
    else:
        return
    for name, member in pairs:
        budget.spend()
        yield (*location, name), member


def _descend(node: Node, budget: _Budget) -> Iterator[Node]:
    waiting = [node]
    while waiting:
        budget.spend()
        current = waiting.pop()
        yield current
        waiting.extend(reversed(list(_children(current, budget))))


# --- selectors ------------------------------------------------------------------------------------


def _named(name: str) -> Selector:
    def select(node: Node, budget: _Budget) -> Iterator[Node]:
        budget.spend()
        location, value = node
        if isinstance(value, dict) and name in value:
            yield (*location, name), value[name]

    return select


def _indexed(index: int) -> Selector:
    def select(node: Node, budget: _Budget) -> Iterator[Node]:
        budget.spend()
        location, value = node
        if isinstance(value, list) and -len(value) <= index < len(value):
            place = index % len(value)
            yield (*location, place), value[place]

    return select


def _sliced(start: int | None, end: int | None, step: int) -> Selector:
    def select(node: Node, budget: _Budget) -> Iterator[Node]:
        location, value = node
        if isinstance(value, list) and step:
            for place in range(len(value))[start:end:step]:
                budget.spend()
                yield (*location, place), value[place]

    return select


def _filtered(test: Test) -> Selector:
    def select(node: Node, budget: _Budget) -> Iterator[Node]:
        for child in _children(node, budget):
            if test(child[1], budget):
                yield child

    return select


# --- filters --------------------------------------------------------------------------------------


def _compare(operator: str, left: Any, right: Any) -> bool:
    """RFC 9535 section 2.3.5.2.2: only numbers and texts have an order, and absence equals absence."""
    if operator == "!=":
        return not _compare("==", left, right)
    if operator in ("<=", ">=") and _compare("==", left, right):
        return True
    if operator == "==":
        if _is_number(left) and _is_number(right):
            return bool(left == right)
        return type(left) is type(right) and bool(left == right)
    if operator in (">", ">="):
        left, right = right, left
    if (_is_number(left) and _is_number(right)) or (isinstance(left, str) and isinstance(right, str)):
        return bool(left < right)
    return False


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _length(value: Any) -> Any:
    return len(value) if isinstance(value, str | list | dict) else _NOTHING


@dataclass(frozen=True, slots=True)
class _Query:
    segments: tuple[_Segment, ...]
    absolute: bool

    def nodes(self, current: Any, budget: _Budget) -> Iterator[Node]:
        budget.spend()
        return _walk(self.segments, ((), budget.root if self.absolute else current), budget)

    def exists(self, current: Any, budget: _Budget) -> bool:
        return next(self.nodes(current, budget), None) is not None

    def value(self, current: Any, budget: _Budget) -> Any:
        """The one value that the query finds; nothing where it finds none or several."""
        found = self.nodes(current, budget)
        first = next(found, None)
        return _NOTHING if first is None or next(found, None) is not None else first[1]

    def count(self, current: Any, budget: _Budget) -> int:
        return sum(1 for _ in self.nodes(current, budget))


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def wrong(self, what: str) -> NoReturn:
        raise PathError(f"is no JSONPath: {what} at character {self.at + 1}")

    def blank(self) -> None:
        found = _BLANK.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self.text, self.at)
        if found is not None:
            self.at = found.end()
        return found

    def literal(self, token: str) -> bool:
        if self.text.startswith(token, self.at):
            self.at += len(token)
            return True
        return False

    def segments(self, depth: int) -> tuple[_Segment, ...]:
        if depth > DEEPEST:
            self.wrong("too many nested filters")
        found: list[_Segment] = []
        while True:
            before = self.at
            self.blank()
            below = self.literal("..")
            if below or self.literal("."):
                if below and self.literal("["):
                    found.append(_Segment(self.selectors(depth), True))
                elif self.literal("*"):
                    found.append(_Segment((_children,), below))
                elif name := self.take(_NAME):
                    found.append(_Segment((_named(name[0]),), below))
                else:
                    self.wrong("a name or * is missing")
            elif self.literal("["):
                found.append(_Segment(self.selectors(depth), False))
            else:
                self.at = before
                return tuple(found)

    def selectors(self, depth: int) -> tuple[Selector, ...]:
        found: list[Selector] = []
        while True:
            self.blank()
            found.append(self.selector(depth))
            self.blank()
            if self.literal("]"):
                return tuple(found)
            if not self.literal(","):
                self.wrong("a , or ] is missing")

    def selector(self, depth: int) -> Selector:
        if self.text[self.at : self.at + 1] in ("'", '"') and self.at < len(self.text):
            return _named(self.string())
        if self.literal("*"):
            return _children
        if self.literal("?"):
            self.blank()
            return _filtered(self.either(depth + 1))
        start = self.integer()
        self.blank()
        if not self.literal(":"):
            if start is None:
                self.wrong("a name in quotes, a number, * or ? is missing")
            return _indexed(start or 0)
        self.blank()
        end = self.integer()
        self.blank()
        step = None
        if self.literal(":"):
            self.blank()
            step = self.integer()
        return _sliced(start, end, 1 if step is None else step)

    def integer(self) -> int | None:
        found = self.take(_INT)
        if found is not None and found[0] == "-0":
            self.wrong("a number that cannot be an index")
        return None if found is None else int(found[0])

    def string(self) -> str:
        quote = self.text[self.at]
        end = self.at + 1
        while end < len(self.text) and self.text[end] != quote:
            end += 2 if self.text[end] == "\\" else 1
        if end >= len(self.text):
            self.wrong("a quote that is not closed")
        body = self.text[self.at + 1 : end]
        as_json = body.replace("\\'", "'").replace('"', '\\"') if quote == "'" else body
        try:
            read = json.loads(f'"{as_json}"')
        except ValueError:
            self.wrong("a text with a wrong escape")
        self.at = end + 1
        return str(read)

    # --- filters ----------------------------------------------------------------------------------

    def either(self, depth: int) -> Test:
        tests = [self.both(depth)]
        while self.follows("||"):
            tests.append(self.both(depth))
        return tests[0] if len(tests) == 1 else lambda value, budget: any(test(value, budget) for test in tests)

    def both(self, depth: int) -> Test:
        tests = [self.term(depth)]
        while self.follows("&&"):
            tests.append(self.term(depth))
        return tests[0] if len(tests) == 1 else lambda value, budget: all(test(value, budget) for test in tests)

    def follows(self, token: str) -> bool:
        before = self.at
        self.blank()
        if self.literal(token):
            self.blank()
            return True
        self.at = before
        return False

    def term(self, depth: int) -> Test:
        if depth > DEEPEST:
            self.wrong("too many nested filters")
        if self.literal("!"):
            self.blank()
            negated = self.literal("(")
            if negated:
                self.at -= 1
            test = self.term(depth + 1)
            return lambda value, budget: not test(value, budget)
        if self.literal("("):
            self.blank()
            test = self.either(depth + 1)
            self.blank()
            if not self.literal(")"):
                self.wrong("a ) is missing")
            return test
        left, query = self.operand(depth)
        self.blank()
        operator = self.take(_COMPARE)
        if operator is not None:
            self.blank()
            right, _ = self.operand(depth)
            sign = operator[0]
            return lambda value, budget: _compare(sign, left(value, budget), right(value, budget))
        if query is None:
            self.wrong("a comparison is missing")
        return query.exists

    def operand(self, depth: int) -> tuple[Operand, _Query | None]:
        """One side of a comparison, and the query that it is, if it is one."""
        if self.literal("@") or self.literal("$"):
            absolute = self.text[self.at - 1] == "$"
            query = _Query(self.segments(depth + 1), absolute)
            return query.value, query
        if call := self.take(_FUNCTION):
            return self.call(call[1], depth), None
        if self.text[self.at : self.at + 1] in ("'", '"') and self.at < len(self.text):
            text = self.string()
            return (lambda _value, _budget: text), None
        if word := self.take(_WORD):
            known = _LITERALS[word[0]]
            return (lambda _value, _budget: known), None
        number = self.take(_NUMBER)
        if number is None:
            self.wrong("@, $, a value or a function is missing")
        read = json.loads(number[0])
        return (lambda _value, _budget: read), None

    def call(self, name: str, depth: int) -> Operand:
        if name not in ("length", "count", "value"):
            self.wrong(f"the function {name}, which is not offered here,")
        self.blank()
        if depth > DEEPEST:
            self.wrong("too many nested functions")
        operand, query = self.operand(depth + 1)
        self.blank()
        if not self.literal(")"):
            self.wrong("a ) is missing")
        if name == "length":
            return lambda value, budget: _length(operand(value, budget))
        if query is None:
            self.wrong(f"a path is what {name} takes, which is missing")
        return query.count if name == "count" else query.value
