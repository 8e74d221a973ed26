"""The expected request of an operation, derived from the document without any code of the program.

Values for the parameters and the body come from the schemas, the request from the serialization rules of OpenAPI.
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


def operation_count(document: Any) -> int:
    """Return the number of operations of a document."""
    return sum(len(METHODS & item.keys()) for item in document["paths"].values())


@dataclass
class ExpectedRequest:
    """The expected request, and the values in it by location and name.

    `body` is the body's value, `media_type` its media type, `form` the expected pairs if it is a form.
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
        """Return the values under the names that they have in a tool's input schema, found by its `x-` hints."""
        arguments: dict[str, Any] = {}
        path_values = [value for (where, _), value in self.values.items() if where == "path"]
        for name, part in schema["properties"].items():
            where, original_name = part["x-in"], part.get("x-name", name)
            if where == "path":
                arguments[name] = path_values.pop(0)  # by position, since names in the path may be changed
            elif part.get("x-whole"):
                arguments[name] = self.body
            elif where == "body" and isinstance(self.body, dict) and original_name in self.body:
                arguments[name] = self.body[original_name]
            elif (where, original_name) in self.values:
                arguments[name] = self.values[where, original_name]
        return arguments

    def differences(self, method: str, target: str, headers: dict[str, str], body: bytes, base: str) -> list[str]:
        """Return how a recorded request (its target below `base`) differs from the expected one."""
        path, _, query = target.partition("?")
        differences = []
        for what, seen, expected in (
            ("method", method, self.method),
            ("path", segments(path), segments(base + self.path)),
            ("query", sorted(parse_qsl(query, keep_blank_values=True)), sorted(self.query)),
            ("headers", {name: headers.get(name) for name in self.headers}, self.headers),
            ("content type", essence(headers.get("content-type", "")), essence(self.media_type)),
            ("body", *self._bodies(body)),
        ):
            if seen != expected:
                differences.append(f"{what}: {seen!r}, not {expected!r}")
        return differences

    def _bodies(self, body: bytes) -> tuple[Any, Any]:
        kind = essence(self.media_type)
        if kind == FORM:
            return sorted(parse_qsl(body.decode(), keep_blank_values=True)), sorted(self.form)
        if kind.startswith("text/"):
            return body.decode(), self.body
        return json.loads(body) if body else None, self.body


FORM = "application/x-www-form-urlencoded"


def essence(media_type: str) -> str:
    """Return a media type without its parameters."""
    return media_type.partition(";")[0].strip().lower()


def segments(path: str) -> list[str]:
    """Return the decoded segments of a path."""
    return [unquote(segment) for segment in path.split("/")]


def operation_of(document: Any, path: str, method: str) -> tuple[list[Any], Any]:
    """Return the parameters of an operation (its path item's first) and its Operation Object."""
    item = _resolved(document, document["paths"][path])
    operation = item[method]
    listed = (*item.get("parameters", ()), *operation.get("parameters", ()))
    parameters = [_resolved(document, parameter) for parameter in listed]
    return [*{(parameter["in"], parameter["name"]): parameter for parameter in parameters}.values()], operation


def media_of(content: dict[str, Any]) -> str:
    """Return the preferred media type of a body: JSON of any kind, a form, a text; empty if there is none of these."""
    for matches in (
        lambda kind: kind == "application/json",
        lambda kind: kind.endswith("+json") and kind != "multipart/related+json",
        lambda kind: kind == FORM,
        lambda kind: kind == "text/plain",
    ):
        for kind in content:
            if matches(essence(kind)):
                return kind
    return ""


def unsendable(document: Any, path: str, method: str) -> bool:
    """Return whether the operation requires a cookie or an unsupported body."""
    parameters, operation = operation_of(document, path, method)
    content = _resolved(document, operation.get("requestBody") or {}).get("content", {})
    return bool(content and not media_of(content)) or any(
        parameter["in"] == "cookie" and parameter.get("required") for parameter in parameters
    )


