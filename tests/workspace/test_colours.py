"""Contrast by WCAG's formula."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drio_tui.workspace import colours

PART = st.integers(0, 255)
COLOUR = st.tuples(PART, PART, PART)


@pytest.mark.parametrize(
    ("front", "ground", "wanted"),
    [("#000", "#ffffff", 21.0), ("#777777", "#fff", 4.48), ("#0f172a", "#ffffff", 17.85), ("#22c55e", "#ffffff", 2.28)],
)
def test_ratios_are_those_of_the_guidelines(front: str, ground: str, wanted: float) -> None:
    first, second = colours.parse(front), colours.parse(ground)
    assert first is not None
    assert second is not None
    assert round(colours.ratio(first, second), 2) == wanted


@given(COLOUR, COLOUR)
def test_a_better_colour_is_readable_and_a_good_one_stays(front: colours.Rgb, ground: colours.Rgb) -> None:
    better = colours.readable(front, ground)
    assert colours.ratio(better, ground) >= colours.ENOUGH
    if colours.ratio(front, ground) >= colours.ENOUGH:
        assert better == front


@given(COLOUR)
def test_black_or_white_can_be_read_on_everything(ground: colours.Rgb) -> None:
    assert colours.ratio(colours.best_on(ground), ground) >= colours.ENOUGH


@given(COLOUR)
def test_a_colour_reads_back_as_it_was_written(colour: colours.Rgb) -> None:
    assert colours.parse(colours.hex_of(colour)) == colour


def test_transparency_lets_the_ground_through() -> None:
    assert colours.parse("#00000000") == colours.WHITE
    assert colours.parse("#f008", colours.BLACK) == (136, 0, 0)
    assert colours.parse("red") is None


def test_each_pair_that_cannot_be_read_names_a_colour_that_could() -> None:
    found = {pair.what: pair for pair in colours.pairs({"primaryColor": "#0f172a", "accentColor": "#22c55e"})}
    assert found["Main colour on it"].grade == "AAA"
    accent = found["Accent on it"]
    assert accent.grade == "too low"
    better = colours.parse(accent.better)
    assert better is not None
    assert colours.ratio(better, colours.WHITE) >= colours.ENOUGH
