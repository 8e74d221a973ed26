"""One file of a document: its value, and the line and column of every value in it.

YAML takes PyYAML (the extra `yaml`); JSON is read without it.
"""

from __future__ import annotations

import json
import re
import stat
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from drio_tui.api import json_codec, yaml_reader
from drio_tui.api.yaml_reader import Location
from drio_tui.manifest.problems import DocumentProblem
from drio_tui.storage.files import os_error_text

EXTRA = "drio-tui[yaml]"
"""The package's extra with the YAML parsers."""
INSTALL_HINT = f"Install it with `pip install '{EXTRA}'`, or use JSON."
LARGEST_FILE = 32 << 20
"""The most bytes of one file."""
MOST_ITEMS = 1_000_000
"""The most values in one file, counting those that aliases repeat each time."""


class BadSource(Exception):
    """The file cannot be read; `problems` say why."""

    def __init__(self, *problems: DocumentProblem) -> None:
        super().__init__()
        self.problems = problems


@dataclass(frozen=True)
class Source:
    """A file of a document. `name` is its path relative to the document's directory, `data` its bytes."""

    name: str
    path: Path
    data: bytes
    value: Any
    _root: Any = None

    def position(self, location: Location) -> tuple[int, int, int]:
        """Return line and column of a value, or of the nearest one around it, and how many steps were found."""
        return yaml_reader.position_of(self._nodes, location)

    @cached_property
    def _nodes(self) -> Any:
        return self._root if self._root is not None else json_nodes(decode_json(self.data))


def read_bytes(path: Path, name: str) -> bytes:
    """Return the content of a plain file. Raises `BadSource`."""
    try:
        info = path.stat()
        if not stat.S_ISREG(info.st_mode):
            raise BadSource(DocumentProblem("It is not a plain file.", name))
        if info.st_size > LARGEST_FILE:
            raise BadSource(DocumentProblem(f"It has more than {LARGEST_FILE >> 20} MB.", name))
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise BadSource(DocumentProblem(f"It cannot be read: {os_error_text(error)}.", name)) from None


def read_source(path: Path, name: str) -> Source:
    """Read a YAML or JSON file; the suffix decides which. Raises `BadSource` with all problems found."""
    return parse_source(read_bytes(path, name), path, name)


def parse_source(data: bytes, path: Path, name: str) -> Source:
    """Return the source with these bytes. Raises `BadSource` with all problems found."""
    if path.suffix.lower() == ".json":
        return Source(name, path, data, _json_value(data, name))
    constructor = yaml_reader.Constructor(MOST_ITEMS, parse_float=json_codec.parse_number)
    try:
        root = yaml_reader.compose(data)
        value = constructor.construct(root) if root is not None else None
    except yaml_reader.YamlNotInstalled:
        message = f"Reading YAML takes a package that is not installed. {INSTALL_HINT}"
        raise BadSource(DocumentProblem(message, name, code="yaml_not_installed")) from None
    except yaml_reader.YamlError as error:
        message = f"It is not YAML: {error.message}" if isinstance(error, yaml_reader.NotYaml) else error.message
        raise BadSource(DocumentProblem(f"{message}.", name, error.line, error.column, code="syntax")) from None
    except UnicodeDecodeError as error:
        message = f"It is not UTF-8 text: byte {error.start} is wrong."
        raise BadSource(DocumentProblem(message, name, code="syntax")) from None
    if constructor.duplicates:
        raise BadSource(*(_duplicate(name, duplicate) for duplicate in constructor.duplicates))
    return Source(name, path, data, value, root)


def _duplicate(file: str, duplicate: yaml_reader.DuplicateName) -> DocumentProblem:
    message = f"The name {duplicate.name[:80]!r} occurs twice in one object; it is in line {duplicate.first_line} too."
    return DocumentProblem(message, file, duplicate.line, duplicate.column, code="duplicate_name")


# --- JSON ----------------------------------------------------------------------------------------

_POSITION = re.compile(r"(.*) at line (\d+), column (\d+)", re.DOTALL)
_TOKEN = re.compile(r'[ \t\r\n]*(?:([{}\[\],:])|("(?:[^"\\]|\\.)*")|([^\s{}\[\],:"]+))')


def decode_json(data: bytes) -> str:
    """Return JSON as text, without a byte order mark. Raises `UnicodeDecodeError`."""
    return data.decode(json.detect_encoding(data), "surrogatepass").removeprefix("\ufeff")


def _json_value(data: bytes, name: str) -> Any:
    if not data.strip():
        return None
    try:
        return json_codec.loads(data)
    except json_codec.MalformedJson as error:
        text = _syntax_error(data) if isinstance(error, json_codec.RepeatedName) else str(error)
        if not text:
            raise BadSource(*(_duplicate(name, item) for item in _duplicates(json_nodes(decode_json(data))))) from None
        match = _POSITION.fullmatch(text)
        message, line, column = (match[1], int(match[2]), int(match[3])) if match else (text, 0, 0)
        message = f"It is not JSON: {message[:1].lower()}{message[1:]}."
        raise BadSource(DocumentProblem(message, name, line, column, code="syntax")) from None


def _syntax_error(data: bytes) -> str:
    """Return the syntax error in a JSON text that has a repeated name, empty if there is none."""
    try:
        json.loads(decode_json(data), parse_int=str, parse_float=str)
    except json.JSONDecodeError as error:
        return f"{error.msg} at line {error.lineno}, column {error.colno}"
    except RecursionError:
        return "nested too deeply to be read"
    return ""


@dataclass(frozen=True, slots=True)
class _Mark:
    line: int
    column: int
    index: int = 0


@dataclass(slots=True)
class JsonNode:
    """A JSON value with its position, in the form of PyYAML's nodes. `end` is the index behind it."""

    id: str
    start_mark: _Mark
    end: int
    value: Any = None
    style: str = '"'


def json_nodes(text: str) -> JsonNode:
    """Return the nodes of a JSON text without syntax errors."""
    line_starts = [0, *(match.end() for match in re.finditer("\n", text))]
    root = JsonNode("sequence", _Mark(0, 0), len(text), [])
    open_nodes = [root]
    key: JsonNode | None = None
    for match in _TOKEN.finditer(text):
        group = match.lastindex or 0
        token, offset = match[group], match.start(group)
        if token in ("]", "}"):
            open_nodes.pop().end = offset + 1
            continue
        if token in (",", ":"):
            continue
        line = bisect_right(line_starts, offset) - 1
        mark, end = _Mark(line, offset - line_starts[line], offset), offset + len(token)
        parent = open_nodes[-1]
        if parent.id == "mapping" and key is None:
            key = JsonNode("scalar", mark, end, json.loads(token))
            continue
        is_container = token in ("{", "[")
        kind = "scalar" if not is_container else "mapping" if token == "{" else "sequence"  # noqa: S105
        node = JsonNode(kind, mark, end, [] if is_container else token)
        parent.value.append(node if key is None else (key, node))
        key = None
        if is_container:
            open_nodes.append(node)
    return root.value[0] if root.value else root


def _duplicates(node: JsonNode) -> list[yaml_reader.DuplicateName]:
    if node.id == "sequence":
        return [duplicate for item in node.value for duplicate in _duplicates(item)]
    if node.id != "mapping":
        return []
    duplicates = list(yaml_reader.duplicate_names(key for key, _ in node.value))
    return duplicates + [duplicate for _, value in node.value for duplicate in _duplicates(value)]
