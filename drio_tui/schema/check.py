"""What is wrong with a value at a field: the vocabulary that a form draws, in words for people.

Texts end a sentence that begins with the field: `is required`, `must be at least 3`. Keywords that are not
drawn (`not`, `if`, `contains`, …) are the server's business.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from drio_tui.api.models import same_json
from drio_tui.schema import formats, patterns
from drio_tui.schema.fields import Field, compact
from drio_tui.schema.resolve import PATTERNS, Json
from drio_tui.text import count_of

Path = tuple[str | int, ...]

_KINDS = {
    "string": "must be text",
    "integer": "must be a whole number",
    "number": "must be a number",
    "boolean": "must be yes or no",
    "object": "must be an object",
    "map": "must be an object",
    "array": "must be a list",
}
_BOUNDS: tuple[tuple[str, Callable[[Decimal, Decimal], bool], str], ...] = (
    ("minimum", operator.lt, "must be at least"),
    ("exclusiveMinimum", operator.le, "must be more than"),
    ("maximum", operator.gt, "may be at most"),
    ("exclusiveMaximum", operator.ge, "must be less than"),
)
_DEEPEST = 200
_ENOUGH = 100
_CHOICES = 2_000
"""Alternatives looked into for one value: where each has alternatives itself, they multiply."""


def fits(field: Field, value: Json) -> bool:
    """Whether a value has the JSON type that the field draws; null fits where it is allowed."""
    if value is None:
        return field.nullable or field.kind in ("json", "choice")
    match field.kind:
        case "string":
            return isinstance(value, str)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "number":
            return isinstance(value, int | float | Decimal) and not isinstance(value, bool)
        case "boolean":
            return isinstance(value, bool)
        case "object" | "map":
            return isinstance(value, dict)
        case "array":
            return isinstance(value, list)
    return True


def shallow(field: Field, value: Json) -> Iterator[str]:
    """What is wrong with the value itself; members and items are not looked into."""
    found = False
    for wrong in _keywords(field, value):
        found = True
        yield wrong
    if not found and field.format and value is not None and (wrong := formats.problem(field.format, value)):
        yield wrong


def _keywords(field: Field, value: Json) -> Iterator[str]:
    if value is None and field.nullable:
        return
    if field.kind in _KINDS and not fits(field, value):
        whole = isinstance(value, float | Decimal) and field.kind == "integer" and value == value // 1
        if not whole:
            yield _KINDS[field.kind]
            return
    flat = field.flat
    if field.kind == "const" and not same_json(value, flat.get("const")):
        yield f"must be {compact(flat.get('const'))}"
    elif field.kind == "enum":
        if field.open:
            if not isinstance(value, str):
                yield "must be text"
        elif not any(same_json(value, option.value) for option in field.options):
            shown = ", ".join(option.label for option in field.options[:8])
            yield f"must be one of {shown}{', …' if len(field.options) > 8 else ''}"
    if isinstance(value, str):
        yield from _text(field, value)
    elif isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        yield from _number(flat, value)
    elif isinstance(value, list):
        yield from _size(flat, len(value), "Items", "item")
        if flat.get("uniqueItems") is True and len(value) <= 1_000 and _repeats(value):
            yield "may not hold the same item twice"
    elif isinstance(value, dict):
        yield from _size(flat, len(value), "Properties", "member")


def deep(field: Field, value: Json, at: Path = ()) -> Iterator[tuple[Path, str]]:
    """Everything wrong with a value and what it holds, with the path below `at`."""
    return _deep(field, value, at, _Budget())


class _Budget:
    def __init__(self) -> None:
        self.left = _CHOICES

    def spend(self) -> bool:
        self.left -= 1
        return self.left >= 0


def _deep(field: Field, value: Json, at: Path, budget: _Budget) -> Iterator[tuple[Path, str]]:
    if len(at) > _DEEPEST:
        return
    for wrong in shallow(field, value):
        yield at, wrong
    if isinstance(value, dict) and field.kind == "object":
        needed = field.flat.get("required")
        for name in needed if isinstance(needed, list) else ():
            if isinstance(name, str) and name not in value and name in field.members:
                yield (*at, name), "is required"
        for name, member in field.members.items():
            if name in value:
                yield from _deep(member, value[name], (*at, name), budget)
        if field.flat.get("additionalProperties") is False:
            known = field.flat.get("properties")
            for name in value:
                if not isinstance(known, Mapping) or name not in known:
                    yield (*at, name), "is not known here"
    elif isinstance(value, dict) and field.kind == "map":
        for name, inner in value.items():
            yield from _deep(field.value, inner, (*at, name), budget)
    elif isinstance(value, list) and field.kind == "array":
        for number, inner in enumerate(value):
            yield from _deep(field.item, inner, (*at, number), budget)
    elif field.kind == "choice" and value is not None:
        chosen = _alternative(field, value, budget)
        if chosen is None:
            yield at, "is none of the alternatives"
        elif budget.spend():
            yield from _deep(field.variants[chosen], value, at, budget)
    elif field.kind == "choice" and not field.nullable:
        yield at, "may not be null"


def alternative(field: Field, value: Json) -> int | None:
    """Which alternative of a choice a value belongs to: by its tag, else the first it satisfies, else by its type."""
    return _alternative(field, value, _Budget())


def _alternative(field: Field, value: Json, budget: _Budget) -> int | None:
    name = field.discriminator
    if name and isinstance(value, dict) and isinstance(value.get(name), str):
        for number, variant in enumerate(field.variants):
            if variant.tag == value[name]:
                return number
        return None
    like = [number for number, variant in enumerate(field.variants) if fits(variant, value)]
    for number in like:
        if not budget.spend() or next(_deep(field.variants[number], value, (), budget), None) is None:
            return number
    best = [number for number in like if field.variants[number].kind != "json"]
    return best[0] if len(best) == 1 else like[0] if like else None


def _text(field: Field, value: str) -> Iterator[str]:
    flat = field.flat
    least, most = _count(flat, "minLength"), _count(flat, "maxLength")
    if least is not None and len(value) < least:
        yield "may not be empty" if not value else f"must have at least {count_of(least, 'character')}"
    if most is not None and len(value) > most:
        yield f"may have at most {count_of(most, 'character')}, and has {len(value)}"
    wanted = flat.get(PATTERNS)
    for pattern in wanted if isinstance(wanted, list) and value else ():
        if isinstance(pattern, str) and patterns.mismatch(pattern, value):
            said = flat.get("x-pattern-message")
            yield said if isinstance(said, str) else patterns.saying(pattern)
            return


def _number(flat: Mapping[str, Any], value: int | float | Decimal) -> Iterator[str]:
    exact = _decimal(value)
    for keyword, wrong, words in _BOUNDS:
        bound = flat.get(keyword)
        if isinstance(bound, int | float | Decimal) and not isinstance(bound, bool) and wrong(exact, _decimal(bound)):
            yield f"{words} {bound}"
    step = flat.get("multipleOf")
    if isinstance(step, int | float | Decimal) and not isinstance(step, bool) and step > 0:
        ratio = exact / _decimal(step)
        if abs(exact.adjusted()) < 25 and ratio != ratio.to_integral_value():
            yield f"must be a multiple of {step}"


def _decimal(value: int | float | Decimal) -> Decimal:
    return value if isinstance(value, Decimal) else Decimal(value) if isinstance(value, int) else Decimal(repr(value))


def _size(flat: Mapping[str, Any], size: int, keyword: str, word: str) -> Iterator[str]:
    least, most = _count(flat, f"min{keyword}"), _count(flat, f"max{keyword}")
    if least is not None and size < least:
        yield f"must have at least {count_of(least, word)}"
    if most is not None and size > most:
        yield f"may have at most {count_of(most, word)}"


def _count(flat: Mapping[str, Any], keyword: str) -> int | None:
    found = flat.get(keyword)
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def _repeats(values: list[Any]) -> bool:
    if all(isinstance(value, str) for value in values):
        return len(set(values)) != len(values)
    if len(values) > _ENOUGH:
        return False
    return any(same_json(values[i], values[j]) for i in range(len(values)) for j in range(i))
