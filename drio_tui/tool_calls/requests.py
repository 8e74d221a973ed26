"""Builds the HTTP request of an operation from the arguments of its tool.

Where an argument is sent depends on the property of `inputSchema` with its name:

| rule                                             | place                                                  |
|--------------------------------------------------|--------------------------------------------------------|
| `x-in`: `path`, `query`, `header` or `body`      | there, under the name `x-name` if there is one         |
| `x-in: body` with `x-whole: true`                | the argument is the whole body, not a property of it   |
| its name is in `{braces}` in the path            | the path                                               |
| the method is GET, HEAD, DELETE or OPTIONS       | the query                                              |
| any other method                                 | a property of the body                                 |

`x-style` and `x-explode` beside `x-in` name the OpenAPI style of a value (`styles`); without them a list in a query
repeats its name, and an object is JSON. The root of `inputSchema` may have `x-content-type`, the body's media type
(JSON of any kind, a form, or text; by default `application/json`), `x-encoding`, the styles of a form's fields by
name, and `x-accept`, the `Accept` header.

`null` is left out, except in a JSON body, where it is a value. Refused are line breaks and NUL in paths, queries and
headers, `.` and `..` as a segment of a path, and header names that are reserved for the connection. Credentials are
added elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import quote, quote_plus, urlsplit

from drio_tui.api.json_codec import Document, dumps
from drio_tui.tool_calls import styles

PLACES = ("path", "query", "header", "body")
IN_QUERY = frozenset({"GET", "HEAD", "DELETE", "OPTIONS"})
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
HINTS = frozenset({"x-in", "x-name", "x-whole", "x-style", "x-explode"})
"""Keywords in the schema of an argument that say how it is sent."""
ROOT_HINTS = frozenset({"x-content-type", "x-encoding", "x-accept"})
"""Keywords at the root of an input schema that say how the request is sent."""
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
ACCEPT = "application/json, text/*;q=0.5, */*;q=0.1"
LONGEST_PATH = 2_000
OWN_HEADERS = frozenset({
    "accept-encoding", "authorization", "connection", "content-length", "cookie", "expect", "host", "keep-alive",
    "proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
})  # fmt: skip

_BRACES = re.compile(r"\{([^{}]*)\}")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 section 5.6.2
_BREAKS = re.compile(r"[\x00\r\n]")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_PARAMETER = rf"{_TOKEN.pattern}=(?:{_TOKEN.pattern}|\"[ !#-\[\]-~]*\")"
_MEDIA_TYPE = re.compile(rf"{_TOKEN.pattern}/{_TOKEN.pattern}(?:[ \t]*;[ \t]*{_PARAMETER})*")  # RFC 9110 section 8.3.1
_SURROGATE = re.compile(r"[\ud800-\udfff]")


class BadArgument(Exception):
    """An argument that cannot be sent; `name` is the argument's, the message the end of a sentence about it."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


@dataclass(frozen=True, slots=True)
class Place:
    """Where an argument is sent, under which name, and in which style; empty without `x-style`."""

    where: str
    name: str
    whole: bool = False
    style: str = ""
    explode: bool = False


@dataclass(frozen=True, slots=True)
class PreparedRequest:
    """A request without credentials. `url` is absolute and encoded; `body` matches its Content-Type."""

    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)


def path_names(path: str) -> list[str]:
    """Return the names in braces in an operation's path."""
    return _BRACES.findall(path)


def place_of(name: str, operation: Document) -> Place:
    """Return where the argument `name` of an operation is sent."""
    schema = _properties(operation).get(name)
    hints: Mapping[str, Any] = schema if isinstance(schema, dict) else {}
    sent_name_hint = hints.get("x-name")
    sent_name = sent_name_hint if isinstance(sent_name_hint, str) and sent_name_hint else name
    location = hints.get("x-in")
    if location in PLACES:
        style, explode = _style(hints.get("x-style"), hints.get("x-explode"))
        return Place(location, sent_name, location == "body" and hints.get("x-whole") is True, style, explode)
    if sent_name in path_names(operation["path"]):
        return Place("path", sent_name)
    return Place("query" if operation["method"].upper() in IN_QUERY else "body", sent_name)


def content_kind(media_type: str) -> str:
    """Return how a body of a media type is encoded: `json`, `form` or `text`; empty where it is not supported."""
    name = media_type.partition(";")[0].strip().lower()
    if name == FORM:
        return "form"
    if name.endswith(("/json", "+json", "/x-json")) or name.startswith("application/x-amz-json-"):
        return "json"
    return "text" if name.startswith("text/") and name != "text/*" else ""


