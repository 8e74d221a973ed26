"""A test of a tool: arguments, and what is expected of the result.

    {"name": "finds anna", "arguments": {"q": "anna"},
     "expect": {"status": "ok", "values": [{"path": "$.results[0].id", "equals": "c1"}], "slots": ["rows"]}}

Properties that are not known are kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from drio_tui.api.json_codec import Document
from drio_tui.schema import patterns
from drio_tui.schema.check import deep_errors
from drio_tui.schema.fields import Field, SchemaReader

NAME_MAX = 200
CHECKS = ("equals", "exists", "matches", "count")
"""What can be expected of the values at a path."""

_LIMIT: Document = {"type": "integer", "minimum": 1}
TEST_SCHEMA: Document = {
    "type": "object",
    "title": "Test",
    "description": "A call of a tool, and what is expected of its result.",
    "properties": {
        "name": {
            "type": "string", "minLength": 1, "maxLength": NAME_MAX, "title": "Name",
            "description": "What it shows; the tests of a tool have different names.", "examples": ["finds anna"],
        },
        "arguments": {"title": "Arguments", "description": "The arguments of the call: an object, of any values."},
        "expect": {
            "type": "object",
            "title": "Expect",
            "description": "What is expected of the result.",
            "properties": {
                "status": {
                    "type": "string", "enum": ["ok", "error"], "title": "Status",
                    "description": "Whether the call succeeds; ok when left out.",
                },
                "contains": {"type": "string", "title": "Contains", "description": "A text of the result or error."},
                "values": {
                    "type": "array",
                    "title": "Values",
                    "description": "What is expected of values of the result.",
                    "items": {
                        "type": "object",
                        "title": "Value",
                        "properties": {
                            "path": {
                                "type": "string", "format": "jsonpath", "title": "Path",
                                "examples": ["$.results[0].id"],
                                "description": "A JSONPath, as in the field mappings of the widget.",
                            },
                            "equals": {
                                "title": "Equals", "description": "The value, or the list of all values at the path.",
                            },
                            "exists": {"type": "boolean", "title": "Exists", "description": "Whether there is one."},
                            "matches": {
                                "type": "string", "title": "Matches",
                                "description": "A regular expression that the text of each value matches.",
                            },
                            "count": {
                                "type": "integer", "minimum": 0, "title": "Count",
                                "description": "How many values there are, or items where it is one list.",
                            },
                        },
                        "required": ["path"],
                        "additionalProperties": True,
                    },
                },
                "slots": {
                    "type": "array", "items": {"type": "string", "minLength": 1}, "title": "Slots",
                    "description": "Slots of the widget that the result fills.", "examples": [["title", "rows"]],
                },
                "maxSeconds": {
                    "type": "number", "exclusiveMinimum": 0, "title": "Max seconds",
                    "description": "The longest that the call takes.",
                },
                "maxBytes": {**_LIMIT, "title": "Max bytes", "description": "The largest result, as JSON."},
                "maxTokens": {
                    **_LIMIT, "title": "Max tokens", "description": "About what the result costs a model at most.",
                },
            },
            "additionalProperties": True,
        },
    },
    "required": ["name"],
    "additionalProperties": True,
}  # fmt: skip
"""The JSON Schema of a test."""

Problem = tuple[tuple[str | int, ...], str]
"""Where in a test something is wrong, and the end of a sentence that says what."""


@dataclass(frozen=True, slots=True)
class ToolTest:
    """A test of the tool with the key `tool`; `raw` is its JSON. Texts are not sanitized."""

    tool: str
    raw: Document = field(repr=False)

    @property
    def name(self) -> str:
        return str(self.raw.get("name") or "")

    @property
    def arguments(self) -> Document:
        return _object(self.raw.get("arguments"))

    @property
    def expect(self) -> Document:
        return _object(self.raw.get("expect"))


@cache
def form_field() -> Field:
    """Return a test as a form field."""
    return SchemaReader(TEST_SCHEMA).field(TEST_SCHEMA)


def problems_of(raw: Any) -> Iterator[Problem]:
    """Yield what is wrong with the JSON of a test."""
    invalid = [*deep_errors(form_field(), raw)]
    yield from invalid
    if invalid:
        return
    if not isinstance(raw.get("arguments", {}), dict):
        yield ("arguments",), "must be an object"
    for index, value in enumerate(_object(raw.get("expect")).get("values") or ()):
        location = ("expect", "values", index)
        if not any(name in value for name in CHECKS):
            yield location, f"needs one of {', '.join(CHECKS)}"
        if "matches" in value and not patterns.can_match(value["matches"], ""):
            yield (*location, "matches"), "is no regular expression, or one that could take too long"


def repeated_names(tests: Sequence[Any]) -> Iterator[int]:
    """Yield the indexes of tests of one tool whose name an earlier one has."""
    seen: set[str] = set()
    for index, raw in enumerate(tests):
        name = raw.get("name") if isinstance(raw, dict) else None
        if isinstance(name, str):
            if name in seen:
                yield index
            seen.add(name)


def _object(value: Any) -> Document:
    return value if isinstance(value, dict) else {}
