"""The bytes of a document as JSON values: JSON, or YAML read without any of its powers.

YAML's tags make no objects, its aliases may not multiply beyond `MOST_ITEMS` values, and plain words mean
what they mean in YAML 1.2 (`no` is a word, `2020-01-01` a text). A name that stands twice in one object is
told of and the last one counts, as most programs read it.
"""

from __future__ import annotations

import json
import re
from typing import Any

from drio_tui.openapi_import.errors import EXTRA, BadDocument, Problem

MOST_ITEMS = 8_000_000
"""Values in a document, those that aliases repeat counted each time."""

MOST_LEVELS = 200

_REPEATED = 20
_MARKUP = re.compile(rb"\s*<(?:!doctype|html|\?xml|!--)", re.IGNORECASE)


def parse(data: bytes) -> tuple[Any, list[Problem]]:
    """The value in `data`, and what is odd about it. Raises `BadDocument`."""
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


def _json(data: bytes) -> tuple[Any, list[Problem]]:
    try:
        text = data.decode(json.detect_encoding(data)).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise BadDocument(f"It is not {error.encoding.upper()} text: byte {error.start} is wrong.") from None
    problems: list[Problem] = []

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(found)
        if len(made) != len(found):
            _repeated(problems, [name for name, _ in found])
        return made

    def number(literal: str) -> float:
        value = float(literal)
        if value in (float("inf"), float("-inf")):
            raise BadDocument(f"The number {literal[:40]} is too large.")
        return value

    def constant(literal: str) -> Any:
        raise BadDocument(f"{literal} is not JSON.")

    try:
        return json.loads(text, object_pairs_hook=pairs, parse_float=number, parse_constant=constant), problems
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        if error.pos >= len(text.rstrip()) or "Unterminated string" in error.msg:
            raise BadDocument(
                f"It ends too early, at {place}: the file is cut off.", "Get the whole document, then try again."
            ) from None
        raise BadDocument(f"It is not JSON: {error.msg[:1].lower()}{error.msg[1:]} at {place}.") from None
    except RecursionError:
        raise BadDocument(f"It is nested more than {MOST_LEVELS} levels deep.") from None
    except ValueError:
        raise BadDocument("A whole number has more digits than can be read.") from None


def _repeated(problems: list[Problem], names: list[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen and len(problems) < _REPEATED:
            problems.append(Problem(f"the name {name[:80]!r} stands twice in one object; the last one counts"))
        seen.add(name)


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MOST_LEVELS):
        level = [
            item
            for outer in level
            for item in (outer.values() if type(outer) is dict else outer if type(outer) is list else ())
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
_BASED = re.compile(r"0o[0-7]{1,4000}|0x[0-9a-fA-F]{1,4000}")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_QUOTED = frozenset({"'", '"', "|", ">"})
_TAGS = "tag:yaml.org,2002:"
_SIMPLE = frozenset(
    {"", "!", "?", "str", "int", "float", "bool", "null", "timestamp", "seq", "map", "merge", "value", "binary"}
)


def _yaml(data: bytes) -> tuple[Any, list[Problem]]:
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
        place = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise BadDocument(f"It is not YAML: {error.problem or error.context}{place}.") from None
    except yaml.YAMLError as error:
        raise BadDocument(f"It is not YAML: {' '.join(str(error).split())[:200]}.") from None
    except RecursionError:
        raise BadDocument(f"It is nested more than {MOST_LEVELS} levels deep.") from None
    except UnicodeDecodeError as error:
        raise BadDocument(f"It is not UTF-8 text: byte {error.start} is wrong.") from None
    if node is None:
        raise BadDocument("It is empty.")
    maker = _Maker()
    value, _ = maker.make(node, 0)
    return value, maker.problems


class _Maker:
    """Values from YAML's nodes. What several aliases name is made once and shared, but counted each time."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self._made: dict[int, tuple[Any, int]] = {}
        self._open: set[int] = set()

    def make(self, node: Any, level: int) -> tuple[Any, int]:
        """The value of a node and how many values it holds."""
        kind: str = node.id
        if kind == "scalar":
            return self._scalar(node), 1
        known = self._made.get(id(node))
        if known is not None:
            return known
        _check_tag(node)
        if id(node) in self._open:
            raise BadDocument(f"An alias holds itself, at line {node.start_mark.line + 1}.")
        if level >= MOST_LEVELS:
            raise BadDocument(f"It is nested more than {MOST_LEVELS} levels deep.")
        self._open.add(id(node))
        made = self._list(node, level) if kind == "sequence" else self._object(node, level)
        self._open.discard(id(node))
        if made[1] > MOST_ITEMS:
            raise _too_many()
        self._made[id(node)] = made
        return made

    def _list(self, node: Any, level: int) -> tuple[list[Any], int]:
        found: list[Any] = []
        count = 1
        for item in node.value:
            value, size = self.make(item, level + 1)
            found.append(value)
            count += size
        return found, count

    def _object(self, node: Any, level: int) -> tuple[dict[str, Any], int]:
        found: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        names: list[str] = []
        count = 1
        for key, item in node.value:
            if key.id != "scalar":
                raise BadDocument(f"A name has to be a text, at line {key.start_mark.line + 1}.")
            value, size = self.make(item, level + 1)
            count += size
            if key.value == "<<" and key.style not in _QUOTED:
                parts = value if isinstance(value, list) else [value]
                for part in reversed(parts):
                    if isinstance(part, dict):
                        merged |= part
                continue
            names.append(key.value)
            found[key.value] = value
        if len(found) != len(names):
            _repeated(self.problems, names)
        return merged | found, count + len(merged)

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
        if _BASED.fullmatch(text):
            return int(text[2:], 8 if text[1] == "o" else 16)
        if _FLOAT.fullmatch(text):
            value = float(text)
            if value in (float("inf"), float("-inf")):
                raise BadDocument(f"The number {text[:40]} is too large, at line {node.start_mark.line + 1}.")
            return value
        return text


def _check_tag(node: Any) -> None:
    name = node.tag.removeprefix(_TAGS) if isinstance(node.tag, str) else ""
    if name not in _SIMPLE:
        raise BadDocument(f"The tag {name[:60]!r} is not allowed, at line {node.start_mark.line + 1}.")
