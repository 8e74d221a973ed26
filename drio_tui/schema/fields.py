"""A schema read as the fields of a form: the kind, title and constraints of each.

    Reader(root).field(schema)  ->  Field

Properties, items and alternatives are read on access, so recursive schemas are supported. What cannot be shown
correctly as a field becomes a field of the kind `json`, with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any, Literal

from drio_tui.api.json_codec import dumps
from drio_tui.api.json_values import same_json
from drio_tui.api.redact import is_secret_schema
from drio_tui.naming import title_of
from drio_tui.schema.resolve import Flat, Json, Schemas, UnsupportedSchema, json_types, merge, own

FieldKind = Literal[
    "string", "integer", "number", "boolean", "enum", "const", "object", "array", "map", "choice", "json"
]
SCALARS: frozenset[str] = frozenset({"string", "integer", "number", "boolean", "enum", "const"})

TOO_DEEP = 8
"""Levels below the top that are shown as fields; deeper values are edited as JSON."""

_MULTILINE_FORMATS = frozenset({"multiline", "textarea", "markdown"})
_MULTILINE_NAMES = re.compile(r"(?:^|[a-z])(?:[Dd]escription|[Ii]nstructions|[Pp]rompt|[Bb]iography|[Nn]otes)$")
_UNSUPPORTED_ARRAY_KEYWORDS = ("prefixItems", "unevaluatedItems", "$vocabulary")


class Missing(Enum):
    """The type of `MISSING`: the value of a property that is absent, as opposed to null."""

    MISSING = "not there"

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "MISSING"


MISSING = Missing.MISSING


@dataclass(frozen=True, slots=True)
class Option:
    """One value of an enumeration, with its label and a description (`note`). The texts are not sanitized."""

    value: Json
    label: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Reference:
    """The resources that a property can refer to by id.

    `options` returns them by name, each time the list opens (`value` is the id). With `new` (such as
    `new operation…`) the list offers to create one, and the form sends `SchemaForm.NewWanted`.
    """

    options: Callable[[], Sequence[Option]]
    new: str = ""


@dataclass(frozen=True, slots=True)
class SchemaOverlay:
    """Additions to a schema, by path pattern (`actions[].targetToolId`, `config.style{}`).

    `extra` merges keywords into the schema at a pattern (`format`, `title`, `readOnly` to hide a property);
    `multiline` names properties that are text of several lines.
    """

    extra: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    multiline: frozenset[str] = frozenset()


@dataclass(eq=False)
class Field:
    """One field of a form. `flat` is its merged schema, `pattern` its path with `[]` for items, `{}` for map values.

    `required` is that of the parent's schema; `recursive` is set if the field's schema is also that of an ancestor;
    `reason` is why the field is of the kind `json` (empty if any JSON is its actual type); `allows_other_values`:
    values other than the `options` are allowed; `ancestor_refs`: the `$ref`s that lead to it; `tag`: its value of the
    discriminator.
    """

    reader: SchemaReader
    kind: FieldKind
    name: str
    title: str
    pattern: str
    flat: Flat
    description: str = ""
    required: bool = False
    nullable: bool = False
    recursive: bool = False
    secret: bool = False
    multiline: bool = False
    reason: str = ""
    options: tuple[Option, ...] = ()
    allows_other_values: bool = False
    depth: int = 0
    ancestor_refs: frozenset[str] = frozenset()
    tag: str = ""
    _variants: tuple[Flat | Json, ...] = ()

    @property
    def format(self) -> str:
        """The schema's `format`, or an empty string."""
        value = self.flat.get("format")
        return value if isinstance(value, str) else ""

    @property
    def scalar(self) -> bool:
        """Whether the field is edited in one input."""
        return self.kind in SCALARS

    @property
    def default(self) -> Json | Missing:
        """The schema's default; `MISSING` if there is none, or it is null."""
        value = self.flat.get("default")
        return MISSING if value is None else value

    @property
    def example(self) -> str:
        """An example as text, for a placeholder; empty if there is none, or the field is a secret."""
        examples = self.flat.get("examples")
        first = examples[0] if isinstance(examples, list) and examples else self.flat.get("example")
        if first is None or self.secret:
            return ""
        return first if isinstance(first, str) else compact_json(first)

    @cached_property
    def properties(self) -> dict[str, Field]:
        """The properties of an `object` by name, in the schema's order, without the read-only ones."""
        fields: dict[str, Field] = {}
        names = self.flat.get("required")
        required = {name for name in names if isinstance(name, str)} if isinstance(names, list) else set()
        for name, schema in _mapping(self.flat, "properties").items():
            if not isinstance(name, str):
                continue
            pattern = f"{self.pattern}.{name}" if self.pattern else name
            property_field = self._child(schema, name, pattern, required=name in required)
            if not property_field.flat.get("readOnly"):
                fields[name] = property_field
        return fields

    @cached_property
    def item(self) -> Field:
        """The field of the items of an `array`."""
        return self._element(self.flat.get("items", True), f"{self.pattern}[]")

    @cached_property
    def value(self) -> Field:
        """The field of the values of a `map`."""
        schema: Json = self.flat.get("additionalProperties", True)
        by_pattern = _mapping(self.flat, "patternProperties")
        if len(by_pattern) == 1:
            schema = next(iter(by_pattern.values()))
        return self._element(schema, f"{self.pattern}{{}}")

    def _element(self, schema: Json, pattern: str) -> Field:
        """Return the field of an item or a map value; if its type is not restricted, a choice of types."""
        element = self._child(schema, "", pattern, required=True)
        if element.kind == "json" and not element.reason and not element.format:
            element = self._child({"allOf": [element.flat, any_json()]}, "", pattern, required=True)
        return element

    @cached_property
    def variants(self) -> tuple[Field, ...]:
        """The alternatives of a `choice`, each with its `tag` and a title that no other one has."""
        base = {
            name: value
            for name, value in self.flat.items()
            if name not in ("anyOf", "oneOf", "discriminator", "title", "description", "default", "examples", "type")
        }
        variants: list[Field] = []
        for number, (schema, tag) in enumerate(zip(self._variants, self._tags(), strict=True)):
            combined = {"allOf": [base, schema]} if base else schema
            variant = self._child(combined, self.name, self.pattern, required=self.required, levels=0)
            variant.title = tag or _variant_title(schema, variant, number)
            variant.tag = tag
            variants.append(variant)
        counts: dict[str, int] = {}
        for variant in variants:
            counts[variant.title] = counts.get(variant.title, 0) + 1
            if counts[variant.title] > 1:
                variant.title = f"{variant.title} ({counts[variant.title]})"
        return tuple(variants)

    @cached_property
    def discriminator(self) -> str:
        """The property whose constant value identifies an alternative of a `choice`; empty if there is none."""
        property_name = _mapping(self.flat, "discriminator").get("propertyName")
        if isinstance(property_name, str):
            return property_name
        candidates: list[set[str]] = []
        for schema in self._variants:
            try:
                flat, _ = self.reader.schemas.flat(schema)
            except UnsupportedSchema:
                return ""
            candidates.append({name for name in _mapping(flat, "properties") if self._constant(flat, name) is not None})
        if not candidates:
            return ""
        for name in sorted(set.intersection(*candidates)):
            values = [self._constant(self.reader.schemas.flat(schema)[0], name) for schema in self._variants]
            if len(set(values)) == len(values):
                return name
        return ""

    def _tags(self) -> list[str]:
        """Return the value of the discriminator in each alternative, empty where it is not known."""
        name = self.discriminator
        mapping = _mapping(_mapping(self.flat, "discriminator"), "mapping")
        by_ref = {str(ref): tag for tag, ref in mapping.items() if isinstance(tag, str)}
        tags: list[str] = []
        for schema in self._variants:
            tag: str | None = None
            if name:
                ref = own(schema, "$ref")
                try:
                    tag = self._constant(self.reader.schemas.flat(schema)[0], name)
                except UnsupportedSchema:
                    tag = None
                if tag is None and isinstance(ref, str):
                    tag = by_ref.get(ref) or by_ref.get(ref.rpartition("/")[2]) or ref.rpartition("/")[2]
            tags.append(tag or "")
        return tags

    def _constant(self, flat: Flat, name: str) -> str | None:
        """Return the only string that a property of an object schema allows; None if it allows others."""
        try:
            property_schema, _ = self.reader.schemas.flat(_mapping(flat, "properties").get(name, False))
        except UnsupportedSchema:
            return None
        values = property_schema.get("enum")
        value = property_schema.get("const", values[0] if isinstance(values, list) and len(values) == 1 else None)
        return value if isinstance(value, str) and value else None

    def _child(self, schema: Json, name: str, pattern: str, *, required: bool, levels: int = 1) -> Field:
        return self.reader.field(
            schema,
            name=name,
            pattern=pattern,
            required=required,
            ancestor_refs=self.ancestor_refs,
            depth=self.depth + levels,
        )

    def walk(self) -> Iterator[Field]:
        """Yield this field and, except for recursive objects, every property below it."""
        yield self
        if self.kind == "object" and not self.recursive:
            for property_field in self.properties.values():
                yield from property_field.walk()


