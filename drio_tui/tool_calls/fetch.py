"""Sending one request to an upstream, and reading its answer with a limit on everything.

httpx's transport is used without its client: that one would keep an upstream's cookies from one call to the
next, look for proxies and `.netrc`, and follow redirects by rules of its own.
"""

from __future__ import annotations

import asyncio
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, unquote_plus

from drio_tui.api.http import httpx
from drio_tui.text import duration, one_line
from drio_tui.tool_calls.egress import EgressDenied, EgressPolicy, Origin, Unreachable, origin_of
from drio_tui.tool_calls.requests import SAFE, PreparedRequest

REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PLAIN_HEADERS = frozenset({"accept", "user-agent", "content-type"})


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """Seconds and bytes that bound one request, its redirects included."""

    connect: float = 5.0
    total: float = 30.0
    body: int = 2 << 20  # after decompression
    redirects: int = 5


@dataclass(frozen=True, slots=True)
class Answer:
    """What an upstream said; `content_type` is lower-case and without parameters, `elapsed` in seconds."""

    status: int
    content_type: str
    charset: str
    body: bytes = field(repr=False)
    elapsed: float = 0.0
    challenge: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What signs a request in: sent to the origin it is for and to no other."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)


NO_CREDENTIALS = Credentials()


class FetchFailed(Exception):
    """There is no answer to use. The message is a sentence; nothing secret is in it.

    `sent` tells whether the request may have had its effect; `private` is the origin where only its private
    address is in the way.
    """

    def __init__(self, message: str, *, sent: bool, private: Origin | None = None) -> None:
        super().__init__(message)
        self.sent = sent
        self.private = private


async def fetch(
    transport: httpx.AsyncBaseTransport,
    gate: EgressPolicy,
    outgoing: PreparedRequest,
    credentials: Credentials = NO_CREDENTIALS,
    limits: FetchLimits | None = None,
) -> Answer:
    """The upstream's answer, whatever its status. Raises `FetchFailed`."""
    limits = limits or FetchLimits()
    began = time.perf_counter()
    progress = _Progress()
    try:
        async with asyncio.timeout(limits.total):
            return await _follow(transport, gate, outgoing, credentials, limits, progress, began)
    except TimeoutError:
        raise FetchFailed(f"The upstream did not answer within {duration(limits.total)}.", sent=progress.sent) from None
    except EgressDenied as error:
        raise FetchFailed(str(error), sent=progress.sent, private=error.private) from None
    except Unreachable as error:
        raise FetchFailed(str(error), sent=progress.sent) from None
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        raise FetchFailed(_sentence("The upstream cannot be reached", error), sent=progress.redirected) from error
    except httpx.TransportError as error:
        raise FetchFailed(_sentence("The upstream broke off", error), sent=True) from error
    except (httpx.InvalidURL, ValueError) as error:
        raise FetchFailed(_sentence("The request cannot be made", error), sent=progress.redirected) from error


@dataclass(slots=True)
class _Progress:
    sent: bool = False
    redirected: bool = False


async def _follow(
    transport: httpx.AsyncBaseTransport,
    gate: EgressPolicy,
    outgoing: PreparedRequest,
    credentials: Credentials,
    limits: FetchLimits,
    progress: _Progress,
    began: float,
) -> Answer:
    url = httpx.URL(outgoing.url)
    home = (url.scheme, origin_of(url))
    method, body, headers = outgoing.method, outgoing.body, dict(outgoing.headers)
    for hop in range(limits.redirects + 1):
        gate.check(url)
        at_home = (url.scheme, origin_of(url)) == home
        sent_headers = _with_headers(headers, credentials.headers) if at_home else _only_plain(headers)
        target = _with_query(url, credentials.query) if at_home and credentials.query else url
        request = httpx.Request(
            method,
            target,
            headers=sent_headers | {"Accept-Encoding": "gzip"},
            content=body,
            extensions={"timeout": httpx.Timeout(limits.total, connect=limits.connect).as_dict()},
        )
        response = await _send(transport, request, progress)
        try:
            location = response.headers.get("location")
            if response.status_code not in REDIRECTS or not location:
                return await _read(response, limits, began)
        finally:
            await response.aclose()
        progress.redirected = progress.sent = True
        if hop == limits.redirects:
            break
        followed = url.join(location)
        if url.scheme == "https" and followed.scheme != "https":
            raise EgressDenied("The upstream redirects from https to a connection that anyone can read.")
        if response.status_code in (301, 302, 303) and method not in SAFE:
            method, body = "GET", None
            headers.pop("Content-Type", None)
        url = followed.copy_with(fragment=None)
    raise EgressDenied(f"The upstream redirected more than {limits.redirects} times.")


async def _send(transport: httpx.AsyncBaseTransport, request: httpx.Request, progress: _Progress) -> httpx.Response:
    try:
        response = await transport.handle_async_request(request)
    except (EgressDenied, Unreachable, httpx.ConnectError, httpx.ConnectTimeout):
        raise
    except BaseException:
        progress.sent = True
        raise
    progress.sent = True
    return response


def _with_headers(headers: Mapping[str, str], added: Mapping[str, str]) -> dict[str, str]:
    """The headers with `added` in place of those whose names differ in case only."""
    names = {name.lower() for name in added}
    return {name: value for name, value in headers.items() if name.lower() not in names} | dict(added)


def _with_query(url: httpx.URL, added: Mapping[str, str]) -> httpx.URL:
    """The URL with these parameters in place of those of the same names. The rest stays encoded as it is.

    httpx would encode it again, and then a comma between the items of a list looks like one within an item.
    """
    parts = url.query.decode("ascii").split("&")
    kept = [part for part in parts if part and unquote_plus(part.partition("=")[0]) not in added]
    pairs = [f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in added.items()]
    return url.copy_with(query="&".join([*kept, *pairs]).encode("ascii"))


def _only_plain(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that may go to another origin: what an integration sets besides may be a key."""
    return {name: value for name, value in headers.items() if name.lower() in _PLAIN_HEADERS}


async def _read(response: httpx.Response, limits: FetchLimits, began: float) -> Answer:
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding in ("", "identity"):
        inflate = None
    elif encoding in ("gzip", "x-gzip", "deflate"):
        inflate = zlib.decompressobj(47)  # either header
    else:
        raise FetchFailed(f"The answer is encoded as {one_line(encoding, 40)}, which was not asked for.", sent=True)
    found = bytearray()
    raw = 0
    async for part in response.aiter_raw():
        raw += len(part)
        if inflate is not None:
            try:
                part = inflate.decompress(part, limits.body + 1 - len(found))
            except zlib.error:
                raise FetchFailed("The compressed answer is damaged.", sent=True) from None
        found += part
        if len(found) > limits.body or raw > limits.body:
            raise FetchFailed(f"The answer is larger than {limits.body >> 10} KiB.", sent=True)
    if inflate is not None and not inflate.eof and raw:
        raise FetchFailed("The compressed answer is cut off.", sent=True)
    kind, _, parameters = response.headers.get("content-type", "").partition(";")
    return Answer(
        response.status_code,
        kind.strip().lower()[:100],
        _charset(parameters),
        bytes(found),
        time.perf_counter() - began,
        response.headers.get("www-authenticate", ""),
    )


def _charset(parameters: str) -> str:
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            return value.strip().strip('"').lower()[:40]
    return ""


def _sentence(what: str, error: Exception) -> str:
    reason = one_line(str(error), 160).rstrip(".")
    return f"{what}: {reason}." if reason else f"{what}."
