"""Slugs and keys from names, and names that are not taken: one rule for the program, the import and the sandbox."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container, Iterable

KEY_MAX = 100
"""The longest key or slug that drio takes."""
NAME_MAX = 200
"""The longest name that drio takes."""

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NOT_KEY = re.compile(r"[^a-z0-9]+")
_LOOKED_AT = 400


def kebab(name: str, fallback: str = "", *, most: int = KEY_MAX) -> str:
    """`Straße 7!` as `strasse-7`: lower-case ASCII letters, digits and single hyphens, at most `most` characters.

    `fallback` where nothing of the name is left. A longer key is cut at a hyphen where there is one.
    """
    plain = unicodedata.normalize("NFKD", name[:_LOOKED_AT].casefold()).encode("ascii", "ignore").decode().lower()
    key = _NOT_KEY.sub("-", plain).strip("-")
    if len(key) > most:
        at = key.rfind("-", most // 2, most + 1)
        key = (key[:at] if at > 0 else key[:most]).strip("-")
    return key or fallback


def spaced(identifier: str) -> str:
    """An identifier as words: `listPetsByOwner` as `list Pets By Owner`."""
    return _HUMP.sub(" ", identifier[:_LOOKED_AT])


def unused(name: str, taken: Container[str], *, most: int = KEY_MAX, mark: str = "-") -> str:
    """`name`, or `name-2`, `name-3`, … where it is taken; never longer than `most`."""
    made, number = name[:most], 2
    while made in taken:
        tail = f"{mark}{number}"
        room = most - len(tail)
        made = (name if len(name) <= room else name[:room].rstrip(mark)) + tail
        number += 1
    return made


def slug_of(name: str, taken: Iterable[str] = ()) -> str:
    """A slug for a name, numbered when it is taken; empty when nothing of the name is left."""
    slug = kebab(name)
    return unused(slug, {*taken}) if slug else ""
