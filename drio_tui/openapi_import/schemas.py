"""Schema Objects of OpenAPI 3.0 and 3.1 as JSON Schemas of 2020-12 that stand on their own.

What other parts of the document say comes along under `$defs`, so that what is defined by itself stays
finite; what is used once is put in its place. Whatever JSON Schema would refuse is left out and told of, and
where a schema goes on without end (`budget`) its far parts are left open.
"""

from __future__ import annotations

import re
import warnings
from collections import deque
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from drio_tui.naming import unused
from drio_tui.openapi_import.inline_defs import names_in, put_together
from drio_tui.openapi_import.normalising import normalise
from drio_tui.openapi_import.references import References, UnresolvedReference, steps_of
from drio_tui.tool_calls.schemas import DEFS, IN_PLACE, LISTS, NOTES, ONES
from drio_tui.tool_calls.token_count import compact

Json = Any
Schema = dict[str, Any]

TYPES = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})
_COUNTS = ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "minContains",
           "maxContains")  # fmt: skip
_NUMBERS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_TEXTS = ("title", "description", "format", "contentEncoding", "contentMediaType")
_FLAGS = ("uniqueItems", "deprecated", "readOnly", "writeOnly")
_DEEPEST = 60
_LARGEST = 4_000
_TOO_LARGE = "is too large to be taken whole: its far parts are left open"
_LONGEST_TEXT = 2_000
_LONGEST_EXAMPLE = 2_000
_ILLEGAL = re.compile(r"[^A-Za-z0-9_.-]+")


@dataclass(slots=True)
class Definition:
    """A schema that others refer to, converted. `refs` are the definitions it refers to, as often as it does."""

    schema: Json
    refs: tuple[str, ...] = ()
    size: int = 1
    notes: tuple[str, ...] = ()
    in_place: bool = False
    """Whether a value has to fit another definition to fit this one (`allOf` and the like, or a mere reference)."""


class Definitions:
    """What of a document is referred to, each converted once whoever refers to it, under one name."""

    def __init__(self, references: References, *, old: bool, answers: bool = False) -> None:
        self.references = references
        self.old = old
        self.answers = answers
        self._names: dict[str, str] = {}
        self._refs: dict[str, str] = {}
        self._made: dict[str, Definition] = {}

    def name_of(self, ref: str) -> str:
        """The name of what a reference leads to. Raises `UnresolvedReference`."""
        ref = self.references.last(ref)
        if ref not in self._names:
            self.references.find(ref)
            name = _ILLEGAL.sub("-", steps_of(ref)[-1]).strip("-.")[:60] or "Schema"
            unique = unused(name, self._refs)
            self._names[ref] = unique
            self._refs[unique] = ref
        return self._names[ref]

    def get(self, name: str) -> Definition:
        """The definition of that name."""
        if name not in self._made:
            self._made[name] = Definition({})
            converter = Converter(self)
            schema = converter.convert(self.references.find(self._refs[name]))
            self._made[name] = Definition(
                schema, tuple(names_in(schema)), converter.size, tuple(converter.notes), _in_place(schema)
            )
        return self._made[name]


