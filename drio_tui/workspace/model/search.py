"""Finding resources: by exactly what the user calls them, and by how well a query matches a name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from drio_tui.workspace.model.snapshot import Resource

T = TypeVar("T")

NAMING = ("id", "key", "slug", "name")
"""The properties by which a user names a resource, those that are unique first."""


def named(resources: Iterable[T], name: str, get: Callable[[T, str], Any]) -> list[T]:
    """Return the resources with this id, else with this key, else slug, else name; `get` returns their properties."""
    resources = list(resources)
    for property_name in NAMING:
        matches = [resource for resource in resources if name and get(resource, property_name) == name]
        if matches:
            return matches
    return []


def reference_name(resource: Resource) -> str:
    """Return by what a script can name the resource: its key or slug, else its id."""
    return resource.text("key") or resource.text("slug") or resource.id


def rank(query: str, name: str, rest: str = "") -> int | None:
    """Return the rank of a match, 0 the best, None for no match. An empty query matches everything.

    The rank is the sum over the words of the query. A word matches, from best to worst: the start of the name, the
    start of a word in it, anywhere in it, anywhere in `rest`, or (with three letters or more) as a subsequence of the
    name.
    """
    name, rest = name.casefold(), rest.casefold()
    total = 0
    for word in query.casefold().split():
        word_rank = _rank(word, name, rest)
        if word_rank is None:
            return None
        total += word_rank
    return total


def _rank(word: str, name: str, rest: str) -> int | None:
    if name.startswith(word):
        return 0
    at = name.find(word)
    while at >= 0:
        if not name[at - 1].isalnum():
            return 1
        at = name.find(word, at + 1)
    if word in name:
        return 2
    if word in rest:
        return 3
    letters = iter(name)
    if len(word) > 2 and all(letter in letters for letter in word):
        return 4
    return None


def matched_positions(query: str, name: str) -> list[int]:
    """Return the positions in `name` of the letters that a query matches as `rank` does, to highlight them."""
    folded = name.casefold()
    if len(folded) != len(name):
        return []  # the positions would be those of other letters
    positions: set[int] = set()
    for word in query.casefold().split():
        starts = [at for at in range(len(folded)) if folded.startswith(word, at)]
        at_words = [at for at in starts if at == 0 or not folded[at - 1].isalnum()]
        if starts:
            start = (at_words or starts)[0]
            positions.update(range(start, start + len(word)))
        elif _rank(word, folded, "") is not None:
            at = -1
            for letter in word:
                at = folded.index(letter, at + 1)
                positions.add(at)
    return sorted(positions)


def sort_key(value: Any) -> tuple[int, list[tuple[int, int, str]]]:
    """Return a sort key for any JSON value: text without regard to case, numbers in it by value, empty values last."""
    if value is None or value == "":
        return 1, []
    text = value if isinstance(value, str) else str(value)[:200]
    parts: list[tuple[int, int, str]] = []
    for digits, word in re.findall(r"([0-9]+)|([^0-9]+)", text[:500].casefold()):
        parts.append((0, int(digits), "") if digits else (1, 0, word))
    return 0, parts
