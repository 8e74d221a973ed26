"""Decodes the bytes of a document, JSON or YAML, to JSON values, with only the harmless features of YAML.

YAML tags create no objects, aliases may not expand to more than `MOST_ITEMS` values, and scalars are resolved by the
rules of YAML 1.2 (`no` and `2020-01-01` are strings). A duplicate name in an object is reported as a problem; the
last one counts, as in most parsers.
"""

from __future__ import annotations

import json
import re
from typing import Any

from drio_tui.openapi_import.errors import EXTRA, BadDocument, DocumentProblem

MOST_ITEMS = 8_000_000
"""The maximum number of values in a document, counting those that aliases repeat each time."""

MOST_LEVELS = 200
"""The maximum nesting depth."""

_MOST_DUPLICATES = 20
"""The maximum number of duplicate names reported."""

_MARKUP = re.compile(rb"\s*<(?:!doctype|html|\?xml|!--)", re.IGNORECASE)


def parse(data: bytes) -> tuple[Any, list[DocumentProblem]]:
    """Return the value in `data` and its problems. Raises `BadDocument`."""
    if not data.strip():
        raise BadDocument("It is empty.")
    if _MARKUP.match(data):
        raise BadDocument(
            "It is a web page or XML, not an OpenAPI document.",
            "Give the address of the document itself, which often ends in openapi.json or openapi.yaml.",
        )
    if b"\x00" not in data[:4] and data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] not in (b"{", b"["):
        value, problems = _yaml(data)
    else:
        value, problems = _json(data)
    _check_depth(value)
    return value, problems


# --- JSON ----------------------------------------------------------------------------------------


def _json(data: bytes) -> tuple[Any, list[DocumentProblem]]:
    try:
        text = data.decode(json.detect_encoding(data)).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise BadDocument(f"It is not {error.encoding.upper()} text: byte {error.start} is wrong.") from None
    problems: list[DocumentProblem] = []

    def json_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        if len(result) != len(pairs):
            _report_duplicates(problems, [name for name, _ in pairs])
        return result

    def number(literal: str) -> float:
        value = float(literal)
        if value in (float("inf"), float("-inf")):
            raise BadDocument(f"The number {literal[:40]} is too large.")
        return value

    def constant(literal: str) -> Any:
        raise BadDocument(f"{literal} is not JSON.")

    try:
        return json.loads(text, object_pairs_hook=json_object, parse_float=number, parse_constant=constant), problems
    except json.JSONDecodeError as error:
        position = f"line {error.lineno}, column {error.colno}"
        if error.pos >= len(text.rstrip()) or "Unterminated string" in error.msg:
            raise BadDocument(
                f"It ends too early, at {position}: the file is cut off.", "Get the whole document, then try again."
            ) from None
        raise BadDocument(f"It is not JSON: {error.msg[:1].lower()}{error.msg[1:]} at {position}.") from None
    except RecursionError:
        raise BadDocument(f"It is nested more than {MOST_LEVELS} levels deep.") from None
    except ValueError:
        raise BadDocument("A whole number has more digits than can be read.") from None


