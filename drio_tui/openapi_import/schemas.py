"""Converts Schema Objects of OpenAPI 3.0 and 3.1 to self-contained JSON Schemas (2020-12).

Referenced schemas are put under `$defs`, so that recursive ones stay finite; a schema that is used once is inlined.
Keywords that JSON Schema does not allow are left out with a note. A schema with too many parts (`budget`) is cut:
what is beyond the limit accepts any value.
"""

from __future__ import annotations

import re
import warnings
from collections import deque
from functools import lru_cache
from typing import Any

from drio_tui.naming import unused
from drio_tui.openapi_import.inline_defs import Definition, inline_definitions, names_in
from drio_tui.openapi_import.normalising import normalise
from drio_tui.openapi_import.references import References, UnresolvedReference, steps_of
from drio_tui.tool_calls.schemas import DEFS, IN_PLACE, LISTS, NOTES, SINGLE_SCHEMA_KEYWORDS, Json, Schema
from drio_tui.tool_calls.token_count import compact

TYPES = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})
_SIZE_KEYWORDS = ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "minContains",
           "maxContains")  # fmt: skip
_NUMBER_KEYWORDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_TEXT_KEYWORDS = ("title", "description", "format", "contentEncoding", "contentMediaType")
_FLAG_KEYWORDS = ("uniqueItems", "deprecated", "readOnly", "writeOnly")
_MAX_DEPTH = 60
_MAX_SIZE = 4_000
_TOO_LARGE = "is too large to be taken whole: its far parts are left open"
_LONGEST_TEXT = 2_000
_LONGEST_EXAMPLE = 2_000
_ILLEGAL = re.compile(r"[^A-Za-z0-9_.-]+")


class Definitions:
    """The referenced schemas of a document: each has a unique name and is converted once."""

    def __init__(self, references: References, *, old: bool, for_response: bool = False) -> None:
        self.references = references
        self.old = old
        self.for_response = for_response
        self._names: dict[str, str] = {}
        self._refs: dict[str, str] = {}
        self._definitions: dict[str, Definition] = {}

    def name_of(self, ref: str) -> str:
        """Return the name of a reference's target. Raises `UnresolvedReference`."""
        ref = self.references.last(ref)
        if ref not in self._names:
            self.references.find(ref)
            name = _ILLEGAL.sub("-", steps_of(ref)[-1]).strip("-.")[:60] or "Schema"
            unique = unused(name, self._refs)
            self._names[ref] = unique
            self._refs[unique] = ref
        return self._names[ref]

    def get(self, name: str) -> Definition:
        """Return the definition with this name."""
        if name not in self._definitions:
            self._definitions[name] = Definition({})
            converter = Converter(self)
            schema = converter.convert(self.references.find(self._refs[name]))
            self._definitions[name] = Definition(
                schema, tuple(names_in(schema)), converter.size, tuple(converter.notes), _in_place(schema)
            )
        return self._definitions[name]


