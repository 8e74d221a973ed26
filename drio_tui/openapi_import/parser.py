"""Parses a document: its properties, its operations, and the resources they become. Runs in the worker process."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Any

from drio_tui.openapi_import import servers as servers_and_security
from drio_tui.openapi_import.arguments import Arguments, arguments
from drio_tui.openapi_import.decode import parse
from drio_tui.openapi_import.errors import BadDocument, DocumentProblem
from drio_tui.openapi_import.media_types import successes
from drio_tui.openapi_import.model import DocumentInfo, OperationDetail, OperationSummary, Response
from drio_tui.openapi_import.names import key_of, shortened, title_of, words_of
from drio_tui.openapi_import.references import References, UnresolvedReference
from drio_tui.openapi_import.schemas import Converter, Definitions
from drio_tui.openapi_import.swagger2 import upgraded
from drio_tui.tool_calls.outputs import LARGEST, bounded, published
from drio_tui.tool_calls.requests import JSON, SAFE, content_kind
from drio_tui.tool_calls.schemas import Schema
from drio_tui.tool_calls.token_count import compact, size, tokens
from drio_tui.tool_calls.tools import tool_list_entry, tool_name, without_hints

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace", "query")
MOST_OPERATIONS = 20_000
TOOL_DESCRIPTION = 1_024
"""The maximum length in characters of a tool's description in the strictest AI client."""

_SENDABLE = frozenset({"GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH"})
_OPERATION_DESCRIPTION = 10_000
_RESPONSE_BUDGET = 3_000
_MOST_PROBLEMS = 200
_MOST_RESPONSES = 50
_RESPONSE_DESCRIPTION = 1_000
_LONGEST_SUMMARY = 400


@dataclass(frozen=True, slots=True)
class _Operation:
    """An operation of the document: its Operation Object and the Path Item Object it belongs to."""

    method: str
    path: str
    item: dict[str, Any]
    value: dict[str, Any]

    @property
    def id(self) -> str:
        return f"{self.method} {self.path}"


