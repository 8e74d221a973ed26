"""Reads YAML as JSON values, with only the harmless features of YAML, and knows where each value is.

Tags create no objects, aliases may not expand to more values than the caller allows, and scalars are resolved by the
core schema of YAML 1.2: `no`, `on`, `1:30` and `2020-01-01` are strings. PyYAML is imported when a document is read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

MOST_LEVELS = 200
"""The maximum nesting depth."""

_MOST_DUPLICATES = 1000
"""The maximum number of duplicate names reported."""

Location = tuple[str | int, ...]
"""The location of a value, as names and indexes from the root."""


class YamlNotInstalled(Exception):
    """PyYAML is not installed."""


class YamlError(ValueError):
    """The text is not YAML, or uses a feature that is not allowed.

    `message` is a sentence without its full stop; `line` and `column` begin at 1, and are 0 if they are not known.
    """

    def __init__(self, message: str, line: int = 0, column: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column

    @classmethod
    def at(cls, node: Any, message: str) -> YamlError:
        """Return an error at the start of a node."""
        return cls(message, node.start_mark.line + 1, node.start_mark.column + 1)


class NotYaml(YamlError):
    """The text is not YAML; `message` is the parser's, not a sentence."""


class TooLarge(YamlError):
    """The document has too many values or levels."""


@dataclass(frozen=True, slots=True)
class DuplicateName:
    """A name that occurs twice in one object: the position of the second one, and the line of the first."""

    name: str
    line: int
    column: int
    first_line: int


def compose(data: bytes | str) -> Any:
    """Return the root node of the only document in `data`, None if it is empty.

    Raises `NotYaml`, `TooLarge`, `YamlNotInstalled`, and `UnicodeDecodeError`.
    """
    try:
        import yaml
    except ImportError:
        raise YamlNotInstalled from None
    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    try:
        reader = loader(data)
        try:
            return reader.get_single_node()
        finally:
            reader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        position = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        raise NotYaml(str(error.problem or error.context), *position) from None
    except yaml.YAMLError as error:
        raise NotYaml(" ".join(str(error).split())[:200]) from None
    except RecursionError:
        raise TooLarge(f"It is nested more than {MOST_LEVELS} levels deep") from None


# --- values --------------------------------------------------------------------------------------

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE = frozenset({"true", "True", "TRUE"})
_FALSE = frozenset({"false", "False", "FALSE"})
_INTEGER = re.compile(r"[-+]?[0-9]{1,4000}")
_OCTAL_OR_HEX = re.compile(r"0o[0-7]{1,4000}|0x[0-9a-fA-F]{1,4000}")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_QUOTED = frozenset({"'", '"', "|", ">"})
_TAGS = "tag:yaml.org,2002:"
_ALLOWED_TAGS = frozenset(
    {"", "!", "?", "str", "int", "float", "bool", "null", "timestamp", "seq", "map", "merge", "value", "binary"}
)


def _finite_float(literal: str) -> float:
    value = float(literal)
    if value in (float("inf"), float("-inf")):
        raise YamlError(f"The number {literal[:40]} is too large")
    return value


def plain_value(text: str, parse_float: Callable[[str], Any] = _finite_float) -> Any:
    """Return the value of a scalar without quotes."""
    if text in _NULL:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if _INTEGER.fullmatch(text):
        return int(text)
    if _OCTAL_OR_HEX.fullmatch(text):
        return int(text[2:], 8 if text[1] == "o" else 16)
    return parse_float(text) if _FLOAT.fullmatch(text) else text


