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

import regex

METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}


def count(document: Any) -> int:
    """How many operations a document has."""
    return sum(len(METHODS & item.keys()) for item in document["paths"].values())


@dataclass
class Wanted:
    """A request as it has to arrive, and the values it is made from by place and name.

    `body` is the body's value, `media_type` what it is sent as, `form` its pairs where that is a form.
    """

    method: str
    path: str
    query: list[tuple[str, str]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None
    media_type: str = ""
    form: list[tuple[str, str]] = field(default_factory=list)
    values: dict[tuple[str, str], Any] = field(default_factory=dict)

    def arguments(self, schema: Any) -> dict[str, Any]:
        """The values under the names that a tool's input schema (with its hints) has for their places."""
        found: dict[str, Any] = {}
        in_path = [value for (where, _), value in self.values.items() if where == "path"]
        for name, part in schema["properties"].items():
            where, called = part["x-in"], part.get("x-name", name)
            if where == "path":
                found[name] = in_path.pop(0)  # what they are called there is nobody's business
            elif part.get("x-whole"):
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
            ("path", segments(path), segments(base + self.path)),
            ("query", sorted(parse_qsl(query, keep_blank_values=True)), sorted(self.query)),
            ("headers", {name: headers.get(name) for name in self.headers}, self.headers),
            ("content type", essence(headers.get("content-type", "")), essence(self.media_type)),
            ("body", *self._bodies(body)),
        ):
            if seen != wanted:
                told.append(f"{what}: {seen!r}, not {wanted!r}")
        return told

    def _bodies(self, body: bytes) -> tuple[Any, Any]:
        kind = essence(self.media_type)
        if kind == FORM:
            return sorted(parse_qsl(body.decode(), keep_blank_values=True)), sorted(self.form)
        if kind.startswith("text/"):
            return body.decode(), self.body
        return json.loads(body) if body else None, self.body


FORM = "application/x-www-form-urlencoded"


def essence(media_type: str) -> str:
    """A media type without its parameters."""
    return media_type.partition(";")[0].strip().lower()


def segments(path: str) -> list[str]:
    """The segments of a path, decoded."""
    return [unquote(one) for one in path.split("/")]


def operation_of(document: Any, path: str, method: str) -> tuple[list[Any], Any]:
    """The parameters of an operation (its path item's first) and itself."""
    item = _resolved(document, document["paths"][path])
    operation = item[method]
    listed = [_resolved(document, one) for one in (*item.get("parameters", ()), *operation.get("parameters", ()))]
    return [*{(one["in"], one["name"]): one for one in listed}.values()], operation


def media_of(content: dict[str, Any]) -> str:
    """The media type of a body that can be sent: JSON of any kind, a form, a text; empty where there is none."""
    for fits in (
        lambda kind: kind == "application/json",
        lambda kind: kind.endswith("+json") and kind != "multipart/related+json",
        lambda kind: kind == FORM,
        lambda kind: kind == "text/plain",
    ):
        for kind in content:
            if fits(essence(kind)):
                return kind
    return ""


def unsendable(document: Any, path: str, method: str) -> bool:
    """Whether no program without cookies and uploads can call the operation."""
    parameters, operation = operation_of(document, path, method)
    content = _resolved(document, operation.get("requestBody") or {}).get("content", {})
    return bool(content and not media_of(content)) or any(
        one["in"] == "cookie" and one.get("required") for one in parameters
    )


def wanted(document: Any, path: str, method: str, choice: int = 0) -> Wanted:
    """A request of an operation, every parameter given; of alternatives the one of that number."""
    parameters, operation = operation_of(document, path, method)
    plain, _, fixed = path.partition("?")
    made = Wanted(method.upper(), plain, parse_qsl(fixed, keep_blank_values=True))
    for one in parameters:
        where, name = one["in"], one["name"]
        content = one.get("content")
        schema = next(iter(content.values()))["schema"] if content else one.get("schema", {})
        value = _value(document, schema, choice=choice)
        if where == "path" and value is None:
            value = _value(document, schema)
        if where == "header" and not _text(value).isascii():
            value = "a b/c"
        if where == "path":
            made.path = _filled(made.path, name, value)
        elif where == "query" and content:
            made.query.append((name, json.dumps(value, separators=(",", ":"))))
        elif where == "query":
            made.query += styled(name, value, one.get("style", "form"), one.get("explode"))
        elif where == "header" and name.lower() not in ("accept", "content-type", "authorization"):
            made.headers[name.lower()] = _text(value)
        made.values[where, name] = value
    content = _resolved(document, operation.get("requestBody") or {}).get("content", {})
    if kind := media_of(content):
        made.media_type = kind
        made.body = _value(document, content[kind].get("schema", {}), choice=choice)
    if essence(made.media_type) == FORM:
        encoding = content[kind].get("encoding", {})
        for name, value in made.body.items():
            how = encoding.get(name)
            if how:
                made.form += styled(name, value, how.get("style", "form"), how.get("explode"))
            else:
                made.form += [(name, _text(part)) for part in (value if isinstance(value, list) else [value])]
    return made