def _report_duplicates(problems: list[DocumentProblem], names: list[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen and len(problems) < _MOST_DUPLICATES:
            problems.append(DocumentProblem(f"the name {name[:80]!r} occurs twice in one object; the last one counts"))
        seen.add(name)


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MOST_LEVELS):
        level = [
            item
            for container in level
            for item in (
                container.values() if type(container) is dict else container if type(container) is list else ()
            )
            if type(item) in (dict, list)
        ]
        if not level:
            return
        if len(level) > MOST_ITEMS:
            raise _too_many()
    raise BadDocument(f"It is nested more than {MOST_LEVELS} levels deep.")


def _too_many() -> BadDocument:
    return BadDocument(f"It has more than {MOST_ITEMS:,} values once its aliases are followed.")


# --- YAML ----------------------------------------------------------------------------------------

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


def _yaml(data: bytes) -> tuple[Any, list[DocumentProblem]]:
    try:
        import yaml
    except ImportError:
        raise BadDocument(
            "It is YAML, and reading YAML takes a package that is not installed.",
            f"Install it with `pip install '{EXTRA}'`, or give the document as JSON.",
        ) from None
    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    try:
        reader = loader(data)
        try:
            node = reader.get_single_node()
        finally:
            reader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        position = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise BadDocument(f"It is not YAML: {error.problem or error.context}{position}.") from None
    except yaml.YAMLError as error:
        raise BadDocument(f"It is not YAML: {' '.join(str(error).split())[:200]}.") from None
    except RecursionError:
        raise BadDocument(f"It is nested more than {MOST_LEVELS} levels deep.") from None
    except UnicodeDecodeError as error:
        raise BadDocument(f"It is not UTF-8 text: byte {error.start} is wrong.") from None
    if node is None:
        raise BadDocument("It is empty.")
    constructor = _Constructor()
    value, _ = constructor.construct(node, 0)
    return value, constructor.problems


class _Constructor:
    """Constructs values from YAML nodes. A node with aliases is constructed once and shared, but counted each time."""

    def __init__(self) -> None:
        self.problems: list[DocumentProblem] = []
        self._constructed: dict[int, tuple[Any, int]] = {}
        self._open: set[int] = set()

    def construct(self, node: Any, level: int) -> tuple[Any, int]:
        """Return the value of a node and the number of values in it."""
        kind: str = node.id
        if kind == "scalar":
            return self._scalar(node), 1
        cached = self._constructed.get(id(node))
        if cached is not None:
            return cached
        _check_tag(node)
        if id(node) in self._open:
            raise BadDocument(f"An alias holds itself, at line {node.start_mark.line + 1}.")
        if level >= MOST_LEVELS:
            raise BadDocument(f"It is nested more than {MOST_LEVELS} levels deep.")
        self._open.add(id(node))
        value, count = self._list(node, level) if kind == "sequence" else self._object(node, level)
        self._open.discard(id(node))
        if count > MOST_ITEMS:
            raise _too_many()
        self._constructed[id(node)] = value, count
        return value, count

    def _list(self, node: Any, level: int) -> tuple[list[Any], int]:
        values: list[Any] = []
        count = 1
        for item in node.value:
            value, size = self.construct(item, level + 1)
            values.append(value)
            count += size
        return values, count

    def _object(self, node: Any, level: int) -> tuple[dict[str, Any], int]:
        properties: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        names: list[str] = []
        count = 1
        for key, item in node.value:
            if key.id != "scalar":
                raise BadDocument(f"A name has to be a text, at line {key.start_mark.line + 1}.")
            value, size = self.construct(item, level + 1)
            count += size
            if key.value == "<<" and key.style not in _QUOTED:
                parts = value if isinstance(value, list) else [value]
                for part in reversed(parts):
                    if isinstance(part, dict):
                        merged |= part
                continue
            names.append(key.value)
            properties[key.value] = value
        if len(properties) != len(names):
            _report_duplicates(self.problems, names)
        return merged | properties, count + len(merged)

    def _scalar(self, node: Any) -> Any:
        text: str = node.value
        _check_tag(node)
        if node.style in _QUOTED:
            return text
        if text in _NULL:
            return None
        if text in _TRUE or text in _FALSE:
            return text in _TRUE
        if _INTEGER.fullmatch(text):
            return int(text)
        if _OCTAL_OR_HEX.fullmatch(text):
            return int(text[2:], 8 if text[1] == "o" else 16)
        if _FLOAT.fullmatch(text):
            value = float(text)
            if value in (float("inf"), float("-inf")):
                raise BadDocument(f"The number {text[:40]} is too large, at line {node.start_mark.line + 1}.")
            return value
        return text


def _check_tag(node: Any) -> None:
    name = node.tag.removeprefix(_TAGS) if isinstance(node.tag, str) else ""
    if name not in _ALLOWED_TAGS:
        raise BadDocument(f"The tag {name[:60]!r} is not allowed, at line {node.start_mark.line + 1}.")
