"""The templates of widget actions: text with `{{ path }}` in it, where a path only looks up a value.

A path consists of names and indexes joined by dots (`row.id`, `row.tags.0`, `row.tags[0]`). There are no calls,
operators or blocks. Braces that contain anything but a path are left unchanged.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from drio_tui.api.json_codec import MalformedJson, dumps, loads

LONGEST = 10_000
MOST_LOOKUPS = 100

Lookup = list[str | int]
Part = str | Lookup
"""Literal text, or the names and indexes to look up."""

ROOTS = {
    "item": frozenset({"row", "card", "item", "entry", "point"}),
    "result": frozenset({"result", "data", "output"}),
    "input": frozenset({"input", "args", "arguments"}),
    "form": frozenset({"form", "fields", "values"}),
    "view": frozenset({"chart", "view", "widget"}),
}
"""The first names of a path by what they refer to; others (`contact.id`) are looked up in the item or the result."""

_LOOKUP = re.compile(r"\{\{[ \t]*([A-Za-z_$][\w$-]*(?:\.[\w$-]+|\[[0-9]{1,6}\])*)[ \t]*\}\}")
_STEP = re.compile(r"\[([0-9]+)\]|\.?([\w$-]+)")


def parts(template: str) -> list[Part]:
    """Split the template into text and lookups. One that is too long is text, as is what follows too many lookups."""
    if len(template) > LONGEST:
        return [template[:LONGEST]]
    parts: list[Part] = []
    position = 0
    for match in _LOOKUP.finditer(template):
        if sum(isinstance(part, list) for part in parts) >= MOST_LOOKUPS:
            break
        if match.start() > position:
            parts.append(template[position : match.start()])
        parts.append([int(step[1]) if step[1] else step[2] for step in _STEP.finditer(match[1])])
        position = match.end()
    if position < len(template):
        parts.append(template[position:])
    return parts


def split_lookups(template: str) -> Iterator[tuple[str, bool]]:
    """Yield the pieces of a template as they are written, and whether each is a lookup."""
    position = 0
    for match in _LOOKUP.finditer(template):
        yield template[position : match.start()], False
        yield match[0], True
        position = match.end()
    yield template[position:], False


def arguments(template: str) -> Any:
    """Parse the template of a tool's arguments.

    A JSON object is returned as `{"object": …}` with each of its strings in parts, so that no value can change the
    structure of the JSON; anything else as `{"parts": …}`.
    """
    if template.lstrip().startswith("{") and not template.lstrip().startswith("{{"):
        try:
            value = loads(template)
        except MalformedJson:
            value = None
        if isinstance(value, dict) and len(template) <= LONGEST:
            return {"object": _split_strings(value)}
    return {"parts": parts(template)}


def _split_strings(value: Any) -> Any:
    if isinstance(value, dict):
        return {"members": {name: _split_strings(property_value) for name, property_value in value.items()}}
    if isinstance(value, list):
        return {"items": [_split_strings(item) for item in value]}
    if isinstance(value, str):
        return {"parts": parts(value)}
    return {"value": value}


def lookup(path: Sequence[str | int], scope: Mapping[str, Any]) -> Any:
    """Return what the path names in `scope`, which has the keys of `ROOTS`; None where there is nothing."""
    first = path[0]
    for root, names in ROOTS.items():
        if first in names and scope.get(root) is not None:
            return _inside(scope[root], path[1:])
    for root in ("item", "form", "result", "input"):
        for steps in (path, path[1:]):
            value = _inside(scope.get(root), steps) if steps else None
            if value is not None:
                return value
    return None


def _inside(value: Any, path: Sequence[str | int]) -> Any:
    for step in path:
        if isinstance(value, dict):
            value = value.get(str(step))
        elif isinstance(value, list) and str(step).isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def render(parts: Sequence[Part], scope: Mapping[str, Any]) -> Any:
    """Return the text; for a template that is a single lookup, the value itself."""
    if len(parts) == 1 and isinstance(parts[0], list):
        return lookup(parts[0], scope)
    return "".join(part if isinstance(part, str) else as_text(lookup(part, scope)) for part in parts)


def as_text(value: Any) -> str:
    """Return a value as part of a text: empty for null, JSON for objects and lists."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return dumps(value)
