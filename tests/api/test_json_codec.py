"""The JSON codec: exact, strict, ASCII."""

from __future__ import annotations

import contextlib
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drio_tui.api import json_codec
from drio_tui.api.json_values import same_json
from drio_tui.text import visible
from tests.api.strategies import json_values


@given(json_values, st.sampled_from([None, 2]))
def test_values_round_trip(value: Any, indent: int | None) -> None:
    text = json_codec.dumps(value, indent=indent)
    assert text.isascii()
    assert same_json(json_codec.loads(text), value)
    assert same_json(json_codec.loads(text.encode()), value)


@given(st.from_regex(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,4})?", fullmatch=True))
def test_numbers_round_trip_exactly(literal: str) -> None:
    written = json_codec.dumps(json_codec.loads(literal))
    assert Decimal(written) == Decimal(literal)


@given(st.text() | st.binary())
def test_any_text_is_parsed_or_raises_malformed_json(data: Any) -> None:
    with contextlib.suppress(json_codec.MalformedJson):  # every other error ends the test
        json_codec.loads(data)


@given(json_values)
def test_written_json_is_read_by_the_standard_library(value: Any) -> None:
    assert json_codec.dumps(json.loads(json_codec.dumps(value))) is not None


def test_strings_that_look_like_placeholders_are_unchanged() -> None:
    value = {"a": [Decimal("0.10000000000000000000000000001")], "b": "0:0", "c": '"x:0"', "d": "\\u0022"}
    assert same_json(json_codec.loads(json_codec.dumps(value)), value)


def test_nesting_is_limited() -> None:
    limit = json_codec.MAX_DEPTH
    assert json_codec.loads("[" * limit + "]" * limit)
    for opening, closing in (("[", "]"), ('{"a":', "}")):
        with pytest.raises(json_codec.MalformedJson, match="nested too deeply"):
            json_codec.loads(opening * (limit + 1) + "1" + closing * (limit + 1))


def test_brackets_in_strings_and_siblings_do_not_count_as_nesting() -> None:
    assert json_codec.loads(json_codec.dumps(["[" * 10_000, [[]] * 10_000])) == ["[" * 10_000, [[]] * 10_000]


def test_brackets_in_strings_do_not_hide_nesting() -> None:
    with pytest.raises(json_codec.MalformedJson):
        json_codec.loads('["]",' * 500 + "1" + "]" * 500)


def test_too_deeply_nested_value_is_not_written() -> None:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(ValueError, match="nested too deeply"):
        json_codec.dumps(value)


@pytest.mark.parametrize("value", [float("nan"), float("-inf"), Decimal("Infinity"), Decimal("NaN")])
def test_nan_and_infinity_are_not_written(value: Any) -> None:
    with pytest.raises(ValueError):
        json_codec.dumps({"a": value})


@pytest.mark.parametrize("value", [b"x", {1, 2}, object(), 1j])
def test_non_json_types_are_not_written(value: Any) -> None:
    with pytest.raises(TypeError, match="is not JSON"):
        json_codec.dumps({"a": value})


@pytest.mark.parametrize("indent", [None, 2])
def test_exact_numbers_are_written_with_any_indent(indent: int | None) -> None:
    value = [Decimal("1E+400"), {"a": Decimal("0.1000000000000000000001")}]
    assert json.loads(json_codec.dumps(value, indent=indent), parse_float=Decimal) == value


@given(st.text())
def test_readable_json_is_the_same_value_and_printable(text: str) -> None:
    shown = json_codec.for_display(json_codec.dumps({"a": text, "b\\": 1}))
    assert json_codec.loads(shown.encode("utf-8")) == {"a": text, "b\\": 1}
    assert visible(shown) == shown


def test_readable_json_shows_printable_characters_only() -> None:
    text = json_codec.for_display(json_codec.dumps("日本 é 😀 \\u65e5 \x1b[31m \u202e \ud800"))
    assert text == r'"日本 é 😀 \\u65e5 \u001b[31m \u202e \ud800"'
