"""Schema Objects of OpenAPI 3.0 and 3.1 as JSON Schemas of 2020-12 that stand on their own.

What other parts of the document say comes along under `$defs`, so that what is defined by itself stays
finite; what is used once is put in its place. Whatever JSON Schema would refuse is left out and told of, and
where a schema goes on without end (`budget`) its far parts are left open.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from typing import Any

from drio_tui.importing.references import Lost, References, steps_of
from drio_tui.importing.tidy import compact

Json = Any
Schema = dict[str, Any]

TYPES = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})
NOTES = frozenset({"title", "description", "default", "deprecated", "readOnly", "writeOnly", "examples"})
"""What only tells about a value: it may stand beside a reference and wins over what that says."""

IN_PLACE = ("allOf", "anyOf", "oneOf", "not", "if", "then", "else")
_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
_ONES = (
    "additionalProperties", "not", "contains", "propertyNames", "if", "then", "else", "unevaluatedProperties",
    "unevaluatedItems",
)  # fmt: skip
_COUNTS = ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "minContains",
           "maxContains")  # fmt: skip
_NUMBERS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_TEXTS = ("title", "description", "format", "pattern", "contentEncoding", "contentMediaType")
_FLAGS = ("uniqueItems", "deprecated", "readOnly", "writeOnly")
_DEEPEST = 60
_INLINE_DEEPEST = 24
_SMALL = 160
_LONGEST_TEXT = 2_000
_LONGEST_EXAMPLE = 2_000
_ILLEGAL = re.compile(r"[^A-Za-z0-9_.-]+")
_DEFS = "#/$defs/"


class Converter:
    """Schemas of one operation, converted together: they share their `$defs`.

    `old` is OpenAPI 3.0. In what is sent (`answers` false) members that only the server sets are left out,
    in answers those that are only sent. `notes` are the ends of sentences about what could not be kept.
    """

    def __init__(self, references: References, *, old: bool, answers: bool = False, budget: int = 4_000) -> None:
        self.notes: dict[str, None] = {}
        self._references = references
        self._old = old
        self._hidden = "writeOnly" if answers else "readOnly"
        self._budget = budget
        self._names: dict[str, str] = {}
        self._waiting: deque[str] = deque()
        self._defs: dict[str, Json] = {}
        self._local: list[dict[str, Any]] = []

    def convert(self, schema: Json) -> Json:
        """The schema, with references into `$defs`; `finished` has to follow."""
        return self._convert(schema, 0)

    def shape(self, schema: Json) -> Schema | None:
        """An object's `properties` and `required`, put together over `$ref` and `allOf`, of a converted schema.

        None where that would not say everything: alternatives, conditions, members of any name.
        """
        self._drain()
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
        self._drain()
        return self._defs.get(str(schema.get("$ref", "")).removeprefix(_DEFS))

    def finished(self, schema: Schema) -> Schema:
        """The schema with the `$defs` it needs, each name in it used; short ones and those used once put in."""
        self._drain()
        return _Assembly(self._defs).put_together(schema)

    # --- converting ------------------------------------------------------------------------------

    def _convert(self, schema: Json, level: int) -> Json:
        if isinstance(schema, bool):
            return schema
        if not isinstance(schema, dict):
            self._note("holds something that is no schema, which is left open")
            return {}
        self._budget -= 1
        if self._budget < 0 or level > _DEEPEST:
            self._note("is too large to be taken whole: its far parts are left open")
            return {}
        if isinstance(schema.get("$ref"), str):
            return self._reference(schema, level)
        if "$dynamicRef" in schema or "$recursiveRef" in schema:
            self._note("uses dynamic references, which are left open")
        result = self._keywords(schema, level)
        if self._old:
            _modern(schema, result)
        return result

    def _reference(self, schema: Schema, level: int) -> Json:
        ref = schema["$ref"]
        beside = {name: value for name, value in schema.items() if name != "$ref" and (not self._old or name in NOTES)}
        rest = self._keywords(beside, level) if beside else {}
        local = self._in_reach(ref)
        if local is not None:
            return self._convert(local | beside, level + 1)
        try:
            ref = self._references.last(ref)
            self._references.find(ref)
        except Lost as lost:
            self._note(str(lost) if not lost.elsewhere else f"{lost}: that part is left open")
            return {"description": "Described in another document."} | rest if lost.elsewhere else rest
        if ref not in self._names:
            self._names[ref] = self._named(ref)
            self._waiting.append(ref)
        return {"$ref": _DEFS + self._names[ref]} | rest

    def _in_reach(self, ref: str) -> Schema | None:
        """What a schema's own `$defs` have by that name: strictly not there, but widely written so."""
        if not ref.startswith((_DEFS, "#/definitions/")) or ref.count("/") != 2 or len(self._local) > 8:
            return None
        name = steps_of(ref)[1]
        for defs in reversed(self._local):
            if isinstance(defs.get(name), dict) and _DEFS + name not in self._names:
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
        if name in _LISTS:
            return ([self._convert(part, level + 1) for part in value],) if isinstance(value, list) and value else None
        if name in _ONES:
            return (self._convert(value, level + 1),) if isinstance(value, dict | bool) else None
        if name in ("patternProperties", "dependentSchemas") and isinstance(value, dict):
            return ({key: self._convert(part, level + 1) for key, part in value.items()},)
        if name == "dependentRequired" and isinstance(value, dict):
            return ({key: _texts(part) for key, part in value.items()},)
        return None

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
        except Lost:
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

    def _drain(self) -> None:
        """Convert what was referred to, near ones first."""
        while self._waiting:
            ref = self._waiting.popleft()
            self._defs[self._names[ref]] = self._convert(self._references.find(ref), 0)

    def _named(self, ref: str) -> str:
        name = _ILLEGAL.sub("-", steps_of(ref)[-1]).strip("-.")[:60] or "Schema"
        taken = set(self._names.values())
        number = 2
        unique = name
        while unique in taken:
            unique = f"{name}-{number}"
            number += 1
        return unique

    def _note(self, text: str) -> None:
        self.notes[text] = None

    # --- looking into converted schemas ----------------------------------------------------------

    def _gather(self, schema: Json, found: Schema, seen: set[str], level: int) -> bool:
        if not isinstance(schema, dict) or level > 20:
            return False
        ref = schema.get("$ref")
        if isinstance(ref, str):
            name = ref.removeprefix(_DEFS)
            if name in seen or not self._gather(self._defs.get(name), found, seen | {name}, level + 1):
                return False
        if schema.get("type") not in (None, "object", ["object", "null"]) or _says_more(schema):
            return False
        for part in schema.get("allOf", ()):
            if not self._gather(part, found, seen, level + 1):
                return False
        for name, part in schema.get("properties", {}).items():
            before = found["properties"].get(name)
            found["properties"][name] = part if before in (None, part) else {"allOf": [before, part]}
        found["required"] += [name for name in schema.get("required", ()) if name not in found["required"]]
        return True


