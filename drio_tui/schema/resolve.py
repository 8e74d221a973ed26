"""Local references followed, `allOf` merged: one flat mapping for one place of a schema.

Nothing is ever fetched. What cannot be drawn honestly raises `UnsupportedReference` with the reason, and whoever asked
falls back to plain JSON for that place.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote

from drio_tui.api.models import same_json

Json = Any
Flat = dict[str, Any]

PATTERNS = "$patterns"
"""Every `pattern` of a flat schema (a list), since merged schemas may have several."""

_STEPS = 2_000
_OWN = ("title", "description", "default", "examples", "deprecated")


class UnsupportedReference(Exception):
    """A schema that is not drawn as fields; the text says why, for people."""


class Schemas:
    """A document (a schema with `$defs`, or a whole OpenAPI document) in which references are looked up."""

    def __init__(self, root: Json) -> None:
        self.root = root
        self._anchors: dict[str, Json] | None = None

    def find(self, ref: str) -> Json:
        """The schema a local `$ref` points at: `#`, `#/json/pointer` (RFC 6901) or `#anchor`.

        Raises `UnsupportedReference`.
        """
        if not ref.startswith("#"):
            raise UnsupportedReference("the schema refers to another document, and those are not fetched")
        fragment = unquote(ref[1:])
        if not fragment:
            return self.root
        if not fragment.startswith("/"):
            if self._anchors is None:
                self._anchors = _anchors(self.root)
            if fragment not in self._anchors:
                raise UnsupportedReference("the schema refers to something that is not there")
            return self._anchors[fragment]
        place = self.root
        for step in fragment[1:].split("/"):
            name = step.replace("~1", "/").replace("~0", "~")
            if isinstance(place, Mapping) and name in place:
                place = place[name]
            elif isinstance(place, list) and name.isascii() and name.isdigit() and int(name[:9]) < len(place):
                place = place[int(name[:9])]
            else:
                raise UnsupportedReference("the schema refers to something that is not there")
        return place

    def flat(self, schema: Json) -> tuple[Flat, frozenset[str]]:
        """`schema` without `$ref` and `allOf` at its top, and the references followed on the way.

        Raises `UnsupportedReference`.
        """
        followed: set[str] = set()
        budget = [_STEPS]
        try:
            return self._flat(schema, (), followed, budget), frozenset(followed)
        except RecursionError:
            raise UnsupportedReference("the schema is nested too deeply") from None

    def _flat(self, schema: Json, trail: tuple[str, ...], followed: set[str], budget: list[int]) -> Flat:
        budget[0] -= 1
        if budget[0] < 0:
            raise UnsupportedReference("the schema is put together from too many parts")
        if schema is True:
            return {}
        if not isinstance(schema, Mapping):
            raise UnsupportedReference("nothing is allowed here" if schema is False else "this is not a JSON Schema")
        if "$dynamicRef" in schema or "$recursiveRef" in schema:
            raise UnsupportedReference("the schema uses dynamic references")
        merged: Flat = {}
        ref = schema.get("$ref")
        if isinstance(ref, str):
            if ref in trail:
                raise UnsupportedReference("the schema is defined by itself")
            followed.add(ref)
            merged = self._flat(self.find(ref), (*trail, ref), followed, budget)
        parts = schema.get("allOf")
        for part in parts if isinstance(parts, list) else ():
            merged = merge(merged, self._flat(part, trail, followed, budget))
        own = {name: value for name, value in schema.items() if name not in ("$ref", "allOf", "$defs", PATTERNS)}
        if isinstance(own.get("pattern"), str):
            own[PATTERNS] = [own.pop("pattern")]
        return merge(merged, own) if merged else own


def own(schema: Json, keyword: str) -> Json:
    """What a schema says itself about `keyword`, as against what its `$ref` says; None when nothing."""
    if not isinstance(schema, Mapping):
        return None
    if keyword in schema:
        return schema[keyword]
    parts = schema.get("allOf")
    for part in reversed(parts) if isinstance(parts, list) else ():
        if isinstance(part, Mapping) and "$ref" not in part and (found := own(part, keyword)) is not None:
            return found
    return None


def types(flat: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The JSON types a flat schema allows, None when it does not say."""
    kind = flat.get("type")
    if isinstance(kind, str):
        return (kind,)
    if isinstance(kind, list) and kind and all(isinstance(one, str) for one in kind):
        return tuple(dict.fromkeys(kind))
    return None


def merge(left: Flat, right: Flat) -> Flat:
    """A flat schema that holds where both hold; titles and the like are the right one's.

    Raises `UnsupportedReference`.
    """
    result = dict(left)
    for name, value in right.items():
        before = result.get(name)
        if name not in result or name in _OWN:
            result[name] = value
        elif name == "type":
            result[name] = _both_types(left, right)
        elif name in ("properties", "patternProperties") and isinstance(before, Mapping) and isinstance(value, Mapping):
            result[name] = _both_properties(before, value)
        elif name in ("required", PATTERNS) and isinstance(before, list) and isinstance(value, list):
            result[name] = [*before, *(item for item in value if item not in before)]
        elif name == "enum" and isinstance(before, list) and isinstance(value, list):
            result[name] = [item for item in before if any(same_json(item, other) for other in value)]
        elif name == "const" and not same_json(before, value):
            raise UnsupportedReference("two parts of the schema contradict each other")
        elif name in ("anyOf", "oneOf") and not same_json(before, value):
            raise UnsupportedReference("two parts of the schema offer alternatives")
        elif name in ("items", "additionalProperties", "propertyNames"):
            result[name] = _both_schemas(before, value)
        else:
            result[name] = _both_bounds(name, before, value)
    return result


def _both_types(left: Flat, right: Flat) -> list[str]:
    ours, theirs = types(left), types(right)
    if ours is None or theirs is None:
        raise UnsupportedReference("this is not a JSON Schema")
    found: list[str] = []
    for one in ours:
        for other in theirs:
            if one == other or {one, other} == {"integer", "number"}:
                found.append("integer" if "integer" in (one, other) else one)
    if not found:
        raise UnsupportedReference("two parts of the schema contradict each other")
    return list(dict.fromkeys(found))


def _both_properties(left: Mapping[str, Any], right: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(left)
    for name, schema in right.items():
        result[name] = {"allOf": [result[name], schema]} if name in result else schema
    return result


def _both_schemas(left: Json, right: Json) -> Json:
    if left is False or right is False:
        return False
    if left is True or right is True:
        return right if left is True else left
    return {"allOf": [left, right]}


def _both_bounds(name: str, left: Json, right: Json) -> Json:
    if not (is_number(left) and is_number(right)):
        return right
    if name in ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"):
        return max(left, right)
    if name in ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"):
        return min(left, right)
    if name == "multipleOf" and isinstance(left, int) and isinstance(right, int) and left and right:
        return math.lcm(left, right)
    return right


def is_number(value: Json) -> bool:
    """Whether a value is a JSON number (Python's booleans are not)."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _anchors(root: Json) -> dict[str, Json]:
    found: dict[str, Json] = {}
    left: list[Json] = [root]
    while left:
        place = left.pop()
        if isinstance(place, Mapping):
            if isinstance(place.get("$anchor"), str):
                found.setdefault(place["$anchor"], place)
            left.extend(_inside(place.values()))
        elif isinstance(place, list):
            left.extend(_inside(place))
    return found


def _inside(values: Iterable[Json]) -> list[Json]:
    return [value for value in values if isinstance(value, Mapping | list)]
