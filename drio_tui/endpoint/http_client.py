"""The HTTP client that the MCP SDK uses: with limits, without credentials, reporting every exchange.

The SDK replaces most errors between it and the server by messages that it words itself, and some of them end its
whole session. Here such errors become a response that the SDK takes for a refusal, and the original error is stored
in the `RequestState` of the request that met it. The SDK's HTTP library is imported only here.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator, Callable, Collection
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx2

from drio_tui.api import json_codec
from drio_tui.api.error_mapping import LOOPBACK, map_http_error, network_settings_error
from drio_tui.api.errors import DrioError, NotDrio, RedirectRefused, ResponseTooLarge, UsageError
from drio_tui.api.exchange import Exchange, Limits, exchange_number
from drio_tui.api.redact import redact, redact_headers
from drio_tui.api.response_body import ACCEPT_ENCODING, read_body
from drio_tui.api.transport import USER_AGENT
from drio_tui.cassette import active
from drio_tui.cassette.replaying import Player
from drio_tui.endpoint.errors import EndpointFailed, EndpointWantsSignIn, NotAnEndpoint, with_endpoint_text
from drio_tui.text import one_line
from drio_tui.urls import url_error_with_address

_CLOSING_SECONDS = 2.0
_LOGGED_BYTES = 64 << 10
_DROPPED_HEADERS = frozenset({"content-encoding", "content-length", "transfer-encoding"})


@dataclass(slots=True)
class RequestState:
    """The state of one request to the endpoint, which may take several exchanges.

    `failure` is why the last of them failed, if it did. `unreachable` says that nothing accepts connections there:
    another way of connecting would fail too. `secret_arguments` are the arguments that a cassette must not contain.
    """

    failure: DrioError | None = None
    unreachable: bool = False
    secret_arguments: Collection[str] = ()


REQUEST_STATE: ContextVar[RequestState | None] = ContextVar("drio_endpoint_request", default=None)
"""The state of the running task's request; the SDK copies the context to the task that sends it."""


