"""Finding resources by typing: how well a query fits a name, as a number to sort by."""

from __future__ import annotations


def rank(query: str, name: str, rest: str = "") -> int | None:
    """How well the words of `query` fit: 0 is best, None is not at all. An empty query fits everything.

    Each word counts where it fits best: the name's beginning, the beginning of a word in it, anywhere in
    it, anywhere in `rest`, or (from three letters on) its letters one after the other in the name.
    """
    name, rest = name.casefold(), rest.casefold()
    total = 0
    for word in query.casefold().split():
        found = _rank(word, name, rest)
        if found is None:
            return None
        total += found
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
