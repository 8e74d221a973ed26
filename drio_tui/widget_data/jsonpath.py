"""JSONPath (RFC 9535), evaluated with a budget so that the time is bounded for any path and any data.

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
"""The most nodes that one evaluation may visit, including those of its filters."""
NODES = 20_000
"""The most nodes that a path may select."""

Location = tuple[str | int, ...]
Node = tuple[Location, Any]
"""The location of a value, as names and indexes from the root, and the value."""


class PathError(ValueError):
    """The text is not a path, or the path exceeded its budget; the message is the end of a sentence about it."""


class NotEvaluated(PathError):
    """The path is valid, but uses a function that is not evaluated here."""


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
"""The parameter types of each function (RFC 9535, section 2.4)."""
_NOTHING: Any = object()
"""The value of a query that selects nothing in a comparison; different from `null`."""


@dataclass(slots=True)
class Steps:
    """How many nodes may still be visited; several evaluations can share one."""

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
    descendants: bool  # the `..` form: the node and its descendants
    singular: bool = False  # one name or index, which selects at most one node

    def apply(self, nodes: Iterator[Node], budget: _Budget) -> Iterator[Node]:
        for node in nodes:
            for current in _descend(node, budget) if self.descendants else (node,):
                for selector in self.selectors:
                    yield from selector(current, budget)


@dataclass(frozen=True, slots=True)
class Path:
    """A parsed path; `text` is its source."""

    text: str
    segments: tuple[_Segment, ...] = field(repr=False)
    names: tuple[str, ...] | None = field(default=None, repr=False)  # if it consists of names only, as most paths do
    not_evaluated: str = ""  # the first function in it that is not evaluated

    def find(self, value: Any, steps: Steps | None = None) -> list[Node]:
        """Return every node of `value` that the path selects, in order. Raises `PathError` beyond the budget."""
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
        nodes: list[Node] = []
        for node in _walk(self.segments, ((), value), budget):
            nodes.append(node)
            if len(nodes) > NODES:
                raise PathError("finds too much")
        return nodes


@lru_cache(maxsize=1024)
def parse(text: str) -> Path:
    """Parse the path in `text`. Raises `PathError` that says what is wrong with it."""
    if len(text) > LONGEST:
        raise PathError("is too long for a JSONPath")
    if not text.startswith("$"):
        raise PathError("must be a JSONPath, which begins with $")
    parser = _Parser(text)
    parser.position = 1
    segments = parser.segments(0)
    if parser.position != len(text):
        parser.fail("something that is no step of a path")
    names = tuple(text.split(".")[1:]) if _ONLY_NAMES.fullmatch(text) else None
    return Path(text, segments, names, parser.not_evaluated)


def problem(text: str) -> str:
    """Return why `text` is not a JSONPath, as the end of a sentence; empty when it is one."""
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
    for name, child in pairs:
        budget.spend()
        yield (*location, name), child


def _descend(node: Node, budget: _Budget) -> Iterator[Node]:
    stack = [node]
    while stack:
        budget.spend()
        current = stack.pop()
        yield current
        stack.extend(reversed(list(_children(current, budget))))


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
            normalized = index % len(value)
            yield (*location, normalized), value[normalized]

    return select


def _sliced(start: int | None, end: int | None, step: int) -> Selector:
    def select(node: Node, budget: _Budget) -> Iterator[Node]:
        location, value = node
        if isinstance(value, list) and step:
            for index in range(len(value))[start:end:step]:
                budget.spend()
                yield (*location, index), value[index]

    return select


def _filtered(test: Test) -> Selector:
    def select(node: Node, budget: _Budget) -> Iterator[Node]:
        for child in _children(node, budget):
            if test(child[1], budget):
                yield child

    return select


# --- filters --------------------------------------------------------------------------------------


def _compare(operator: str, left: Any, right: Any) -> bool:
    """Compare by RFC 9535 section 2.3.5.2.2: only numbers and texts are ordered; absent values are equal."""
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
        """Return the one value that the query selects; `_NOTHING` if it selects none or, as `value()` may, several."""
        nodes = self.nodes(current, budget)
        first = next(nodes, None)
        return _NOTHING if first is None or next(nodes, None) is not None else first[1]

    def count(self, current: Any, budget: _Budget) -> int:
        return sum(1 for _ in self.nodes(current, budget))


@dataclass(frozen=True, slots=True)
class _Operand:
    """An operand; `query` is set if it is a query, and `logical` if it is a truth value, as of a function."""

    get: Operand
    query: _Query | None = None
    logical: bool = False


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.not_evaluated = ""

    def fail(self, what: str) -> NoReturn:
        raise PathError(f"is no JSONPath: {what} at character {self.position + 1}")

    def skip_blanks(self) -> None:
        match = _BLANK.match(self.text, self.position)
        self.position = match.end() if match else self.position

    def match_here(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        match = pattern.match(self.text, self.position)
        if match is not None:
            self.position = match.end()
        return match

    def accept(self, token: str) -> bool:
        if self.text.startswith(token, self.position):
            self.position += len(token)
            return True
        return False

    def segments(self, depth: int) -> tuple[_Segment, ...]:
        if depth > DEEPEST:
            self.fail("too many nested filters")
        segments: list[_Segment] = []
        while True:
            start = self.position
            self.skip_blanks()
            descendants = self.accept("..")
            if descendants or self.accept("."):
                if descendants and self.accept("["):
                    segments.append(_Segment(self.selectors(depth)[0], True))
                elif self.accept("*"):
                    segments.append(_Segment((_children,), descendants))
                elif name := self.match_here(_NAME):
                    segments.append(_Segment((_named(name[0]),), descendants, singular=not descendants))
                else:
                    self.fail("a name or * is missing")
            elif self.accept("["):
                selectors, singular = self.selectors(depth)
                segments.append(_Segment(selectors, False, singular))
            else:
                self.position = start
                return tuple(segments)

    def selectors(self, depth: int) -> tuple[tuple[Selector, ...], bool]:
        """Read the selectors up to the closing bracket. Also returns whether they are a single name or index."""
        selectors: list[Selector] = []
        singular = True
        while True:
            self.skip_blanks()
            selector, is_single = self.selector(depth)
            selectors.append(selector)
            singular = singular and is_single and len(selectors) == 1
            self.skip_blanks()
            if self.accept("]"):
                return tuple(selectors), singular
            if not self.accept(","):
                self.fail("a , or ] is missing")

    def selector(self, depth: int) -> tuple[Selector, bool]:
        """Read one selector. Also returns whether it is a name or an index."""
        if self.is_at_quote():
            return _named(self.string()), True
        if self.accept("*"):
            return _children, False
        if self.accept("?"):
            self.skip_blanks()
            return _filtered(self.or_expression(depth + 1)), False
        start = self.integer()
        after_start = self.position
        self.skip_blanks()
        if not self.accept(":"):
            self.position = after_start
            if start is None:
                self.fail("a name in quotes, a number, * or ? is missing")
            return _indexed(start), True
        self.skip_blanks()
        end = self.integer()
        self.skip_blanks()
        step = None
        if self.accept(":"):
            self.skip_blanks()
            step = self.integer()
        return _sliced(start, end, 1 if step is None else step), False

    def integer(self) -> int | None:
        match = self.match_here(_INT)
        if match is None:
            return None
        if match[0] == "-0" or abs(int(match[0])) > _LARGEST_INT:
            self.fail("a number that cannot be an index")
        return int(match[0])

    def is_at_quote(self) -> bool:
        """Return whether a string in quotes begins here."""
        return self.text[self.position : self.position + 1] in ("'", '"') and self.position < len(self.text)

    def string(self) -> str:
        quote = self.text[self.position]
        end = self.position + 1
        while end < len(self.text) and self.text[end] != quote:
            end += 2 if self.text[end] == "\\" else 1
        if end >= len(self.text):
            self.fail("a quote that is not closed")
        body = self.text[self.position + 1 : end]
        as_json = body.replace("\\'", "'").replace('"', '\\"') if quote == "'" else body
        try:
            string = json.loads(f'"{as_json}"')
        except ValueError:
            self.fail("a text with a wrong escape")
        if _SURROGATE.search(string):
            self.fail("a text with half a character")
        self.position = end + 1
        return str(string)

    # --- filters ----------------------------------------------------------------------------------

    def or_expression(self, depth: int) -> Test:
        tests = [self.and_expression(depth)]
        while self.accept_operator("||"):
            tests.append(self.and_expression(depth))
        return tests[0] if len(tests) == 1 else lambda value, budget: any(test(value, budget) for test in tests)

    def and_expression(self, depth: int) -> Test:
        tests = [self.term(depth)]
        while self.accept_operator("&&"):
            tests.append(self.term(depth))
        return tests[0] if len(tests) == 1 else lambda value, budget: all(test(value, budget) for test in tests)

    def accept_operator(self, token: str) -> bool:
        before = self.position
        self.skip_blanks()
        if self.accept(token):
            self.skip_blanks()
            return True
        self.position = before
        return False

    def term(self, depth: int, *, negated: bool = False) -> Test:
        if depth > DEEPEST:
            self.fail("too many nested filters")
        if self.accept("!"):
            self.skip_blanks()
            if self.text[self.position : self.position + 1] == "!":
                self.fail("a second !")
            test = self.term(depth + 1, negated=True)
            return lambda value, budget: not test(value, budget)
        if self.accept("("):
            self.skip_blanks()
            test = self.or_expression(depth + 1)
            self.skip_blanks()
            if not self.accept(")"):
                self.fail("a ) is missing")
            return test
        left = self.operand(depth)
        self.skip_blanks()
        operator = self.match_here(_COMPARE)
        if operator is not None and negated:
            self.fail("a comparison after ! that is not in parentheses")
        if operator is not None:
            self.skip_blanks()
            left_value, right_value = self.comparable(left), self.comparable(self.operand(depth))
            comparison = operator[0]
            return lambda value, budget: _compare(comparison, left_value(value, budget), right_value(value, budget))
        if left.query is not None:
            return left.query.exists
        if not left.logical:
            self.fail("a comparison is missing")
        return left.get

    def comparable(self, operand: _Operand) -> Operand:
        if operand.logical:
            self.fail("a function whose result cannot be compared")
        if operand.query is not None and not operand.query.singular:
            self.fail("a path that may find several values where one is needed")
        return operand.get

    def operand(self, depth: int) -> _Operand:
        """Read one side of a comparison, or an argument of a function."""
        if self.accept("@") or self.accept("$"):
            absolute = self.text[self.position - 1] == "$"
            query = _Query(self.segments(depth + 1), absolute)
            return _Operand(query.value, query)
        if call := self.match_here(_FUNCTION):
            return self.call(call[1], depth)
        if self.is_at_quote():
            text = self.string()
            return _Operand(lambda _value, _budget: text)
        if word := self.match_here(_WORD):
            literal = _LITERALS[word[0]]
            return _Operand(lambda _value, _budget: literal)
        number = self.match_here(_NUMBER)
        if number is None:
            self.fail("@, $, a value or a function is missing")
        number_value = json.loads(number[0])
        return _Operand(lambda _value, _budget: number_value)

    def call(self, name: str, depth: int) -> _Operand:
        parameter_types = _FUNCTIONS.get(name)
        if parameter_types is None:
            self.fail(f"the function {name}, which is not known,")
        if depth > DEEPEST:
            self.fail("too many nested functions")
        arguments: list[_Operand] = []
        for index, parameter_type in enumerate(parameter_types):
            self.skip_blanks()
            if index and not self.accept(","):
                self.fail("a , is missing")
            self.skip_blanks()
            arguments.append(self.operand(depth + 1))
            if parameter_type == "value":
                self.comparable(arguments[-1])
            elif arguments[-1].query is None:
                self.fail(f"a path is what {name} takes, which is missing")
        self.skip_blanks()
        if not self.accept(")"):
            self.fail("a ) is missing")
        first = arguments[0]
        if name == "length":
            return _Operand(lambda value, budget: _length(first.get(value, budget)))
        if first.query is not None and name in ("count", "value"):
            return _Operand(first.query.count if name == "count" else first.query.value)
        self.not_evaluated = self.not_evaluated or name
        return _Operand(lambda _value, _budget: False, logical=True)