class _Assembly:
    """Definitions and the schema that uses them, put together with as few definitions as is sensible."""

    def __init__(self, defs: dict[str, Json]) -> None:
        self._defs = dict(defs)
        self._uses: dict[str, int] = {}
        self._round: set[str] = set()

    def put_together(self, schema: Schema) -> Schema:
        self._break_loops()
        reached = self._reach(schema)
        self._round = {name for name in reached if self._returns(name)}
        root = self._unrolled(schema)
        result = self._inlined(root, 0)
        if not isinstance(result, dict):
            return {"not": {}} if result is False else {}
        kept: dict[str, Json] = {}
        waiting = list(_names_in(result))
        while waiting:
            name = waiting.pop(0)
            if name not in kept:
                kept[name] = self._inlined(self._defs.get(name, {}), 0)
                waiting += _names_in(kept[name])
        return result | {"$defs": kept} if kept else result

    def _reach(self, schema: Schema) -> set[str]:
        waiting = [schema]
        seen: set[str] = set()
        while waiting:
            for name in _names_in(waiting.pop()):
                self._uses[name] = self._uses.get(name, 0) + 1
                if name not in seen:
                    seen.add(name)
                    waiting.append(self._defs.get(name, {}))
        return seen

    def _returns(self, name: str) -> bool:
        """Whether a definition leads back to itself."""
        waiting, seen = [name], set()
        while waiting:
            for inner in set(_names_in(self._defs.get(waiting.pop(), {}))):
                if inner == name:
                    return True
                if inner not in seen:
                    seen.add(inner)
                    waiting.append(inner)
        return False

    def _unrolled(self, schema: Schema) -> Schema:
        """A schema that is only a reference, as what it refers to: clients look at the outermost `type`."""
        for _ in range(10):
            ref = schema.get("$ref")
            target = self._defs.get(ref.removeprefix(_DEFS)) if isinstance(ref, str) else None
            if not isinstance(target, dict):
                return schema
            schema = _beside(target, {name: value for name, value in schema.items() if name != "$ref"})
        return schema

    def _inlined(self, schema: Json, level: int) -> Json:
        if not isinstance(schema, dict):
            return schema
        result = {name: self._part(name, value, level) for name, value in schema.items()}
        ref = schema.get("$ref")
        if not isinstance(ref, str):
            return result
        name = ref.removeprefix(_DEFS)
        target = self._defs.get(name, {})
        if name in self._round or level > _INLINE_DEEPEST:
            return result
        if self._uses.get(name) != 1 and not (isinstance(target, bool) or _is_small(target)):
            return result
        result.pop("$ref")
        return _beside(self._inlined(target, level + 1), result)

    def _part(self, name: str, value: Json, level: int) -> Json:
        return _over(name, value, lambda part: self._inlined(part, level + 1))

    def _break_loops(self) -> None:
        """Open every reference by which a value would have to fit a definition only if it fits it."""
        state: dict[str, int] = {}

        def visit(name: str) -> None:
            state[name] = 1
            self._defs[name] = cut(self._defs.get(name, {}), 0)
            state[name] = 2

        def cut(schema: Json, depth: int) -> Json:
            if not isinstance(schema, dict) or depth > _DEEPEST:
                return schema
            result = dict(schema)
            ref = schema.get("$ref")
            if isinstance(ref, str) and len(state) < 5_000:
                inner = ref.removeprefix(_DEFS)
                if state.get(inner) == 1:
                    del result["$ref"]
                elif inner not in state and depth + len(trail) < 400:
                    trail.append(inner)
                    visit(inner)
                    trail.pop()
            for keyword in IN_PLACE:
                if keyword in schema:
                    result[keyword] = _over(keyword, schema[keyword], lambda part: cut(part, depth + 1))
            return result

        trail: list[str] = []
        for name in list(self._defs):
            if name not in state:
                visit(name)


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


