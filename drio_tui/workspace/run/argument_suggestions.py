"""Which value of earlier results an argument of the next tool of a chain could take: ranked, each with a reason.

The rules compare names, types, formats and what a value is the id of: `contactId` is the `id` of an item of
`contacts`, or of the result of a tool that returns contacts. Values are named by a JSONPath into the result of a
tool, in which `[*]` is a row.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from drio_tui.api.json_codec import Document
from drio_tui.schema.resolve import Json, json_types
from drio_tui.tool_calls import tools
from drio_tui.widget_data.jsonpath import PathError, parse
from drio_tui.workspace.run.value_shape import ID_WORDS, Shape, shape_of, singular, words_of

FIRST_ARGUMENTS = ""
"""The id of the source that holds the arguments of the first call."""
CHOSEN = 40.0
"""From so many points on, a suggestion is taken for a required argument unless the user chooses another one."""
CHOSEN_IF_OPTIONAL = 84.0
CHOSEN_TO_WRITE = 100.0
"""The same for what is not an id, if the tool changes something: it must not repeat an old text unasked."""
_TRIED = 5
MOST = 40
"""The most suggestions for one argument."""
MOST_VALUES = 2_000
"""The most values of all results together that are suggested; of more, as many of each result."""
MOST_ARGUMENTS = 100
"""The most arguments of a tool for which there are suggestions."""

_SAME_NAME, _ID_OF, _SAME_WORDS, _DESCRIBED, _PART, _ENUM, _FORM, _ONLY_ID = 110, 90, 85, 70, 55, 50, 45, 42
_GENERIC = frozenset((
    "results", "items", "rows", "data", "records", "entries", "hits", "values", "list", "content", "result", "item",
    "response", "payload", "node", "nodes", "edges", "page", "all", "search", "find", "get", "query", "lookup", "api",
    "latest", "me",
))  # fmt: skip
"""Words in paths and properties that do not say what something is about."""
_PREPOSITIONS = frozenset(("of", "for", "by", "in", "from", "with", "to", "on", "at", "as"))
_VERSION = re.compile(r"v\d+(?:\.\d+)*|\d{4}-\d\d(?:-\d\d)?")
_NAMES = (("name",), ("key",), ("slug",), ("code",))
_ID_NAMES = tuple((word,) for word in ID_WORDS)

Fits = Callable[[Any, Any], bool]


@dataclass(frozen=True, slots=True)
class Source:
    """A result, or what is known of it: `nouns` name what it is about, such as `contact`."""

    tool: str
    title: str
    shape: Shape
    nouns: frozenset[str] = frozenset()

    @property
    def value(self) -> Any:
        """The result, None where only its schema is known."""
        return self.shape.values[0] if self.shape.values else None


@dataclass(frozen=True, slots=True)
class ArgumentPath:
    """Where an argument comes from: the id of a tool (`FIRST_ARGUMENTS` for those of the call) and a JSONPath."""

    tool: str
    path: str


@dataclass(frozen=True, slots=True)
class ArgumentSuggestion:
    """A place for an argument, with `reason` as a short remark, not sanitized."""

    place: ArgumentPath
    title: str
    points: float
    reason: str


def source_of(tool: str, title: str, *, value: Any = None, schema: Json = None, path: str = "") -> Source:
    """Return a result as a source; `path` is that of the tool's operation."""
    return Source(tool, title, shape_of(schema, value), nouns_of(title, path))


def nouns_of(title: str, path: str = "") -> frozenset[str]:
    """Return what a tool is about, in the singular: by the last fixed part of its path, and by its title."""
    nouns: list[str] = []
    parts = [part for part in path.split("?")[0].split("/") if part and "{" not in part]
    for part in reversed(parts):
        words = words_of(part)
        if words and words[-1] not in _GENERIC and not _VERSION.fullmatch(part.lower()):
            nouns.append(words[-1])
            break
    of_title: list[str] = []
    for word in words_of(title):
        if word in _PREPOSITIONS:
            break
        of_title.append(word)
    if len(of_title) > 1 and of_title[-1] not in _GENERIC:
        nouns.append(of_title[-1])
    return frozenset(singular(noun) for noun in nouns)


