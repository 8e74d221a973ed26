"""The templates of widget actions: text with `{{ path }}` in it, where a path only looks things up.

A path is names and indexes joined by dots (`row.id`, `row.tags.0`, `row.tags[0]`). There are no calls, no
operators, no blocks. What stands between braces and is no path is left as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from drio_tui.api.json_codec import MalformedJson, dumps, loads

LONGEST = 10_000
MOST_LOOKUPS = 100

Lookup = list[str | int]
Part = str | Lookup
"""Text as it is, or the names and indexes to look up."""

ROOTS = {
    "item": frozenset({"row", "card", "item", "entry", "point"}),
    "result": frozenset({"result", "data", "output"}),
    "input": frozenset({"input", "args", "arguments"}),
    "form": frozenset({"form", "fields", "values"}),
    "view": frozenset({"chart", "view", "widget"}),
}
"""What the first name of a path stands for; any other (`contact.id`) is a name of the item or the result."""

_LOOKUP = re.compile(r"\{\{[ \t]*([A-Za-z_$][\w$-]*(?:\.[\w$-]+|\[[0-9]{1,6}\])*)[ \t]*\}\}")
_STEP = re.compile(r"\[([0-9]+)\]|\.?([\w$-]+)")


def parts(template: str) -> list[Part]:
    """The template in pieces; one that is too long, or has too many lookups, is all text."""
    if len(template) > LONGEST:
        return [template[:LONGEST]]
    found: list[Part] = []
    at = 0
    for match in _LOOKUP.finditer(template):
        if sum(isinstance(part, list) for part in found) >= MOST_LOOKUPS:
            break
        if match.start() > at:
            found.append(template[at : match.start()])
        found.append([int(step[1]) if step[1] else step[2] for step in _STEP.finditer(match[1])])
        at = match.end()
    if at < len(template):
        found.append(template[at:])
    return found


def arguments(template: str) -> Any:
    """The template of a tool's arguments: where it is a JSON object, that with each text of it in pieces
    (so that no value can break out of its place), `{"object": …}`; else `{"parts": …}`.
    """
    if template.lstrip().startswith("{") and not template.lstrip().startswith("{{"):
        try:
            value = loads(template)
        except MalformedJson:
            value = None
        if isinstance(value, dict) and len(template) <= LONGEST:
            return {"object": _pieces(value)}
    return {"parts": parts(template)}


def _pieces(value: Any) -> Any:
    if isinstance(value, dict):
        return {"members": {name: _pieces(member) for name, member in value.items()}}
    if isinstance(value, list):
        return {"items": [_pieces(item) for item in value]}
    if isinstance(value, str):
        return {"parts": parts(value)}
    return {"value": value}


def lookup(path: Sequence[str | int], scope: Mapping[str, Any]) -> Any:
    """What the path names in `scope`, whose members are those of `ROOTS`; None where there is nothing."""
    first = path[0]
    for root, names in ROOTS.items():
        if first in names and scope.get(root) is not None:
            return _inside(scope[root], path[1:])
    for root in ("item", "form", "result", "input"):
        for steps in (path, path[1:]):
            found = _inside(scope.get(root), steps) if steps else None
            if found is not None:
                return found
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


def render(pieces: Sequence[Part], scope: Mapping[str, Any]) -> Any:
    """The text; where the template is one lookup and nothing else, the value itself."""
    if len(pieces) == 1 and isinstance(pieces[0], list):
        return lookup(pieces[0], scope)
    return "".join(piece if isinstance(piece, str) else as_text(lookup(piece, scope)) for piece in pieces)


def as_text(value: Any) -> str:
    """A value inside a text: nothing for nothing, JSON for what is not plain."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return dumps(value)
