"""A schema read as fields: what kind of resource stands at each place, what it is called, what it allows.

    Reader(root).field(schema)  ->  Field

Members, items and alternatives are read when they are asked for, so schemas that contain themselves are
no trouble. A place that the engine cannot draw honestly becomes a `json` field with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any, Literal

from drio_tui.api.json_codec import dumps
from drio_tui.api.models import same_json
from drio_tui.schema.resolve import Flat, Json, Schemas, UnsupportedReference, merge, own, types

FieldKind = Literal[
    "string", "integer", "number", "boolean", "enum", "const", "object", "array", "map", "choice", "json"
]
SCALARS: frozenset[str] = frozenset({"string", "integer", "number", "boolean", "enum", "const"})

TOO_DEEP = 8
"""Levels below the top that are drawn; what is deeper is JSON."""

_MULTILINE_FORMATS = frozenset({"multiline", "textarea", "markdown"})
_MULTILINE_NAMES = re.compile(r"(?:^|[a-z])(?:[Dd]escription|[Ii]nstructions|[Pp]rompt|[Bb]iography|[Nn]otes)$")
_SHAPES = ("prefixItems", "unevaluatedItems", "$vocabulary")


class Missing(Enum):
    """The type of `MISSING`: a member that is not there, as against one that is null."""

    MISSING = "not there"

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "MISSING"


MISSING = Missing.MISSING


@dataclass(frozen=True, slots=True)
class Option:
    """One value of an enumeration, what it is called, and what is said about it. Texts are not yet safe."""

    value: Json
    label: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Reference:
    """Where the resources come from that a member can refer to by id.

    `options` gives them by name whenever the list opens (`value` is the id); with `new` (such as
    `new operation…`) the list offers to make one, and the form sends `SchemaForm.NewWanted`.
    """

    options: Callable[[], Sequence[Option]]
    new: str = ""


@dataclass(frozen=True, slots=True)
class Hints:
    """What the caller knows beyond the schema, by path pattern (`actions[].targetToolId`, `config.style{}`).

    `extra` merges keywords into the schema at a pattern (`format`, `title`, `readOnly` to hide a member);
    `multiline` names members that are running text.
    """

    extra: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    multiline: frozenset[str] = frozenset()


@dataclass(eq=False)
class Field:
    """One place of a form. `flat` is its merged schema, `pattern` its path with `[]` for items, `{}` for values.

    `required` counts in its parent; `recursive` is set where the place repeats one of its ancestors;
    `reason` says why a `json` field is no more than that (empty where JSON is what it is).
    """

    reader: Reader
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
    open: bool = False
    depth: int = 0
    above: frozenset[str] = frozenset()
    tag: str = ""
    _variants: tuple[Flat | Json, ...] = ()

    @property
    def format(self) -> str:
        """The schema's `format`, or an empty string."""
        found = self.flat.get("format")
        return found if isinstance(found, str) else ""

    @property
    def scalar(self) -> bool:
        """Whether the place holds one value that fits on a line or in a box."""
        return self.kind in SCALARS

    @property
    def default(self) -> Json | Missing:
        """The schema's default; null counts as none."""
        found = self.flat.get("default")
        return MISSING if found is None else found

    @property
    def example(self) -> str:
        """An example as text, for a placeholder; empty when there is none."""
        found = self.flat.get("examples")
        first = found[0] if isinstance(found, list) and found else self.flat.get("example")
        if first is None or self.secret:
            return ""
        return first if isinstance(first, str) else compact(first)

    @cached_property
    def members(self) -> dict[str, Field]:
        """The members of an `object` that are shown, by name, in the schema's order. Read-only ones are not."""
        found: dict[str, Field] = {}
        needed = self.flat.get("required")
        required = {name for name in needed if isinstance(name, str)} if isinstance(needed, list) else set()
        for name, schema in _mapping(self.flat, "properties").items():
            if not isinstance(name, str):
                continue
            dot = f"{self.pattern}.{name}" if self.pattern else name
            member = self._inner(schema, name, dot, required=name in required)
            if not member.flat.get("readOnly"):
                found[name] = member
        return found

    @cached_property
    def item(self) -> Field:
        """What an `array` holds."""
        return self._free(self.flat.get("items", True), f"{self.pattern}[]")

    @cached_property
    def value(self) -> Field:
        """What a `map` holds under each name."""
        schema: Json = self.flat.get("additionalProperties", True)
        by_pattern = _mapping(self.flat, "patternProperties")
        if len(by_pattern) == 1:
            schema = next(iter(by_pattern.values()))
        return self._free(schema, f"{self.pattern}{{}}")

    def _free(self, schema: Json, pattern: str) -> Field:
        """A field for something that may be there many times; one of any type becomes a choice of types."""
        found = self._inner(schema, "", pattern, required=True)
        if found.kind == "json" and not found.reason and not found.format:
            found = self._inner({"allOf": [found.flat, any_json()]}, "", pattern, required=True)
        return found

    @cached_property
    def variants(self) -> tuple[Field, ...]:
        """The alternatives of a `choice`; `tag` of each is its value under `discriminator`."""
        base = {
            name: value
            for name, value in self.flat.items()
            if name not in ("anyOf", "oneOf", "discriminator", "title", "description", "default", "examples", "type")
        }
        found: list[Field] = []
        for number, (schema, tag) in enumerate(zip(self._variants, self._tags(), strict=True)):
            inner = {"allOf": [base, schema]} if base else schema
            variant = self._inner(inner, self.name, self.pattern, required=self.required, deeper=0)
            variant.title = tag or _alternative(schema, variant, number)
            variant.tag = tag
            found.append(variant)
        seen: dict[str, int] = {}
        for variant in found:
            seen[variant.title] = seen.get(variant.title, 0) + 1
            if seen[variant.title] > 1:
                variant.title = f"{variant.title} ({seen[variant.title]})"
        return tuple(found)

    @cached_property
    def discriminator(self) -> str:
        """The member whose value tells a choice's alternatives apart; empty when there is none."""
        named = _mapping(self.flat, "discriminator").get("propertyName")
        if isinstance(named, str):
            return named
        candidates: list[set[str]] = []
        for schema in self._variants:
            try:
                flat, _ = self.reader.schemas.flat(schema)
            except UnsupportedReference:
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
                except UnsupportedReference:
                    tag = None
                if tag is None and isinstance(ref, str):
                    tag = by_ref.get(ref) or by_ref.get(ref.rpartition("/")[2]) or ref.rpartition("/")[2]
            tags.append(tag or "")
        return tags

    def _constant(self, flat: Flat, name: str) -> str | None:
        """The one string that a member of a variant can be."""
        try:
            inner, _ = self.reader.schemas.flat(_mapping(flat, "properties").get(name, False))
        except UnsupportedReference:
            return None
        only = inner.get("enum")
        value = inner.get("const", only[0] if isinstance(only, list) and len(only) == 1 else None)
        return value if isinstance(value, str) and value else None

    def _inner(self, schema: Json, name: str, pattern: str, *, required: bool, deeper: int = 1) -> Field:
        return self.reader.field(
            schema, name=name, pattern=pattern, required=required, above=self.above, depth=self.depth + deeper
        )

    def walk(self) -> Iterator[Field]:
        """This field and, for objects that do not repeat, every member below it."""
        yield self
        if self.kind == "object" and not self.recursive:
            for member in self.members.values():
                yield from member.walk()