def suggest_arguments(
    schema: Document, sources: Sequence[Source], fits: Fits, *, nouns: frozenset[str] = frozenset()
) -> dict[str, list[ArgumentSuggestion]]:
    """Return suggestions for each of the first `MOST_ARGUMENTS` arguments of a tool, the best first.

    `sources` begin with the newest result. `fits` says whether a value is valid for an argument's schema. `nouns` say
    what the tool itself is about.
    """
    values = [[*_values(source)] for source in sources]
    share = MOST_VALUES // len(sources) if sum(map(len, values)) > MOST_VALUES else MOST_VALUES
    candidates = [
        _Candidate.of(number, source, shape, owners)
        for number, source in enumerate(sources)
        for shape, owners in values[number][:share]
    ]
    ids = Counter(candidate.number for candidate in candidates if candidate.shape.is_id)
    suggestions: dict[str, list[ArgumentSuggestion]] = {}
    for name, argument in islice(tools.properties(schema).items(), MOST_ARGUMENTS):
        wanted = _Wanted.of(name, argument if isinstance(argument, Mapping) else {}, nouns)
        types = frozenset(json_types(wanted.schema) or ()) - {"null"}
        ranked: list[tuple[float, str, _Candidate]] = []
        for candidate in candidates:
            if _type_fits(types, candidate.shape):
                points, reason = _points(wanted, candidate, ids[candidate.number])
                less = 2 * candidate.depth + 5 * candidate.number
                ranked.append((points - less if points else 0, reason, candidate))
        ranked.sort(key=lambda ranking: -ranking[0])
        fitting = (  # checked last and only as often as needed, since it takes longest
            ranking for ranking in ranked if _value_fits(wanted.schema, ranking[2].shape, fits if ranking[1] else None)
        )
        suggestions[name] = [
            ArgumentSuggestion(
                ArgumentPath(candidate.source.tool, candidate.shape.path), candidate.source.title, points, reason
            )
            for points, reason, candidate in islice(fitting, MOST)
        ]
    return suggestions


def chosen(
    name: str, suggestions: Sequence[ArgumentSuggestion], *, required: bool, only_reads: bool
) -> ArgumentSuggestion | None:
    """Return the suggestion for an argument that is taken unless the user chooses another one."""
    best = suggestions[0] if suggestions else None
    enough = CHOSEN if required else CHOSEN_IF_OPTIONAL
    if not only_reads and words_of(name)[-1:] not in _ID_NAMES:
        enough = CHOSEN_TO_WRITE
    return best if best is not None and best.points >= enough else None


def rows_path(path: str) -> str:
    """Return the list that a path chooses a row of: `$.results` for `$.results[*].id`; empty if it has no row."""
    return path.partition("[*]")[0] if "[*]" in path else ""


def value_at(value: Any, path: str, row: int = 0) -> Any:
    """Return what a path names in a result, for one row of its list; None where there is nothing.

    Raises `PathError` for what is no path.
    """
    in_row = path.replace("[*]", f"[{row}]", 1).replace("[*]", "[0]")
    nodes = parse(in_row).find(value)
    return nodes[0][1] if nodes else None


def is_path(text: str) -> bool:
    """Return whether a text is a JSONPath."""
    try:
        parse(text)
    except PathError:
        return False
    return True


# --- the rules ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A value of a source; `owners` name what it belongs to, the nearest first. What is compared is found once."""

    number: int
    source: Source
    shape: Shape
    owners: tuple[frozenset[str], ...]
    words: tuple[str, ...]
    depth: int
    is_own_id: bool

    @classmethod
    def of(cls, number: int, source: Source, shape: Shape, owners: tuple[frozenset[str], ...]) -> _Candidate:
        words = shape.words
        depth = shape.path.count(".") + shape.path.count("[") - 1
        is_own_id = words in _ID_NAMES or (shape.form == "uuid" and len(words) == 1)
        return cls(number, source, shape, owners, words, depth, is_own_id)

    @property
    def owner(self) -> frozenset[str]:
        return self.owners[0] if self.owners else frozenset()


@dataclass(frozen=True, slots=True)
class _Wanted:
    """An argument; `nouns` are those of its tool.

    `id_of` says what it is the id of: `contact` for `contactId`, what the tool is about for `id`; empty if it is no id.
    """

    name: str
    schema: Mapping[str, Any]
    nouns: frozenset[str]
    words: tuple[str, ...]
    id_of: frozenset[str]

    @classmethod
    def of(cls, name: str, schema: Mapping[str, Any], nouns: frozenset[str]) -> _Wanted:
        words = words_of(name)
        id_of: frozenset[str] = frozenset()
        if words[-1:] and words[-1] in ID_WORDS:
            id_of = frozenset({singular(words[-2])}) if len(words) > 1 else nouns
        return cls(name, schema, nouns, words, id_of)


