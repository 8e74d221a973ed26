"""What is known of a document, as plain values that go through a pipe."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from drio_tui.tool_calls.requests import SAFE


@dataclass(frozen=True, slots=True)
class Server:
    """Where a document says its API is.

    `url` is absolute, its variables filled with their defaults, without a slash at the end; empty when nothing
    usable can be made of it, and `problem` says why.
    """

    url: str
    description: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Scheme:
    """A way to sign in that a document names, as an auth connection could be made for it.

    `provider` is the key of a provider (`api-key`, `bearer`, `basic`, `custom-oauth`), empty where there is none
    for it, and `problem` says why. `config` holds what the document knows of the provider's `configSchema`:
    never a secret, which a person adds. `about` says it in a few words.
    """

    name: str
    provider: str
    about: str
    config: dict[str, Any] = field(default_factory=dict)
    problem: str = ""


@dataclass(frozen=True, slots=True)
class OperationSummary:
    """One operation of a document, as a list shows it. Its texts are not yet safe to show.

    `id` is `METHOD path` as the document has them. `tokens` is about what the tool adds to a model's context, `bytes`
    how long it is in the list of tools. `obstacle` says why it cannot be taken, `notes` what of it is left out or sent
    otherwise than described. `schemes` names the ways to sign in that it wants (any one of them). `servers` are its
    own, where it has some.
    """

    id: str
    method: str
    path: str
    summary: str
    tags: tuple[str, ...] = ()
    deprecated: bool = False
    tokens: int = 0
    bytes: int = 0
    arguments: int = 0
    obstacle: str = ""
    notes: tuple[str, ...] = ()
    schemes: tuple[str, ...] = ()
    servers: tuple[Server, ...] = ()

    @property
    def safe(self) -> bool:
        """Whether calling it only reads, going by its method."""
        return self.method in SAFE


@dataclass(frozen=True, slots=True)
class OperationDetail:
    """Everything an operation becomes. `operation` and `tool` are bodies of creates, without keys and links.

    `key` is the wanted key of both, not yet made unique. `input_schema` of the operation has the hints of where
    arguments go (`x-in`, `x-name` and others), `seen` is the tool as clients get it in the list of tools.
    """

    id: str
    key: str
    operation: dict[str, Any]
    tool: dict[str, Any]
    seen: dict[str, Any]
    tokens: int
    bytes: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DocumentInfo:
    """A document without its operations."""

    title: str
    version: str
    openapi: str
    description: str = ""
    servers: tuple[Server, ...] = ()
    schemes: tuple[Scheme, ...] = ()


def offered_from(value: dict[str, Any]) -> OperationSummary:
    """The value as it came through the pipe."""
    lists = {name: tuple(value[name]) for name in ("tags", "notes", "schemes")}
    return OperationSummary(**{**value, **lists, "servers": tuple(Server(**one) for one in value["servers"])})


def head_from(value: dict[str, Any]) -> DocumentInfo:
    """The value as it came through the pipe."""
    servers = tuple(Server(**one) for one in value["servers"])
    return DocumentInfo(**{**value, "servers": servers, "schemes": tuple(Scheme(**one) for one in value["schemes"])})


def detail_from(value: dict[str, Any]) -> OperationDetail:
    """The value as it came through the pipe."""
    return OperationDetail(**{**value, "notes": tuple(value["notes"])})
