"""The OpenAPI document of the connected server: where it is found, and its operations.

The document is read by the worker process of `openapi_import`, so that no document blocks or exhausts the program.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self
from urllib.parse import urlsplit

from drio_tui.api.errors import ApiError, DrioError, NotFound, UsageError
from drio_tui.api.exchange import ApiResponse
from drio_tui.api.http import httpx
from drio_tui.api.request_urls import origin
from drio_tui.api.transport import Transport
from drio_tui.openapi_import.document import Document, read_document
from drio_tui.openapi_import.errors import DocumentProblem, ImportFailed
from drio_tui.openapi_import.fetch_document import Source
from drio_tui.openapi_import.model import OperationDetail, OperationSummary, Response
from drio_tui.schema.resolve import Schemas, UnsupportedSchema
from drio_tui.text import did_you_mean, has_words, one_line
from drio_tui.tool_calls.requests import SAFE, Place, place_of
from drio_tui.tool_calls.tools import properties, required, without_hints
from drio_tui.urls import path_argument

PATHS = (
    "/api/openapi.json", "/api/v3/openapi.json", "/api/v2/openapi.json", "/openapi.json", "/openapi.yaml",
    "/swagger.json",
)  # fmt: skip
"""The paths at the server's origin that are tried after the one below the base URL."""

_BATCH = 10
"""Operations that are completed with one request to the worker, which answers other requests in between."""

_METHOD = re.compile(r"[A-Za-z]{1,20}")
_PARAMETER = re.compile(r"\{[^{}]*\}")


class NoDescription(DrioError):
    """The server has no OpenAPI document at the paths that were tried, or none that can be read."""

    title = "This server does not describe its operations"
    hint = (
        "If its OpenAPI document is elsewhere, name the path: `drio-tui api --list --document PATH`. "
        "`drio-tui api GET /PATH` sends any request."
    )


