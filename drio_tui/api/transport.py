"""Sends requests to the API, with limits, retries, redirects, errors, and a record of each exchange.

Does not import pydantic, so that commands which only print JSON start fast.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import re
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

from drio_tui import __version__
from drio_tui.api import json_codec
from drio_tui.api.backoff import SharedBackoff, shared_backoff
from drio_tui.api.content import Content, redacted_content
from drio_tui.api.error_mapping import (
    LOOPBACK,
    REPEATABLE,
    ProxyRefused,
    final_error,
    is_transient,
    map_http_error,
    network_settings_error,
    retry_after,
)
from drio_tui.api.errors import (
    ApiError,
    ConnectionFailed,
    DrioError,
    NotDrio,
    RateLimited,
    RedirectRefused,
    RequestTimeout,
    UsageError,
    api_error,
)
from drio_tui.api.exchange import ApiResponse, Exchange, Limits, Reading, exchange_number
from drio_tui.api.http import httpx, is_recording, new_client
from drio_tui.api.json_codec import SANDBOX_SERVER
from drio_tui.api.redact import redact, redact_headers, redacted_url
from drio_tui.api.request_urls import REDIRECTS, check_location, host_of, origin, parse_base_url, redirect_target
from drio_tui.api.response_body import ACCEPT_ENCODING, read_body
from drio_tui.api.secret_values import SECRET_VALUES
from drio_tui.server_id import server_id
from drio_tui.text import duration, one_line
from drio_tui.urls import is_loopback

USER_AGENT = f"drio-tui/{__version__}"
KEEP_ALIVE_SECONDS = 3.0
"""How long an idle connection is reused. Many servers close theirs after five seconds: a change that is sent at that
moment would have an unknown outcome."""
RETRY_STATUSES = frozenset({408, 429, *range(500, 600)})
BACKOFF_STATUSES = frozenset({429, 503})
"""The statuses with which a server asks for fewer requests."""
_INLINE_PARSE_BYTES = 256 << 10  # parsing this much JSON blocks the event loop for a few milliseconds at most
_SANDBOX_ID = re.compile(r"\(id=([0-9a-f]{24})\)")
_UNSET: Any = object()


@dataclass(slots=True)
class _Sent:
    """What an attempt of a call sends, and how the response is read."""

    content: bytes | None
    headers: dict[str, str]
    anonymous: bool
    reading: Reading
    url: str = ""


class Transport:
    """Sends JSON requests to one API, over one `httpx.AsyncClient` for its lifetime.

    - `base_url` ends in `/api/v1`, without a slash.
    - `auth` is applied only to requests to the origin of the base URL; it sees the status and headers of a response,
      not its body.
    - `on_exchange` is called with the same object when an attempt starts and ends, and before and after the delay of a
      retry; it runs in the event loop and must not block. If it has an attribute `reads_bodies` that is false, the
      exchanges have no bodies.
    - `http` replaces the network (an ASGI application in tests).
    - `sandbox_id` is the id of a sandbox's data, where it is known already.
    - `unauthorized_hint` says what to do when the token of `auth` is refused.
    - `revive` is awaited when the server could not be reached; if it returns True, the request is sent again, once, to
      the `base_url`, which `move_to` may have changed.

    Cookies are not stored: the API has none, and on 127.0.0.1 they would be shared by all ports.

    Raises `UsageError` for an invalid base URL, proxy or certificate setting.
    """

    def __init__(
        self,
        base_url: str,
        *,
        auth: httpx.Auth | None = None,
        on_exchange: Callable[[Exchange], None] | None = None,
        http: httpx.AsyncBaseTransport | None = None,
        sandbox_id: str = "",
        unauthorized_hint: str = "",
        revive: Callable[[], Awaitable[bool]] | None = None,
        limits: Limits | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.move_to(base_url)
        self.auth = auth
        self.limits = limits or Limits()
        self._revive = revive
        self._unauthorized_hint = unauthorized_hint
        self._on_exchange = on_exchange
        self._keeps_bodies = on_exchange is not None and getattr(on_exchange, "reads_bodies", True)
        self._sleep = sleep
        self._server: str | None = None
        self._sandbox_id = sandbox_id
        self.server_id_known = asyncio.Event()
        """Set once `server_id` is final: after the first response, or from the start if `sandbox_id` is given."""
        if sandbox_id:
            self.server_id_known.set()
        try:
            self._client = new_client(
                transport=http,
                follow_redirects=False,
                headers={"User-Agent": USER_AGENT, "Accept": "application/json", "Accept-Encoding": ACCEPT_ENCODING},
                timeout=httpx.Timeout(self.limits.read, connect=self.limits.connect),
                limits=httpx.Limits(
                    max_connections=100, max_keepalive_connections=20, keepalive_expiry=KEEP_ALIVE_SECONDS
                ),
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
                # The local sandbox is never reached through a proxy.
                mounts=None if http else dict.fromkeys(("all://localhost", "all://127.0.0.1", "all://[::1]")),
                event_hooks={"response": [check_location]},
                verify=True if self._origin[0] == "https" else _empty_ssl_context(),
                # Nor may an invalid setting (e.g. SOCKS, which needs another package) prevent requests to it.
                trust_env=self._origin[0] == "https" or self._origin[1] not in LOOPBACK,
            )
        except (ValueError, ImportError, OSError, httpx.InvalidURL) as error:
            raise network_settings_error(error) from error

    def move_to(self, base_url: str) -> None:
        """Send all further requests to `base_url`, another URL of the same server."""
        self.base_url = base_url.rstrip("/")
        self._origin = origin(parse_base_url(self.base_url))
        self._root = str(parse_base_url(self.base_url).copy_with(raw_path=b"/")).rstrip("/")

    @property
    def is_sandbox(self) -> bool:
        """Whether this is a local sandbox, by its `Server` header and host; before the first response, by `sandbox_id`.

        A sandbox has additional routes below `/sandbox/`, and also serves the deployed apps.
        """
        if self._server is None:
            is_named = bool(self._sandbox_id)
        else:
            is_named = self._server.partition("/")[0] == SANDBOX_SERVER
        return is_named and is_loopback(self._origin[1])

    @property
    def server_id(self) -> str:
        """The key of this server in local files: its base URL, or the id of a sandbox's data.

        A sandbox sends its id with every response; before the first one `sandbox_id` is used.
        """
        if self.is_sandbox and (match := _SANDBOX_ID.search(self._server or "")):
            return server_id(self.base_url, match[1])
        return server_id(self.base_url, self._sandbox_id)

    def url_at_origin(self, path: str) -> str:
        """Return the URL of a path below the origin of the base URL."""
        return self._root + path

    async def aclose(self) -> None:
        """Close the connections; running requests have to be cancelled by their callers."""
        await self._client.aclose()

    async def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = _UNSET,
        anonymous: bool = False,
        at_origin: bool = False,
        etag: str = "",
        probe: bool = False,
        content: Content | None = None,
        headers: Mapping[str, str] | None = None,
        reading: Reading = "json",
    ) -> ApiResponse:
        """Send a request and return the response. `path` is below the base URL and already percent-encoded.

        GET, PUT and DELETE are retried on 408, 429, 5xx and broken connections; POST and PATCH never: if it is unknown
        whether one was executed, `OutcomeUnknown` or an `ApiError` with `outcome_unknown` is raised. Requests with a
        `SharedBackoff` wait for each other's delays, and all are retried on 429. `anonymous`
        sends no token. With `at_origin` the path is below the origin of the base URL, where the sandbox has
        additional routes. With `etag` the response may have status 304 and no data: the version of that ETag is still
        current. A `probe` is sent once. `content` is sent instead of `json`, and `headers` are added. Only
        with another `reading` than "json" may a response be no JSON: then `data` is None. Raises only `DrioError`s.
        """
        if self._client.is_closed:
            raise ConnectionFailed("the program is closing its connections")
        if json is not _UNSET:
            content = Content("application/json", _encode_json(json))
        sent = _Sent(content.data if content else None, dict(headers or {}), anonymous, reading)
        if content is not None:
            sent.headers["Content-Type"] = content.media_type
        if etag and not is_recording():  # a cassette has to have the content: a replay may have no copy of it
            sent.headers["If-None-Match"] = etag
        budget = _TimeBudget(self.limits.total)
        may_be_done = False  # an earlier attempt of this DELETE may have been executed
        revive = self._revive
        shared, answered, retries = shared_backoff(), 0, 0
        failure: DrioError | None = None
        for attempt in itertools.count(1):
            if shared is not None and not await shared.wait():
                raise failure or ConnectionFailed("drio asked to wait, and the wait was stopped")
            sent.url = self.url_at_origin(path) if at_origin else self.base_url + path
            exchange = Exchange(
                number=exchange_number(),
                method=method,
                url=redacted_url(sent.url),
                path=redacted_url(path),
                attempt=attempt,
                started_at=time.time(),
                request_body=_redacted_body(json, content) if self._keeps_bodies else None,
                is_probe=probe,
            )
            try:
                response = await self._attempt(exchange, sent, budget)
                if shared is not None:
                    shared.answered += 1
                return response
            except DrioError as error:
                if may_be_done and isinstance(error, ApiError) and error.status == 404:
                    return ApiResponse(None, 404, {}, error.request_id)
                if revive and isinstance(error, ConnectionFailed) and await revive():
                    revive = None
                    continue
                repeatable = (method in REPEATABLE and not probe) or (
                    shared is not None and isinstance(error, RateLimited)
                )
                if shared is not None and isinstance(error, RateLimited) and shared.answered > answered:
                    answered, retries = shared.answered, 0  # drio lets other requests through meanwhile
                retries += 1
                may_retry = repeatable and retries <= self.limits.retries and budget.left > 0
                delay = self._delay(error, attempt) if may_retry else None
                if shared is not None and isinstance(error, ApiError) and error.status in BACKOFF_STATUSES:
                    shared.begin(delay or self._delay(error, 1) or 0.0)
                failure = final_error(error, method, path)
                if delay is None:
                    raise failure from error.__cause__
                if method == "DELETE" and not isinstance(error, ConnectionFailed | RateLimited):
                    may_be_done = True
                await self._wait(exchange, delay, shared)
        raise AssertionError("unreachable")

    async def _wait(self, exchange: Exchange, delay: float, shared: SharedBackoff | None) -> None:
        exchange.retry_in, exchange.waiting = delay, True
        self._report(exchange)
        try:
            if shared is not None and shared.seconds_left:
                await shared.wait()
            else:
                await self._sleep(delay)
        finally:
            exchange.waiting = False
            self._report(exchange)

    def _delay(self, error: DrioError, attempt: int) -> float | None:
        """Return the seconds to wait before a retry, or None for an error that is not retried."""
        if isinstance(error, ApiError):
            if error.status not in RETRY_STATUSES:
                return None
            if error.retry_after is not None:
                return error.retry_after if error.retry_after <= self.limits.retry_after else None
        elif not is_transient(error):
            return None
        backoff: float = min(8.0, 0.25 * 2 ** (attempt - 1))
        return backoff * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret

    async def _attempt(self, exchange: Exchange, sent: _Sent, budget: _TimeBudget) -> ApiResponse:
        started = time.perf_counter()
        self._report(exchange)
        try:
            async with budget.active():
                return await self._send(exchange, sent, budget)
        except TimeoutError as error:
            exchange.error = f"no complete response within {duration(self.limits.total)}"
            raise RequestTimeout(exchange.error) from error
        except DrioError as error:
            if not isinstance(error, ApiError):
                exchange.error, exchange.nothing_sent = str(error), error.nothing_sent
            raise
        except asyncio.CancelledError:
            exchange.error = "cancelled"
            raise
        finally:
            exchange.elapsed = time.perf_counter() - started
            self._report(exchange)

    async def _send(self, exchange: Exchange, sent: _Sent, budget: _TimeBudget) -> ApiResponse:
        method, url = exchange.method, httpx.URL()
        try:
            url = httpx.URL(sent.url)
            for _ in range(self.limits.redirects + 1):
                request = self._client.build_request(method, url, content=sent.content, headers=sent.headers)
                exchange.request_headers = redact_headers(request.headers.multi_items())
                is_own_origin = origin(url) == self._origin
                response = await self._send_with_auth(
                    request, self.auth if is_own_origin and not sent.anonymous else None, budget
                )
                # Including the headers that `auth` added, with hidden values.
                exchange.request_headers = redact_headers(response.request.headers.multi_items())
                async with aclosing(response):
                    target = response.headers.get("location") if response.status_code in REDIRECTS else None
                    if target is None:
                        return await self._read(exchange, response, sent.reading)
                url = redirect_target(method, url, response.status_code, target)
            raise RedirectRefused(f"more than {self.limits.redirects} redirects from {exchange.path}")
        except (httpx.TransportError, httpx.InvalidURL, ssl.SSLError, UnicodeError) as error:
            raise map_http_error(error, host_of(url), self.limits) from error

    async def _send_with_auth(
        self, request: httpx.Request, auth: httpx.Auth | None, budget: _TimeBudget
    ) -> httpx.Response:
        """Run the auth flow of `auth` for `request`; return the last response, with its body unread.

        httpx would do the same, but reads the body of each response in between, however large it is.
        """
        if auth is None:
            return await self._client.send(request, stream=True, auth=_NO_AUTH)
        async with aclosing(auth.async_auth_flow(request)) as flow:
            async with budget.suspended():
                next_request = await anext(flow)
            while True:
                response = await self._client.send(next_request, stream=True, auth=_NO_AUTH)
                try:
                    async with budget.suspended():
                        next_request = await flow.asend(response)
                except StopAsyncIteration:
                    return response
                except BaseException:
                    await response.aclose()
                    raise
                await response.aclose()

    async def _read(self, exchange: Exchange, response: httpx.Response, reading: Reading) -> ApiResponse:
        exchange.status = response.status_code
        exchange.response_headers = redact_headers(response.headers.multi_items())
        exchange.request_id = response.headers.get("x-request-id")
        if origin(response.request.url) == self._origin:
            self._server = response.headers.get("server", "")
            self.server_id_known.set()
        body = await read_body(response, self.limits.response_bytes)
        exchange.response_size = len(body)
        if len(body) <= _INLINE_PARSE_BYTES:
            return self._parse(exchange, response, body, reading)
        return await asyncio.to_thread(self._parse, exchange, response, body, reading)

    def _parse(self, exchange: Exchange, response: httpx.Response, body: bytes, reading: Reading) -> ApiResponse:
        """Return the response for a body. May take seconds for tens of megabytes, which are parsed in a thread."""
        status = response.status_code
        media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        is_json = media_type == "application/json" or media_type.endswith("+json")
        data: Any = None
        parse_error = ""
        if reading == "unread" and 200 <= status < 300:
            if self._keeps_bodies:
                exchange.response_body = _first_line(body)
        elif body.strip():
            if is_json:
                try:
                    data = json_codec.loads(body)
                except json_codec.MalformedJson as error:
                    parse_error = f"the JSON is malformed: {error}"
            else:
                parse_error = f"the response is {one_line(media_type, 60) or 'of no declared type'}, not JSON"
            if self._keeps_bodies:
                exchange.response_body = redact(data) if not parse_error else _first_line(body)
        headers = {name.lower(): value for name, value in response.headers.items()}
        if status == 407:  # only a proxy sends this
            raise ProxyRefused("it requires a sign-in (HTTP 407)")
        if status >= 400:
            retry_after_seconds = retry_after(headers.get("retry-after"))
            # The message may repeat what was sent.
            failure = api_error(
                status, SECRET_VALUES.hidden_in(data), request_id=exchange.request_id, retry_after=retry_after_seconds
            )
            if parse_error:
                failure.message = f"HTTP {status}; {parse_error}: {_first_line(body)}"
                failure.hint = NotDrio.hint if status < 500 else failure.hint
            if status == 401 and self._unauthorized_hint:
                failure.hint = self._unauthorized_hint
            exchange.request_id = failure.request_id
            failure.response = ApiResponse(None if parse_error else data, status, headers, failure.request_id, body)
            raise failure
        if status == 304 and "if-none-match" in response.request.headers:
            return ApiResponse(None, status, headers, exchange.request_id)
        if not 200 <= status < 300:
            raise NotDrio(f"{exchange.path} answered with HTTP {status}")
        if parse_error and reading == "json":
            raise NotDrio(f"{exchange.path}: {parse_error}. It begins: {_first_line(body)}")
        return ApiResponse(data, status, headers, exchange.request_id, b"" if reading == "json" else body)

    def _report(self, exchange: Exchange) -> None:
        if self._on_exchange:
            self._on_exchange(exchange)


class _TimeBudget:
    """The remaining time of one call, in seconds. Not counted is the time in which `auth` gets a token: that has
    separate limits, and may wait for the user to sign in again.
    """

    def __init__(self, seconds: float) -> None:
        self.left = seconds
        self._timeout: asyncio.Timeout | None = None

    @asynccontextmanager
    async def active(self) -> AsyncIterator[None]:
        """Count the time of the block; raise `TimeoutError` in it when none is left."""
        timeout = self._timeout = asyncio.timeout(self.left)
        try:
            async with timeout:
                yield
        finally:
            self.left = (timeout.when() or 0.0) - asyncio.get_running_loop().time()

    @asynccontextmanager
    async def suspended(self) -> AsyncIterator[None]:
        """Do not count the time of the block, inside `active`."""
        assert self._timeout
        loop = asyncio.get_running_loop()
        left = (self._timeout.when() or 0.0) - loop.time()
        self._timeout.reschedule(None)
        try:
            yield
        finally:
            self._timeout.reschedule(loop.time() + left)


def _empty_ssl_context() -> ssl.SSLContext:
    """Return an SSL context without certificate authorities, for a base URL without TLS.

    Loading them takes longer than the first request. If such a server redirects to https, the connection fails.
    """
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class _NoAuth(httpx.Auth):
    """Prevents httpx from using ~/.netrc or credentials in the URL."""


_NO_AUTH = _NoAuth()


def _redacted_body(json: Any, content: Content | None) -> Any:
    """Return the body of a request as the request log shows it."""
    if json is not _UNSET:
        return redact(json)
    return None if content is None else redacted_content(content)


def _encode_json(json: Any) -> bytes:
    try:
        return json_codec.dumps(json).encode()
    except (TypeError, ValueError) as error:
        raise UsageError(one_line(str(error), 200), title="That cannot be sent as JSON") from error


def _first_line(body: bytes) -> str:
    text = body[:2000].decode("utf-8", "replace").strip()
    return one_line(SECRET_VALUES.hidden(text.splitlines()[0].strip()) if text else "(nothing)", 120)