class Converter:
    """Converts the schemas of one operation. `notes` are predicates about what could not be kept.

    `readOnly` properties are left out of requests, `writeOnly` ones of responses. `budget` is the maximum number of
    subschemas of a finished schema.
    """

    def __init__(self, definitions: Definitions, *, budget: int = 800) -> None:
        self.notes: dict[str, None] = {}
        self.size = 0
        self._definitions = definitions
        self._references = definitions.references
        self._old = definitions.old
        self._hidden = "writeOnly" if definitions.for_response else "readOnly"
        self._budget = budget
        self._local: list[dict[str, Any]] = []

    def convert(self, schema: Json) -> Json:
        """Return the converted schema with references into `$defs`, which `finished` has to add."""
        return self._convert(schema, 0)

    def shape(self, schema: Json) -> Schema | None:
        """Return the merged `properties` and `required` of a converted object schema, through `$ref` and `allOf`.

        None if these do not describe it completely: with alternatives, conditions or additional properties.
        """
        shape: Schema = {"properties": {}, "required": []}
        return shape if self._gather(schema, shape, set(), 0) else None

    def plain(self, schema: Schema) -> Schema:
        """Return the schema with an object's `allOf` parts merged into one object."""
        if "allOf" not in schema and not isinstance(schema.get("$ref"), str):
            return schema
        shape = self.shape(schema)
        if shape is None or not shape["properties"]:
            return schema
        annotations = {name: schema[name] for name in NOTES if name in schema}
        return annotations | {"type": "object"} | {name: value for name, value in shape.items() if value}

    def target(self, schema: Schema) -> Json:
        """Return the target of a converted schema's `$ref`; None without one."""
        ref = schema.get("$ref")
        return self._definitions.get(ref.removeprefix(DEFS)).schema if isinstance(ref, str) else None

    def finished(self, schema: Schema) -> Schema:
        """Return the converted schema with its `$defs`; definitions that are short or used once are inlined."""
        used: dict[str, Definition] = {}
        queue = deque(dict.fromkeys(names_in(schema)))
        remaining = self._budget - self.size
        while queue:
            name = queue.popleft()
            if name in used:
                continue
            definition = self._definitions.get(name)
            remaining -= definition.size
            if remaining < 0:
                self._note(_TOO_LARGE)
                continue
            used[name] = definition
            self.notes |= dict.fromkeys(definition.notes)
            queue.extend(definition.refs)
        return inline_definitions(schema, used)

    # --- converting ------------------------------------------------------------------------------

    def _convert(self, schema: Json, level: int) -> Json:
        if isinstance(schema, bool):
            return schema
        if not isinstance(schema, dict):
            self._note("holds something that is no schema, which is left open")
            return {}
        self.size += 1
        if self.size > _MAX_SIZE or level > _MAX_DEPTH:
            self._note(_TOO_LARGE)
            return {}
        if isinstance(schema.get("$ref"), str):
            return self._reference(schema, level)
        if "$dynamicRef" in schema or "$recursiveRef" in schema:
            self._note("uses dynamic references, which are left open")
        result = self._keywords(schema, level)
        if self._old:
            _convert_old_keywords(schema, result)
        normalise(result, self._note, for_response=self._definitions.for_response)
        return result

    def _reference(self, schema: Schema, level: int) -> Json:
        ref = schema["$ref"]
        beside = {name: value for name, value in schema.items() if name != "$ref" and (not self._old or name in NOTES)}
        rest = self._keywords(beside, level) if beside else {}
        local = self._local_definition(ref)
        if local is not None:
            return self._convert(local | beside, level + 1)
        try:
            name = self._definitions.name_of(ref)
        except UnresolvedReference as error:
            self._note(str(error) if not error.elsewhere else f"{error}: that part is left open")
            return {"description": "Described in another document."} | rest if error.elsewhere else rest
        return {"$ref": DEFS + name} | rest

    def _local_definition(self, ref: str) -> Schema | None:
        """Return a definition from the `$defs` of an enclosing schema, or None.

        Such a reference is wrong, since it starts at the document's root, but common.
        """
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
            converted = self._keyword(name, value, level)
            if converted is not None:
                result[name] = converted[0]
        self._items(schema, result, level)
        self._properties(schema, result, level)
        self._examples(schema, result)
        if isinstance(defs, dict):
            self._local.pop()
        return result

    def _keyword(self, name: str, value: Json, level: int) -> tuple[Json] | None:
        """Return the converted value of a keyword in a tuple; None for a keyword that is left out."""
        if name == "type":
            return self._type(value)
        if name == "pattern":
            return (value,) if isinstance(value, str) and self._is_pattern(value) else None
        if name in _TEXT_KEYWORDS:
            return (_shortened(value),) if isinstance(value, str) else None
        if name in _FLAG_KEYWORDS:
            return (value,) if value is True else None
        if name in _NUMBER_KEYWORDS:
            return (value,) if _is_number(value) else None
        if name == "multipleOf":
            return (value,) if _is_number(value) and value > 0 else None
        if name in _SIZE_KEYWORDS:
            return (int(value),) if _is_number(value) and value >= 0 and value == int(value) else None
        if name in ("default", "const"):
            return (value,) if name == "const" or len(compact(value)) <= _LONGEST_EXAMPLE else None
        if name == "enum":
            return (list(value),) if isinstance(value, list) and value else None
        if name in LISTS:
            return ([self._convert(part, level + 1) for part in value],) if isinstance(value, list) and value else None
        if name in SINGLE_SCHEMA_KEYWORDS:
            return (self._convert(value, level + 1),) if isinstance(value, dict | bool) else None
        if name in ("patternProperties", "dependentSchemas") and isinstance(value, dict):
            valid = [key for key in value if name == "dependentSchemas" or self._is_pattern(key)]
            return ({key: self._convert(value[key], level + 1) for key in valid},)
        if name == "dependentRequired" and isinstance(value, dict):
            return ({key: _texts(part) for key, part in value.items()},)
        return None

    def _is_pattern(self, text: str) -> bool:
        if not _compiles(text):
            self._note("has a pattern that not every program can read, which is left out")
        return _compiles(text)

    def _type(self, value: Json) -> tuple[Json] | None:
        types = value if isinstance(value, list) else [value]
        valid = [kind for kind in dict.fromkeys(types) if kind in TYPES] if _all_texts(types) else []
        if not valid:
            self._note(f"has an unknown type ({compact(value)[:40]}), which is left open")
            return None
        return (valid if isinstance(value, list) and len(valid) > 1 else valid[0],)

    def _items(self, schema: Schema, result: Schema, level: int) -> None:
        items = schema.get("items")
        if isinstance(items, list):
            if items:
                result["prefixItems"] = [self._convert(part, level + 1) for part in items]
        elif isinstance(items, dict | bool):
            result["items"] = self._convert(items, level + 1)

    def _properties(self, schema: Schema, result: Schema, level: int) -> None:
        properties, required = schema.get("properties"), schema.get("required")
        converted: Schema = {}
        hidden: set[str] = set()
        if isinstance(properties, dict):
            for name, part in properties.items():
                if self._is_hidden(part):
                    hidden.add(name)
                else:
                    converted[name] = self._convert(part, level + 1)
            result["properties"] = converted
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
        listed = schema.get("examples")
        examples = list(listed) if isinstance(listed, list) else []
        if "example" in schema:
            examples.insert(0, schema["example"])
        examples = [example for example in examples[:3] if len(compact(example)) <= _LONGEST_EXAMPLE]
        if examples:
            result["examples"] = examples

    def _note(self, text: str) -> None:
        self.notes[text] = None

    # --- reading converted schemas ---------------------------------------------------------------

    def _gather(self, schema: Json, shape: Schema, seen: set[str], level: int) -> bool:
        """Add a schema's properties to `shape`; return whether they describe it completely."""
        if not isinstance(schema, dict) or level > 20:
            return False
        ref = schema.get("$ref")
        if isinstance(ref, str):
            name = ref.removeprefix(DEFS)
            if name in seen or not self._gather(self.target(schema), shape, seen | {name}, level + 1):
                return False
        if schema.get("type") not in (None, "object", ["object", "null"]) or _has_more_constraints(schema):
            return False
        for part in schema.get("allOf", ()):
            if not self._gather(part, shape, seen, level + 1):
                return False
        for name, part in schema.get("properties", {}).items():
            before = shape["properties"].get(name)
            shape["properties"][name] = (
                part if before in (None, {}, part) else before if part == {} else {"allOf": [before, part]}
            )
        shape["required"] += [name for name in schema.get("required", ()) if name not in shape["required"]]
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
    return isinstance(schema, dict) and ("$ref" in schema or any(keyword in schema for keyword in IN_PLACE))


