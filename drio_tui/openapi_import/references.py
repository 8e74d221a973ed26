"""Following a document's references. Nothing but the document itself is ever looked at."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote


class UnresolvedReference(Exception):
    """A reference that leads nowhere that may be looked at; the message is a sentence's end about the place.

    `elsewhere` says that it leads out of the document.
    """

    def __init__(self, message: str, *, elsewhere: bool = False) -> None:
        super().__init__(message)
        self.elsewhere = elsewhere


class References:
    """The references of one document, whose value is `root`."""

    def __init__(self, root: Any) -> None:
        self.root = root

    def find(self, ref: str) -> Any:
        """What a reference names: `#` or `#/json/pointer` (RFC 6901). Raises `UnresolvedReference`."""
        if not ref.startswith("#"):
            raise UnresolvedReference(f"refers to another document ({ref[:120]}), which is not read", elsewhere=True)
        place = self.root
        if ref != "#":
            for step in steps_of(ref):
                if isinstance(place, dict) and step in place:
                    place = place[step]
                elif isinstance(place, list) and step.isascii() and step.isdigit() and int(step[:9]) < len(place):
                    place = place[int(step[:9])]
                else:
                    raise UnresolvedReference(f"refers to {ref[:120]}, which is not there")
        return place

    def last(self, ref: str) -> str:
        """The reference at the end of a chain of references that say nothing else. Raises `UnresolvedReference`."""
        seen = {ref}
        while True:
            target = self.find(ref)
            if not (isinstance(target, dict) and isinstance(target.get("$ref"), str) and len(target) == 1):
                return ref
            ref = target["$ref"]
            if ref in seen:
                raise UnresolvedReference("refers to itself and to nothing else")
            seen.add(ref)

    def follow(self, value: Any) -> Any:
        """The value itself, or what it refers to when it is a Reference Object. Raises `UnresolvedReference`."""
        seen: set[str] = set()
        while isinstance(value, dict) and isinstance(value.get("$ref"), str):
            if value["$ref"] in seen:
                raise UnresolvedReference("refers to itself and to nothing else")
            seen.add(value["$ref"])
            value = self.find(value["$ref"])
        return value


def steps_of(ref: str) -> list[str]:
    """The names that a local JSON pointer goes by."""
    pointer = ref[1:].removeprefix("/")
    return [unquote(step).replace("~1", "/").replace("~0", "~") for step in pointer.split("/")]