class Converter:
    """Schemas of one operation. `notes` are the ends of sentences about what could not be kept.

    In what is sent members that only the server sets are left out, in answers those that are only sent.
    `budget` is how many schemas, one in the other, the finished one may hold.
    """

    def __init__(self, definitions: Definitions, *, budget: int = 800) -> None:
        self.notes: dict[str, None] = {}
        self.size = 0
        self._definitions = definitions
        self._references = definitions.references
        self._old = definitions.old
        self._hidden = "writeOnly" if definitions.answers else "readOnly"
        self._budget = budget
        self._local: list[dict[str, Any]] = []

    def convert(self, schema: Json) -> Json:
        """The schema, with references into `$defs`; `finished` has to follow."""
        return self._convert(schema, 0)

    def shape(self, schema: Json) -> Schema | None:
        """An object's `properties` and `required`, put together over `$ref` and `allOf`, of a converted schema.

        None where that would not say everything: alternatives, conditions, members of any name.
        """
        found: Schema = {"properties": {}, "required": []}
        return found if self._gather(schema, found, set(), 0) else None

    def plain(self, schema: Schema) -> Schema:
        """The schema; one of an object put together from parts (`allOf`) as the one object that they make."""
        if "allOf" not in schema and not isinstance(schema.get("$ref"), str):
            return schema
        shape = self.shape(schema)
        if shape is None or not shape["properties"]:
            return schema
        told = {name: schema[name] for name in NOTES if name in schema}
        return told | {"type": "object"} | {name: value for name, value in shape.items() if value}

    def target(self, schema: Schema) -> Json:
        """What a converted schema that is a reference refers to."""
        ref = schema.get("$ref")
        return self._definitions.get(ref.removeprefix(DEFS)).schema if isinstance(ref, str) else None

    def finished(self, schema: Schema) -> Schema:
        """The schema with the `$defs` it needs, each name in it used; short ones and those used once put in."""
        kept: dict[str, Definition] = {}
        waiting = deque(dict.fromkeys(names_in(schema)))
        left = self._budget - self.size
        while waiting:
            name = waiting.popleft()
            if name in kept:
                continue
            definition = self._definitions.get(name)
            left -= definition.size
            if left < 0:
                self._note(_TOO_LARGE)
                continue
            kept[name] = definition
            self.notes |= dict.fromkeys(definition.notes)
            waiting.extend(definition.refs)
        return put_together(schema, kept)

    # --- converting ------------------------------------------------------------------------------

    def _convert(self, schema: Json, level: int) -> Json:
        if isinstance(schema, bool):
            return schema
        if not isinstance(schema, dict):
            self._note("holds something that is no schema, which is left open")
            return {}
        self.size += 1
        if self.size > _LARGEST or level > _DEEPEST:
            self._note(_TOO_LARGE)
            return {}
        if isinstance(schema.get("$ref"), str):
            return self._reference(schema, level)
        if "$dynamicRef" in schema or "$recursiveRef" in schema:
            self._note("uses dynamic references, which are left open")
        result = self._keywords(schema, level)
        if self._old:
            _modern(schema, result)
        normalise(result, self._note, answers=self._definitions.answers)
        return result

    def _reference(self, schema: Schema, level: int) -> Json:
        ref = schema["$ref"]
        beside = {name: value for name, value in schema.items() if name != "$ref" and (not self._old or name in NOTES)}
        rest = self._keywords(beside, level) if beside else {}
        local = self._in_reach(ref)
        if local is not None:
            return self._convert(local | beside, level + 1)
        try:
            name = self._definitions.name_of(ref)
        except UnresolvedReference as lost:
            self._note(str(lost) if not lost.elsewhere else f"{lost}: that part is left open")
            return {"description": "Described in another document."} | rest if lost.elsewhere else rest
        return {"$ref": DEFS + name} | rest

    def _in_reach(self, ref: str) -> Schema | None:
        """What a schema's own `$defs` have by that name: strictly not there, but widely written so."""
        if not ref.startswith((DEFS, "#/definitions/")) or ref.count("/") != 2 or len(self._local) > 8:
            return None
        name = steps_of(ref)[1]
        for defs in reversed(self._local):
            if isinstance(defs.get(name), dict):
                return defs[name] if not _mentions(defs[name], ref) else None
        return None

    def _keywords(self, schema: Schema, level: int) -> Schema:
        result: Schema = {}
        defs = schema.get("$defs") or schema.get("definitions")
        if isinstance(defs, dict):
            self._local.append(defs)
        for name, value in schema.items():
            kept = self._keyword(name, value, level)
            if kept is not None:
                result[name] = kept[0]
        self._items(schema, result, level)
        self._properties(schema, result, level)
        self._examples(schema, result)
        if isinstance(defs, dict):
            self._local.pop()
        return result

    def _keyword(self, name: str, value: Json, level: int) -> tuple[Json] | None:
        """The converted value of a keyword; None where it has no business in a schema of ours."""
        if name == "type":
            return self._type(value)
        if name == "pattern":
            return (value,) if isinstance(value, str) and self._is_pattern(value) else None
        if name in _TEXTS:
            return (_cut(value),) if isinstance(value, str) else None
        if name in _FLAGS:
            return (value,) if value is True else None
        if name in _NUMBERS:
            return (value,) if _is_number(value) else None
        if name == "multipleOf":
            return (value,) if _is_number(value) and value > 0 else None
        if name in _COUNTS:
            return (int(value),) if _is_number(value) and value >= 0 and value == int(value) else None
        if name in ("default", "const"):
            return (value,) if name == "const" or len(compact(value)) <= _LONGEST_EXAMPLE else None
        if name == "enum":
            return (list(value),) if isinstance(value, list) and value else None
        if name in LISTS:
            return ([self._convert(part, level + 1) for part in value],) if isinstance(value, list) and value else None
        if name in ONES:
            return (self._convert(value, level + 1),) if isinstance(value, dict | bool) else None
        if name in ("patternProperties", "dependentSchemas") and isinstance(value, dict):
            able = [key for key in value if name == "dependentSchemas" or self._is_pattern(key)]
            return ({key: self._convert(value[key], level + 1) for key in able},)
        if name == "dependentRequired" and isinstance(value, dict):
            return ({key: _texts(part) for key, part in value.items()},)
        return None

    def _is_pattern(self, text: str) -> bool:
        if not _compiles(text):
            self._note("has a pattern that not every program can read, which is left out")
        return _compiles(text)

    def _type(self, value: Json) -> tuple[Json] | None:
        wanted = value if isinstance(value, list) else [value]
        kept = [one for one in dict.fromkeys(wanted) if isinstance(one, str) and one in TYPES] if _plain(wanted) else []
        if not kept:
            self._note(f"has a type that there is not ({compact(value)[:40]}), which is left open")
            return None
        return (kept if isinstance(value, list) and len(kept) > 1 else kept[0],)

    def _items(self, schema: Schema, result: Schema, level: int) -> None:
        items = schema.get("items")
        if isinstance(items, list):
            if items:
                result["prefixItems"] = [self._convert(part, level + 1) for part in items]
        elif isinstance(items, dict | bool):
            result["items"] = self._convert(items, level + 1)

    def _properties(self, schema: Schema, result: Schema, level: int) -> None:
        properties, required = schema.get("properties"), schema.get("required")
        kept: Schema = {}
        hidden: set[str] = set()
        if isinstance(properties, dict):
            for name, part in properties.items():
                if self._is_hidden(part):
                    hidden.add(name)
                else:
                    kept[name] = self._convert(part, level + 1)
            result["properties"] = kept
        if isinstance(required, list) and (names := [name for name in _texts(required) if name not in hidden]):
            result["required"] = names

    def _is_hidden(self, part: Json) -> bool:
        if not isinstance(part, dict):
            return False
        if part.get(self._hidden) is True:
            return True
        if not isinstance(part.get("$ref"), str):
            return False
        try:
            target = self._references.follow(part)
        except UnresolvedReference:
            return False
        return isinstance(target, dict) and target.get(self._hidden) is True

    @staticmethod
    def _examples(schema: Schema, result: Schema) -> None:
        found = schema.get("examples")
        listed = list(found) if isinstance(found, list) else []
        if "example" in schema:
            listed.insert(0, schema["example"])
        listed = [one for one in listed[:3] if len(compact(one)) <= _LONGEST_EXAMPLE]
        if listed:
            result["examples"] = listed

    def _note(self, text: str) -> None:
        self.notes[text] = None

    # --- looking into converted schemas ----------------------------------------------------------

    def _gather(self, schema: Json, found: Schema, seen: set[str], level: int) -> bool:
        if not isinstance(schema, dict) or level > 20:
            return False
        ref = schema.get("$ref")
        if isinstance(ref, str):
            name = ref.removeprefix(DEFS)
            if name in seen or not self._gather(self.target(schema), found, seen | {name}, level + 1):
                return False
        if schema.get("type") not in (None, "object", ["object", "null"]) or _says_more(schema):
            return False
        for part in schema.get("allOf", ()):
            if not self._gather(part, found, seen, level + 1):
                return False
        for name, part in schema.get("properties", {}).items():
            before = found["properties"].get(name)
            found["properties"][name] = (
                part if before in (None, {}, part) else before if part == {} else {"allOf": [before, part]}
            )
        found["required"] += [name for name in schema.get("required", ()) if name not in found["required"]]
        return True


