"""Decodes the bytes of a document, JSON or YAML, to JSON values.

A duplicate name in an object is reported as a problem; the last one counts, as in most parsers.
"""

from __future__ import annotations

import json
import re
from typing import Any

from drio_tui.api import yaml_reader
from drio_tui.api.json_codec import repeated_names
from drio_tui.openapi_import.errors import EXTRA, BadDocument, DocumentProblem

MOST_ITEMS = 8_000_000
"""The maximum number of values in a document, counting those that aliases repeat each time."""

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
        for name in repeated_names(pairs, result):
            _report_duplicate(problems, name)
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
        raise BadDocument(f"It is nested more than {yaml_reader.MOST_LEVELS} levels deep.") from None
    except ValueError:
        raise BadDocument("A whole number has more digits than can be read.") from None


def _report_duplicate(problems: list[DocumentProblem], name: str) -> None:
    if len(problems) < _MOST_DUPLICATES:
        problems.append(DocumentProblem(f"the name {name[:80]!r} occurs twice in one object; the last one counts"))


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(yaml_reader.MOST_LEVELS):
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
    raise BadDocument(f"It is nested more than {yaml_reader.MOST_LEVELS} levels deep.")


def _too_many() -> BadDocument:
    return BadDocument(f"It has more than {MOST_ITEMS:,} values once its aliases are followed.")


# --- YAML ----------------------------------------------------------------------------------------


def _yaml(data: bytes) -> tuple[Any, list[DocumentProblem]]:
    constructor = yaml_reader.Constructor(MOST_ITEMS)
    try:
        node = yaml_reader.compose(data)
        if node is None:
            raise BadDocument("It is empty.")
        value = constructor.construct(node)
    except yaml_reader.YamlNotInstalled:
        raise BadDocument(
            "It is YAML, and reading YAML takes a package that is not installed.",
            f"Install it with `pip install '{EXTRA}'`, or give the document as JSON.",
        ) from None
    except yaml_reader.NotYaml as error:
        position = f" at line {error.line}, column {error.column}" if error.line else ""
        raise BadDocument(f"It is not YAML: {error.message}{position}.") from None
    except yaml_reader.YamlError as error:
        raise BadDocument(f"{error.message}{f', at line {error.line}' if error.line else ''}.") from None
    except UnicodeDecodeError as error:
        raise BadDocument(f"It is not UTF-8 text: byte {error.start} is wrong.") from None
    problems: list[DocumentProblem] = []
    for duplicate in constructor.duplicates:
        _report_duplicate(problems, duplicate.name)
    return value, problems
