"""Arguments of a tool become one HTTP request of the operation it is bound to.

Where an argument goes, by the property of `inputSchema` that has its name:

| rule                                             | place                                                  |
|--------------------------------------------------|--------------------------------------------------------|
| `x-in`: `path`, `query`, `header` or `body`      | there; `x-name` is its name there, if it has another   |
| `x-in: body` with `x-whole: true`                | the argument is the body, not a member of it           |
| its name stands in `{braces}` in the path        | the path                                               |
| the method is GET, HEAD, DELETE or OPTIONS       | the query                                              |
| any other method                                 | a member of the JSON body                              |

`null` is left out, but in a body, where it is a value. In a query a list repeats its name, an object is JSON.
Line breaks and NUL are refused in paths, queries and headers, `.` and `..` as a path's segment, and header
names that are the connection's own. Nothing here knows credentials.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

from drio_tui.api.wire import dumps

Document = dict[str, Any]

PLACES = ("path", "query", "header", "body")
IN_QUERY = frozenset({"GET", "HEAD", "DELETE", "OPTIONS"})
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
HINTS = frozenset({"x-in", "x-name", "x-whole"})
OWN_HEADERS = frozenset({
    "accept-encoding", "authorization", "connection", "content-length", "cookie", "expect", "host", "keep-alive",
    "proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
})  # fmt: skip

_BRACES = re.compile(r"\{([^{}]*)\}")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 section 5.6.2
_BREAKS = re.compile(r"[\x00\r\n]")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


class BadArgument(Exception):
    """An argument that cannot be sent; `name` is its own, the message the end of a sentence about it."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


@dataclass(frozen=True, slots=True)
class Place:
    """Where an argument goes, and under which name."""

    where: str
    name: str
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One request, ready but for credentials. `url` is absolute and encoded; `body` is JSON or None."""

    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)


def path_names(path: str) -> list[str]:
    """The names in braces of an operation's path."""
    return _BRACES.findall(path)


def place_of(name: str, operation: Document) -> Place:
    """Where the argument `name` of an operation goes."""
    schema = _properties(operation).get(name)
    hints: Mapping[str, Any] = schema if isinstance(schema, dict) else {}
    alias = hints.get("x-name")
    called = alias if isinstance(alias, str) and alias else name
    hint = hints.get("x-in")
    if hint in PLACES:
        return Place(hint, called, hint == "body" and hints.get("x-whole") is True)
    if called in path_names(operation["path"]):
        return Place("path", called)
    return Place("query" if operation["method"].upper() in IN_QUERY else "body", called)


def mapping_errors(operation: Document) -> Iterator[tuple[str, str]]:
    """What in an operation could never be sent, as `(path of the member, message)`."""
    path = operation["path"]
    if "{" in _BRACES.sub("", path) or "}" in _BRACES.sub("", path) or "" in path_names(path):
        yield "path", "has braces that do not name a parameter"
    elif any(_CONTROL.search(name) for name in path_names(path)):
        yield "path", "may not hold control characters"
    if any(segment in (".", "..") for segment in _segments(path)):
        yield "path", "may not have . or .. as a segment"
    for name in _properties(operation):
        place = place_of(name, operation)
        where = f"inputSchema.properties.{name}"
        if place.where == "header":
            if not _TOKEN.fullmatch(place.name):
                yield where, "is not a header name"
            elif place.name.lower() in OWN_HEADERS:
                yield where, "is a header that drio sets itself"
        elif place.where != "body" and _CONTROL.search(place.name):
            yield where, "may not hold control characters"


