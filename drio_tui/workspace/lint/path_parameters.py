"""The `{parameters}` of an operation's path, compared with its input schema.

`drio_tui.tool_calls.requests`, which makes the request, decides which names there are and which values can be sent.
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
    """A part of a path; `name` is set where it is a parameter."""

    text: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of the call: where it is sent, and whether the schema describes and requires it."""

    name: str
    place: str
    described: bool
    required: bool


def pieces(path: str) -> list[Piece]:
    """Split the path into text and parameters."""
    pieces: list[Piece] = []
    position = 0
    for match in _BRACED.finditer(path):
        if match.start() > position:
            pieces.append(Piece(path[position : match.start()]))
        pieces.append(Piece(match[0], match[1]))
        position = match.end()
    if position < len(path):
        pieces.append(Piece(path[position:]))
    return pieces


def names(path: str) -> list[str]:
    """Return the parameters of a path, without duplicates, in order."""
    return [name for name in dict.fromkeys(requests.path_names(path)) if name]


def find_path_errors(path: str) -> list[str]:
    """Return why no request can be made for the path; each is the end of a sentence about it."""
    return list(requests.path_mistakes(path)) if path else []


def arguments(method: str, path: str, schema: Any) -> list[Argument]:
    """Return the path's parameters in order, then the schema's other properties, each with where it is sent."""
    properties, required = _properties(schema)
    places = _places(method, path, schema)
    by_parameter = {place.name: name for name, place in places.items() if place.where == "path"}
    arguments = [
        Argument(by_parameter.get(name, name), "path", name in by_parameter, by_parameter.get(name) in required)
        for name in names(path)
    ]
    for name in properties:
        if places[name].where != "path" or places[name].name not in names(path):
            arguments.append(Argument(name, places[name].where, True, name in required))
    return arguments


def missing(path: str, schema: Any) -> list[str]:
    """Return the parameters of the path that the schema does not have: they could never get a value."""
    described = _path_arguments(path, schema)
    return [name for name in names(path) if name not in described]


def optional(path: str, schema: Any) -> list[str]:
    """Return the arguments in the path that the schema does not require: without them there is no address."""
    _, required = _properties(schema)
    return [name for name in _path_arguments(path, schema).values() if name not in required]


def unsendable_arguments(path: str, schema: Any) -> list[str]:
    """Return the arguments in the path whose values are objects or lists and that have no style for them."""
    properties, _ = _properties(schema)
    places = _places("GET", path, schema)
    return [
        name
        for name in _path_arguments(path, schema).values()
        if _type_of(properties.get(name)) in ("object", "array") and places[name].style in ("", "reserved")
    ]


def with_path_parameters(path: str, schema: Any) -> dict[str, Any]:
    """Return the schema with every parameter of the path added and required. The rest is unchanged."""
    result = dict(schema) if isinstance(schema, Mapping) else {"type": "object"}
    missing_names = missing(path, result)
    properties, required = _properties(result)
    if not names(path):
        return result
    result.setdefault("type", "object")
    result["properties"] = {**properties, **dict(tools.path_argument(name, properties) for name in missing_names)}
    result["required"] = [*required, *(name for name in _path_arguments(path, result).values() if name not in required)]
    return result


def _path_arguments(path: str, schema: Any) -> dict[str, str]:
    """Return the argument of each path parameter that has one, in the path's order."""
    by_name = {place.name: name for name, place in _places("GET", path, schema).items() if place.where == "path"}
    return {name: by_name[name] for name in names(path) if name in by_name}


def _places(method: str, path: str, schema: Any) -> dict[str, Place]:
    properties, _ = _properties(schema)
    operation = {"method": method, "path": path, "inputSchema": {"properties": properties}}
    return {name: place_of(name, operation) for name in properties}


def _properties(schema: Any) -> tuple[dict[str, Any], list[str]]:
    properties = schema.get("properties") if isinstance(schema, Mapping) else None
    required = schema.get("required") if isinstance(schema, Mapping) else None
    return (
        {str(name): subschema for name, subschema in properties.items()} if isinstance(properties, Mapping) else {},
        [name for name in required if isinstance(name, str)] if isinstance(required, list) else [],
    )


def _type_of(schema: Any) -> str:
    type_name = schema.get("type") if isinstance(schema, Mapping) else None
    return type_name if isinstance(type_name, str) else ""
