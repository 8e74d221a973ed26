"""Texts and names as the API and the models' clients take them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container

KEY_MAX = 64
"""What clients take as the name of a tool; the sandbox publishes shorter keys as they are."""

ARGUMENT_MAX = 64

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NOT_KEY = re.compile(r"[^a-z0-9]+")
_NOT_ARGUMENT = re.compile(r"[^A-Za-z0-9_-]+")


def key_of(name: str, fallback: str = "operation") -> str:
    """`listPetsByOwner` as `list-pets-by-owner`: small letters, digits and dashes, at most 64 of them."""
    plain = unicodedata.normalize("NFKD", _HUMP.sub("-", name[:400])).encode("ascii", "ignore").decode()
    key = _NOT_KEY.sub("-", plain.lower()).strip("-")
    return _shortened(key, KEY_MAX) or fallback


def unused(key: str, taken: Container[str], most: int = KEY_MAX) -> str:
    """The key, numbered where it is taken, never longer than `most`."""
    number = 2
    made = key
    while made in taken:
        tail = f"-{number}"
        made = key[: most - len(tail)].rstrip("-") + tail
        number += 1
    return made


def argument_of(name: str) -> str:
    """A parameter's name as every client takes it as a property: `filter[state]` as `filter_state`."""
    plain = unicodedata.normalize("NFKD", name[:400].replace("$", ""))
    plain = "".join(char for char in plain if not unicodedata.combining(char))
    made = _NOT_ARGUMENT.sub("_", plain).strip("_-")[:ARGUMENT_MAX].strip("_-")
    return made or "value"


def words_of(name: str) -> str:
    """`listPetsByOwner` as `List pets by owner`."""
    words = " ".join(_HUMP.sub(" ", re.sub(r"[\W_]+", " ", name[:400])).split())
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


def _shortened(key: str, most: int) -> str:
    if len(key) <= most:
        return key
    at = key.rfind("-", most // 2, most + 1)
    return (key[:at] if at > 0 else key[:most]).strip("-")
