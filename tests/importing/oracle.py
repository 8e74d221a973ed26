"""What a document says a request of an operation has to be, found without any code of the program's.

From the document alone: values for the parameters and the body, and the request that they make.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, unquote

METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}


def count(document: Any) -> int:
    """How many operations a document has."""
    return sum(len(METHODS & item.keys()) for item in document["paths"].values())


@dataclass
class Wanted:
    """A request as it has to arrive, and the values it is made from by place and name."""

    method: str
    path: str
    query: list[tuple[str, str]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None
    values: dict[tuple[str, str], Any] = field(default_factory=dict)

    def arguments(self, schema: Any) -> dict[str, Any]:
        """The values under the names that a tool's input schema (with its hints) has for their places."""
        found: dict[str, Any] = {}
        for name, part in schema["properties"].items():
            where, called = part["x-in"], part.get("x-name", name)
            if part.get("x-whole"):
                found[name] = self.body
            elif where == "body" and isinstance(self.body, dict) and called in self.body:
                found[name] = self.body[called]
            elif (where, called) in self.values:
                found[name] = self.values[where, called]
        return found

    def differences(self, method: str, target: str, headers: dict[str, str], body: bytes, base: str) -> list[str]:
        """How a recorded request (its target below `base`) differs; nothing when it is what was wanted."""
        path, _, query = target.partition("?")
        told = []
        for what, seen, wanted in (
            ("method", method, self.method),
            ("path", unquote(path), unquote(base + self.path)),
            ("query", sorted(parse_qsl(query, keep_blank_values=True)), sorted(self.query)),
            ("headers", {name: headers.get(name) for name in self.headers}, self.headers),
            ("body", json.loads(body) if body else None, self.body),
        ):
            if seen != wanted:
                told.append(f"{what}: {seen!r}, not {wanted!r}")
        return told


def wanted(document: Any, path: str, method: str) -> Wanted:
    """A request of an operation, every parameter given."""
    item = document["paths"][path]
    operation = item[method]
    made = Wanted(method.upper(), path)
    listed = [_resolved(document, one) for one in (*item.get("parameters", ()), *operation.get("parameters", ()))]
    for one in {(one["in"], one["name"]): one for one in listed}.values():
        where, name = one["in"], one["name"]
        value = _value(document, one.get("schema", {}))
        if where == "header" and not _text(value).isascii():
            value = "a b/c"
        if where == "path":
            made.path = made.path.replace(f"{{{name}}}", quote(_text(value), safe=""))
        elif where == "query":
            several = isinstance(value, list)
            if several and one.get("explode") is False:
                value = ",".join(map(_text, value))
            made.query += [(name, _text(part)) for part in (value if isinstance(value, list) else [value])]
        elif where == "header" and name.lower() not in ("accept", "content-type", "authorization"):
            made.headers[name.lower()] = _text(value)
        made.values[where, name] = value
    body = _resolved(document, operation.get("requestBody") or {})
    for kind, media in body.get("content", {}).items():
        if kind == "application/json":
            made.body = _value(document, media.get("schema", {}))
    return made


def with_everything(document: Any) -> Iterator[tuple[str, str]]:
    """The operations (path, method), those first that have most kinds of things: path, query, header, body."""

    def kinds(path: str, method: str) -> int:
        item = document["paths"][path]
        operation = item[method]
        listed = [_resolved(document, one) for one in (*item.get("parameters", ()), *operation.get("parameters", ()))]
        return -len({one["in"] for one in listed} | ({"body"} if "requestBody" in operation else set()))

    found = [(path, method) for path, item in document["paths"].items() for method in item if method in METHODS]
    yield from sorted(found, key=lambda one: kinds(*one))


def _resolved(document: Any, value: Any) -> Any:
    while isinstance(value, dict) and "$ref" in value:
        place = document
        for step in value["$ref"].removeprefix("#/").split("/"):
            place = place[step.replace("~1", "/").replace("~0", "~")]
        value = place
    return value


def _value(document: Any, schema: Any, depth: int = 0) -> Any:
    """A value that fits a schema of the plain sort."""
    schema = _resolved(document, schema)
    if not isinstance(schema, dict):
        return "any"
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    for word in ("anyOf", "oneOf"):
        if word in schema:
            first, *others = (_resolved(document, one) for one in schema[word])
            merged = {**_without(schema, word), **first}
            # Only one of them may fit: what only others ask for is left out.
            unwanted = {name for one in others for name in one.get("required", ())} - {*first.get("required", ())}
            kept = {name: part for name, part in merged.get("properties", {}).items() if name not in unwanted}
            return _value(document, {**merged, "properties": kept} if kept else merged, depth)
    if "allOf" in schema:
        merged: Any = _without(schema, "allOf")
        for part in schema["allOf"]:
            part = _resolved(document, part)
            merged = {
                **merged, **part,
                "properties": {**merged.get("properties", {}), **part.get("properties", {})},
                "required": [*merged.get("required", ()), *part.get("required", ())],
            }  # fmt: skip
        return _value(document, merged, depth)
    kind = schema.get("type", "object" if "properties" in schema else "string")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        required = schema.get("required", [])
        names = [name for name in schema.get("properties", {}) if name in required or depth < 1]
        parts = {name: _resolved(document, schema["properties"][name]) for name in names}
        return {
            name: _value(document, part, depth + 1)
            for name, part in parts.items()
            if not (isinstance(part, dict) and part.get("readOnly"))
        }
    if kind == "array":
        return [_value(document, schema.get("items", {}), depth + 1)] * max(1, schema.get("minItems", 1))
    if kind == "integer":
        return schema.get("minimum", 3)
    if kind == "number":
        return schema.get("minimum", 2.5)
    if kind == "boolean":
        return True
    if kind == "null":
        return None
    for text in (*_TEXTS, "x" * schema.get("minLength", 1)):
        if schema.get("format") in _FORMATS:
            text = _FORMATS[schema["format"]]
        text = text.ljust(schema.get("minLength", 0), "x")[: schema.get("maxLength", 1_000)]
        if re.search(schema.get("pattern", ""), text):
            return text
    raise ValueError(f"no text at hand fits {schema}")


_FORMATS = {
    "date-time": "2026-01-02T03:04:05Z",
    "date": "2026-01-02",
    "uri": "https://a.example/b%20c",
    "email": "ada@example.com",
    "uuid": "6fa459ea-ee8a-3ca4-894e-db77e160355e",
}
_TEXTS = (
    "a/b c?é&d", "abc", "2026-01-02T03:04:05Z", f"sha256:{'a' * 64}", "/things", "#0f172a", "https://a.example/b",
    "12", "a" * 40,
)  # fmt: skip


def _without(schema: Any, word: str) -> Any:
    return {name: value for name, value in schema.items() if name != word}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
