"""The HTTP client that the MCP SDK is given: bounded, without credentials, and every exchange told.

The SDK turns most of what goes wrong between it and the server into a sentence of its own, and some of it ends its
whole session. Here such things become an answer that the SDK takes for a refusal, and the true error is
left in the `Record` of the request that met it. The SDK's HTTP library is imported here and nowhere else.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx2

from drio_tui.api import json_codec
from drio_tui.api.error_mapping import LOOPBACK, as_ours, unusable_network
from drio_tui.api.errors import DrioError, NotDrio, RedirectRefused, ResponseTooLarge, UsageError
from drio_tui.api.redact import redact, redact_headers
from drio_tui.api.response_body import ACCEPT_ENCODING, read_body
from drio_tui.api.transport import USER_AGENT, Exchange, Limits, exchange_number
from drio_tui.endpoint.errors import EndpointFailed, EndpointWantsSignIn, NotAnEndpoint, of_endpoint
from drio_tui.text import one_line
from drio_tui.urls import explained

_CLOSING_SECONDS = 2.0
_LOGGED_TEXT = 64 << 10
_NOT_KEPT = frozenset({"content-encoding", "content-length", "transfer-encoding"})


@dataclass(slots=True)
class Record:
    """What became of a request of ours, which may take several exchanges: why the last of them failed, if it did.

    `over` says that nobody listens there: trying another way of connecting is of no use.
    """

    failure: DrioError | None = None
    over: bool = False


RECORD: ContextVar[Record | None] = ContextVar("drio_endpoint_record", default=None)
"""The record of the request that the running task makes; the SDK carries it over to the task that sends."""


class BoundedClient(httpx2.AsyncClient):
    """Sends what the SDK sends to `url`. Blocking to make: it loads the certificate authorities for https.

    Raises `UsageError` for an address or network settings that cannot work.
    """

    def __init__(
        self,
        url: str,
        limits: Limits,
        on_exchange: Callable[[Exchange], None] | None,
        http: httpx2.AsyncBaseTransport | None,
    ) -> None:
        address = checked(url)
        local = address.host in LOOPBACK
        self._limits = limits
        self._on_exchange = on_exchange
        try:
            super().__init__(
                transport=http,
                auth=_NO_AUTH,
                follow_redirects=False,
                max_redirects=limits.redirects,
                headers={"User-Agent": USER_AGENT, "Accept-Encoding": ACCEPT_ENCODING},
                timeout=httpx2.Timeout(limits.read, connect=limits.connect),
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
                verify=True if address.scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
                trust_env=not local,
            )
        except (ValueError, ImportError, OSError, httpx2.InvalidURL) as error:
            raise unusable_network(error) from error

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        """As the HTTP library does, but for what this module is about. Raises nothing of the network's."""
        record = RECORD.get() or Record()
        if record.over:
            return _refusal(request)
        if request.method == "GET" and "last-event-id" not in request.headers:
            # A stream of what the server says unasked: nobody here would listen to it.
            return httpx2.Response(405, request=request)
        record.failure = None
        exchange = self._begun(request)
        started = time.perf_counter()
        try:
            async with asyncio.timeout(_CLOSING_SECONDS if request.method == "DELETE" else None):
                return await self._answered(request, exchange, record, options)
        except (DrioError, TimeoutError) as error:
            ours = error if isinstance(error, DrioError) else EndpointFailed("it does not let the connection close")
            record.failure = of_endpoint(ours)
            exchange.error = str(ours)
            return _refusal(request)
        except asyncio.CancelledError:
            exchange.error = "cancelled"
            raise
        finally:
            exchange.elapsed = time.perf_counter() - started
            self._tell(exchange)

    async def _answered(
        self, request: httpx2.Request, exchange: Exchange, record: Record, options: dict[str, Any]
    ) -> httpx2.Response:
        host = request.url.host
        try:
            response = await super().send(request, **{**options, "stream": True, "auth": _NO_AUTH})
        except (httpx2.TransportError, httpx2.InvalidURL, ssl.SSLError, UnicodeError) as error:
            record.over = isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout)
            raise self._ours(error, host) from error
        exchange.status = response.status_code
        exchange.response_headers = redact_headers(response.headers.multi_items())
        exchange.request_id = response.headers.get("x-request-id")
        headers = [(name, value) for name, value in response.headers.multi_items() if name.lower() not in _NOT_KEPT]
        if _media(response) == "text/event-stream" and response.is_success:
            if response.headers.get("content-encoding", "identity").lower() != "identity":
                await response.aclose()
                raise NotDrio("its stream of events is compressed")
            stream = _Bounded(response, self._limits.response_bytes, lambda error: self._broke(error, host, record))
            return httpx2.Response(response.status_code, headers=headers, stream=stream, request=request)
        async with contextlib.aclosing(response):
            try:
                body = await read_body(response, self._limits.response_bytes)  # type: ignore[arg-type] # the same class, renamed
            except (httpx2.TransportError, ssl.SSLError) as error:
                raise self._ours(error, host) from error
        exchange.response_size = len(body)
        if self._on_exchange:
            exchange.response_body = _shown(body)
        record.failure = _judged(response, body, expecting=request.method == "POST")
        made = httpx2.Response(response.status_code, headers=headers, content=body, request=request)
        made.next_request = response.next_request
        return made

    def _broke(self, error: Exception, host: str, record: Record) -> None:
        ours = error if isinstance(error, DrioError) else self._ours(error, host)
        record.failure = of_endpoint(ours)

    def _ours(self, error: Exception, host: str) -> DrioError:
        return as_ours(error, host, self._limits, httpx2)

    def _begun(self, request: httpx2.Request) -> Exchange:
        exchange = Exchange(
            number=exchange_number(),
            method=request.method,
            url=str(request.url),
            path=str(request.url),
            attempt=1,
            started_at=time.time(),
            request_headers=redact_headers(request.headers.multi_items()),
            request_body=_shown(request.content) if self._on_exchange and request.content else None,
        )
        self._tell(exchange)
        return exchange

    def _tell(self, exchange: Exchange) -> None:
        if self._on_exchange:
            self._on_exchange(exchange)


