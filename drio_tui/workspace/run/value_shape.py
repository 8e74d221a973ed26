"""What is known of a value from its schema, from samples of it, or from both: names, types, formats, what is inside.

Arguments of a chain and mappings of a widget are suggested from it. Names are as in the API, not sanitized.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from drio_tui.naming import spaced
from drio_tui.schema.resolve import Json, Schemas, UnsupportedSchema, json_types
from drio_tui.workspace.run.mapping import step_text

DEEPEST = 6
MOST = 2_000
"""The most values that are looked into."""
SAMPLES = 20
"""How many items of a list are looked at."""
LONG_TEXT = 100
"""From this many characters on, a text is for reading, not for a cell or a badge."""
ID_WORDS = ("id", "uuid", "guid")
"""Words at the end of the names of ids."""
IMAGE_WORDS = frozenset({"image", "picture", "photo", "avatar", "thumbnail", "thumb", "logo", "cover", "banner"})
"""Words in the names of images."""

_SPLIT = re.compile(r"[^0-9A-Za-z\u0080-\U0010ffff]+")
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d.*)?")
_EMAIL = re.compile(r"[^\s@]+@[^\s@.]+(?:\.[^\s@.]+)+")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_URL = re.compile(r"https?://\S+")
_IMAGE_NAME = re.compile(r"\.(?:png|jpe?g|gif|webp|svg|avif)(?:[?#]|$)", re.IGNORECASE)
_FORMATS = {"date-time": "date", "date": "date", "email": "email", "idn-email": "email", "uuid": "uuid",
            "uri": "url", "url": "url", "iri": "url", "uri-reference": "url"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shape:
    """A value: `path` is its JSONPath, with `[*]` for the items of a list.

    `types` are JSON types without null, empty if they are not known. `form` is `date`, `email`, `uuid`, `url`, `image`
    or empty. `schema` is its resolved schema, empty if there is none; `values` are samples. `is_open` says that there
    may be more inside than `properties` and `items`.
    """

    name: str
    path: str
    types: frozenset[str] = frozenset()
    form: str = ""
    enum: tuple[Any, ...] = ()
    schema: Mapping[str, Any] | None = None
    values: tuple[Any, ...] = ()
    properties: tuple[Shape, ...] = ()
    items: Shape | None = None
    is_open: bool = False

    @property
    def words(self) -> tuple[str, ...]:
        """The words of its name, in lower case."""
        return words_of(self.name)

    @property
    def is_scalar(self) -> bool:
        """Whether it is known to be a text, a number or a boolean."""
        return bool(self.types) and not self.types & {"object", "array"}

    @property
    def is_number(self) -> bool:
        """Whether it is a number."""
        return bool(self.types) and self.types <= {"number", "integer"}

    @property
    def is_text(self) -> bool:
        """Whether it is a text."""
        return self.types == {"string"}

    @property
    def is_id(self) -> bool:
        """Whether it identifies something: its own resource, or with a longer name another one."""
        return self.is_scalar and (self.form == "uuid" or (bool(self.words) and self.words[-1] in ID_WORDS))

    @property
    def is_long(self) -> bool:
        """Whether it is a text that is too long for a cell."""
        longest = (self.schema or {}).get("maxLength")
        if isinstance(longest, int) and longest <= LONG_TEXT:
            return False
        return any(isinstance(value, str) and (len(value) > LONG_TEXT or "\n" in value) for value in self.values)

    def walk(self) -> Iterator[Shape]:
        """Yield it and everything inside, breadth first."""
        queue = [self]
        for shape in queue:
            yield shape
            queue.extend(shape.properties)
            if shape.items is not None:
                queue.append(shape.items)

    def property(self, name: str) -> Shape | None:
        """Return the property of this name, None if it is not known."""
        return next((shape for shape in self.properties if shape.name == name), None)


@lru_cache(maxsize=8192)
def words_of(name: str) -> tuple[str, ...]:
    """Return the words of an identifier in lower case: `contactId`, `contact_id` and `Contact-ID` are the same."""
    return tuple(word.lower() for word in _SPLIT.split(spaced(name)) if word)


def singular(word: str) -> str:
    """Return an English noun in the singular, as far as its ending tells."""
    if word in ("series", "species", "news"):
        return word
    if word.endswith("ies") and len(word) > 4:
        return f"{word[:-3]}y"
    if word.endswith(("sses", "shes", "ches", "xes", "zes")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith(("ss", "us", "is")) else word


def shape_of(schema: Json = None, sample: Json = None, name: str = "") -> Shape:
    """Return the shape of a value with this schema, of which `sample` is an example; both may be None, for unknown.

    With a sample only what it has is there; the schema then adds types and formats.
    """
    return _Reader(schema).read(name, "$", schema, () if sample is None else (sample,), 0)


class _Reader:
    def __init__(self, schema: Json) -> None:
        self._schemas = Schemas(schema)
        self._left = MOST

    def read(self, name: str, path: str, schema: Json, values: tuple[Any, ...], depth: int) -> Shape:
        flat = self._flat(schema)
        types = frozenset(json_types(flat) or ()) or _types_of_values(values)
        if not types and "properties" in flat:
            types = frozenset({"object"})
        types -= {"null"}
        enum = flat.get("enum")
        self._left -= 1
        if depth > DEEPEST or self._left < 0:
            return Shape(name, path, types, schema=flat, is_open=True)
        properties: tuple[Shape, ...] = ()
        items: Shape | None = None
        is_open = not types and not values
        if "object" in types:
            properties = tuple(self._properties(path, flat, values, depth))
            is_open = not values and _is_open_object(flat)
        if "array" in types:
            inner = tuple(item for value in values if isinstance(value, list) for item in value[:SAMPLES])[:SAMPLES]
            items = self.read(name, f"{path}[*]", flat.get("items"), inner, depth + 1)
            is_open = is_open or ("items" not in flat and not values)
        return Shape(
            name, path, types, _form(name, flat, values), tuple(enum) if isinstance(enum, list) else (), flat, values,
            properties, items, is_open,
        )  # fmt: skip

    def _properties(self, path: str, flat: Mapping[str, Any], values: Sequence[Any], depth: int) -> Iterator[Shape]:
        declared = flat.get("properties")
        schemas: Mapping[str, Any] = declared if isinstance(declared, Mapping) else {}
        objects = [value for value in values if isinstance(value, dict)]
        names: dict[str, None] = dict.fromkeys(str(name) for name in schemas)
        if objects:
            present = dict.fromkeys(str(name) for value in objects for name in value)
            names = {name: None for name in names if name in present} | present
        for name in names:
            if self._left < 0:
                return
            inner = tuple(value[name] for value in objects if value.get(name) is not None)
            yield self.read(name, f"{path}{step_text(name)}", schemas.get(name), inner, depth + 1)

    def _flat(self, schema: Json) -> Mapping[str, Any]:
        if not isinstance(schema, Mapping):
            return {}
        try:
            flat, _ = self._schemas.flat(schema)
            for union in ("oneOf", "anyOf"):
                variants = flat.get(union)
                if isinstance(variants, list):
                    others = [variant for variant in variants if not _is_null(variant)]
                    if len(others) != 1:
                        return {}  # which of them it is depends on the value
                    flat, _ = self._schemas.flat(others[0])
        except UnsupportedSchema:
            return {}
        return flat


def _is_open_object(flat: Mapping[str, Any]) -> bool:
    """Whether an object may have more properties than its schema declares.

    Declared properties without a word about others are taken as all of them: that is how APIs are documented.
    """
    return not flat.get("properties") or flat.get("additionalProperties") not in (None, False) or bool(
        flat.get("patternProperties")
    )  # fmt: skip


def _types_of_values(values: Sequence[Any]) -> frozenset[str]:
    return frozenset(_type_of(value) for value in values if value is not None)


def _type_of(value: Any) -> str:
    match value:
        case bool():
            return "boolean"
        case int():
            return "integer"
        case str():
            return "string"
        case list():
            return "array"
        case dict():
            return "object"
    return "number"


def _form(name: str, flat: Mapping[str, Any], values: Sequence[Any]) -> str:
    """Return the form of a text by its format, its values and its name."""
    format_name = flat.get("format")
    form = _FORMATS.get(format_name, "") if isinstance(format_name, str) else ""
    texts = [value for value in values if isinstance(value, str) and value]
    if not form and texts:
        patterns = (("date", _DATE), ("email", _EMAIL), ("uuid", _UUID), ("url", _URL))
        form = next((kind for kind, pattern in patterns if all(map(pattern.fullmatch, texts))), "")
    if form in ("url", "") and (json_types(flat) == ("string",) or texts):
        if texts and form == "url" and all(map(_IMAGE_NAME.search, texts)):
            return "image"
        if {*words_of(name)} & IMAGE_WORDS and (form == "url" or not texts):
            return "image"
    return form


def _is_null(schema: Json) -> bool:
    return isinstance(schema, Mapping) and schema.get("type") == "null"