def is_media_type(text: str) -> bool:
    """Return whether a text is valid as a Content-Type."""
    return _MEDIA_TYPE.fullmatch(text) is not None and "*" not in text.partition(";")[0]


def path_mistakes(path: str) -> Iterator[str]:
    """Yield why no request can be made for a path, each the end of a sentence about it."""
    without_parameters = _BRACES.sub("", path)
    if not path.startswith("/"):
        yield "must begin with /"
    if "{" in without_parameters or "}" in without_parameters:
        yield "has a brace without its partner"
    if "" in path_names(path):
        yield "has a parameter without a name"
    if "\\" in path:
        yield "may not hold a backslash"
    if _CONTROL.search(path) or "\t" in path or _SURROGATE.search(path):
        yield "may not hold control characters"
    if any(segment in (".", "..") for segment in _segments(path)):
        yield "may not have . or .. as a segment"
    if len(path) > LONGEST_PATH:
        yield f"is longer than {LONGEST_PATH:,} characters"


def mapping_errors(operation: Document) -> Iterator[tuple[str, str]]:
    """Yield what in an operation could never be sent, as `(path of the property, message)`."""
    for mistake in path_mistakes(operation["path"]):
        yield "path", mistake
    root = _root(operation)
    media_type, accept = root.get("x-content-type", JSON), root.get("x-accept", ACCEPT)
    if not (isinstance(media_type, str) and is_media_type(media_type) and content_kind(media_type)):
        yield "inputSchema.x-content-type", "is not a media type that can be sent"
    if not isinstance(accept, str) or not accept.isascii() or _CONTROL.search(accept) or accept != accept.strip():
        yield "inputSchema.x-accept", "is not an Accept header"
    for name in _properties(operation):
        place = place_of(name, operation)
        property_path = f"inputSchema.properties.{name}"
        if place.style and place.style not in styles.STYLES[place.where]:
            yield property_path, f"has x-style {place.style[:40]}, which is no style of a {place.where}"
        if place.where == "header":
            if not _TOKEN.fullmatch(place.name):
                yield property_path, "is not a header name"
            elif place.name.lower() in OWN_HEADERS:
                yield property_path, "is a header that drio sets itself"
        elif place.where != "body" and _CONTROL.search(place.name):
            yield property_path, "may not hold control characters"


def build(
    integration: Document, operation: Document, arguments: Document, *, agent: str = "drio-tui"
) -> PreparedRequest:
    """Build the request for the arguments, with `agent` as the User-Agent. Raises `BadArgument`."""
    method = operation["method"].upper()
    root = _root(operation)
    path_values: dict[str, str] = {}
    query: list[str] = []
    headers = {"Accept": _header_value("x-accept", root.get("x-accept", ACCEPT)), "User-Agent": agent}
    for name, value in _fixed_headers(integration).items():
        _set_header(headers, name, value)
    body: Any = None
    body_source = ""
    for name, value in arguments.items():
        place = place_of(name, operation)
        text = partial(_text, name)
        if place.where == "body":
            body_source = name
            if place.whole:
                body = value
            else:
                body = body if isinstance(body, dict) else {}
                body[place.name] = value
        elif value is None:
            continue
        elif place.where == "path":
            path_values[place.name] = _path_text(name, place, value)
        elif place.where == "query":
            query += styles.pairs(place.name, value, place.style, place.explode, text, _quote)
        else:
            _set_header(headers, _header_name(name, place.name), _header_value(name, value, place))
    url = _url(integration["baseUrl"], operation["path"], path_values, query)
    if not body_source and method not in IN_QUERY and _has_body_properties(operation):
        body, body_source = {}, "body"
    if not body_source:
        return PreparedRequest(method, url, headers)
    media_type, content = _content(root, body_source, body)
    if not any(name.lower() == "content-type" for name in headers):
        headers = {"Content-Type": media_type} | headers
    return PreparedRequest(method, url, headers, content)


def _content(root: Document, name: str, body: Any) -> tuple[str, bytes]:
    """Return the media type of the body, and the encoded body. `name` is the argument that it comes from."""
    declared = root.get("x-content-type", JSON)
    media_type = declared if isinstance(declared, str) and is_media_type(declared) else ""
    match content_kind(media_type):
        case "json":
            return media_type, dumps(body).encode("ascii")
        case "text":
            text = _text(name, body, breaks=True)
            if not text.isascii() and "charset" not in media_type.lower():
                media_type += "; charset=utf-8"
            return media_type, text.encode()
        case "form":
            if not isinstance(body, dict):
                raise BadArgument(name, "has to be an object, since it is sent as a form")
            return media_type, "&".join(_form(root.get("x-encoding"), name, body)).encode("ascii")
    raise BadArgument(name, f"cannot be sent as {str(declared)[:60]}")