def build(integration: Document, operation: Document, arguments: Document, *, agent: str = "drio-tui") -> Outgoing:
    """The request that the arguments make, in the name of `agent`. Raises `BadArgument`."""
    method = operation["method"].upper()
    into_path: dict[str, str] = {}
    query: list[tuple[str, str]] = []
    headers = {"Accept": "application/json, text/*;q=0.5, */*;q=0.1", "User-Agent": agent}
    headers |= _fixed_headers(integration)
    body: Any = None
    has_body = False
    for name, value in arguments.items():
        place = place_of(name, operation)
        if place.where == "body":
            has_body = True
            if place.whole:
                body = value
            else:
                body = body if isinstance(body, dict) else {}
                body[place.name] = value
        elif value is None:
            continue
        elif place.where == "path":
            into_path[place.name] = _segment(name, value)
        elif place.where == "query":
            query += _pairs(name, place.name, value)
        else:
            headers[_header_name(name, place.name)] = _header_value(name, value)
    url = _url(integration["baseUrl"], operation["path"], into_path, query)
    if (
        not has_body
        and method not in IN_QUERY
        and any(place_of(name, operation).where == "body" for name in _properties(operation))
    ):
        body, has_body = {}, True
    if not has_body:
        return Outgoing(method, url, headers)
    return Outgoing(method, url, {"Content-Type": "application/json"} | headers, dumps(body).encode("ascii"))


def _properties(operation: Document) -> Document:
    schema = operation.get("inputSchema")
    found = schema.get("properties") if isinstance(schema, dict) else None
    return found if isinstance(found, dict) else {}


def _fixed_headers(integration: Document) -> dict[str, str]:
    found = (integration.get("config") or {}).get("headers") or {}
    return {_header_name(name, name): _header_value(name, value) for name, value in found.items()}


def _segments(path: str) -> list[str]:
    return path.partition("?")[0].replace("%2e", ".").replace("%2E", ".").split("/")


def _text(name: str, value: Any) -> str:
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, str):
        text = value
    else:
        text = dumps(value)
    if _SURROGATE.search(text):
        raise BadArgument(name, "may not hold lone surrogates")
    if _BREAKS.search(text):
        raise BadArgument(name, "may not hold line breaks or NUL")
    return text


def _segment(name: str, value: Any) -> str:
    text = _text(name, value)
    if isinstance(value, dict | list):
        raise BadArgument(name, "has to be one value, since it is part of the path")
    if _CONTROL.search(text) or text in ("", ".", ".."):
        raise BadArgument(name, "cannot be part of a path")
    return quote(text, safe="")


def _pairs(name: str, called: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, list):
        for item in value:
            if item is not None:
                yield called, _text(name, item)
    else:
        yield called, _text(name, value)


def _header_name(name: str, called: str) -> str:
    if not _TOKEN.fullmatch(called):
        raise BadArgument(name, "is not a header name")
    if called.lower() in OWN_HEADERS:
        raise BadArgument(name, "is a header that drio sets itself")
    return called


def _header_value(name: str, value: Any) -> str:
    text = ", ".join(_text(name, item) for item in value) if isinstance(value, list) else _text(name, value)
    if _CONTROL.search(text) or text != text.strip():
        raise BadArgument(name, "may not hold control characters, nor blanks at its ends")
    if not text.isascii():
        raise BadArgument(name, "has to be ASCII, since it is sent as a header")
    return text


def _url(base_url: str, path: str, into_path: dict[str, str], query: list[tuple[str, str]]) -> str:
    base = urlsplit(base_url)
    path, _, fixed = path.partition("#")[0].partition("?")

    def fill(match: re.Match[str]) -> str:
        if match[1] not in into_path:
            raise BadArgument(match[1], "is missing, and the path needs it")
        return into_path[match[1]]

    full = base.path.rstrip("/") + _BRACES.sub(fill, quote(path, safe="/:@!$&'()*+,;=~%{}"))
    if any(segment in (".", "..") for segment in _segments(full)):
        raise BadArgument("path", "may not have . or .. as a segment")
    pairs = [f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query]
    all_queries = "&".join(part for part in (base.query, quote(fixed, safe="=&/:@!$'()*+,;~%?"), *pairs) if part)
    return f"{base.scheme}://{base.netloc}{full}{'?' + all_queries if all_queries else ''}"