class Reader:
    """Reads schemas of one document as fields."""

    def __init__(self, root: Json, hints: Hints | None = None) -> None:
        self.schemas = Schemas(root)
        self.hints = hints or Hints()

    def field(
        self,
        schema: Json,
        *,
        name: str = "",
        pattern: str = "",
        required: bool = False,
        above: frozenset[str] = frozenset(),
        depth: int = 0,
    ) -> Field:
        """The field that `schema` describes; never raises, whatever the schema is."""
        title = own(schema, "title")
        extra = self.hints.extra.get(pattern)
        if extra:
            schema = {"allOf": [schema, dict(extra)]}
            title = extra.get("title", title)
        made = Field(
            reader=self,
            kind="json",
            name=name,
            title=humanise(name) if not isinstance(title, str) or _says_nothing(title, name) else title,
            pattern=pattern,
            flat={},
            required=required,
            depth=depth,
            above=above,
        )
        try:
            made.flat, followed = self.schemas.flat(schema)
            made.recursive = bool(followed & above) or depth > TOO_DEEP
            made.above = above | followed
            self._settle(made, above)
        except UnsupportedReference as beyond:
            made.kind, made.reason = "json", str(beyond)
        text = made.flat.get("description")
        made.description = text if isinstance(text, str) else ""
        made.secret = made.flat.get("writeOnly") is True or made.format == "password"
        made.multiline = made.kind == "string" and (
            made.format in _MULTILINE_FORMATS
            or made.flat.get("x-multiline") is True
            or name in self.hints.multiline
            or (not made.format and _MULTILINE_NAMES.search(name) is not None)
        )
        if depth > TOO_DEEP + 4 and not made.scalar:
            made.kind, made.reason = "json", made.reason or "nested too deeply for fields"
        return made

    def _settle(self, made: Field, above: frozenset[str]) -> None:
        """Decide what kind of field it is; alternatives that are none are merged in on the way."""
        for _ in range(20):
            self._take_null(made)
            flat = made.flat
            known = flat.get("x-known-values")
            if isinstance(known, list) and known and all(isinstance(one, str) for one in known):
                made.kind, made.open = "enum", True
                made.options = tuple(Option(one, one) for one in dict.fromkeys(known))
                return
            union = next((name for name in ("oneOf", "anyOf") if isinstance(flat.get(name), list)), None)
            if union is None:
                break
            variants = [one for one in flat[union] if not self._is_null(one)]
            made.nullable = made.nullable or len(variants) < len(flat[union])
            if not variants:
                raise UnsupportedReference("nothing but null is allowed here")
            if len(variants) > 1:
                self._choose(made, variants)
                return
            only, followed = self.schemas.flat(variants[0])
            rest = {name: value for name, value in flat.items() if name != union}
            made.above |= followed
            made.recursive = made.recursive or bool(followed & above)
            made.flat = merge(only, rest)
        else:
            raise UnsupportedReference("the schema has alternatives within alternatives without end")
        self._plain(made)

    def _take_null(self, made: Field) -> None:
        flat = made.flat
        kinds = types(flat)
        if flat.get("nullable") is True:  # OpenAPI 3.0
            made.nullable = True
        if kinds and "null" in kinds and len(kinds) > 1:
            made.nullable = True
            rest = [kind for kind in kinds if kind != "null"]
            made.flat = flat = {**flat, "type": rest[0] if len(rest) == 1 else rest}
        allowed = flat.get("enum")
        if isinstance(allowed, list) and None in allowed and len(allowed) > 1:
            made.nullable = True
            made.flat = {**flat, "enum": [one for one in allowed if one is not None]}

    def _is_null(self, schema: Json) -> bool:
        if not isinstance(schema, Mapping):
            return False
        if schema.get("type") in ("null", ["null"]) or schema.get("enum") == [None]:
            return True
        return "const" in schema and schema["const"] is None

    def _choose(self, made: Field, variants: list[Json]) -> None:
        flats: list[Flat] = []
        for one in variants:
            try:
                flats.append(self.schemas.flat(one)[0])
            except UnsupportedReference:
                flats.append({})
        options = [option for flat in flats for option in _options(flat)]
        free = [flat for flat in flats if not _options(flat)]
        if options and not free:
            made.kind, made.options = "enum", _distinct(options)
        elif options and all(types(flat) == ("string",) and "properties" not in flat for flat in free):
            made.kind, made.open, made.options = "enum", True, _distinct(options)
        else:
            made.kind, made._variants = "choice", tuple(variants)

    def _plain(self, made: Field) -> None:
        flat = made.flat
        if "const" in flat:
            made.kind = "const"
            return
        if isinstance(flat.get("enum"), list):
            if not flat["enum"]:
                raise UnsupportedReference("nothing is allowed here")
            if len(flat["enum"]) == 1:
                made.kind, made.flat = "const", {**flat, "const": flat["enum"][0]}
                return
            made.kind, made.options = "enum", _distinct(_options(flat))
            return
        kinds = types(flat) or _guessed(flat)
        if kinds is None:
            made.kind = "json"
            return
        if len(kinds) > 1:
            made.kind = "choice"
            made._variants = tuple({"type": kind} for kind in kinds)
            return
        kind = kinds[0]
        if kind in ("string", "integer", "number", "boolean"):
            made.kind = kind  # type: ignore[assignment]  # narrowed by the test above
        elif kind == "array":
            if any(word in flat for word in _SHAPES) or flat.get("items") is False:
                raise UnsupportedReference("the schema gives each item a place of its own")
            made.kind = "array"
        elif kind == "object":
            if made.format == "json-schema":
                made.kind = "json"
            elif _mapping(flat, "properties"):
                made.kind = "object"
            elif len(_mapping(flat, "patternProperties")) > 1:
                raise UnsupportedReference("the schema has rules for names by several patterns")
            else:
                shut = flat.get("additionalProperties") is False and not _mapping(flat, "patternProperties")
                made.kind = "object" if shut else "map"
        elif kind == "null":
            raise UnsupportedReference("nothing but null is allowed here")
        else:
            raise UnsupportedReference("this is not a JSON Schema")


