"""Text that stays readable on the background of a cursor, whatever the theme's colours are."""

from __future__ import annotations

from functools import lru_cache

from rich.color import Color
from rich.style import Style
from textual.strip import Strip

from drio_tui.contrast import ratio

_LEAST_RATIO = 3.0
"""The contrast below which a colour is given up: that of WCAG 2.2, section 1.4.3, for large text."""


def readable(style: Style, plain: Style) -> Style:
    """Return `style`, with the colour of `plain` where its own could not be read on its background."""
    if style.color is None or style.bgcolor is None or plain.color is None or style.color == plain.color:
        return style
    return style if _is_readable(style.color, style.bgcolor) else style + Style(color=plain.color)


def readable_strip(strip: Strip, plain: Style) -> Strip:
    """Return `strip` with the colour of `plain` wherever text could not be read."""
    return Strip(
        [
            segment if segment.style is None else segment._replace(style=readable(segment.style, plain))
            for segment in strip
        ],
        strip.cell_length,
    )


@lru_cache(maxsize=1024)
def _is_readable(colour: Color, ground: Color) -> bool:
    """Return whether `colour` can be read on `ground`; True for a colour that the terminal chooses."""
    front, back = colour.triplet, ground.triplet
    if front is None or back is None:
        return True
    return ratio((front.red, front.green, front.blue), (back.red, back.green, back.blue)) >= _LEAST_RATIO