@dataclass(frozen=True, slots=True)
class Parameter:
    """One value of an operation's request: its name there, the place, its schema without hints. Not sanitized."""

    argument: str
    place: Place
    schema: dict[str, Any] = field(repr=False)
    required: bool = False

    @property
    def name(self) -> str:
        """The name in the request; `body` for a whole body."""
        return self.place.name

    @property
    def description(self) -> str:
        text = self.schema.get("description")
        return text if isinstance(text, str) else ""

    @property
    def type(self) -> str:
        """The type in a few words, such as `array of string`."""
        return type_text(self.schema)


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation with its details. `base` is the path before its path, without a slash at the end."""

    summary: OperationSummary
    detail: OperationDetail
    base: str

    @property
    def id(self) -> str:
        return self.summary.id

    @property
    def method(self) -> str:
        return self.summary.method

    @property
    def path(self) -> str:
        """The whole path below the origin, with `{names}` of its parameters."""
        return self.base + str(self.detail.operation["path"])

    @property
    def obstacle(self) -> str:
        """Why no request can be made for it; empty if one can."""
        return self.detail.obstacle

    @property
    def description(self) -> str:
        return str(self.detail.operation["description"])

    @property
    def schema(self) -> dict[str, Any]:
        """The schema of all values of a request, as one object, without the hints where they are sent."""
        schema: dict[str, Any] = without_hints(self.detail.operation["inputSchema"])
        return schema

    @property
    def media_type(self) -> str:
        """The media type of the body; empty if it has none."""
        has_body = any(parameter.place.where == "body" for parameter in self.parameters)
        return str(self.detail.operation["inputSchema"].get("x-content-type", "application/json")) if has_body else ""

    @property
    def parameters(self) -> list[Parameter]:
        """The values of a request, in the order of the path, query, header and body."""
        schema = self.schema
        needed = required(schema)
        return [
            Parameter(name, place_of(name, self.detail.operation), part, name in needed)
            for name, part in properties(schema).items()
        ]

    @property
    def described_parameters(self) -> list[Parameter]:
        """The parameters for a description: instead of a whole body that is an object, its properties."""
        rows: list[Parameter] = []
        schemas = Schemas(self.schema)
        for parameter in self.parameters:
            rows += _properties_of(parameter, schemas) if parameter.place.whole else [parameter]
        return rows

    @property
    def responses(self) -> tuple[Response, ...]:
        return self.detail.responses

    @property
    def response_schema(self) -> Any:
        """The schema of the responses with a status 2xx; None if it is not known."""
        return self.detail.operation.get("outputSchema")


class ServerApi:
    """The operations of a server. Close it, or use it in `async with`.

    `path` is where the document is, below the origin. `operations` are in the order of the document; one that cannot
    be read has an `obstacle` and nothing else. The others have theirs once `complete` was called for them.
    """

    def __init__(self, document: Document, path: str, base_url: str) -> None:
        self.document = document
        self.path = path
        self._base_url = base_url
        operations = {operation.id: operation for operation in document.operations}
        for problem in document.problems:
            if problem.operation and problem.operation not in operations:
                operations[problem.operation] = _broken(problem)
        self._operations = operations
        self._bases: dict[tuple[str, ...], str] = {}
        self._texts: dict[str, str] = {}

    @property
    def operations(self) -> tuple[OperationSummary, ...]:
        return tuple(self._operations.values())

    @property
    def title(self) -> str:
        return self.document.title

    @property
    def version(self) -> str:
        """The version of the API, as the document says."""
        return self.document.head.version

    @property
    def problems(self) -> tuple[DocumentProblem, ...]:
        """The defects of the document that were tolerated and belong to no operation; with servers that are no use."""
        tolerated = [problem for problem in self.document.problems if not problem.operation]
        listed = [("servers", self.document.servers)]
        listed += [(f"servers of {operation.id}", operation.servers) for operation in self._operations.values()]
        for where, servers in listed:
            if servers and not any(server.url for server in servers):
                message = f"none can be used, so the paths begin at the host: {servers[0].problem}"
                tolerated.append(DocumentProblem(message, where))
        return tuple(tolerated)

    @cached_property
    def origin(self) -> str:
        """Scheme, host and port of the server, to which all requests are sent."""
        return origin_of(self._base_url)

    @cached_property
    def other_host(self) -> str:
        """The host that the document names instead of this server; empty if it names this one, or none."""
        urls = [httpx.URL(server.url) for server in self.document.servers if server.url]
        own = origin(httpx.URL(self._base_url))
        return "" if not urls or any(origin(url) == own for url in urls) else one_line(urls[0].netloc.decode(), 100)

    def base_of(self, operation: OperationSummary) -> str:
        """Return the path before the path of an operation, from the server that it or the document names."""
        servers = operation.servers or self.document.servers
        urls = tuple(server.url for server in servers if server.url)
        if urls not in self._bases:
            own = origin(httpx.URL(self._base_url))
            url = next((url for url in urls if origin(httpx.URL(url)) == own), urls[0] if urls else "")
            self._bases[urls] = urlsplit(url).path.rstrip("/")
        return self._bases[urls]

    def path_of(self, operation: OperationSummary) -> str:
        """Return the whole path of an operation below the origin."""
        slash = "" if operation.path.startswith("/") else "/"
        return f"{self.base_of(operation)}{slash}{operation.path}"

    def argument_of(self, operation: OperationSummary) -> str:
        """Return the path of an operation as `drio-tui api` takes it."""
        return path_argument(self.origin, self.path_of(operation))

    def matching(self, text: str, *, read_only: bool = False) -> list[OperationSummary]:
        """Return the operations with each word of a text in their method, path, id, summary or tags.

        With `read_only` only those whose method is safe.
        """
        return [
            operation
            for operation in self._operations.values()
            if not (read_only and operation.method not in SAFE) and has_words(self._text_of(operation), text)
        ]

    def _text_of(self, operation: OperationSummary) -> str:
        """Return what of an operation is searched; kept, since each key in the filter searches all."""
        text = self._texts.get(operation.id)
        if text is None:
            names = (operation.method, self.path_of(operation), operation.operation_id)
            text = self._texts[operation.id] = "\n".join((*names, operation.summary, *operation.tags))
        return text

    async def complete(self, ids: Iterable[str]) -> list[OperationSummary]:
        """Return operations with all properties, among them why one cannot be sent; they are kept."""
        wanted = [id for id in ids if not self._operations[id].obstacle]
        for start in range(0, len(wanted), _BATCH):
            for summary in await self.document.summaries(wanted[start : start + _BATCH]):
                self._operations[summary.id] = summary
                self._texts.pop(summary.id, None)
        return [self._operations[id] for id in ids]

    async def operation(self, id: str) -> Operation:
        """Return an operation with its details. Raises `NotFound`, and `DrioError` if it cannot be read."""
        summary = self._operations.get(id)
        if summary is None:
            raise NotFound(f"no operation {one_line(id, 200)}", status=404, hint=did_you_mean(id, self._operations))
        details = await self.document.details([id])
        if id not in details:
            raise ImportFailed(f"{one_line(id, 200)} {summary.obstacle}", title="The operation cannot be read")
        return Operation(summary, details[id], self.base_of(summary))

    def known_operation(self, id: str) -> Operation | None:
        """Return an operation with its details if `operation` has read them before."""
        detail = self.document.known_detail(id)
        summary = self._operations.get(id)
        return Operation(summary, detail, self.base_of(summary)) if detail and summary else None

    def find(self, words: Sequence[str]) -> OperationSummary:
        """Return the operation of METHOD and PATH, or of an operation id.

        The path may be that of the document, the whole one, its URL, or one below the base URL, also with values for
        its parameters. Raises `NotFound` and `UsageError`.
        """
        if len(words) == 1 and " " in words[0].strip():
            words = tuple(words[0].split(None, 1))
        if len(words) == 1:
            found = [operation for operation in self._operations.values() if operation.operation_id == words[0]]
            known = [operation.operation_id for operation in self._operations.values() if operation.operation_id]
            if not found:
                raise NotFound(f"no operation {one_line(words[0], 80)}", status=404, hint=did_you_mean(words[0], known))
            return found[0]
        if len(words) != 2 or not _METHOD.fullmatch(words[0]):
            raise UsageError("an operation is METHOD and PATH, or its operation id")
        own = urlsplit(self._base_url).path.rstrip("/")
        method, path = words[0].upper(), words[1].partition("?")[0].removeprefix(self.origin).rstrip("/")
        candidates = [operation for operation in self._operations.values() if operation.method.upper() == method]
        for exact in (True, False):
            for operation in candidates:
                paths = (operation.path, self.path_of(operation))
                if any(
                    named == known.rstrip("/") if exact else _is_instance(named, known)
                    for known in paths for named in (path, own + path)
                ):  # fmt: skip
                    return operation
        nearest = did_you_mean(words[1], map(self.argument_of, candidates))
        raise NotFound(f"no operation {method} {one_line(words[1], 200)}", status=404, hint=nearest)

    async def close(self) -> None:
        """End the worker process."""
        await self.document.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


async def open_server_api(transport: Transport, path: str = "") -> ServerApi:
    """Find the OpenAPI document of a server and open it; `path` is where it is, if known.

    Raises `NoDescription` with what was tried, and other `DrioError`s.
    """
    own = urlsplit(transport.base_url).path.rstrip("/")
    paths = [path] if path else list(dict.fromkeys((f"{own}/openapi.json", *PATHS)))
    if path and not path.startswith("/"):
        raise UsageError(f"{one_line(path, 120)} is not a path of the server", hint="It begins with a slash.")
    tried: list[str] = []
    for candidate in paths:
        response, reason = await _request(transport, candidate)
        if response is None:
            tried.append(f"{candidate} ({reason})")
            continue
        source = Source(candidate, response.body, origin_of(transport.base_url) + candidate)
        try:
            document = await read_document(source, outline=True)
        except ImportFailed as failed:
            tried.append(f"{candidate} ({failed.message.rstrip('.')})")
            continue
        return ServerApi(document, candidate, transport.base_url)
    raise NoDescription(f"no OpenAPI document can be read at {', '.join(one_line(text, 300) for text in tried)}")


def origin_of(url: str) -> str:
    """Return scheme, host and port of a URL."""
    return str(httpx.URL(url).copy_with(raw_path=b"/")).rstrip("/")


async def _request(transport: Transport, path: str) -> tuple[ApiResponse | None, str]:
    """Return the response with a document, or None and why there is none.

    The document is public on drio; where it is not, it is requested with the token.
    """
    reason = ""
    for anonymous in (True, False):
        try:
            response = await transport.request("GET", path, at_origin=True, anonymous=anonymous, reading="unread")
        except ApiError as error:
            reason = f"HTTP {error.status}"
            if error.status not in (401, 403) or transport.auth is None:
                break
        else:
            is_page = "text/html" in response.headers.get("content-type", "").lower()
            return (None, "a web page") if is_page else (response, "")
    return None, reason


def _properties_of(body: Parameter, schemas: Schemas) -> list[Parameter]:
    """Return the properties of a whole body, or the body itself if it is not an object with properties."""
    try:
        flat, _ = schemas.flat(body.schema)
    except UnsupportedSchema:
        return [body]
    parts, needed = properties(flat), required(flat)
    place = replace(body.place, whole=False)
    return [
        Parameter(f"{body.argument}.{name}", replace(place, name=name), part if isinstance(part, dict) else {},
                  name in needed) for name, part in parts.items()
    ] or [body]  # fmt: skip


def type_text(schema: Any, level: int = 0) -> str:
    """Return the type of a schema's values in a few words."""
    if not isinstance(schema, dict):
        return "any"
    if isinstance(schema.get("enum"), list):
        return "one of " + ", ".join(one_line(str(value), 30) for value in schema["enum"][:8])
    if isinstance(schema.get("$ref"), str):
        return one_line(schema["$ref"].rpartition("/")[2], 40)
    alternatives = schema.get("anyOf") or schema.get("oneOf")
    if isinstance(alternatives, list) and alternatives and level < 2:
        return " or ".join(dict.fromkeys(type_text(part, level + 1) for part in alternatives[:5]))
    kinds = schema.get("type")
    names = [str(kind) for kind in kinds] if isinstance(kinds, list) else [str(kinds)] if kinds else []
    if "array" in names and level < 2:
        names[names.index("array")] = f"array of {type_text(schema.get('items'), level + 1)}"
    if not names:
        return "object" if "properties" in schema else "any"
    kind_format = schema.get("format")
    return " or ".join(names) + (f" ({one_line(kind_format, 30)})" if isinstance(kind_format, str) else "")


def _broken(problem: DocumentProblem) -> OperationSummary:
    method, _, path = problem.operation.partition(" ")
    return OperationSummary(problem.operation, method, path, "", obstacle=problem.message)


def _is_instance(path: str, template: str) -> bool:
    """Return whether a path is a template with values for its parameters."""
    parts = _PARAMETER.split(template.rstrip("/"))
    return len(parts) > 1 and re.fullmatch("[^/]+".join(map(re.escape, parts)), path) is not None


def described(operation: OperationSummary, path: str) -> dict[str, Any]:
    """Return an operation of a list as `--json` prints it."""
    value: dict[str, Any] = {"method": operation.method, "path": path, "summary": operation.summary}
    facts = {
        "operationId": operation.operation_id, "tags": list(operation.tags), "deprecated": operation.deprecated,
        "problem": operation.obstacle,
    }  # fmt: skip
    return value | {name: fact for name, fact in facts.items() if fact}
