"""Names and texts in the forms that the API and AI clients accept."""

from __future__ import annotations

import re
import unicodedata

from drio_tui.naming import kebab, spaced

KEY_MAX = 64
"""The maximum length of a tool's name in AI clients; the sandbox publishes keys up to it unchanged."""

ARGUMENT_MAX = 64
"""The maximum length of an argument's name."""

_NOT_ARGUMENT = re.compile(r"[^A-Za-z0-9_-]+")


def key_of(name: str, fallback: str = "operation") -> str:
    """Return a key that AI clients accept as a tool's name: `list-pets-by-owner` for `listPetsByOwner`."""
    return kebab(spaced(name), fallback, most=KEY_MAX)


def argument_of(name: str) -> str:
    """Return a property name for a parameter that every AI client accepts: `filter_state` for `filter[state]`."""
    plain = unicodedata.normalize("NFKD", name[:400].replace("$", ""))
    plain = "".join(char for char in plain if not unicodedata.combining(char))
    argument = _NOT_ARGUMENT.sub("_", plain).strip("_-")[:ARGUMENT_MAX].strip("_-")
    return argument or "value"


def words_of(name: str) -> str:
    """Return an identifier as words: `List pets by owner` for `listPetsByOwner`."""
    words = " ".join(spaced(re.sub(r"[\W_]+", " ", name[:400])).split())
    if not words:
        return ""
    return words[0].upper() + "".join(
        part.lower() if part[:1].isupper() and not part.isupper() else part for part in re.split(r"( )", words[1:])
    )


def title_of(text: str, most: int = 200) -> str:
    """Return the first line of a text, cut to `most` characters, without a trailing dot."""
    text = text.lstrip()[: 4 * most + 16]
    line = " ".join(text.partition("\n")[0].split()).rstrip(".")
    line = "".join(char for char in line if unicodedata.category(char)[0] != "C")
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def shortened(text: str, most: int) -> str:
    """Return the text, cut to `most` characters, if possible at a word."""
    text = text.strip()
    if len(text) <= most:
        return text
    cut = text[: most - 1]
    space = cut.rfind(" ", most // 2)
    return (cut[:space] if space > 0 else cut).rstrip() + "…"
