"""Resolving a schema: local `$ref`s are followed and `allOf` is merged into one flat mapping.

No other document is fetched. What forms cannot show correctly raises `UnsupportedSchema` with the reason, and the
caller edits that value as JSON.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote

from drio_tui.api.json_values import same_json

Json = Any
Flat = dict[str, Any]

PATTERNS = "$patterns"
"""The key of all `pattern`s of a flat schema (a list), since merged schemas may have several."""

_MAX_PARTS = 2_000
_ANNOTATIONS = ("title", "description", "default", "examples", "deprecated")


class UnsupportedSchema(Exception):
    """A schema that cannot be shown as fields; the text is the reason, for the user."""


class Schemas:
    """A document (a schema with `$defs`, or a whole OpenAPI document) in which references are resolved."""

    def __init__(self, root: Json) -> None:
        self.root = root
        self._anchors: dict[str, Json] | None = None

    def find(self, ref: str) -> Json:
        """Return the schema that a local `$ref` points at: `#`, `#/json/pointer` (RFC 6901) or `#anchor`.

        Raises `UnsupportedSchema`.
        """
        if not ref.startswith("#"):
            raise UnsupportedSchema("the schema refers to another document, and those are not fetched")
        fragment = unquote(ref[1:])
        if not fragment:
            return self.root
        if not fragment.startswith("/"):
            if self._anchors is None:
                self._anchors = _anchors(self.root)
            if fragment not in self._anchors:
                raise UnsupportedSchema("the schema refers to something that is not there")
            return self._anchors[fragment]
        value = self.root
        for token in fragment[1:].split("/"):
            name = token.replace("~1", "/").replace("~0", "~")
            if isinstance(value, Mapping) and name in value:
                value = value[name]
            elif isinstance(value, list) and name.isascii() and name.isdigit() and int(name[:9]) < len(value):
                value = value[int(name[:9])]
            else:
                raise UnsupportedSchema("the schema refers to something that is not there")
        return value

    def flat(self, schema: Json) -> tuple[Flat, frozenset[str]]:
        """Return `schema` without `$ref` and `allOf` at its top, and the references that were followed.

        Raises `UnsupportedSchema`.
        """
        followed: set[str] = set()
        budget = [_MAX_PARTS]
        try:
            return self._flat(schema, (), followed, budget), frozenset(followed)
        except RecursionError:
            raise UnsupportedSchema("the schema is nested too deeply") from None

    def _flat(self, schema: Json, trail: tuple[str, ...], followed: set[str], budget: list[int]) -> Flat:
        budget[0] -= 1
        if budget[0] < 0:
            raise UnsupportedSchema("the schema is put together from too many parts")
        if schema is True:
            return {}
        if not isinstance(schema, Mapping):
            raise UnsupportedSchema("nothing is allowed here" if schema is False else "this is not a JSON Schema")
        if "$dynamicRef" in schema or "$recursiveRef" in schema:
            raise UnsupportedSchema("the schema uses dynamic references")
        merged: Flat = {}
        ref = schema.get("$ref")
        if isinstance(ref, str):
            if ref in trail:
                raise UnsupportedSchema("the schema is defined by itself")
            followed.add(ref)
            merged = self._flat(self.find(ref), (*trail, ref), followed, budget)
        parts = schema.get("allOf")
        for part in parts if isinstance(parts, list) else ():
            merged = merge(merged, self._flat(part, trail, followed, budget))
        keywords = {name: value for name, value in schema.items() if name not in ("$ref", "allOf", "$defs", PATTERNS)}
        if isinstance(keywords.get("pattern"), str):
            keywords[PATTERNS] = [keywords.pop("pattern")]
        return merge(merged, keywords) if merged else keywords


def own(schema: Json, keyword: str) -> Json:
    """Return a keyword of the schema itself or of its `allOf`, not of what a `$ref` points at; None if it has none."""
    if not isinstance(schema, Mapping):
        return None
    if keyword in schema:
        return schema[keyword]
    parts = schema.get("allOf")
    for part in reversed(parts) if isinstance(parts, list) else ():
        if isinstance(part, Mapping) and "$ref" not in part and (value := own(part, keyword)) is not None:
            return value
    return None


def json_types(flat: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Return the JSON types of a flat schema; None if it has no `type`."""
    value = flat.get("type")
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list) and value and all(isinstance(name, str) for name in value):
        return tuple(dict.fromkeys(value))
    return None


def merge(left: Flat, right: Flat) -> Flat:
    """Return a flat schema of the values that both schemas allow; annotations such as the title are those of `right`.

    Raises `UnsupportedSchema`.
    """
    result = dict(left)
    for name, value in right.items():
        left_value = result.get(name)
        if name not in result or name in _ANNOTATIONS:
            result[name] = value
        elif name == "type":
            result[name] = _common_types(left, right)
        elif (
            name in ("properties", "patternProperties")
            and isinstance(left_value, Mapping)
            and isinstance(value, Mapping)
        ):
            result[name] = _merge_properties(left_value, value)
        elif name in ("required", PATTERNS) and isinstance(left_value, list) and isinstance(value, list):
            result[name] = [*left_value, *(item for item in value if item not in left_value)]
        elif name == "enum" and isinstance(left_value, list) and isinstance(value, list):
            result[name] = [item for item in left_value if any(same_json(item, other) for other in value)]
        elif name == "const" and not same_json(left_value, value):
            raise UnsupportedSchema("two parts of the schema contradict each other")
        elif name in ("anyOf", "oneOf") and not same_json(left_value, value):
            raise UnsupportedSchema("two parts of the schema offer alternatives")
        elif name in ("items", "additionalProperties", "propertyNames"):
            result[name] = _merge_subschemas(left_value, value)
        else:
            result[name] = _stricter_bound(name, left_value, value)
    return result


def _common_types(left: Flat, right: Flat) -> list[str]:
    left_types, right_types = json_types(left), json_types(right)
    if left_types is None or right_types is None:
        raise UnsupportedSchema("this is not a JSON Schema")
    common: list[str] = []
    for left_type in left_types:
        for right_type in right_types:
            if left_type == right_type or {left_type, right_type} == {"integer", "number"}:
                common.append("integer" if "integer" in (left_type, right_type) else left_type)
    if not common:
        raise UnsupportedSchema("two parts of the schema contradict each other")
    return list(dict.fromkeys(common))


def _merge_properties(left: Mapping[str, Any], right: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(left)
    for name, schema in right.items():
        result[name] = {"allOf": [result[name], schema]} if name in result else schema
    return result


def _merge_subschemas(left: Json, right: Json) -> Json:
    if left is False or right is False:
        return False
    if left is True or right is True:
        return right if left is True else left
    return {"allOf": [left, right]}


def _stricter_bound(name: str, left: Json, right: Json) -> Json:
    """Return the stricter of two values of a keyword; the right one if the keyword is no numeric bound."""
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
    """Return whether a value is a JSON number (Python's booleans are not)."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _anchors(root: Json) -> dict[str, Json]:
    """Return the schemas of a document that have an `$anchor`, by its name."""
    anchors: dict[str, Json] = {}
    pending: list[Json] = [root]
    while pending:
        value = pending.pop()
        if isinstance(value, Mapping):
            if isinstance(value.get("$anchor"), str):
                anchors.setdefault(value["$anchor"], value)
            pending.extend(_containers(value.values()))
        elif isinstance(value, list):
            pending.extend(_containers(value))
    return anchors


def _containers(values: Iterable[Json]) -> list[Json]:
    return [value for value in values if isinstance(value, Mapping | list)]
