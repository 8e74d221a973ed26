"""Colours as a browser reads them, and whether text in one can be read on another (WCAG 2.2, section 1.4.3)."""

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
"""The ratio that normal text needs (AA)."""


def is_colour(value: Any) -> bool:
    """Whether a value is `#rgb`, `#rgba`, `#rrggbb` or `#rrggbbaa`."""
    return isinstance(value, str) and _HEX.fullmatch(value) is not None


def parse(text: Any, ground: Rgb = WHITE) -> Rgb | None:
    """`#rgb`, `#rgba`, `#rrggbb` or `#rrggbbaa` as seen on `ground`; None when it is no colour."""
    if not is_colour(text):
        return None
    digits = text[1:] if len(text) > 5 else "".join(digit * 2 for digit in text[1:])
    red, green, blue, alpha = (int(digits[at : at + 2] or "ff", 16) for at in (0, 2, 4, 6))
    share = alpha / 255
    seen = [round(part * share + under * (1 - share)) for part, under in zip((red, green, blue), ground, strict=True)]
    return (seen[0], seen[1], seen[2])


def hex_of(colour: Rgb) -> str:
    """The colour as `#rrggbb`."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def luminance(colour: Rgb) -> float:
    """The relative luminance, from 0 (black) to 1 (white)."""
    linear = [part / 255 / 12.92 if part <= 10 else ((part / 255 + 0.055) / 1.055) ** 2.4 for part in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def ratio(first: Rgb, second: Rgb) -> float:
    """The contrast ratio of two colours, from 1 to 21."""
    dark, light = sorted((luminance(first), luminance(second)))
    return (light + 0.05) / (dark + 0.05)


def grade(value: float) -> Grade:
    """What a contrast ratio is good for."""
    if value >= 7:
        return "AAA"
    return "AA" if value >= ENOUGH else "large text only" if value >= 3 else "too low"


def shown(value: float) -> str:
    """A contrast ratio with one decimal, rounded down, so that what is too low never reads as enough."""
    return f"{math.floor(value * 10) / 10:.1f}"


def described(front: Any, ground: Any) -> str:
    """The contrast of one colour on another in words: `15.3 : 1, AAA`; empty when one is no colour."""
    below = parse(ground)
    above = parse(front, below or WHITE)
    if above is None or below is None:
        return ""
    value = ratio(above, below)
    return f"{shown(value)} : 1, {grade(value)}"


def best_on(ground: Rgb) -> Rgb:
    """Black or white, whichever is read better on `ground`."""
    return max((WHITE, BLACK), key=lambda colour: ratio(colour, ground))


def readable(colour: Rgb, ground: Rgb, wanted: float = ENOUGH) -> Rgb:
    """The colour, moved towards black or white just as far as text in it needs to be read on `ground`."""
    if ratio(colour, ground) >= wanted:
        return colour
    goal = best_on(ground)
    low, high = 0, 255
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if ratio(_towards(colour, goal, middle), ground) >= wanted else (middle + 1, high)
    return _towards(colour, goal, low)


def _towards(colour: Rgb, goal: Rgb, share: int) -> Rgb:
    moved = [round(part + (end - part) * share / 255) for part, end in zip(colour, goal, strict=True)]
    return (moved[0], moved[1], moved[2])


@dataclass(frozen=True, slots=True)
class Pair:
    """Two colours that meet in the app, named as people read them. `member` is the one to change.

    `better` is the nearest colour for that member that would do, where this one does not.
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
    """The pairs that an app's branding makes: text on the ground, both colours on it, and text on a button."""
    ground = parse(branding.get("backgroundColor")) or WHITE
    text = best_on(ground)
    found = [Pair("Text on the background", "backgroundColor", text, ground, ratio(text, ground))]
    for what, member in (("Main colour on it", "primaryColor"), ("Accent on it", "accentColor")):
        colour = parse(branding.get(member), ground)
        if colour is not None:
            value = ratio(colour, ground)
            better = hex_of(readable(colour, ground)) if value < ENOUGH else ""
            found.append(Pair(what, member, colour, ground, value, better))
    accent = parse(branding.get("accentColor"), ground) or parse(branding.get("primaryColor"), ground)
    if accent is not None:
        label = best_on(accent)
        found.append(Pair("Label on a button", "accentColor", label, accent, ratio(label, accent)))
    return found
