"""Slugs, keys, unused names and titles: one rule for the program, the import and the sandbox."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container, Iterable

KEY_MAX = 100
"""The most characters of a key or slug that drio accepts."""
NAME_MAX = 200
"""The most characters of a name that drio accepts."""

_WORD_BOUNDARY = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_TITLE_BOUNDARY = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[_\-.]+")
_ACRONYMS = {"url": "URL", "uri": "URI", "id": "ID", "ids": "IDs", "api": "API", "mcp": "MCP", "json": "JSON"}
_NOT_KEY = re.compile(r"[^a-z0-9]+")
_MOST_READ = 400


def kebab(name: str, fallback: str = "", *, most: int = KEY_MAX) -> str:
    """Return a name as lower-case ASCII letters, digits and single hyphens: `Straße 7!` as `strasse-7`.

    Returns `fallback` if nothing of the name is left. A key of more than `most` characters is cut, at a hyphen where
    there is one.
    """
    ascii_name = unicodedata.normalize("NFKD", name[:_MOST_READ].casefold()).encode("ascii", "ignore").decode().lower()
    key = _NOT_KEY.sub("-", ascii_name).strip("-")
    if len(key) > most:
        hyphen = key.rfind("-", most // 2, most + 1)
        key = (key[:hyphen] if hyphen > 0 else key[:most]).strip("-")
    return key or fallback


def spaced(identifier: str) -> str:
    """Return an identifier as words: `listPetsByOwner` as `list Pets By Owner`."""
    return _WORD_BOUNDARY.sub(" ", identifier[:_MOST_READ])


def title_of(property_name: str) -> str:
    """Return the title of a property: `primaryColor` → `Primary color`, `baseUrl` → `Base URL`."""
    words = _TITLE_BOUNDARY.sub(" ", property_name).lower().split()
    text = " ".join(_ACRONYMS.get(word, word) for word in words)
    return text[:1].upper() + text[1:]


def unused(name: str, taken: Container[str], *, most: int = KEY_MAX, mark: str = "-") -> str:
    """Return `name`, or `name-2`, `name-3`, … where it is taken; never longer than `most`."""
    candidate, number = name[:most], 2
    while candidate in taken:
        suffix = f"{mark}{number}"
        prefix_length = most - len(suffix)
        candidate = (name if len(name) <= prefix_length else name[:prefix_length].rstrip(mark)) + suffix
        number += 1
    return candidate


def slug_of(name: str, taken: Iterable[str] = ()) -> str:
    """Return a slug for a name, numbered if it is taken; empty if nothing of the name is left."""
    slug = kebab(name)
    return unused(slug, {*taken}) if slug else ""
