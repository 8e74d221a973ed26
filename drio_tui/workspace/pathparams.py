"""The `{parameters}` of an operation's path, held against its input schema."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Place = Literal["path", "query", "header", "body"]

_BRACED = re.compile(r"\{([^{}]*)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]*")
_QUERY_METHODS = frozenset({"GET", "HEAD", "DELETE", "OPTIONS"})
_LONGEST = 4_000


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a path; `name` is set where it is a parameter."""

    text: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of the call: where it is sent, and whether the schema has it and demands it."""

    name: str
    place: Place
    described: bool
    required: bool


def pieces(path: str) -> list[Piece]:
    """The path in pieces; what stands in braces and is no name stays text."""
    found: list[Piece] = []
    at = 0
    for match in _BRACED.finditer(path[:_LONGEST]):
        if not _NAME.fullmatch(match[1]):
            continue
        if match.start() > at:
            found.append(Piece(path[at : match.start()]))
        found.append(Piece(match[0], match[1]))
        at = match.end()
    if at < len(path):
        found.append(Piece(path[at:]))
    return found


def names(path: str) -> list[str]:
    """The parameters of a path, each once, in order."""
    return list(dict.fromkeys(piece.name for piece in pieces(path) if piece.name))


def mistakes(path: str) -> list[str]:
    """What is wrong with how the parameters are written, each the end of a sentence about the path."""
    found: list[str] = []
    if path and not path.startswith("/"):
        found.append("must begin with /")
    rest = _BRACED.sub("", path)
    if "{" in rest or "}" in rest:
        found.append("has a brace without its partner")
    for match in _BRACED.finditer(path):
        if not match[1]:
            found.append("has a parameter without a name")
        elif not _NAME.fullmatch(match[1]):
            found.append(f"has {match[0]}, which is no name of a parameter")
    if any(match[1] == "" for match in re.finditer(r"\}(.?)\{", path)):
        found.append("has two parameters with nothing between them")
    listed = [piece.name for piece in pieces(path) if piece.name]
    found += [f"has {{{name}}} more than once" for name in dict.fromkeys(listed) if listed.count(name) > 1]
    return found


def arguments(method: str, path: str, schema: Any) -> list[Argument]:
    """The path's parameters in order, then the schema's other properties with where they are sent.

    That is where `x-in` in the property says, else the query for methods that carry no body.
    """
    properties, needed = _properties(schema)
    inside = names(path)
    rest: Place = "query" if method.upper() in _QUERY_METHODS else "body"
    found = [Argument(name, "path", name in properties, name in needed) for name in inside]
    for name, inner in properties.items():
        if name not in inside:
            said = inner.get("x-in") if isinstance(inner, Mapping) else None
            place: Place = said if said in ("query", "header", "body") else rest
            found.append(Argument(name, place, True, name in needed))
    return found


def missing(path: str, schema: Any) -> list[str]:
    """Parameters of the path that the schema does not have: nobody could give them a value."""
    properties, _ = _properties(schema)
    return [name for name in names(path) if name not in properties]


def optional(path: str, schema: Any) -> list[str]:
    """Parameters of the path that the schema has but does not demand: without them there is no address."""
    properties, needed = _properties(schema)
    return [name for name in names(path) if name in properties and name not in needed]


def unsuitable(path: str, schema: Any) -> list[str]:
    """Parameters of the path whose values would be objects or lists, which have no form in a path."""
    properties, _ = _properties(schema)
    return [name for name in names(path) if _type(properties.get(name)) in ("object", "array")]


def completed(path: str, schema: Any) -> dict[str, Any]:
    """The schema with every parameter of the path in it, and demanded. The rest of it stays as it was."""
    made = dict(schema) if isinstance(schema, Mapping) else {"type": "object"}
    properties, needed = _properties(made)
    inside = names(path)
    if not inside:
        return made
    made.setdefault("type", "object")
    made["properties"] = {**properties, **{name: {"type": "string"} for name in inside if name not in properties}}
    made["required"] = [*needed, *(name for name in inside if name not in needed)]
    return made


def _properties(schema: Any) -> tuple[dict[str, Any], list[str]]:
    found = schema.get("properties") if isinstance(schema, Mapping) else None
    needed = schema.get("required") if isinstance(schema, Mapping) else None
    return (
        {str(name): inner for name, inner in found.items()} if isinstance(found, Mapping) else {},
        [name for name in needed if isinstance(name, str)] if isinstance(needed, list) else [],
    )


def _type(schema: Any) -> str:
    kind = schema.get("type") if isinstance(schema, Mapping) else None
    return kind if isinstance(kind, str) else ""