class _NoAuth(httpx2.Auth):
    """Keeps the HTTP library from reading ~/.netrc or credentials in the URL."""


_NO_AUTH = _NoAuth()


class _Bounded(httpx2.AsyncByteStream):
    """A stream of events that ends, with the reason told, where it breaks or grows too long."""

    def __init__(self, response: httpx2.Response, limit: int, broke: Callable[[Exception], None]) -> None:
        self._response, self._left, self._broke = response, limit, broke

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._response.aiter_raw():
                self._left -= len(chunk)
                if self._left < 0:
                    self._broke(ResponseTooLarge("its stream of events does not end"))
                    return
                yield chunk
        except (httpx2.TransportError, ssl.SSLError) as error:
            self._broke(error)

    async def aclose(self) -> None:
        await self._response.aclose()


def checked(text: str) -> httpx2.URL:
    """The endpoint's address: http or https, a host, no credentials. Raises `UsageError`."""
    title = "The endpoint's address does not work"
    if why := explained(text):
        raise UsageError(one_line(why, 200), title=title)
    try:
        return httpx2.URL(text)
    except (httpx2.InvalidURL, UnicodeError, ValueError) as error:
        raise UsageError(one_line(str(error), 200), title=title) from error


def _judged(response: httpx2.Response, body: bytes, *, expecting: bool) -> DrioError | None:
    """What is wrong with an answer before the SDK reads it; None where the SDK is to judge."""
    status, media = response.status_code, _media(response)
    said = response.headers.get("www-authenticate", "")
    if status == 401 or (status == 403 and said):
        return EndpointWantsSignIn(f"it answered with HTTP {status}", challenge=one_line(said, 300))
    if 300 <= status < 400 and "location" in response.headers:
        where = _place(response)
        return of_endpoint(RedirectRefused(f"to {where}" if where else "it leads nowhere"))
    if status >= 400:
        if _is_rpc_error(media, body):
            return None
        facts = f"HTTP {status}{_first_line(body)}"
        if status >= 500 or status in (408, 429):
            return EndpointFailed(facts)
        gone = status in (404, 410)
        return NotAnEndpoint(f"nothing is there: {facts}" if gone else f"it answered with {facts}")
    if expecting and status == 200 and media != "application/json":
        return NotAnEndpoint(f"the answer is {one_line(media, 60) or 'of no declared type'}{_first_line(body)}")
    return None


def _place(response: httpx2.Response) -> str:
    """Where a redirect leads, without what may be secret in it."""
    following = response.next_request
    if following is None:
        return ""
    return one_line(str(following.url.copy_with(userinfo=b"", query=None, fragment=None)), 200)


def _is_rpc_error(media: str, body: bytes) -> bool:
    if media != "application/json":
        return False
    try:
        value = json_codec.loads(body)
    except json_codec.MalformedJson:
        return False
    return isinstance(value, dict) and "jsonrpc" in value and isinstance(value.get("error"), dict)


def _first_line(body: bytes) -> str:
    text = body[:2000].decode("utf-8", "replace").strip()
    return f". It begins: {one_line(text.splitlines()[0].strip(), 120)}" if text else ""


def _media(response: httpx2.Response) -> str:
    return response.headers.get("content-type", "").partition(";")[0].strip().lower()


def _shown(body: bytes) -> Any:
    """A body for the request log, without secrets."""
    try:
        return redact(json_codec.loads(body)) if body else None
    except json_codec.MalformedJson:
        return redact(body[:_LOGGED_TEXT].decode("utf-8", "replace"))


def _refusal(request: httpx2.Request) -> httpx2.Response:
    """What the SDK gets where there is no answer that it should see."""
    return httpx2.Response(503, request=request)
