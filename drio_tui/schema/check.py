"""Validation of a value against a field, with messages for the user.

A message completes a sentence that begins with the field: `is required`, `must be at least 3`. Keywords that forms do
not show (`not`, `if`, `contains`, …) are left to the server.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from drio_tui.api.json_values import same_json
from drio_tui.schema import formats, patterns
from drio_tui.schema.fields import Field, compact_json
from drio_tui.schema.resolve import PATTERNS, Json
from drio_tui.text import count_of

Path = tuple[str | int, ...]
"""Property names and item numbers, from the top of the value."""

_TYPE_ERRORS = {
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
_MAX_DEPTH = 200
_MAX_COMPARED_ITEMS = 100
"""Items of a list that are compared pairwise for `uniqueItems`."""

_MAX_ALTERNATIVES = 2_000
"""Alternatives tried for one value: the number multiplies if alternatives have alternatives themselves."""


def matches_type(field: Field, value: Json) -> bool:
    """Return whether a value has the JSON type that the field shows, or is null and the field is nullable."""
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


def shallow_errors(field: Field, value: Json) -> Iterator[str]:
    """Yield the errors of the value itself, without those of its properties and items."""
    has_errors = False
    for error in _keyword_errors(field, value):
        has_errors = True
        yield error
    if not has_errors and field.format and value is not None and (error := formats.format_error(field.format, value)):
        yield error


def _keyword_errors(field: Field, value: Json) -> Iterator[str]:
    if value is None and field.nullable:
        return
    if field.kind in _TYPE_ERRORS and not matches_type(field, value):
        is_whole_number = isinstance(value, float | Decimal) and field.kind == "integer" and value == value // 1
        if not is_whole_number:
            yield _TYPE_ERRORS[field.kind]
            return
    flat = field.flat
    if field.kind == "const" and not same_json(value, flat.get("const")):
        yield f"must be {compact_json(flat.get('const'))}"
    elif field.kind == "enum":
        if field.allows_other_values:
            if not isinstance(value, str):
                yield "must be text"
        elif not any(same_json(value, option.value) for option in field.options):
            labels = ", ".join(option.label for option in field.options[:8])
            yield f"must be one of {labels}{', …' if len(field.options) > 8 else ''}"
    if isinstance(value, str):
        yield from _string_errors(field, value)
    elif isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        yield from _number_errors(flat, value)
    elif isinstance(value, list):
        yield from _size_errors(flat, len(value), "Items", "item")
        if flat.get("uniqueItems") is True and len(value) <= 1_000 and _has_duplicates(value):
            yield "may not hold the same item twice"
    elif isinstance(value, dict):
        yield from _size_errors(flat, len(value), "Properties", "field")


def deep_errors(field: Field, value: Json, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Yield the errors of a value and of everything in it, each with its path below `path`."""
    return _deep(field, value, path, _Budget())


class _Budget:
    """The number of alternatives that may still be tried."""

    def __init__(self) -> None:
        self.remaining = _MAX_ALTERNATIVES

    def spend(self) -> bool:
        """Take one; return False if none was left."""
        self.remaining -= 1
        return self.remaining >= 0


def _deep(field: Field, value: Json, path: Path, budget: _Budget) -> Iterator[tuple[Path, str]]:
    if len(path) > _MAX_DEPTH:
        return
    for error in shallow_errors(field, value):
        yield path, error
    if isinstance(value, dict) and field.kind == "object":
        required = field.flat.get("required")
        for name in required if isinstance(required, list) else ():
            if isinstance(name, str) and name not in value and name in field.properties:
                yield (*path, name), "is required"
        for name, property_field in field.properties.items():
            if name in value:
                yield from _deep(property_field, value[name], (*path, name), budget)
        if field.flat.get("additionalProperties") is False:
            properties = field.flat.get("properties")
            for name in value:
                if not isinstance(properties, Mapping) or name not in properties:
                    yield (*path, name), "is not known here"
    elif isinstance(value, dict) and field.kind == "map":
        for name, entry in value.items():
            yield from _deep(field.value, entry, (*path, name), budget)
    elif isinstance(value, list) and field.kind == "array":
        for index, item in enumerate(value):
            yield from _deep(field.item, item, (*path, index), budget)
    elif field.kind == "choice" and value is not None:
        variant = _matching_variant(field, value, budget)
        if variant is None:
            yield path, "matches none of the alternatives"
        elif budget.spend():
            yield from _deep(field.variants[variant], value, path, budget)
    elif field.kind == "choice" and not field.nullable:
        yield path, "may not be null"