@lru_cache(maxsize=4096)
def _compiles(pattern: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            re.compile(pattern[: _LONGEST_TEXT + 1])
    except (re.error, RecursionError, OverflowError, Warning):
        return False
    return len(pattern) <= _LONGEST_TEXT


def _in_place(schema: Json) -> bool:
    return isinstance(schema, dict) and ("$ref" in schema or any(word in schema for word in IN_PLACE))


def _modern(schema: Schema, result: Schema) -> None:
    """What OpenAPI 3.0 says in words of its own, said in those of JSON Schema."""
    for flag, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(schema.get(flag), bool):
            result.pop(flag, None)
            if schema[flag] and _is_number(schema.get(bound)):
                result[flag] = result.pop(bound)
    if schema.get("nullable") is not True:
        return
    kind = result.get("type")
    if isinstance(kind, str) and kind != "null":
        result["type"] = [kind, "null"]
        if "enum" in result and None not in result["enum"]:
            result["enum"] = [*result["enum"], None]
    elif kind is None and any(word in result for word in (*IN_PLACE, "enum", "const")):
        told = {name: result.pop(name) for name in NOTES if name in result}
        inner = dict(result)
        result.clear()
        result.update(told | {"anyOf": [inner, {"type": "null"}]})


def _says_more(schema: Schema) -> bool:
    if any(word in schema for word in ("anyOf", "oneOf", "not", "if", "patternProperties", "propertyNames", "enum",
                                       "const", "minProperties", "maxProperties", "dependentSchemas",
                                       "dependentRequired")):  # fmt: skip
        return True
    return schema.get("additionalProperties") not in (None, False)


def _mentions(schema: Json, ref: str) -> bool:
    waiting, steps = [schema], 0
    while waiting and steps < 5_000:
        steps += 1
        current = waiting.pop()
        if isinstance(current, dict):
            if current.get("$ref") == ref:
                return True
            waiting.extend(current.values())
        elif isinstance(current, list):
            waiting.extend(current)
    return bool(waiting)


def _texts(value: Json) -> list[str]:
    return list(dict.fromkeys(one for one in value if isinstance(one, str))) if isinstance(value, list) else []


def _plain(values: list[Any]) -> bool:
    return all(isinstance(one, str) for one in values)


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 1] + "…"