class OpenApiParser:
    """A parsed document. `url` is where it was downloaded from, empty for a file. Raises `BadDocument`.

    With `swagger2`, documents of Swagger 2.0 are read too.
    """

    def __init__(self, data: bytes, url: str = "", *, swagger2: bool = False) -> None:
        root, self.problems = parse(data)
        self.root = _checked(upgraded(root) if swagger2 else root)
        self.references = References(self.root)
        self._url = url
        old = self.version.startswith("3.0")
        self._request_definitions = Definitions(self.references, old=old)
        self._response_definitions = Definitions(self.references, old=old, for_response=True)
        self._default_security = self.root.get("security")
        self._operations: dict[str, _Operation] = {}
        for operation in self._iter_operations():
            self._operations[operation.id] = operation
            if len(self._operations) >= MOST_OPERATIONS:
                self._problem(f"it has more than {MOST_OPERATIONS:,} operations: the rest is not shown")
                break
        if not self._operations:
            self._problem("it describes no operation")

    @property
    def version(self) -> str:
        """The version of OpenAPI."""
        return str(self.root["openapi"])

    @property
    def total(self) -> int:
        """The number of operations."""
        return len(self._operations)

    def parts(self, chosen: Collection[str]) -> Iterator[tuple[str, str, dict[str, Any], dict[str, Any]]]:
        """Yield each chosen operation as path, lower-case method, Path Item Object and Operation Object."""
        for id in chosen:
            if operation := self._operations.get(id):
                yield operation.path, operation.method.lower(), operation.item, operation.value

    def head(self) -> DocumentInfo:
        """Return the document's title, version, description, servers and security schemes."""
        info = self.root.get("info")
        texts = {name: _text(info, name) for name in ("title", "version", "description")}
        if not texts["title"].strip():
            self._problem("it has no title", "info")
        servers = servers_and_security.servers(self.root.get("servers"), self._url)
        if not servers:
            servers = servers_and_security.servers([{"url": "/"}], self._url)
        return DocumentInfo(
            title=title_of(texts["title"]) or "Untitled API",
            version=texts["version"][:100],
            openapi=self.version,
            description=shortened(texts["description"], _OPERATION_DESCRIPTION),
            servers=servers,
            schemes=servers_and_security.schemes(self.root.get("components"), self.references, self._url),
        )

    def summaries(self) -> Iterator[OperationSummary]:
        """Yield a summary of each operation, in the document's order."""
        for operation in self._operations.values():
            yield self._summary(operation)

    def outlines(self) -> Iterator[OperationSummary]:
        """Yield what can be said of each operation without reading its schemas, in the document's order."""
        for operation in self._operations.values():
            yield self._outline(operation)

    def summary(self, id: str) -> OperationSummary:
        """Return the summary of an operation. Raises `KeyError`."""
        return self._summary(self._operations[id])

    def detail(self, id: str) -> OperationDetail:
        """Return the resources that an operation becomes. Raises `KeyError`."""
        source = self._operations[id]
        request, converter, input_schema = self._input(source)
        output_schema, note = self._output(source)
        notes = [*_notes(request, converter), *([note] if note else [])]
        name, key = _name(source), _key(source)
        operation = {
            "name": name,
            "method": source.method,
            "path": request.path,
            "description": shortened(_description(source), _OPERATION_DESCRIPTION),
            "inputSchema": input_schema,
        }
        if output_schema is not None:
            operation["outputSchema"] = output_schema
        description = _tool_description(source)
        annotations = annotations_of(source.method)
        tool = {"name": name, "description": description, "kind": "function", "annotations": annotations}
        seen = tool_list_entry(
            tool_name(key), name, description, without_hints(input_schema), published(output_schema), annotations
        )
        return OperationDetail(
            id, key, operation, tool, seen, tokens(compact(seen)), size(seen), tuple(notes), request.obstacle,
            tuple(self._responses(source)), title_of(_text(source.value, "summary"), _LONGEST_SUMMARY),
            shortened(_text(source.value, "description"), _OPERATION_DESCRIPTION), self._body_types(source),
        )  # fmt: skip

    # --- private ---------------------------------------------------------------------------------

    def _problem(self, message: str, where: str = "", operation: str = "") -> None:
        problem = DocumentProblem(message, where, operation)
        if problem not in self.problems and len(self.problems) < _MOST_PROBLEMS:
            self.problems.append(problem)

    def _iter_operations(self) -> Iterator[_Operation]:
        paths = self.root.get("paths")
        if paths is None:
            return
        if not isinstance(paths, dict):
            raise BadDocument("Its `paths` are not an object.")
        for path, item in paths.items():
            where = f"paths.{path}"
            if path.startswith("x-"):
                continue
            try:
                target = self.references.follow(item)
            except UnresolvedReference as error:
                self._problem(f"{error}: its operations are not known", where)
                continue
            if not isinstance(target, dict):
                self._problem("is not an object", where)
                continue
            if target is not item:
                target = target | {name: value for name, value in item.items() if name != "$ref"}
            if not path.startswith("/"):
                self._problem("does not begin with a slash; one is put before it", where)
            for method, operation in _methods(target):
                if isinstance(operation, dict):
                    yield _Operation(method, path, target, operation)
                else:
                    self._problem("is not an object", f"{where}.{method.lower()}", f"{method} {path}")

    def _input(self, operation: _Operation) -> tuple[Arguments, Converter, Schema]:
        converter = Converter(self._request_definitions)
        request = arguments(
            operation.method, operation.path, operation.item, operation.value, self.references, converter
        )
        if operation.method not in _SENDABLE:
            request.obstacle = f"{operation.method[:20]} requests cannot be sent."
        return request, converter, converter.finished(request.schema())

    def _output(self, operation: _Operation) -> tuple[Schema | None, str]:
        """Return the schema of all declared 2xx responses, or None, and the reason why there is none or it is cut."""
        responses = operation.value.get("responses")
        if not isinstance(responses, dict) or not any(str(status).startswith("2") for status in responses):
            return None, ""
        converter = Converter(self._response_definitions, budget=_RESPONSE_BUDGET)
        schemas: list[Any] = []
        for response in successes(responses, self.references):
            if isinstance(response, UnresolvedReference):
                return None, f"Its response {response}."
            content = response.get("content") if isinstance(response, dict) else None
            media = _json_of(content) if isinstance(content, dict) else None
            schema = converter.convert(media["schema"]) if media and "schema" in media else None
            if schema not in schemas:
                schemas.append(schema)
        if len(schemas) > 1 and any(schemas):
            return None, "Its responses are of different shapes, so there is no output schema for its results."
        schema = schemas[0] if schemas else None
        if not isinstance(schema, dict):
            return None, ""
        schema = converter.finished(converter.plain(schema))
        if not schema.keys() - {"description"}:
            return None, ""
        kept, omission = bounded(schema)
        return kept, f"The schema of its response is longer than {LARGEST:,} bytes: {omission}." if omission else ""

    def _responses(self, operation: _Operation) -> Iterator[Response]:
        responses = operation.value.get("responses")
        for status, value in list(responses.items())[:_MOST_RESPONSES] if isinstance(responses, dict) else ():
            try:
                response = self.references.follow(value)
            except UnresolvedReference as error:
                yield Response(str(status)[:20], str(error))
                continue
            yield Response(
                str(status)[:20],
                shortened(_text(response, "description"), _RESPONSE_DESCRIPTION),
                _media_types(response),
            )

    def _body_types(self, operation: _Operation) -> tuple[str, ...]:
        """Return the media types of the body."""
        try:
            return _media_types(self.references.follow(operation.value.get("requestBody")))
        except UnresolvedReference:
            return ()

    def _outline(self, operation: _Operation) -> OperationSummary:
        value = operation.value
        tags = value.get("tags")
        own = value.get("servers") or operation.item.get("servers")
        return OperationSummary(
            id=operation.id,
            method=operation.method,
            path=operation.path,
            summary=title_of(_text(value, "summary")) or title_of(_text(value, "description")) or _name(operation),
            tags=tuple(tag for tag in tags[:20] if isinstance(tag, str)) if isinstance(tags, list) else (),
            deprecated=value.get("deprecated") is True,
            operation_id=_text(value, "operationId"),
            servers=servers_and_security.servers(own, self._url) if own else (),
        )

    def _summary(self, operation: _Operation) -> OperationSummary:
        request, converter, input_schema = self._input(operation)
        value, name = operation.value, _name(operation)
        output_schema, note = self._output(operation)
        seen = tool_list_entry(
            tool_name(_key(operation)), name, _tool_description(operation), without_hints(input_schema),
            published(output_schema), annotations_of(operation.method),
        )  # fmt: skip
        return replace(
            self._outline(operation),
            tokens=tokens(compact(seen)),
            bytes=size(seen),
            arguments=len(input_schema["properties"]),
            obstacle=request.obstacle,
            notes=(*_notes(request, converter), *([note] if note else [])),
            schemes=servers_and_security.required_schemes(value.get("security", self._default_security)),
        )


