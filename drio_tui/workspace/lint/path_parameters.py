"""The `{parameters}` of an operation's path, held against its input schema.

Which names there are and what may be sent is the business of `drio_tui.tool_calls.requests`, which makes the request.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from drio_tui.tool_calls import requests, tools
from drio_tui.tool_calls.requests import Place, place_of

_BRACED = re.compile(r"\{([^{}]+)\}")


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a path; `name` is set where it is a parameter."""

    text: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of the call: where it is sent, and whether the schema has it and demands it."""

    name: str
    place: str
    described: bool
    required: bool


def pieces(path: str) -> list[Piece]:
    """The path in pieces: text, and parameters."""
    found: list[Piece] = []
    at = 0
    for match in _BRACED.finditer(path):
        if match.start() > at:
            found.append(Piece(path[at : match.start()]))
        found.append(Piece(match[0], match[1]))
        at = match.end()
    if at < len(path):
        found.append(Piece(path[at:]))
    return found


def names(path: str) -> list[str]:
    """The parameters of a path, each once, in order."""
    return [name for name in dict.fromkeys(requests.path_names(path)) if name]


def mistakes(path: str) -> list[str]:
    """Why no request can be made for the path, each the end of a sentence about it."""
    return list(requests.path_mistakes(path)) if path else []


def arguments(method: str, path: str, schema: Any) -> list[Argument]:
    """The path's parameters in order, then the schema's other properties with where they are sent."""
    properties, needed = _properties(schema)
    places = _places(method, path, schema)
    inside = {place.name: name for name, place in places.items() if place.where == "path"}
    found = [
        Argument(inside.get(name, name), "path", name in inside, inside.get(name) in needed) for name in names(path)
    ]
    for name in properties:
        if places[name].where != "path" or places[name].name not in names(path):
            found.append(Argument(name, places[name].where, True, name in needed))
    return found


def missing(path: str, schema: Any) -> list[str]:
    """Parameters of the path that the schema does not have: nobody could give them a value."""
    inside = _inside(path, schema)
    return [name for name in names(path) if name not in inside]


def optional(path: str, schema: Any) -> list[str]:
    """Arguments in the path that the schema has but does not demand: without them there is no address."""
    _, needed = _properties(schema)
    return [name for name in _inside(path, schema).values() if name not in needed]


def unsuitable(path: str, schema: Any) -> list[str]:
    """Arguments in the path whose values would be objects or lists, and that have no style for them."""
    properties, _ = _properties(schema)
    places = _places("GET", path, schema)
    return [
        name
        for name in _inside(path, schema).values()
        if _type(properties.get(name)) in ("object", "array") and places[name].style in ("", "reserved")
    ]


def completed(path: str, schema: Any) -> dict[str, Any]:
    """The schema with every parameter of the path in it, and demanded. The rest of it stays as it was."""
    made = dict(schema) if isinstance(schema, Mapping) else {"type": "object"}
    absent = missing(path, made)
    properties, needed = _properties(made)
    if not names(path):
        return made
    made.setdefault("type", "object")
    made["properties"] = {**properties, **dict(tools.path_argument(name, properties) for name in absent)}
    made["required"] = [*needed, *(name for name in _inside(path, made).values() if name not in needed)]
    return made


def _inside(path: str, schema: Any) -> dict[str, str]:
    """The argument of each parameter of the path that has one, in the path's order."""
    by_name = {place.name: name for name, place in _places("GET", path, schema).items() if place.where == "path"}
    return {name: by_name[name] for name in names(path) if name in by_name}


def _places(method: str, path: str, schema: Any) -> dict[str, Place]:
    properties, _ = _properties(schema)
    operation = {"method": method, "path": path, "inputSchema": {"properties": properties}}
    return {name: place_of(name, operation) for name in properties}


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