def _form(encoding: Any, name: str, body: Document) -> Iterator[str]:
    encoding = encoding if isinstance(encoding, dict) else {}
    text = partial(_text, name, breaks=True)
    for field_name, value in body.items():
        hints = encoding.get(field_name)
        hints = hints if isinstance(hints, dict) else {}
        style, explode = _style(hints.get("style"), hints.get("explode"))
        yield from styles.pairs(field_name, value, style, explode, text, quote_plus)


def _has_body_properties(operation: Document) -> bool:
    places = (place_of(name, operation) for name in _properties(operation))
    return any(place.where == "body" and not place.whole for place in places)


def _style(style: Any, explode: Any) -> tuple[str, bool]:
    """Return a style with its `explode`, which is true for `form` by default."""
    style = style if isinstance(style, str) else ""
    return style, explode if isinstance(explode, bool) else style == "form"


def _root(operation: Document) -> Document:
    schema = operation.get("inputSchema")
    return schema if isinstance(schema, dict) else {}


def _properties(operation: Document) -> Document:
    properties = _root(operation).get("properties")
    return properties if isinstance(properties, dict) else {}


def _fixed_headers(integration: Document) -> dict[str, str]:
    headers = (integration.get("config") or {}).get("headers") or {}
    return {_header_name(name, name): _header_value(name, value) for name, value in headers.items()}


def _set_header(headers: dict[str, str], name: str, value: str) -> None:
    """Set a header, replacing one whose name differs only in case."""
    for other in [other for other in headers if other.lower() == name.lower()]:
        del headers[other]
    headers[name] = value


def _segments(path: str) -> list[str]:
    return path.partition("?")[0].replace("%2e", ".").replace("%2E", ".").split("/")


def _text(name: str, value: Any, *, breaks: bool = False) -> str:
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, str):
        text = value
    else:
        text = dumps(value)
    if _SURROGATE.search(text):
        raise BadArgument(name, "may not hold lone surrogates")
    if not breaks and _BREAKS.search(text):
        raise BadArgument(name, "may not hold line breaks or NUL")
    return text


def _quote(text: str) -> str:
    return quote(text, safe="")


def _path_text(name: str, place: Place, value: Any) -> str:
    if isinstance(value, dict | list) and (not place.style or place.style == "reserved"):
        raise BadArgument(name, "has to be one value, since it is part of the path")

    def text(item: Any) -> str:
        item_text = _text(name, item)
        if _CONTROL.search(item_text):
            raise BadArgument(name, "cannot be part of a path")
        return item_text

    encoded = styles.in_path(place.name, value, place.style, place.explode, text)
    if encoded in ("", ".", ".."):
        raise BadArgument(name, "cannot be part of a path")
    return encoded


def _header_name(name: str, header_name: str) -> str:
    if not _TOKEN.fullmatch(header_name):
        raise BadArgument(name, "is not a header name")
    if header_name.lower() in OWN_HEADERS:
        raise BadArgument(name, "is a header that drio sets itself")
    return header_name


def _header_value(name: str, value: Any, place: Place | None = None) -> str:
    style, explode = (place.style, place.explode) if place else ("", False)
    text = styles.in_header(value, style, explode, partial(_text, name))
    if _CONTROL.search(text) or text != text.strip():
        raise BadArgument(name, "may not hold control characters, nor blanks at its ends")
    if not text.isascii():
        raise BadArgument(name, "has to be ASCII, since it is sent as a header")
    return text


def _url(base_url: str, path: str, path_values: dict[str, str], query: list[str]) -> str:
    base = urlsplit(base_url)

    def fill(match: re.Match[str]) -> str:
        if match[1] not in path_values:
            raise BadArgument(match[1], "is missing, and the path needs it")
        return path_values[match[1]]

    parts = re.split(r"(\{[^{}]*\})", path.partition("#")[0])
    matches = [_BRACES.fullmatch(part) for part in parts]
    filled = [
        fill(match) if match else quote(part, safe=f"{styles.RESERVED}?%")
        for part, match in zip(parts, matches, strict=True)
    ]
    path, _, fixed_query = "".join(filled).partition("?")
    full = base.path.rstrip("/") + path
    if any(segment in (".", "..") for segment in _segments(full)):
        raise BadArgument("path", "may not have . or .. as a segment")
    all_queries = "&".join(part for part in (base.query, fixed_query, *query) if part)
    return f"{base.scheme}://{base.netloc}{full}{'?' + all_queries if all_queries else ''}"
