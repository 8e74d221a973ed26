"""JSONPath (RFC 9535), evaluated with a budget so that no path and no data can take unbounded time.

All selectors, filters and functions are parsed. `match` and `search` are not evaluated, on purpose: a regular
expression from a mapping has no time limit in Python.
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


class NotEvaluated(PathError):
    """The path is one, but uses a function that is not evaluated here."""


_NAME = re.compile(r"[A-Za-z_\u0080-\U0010FFFF][A-Za-z0-9_\u0080-\U0010FFFF]*")
_ONLY_NAMES = re.compile(r"\$(?:\.[A-Za-z_][A-Za-z0-9_]*)*")
_INT = re.compile(r"-?(?:0|[1-9][0-9]{0,15})(?![0-9])")
_LARGEST_INT = 2**53 - 1
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?")
_FUNCTION = re.compile(r"([a-z][a-z0-9_]*)\(")
_COMPARE = re.compile(r"==|!=|<=|>=|<|>")
_BLANK = re.compile(r"[ \t\n\r]*")
_LITERALS = {"true": True, "false": False, "null": None}
_WORD = re.compile(r"(?:true|false|null)(?![A-Za-z0-9_])")
_SURROGATE = re.compile("[\ud800-\udfff]")
_FUNCTIONS = {
    "length": ("value",),
    "count": ("nodes",),
    "value": ("nodes",),
    "match": ("value", "value"),
    "search": ("value", "value"),
}
"""What each function takes (RFC 9535, section 2.4)."""
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
    singular: bool = False  # one name or index, which finds one node at most

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
    not_evaluated: str = ""  # the first function in it that is not

    def find(self, value: Any, steps: Steps | None = None) -> list[Node]:
        """Every node of `value` that the path finds, in its order. Raises `PathError` beyond the budget."""
        if self.not_evaluated:
            raise NotEvaluated(f"uses the function {self.not_evaluated}, which is not evaluated here")
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
    names = tuple(text.split(".")[1:]) if _ONLY_NAMES.fullmatch(text) else None
    return Path(text, segments, names, reader.not_evaluated)


def problem(text: str) -> str:
    """Why `text` is not a JSONPath, as the end of a sentence; empty when it is one."""
    try:
        parse(text)
    except PathError as error:
        return str(error)
    return ""


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

    @property
    def singular(self) -> bool:
        return all(segment.singular for segment in self.segments)

    def nodes(self, current: Any, budget: _Budget) -> Iterator[Node]:
        budget.spend()
        return _walk(self.segments, ((), budget.root if self.absolute else current), budget)

    def exists(self, current: Any, budget: _Budget) -> bool:
        return next(self.nodes(current, budget), None) is not None

    def value(self, current: Any, budget: _Budget) -> Any:
        """The one value that the query finds; nothing where it finds none or, as `value()` may, several."""
        found = self.nodes(current, budget)
        first = next(found, None)
        return _NOTHING if first is None or next(found, None) is not None else first[1]

    def count(self, current: Any, budget: _Budget) -> int:
        return sum(1 for _ in self.nodes(current, budget))


@dataclass(frozen=True, slots=True)
class _Operand:
    """`query` where it is one; `logical` where it is true or false, as of a function, and not a value."""

    get: Operand
    query: _Query | None = None
    logical: bool = False


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.not_evaluated = ""

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
                    found.append(_Segment(self.selectors(depth)[0], True))
                elif self.literal("*"):
                    found.append(_Segment((_children,), below))
                elif name := self.take(_NAME):
                    found.append(_Segment((_named(name[0]),), below, singular=not below))
                else:
                    self.wrong("a name or * is missing")
            elif self.literal("["):
                selectors, singular = self.selectors(depth)
                found.append(_Segment(selectors, False, singular))
            else:
                self.at = before
                return tuple(found)

    def selectors(self, depth: int) -> tuple[tuple[Selector, ...], bool]:
        """The selectors up to the closing bracket, and whether they are a single name or index."""
        found: list[Selector] = []
        singular = True
        while True:
            self.blank()
            selector, single = self.selector(depth)
            found.append(selector)
            singular = singular and single and len(found) == 1
            self.blank()
            if self.literal("]"):
                return tuple(found), singular
            if not self.literal(","):
                self.wrong("a , or ] is missing")

    def selector(self, depth: int) -> tuple[Selector, bool]:
        """One selector, and whether it is a name or an index."""
        if self.quoted():
            return _named(self.string()), True
        if self.literal("*"):
            return _children, False
        if self.literal("?"):
            self.blank()
            return _filtered(self.either(depth + 1)), False
        start = self.integer()
        after = self.at
        self.blank()
        if not self.literal(":"):
            self.at = after
            if start is None:
                self.wrong("a name in quotes, a number, * or ? is missing")
            return _indexed(start), True
        self.blank()
        end = self.integer()
        self.blank()
        step = None
        if self.literal(":"):
            self.blank()
            step = self.integer()
        return _sliced(start, end, 1 if step is None else step), False

    def integer(self) -> int | None:
        found = self.take(_INT)
        if found is None:
            return None
        if found[0] == "-0" or abs(int(found[0])) > _LARGEST_INT:
            self.wrong("a number that cannot be an index")
        return int(found[0])

    def quoted(self) -> bool:
        """Whether a text in quotes begins here."""
        return self.text[self.at : self.at + 1] in ("'", '"') and self.at < len(self.text)

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
        if _SURROGATE.search(read):
            self.wrong("a text with half a character")
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

    def term(self, depth: int, *, negated: bool = False) -> Test:
        if depth > DEEPEST:
            self.wrong("too many nested filters")
        if self.literal("!"):
            self.blank()
            if self.text[self.at : self.at + 1] == "!":
                self.wrong("a second !")
            test = self.term(depth + 1, negated=True)
            return lambda value, budget: not test(value, budget)
        if self.literal("("):
            self.blank()
            test = self.either(depth + 1)
            self.blank()
            if not self.literal(")"):
                self.wrong("a ) is missing")
            return test
        left = self.operand(depth)
        self.blank()
        operator = self.take(_COMPARE)
        if operator is not None and negated:
            self.wrong("a comparison after ! that is not in parentheses")
        if operator is not None:
            self.blank()
            one, other = self.comparable(left), self.comparable(self.operand(depth))
            sign = operator[0]
            return lambda value, budget: _compare(sign, one(value, budget), other(value, budget))
        if left.query is not None:
            return left.query.exists
        if not left.logical:
            self.wrong("a comparison is missing")
        return left.get

    def comparable(self, operand: _Operand) -> Operand:
        if operand.logical:
            self.wrong("a function whose result cannot be compared")
        if operand.query is not None and not operand.query.singular:
            self.wrong("a path that may find several values where one is needed")
        return operand.get

    def operand(self, depth: int) -> _Operand:
        """One side of a comparison, or an argument of a function."""
        if self.literal("@") or self.literal("$"):
            absolute = self.text[self.at - 1] == "$"
            query = _Query(self.segments(depth + 1), absolute)
            return _Operand(query.value, query)
        if call := self.take(_FUNCTION):
            return self.call(call[1], depth)
        if self.quoted():
            text = self.string()
            return _Operand(lambda _value, _budget: text)
        if word := self.take(_WORD):
            known = _LITERALS[word[0]]
            return _Operand(lambda _value, _budget: known)
        number = self.take(_NUMBER)
        if number is None:
            self.wrong("@, $, a value or a function is missing")
        read = json.loads(number[0])
        return _Operand(lambda _value, _budget: read)

    def call(self, name: str, depth: int) -> _Operand:
        wanted = _FUNCTIONS.get(name)
        if wanted is None:
            self.wrong(f"the function {name}, which is not known,")
        if depth > DEEPEST:
            self.wrong("too many nested functions")
        arguments: list[_Operand] = []
        for number, kind in enumerate(wanted):
            self.blank()
            if number and not self.literal(","):
                self.wrong("a , is missing")
            self.blank()
            arguments.append(self.operand(depth + 1))
            if kind == "value":
                self.comparable(arguments[-1])
            elif arguments[-1].query is None:
                self.wrong(f"a path is what {name} takes, which is missing")
        self.blank()
        if not self.literal(")"):
            self.wrong("a ) is missing")
        first = arguments[0]
        if name == "length":
            return _Operand(lambda value, budget: _length(first.get(value, budget)))
        if first.query is not None and name in ("count", "value"):
            return _Operand(first.query.count if name == "count" else first.query.value)
        self.not_evaluated = self.not_evaluated or name
        return _Operand(lambda _value, _budget: False, logical=True)
