"""The contents of a document as plain values, which the worker sends through a pipe."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from drio_tui.tool_calls.requests import SAFE


@dataclass(frozen=True, slots=True)
class Server:
    """A server of a document's API (Server Object).

    `url` is absolute, its variables replaced by their defaults, without a trailing slash; it is empty if the server
    cannot be used, and `problem` says why.
    """

    url: str
    description: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Scheme:
    """A security scheme of a document, as an auth connection that could be created for it.

    `provider` is the key of a provider (`api-key`, `bearer`, `basic`, `custom-oauth`); it is empty if there is none for
    the scheme, and `problem` says why. `config` holds the values for the provider's `configSchema` that the document
    contains, never a secret: the user adds that. `about` is a short description.
    """

    name: str
    provider: str
    about: str
    config: dict[str, Any] = field(default_factory=dict)
    problem: str = ""


@dataclass(frozen=True, slots=True)
class OperationSummary:
    """One operation of a document, as lists show it. Its texts are not yet sanitized.

    `id` is `METHOD path` as in the document, `operation_id` its `operationId` (empty without one). `tokens` estimates
    what the tool adds to a model's context, `bytes` is its size in the list of tools. `obstacle` is the reason why it
    cannot be imported, `notes` say what is left out or sent differently from the document. `schemes` are the names of
    the security schemes, any one of which it requires. `servers` are those of the operation itself, if any.

    An outline (see `Document.summaries`) has only the properties up to `operation_id`, and `servers`.
    """

    id: str
    method: str
    path: str
    summary: str
    tags: tuple[str, ...] = ()
    deprecated: bool = False
    operation_id: str = ""
    tokens: int = 0
    bytes: int = 0
    arguments: int = 0
    obstacle: str = ""
    notes: tuple[str, ...] = ()
    schemes: tuple[str, ...] = ()
    servers: tuple[Server, ...] = ()

    @property
    def safe(self) -> bool:
        """Whether its HTTP method is safe (RFC 9110), so that calling it changes nothing."""
        return self.method in SAFE


@dataclass(frozen=True, slots=True)
class Response:
    """A declared response (Response Object): its status (`200`, `4XX`, `default`), description and media types."""

    status: str
    description: str = ""
    media_types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OperationDetail:
    """The resources that an operation becomes. `operation` and `tool` are bodies of creates, without keys and links.

    `key` is the suggested key of both, not yet unique. The operation's `inputSchema` has extensions that say where
    arguments go (`x-in`, `x-name` and others); `seen` is the tool as clients get it in the list of tools.
    `obstacle` is the reason why no request can be made for it. `summary` and `description` are as in the document, and
    `body_types` the media types of its body, also of one that cannot be sent.
    """

    id: str
    key: str
    operation: dict[str, Any]
    tool: dict[str, Any]
    seen: dict[str, Any]
    tokens: int
    bytes: int
    notes: tuple[str, ...] = ()
    obstacle: str = ""
    responses: tuple[Response, ...] = ()
    summary: str = ""
    description: str = ""
    body_types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DocumentInfo:
    """The properties of a document, without its operations."""

    title: str
    version: str
    openapi: str
    description: str = ""
    servers: tuple[Server, ...] = ()
    schemes: tuple[Scheme, ...] = ()


def summary_from_json(value: dict[str, Any]) -> OperationSummary:
    """Return the summary that the worker sent as JSON."""
    lists = {name: tuple(value[name]) for name in ("tags", "notes", "schemes")}
    return OperationSummary(**{**value, **lists, "servers": tuple(Server(**server) for server in value["servers"])})


def info_from_json(value: dict[str, Any]) -> DocumentInfo:
    """Return the document's properties that the worker sent as JSON."""
    servers = tuple(Server(**server) for server in value["servers"])
    schemes = tuple(Scheme(**scheme) for scheme in value["schemes"])
    return DocumentInfo(**{**value, "servers": servers, "schemes": schemes})


def detail_from_json(value: dict[str, Any]) -> OperationDetail:
    """Return the detail that the worker sent as JSON."""
    responses = tuple(
        Response(response["status"], response["description"], tuple(response["media_types"]))
        for response in value["responses"]
    )
    return OperationDetail(
        **{**value, "notes": tuple(value["notes"]), "responses": responses, "body_types": tuple(value["body_types"])}
    )