class BoundedClient(httpx2.AsyncClient):
    """Sends what the SDK sends to `url`. Construction blocks: it loads the certificate authorities for https.

    Raises `UsageError` for an address or network settings that cannot work.
    """

    def __init__(
        self,
        url: str,
        limits: Limits,
        on_exchange: Callable[[Exchange], None] | None,
        http: httpx2.AsyncBaseTransport | None,
    ) -> None:
        address = validated_url(url)
        player = active.player()
        if player is not None and not player.has_calls(url):
            raise UsageError("no call of this deployed app was recorded, and a replay uses no network")
        local = address.host in LOOPBACK
        self._limits = limits
        self._on_exchange = on_exchange
        try:
            super().__init__(
                transport=http if player is None else _ReplayTransport(player),
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
            raise network_settings_error(error) from error

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        """Send a request within the limits. Errors become a 503 response and are stored in the request's state."""
        state = REQUEST_STATE.get() or RequestState()
        if state.unreachable:
            return _refusal(request)
        if request.method == "GET" and "last-event-id" not in request.headers:
            # A stream of server-initiated messages, which nothing here would read.
            return httpx2.Response(405, request=request)
        state.failure = None
        exchange = self._start_exchange(request)
        started = time.perf_counter()
        try:
            async with asyncio.timeout(_CLOSING_SECONDS if request.method == "DELETE" else None):
                return await self._send_and_check(request, exchange, state, options)
        except (DrioError, TimeoutError) as error:
            drio_error = (
                error if isinstance(error, DrioError) else EndpointFailed("it does not let the connection close")
            )
            state.failure = with_endpoint_text(drio_error)
            exchange.error = str(drio_error)
            return _refusal(request)
        except asyncio.CancelledError:
            exchange.error = "cancelled"
            raise
        finally:
            exchange.elapsed = time.perf_counter() - started
            self._notify(exchange)

    async def _send_and_check(
        self, request: httpx2.Request, exchange: Exchange, state: RequestState, options: dict[str, Any]
    ) -> httpx2.Response:
        host = request.url.host
        record = _recording_of(request, state)
        try:
            response = await super().send(request, **{**options, "stream": True, "auth": _NO_AUTH})
        except (httpx2.TransportError, httpx2.InvalidURL, ssl.SSLError, UnicodeError) as error:
            record(None, b"", type(error).__name__)
            state.unreachable = isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout)
            raise self._to_drio_error(error, host) from error
        exchange.status = response.status_code
        exchange.response_headers = redact_headers(response.headers.multi_items())
        exchange.request_id = response.headers.get("x-request-id")
        headers = [
            (name, value) for name, value in response.headers.multi_items() if name.lower() not in _DROPPED_HEADERS
        ]
        if _media(response) == "text/event-stream" and response.is_success:
            if response.headers.get("content-encoding", "identity").lower() != "identity":
                await response.aclose()
                raise NotDrio("its stream of events is compressed")
            stream = _BoundedStream(
                response,
                self._limits.response_bytes,
                lambda error: self._stream_failed(error, host, state),
                partial(record, response),
            )
            return httpx2.Response(response.status_code, headers=headers, stream=stream, request=request)
        async with contextlib.aclosing(response):
            try:
                body = await read_body(response, self._limits.response_bytes)  # type: ignore[arg-type] # the same class under another name
            except (httpx2.TransportError, ssl.SSLError) as error:
                record(None, b"", type(error).__name__)
                raise self._to_drio_error(error, host) from error
        record(response, body, "")
        exchange.response_size = len(body)
        if self._on_exchange:
            exchange.response_body = _log_body(body)
        state.failure = _answer_error(response, body, expecting=request.method == "POST")
        result = httpx2.Response(response.status_code, headers=headers, content=body, request=request)
        result.next_request = response.next_request
        return result

    def _stream_failed(self, error: Exception, host: str, state: RequestState) -> None:
        drio_error = error if isinstance(error, DrioError) else self._to_drio_error(error, host)
        state.failure = with_endpoint_text(drio_error)

    def _to_drio_error(self, error: Exception, host: str) -> DrioError:
        return map_http_error(error, host, self._limits, httpx2)

    def _start_exchange(self, request: httpx2.Request) -> Exchange:
        exchange = Exchange(
            number=exchange_number(),
            method=request.method,
            url=str(request.url),
            path=str(request.url),
            attempt=1,
            started_at=time.time(),
            request_headers=redact_headers(request.headers.multi_items()),
            request_body=_log_body(request.content) if self._on_exchange and request.content else None,
        )
        self._notify(exchange)
        return exchange

    def _notify(self, exchange: Exchange) -> None:
        if self._on_exchange:
            self._on_exchange(exchange)


class _NoAuth(httpx2.Auth):
    """Keeps the HTTP library from reading ~/.netrc or credentials in the URL."""


_NO_AUTH = _NoAuth()


class _BoundedStream(httpx2.AsyncByteStream):
    """A stream of events that ends, after reporting the reason, where it breaks or becomes too long.

    `on_end` is called once, with what was read and the name of the exception that ended it.
    """

    def __init__(
        self,
        response: httpx2.Response,
        limit: int,
        on_failure: Callable[[Exception], None],
        on_end: Callable[[bytes, str], None],
    ) -> None:
        self._response, self._left, self._on_failure, self._on_end = response, limit, on_failure, on_end
        self._content, self._error, self._is_ended = bytearray(), "", False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._response.aiter_raw():
                self._left -= len(chunk)
                if self._left < 0:
                    self._on_failure(ResponseTooLarge("its stream of events does not end"))
                    return
                self._content += chunk
                yield chunk
        except (httpx2.TransportError, ssl.SSLError) as error:
            self._error = type(error).__name__
            self._on_failure(error)

    async def aclose(self) -> None:
        await self._response.aclose()
        if not self._is_ended:
            self._is_ended = True
            self._on_end(bytes(self._content), self._error)


