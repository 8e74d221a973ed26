"""Sending one request to an upstream, and reading its response within limits.

httpx's transport is used without its client, which would keep an upstream's cookies from one call to the next, look
for proxies and `.netrc`, and follow redirects by different rules.
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
_SAFE_HEADERS = frozenset({"accept", "user-agent", "content-type"})


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """Limits of one request, its redirects included: seconds, bytes, number of redirects."""

    connect: float = 5.0
    total: float = 30.0
    body: int = 2 << 20  # after decompression
    redirects: int = 5


@dataclass(frozen=True, slots=True)
class UpstreamResponse:
    """What an upstream answered; `content_type` is lower-case and without parameters, `elapsed` in seconds."""

    status: int
    content_type: str
    charset: str
    body: bytes = field(repr=False)
    elapsed: float = 0.0
    challenge: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What authenticates a request. It is sent only to the request's own origin, not to others after a redirect."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)


NO_CREDENTIALS = Credentials()


class FetchFailed(Exception):
    """There is no usable response. The message is a sentence without secrets.

    `sent` says whether the request may have taken effect; `private` is the origin if it is refused only because its
    address is private.
    """

    def __init__(self, message: str, *, sent: bool, private: Origin | None = None) -> None:
        super().__init__(message)
        self.sent = sent
        self.private = private


async def fetch(
    transport: httpx.AsyncBaseTransport,
    egress: EgressPolicy,
    prepared: PreparedRequest,
    credentials: Credentials = NO_CREDENTIALS,
    limits: FetchLimits | None = None,
) -> UpstreamResponse:
    """Send the request and return the upstream's response, whatever its status. Raises `FetchFailed`."""
    limits = limits or FetchLimits()
    started = time.perf_counter()
    progress = _Progress()
    try:
        async with asyncio.timeout(limits.total):
            return await _follow(transport, egress, prepared, credentials, limits, progress, started)
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
    egress: EgressPolicy,
    prepared: PreparedRequest,
    credentials: Credentials,
    limits: FetchLimits,
    progress: _Progress,
    started: float,
) -> UpstreamResponse:
    url = httpx.URL(prepared.url)
    first_origin = (url.scheme, origin_of(url))
    method, body, headers = prepared.method, prepared.body, dict(prepared.headers)
    for hop in range(limits.redirects + 1):
        egress.check(url)
        same_origin = (url.scheme, origin_of(url)) == first_origin
        sent_headers = _with_headers(headers, credentials.headers) if same_origin else _safe_headers(headers)
        target = _with_query(url, credentials.query) if same_origin and credentials.query else url
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
                return await _read(response, limits, started)
        finally:
            await response.aclose()
        progress.redirected = progress.sent = True
        if hop == limits.redirects:
            break
        next_url = url.join(location)
        if url.scheme == "https" and next_url.scheme != "https":
            raise EgressDenied("The upstream redirects from https to a connection that anyone can read.")
        if response.status_code in (301, 302, 303) and method not in SAFE:
            method, body = "GET", None
            headers.pop("Content-Type", None)
        url = next_url.copy_with(fragment=None)
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
    """Return the headers with `added` replacing those whose names differ only in case."""
    names = {name.lower() for name in added}
    return {name: value for name, value in headers.items() if name.lower() not in names} | dict(added)


def _with_query(url: httpx.URL, added: Mapping[str, str]) -> httpx.URL:
    """Return the URL with these parameters replacing those of the same names. The rest stays encoded as it is.

    httpx would encode it again, and a comma between the items of a list would look like one within an item.
    """
    parts = url.query.decode("ascii").split("&")
    kept = [part for part in parts if part and unquote_plus(part.partition("=")[0]) not in added]
    pairs = [f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in added.items()]
    return url.copy_with(query="&".join([*kept, *pairs]).encode("ascii"))


def _safe_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that may go to another origin: other headers of an integration may hold a key."""
    return {name: value for name, value in headers.items() if name.lower() in _SAFE_HEADERS}


async def _read(response: httpx.Response, limits: FetchLimits, started: float) -> UpstreamResponse:
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding in ("", "identity"):
        inflate = None
    elif encoding in ("gzip", "x-gzip", "deflate"):
        inflate = zlib.decompressobj(47)  # zlib or gzip header
    else:
        raise FetchFailed(f"The response is encoded as {one_line(encoding, 40)}, which was not asked for.", sent=True)
    body = bytearray()
    received = 0
    async for chunk in response.aiter_raw():
        received += len(chunk)
        if inflate is not None:
            try:
                chunk = inflate.decompress(chunk, limits.body + 1 - len(body))
            except zlib.error:
                raise FetchFailed("The compressed response is damaged.", sent=True) from None
        body += chunk
        if len(body) > limits.body or received > limits.body:
            raise FetchFailed(f"The response is larger than {limits.body >> 10} KiB.", sent=True)
    if inflate is not None and not inflate.eof and received:
        raise FetchFailed("The compressed response is cut off.", sent=True)
    content_type, _, parameters = response.headers.get("content-type", "").partition(";")
    return UpstreamResponse(
        response.status_code,
        content_type.strip().lower()[:100],
        _charset(parameters),
        bytes(body),
        time.perf_counter() - started,
        response.headers.get("www-authenticate", ""),
    )


def _charset(parameters: str) -> str:
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            return value.strip().strip('"').lower()[:40]
    return ""


def _sentence(beginning: str, error: Exception) -> str:
    reason = one_line(str(error), 160).rstrip(".")
    return f"{beginning}: {reason}." if reason else f"{beginning}."
