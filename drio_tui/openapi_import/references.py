"""Resolves the references of a document, only within the document itself."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote


class UnresolvedReference(Exception):
    """A reference cannot be resolved. The message is a predicate, to be put after the name of its location.

    `elsewhere` says that it refers to another document.
    """

    def __init__(self, message: str, *, elsewhere: bool = False) -> None:
        super().__init__(message)
        self.elsewhere = elsewhere


class References:
    """Resolves the references of one document, whose value is `root`."""

    def __init__(self, root: Any) -> None:
        self.root = root

    def find(self, ref: str) -> Any:
        """Return the target of a reference, `#` or `#/json/pointer` (RFC 6901). Raises `UnresolvedReference`."""
        if not ref.startswith("#"):
            raise UnresolvedReference(f"refers to another document ({ref[:120]}), which is not read", elsewhere=True)
        value = self.root
        if ref != "#":
            for step in steps_of(ref):
                if isinstance(value, dict) and step in value:
                    value = value[step]
                elif isinstance(value, list) and step.isascii() and step.isdigit() and int(step[:9]) < len(value):
                    value = value[int(step[:9])]
                else:
                    raise UnresolvedReference(f"refers to {ref[:120]}, which is not there")
        return value

    def last(self, ref: str) -> str:
        """Return the last reference of a chain of objects with only a `$ref`. Raises `UnresolvedReference`."""
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
        """Return the value itself, or the target if it is a Reference Object. Raises `UnresolvedReference`."""
        seen: set[str] = set()
        while isinstance(value, dict) and isinstance(value.get("$ref"), str):
            if value["$ref"] in seen:
                raise UnresolvedReference("refers to itself and to nothing else")
            seen.add(value["$ref"])
            value = self.find(value["$ref"])
        return value


def steps_of(ref: str) -> list[str]:
    """Return the unescaped steps of a local JSON pointer."""
    pointer = ref[1:].removeprefix("/")
    return [unquote(step).replace("~1", "/").replace("~0", "~") for step in pointer.split("/")]
