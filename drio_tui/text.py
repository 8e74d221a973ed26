"""Making text from elsewhere harmless for the terminal, and texts for numbers and durations.

Names, messages and response bodies can contain anything. `visible` replaces every code point that could control the
terminal or be invisible to the reader by a visible symbol. Markup is not handled here: sanitized text is
passed to widgets with markup disabled.
"""

from __future__ import annotations

import re
import shlex
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_ELLIPSIS = "…"
_COMMAND = re.compile(r"`drio-tui(?= (?!-|sandbox\b|status\b|cassette\b|completion\b))")
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


# Code points that are translated one to one; those beyond U+00FF are found by category.
_SYMBOLS: dict[int, str] = {code: _symbol(code) for code in (*range(0x20), *range(0x7F, 0xA0))}
_SYMBOLS_EXCEPT_NEWLINE = {code: text for code, text in _SYMBOLS.items() if code != 0x0A}
_HIDDEN_CATEGORIES = frozenset({"Cf", "Cs", "Zl", "Zp"})
# Invisible, although their category says letter, mark or symbol: Hangul fillers, the grapheme joiner, Khmer
# inherent vowels, the empty Braille cell, and the variation selectors that can smuggle bytes behind one letter.
# The last two are no characters, and not allowed in XML.
_INVISIBLE = frozenset(
    {"\u034f", "\u115f", "\u1160", "\u17b4", "\u17b5", "\u2800", "\u3164", "\uffa0", "\ufffe", "\uffff"}
)
_VARIATION_SELECTORS = ("\U000e0100", "\U000e01ef")
_MOST_COMBINING_MARKS = 8


def visible(text: str, *, multiline: bool = False) -> str:
    """Return `text` with every C0, DEL, C1, format (bidi, zero-width), surrogate and separator code point made visible.

    With `multiline`, newlines stay; tabs are replaced either way. Runs of more than eight combining marks are
    truncated, with `…`, so that they cannot cover neighbouring text or cost quadratic time.
    """
    if text.isascii():
        if text.isprintable():
            return text
        return text.translate(_SYMBOLS_EXCEPT_NEWLINE if multiline else _SYMBOLS)
    text = text.translate(_SYMBOLS_EXCEPT_NEWLINE if multiline else _SYMBOLS)
    result: list[str] = []
    mark_count = 0
    for char in text:
        if char < "\u0300":
            mark_count = 0
            result.append(_symbol(ord(char)) if char == "\u00ad" else char)
            continue
        category = unicodedata.category(char)
        if char in _INVISIBLE or _VARIATION_SELECTORS[0] <= char <= _VARIATION_SELECTORS[1]:
            category = "Cf"
        if category in ("Mn", "Me"):
            mark_count += 1
            if mark_count <= _MOST_COMBINING_MARKS:
                result.append(char)
            elif mark_count == _MOST_COMBINING_MARKS + 1:
                result.append(_ELLIPSIS)
            continue
        mark_count = 0
        result.append(_symbol(ord(char)) if category in _HIDDEN_CATEGORIES else char)
    return "".join(result)


def one_line(text: str, width: int | None = None) -> str:
    """Return `text` as one sanitized line of at most `width` characters, with an ellipsis where it was cut."""
    if width is None:
        return visible(text)
    sanitized = visible(text[: width + 1])
    return sanitized if len(sanitized) <= width else sanitized[: max(0, width - 1)] + _ELLIPSIS[:width]


def sentence(text: str) -> str:
    """Return `text` with a full stop, unless it ends like a sentence."""
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def count_of(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural unless it is one: `1 widget`, `1,024 tools`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def duration(seconds: float, *, parts: int = 2, short: bool = False) -> str:
    """Return a duration in its largest units: `8 seconds`, `1 minute 30 seconds`; `short`: `12 ms`, `1 min 30 s`."""
    if short and round(seconds * 1000) < 1000:
        return f"{_decimal(seconds * 1000)} ms"
    if round(seconds) < 60:
        number = _decimal(seconds) if seconds >= 1 else f"{round(seconds, 2):g}"
        return f"{number} s" if short else f"{number} second{'' if number == '1' else 's'}"
    remaining = round(seconds)
    units_text: list[str] = []
    for length, name, unit in _UNITS:
        count, remaining = divmod(remaining, length)
        if count:
            units_text.append(f"{count:,} {unit}" if short else count_of(count, name))
        elif units_text:
            break
    return " ".join(units_text[:parts])


def _decimal(number: float) -> str:
    """Return a number with at most one decimal, without decimals from 10 on."""
    return f"{round(number, 1):g}" if number < 10 else f"{number:,.0f}"


def first_names(names: Sequence[str], most: int) -> str:
    """Return names separated by commas; of more than `most` only the first ones: `a, b and 3 more`. Not sanitized."""
    return ", ".join(names[:most]) + (f" and {len(names) - most:,} more" if len(names) > most else "")


def has_words(text: str, words: str) -> bool:
    """Return whether each word of `words` is somewhere in a text, ignoring case; true for no words."""
    text = text.casefold()
    return all(word in text for word in words.casefold().split())


def did_you_mean(wanted: str, known: Iterable[object]) -> str:
    """Return `Did you mean A or B?` with the known names closest to `wanted`; empty if none is close."""
    from difflib import get_close_matches  # rarely needed, so imported only here

    names = {name.casefold(): name for name in known if isinstance(name, str) and name}
    matches = [one_line(names[match], 80) for match in get_close_matches(wanted.casefold(), names, n=3, cutoff=0.6)]
    return f"Did you mean {' or '.join(matches)}?" if matches else ""


def text_of(raw: Mapping[str, Any], name: str) -> str:
    """Return a property if it is a string, else an empty string; not sanitized."""
    value = raw.get(name)
    return value if isinstance(value, str) else ""


def with_options(text: str, options: Sequence[str]) -> str:
    """Return a text with options of the connection in each of its commands: `drio-tui api` → `drio-tui --sandbox api`.

    Commands that have options already, and those that concern no one connection, stay as they are.
    """
    inserted = shlex.join(one_line(option) for option in options)
    return _COMMAND.sub(lambda match: f"{match.group()} {inserted}", text) if options else text
