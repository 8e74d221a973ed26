"""The next page of a response: by a `Link` header (RFC 8288), or by the cursor in the response."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from drio_tui.api.errors import UsageError
from drio_tui.api.http import httpx
from drio_tui.api.request_urls import origin
from drio_tui.text import one_line
from drio_tui.tool_calls.requests import PreparedRequest

_LINK = re.compile(r"<([^>]*)>([^<]*)")
"""A target in a `Link` header, which may hold commas, and its parameters."""


def next_page(url: httpx.URL, headers: Mapping[str, str], data: Any) -> httpx.URL | None:
    """Return the URL of the next page of a response; None after the last one. `headers` have lower-case names.

    Raises `UsageError` for a page on another host, which would get the token.
    """
    for link in _links(headers.get("link", "")):
        try:
            target = url.join(link)
        except (httpx.InvalidURL, ValueError) as error:
            raise UsageError(f"{one_line(link, 120)} is not a path: {one_line(str(error), 120)}") from None
        if origin(target) != origin(url) or target.userinfo:
            raise UsageError(
                f"{one_line(link, 120)} is not on {url.netloc.decode('ascii', 'replace')}, and the token is for that "
                "host only",
                hint="Another --profile or --base-url sends requests to another drio.",
            )
        return target
    cursor = next(_cursors(data), None)
    return None if cursor is None else _with_cursor(url, cursor)


def next_request(request: PreparedRequest, headers: Mapping[str, str], data: Any) -> PreparedRequest | None:
    """Return the request of the next page of a response to a GET, or None; raises what `next_page` does."""
    url = next_page(httpx.URL(request.url), headers, data) if request.method == "GET" else None
    return None if url is None or str(url) == request.url else replace(request, url=str(url))


def _with_cursor(url: httpx.URL, cursor: str) -> httpx.URL:
    """Return a URL with another cursor; the rest of its query stays encoded as it is."""
    pairs = [pair for pair in url.query.split(b"&") if pair and pair.partition(b"=")[0] != b"cursor"]
    return url.copy_with(query=b"&".join([*pairs, b"cursor=" + quote(cursor, safe="").encode()]))


def _links(header: str) -> Iterator[str]:
    """Yield the targets with the relation `next` in a `Link` header."""
    for target, parameters in _LINK.findall(header):
        relations = [
            value.strip(' ,"').lower().split()
            for name, _, value in (parameter.partition("=") for parameter in parameters.split(";"))
            if name.strip().lower() == "rel"
        ]
        if any("next" in names for names in relations):
            yield target


def _cursors(data: Any) -> Iterator[str]:
    """Yield the cursor of the next page, as v2 and v3 of the API write it."""
    if not isinstance(data, dict):
        return
    for envelope in (data, data.get("page")):
        if isinstance(envelope, dict):
            for name in ("next_cursor", "nextCursor"):
                if isinstance(envelope.get(name), str) and envelope[name]:
                    yield envelope[name]