def _values(source: Source) -> Iterator[tuple[Shape, tuple[frozenset[str], ...]]]:
    """Yield the scalars of a source with what they belong to."""
    queue: list[tuple[Shape, tuple[frozenset[str], ...]]] = [(source.shape, (source.nouns,))]
    for shape, owners in queue:
        if shape.is_scalar:
            yield shape, owners
        if source.tool == FIRST_ARGUMENTS and shape is not source.shape:
            continue
        for inner in (*shape.properties, *((shape.items,) if shape.items is not None else ())):
            if inner.is_scalar:
                queue.append((inner, owners))
                continue
            noun = singular(inner.words[-1]) if inner.words else ""
            generic = not noun or inner.words[-1] in _GENERIC or inner is shape.items
            queue.append((inner, owners if generic else (frozenset({noun}), *owners)))


def _type_fits(wanted: frozenset[str], shape: Shape) -> bool:
    """Return whether a value has one of the types of an argument, of which none means any."""
    return not wanted or bool(shape.types & wanted) or ("number" in wanted and "integer" in shape.types)


def _value_fits(schema: Mapping[str, Any], shape: Shape, fits: Fits | None) -> bool:
    """Return whether a value can be valid for an argument: with `fits` by samples of it, else by its `enum`."""
    if shape.values:
        return fits is None or any(fits(schema, value) for value in shape.values[:_TRIED])
    enum = schema.get("enum")
    return not (isinstance(enum, list) and shape.enum) or any(value in enum for value in shape.enum)


def _points(wanted: _Wanted, candidate: _Candidate, ids: int) -> tuple[float, str]:
    """Return how well a value suits an argument, 0 if nothing speaks for it, and why.

    `ids` is the number of ids in its source.
    """
    shape, words, shape_words = candidate.shape, wanted.words, candidate.words
    id_of, is_own_id = wanted.id_of, candidate.is_own_id
    if shape.name == wanted.name and not candidate.depth:
        return _SAME_NAME, "the same name"
    if candidate.source.tool == FIRST_ARGUMENTS:
        return (_SAME_WORDS, "the same name") if shape_words == words else (0, "")
    if id_of and is_own_id:
        if id_of & candidate.owner:
            return _ID_OF, _id_of(min(id_of & candidate.owner))
        if words == shape_words and not (candidate.owner and wanted.nouns):
            return _SAME_WORDS, "the same name"
        if any(id_of & owner for owner in candidate.owners[1:]):
            return 0, ""  # the id of a part, where that of the whole is wanted
    elif shape_words == words:
        return _SAME_WORDS, "the same name"
    if id_of and shape.is_id and shape_words == words:
        return _SAME_WORDS, "the same name"
    description = wanted.schema.get("description")
    if id_of and shape.is_id and description and description == (shape.schema or {}).get("description"):
        return _DESCRIBED, "the same description"
    if len(words) == 1 and is_own_id and singular(words[0]) in candidate.owner:
        return _DESCRIBED, _id_of(singular(words[0]))
    if words and singular(words[-1]) in candidate.owner and shape_words in _NAMES:
        return _PART + 5, f"the {shape_words[0]} of {_a(singular(words[-1]))}"
    part = _part(words, shape_words, candidate.owner)
    if part:
        return part, "a similar name"
    enum = wanted.schema.get("enum")
    if isinstance(enum, list) and shape.enum and {*map(str, shape.enum)} <= {*map(str, enum)}:
        return _ENUM, "the same values"
    form = wanted.schema.get("format")
    if shape.form == "email" and (form == "email" or words[-1:] == ("email",)):
        return _FORM, "an e-mail address"
    if id_of and is_own_id:
        known = candidate.owner and (id_of - wanted.nouns or wanted.nouns)
        if ids == 1 and not known:
            return _ONLY_ID, "the only id"
    return 0, ""


def _id_of(noun: str) -> str:
    return f"the id of {_a(noun)}"


def _a(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _part(words: tuple[str, ...], others: tuple[str, ...], owner: frozenset[str]) -> float:
    """Return points for a name that is part of the other: `customerEmail` and `email`, of a customer best."""
    if not words or not others or words[-1] in ID_WORDS or others[-1] in ID_WORDS:
        return 0
    if words[-len(others) :] == others and len(words) > len(others):
        return _SAME_WORDS - 5 if {singular(word) for word in words[: -len(others)]} & owner else _PART
    if others[-len(words) :] == words:
        return _PART
    return 0
