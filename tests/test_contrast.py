"""Contrast by the WCAG formula."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from drio_tui import contrast
from drio_tui.api.models import AppPatch
from drio_tui.sandbox.mcp.widgets.css_variables import variables
from drio_tui.schema import formats

TEMPLATES = Path(contrast.__file__).parent / "sandbox" / "catalogue" / "templates"

PART = st.integers(0, 255)
COLOUR = st.tuples(PART, PART, PART)


@pytest.mark.parametrize(
    ("front", "ground", "expected"),
    [("#000", "#ffffff", 21.0), ("#777777", "#fff", 4.48), ("#0f172a", "#ffffff", 17.85), ("#22c55e", "#ffffff", 2.28)],
)
def test_ratios_match_wcag(front: str, ground: str, expected: float) -> None:
    first, second = contrast.parse(front), contrast.parse(ground)
    assert first is not None
    assert second is not None
    assert round(contrast.ratio(first, second), 2) == expected


@given(COLOUR, COLOUR)
def test_a_suggested_colour_is_readable_and_a_readable_one_unchanged(front: contrast.Rgb, ground: contrast.Rgb) -> None:
    better = contrast.readable(front, ground)
    assert contrast.ratio(better, ground) >= contrast.ENOUGH
    if contrast.ratio(front, ground) >= contrast.ENOUGH:
        assert better == front


@given(COLOUR)
def test_black_or_white_is_readable_on_every_colour(ground: contrast.Rgb) -> None:
    assert contrast.ratio(contrast.best_on(ground), ground) >= contrast.ENOUGH


@given(COLOUR)
def test_a_colour_survives_formatting_and_parsing(colour: contrast.Rgb) -> None:
    assert contrast.parse(contrast.hex_of(colour)) == colour


def test_transparent_colours_are_blended_with_the_ground() -> None:
    assert contrast.parse("#00000000") == contrast.WHITE
    assert contrast.parse("#f008", contrast.BLACK) == (136, 0, 0)
    assert contrast.parse("red") is None


def test_each_unreadable_pair_suggests_a_readable_colour() -> None:
    pairs = {pair.what: pair for pair in contrast.pairs({"primaryColor": "#0f172a", "accentColor": "#22c55e"})}
    assert pairs["Main colour on it"].grade == "AAA"
    accent = pairs["Accent on it"]
    assert accent.grade == "too low"
    better = contrast.parse(accent.better)
    assert better is not None
    assert contrast.ratio(better, contrast.WHITE) >= contrast.ENOUGH


@pytest.mark.parametrize("color", ["#0f1", "#0f18", "#0f172a", "#0f172A80"])
def test_hexadecimal_colors_are_accepted_everywhere(color: str) -> None:
    assert contrast.is_colour(color)
    assert AppPatch.from_wire({"branding": {"primaryColor": color}})
    assert formats.format_error("color", color) == ""
    assert f"--accent: {color};" in variables({"accentColor": color})


@pytest.mark.parametrize(
    "text", ["", "red", "#", "#12", "#12345", "#1234567", "#123456789", "#0f172a\n", "#٠f1", 5, None]
)
def test_other_values_are_refused_as_colors_everywhere(text: Any) -> None:
    assert not contrast.is_colour(text)
    assert contrast.parse(text) is None
    assert contrast.contrast_text(text, "#ffffff") == contrast.contrast_text("#ffffff", text) == ""
    assert f"--accent: {text};" not in variables({"accentColor": text})
    if isinstance(text, str):
        assert formats.format_error("color", text) != ""
        with pytest.raises(ValidationError):
            AppPatch.from_wire({"branding": {"primaryColor": text}})


def test_the_contrast_of_a_translucent_color_is_that_of_the_blended_one() -> None:
    assert contrast.contrast_text("#00000033", "#ffffff") == "1.6 : 1, too low"
    assert contrast.contrast_text("#00000033", "#00000033") == "1.5 : 1, too low"
    (pair,) = [pair for pair in contrast.pairs({"primaryColor": "#00000033"}) if pair.member == "primaryColor"]
    assert contrast.ratio_text(pair.ratio) == "1.6"
    assert "--primary: #14181f;" in variables({"primaryColor": "#00000033", "backgroundColor": "#ffffff"})


def test_a_ratio_that_is_too_low_is_never_rounded_up() -> None:
    assert contrast.contrast_text("#777777", "#ffffff") == "4.4 : 1, large text only"
    assert contrast.ratio_text(4.499999) == "4.4"
    assert contrast.ratio_text(4.5) == "4.5"
    assert contrast.ratio_text(21.0) == "21.0"


@pytest.mark.parametrize("path", sorted(TEMPLATES.glob("*.json")), ids=lambda path: path.stem)
def test_the_colors_of_templates_are_readable(path: Path) -> None:
    branding = json.loads(path.read_text())["app"]["branding"]
    assert [(pair.what, pair.ratio) for pair in contrast.pairs(branding) if pair.ratio < contrast.ENOUGH] == []
