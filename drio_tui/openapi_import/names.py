"""Texts and names as the API and the models' clients take them."""

from __future__ import annotations

import re
import unicodedata

from drio_tui.naming import kebab, spaced

KEY_MAX = 64
"""What clients take as the name of a tool; the sandbox publishes shorter keys as they are."""

ARGUMENT_MAX = 64

_NOT_ARGUMENT = re.compile(r"[^A-Za-z0-9_-]+")


def key_of(name: str, fallback: str = "operation") -> str:
    """`listPetsByOwner` as `list-pets-by-owner`: a key that clients take as the name of a tool."""
    return kebab(spaced(name), fallback, most=KEY_MAX)


def argument_of(name: str) -> str:
    """A parameter's name as every client takes it as a property: `filter[state]` as `filter_state`."""
    plain = unicodedata.normalize("NFKD", name[:400].replace("$", ""))
    plain = "".join(char for char in plain if not unicodedata.combining(char))
    made = _NOT_ARGUMENT.sub("_", plain).strip("_-")[:ARGUMENT_MAX].strip("_-")
    return made or "value"


def words_of(name: str) -> str:
    """`listPetsByOwner` as `List pets by owner`."""
    words = " ".join(spaced(re.sub(r"[\W_]+", " ", name[:400])).split())
    if not words:
        return ""
    return words[0].upper() + "".join(
        part.lower() if part[:1].isupper() and not part.isupper() else part for part in re.split(r"( )", words[1:])
    )


def title_of(text: str, most: int = 200) -> str:
    """The first line of a text, as a name of at most `most` characters."""
    text = text.lstrip()[: 4 * most + 16]
    line = " ".join(text.partition("\n")[0].split()).rstrip(".")
    line = "".join(char for char in line if unicodedata.category(char)[0] != "C")
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def shortened(text: str, most: int) -> str:
    """A text of at most `most` characters, cut at a word where it can be."""
    text = text.strip()
    if len(text) <= most:
        return text
    cut = text[: most - 1]
    at = cut.rfind(" ", most // 2)
    return (cut[:at] if at > 0 else cut).rstrip() + "…"