class SchemaReader:
    """Reads the schemas of one document as fields; `root` is the document in which `$ref`s are resolved."""

    def __init__(self, root: Json, hints: SchemaOverlay | None = None) -> None:
        self.schemas = Schemas(root)
        self.hints = hints or SchemaOverlay()

    def field(
        self,
        schema: Json,
        *,
        name: str = "",
        pattern: str = "",
        required: bool = False,
        ancestor_refs: frozenset[str] = frozenset(),
        depth: int = 0,
    ) -> Field:
        """Return the field that `schema` describes. Never raises: an unsupported schema gives a `json` field."""
        title = own(schema, "title")
        extra = self.hints.extra.get(pattern)
        if extra:
            schema = {"allOf": [schema, dict(extra)]}
            title = extra.get("title", title)
        field = Field(
            reader=self,
            kind="json",
            name=name,
            title=title_of(name) if not isinstance(title, str) or _is_redundant(title, name) else title,
            pattern=pattern,
            flat={},
            required=required,
            depth=depth,
            ancestor_refs=ancestor_refs,
        )
        try:
            field.flat, followed = self.schemas.flat(schema)
            field.recursive = bool(followed & ancestor_refs) or depth > TOO_DEEP
            field.ancestor_refs = ancestor_refs | followed
            self._set_kind(field, ancestor_refs)
        except UnsupportedSchema as error:
            field.kind, field.reason = "json", str(error)
        text = field.flat.get("description")
        field.description = text if isinstance(text, str) else ""
        field.secret = is_secret_schema(field.flat)
        field.multiline = field.kind == "string" and (
            field.format in _MULTILINE_FORMATS
            or field.flat.get("x-multiline") is True
            or name in self.hints.multiline
            or (not field.format and _MULTILINE_NAMES.search(name) is not None)
        )
        if depth > TOO_DEEP + 4 and not field.scalar:
            field.kind, field.reason = "json", field.reason or "nested too deeply for fields"
        return field

    def _set_kind(self, field: Field, ancestor_refs: frozenset[str]) -> None:
        """Set the kind from `flat`; a single alternative is merged into `flat`. Raises `UnsupportedSchema`."""
        for _ in range(20):
            self._set_nullable(field)
            flat = field.flat
            known = flat.get("x-known-values")
            if isinstance(known, list) and known and all(isinstance(value, str) for value in known):
                field.kind, field.allows_other_values = "enum", True
                field.options = tuple(Option(value, value) for value in dict.fromkeys(known))
                return
            union = next((name for name in ("oneOf", "anyOf") if isinstance(flat.get(name), list)), None)
            if union is None:
                break
            variants = [variant for variant in flat[union] if not self._is_null(variant)]
            field.nullable = field.nullable or len(variants) < len(flat[union])
            if not variants:
                raise UnsupportedSchema("nothing but null is allowed here")
            if len(variants) > 1:
                self._set_alternatives(field, variants)
                return
            only_variant, followed = self.schemas.flat(variants[0])
            rest = {name: value for name, value in flat.items() if name != union}
            field.ancestor_refs |= followed
            field.recursive = field.recursive or bool(followed & ancestor_refs)
            field.flat = merge(only_variant, rest)
        else:
            raise UnsupportedSchema("the schema has too many alternatives within alternatives")
        self._set_kind_by_type(field)

    def _set_nullable(self, field: Field) -> None:
        """Set `nullable` if null is one of the types or values, and remove it from them."""
        flat = field.flat
        kinds = json_types(flat)
        if flat.get("nullable") is True:  # OpenAPI 3.0
            field.nullable = True
        if kinds and "null" in kinds and len(kinds) > 1:
            field.nullable = True
            rest = [kind for kind in kinds if kind != "null"]
            field.flat = flat = {**flat, "type": rest[0] if len(rest) == 1 else rest}
        allowed = flat.get("enum")
        if isinstance(allowed, list) and None in allowed and len(allowed) > 1:
            field.nullable = True
            field.flat = {**flat, "enum": [value for value in allowed if value is not None]}

    def _is_null(self, schema: Json) -> bool:
        if not isinstance(schema, Mapping):
            return False
        if schema.get("type") in ("null", ["null"]) or schema.get("enum") == [None]:
            return True
        return "const" in schema and schema["const"] is None

    def _set_alternatives(self, field: Field, variants: list[Json]) -> None:
        """Make the field an `enum` if its alternatives are constants, at most beside any string; else a `choice`."""
        flats: list[Flat] = []
        for variant in variants:
            try:
                flats.append(self.schemas.flat(variant)[0])
            except UnsupportedSchema:
                flats.append({})
        options = [option for flat in flats for option in _options(flat)]
        not_constant = [flat for flat in flats if not _options(flat)]
        if options and not not_constant:
            field.kind, field.options = "enum", _distinct(options)
        elif options and all(json_types(flat) == ("string",) and "properties" not in flat for flat in not_constant):
            field.kind, field.allows_other_values, field.options = "enum", True, _distinct(options)
        else:
            field.kind, field._variants = "choice", tuple(variants)

    def _set_kind_by_type(self, field: Field) -> None:
        """Set the kind of a field without alternatives. Raises `UnsupportedSchema`."""
        flat = field.flat
        if "const" in flat:
            field.kind = "const"
            return
        if isinstance(flat.get("enum"), list):
            if not flat["enum"]:
                raise UnsupportedSchema("nothing is allowed here")
            if len(flat["enum"]) == 1:
                field.kind, field.flat = "const", {**flat, "const": flat["enum"][0]}
                return
            field.kind, field.options = "enum", _distinct(_options(flat))
            return
        kinds = json_types(flat) or _implied_types(flat)
        if kinds is None:
            field.kind = "json"
            return
        if len(kinds) > 1:
            field.kind = "choice"
            field._variants = tuple({"type": kind} for kind in kinds)
            return
        kind = kinds[0]
        if kind in ("string", "integer", "number", "boolean"):
            field.kind = kind  # type: ignore[assignment]  # narrowed by the test above
        elif kind == "array":
            if any(keyword in flat for keyword in _UNSUPPORTED_ARRAY_KEYWORDS) or flat.get("items") is False:
                raise UnsupportedSchema("the schema has a separate schema for each item")
            field.kind = "array"
        elif kind == "object":
            if field.format == "json-schema":
                field.kind = "json"
            elif _mapping(flat, "properties"):
                field.kind = "object"
            elif len(_mapping(flat, "patternProperties")) > 1:
                raise UnsupportedSchema("the schema has rules for names by several patterns")
            else:
                closed = flat.get("additionalProperties") is False and not _mapping(flat, "patternProperties")
                field.kind = "object" if closed else "map"
        elif kind == "null":
            raise UnsupportedSchema("nothing but null is allowed here")
        else:
            raise UnsupportedSchema("this is not a JSON Schema")