class _ReplayTransport(httpx2.AsyncBaseTransport):
    """Answers from a cassette. Raises `NotRecorded`."""

    def __init__(self, player: Player) -> None:
        self._player = player

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        content, media = await request.aread(), request.headers.get("content-type", "")
        names = (REQUEST_STATE.get() or RequestState()).secret_arguments
        recorded = self._player.answer(request.method, str(request.url), content, media, secret_arguments=names)
        if recorded.error:
            error = getattr(httpx2, recorded.error, httpx2.ReadError)
            is_transport_error = isinstance(error, type) and issubclass(error, httpx2.TransportError)
            raise (error if is_transport_error else httpx2.ReadError)("as recorded", request=request)
        return httpx2.Response(
            recorded.status,
            headers=[
                (name, value.encode("ascii", "replace").decode())
                for name, value in self._player.response_headers(recorded)
            ],
            stream=_Body(self._player.body(recorded, content)),
        )


class _Body(httpx2.AsyncByteStream):
    def __init__(self, content: bytes) -> None:
        self._content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._content


def _recording_of(request: httpx2.Request, state: RequestState) -> Callable[[httpx2.Response | None, bytes, str], None]:
    """Return what records the exchange of a request, given its response, body, and the name of an exception."""
    recorder = active.recorder()
    started_at, started = time.time(), time.perf_counter()

    def record(response: httpx2.Response | None, content: bytes, error: str) -> None:
        if recorder is None:
            return
        headers = response.headers.multi_items() if response is not None else []
        recorder.add({
            "at": started_at,
            "seconds": time.perf_counter() - started,
            "method": request.method,
            "url": str(request.url),
            "request_headers": request.headers.multi_items(),
            "content": request.content,
            "secret_arguments": state.secret_arguments,
            "status": response.status_code if response is not None else 0,
            "response_headers": [pair for pair in headers if pair[0].lower() != "content-encoding"],
            "response_content": content,
            "error": error,
        })  # fmt: skip

    return record


def validated_url(text: str) -> httpx2.URL:
    """Return the endpoint's address: http or https, with a host, without credentials. Raises `UsageError`."""
    title = "The endpoint's address does not work"
    if why := url_error_with_address(text):
        raise UsageError(one_line(why, 200), title=title)
    try:
        return httpx2.URL(text)
    except (httpx2.InvalidURL, UnicodeError, ValueError) as error:
        raise UsageError(one_line(str(error), 200), title=title) from error


def _answer_error(response: httpx2.Response, body: bytes, *, expecting: bool) -> DrioError | None:
    """Return what is wrong with a response before the SDK reads it; None if the SDK is to process it."""
    status, media = response.status_code, _media(response)
    challenge = response.headers.get("www-authenticate", "")
    if status == 401 or (status == 403 and challenge):
        return EndpointWantsSignIn(f"it answered with HTTP {status}", challenge=one_line(challenge, 300))
    if 300 <= status < 400 and "location" in response.headers:
        target = _redirect_target(response)
        return with_endpoint_text(RedirectRefused(f"to {target}" if target else "it leads nowhere"))
    if status >= 400:
        if _is_rpc_error(media, body):
            return None
        details = f"HTTP {status}{_first_line(body)}"
        if status >= 500 or status in (408, 429):
            return EndpointFailed(details)
        gone = status in (404, 410)
        return NotAnEndpoint(f"nothing is there: {details}" if gone else f"it answered with {details}")
    if expecting and status == 200 and media != "application/json":
        return NotAnEndpoint(f"the response is {one_line(media, 60) or 'of no declared type'}{_first_line(body)}")
    return None


def _redirect_target(response: httpx2.Response) -> str:
    """Return the target of a redirect, without parts that may be secret."""
    next_request = response.next_request
    if next_request is None:
        return ""
    return one_line(str(next_request.url.copy_with(userinfo=b"", query=None, fragment=None)), 200)


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


def _log_body(body: bytes) -> Any:
    """Return a body for the request log, without secrets."""
    try:
        return redact(json_codec.loads(body)) if body else None
    except json_codec.MalformedJson:
        return redact(body[:_LOGGED_BYTES].decode("utf-8", "replace"))


def _refusal(request: httpx2.Request) -> httpx2.Response:
    """Return the response that the SDK gets in place of one that it must not see."""
    return httpx2.Response(503, request=request)