def _convert_old_keywords(schema: Schema, result: Schema) -> None:
    """Replace the keywords of OpenAPI 3.0 by those of JSON Schema 2020-12: boolean exclusive bounds and `nullable`."""
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
    elif kind is None and any(keyword in result for keyword in (*IN_PLACE, "enum", "const")):
        annotations = {name: result.pop(name) for name in NOTES if name in result}
        inner = dict(result)
        result.clear()
        result.update(annotations | {"anyOf": [inner, {"type": "null"}]})


def _has_more_constraints(schema: Schema) -> bool:
    if any(name in schema for name in ("anyOf", "oneOf", "not", "if", "patternProperties", "propertyNames", "enum",
                                       "const", "minProperties", "maxProperties", "dependentSchemas",
                                       "dependentRequired")):  # fmt: skip
        return True
    return schema.get("additionalProperties") not in (None, False)


def _mentions(schema: Json, ref: str) -> bool:
    pending, steps = [schema], 0
    while pending and steps < 5_000:
        steps += 1
        current = pending.pop()
        if isinstance(current, dict):
            if current.get("$ref") == ref:
                return True
            pending.extend(current.values())
        elif isinstance(current, list):
            pending.extend(current)
    return bool(pending)


def _texts(value: Json) -> list[str]:
    return list(dict.fromkeys(text for text in value if isinstance(text, str))) if isinstance(value, list) else []


def _all_texts(values: list[Any]) -> bool:
    return all(isinstance(value, str) for value in values)


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 1] + "…"