def matching_variant(field: Field, value: Json) -> int | None:
    """Return the number of the alternative that a value belongs to; None if there is none.

    It is the one with the value's tag if there is a discriminator, else the first that the value satisfies, else one
    of the same JSON type.
    """
    return _matching_variant(field, value, _Budget())


def _matching_variant(field: Field, value: Json, budget: _Budget) -> int | None:
    name = field.discriminator
    if name and isinstance(value, dict) and isinstance(value.get(name), str):
        for number, variant in enumerate(field.variants):
            if variant.tag == value[name]:
                return number
        return None
    same_type = [number for number, variant in enumerate(field.variants) if matches_type(variant, value)]
    for number in same_type:
        if not budget.spend() or next(_deep(field.variants[number], value, (), budget), None) is None:
            return number
    described = [number for number in same_type if field.variants[number].kind != "json"]
    return described[0] if len(described) == 1 else same_type[0] if same_type else None


def _string_errors(field: Field, value: str) -> Iterator[str]:
    flat = field.flat
    minimum, maximum = _int_keyword(flat, "minLength"), _int_keyword(flat, "maxLength")
    if minimum is not None and len(value) < minimum:
        yield "may not be empty" if not value else f"must have at least {count_of(minimum, 'character')}"
    if maximum is not None and len(value) > maximum:
        yield f"may have at most {count_of(maximum, 'character')}, and has {len(value)}"
    field_patterns = flat.get(PATTERNS)
    for pattern in field_patterns if isinstance(field_patterns, list) and value else ():
        if isinstance(pattern, str) and patterns.mismatch(pattern, value):
            message = flat.get("x-pattern-message")
            yield message if isinstance(message, str) else patterns.message(pattern)
            return


def _number_errors(flat: Mapping[str, Any], value: int | float | Decimal) -> Iterator[str]:
    exact = _decimal(value)
    for keyword, violates, text in _BOUNDS:
        bound = flat.get(keyword)
        if (
            isinstance(bound, int | float | Decimal)
            and not isinstance(bound, bool)
            and violates(exact, _decimal(bound))
        ):
            yield f"{text} {bound}"
    step = flat.get("multipleOf")
    if isinstance(step, int | float | Decimal) and not isinstance(step, bool) and step > 0:
        ratio = exact / _decimal(step)
        if abs(exact.adjusted()) < 25 and ratio != ratio.to_integral_value():
            yield f"must be a multiple of {step}"


def _decimal(value: int | float | Decimal) -> Decimal:
    return value if isinstance(value, Decimal) else Decimal(value) if isinstance(value, int) else Decimal(repr(value))


def _size_errors(flat: Mapping[str, Any], size: int, keyword: str, noun: str) -> Iterator[str]:
    """Yield the errors of `min…` and `max…` of a keyword (`Items` or `Properties`)."""
    minimum, maximum = _int_keyword(flat, f"min{keyword}"), _int_keyword(flat, f"max{keyword}")
    if minimum is not None and size < minimum:
        yield f"must have at least {count_of(minimum, noun)}"
    if maximum is not None and size > maximum:
        yield f"may have at most {count_of(maximum, noun)}"


def _int_keyword(flat: Mapping[str, Any], keyword: str) -> int | None:
    value = flat.get(keyword)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _has_duplicates(values: list[Any]) -> bool:
    """Return whether two values are equal; False if they are too many to compare pairwise."""
    if all(isinstance(value, str) for value in values):
        return len(set(values)) != len(values)
    if len(values) > _MAX_COMPARED_ITEMS:
        return False
    return any(same_json(values[i], values[j]) for i in range(len(values)) for j in range(i))