def annotations_of(method: str) -> dict[str, Any]:
    """Return the MCP tool annotations for an HTTP method (RFC 9110 section 9.2).

    A POST may do anything, so it is marked as destructive; the user can change that.
    """
    if method in SAFE:
        return {"readOnlyHint": True, "openWorldHint": True}
    return {
        "readOnlyHint": False,
        "destructiveHint": True,
        "idempotentHint": method in ("PUT", "DELETE"),
        "openWorldHint": True,
    }


def _checked(value: Any) -> dict[str, Any]:
    """Return the document if it is OpenAPI 3.x, else raise `BadDocument`."""
    if not isinstance(value, dict):
        what = "a list" if isinstance(value, list) else "a single value"
        raise BadDocument(f"It is {what}, not an OpenAPI document.")
    root: dict[str, Any] = value
    version = root.get("openapi")
    if isinstance(version, int | float) and not isinstance(version, bool):
        root = root | {"openapi": str(version)}
        version = str(version)
    if isinstance(version, str):
        if re.match(r"3\.\d", version):
            return root
        raise BadDocument(f"It is written in OpenAPI {version[:40]}; what is read is 3.0 and 3.1.")
    if "swagger" in root:
        raise BadDocument(
            f"It is a Swagger {str(root['swagger'])[:20]} document, and only OpenAPI 3.x is read.",
            "Convert it to OpenAPI 3 (the Swagger Editor does, under Edit), then try again.",
        )
    if "asyncapi" in root:
        raise BadDocument("It is an AsyncAPI document, not an OpenAPI one.")
    info = root.get("info")
    if isinstance(info, dict) and "_postman_id" in info:
        raise BadDocument("It is a Postman collection, not an OpenAPI document.")
    names = ", ".join(str(name)[:40] for name in list(root)[:5]) or "nothing"
    raise BadDocument(f"It is not an OpenAPI document: it has no `openapi` at its top, but {names}.")


def _methods(item: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in item.items():
        if name in METHODS:
            yield name.upper(), value
    more = item.get("additionalOperations")
    if isinstance(more, dict):
        yield from ((str(name), value) for name, value in more.items())


def _name(operation: _Operation) -> str:
    return (
        title_of(_text(operation.value, "summary"))
        or title_of(words_of(_text(operation.value, "operationId")))
        or title_of(f"{operation.method} {operation.path}")
    )


def _key(operation: _Operation) -> str:
    id = _text(operation.value, "operationId")
    if id and (key := key_of(id, "")):
        # Gemini's API rejects a tool name that begins with a digit.
        return key_of(f"{operation.method.lower()} {key}") if key[0].isdigit() else key
    path = re.sub(r"\{([^{}]*)\}", r"by \1", operation.path)
    return key_of(f"{operation.method.lower()} {path}")


def _description(operation: _Operation) -> str:
    summary, description = _text(operation.value, "summary").strip(), _text(operation.value, "description").strip()
    if summary and description and not description.startswith(summary):
        return f"{summary}\n\n{description}"
    return description or summary or f"{operation.method} {operation.path}"


def _tool_description(operation: _Operation) -> str:
    description = _description(operation)
    if operation.value.get("deprecated") is True:
        description = f"Deprecated. {description}"
    return shortened(description, TOOL_DESCRIPTION)


def _notes(request: Arguments, converter: Converter) -> list[str]:
    return [*request.notes, *(f"Its input {note}." for note in converter.notes)]


def _json_of(content: dict[str, Any]) -> dict[str, Any] | None:
    """Return the Media Type Object for JSON in a response's `content`, preferring plain JSON."""
    by_type = {str(kind).partition(";")[0].strip().lower(): media for kind, media in content.items()}
    names = [JSON, *(name for name in by_type if content_kind(name) == "json"), "*/*", "application/*"]
    return next((by_type[name] for name in names if isinstance(by_type.get(name), dict)), None)


def _media_types(described: Any) -> tuple[str, ...]:
    """Return the media types of a body or a response."""
    content = described.get("content") if isinstance(described, dict) else None
    return tuple(str(kind)[:100] for kind in list(content)[:10]) if isinstance(content, dict) else ()


def _text(mapping: Any, name: str) -> str:
    value = mapping.get(name) if isinstance(mapping, dict) else None
    return value if isinstance(value, str) else ""