def any_json() -> dict[str, Any]:
    """Return a schema of any JSON value, with alternatives for the user to choose from."""
    return {
        "anyOf": [
            {"type": "string", "title": "Text"},
            {"type": "number", "title": "Number"},
            {"type": "boolean", "title": "Yes or no"},
            {"title": "JSON", "x-any": True},
        ]
    }


def _is_redundant(title: str, name: str) -> bool:
    """Return whether a title is empty, or only the name as generators write it (`Base Url`, `Baseurl`)."""
    if not title.strip():
        return True
    generated = title in (title.capitalize(), title.title())
    return generated and bool(name) and _normalised(title) == _normalised(name)


def _normalised(text: str) -> str:
    return re.sub(r"[\s_\-.]", "", text).casefold()


def compact_json(value: Json) -> str:
    """Return a JSON value on one line; `…` if it cannot be written."""
    try:
        return dumps(value)
    except (TypeError, ValueError, RecursionError):
        return "…"


def _variant_title(schema: Json, variant: Field, number: int) -> str:
    """Return the title of an alternative without a tag: of its schema, its `$ref` or its type."""
    title = variant.flat.get("title")
    if isinstance(title, str) and title.strip():
        return title
    ref = own(schema, "$ref")
    if isinstance(ref, str):
        return title_of(ref.rpartition("/")[2]) or ref
    words = {"string": "Text", "boolean": "Yes or no", "map": "Names and values", "json": "JSON", "const": "Fixed"}
    if variant.kind == "choice":
        return f"Alternative {number + 1}"
    return words.get(variant.kind, variant.kind.capitalize())