def _beside(target: Json, rest: Schema) -> Json:
    if not rest or target is False:
        return target
    if not isinstance(target, dict):
        return rest
    if rest.keys() <= NOTES or not (rest.keys() - {"x-in", "x-name", "x-whole"} - NOTES):
        return target | rest
    return {"allOf": [target]} | rest


def _over(name: str, value: Json, do: Callable[[Json], Json]) -> Json:
    """The value of a keyword with `do` done to each schema right inside it."""
    if name in _LISTS and isinstance(value, list):
        return [do(part) for part in value]
    if name in ("properties", "patternProperties", "dependentSchemas", "$defs") and isinstance(value, dict):
        return {key: do(part) for key, part in value.items()}
    if name in _ONES or name == "items":
        return do(value)
    return value


def _names_in(schema: Json) -> list[str]:
    """The definitions that a schema refers to, as often as it does."""
    found: list[str] = []
    waiting = [schema]
    while waiting:
        current = waiting.pop()
        if not isinstance(current, dict):
            continue
        ref = current.get("$ref")
        if isinstance(ref, str) and ref.startswith(_DEFS):
            found.append(ref.removeprefix(_DEFS))
        for name, value in current.items():
            if name != "$defs":
                _over(name, value, waiting.append)
    return found


def _says_more(schema: Schema) -> bool:
    if any(word in schema for word in ("anyOf", "oneOf", "not", "if", "patternProperties", "propertyNames", "enum",
                                       "const", "minProperties", "maxProperties", "dependentSchemas",
                                       "dependentRequired")):  # fmt: skip
        return True
    return schema.get("additionalProperties") not in (None, False)


def _is_small(schema: Schema) -> bool:
    return "properties" not in schema and "$ref" not in schema and len(compact(schema)) <= _SMALL


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
