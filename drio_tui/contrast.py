"""Colours in CSS notation, and whether text in one is readable on another (WCAG 2.2, section 1.4.3)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Rgb = tuple[int, int, int]
Grade = Literal["AAA", "AA", "large text only", "too low"]

HEX = r"^#(?:[0-9a-fA-F]{3,4}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8})$"
"""A colour as CSS writes it in hexadecimal digits (CSS Color 4, section 5.2)."""
_HEX = re.compile(HEX.removeprefix("^").removesuffix("$"))
BLACK: Rgb = (0, 0, 0)
WHITE: Rgb = (255, 255, 255)
ENOUGH = 4.5
"""The ratio that normal text needs (level AA)."""


def is_colour(value: Any) -> bool:
    """Return whether a value is `#rgb`, `#rgba`, `#rrggbb` or `#rrggbbaa`."""
    return isinstance(value, str) and _HEX.fullmatch(value) is not None


def parse(text: Any, ground: Rgb = WHITE) -> Rgb | None:
    """Return the colour of `#rgb`, `#rgba`, `#rrggbb` or `#rrggbbaa` as seen on `ground`; None for anything else."""
    if not is_colour(text):
        return None
    digits = text[1:] if len(text) > 5 else "".join(digit * 2 for digit in text[1:])
    red, green, blue, alpha = (int(digits[start : start + 2] or "ff", 16) for start in (0, 2, 4, 6))
    opacity = alpha / 255
    blended = [
        round(channel * opacity + ground_channel * (1 - opacity))
        for channel, ground_channel in zip((red, green, blue), ground, strict=True)
    ]
    return (blended[0], blended[1], blended[2])


def hex_of(colour: Rgb) -> str:
    """Return the colour as `#rrggbb`."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def luminance(colour: Rgb) -> float:
    """Return the relative luminance, from 0 (black) to 1 (white)."""
    linear = [
        channel / 255 / 12.92 if channel <= 10 else ((channel / 255 + 0.055) / 1.055) ** 2.4 for channel in colour
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def ratio(first: Rgb, second: Rgb) -> float:
    """Return the contrast ratio of two colours, from 1 to 21."""
    dark, light = sorted((luminance(first), luminance(second)))
    return (light + 0.05) / (dark + 0.05)


def grade(value: float) -> Grade:
    """Return what a contrast ratio is sufficient for."""
    if value >= 7:
        return "AAA"
    return "AA" if value >= ENOUGH else "large text only" if value >= 3 else "too low"


def ratio_text(value: float) -> str:
    """Return a contrast ratio with one decimal, rounded down, so that one that is too low never looks sufficient."""
    return f"{math.floor(value * 10) / 10:.1f}"


def contrast_text(front: Any, ground: Any) -> str:
    """Return the contrast of one colour on another as text, such as `15.3 : 1, AAA`; empty if one is not a colour."""
    ground_colour = parse(ground)
    front_colour = parse(front, ground_colour or WHITE)
    if front_colour is None or ground_colour is None:
        return ""
    value = ratio(front_colour, ground_colour)
    return f"{ratio_text(value)} : 1, {grade(value)}"


def best_on(ground: Rgb) -> Rgb:
    """Return black or white, whichever has the higher contrast on `ground`."""
    return max((WHITE, BLACK), key=lambda colour: ratio(colour, ground))


def readable(colour: Rgb, ground: Rgb, minimum: float = ENOUGH) -> Rgb:
    """Return the colour, moved towards black or white only as far as text in it needs to be readable on `ground`."""
    if ratio(colour, ground) >= minimum:
        return colour
    target = best_on(ground)
    low, high = 0, 255
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if ratio(_towards(colour, target, middle), ground) >= minimum else (middle + 1, high)
    return _towards(colour, target, low)


def _towards(colour: Rgb, target: Rgb, share: int) -> Rgb:
    blended = [
        round(channel + (target_channel - channel) * share / 255)
        for channel, target_channel in zip(colour, target, strict=True)
    ]
    return (blended[0], blended[1], blended[2])


@dataclass(frozen=True, slots=True)
class Pair:
    """Two colours that meet in the app; `what` is the label for the user. `member` is the property to change.

    `better` is the nearest colour for that property that has enough contrast, empty where this one has.
    """

    what: str
    member: str
    front: Rgb
    ground: Rgb
    ratio: float
    better: str = ""

    @property
    def grade(self) -> Grade:
        return grade(self.ratio)


def pairs(branding: Mapping[str, Any]) -> list[Pair]:
    """Return the pairs of an app's branding: text on the background, both colours on it, and the label of a button."""
    ground = parse(branding.get("backgroundColor")) or WHITE
    text = best_on(ground)
    result = [Pair("Text on the background", "backgroundColor", text, ground, ratio(text, ground))]
    for what, property_name in (("Main colour on it", "primaryColor"), ("Accent on it", "accentColor")):
        colour = parse(branding.get(property_name), ground)
        if colour is not None:
            value = ratio(colour, ground)
            better = hex_of(readable(colour, ground)) if value < ENOUGH else ""
            result.append(Pair(what, property_name, colour, ground, value, better))
    accent = parse(branding.get("accentColor"), ground) or parse(branding.get("primaryColor"), ground)
    if accent is not None:
        label = best_on(accent)
        result.append(Pair("Label on a button", "accentColor", label, accent, ratio(label, accent)))
    return result