def any_json() -> dict[str, Any]:
    """A schema for a value of any type, as alternatives a person can choose from."""
    return {
        "anyOf": [
            {"type": "string", "title": "Text"},
            {"type": "number", "title": "Number"},
            {"type": "boolean", "title": "Yes or no"},
            {"title": "JSON", "x-any": True},
        ]
    }


_SPELLED = {"url": "URL", "uri": "URI", "id": "ID", "ids": "IDs", "api": "API", "mcp": "MCP", "json": "JSON"}


def humanise(name: str) -> str:
    """`primaryColor` → `Primary color`, `baseUrl` → `Base URL`."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[_\-.]+", " ", name).lower().split()
    text = " ".join(_SPELLED.get(word, word) for word in words)
    return text[:1].upper() + text[1:]


def _says_nothing(title: str, name: str) -> bool:
    """Whether a title is empty, or the name once more as generators write it (`Base Url`, `Baseurl`)."""
    if not title.strip():
        return True
    made = title in (title.capitalize(), title.title())
    return made and bool(name) and _letters(title) == _letters(name)


def _letters(text: str) -> str:
    return re.sub(r"[\s_\-.]", "", text).casefold()


def compact(value: Json) -> str:
    """A JSON value on one line."""
    try:
        return dumps(value)
    except (TypeError, ValueError, RecursionError):
        return "…"


def _alternative(schema: Json, variant: Field, number: int) -> str:
    title = variant.flat.get("title")
    if isinstance(title, str) and title.strip():
        return title
    ref = own(schema, "$ref")
    if isinstance(ref, str):
        return humanise(ref.rpartition("/")[2]) or ref
    words = {"string": "Text", "boolean": "Yes or no", "map": "Names and values", "json": "JSON", "const": "Fixed"}
    if variant.kind == "choice":
        return f"Alternative {number + 1}"
    return words.get(variant.kind, variant.kind.capitalize())


def _options(flat: Flat) -> list[Option]:
    title, note = flat.get("title"), flat.get("description")
    if "const" in flat:
        label = title if isinstance(title, str) and title.strip() else _label(flat["const"])
        return [Option(flat["const"], label, note if isinstance(note, str) else "")]
    allowed = flat.get("enum")
    return [Option(one, _label(one)) for one in allowed] if isinstance(allowed, list) else []


def _label(value: Json) -> str:
    return value if isinstance(value, str) and value else compact(value)


def _distinct(options: list[Option]) -> tuple[Option, ...]:
    found: list[Option] = []
    for option in options:
        if not any(same_json(option.value, other.value) for other in found):
            found.append(option)
    return tuple(found)


def _guessed(flat: Flat) -> tuple[str, ...] | None:
    """The type a schema without one must mean, by its keywords."""
    if "properties" in flat or "additionalProperties" in flat or "patternProperties" in flat:
        return ("object",)
    if "items" in flat or "prefixItems" in flat:
        return ("array",)
    if any(word in flat for word in ("minLength", "maxLength", "$patterns")):
        return ("string",)
    if any(word in flat for word in ("minimum", "maximum", "multipleOf", "exclusiveMinimum", "exclusiveMaximum")):
        return ("number",)
    return None


def _mapping(flat: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = flat.get(name)
    return found if isinstance(found, Mapping) else {}