def expected_request(document: Any, path: str, method: str, choice: int = 0) -> ExpectedRequest:
    """Return the expected request with every parameter; `choice` is the index in lists of alternatives."""
    parameters, operation = operation_of(document, path, method)
    plain, _, fixed = path.partition("?")
    request = ExpectedRequest(method.upper(), plain, parse_qsl(fixed, keep_blank_values=True))
    for parameter in parameters:
        where, name = parameter["in"], parameter["name"]
        content = parameter.get("content")
        schema = next(iter(content.values()))["schema"] if content else parameter.get("schema", {})
        value = _value(document, schema, choice=choice)
        if where == "path" and value is None:
            value = _value(document, schema)
        if where == "header" and not _text(value).isascii():
            value = "a b/c"
        if where == "path":
            request.path = _filled(request.path, name, value)
        elif where == "query" and content:
            request.query.append((name, json.dumps(value, separators=(",", ":"))))
        elif where == "query":
            request.query += styled(name, value, parameter.get("style", "form"), parameter.get("explode"))
        elif where == "header" and name.lower() not in ("accept", "content-type", "authorization"):
            request.headers[name.lower()] = _text(value)
        request.values[where, name] = value
    content = _resolved(document, operation.get("requestBody") or {}).get("content", {})
    if kind := media_of(content):
        request.media_type = kind
        request.body = _value(document, content[kind].get("schema", {}), choice=choice)
    if essence(request.media_type) == FORM:
        encoding = content[kind].get("encoding", {})
        for name, value in request.body.items():
            style = encoding.get(name)
            if style:
                request.form += styled(name, value, style.get("style", "form"), style.get("explode"))
            else:
                request.form += [(name, _text(part)) for part in (value if isinstance(value, list) else [value])]
    return request


def styled(name: str, value: Any, style: str, explode: bool | None) -> list[tuple[str, str]]:
    """Return the query pairs of a parameter (OpenAPI 3.1, Style Values); nested deepObject values use brackets."""
    explode = style == "form" if explode is None else explode
    if value is None:
        return []
    if style == "deepObject":
        return _bracketed(name, value)
    if isinstance(value, list):
        if explode:
            return [(name, _text(item)) for item in value]
        return [(name, {"form": ",", "spaceDelimited": " ", "pipeDelimited": "|"}[style].join(map(_text, value)))]
    if isinstance(value, dict):
        if explode:
            return [(key, _text(item)) for key, item in value.items()]
        return [(name, ",".join(_text(part) for pair in value.items() for part in pair))]
    return [(name, _text(value))]


def _bracketed(name: str, value: Any) -> list[tuple[str, str]]:
    if isinstance(value, dict):
        return [pair for key, item in value.items() for pair in _bracketed(f"{name}[{key}]", item)]
    if isinstance(value, list):
        return [pair for item in value for pair in _bracketed(f"{name}[]", item)]
    return [(name, _text(value))]


def _filled(path: str, name: str, value: Any) -> str:
    """Return the path with a value for `{name}`, `{name:…}` or `{+name}`, which keeps slashes."""
    for template in re.findall(r"\{[^/]*?\}(?=[/.:]|$)", path):
        inner = template[1:-1]
        if inner == f"+{name}":
            return path.replace(template, quote(_text(value), safe="/"))
        if inner == name or inner.partition(":")[0] == name:
            return path.replace(template, quote(_text(value), safe=""))
    raise ValueError(f"{name} is not in {path}")


def answers(document: Any, path: str, method: str) -> Iterator[tuple[int, str, bytes]]:
    """Yield every declared 2xx response: the status, the media type and an example body."""
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
    """Return the media types of the declared 2xx responses."""
    return {essence(kind) for _, kind, _ in answers(document, path, method) if kind}


def most_complex_first(document: Any) -> Iterator[tuple[str, str]]:
    """Yield the operations (path, method), first those with most kinds of arguments: path, query, header, body."""

    def kinds(path: str, method: str) -> int:
        item = document["paths"][path]
        operation = item[method]
        listed = (*item.get("parameters", ()), *operation.get("parameters", ()))
        locations = {_resolved(document, parameter)["in"] for parameter in listed}
        return -len(locations | ({"body"} if "requestBody" in operation else set()))

    operations = [(path, method) for path, item in document["paths"].items() for method in item if method in METHODS]
    yield from sorted(operations, key=lambda operation: kinds(*operation))


def _resolved(document: Any, value: Any) -> Any:
    while isinstance(value, dict) and "$ref" in value:
        target = document
        for step in value["$ref"].removeprefix("#/").split("/"):
            target = target[step.replace("~1", "/").replace("~0", "~")]
        value = target
    return value


def _value(document: Any, schema: Any, depth: int = 0, choice: int = 0) -> Any:
    """Return an example value of a schema without unusual keywords."""
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
            return _text(value)  # a string without quotes in YAML
        return int(value) if kind == "integer" else value
    for keyword in ("anyOf", "oneOf"):
        if keyword in schema:
            options = [_resolved(document, option) for option in schema[keyword]]
            chosen = options.pop(choice % len(options))
            merged = {**_without(schema, keyword), **chosen}
            # Exactly one option may match, so properties that only the others require are left out.
            required = {name for option in options for name in option.get("required", ())}
            excluded = required - {*chosen.get("required", ())}
            kept = {name: part for name, part in merged.get("properties", {}).items() if name not in excluded}
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
            return [_value(document, item, depth + 1, choice) for item in positions]
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
    raise ValueError(f"none of the texts matches {schema}")


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


def _without(schema: Any, keyword: str) -> Any:
    return {name: value for name, value in schema.items() if name != keyword}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
