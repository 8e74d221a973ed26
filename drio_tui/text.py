"""Making text from elsewhere safe to show.

Names, messages and bodies that come over the wire can hold anything. `visible` turns every code point
that could act on a terminal or hide from the reader into a symbol of its own, so that what is shown is
what is there. Markup is not its business: safe text reaches widgets with markup switched off.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

_ELLIPSIS = "…"
_UNITS = (
    (31_557_600, "year", "y"),
    (2_629_800, "month", "mo"),
    (86_400, "day", "d"),
    (3_600, "hour", "h"),
    (60, "minute", "min"),
    (1, "second", "s"),
)


def _symbol(code: int) -> str:
    if code < 0x20:
        return chr(0x2400 + code)  # the Unicode control pictures: ␀ … ␟
    if code == 0x7F:
        return "␡"
    return f"‹{code:02X}›" if code <= 0xFF else f"‹U+{code:04X}›"


# Everything translated one to one; what lies beyond U+00FF is found by category.
_TABLE: dict[int, str] = {code: _symbol(code) for code in (*range(0x20), *range(0x7F, 0xA0))}
_KEEP_LINES = {code: text for code, text in _TABLE.items() if code != 0x0A}
_HIDDEN = frozenset({"Cf", "Cs", "Zl", "Zp"})
# Drawn as nothing, though their category says letter, mark or symbol: Hangul fillers, the grapheme joiner, Khmer
# inherent vowels, the empty Braille cell, and the variation selectors that can smuggle bytes behind one letter.
_BLANK = frozenset({"\u034f", "\u115f", "\u1160", "\u17b4", "\u17b5", "\u2800", "\u3164", "\uffa0"})
_SELECTORS = ("\U000e0100", "\U000e01ef")
_COMBINING_RUN = 8


def visible(text: str, *, multiline: bool = False) -> str:
    """`text` with every C0, DEL, C1, format (bidi, zero-width), surrogate and separator code point shown.

    With `multiline`, newlines stay; tabs are shown either way. Runs of more than eight combining
    marks are cut there, with `…`, so that a stack of them cannot cover its neighbours or cost
    quadratic time.
    """
    if text.isascii():
        if text.isprintable():
            return text
        return text.translate(_KEEP_LINES if multiline else _TABLE)
    text = text.translate(_KEEP_LINES if multiline else _TABLE)
    out: list[str] = []
    marks = 0
    for char in text:
        if char < "\u0300":
            marks = 0
            out.append(_symbol(ord(char)) if char == "\u00ad" else char)
            continue
        category = unicodedata.category(char)
        if char in _BLANK or _SELECTORS[0] <= char <= _SELECTORS[1]:
            category = "Cf"
        if category in ("Mn", "Me"):
            marks += 1
            if marks <= _COMBINING_RUN:
                out.append(char)
            elif marks == _COMBINING_RUN + 1:
                out.append(_ELLIPSIS)
            continue
        marks = 0
        out.append(_symbol(ord(char)) if category in _HIDDEN else char)
    return "".join(out)


def one_line(text: str, width: int | None = None) -> str:
    """`text` as one safe line of at most `width` characters, with an ellipsis where it was cut."""
    if width is None:
        return visible(text)
    safe = visible(text[: width + 1])
    return safe if len(safe) <= width else safe[: max(0, width - 1)] + _ELLIPSIS[:width]


def count_of(number: int, noun: str) -> str:
    """A number with its noun, in the plural where it is not one: `1 widget`, `1,024 tools`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def duration(seconds: float, *, parts: int = 2, short: bool = False) -> str:
    """A length of time by its largest units: `8 seconds`, `1 minute 30 seconds`; `short`: `12 ms`, `1 min 30 s`."""
    if short and round(seconds * 1000) < 1000:
        return f"{_decimal(seconds * 1000)} ms"
    if round(seconds) < 60:
        number = _decimal(seconds) if seconds >= 1 else f"{round(seconds, 2):g}"
        return f"{number} s" if short else f"{number} second{'' if number == '1' else 's'}"
    left = round(seconds)
    words: list[str] = []
    for length, name, unit in _UNITS:
        count, left = divmod(left, length)
        if count:
            words.append(f"{count:,} {unit}" if short else count_of(count, name))
        elif words:
            break
    return " ".join(words[:parts])


def _decimal(number: float) -> str:
    """A number with two digits where it is small."""
    return f"{round(number, 1):g}" if number < 10 else f"{number:,.0f}"


def did_you_mean(wanted: str, known: Iterable[object]) -> str:
    """`Did you mean A or B?` for the names nearest to `wanted`; empty when none is near."""
    from difflib import get_close_matches  # rarely needed, and as large as this module

    names = {name.casefold(): name for name in known if isinstance(name, str) and name}
    near = [one_line(names[match], 80) for match in get_close_matches(wanted.casefold(), names, n=3, cutoff=0.6)]
    return f"Did you mean {' or '.join(near)}?" if near else ""