class Constructor:
    """Constructs JSON values from nodes. A node with aliases is constructed once and shared, but counted each time.

    `duplicates` are the names that occur twice in an object, of which the last one counts. `parse_float` returns the
    value of a number with a fraction or an exponent, and raises `ValueError`.
    """

    def __init__(self, most_items: int, *, parse_float: Callable[[str], Any] = _finite_float) -> None:
        self.duplicates: list[DuplicateName] = []
        self._most_items = most_items
        self._parse_float = parse_float
        self._constructed: dict[int, tuple[Any, int]] = {}
        self._open: set[int] = set()

    def construct(self, node: Any) -> Any:
        """Return the value of a node. Raises `YamlError`."""
        return self._construct(node, 0)[0]

    def _construct(self, node: Any, level: int) -> tuple[Any, int]:
        """Return the value of a node and the number of values in it."""
        kind: str = node.id
        if kind == "scalar":
            return self._scalar(node), 1
        cached = self._constructed.get(id(node))
        if cached is not None:
            return cached
        _check_tag(node)
        if id(node) in self._open:
            raise YamlError.at(node, "An alias holds itself")
        if level >= MOST_LEVELS:
            raise TooLarge(f"It is nested more than {MOST_LEVELS} levels deep")
        self._open.add(id(node))
        value, count = self._list(node, level) if kind == "sequence" else self._object(node, level)
        self._open.discard(id(node))
        if count > self._most_items:
            raise TooLarge(f"It has more than {self._most_items:,} values once its aliases are followed")
        self._constructed[id(node)] = value, count
        return value, count

    def _list(self, node: Any, level: int) -> tuple[list[Any], int]:
        values: list[Any] = []
        count = 1
        for item in node.value:
            value, size = self._construct(item, level + 1)
            values.append(value)
            count += size
        return values, count

    def _object(self, node: Any, level: int) -> tuple[dict[str, Any], int]:
        properties: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        keys: list[Any] = []
        count = 1
        for key, item in node.value:
            if key.id != "scalar":
                raise YamlError.at(key, "A name has to be a text")
            value, size = self._construct(item, level + 1)
            count += size
            if _is_merge(key):
                for part in reversed(value if isinstance(value, list) else [value]):
                    if isinstance(part, dict):
                        merged |= part
                continue
            keys.append(key)
            properties[key.value] = value
        if len(properties) != len(keys):
            self.duplicates += islice(duplicate_names(keys), _MOST_DUPLICATES - len(self.duplicates))
        return merged | properties, count + len(merged)

    def _scalar(self, node: Any) -> Any:
        _check_tag(node)
        if node.style in _QUOTED:
            return node.value
        try:
            return plain_value(node.value, self._parse_float)
        except ValueError as error:
            raise YamlError.at(node, str(error)) from None


def duplicate_names(keys: Iterable[Any]) -> Iterator[DuplicateName]:
    """Yield the names that occur more than once among the key nodes of an object."""
    first: dict[str, Any] = {}
    for key in keys:
        known = first.setdefault(key.value, key)
        if known is not key:
            mark = key.start_mark
            yield DuplicateName(key.value, mark.line + 1, mark.column + 1, known.start_mark.line + 1)


def _check_tag(node: Any) -> None:
    name = node.tag.removeprefix(_TAGS) if isinstance(node.tag, str) else ""
    if name not in _ALLOWED_TAGS:
        raise YamlError.at(node, f"The tag {name[:60]!r} is not allowed")


def _is_merge(key: Any) -> bool:
    return key.value == "<<" and key.style not in _QUOTED


# --- positions -----------------------------------------------------------------------------------


def position_of(root: Any, location: Sequence[str | int]) -> tuple[int, int, int]:
    """Return line and column of the value at `location`, or of the nearest value around it that is there.

    For a property it is the position of its name. The third number is how many steps of `location` were found.
    """
    node, mark = root, root.start_mark
    for depth, step in enumerate(location):
        found = _child(node, step)
        if found is None:
            return mark.line + 1, mark.column + 1, depth
        node, mark = found
    return mark.line + 1, mark.column + 1, len(location)


def _child(node: Any, step: str | int) -> tuple[Any, Any] | None:
    """Return the node of a property or item, and the mark where it begins."""
    if node.id == "sequence":
        is_index = isinstance(step, int) and 0 <= step < len(node.value)
        return (node.value[step], node.value[step].start_mark) if is_index else None
    if node.id != "mapping":
        return None
    for key, value in reversed(node.value):
        if key.value == step and not _is_merge(key):
            return value, key.start_mark
    for key, value in node.value:
        if _is_merge(key):
            for part in value.value if value.id == "sequence" else [value]:
                if part.id == "mapping" and (found := _child(part, step)) is not None:
                    return found
    return None
