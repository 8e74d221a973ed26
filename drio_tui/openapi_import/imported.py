"""Digests of the values that an import wrote, by which an update tells the document's values from those of users.

They are stored in the integration, in `config.openapi.imported`, so that every user and every machine knows them:

    {"3fa1c27be0": "8c1f20aa 00 8c1f20aa …"}

The name is a digest of method and path: a path as a name could look like that of a secret. The value has one digest
for each of `MEMBERS`, in their order; `-` stands for a value that is not known to be imported.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from drio_tui.api.json_codec import dumps
from drio_tui.openapi_import.existing import Raw, call_text
from drio_tui.openapi_import.model import OperationDetail

Member = tuple[str, str]
"""A kind (`operation` or `tool`) and a property of it."""

MEMBERS: tuple[Member, ...] = (
    ("operation", "name"), ("operation", "description"), ("operation", "path"), ("operation", "inputSchema"),
    ("operation", "outputSchema"), ("tool", "name"), ("tool", "description"), ("tool", "annotations"),
)  # fmt: skip
"""What an import takes from the document, except for what identifies an operation."""

_UNKNOWN = "-"
_ABSENT = "00"


@dataclass(frozen=True, slots=True)
class Imported:
    """The digests of one operation and its tool."""

    digests: Mapping[Member, str]

    def knows(self, member: Member) -> bool:
        """Return whether the value was imported."""
        return member in self.digests

    def knows_any(self, kind: str) -> bool:
        """Return whether any value of the operation, or of its tool, was imported."""
        return any(member[0] == kind for member in self.digests)

    def equals(self, member: Member, value: Any) -> bool:
        """Return whether a value is the one that was imported; None counts as absent."""
        return self.digests.get(member) == _digest(value)

    def with_value(self, member: Member, value: Any) -> Imported:
        """Return a copy in which this value was imported."""
        return Imported({**self.digests, member: _digest(value)})

    def as_text(self) -> str:
        """Return the digests as they are stored."""
        return " ".join(self.digests.get(member, _UNKNOWN) for member in MEMBERS)


def parse(text: str) -> Imported:
    """Return the digests that `as_text` returned; those of a text of another version are unknown."""
    digests = text.split(" ")
    if len(digests) != len(MEMBERS):
        return Imported({})
    return Imported({member: digest for member, digest in zip(MEMBERS, digests, strict=True) if digest != _UNKNOWN})


def call_digest(method: str, path: str) -> str:
    """Return the name under which the digests of an operation are stored."""
    return hashlib.sha256(call_text(method, path).encode("utf-8", "replace")).hexdigest()[:10]


def document_value(detail: OperationDetail, member: Member) -> Any:
    """Return what the document says; None for nothing."""
    kind, name = member
    return (detail.operation if kind == "operation" else detail.tool).get(name)


def same_value(first: Any, second: Any) -> bool:
    """Return whether two values of a property are equal; None counts as absent, there and one level below."""
    return _canonical(first) == _canonical(second)


def updated(before: Imported, detail: OperationDetail, operation: Raw | None, tools: list[Raw] | None) -> Imported:
    """Return the digests after the document's values were written.

    `operation` and `tools` are the resources that the app keeps, with their values then; those that are created have
    all of the document's values: `operation` is None then, and `tools` too. What differs from the document stays as it
    was in `before`.
    """
    for member in MEMBERS:
        kind, name = member
        value = document_value(detail, member)
        if kind == "operation":
            equal = operation is None or same_value(operation.get(name), value)
        else:
            equal = tools is None or any(same_value(tool.get(name), value) for tool in tools)
        if equal:
            before = before.with_value(member, value)
    return before


def _digest(value: Any) -> str:
    text = _canonical(value)
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:8] if text else _ABSENT


def _canonical(value: Any) -> str:
    """Return the JSON of a value with sorted names and without properties that are null; empty for None."""
    if value is None:
        return ""
    if isinstance(value, Mapping):
        value = {name: item for name, item in value.items() if item is not None}
    return dumps(_sorted(value))


def _sorted(value: Any) -> Any:
    """Return a JSON value with the names of its objects in order."""
    if isinstance(value, dict):
        return {name: _sorted(value[name]) for name in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value