def styled(name: str, value: Any, style: str, explode: bool | None) -> list[tuple[str, str]]:
    """What a server reads of a parameter: OpenAPI 3.1, Style Values; brackets for what deepObject leaves open."""
    explode = style == "form" if explode is None else explode
    if value is None:
        return []
    if style == "deepObject":
        return _bracketed(name, value)
    if isinstance(value, list):
        if explode:
            return [(name, _text(one)) for one in value]
        return [(name, {"form": ",", "spaceDelimited": " ", "pipeDelimited": "|"}[style].join(map(_text, value)))]
    if isinstance(value, dict):
        if explode:
            return [(member, _text(one)) for member, one in value.items()]
        return [(name, ",".join(_text(each) for two in value.items() for each in two))]
    return [(name, _text(value))]


def _bracketed(name: str, value: Any) -> list[tuple[str, str]]:
    if isinstance(value, dict):
        return [pair for member, one in value.items() for pair in _bracketed(f"{name}[{member}]", one)]
    if isinstance(value, list):
        return [pair for one in value for pair in _bracketed(f"{name}[]", one)]
    return [(name, _text(value))]


def _filled(path: str, name: str, value: Any) -> str:
    """The path with a value for `{name}`, `{name:…}` or `{+name}`, which keeps slashes."""
    for template in re.findall(r"\{[^/]*?\}(?=[/.:]|$)", path):
        inner = template[1:-1]
        if inner == f"+{name}":
            return path.replace(template, quote(_text(value), safe="/"))
        if inner == name or inner.partition(":")[0] == name:
            return path.replace(template, quote(_text(value), safe=""))
    raise ValueError(f"{name} is not in {path}")


def answers(document: Any, path: str, method: str) -> Iterator[tuple[int, str, bytes]]:
    """Every declared answer of 2xx as a server may give it: the status, the media type and a body."""
    _, operation = operation_of(document, path, method)
    for status, response in operation.get("responses", {}).items():
        content = _resolved(document, response).get("content", {})
        if status.startswith("2"):
            for kind, media in content.items():
                value = _value(document, media.get("schema", {}))
                plain = essence(kind).startswith("text/")
                yield int(status), kind, (_text(value) if plain else json.dumps(value)).encode()
            if not content:
                yield int(status), "", b""


def accepted(document: Any, path: str, method: str) -> set[str]:
    """The media types of the declared answers of 2xx."""
    return {essence(kind) for _, kind, _ in answers(document, path, method) if kind}


def with_everything(document: Any) -> Iterator[tuple[str, str]]:
    """The operations (path, method), those first that have most kinds of resources: path, query, header, body."""

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


def _value(document: Any, schema: Any, depth: int = 0, choice: int = 0) -> Any:
    """A value that fits a schema of the plain sort."""
    schema = _resolved(document, schema)
    if not isinstance(schema, dict):
        return "any"
    if "const" in schema:
        return schema["const"]
    kind = schema.get("type", "object" if "properties" in schema else "string")
    kind = kind[0] if isinstance(kind, list) else kind
    if schema.get("enum"):
        value = schema["enum"][0]
        if kind == "string" and "type" in schema and not isinstance(value, str):
            return _text(value)  # written without quotes in YAML
        return int(value) if kind == "integer" else value
    for word in ("anyOf", "oneOf"):
        if word in schema:
            options = [_resolved(document, one) for one in schema[word]]
            first = options.pop(choice % len(options))
            merged = {**_without(schema, word), **first}
            # Only one of them may fit: what only others ask for is left out.
            unwanted = {name for one in options for name in one.get("required", ())} - {*first.get("required", ())}
            kept = {name: part for name, part in merged.get("properties", {}).items() if name not in unwanted}
            return _value(document, {**merged, "properties": kept} if kept else merged, depth, choice)
    if "allOf" in schema:
        merged: Any = _without(schema, "allOf")
        for part in schema["allOf"]:
            part = _resolved(document, part)
            merged = {
                **merged, **part,
                "properties": {**merged.get("properties", {}), **part.get("properties", {})},
                "required": [*merged.get("required", ()), *part.get("required", ())],
            }  # fmt: skip
        return _value(document, merged, depth, choice)
    if kind == "object":
        required = schema.get("required", [])
        properties = {name: {} for name in required} | schema.get("properties", {})
        names = [name for name in properties if name in required or depth < 1]
        parts = {name: _resolved(document, properties[name]) for name in names}
        return {
            name: _value(document, part, depth + 1, choice)
            for name, part in parts.items()
            if not (isinstance(part, dict) and part.get("readOnly"))
        }
    if kind == "array":
        positions = schema.get("prefixItems") or schema.get("items")
        if isinstance(positions, list):
            return [_value(document, one, depth + 1, choice) for one in positions]
        return [_value(document, schema.get("items", {}), depth + 1, choice)] * max(1, schema.get("minItems", 1))
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
        if _matches(schema.get("pattern", ""), text):
            return text
    raise ValueError(f"no text at hand fits {schema}")


def _matches(pattern: str, text: str) -> bool:
    return regex.search(pattern, text) is not None


_FORMATS = {
    "date-time": "2026-01-02T03:04:05Z",
    "date": "2026-01-02",
    "uri": "https://a.example/b%20c",
    "email": "ada@example.com",
    "uuid": "6fa459ea-ee8a-3ca4-894e-db77e160355e",
}
_TEXTS = (
    "a/b c?é&d", "abc", "2026-01-02T03:04:05Z", f"sha256:{'a' * 64}", "/things", "#0f172a", "https://a.example/b",
    "12", "a" * 40, "ab/cd",
)  # fmt: skip


def _without(schema: Any, word: str) -> Any:
    return {name: value for name, value in schema.items() if name != word}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