def _options(flat: Flat) -> list[Option]:
    """Return the values that a `const` or `enum` allows; empty without them."""
    title, note = flat.get("title"), flat.get("description")
    if "const" in flat:
        label = title if isinstance(title, str) and title.strip() else _label(flat["const"])
        return [Option(flat["const"], label, note if isinstance(note, str) else "")]
    allowed = flat.get("enum")
    return [Option(value, _label(value)) for value in allowed] if isinstance(allowed, list) else []


def _label(value: Json) -> str:
    return value if isinstance(value, str) and value else compact_json(value)


def _distinct(options: list[Option]) -> tuple[Option, ...]:
    distinct: list[Option] = []
    for option in options:
        if not any(same_json(option.value, other.value) for other in distinct):
            distinct.append(option)
    return tuple(distinct)


def _implied_types(flat: Flat) -> tuple[str, ...] | None:
    """Return the type that the keywords of a schema without `type` imply."""
    if "properties" in flat or "additionalProperties" in flat or "patternProperties" in flat:
        return ("object",)
    if "items" in flat or "prefixItems" in flat:
        return ("array",)
    if any(keyword in flat for keyword in ("minLength", "maxLength", "$patterns")):
        return ("string",)
    if any(keyword in flat for keyword in ("minimum", "maximum", "multipleOf", "exclusiveMinimum", "exclusiveMaximum")):
        return ("number",)
    return None


def _mapping(flat: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = flat.get(name)
    return value if isinstance(value, Mapping) else {}
