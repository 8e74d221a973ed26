"""Sending one request to the API: limits, retries, redirects, errors, and a record of each exchange.

No pydantic here, so that a command which only passes JSON through starts fast.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import ssl
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from drio_tui import __version__
from drio_tui.api import wire
from drio_tui.api.errors import (
    ApiError,
    ConnectionFailed,
    ConnectionLost,
    DrioError,
    NotDrio,
    OutcomeUnknown,
    RedirectRefused,
    RequestTimeout,
    ResponseTooLarge,
    ServerError,
    UsageError,
    api_error,
)
from drio_tui.api.http import httpx
from drio_tui.api.redact import redact, redact_headers
from drio_tui.text import one_line

USER_AGENT = f"drio-tui/{__version__}"
REPEATABLE = frozenset({"GET", "HEAD", "PUT", "DELETE"})
RETRY_STATUSES = frozenset({408, 429, *range(500, 600)})
REDIRECTS = frozenset({301, 302, 303, 307, 308})
_UNSET: Any = object()
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds and bytes that bound one request."""

    connect: float = 10.0
    read: float = 30.0
    total: float = 60.0  # one attempt from its start to the last byte
    response_bytes: int = 64 << 20  # after decompression
    retries: int = 3
    retry_after: float = 60.0  # a longer wait is not waited for: the caller is told
    redirects: int = 5


@dataclass(slots=True)
class Exchange:
    """One attempt of one request, as the request log shows it. Nothing secret is in it.

    `elapsed` is in seconds, `started_at` in seconds since the epoch; `status` and `elapsed` are None while
    it is under way, `error` says why there is no status, `retry_in` how many seconds until the next attempt.
    """

    number: int
    method: str
    url: str
    path: str
    attempt: int
    started_at: float
    request_headers: list[tuple[str, str]] = field(default_factory=list)
    request_body: Any = None
    status: int | None = None
    elapsed: float | None = None
    request_id: str | None = None
    response_headers: list[tuple[str, str]] = field(default_factory=list)
    response_body: Any = field(default=None, repr=False)
    response_size: int = 0
    error: str | None = None
    retry_in: float | None = None

    @property
    def done(self) -> bool:
        """Whether the attempt has ended, well or not."""
        return self.elapsed is not None


@dataclass(frozen=True, slots=True)
class Reply:
    """A successful answer: parsed JSON (None for an empty body), status, headers (lower-case names)."""

    data: Any
    status: int
    headers: dict[str, str]
    request_id: str | None


class Transport:
    """Sends JSON requests to one API over one `httpx.AsyncClient` that lives as long as this does.

    `base_url` ends in `/api/v1`, without a slash. `auth` is applied only to requests to the base's own
    origin. `on_exchange` is called when an attempt starts and again when it ends, with the same object;
    it runs on the event loop and must not block. `http` replaces the network (an ASGI application in tests).
    """

    def __init__(
        self,
        base_url: str,
        *,
        auth: httpx.Auth | None = None,
        on_exchange: Callable[[Exchange], None] | None = None,
        http: httpx.AsyncBaseTransport | None = None,
        limits: Limits | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.auth = auth
        self.limits = limits or Limits()
        self._origin = origin(httpx.URL(self.base_url))
        self._on_exchange = on_exchange
        self._sleep = sleep
        self._client = httpx.AsyncClient(
            transport=http,
            follow_redirects=False,
            headers={"User-Agent": USER_AGENT, "Accept": "application/json"},
            timeout=httpx.Timeout(self.limits.read, connect=self.limits.connect),
            # A proxy set for the network at large has no business between us and the local sandbox.
            mounts=None if http else dict.fromkeys(("all://localhost", "all://127.0.0.1", "all://[::1]")),
        )

    async def aclose(self) -> None:
        """Close the connections; requests under way are cancelled by their owners, not here."""
        await self._client.aclose()

    async def request(self, method: str, path: str, *, json: Any = _UNSET, anonymous: bool = False) -> Reply:
        """Send `method` `path` (below the base URL, already percent-encoded) and give the answer.

        GET, PUT and DELETE are tried again on 408, 429, 5xx and broken connections; POST and PATCH never:
        where it is not known whether one was carried out, `OutcomeUnknown` or an `ApiError` with
        `outcome_unknown` is raised. `anonymous` leaves the token out. Raises `DrioError` only.
        """
        content = b"" if json is _UNSET else wire.dumps(json).encode()
        repeatable = method in REPEATABLE
        maybe_done = False  # an earlier attempt of this DELETE may have been carried out
        for attempt in itertools.count(1):
            exchange = Exchange(
                number=next(_numbers),
                method=method,
                url=self.base_url + path,
                path=path,
                attempt=attempt,
                started_at=time.time(),
                request_body=None if json is _UNSET else redact(json),
            )
            try:
                return await self._attempt(exchange, content if json is not _UNSET else None, anonymous)
            except DrioError as error:
                if maybe_done and isinstance(error, ApiError) and error.status == 404:
                    return Reply(None, 404, {}, error.request_id)
                delay = self._delay(error, attempt) if repeatable and attempt <= self.limits.retries else None
                if delay is None:
                    raise _settled(error, method, exchange) from error.__cause__
                maybe_done = method == "DELETE" and not isinstance(error, ConnectionFailed)
                exchange.retry_in = delay
                self._tell(exchange)
                await self._sleep(delay)
        raise AssertionError("unreachable")

    def _delay(self, error: DrioError, attempt: int) -> float | None:
        """Seconds to wait before trying again, or None when trying again is not for this error."""
        if isinstance(error, ApiError):
            if error.status not in RETRY_STATUSES:
                return None
            if error.retry_after is not None:
                return error.retry_after if error.retry_after <= self.limits.retry_after else None
        elif not isinstance(error, ConnectionFailed | ConnectionLost | RequestTimeout) or not _transient(error):
            return None
        backoff: float = min(8.0, 0.25 * 2 ** (attempt - 1))
        return backoff * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret

    async def _attempt(self, exchange: Exchange, content: bytes | None, anonymous: bool) -> Reply:
        started = time.perf_counter()
        self._tell(exchange)
        try:
            async with asyncio.timeout(self.limits.total):
                return await self._send(exchange, content, anonymous)
        except TimeoutError as error:
            exchange.error = f"no complete answer within {self.limits.total:g} s"
            raise RequestTimeout(exchange.error) from error
        except DrioError as error:
            if exchange.status is None:
                exchange.error = str(error)
            raise
        except asyncio.CancelledError:
            exchange.error = "cancelled"
            raise
        finally:
            exchange.elapsed = time.perf_counter() - started
            self._tell(exchange)

    async def _send(self, exchange: Exchange, content: bytes | None, anonymous: bool) -> Reply:
        method = exchange.method
        try:
            url = httpx.URL(exchange.url)
            for _ in range(self.limits.redirects + 1):
                headers = {"Content-Type": "application/json"} if content is not None else {}
                request = self._client.build_request(method, url, content=content, headers=headers)
                exchange.request_headers = redact_headers(request.headers.multi_items())
                own = origin(url) == self._origin
                response = await self._client.send(
                    request, stream=True, auth=self.auth if own and self.auth and not anonymous else _NO_AUTH
                )
                # What `auth` added is listed by name, its value never.
                exchange.request_headers = redact_headers(response.request.headers.multi_items())
                async with aclosing(response):
                    target = response.headers.get("location") if response.status_code in REDIRECTS else None
                    if target is None:
                        return await self._read(exchange, response)
                method, url = _redirected(method, url, response.status_code, target)
                if method == "GET":
                    content = None
            raise RedirectRefused(f"more than {self.limits.redirects} redirects from {exchange.path}")
        except (httpx.TransportError, httpx.InvalidURL, httpx.DecodingError, ssl.SSLError, UnicodeError) as error:
            raise _as_ours(error, self.limits) from error

    async def _read(self, exchange: Exchange, response: httpx.Response) -> Reply:
        limit = self.limits.response_bytes
        body = bytearray()
        exchange.status = response.status_code
        exchange.response_headers = redact_headers(response.headers.multi_items())
        exchange.request_id = response.headers.get("x-request-id")
        async for chunk in response.aiter_bytes(1 << 16):
            body += chunk
            exchange.response_size = len(body)
            if len(body) > limit:
                exchange.error = f"the answer is larger than {limit >> 20} MiB"
                raise ResponseTooLarge(exchange.error)
        return self._parse(exchange, response, bytes(body))

    def _parse(self, exchange: Exchange, response: httpx.Response, body: bytes) -> Reply:
        status = response.status_code
        media = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        is_json = media == "application/json" or media.endswith("+json")
        data: Any = None
        problem = ""
        if body.strip():
            if is_json:
                try:
                    data = wire.loads(body)
                except wire.MalformedJson as error:
                    problem = f"the JSON is malformed: {error}"
            else:
                problem = f"the answer is {media or 'of no declared type'}, not JSON"
            if self._on_exchange:
                exchange.response_body = redact(data) if not problem else _first_line(body)
        headers = {name.lower(): value for name, value in response.headers.items()}
        if status >= 400:
            wait = retry_after(headers.get("retry-after"))
            refusal = api_error(status, data, request_id=exchange.request_id, retry_after=wait)
            if problem:
                refusal.message = f"HTTP {status}; {problem}: {_first_line(body)}"
                refusal.hint = refusal.hint or NotDrio.hint
            exchange.request_id = refusal.request_id
            raise refusal
        if not 200 <= status < 300:
            raise NotDrio(f"{exchange.path} answered with HTTP {status}")
        if problem:
            exchange.error = problem
            raise NotDrio(f"{exchange.path}: {problem}. It begins: {_first_line(body)}")
        return Reply(data, status, headers, exchange.request_id)

    def _tell(self, exchange: Exchange) -> None:
        if self._on_exchange:
            self._on_exchange(exchange)


class _NoAuth(httpx.Auth):
    """Keeps httpx from reading ~/.netrc or credentials in the URL."""


_NO_AUTH = _NoAuth()


def origin(url: httpx.URL) -> tuple[str, str, int]:
    """Scheme, host and port, with the scheme's own port filled in (RFC 6454 section 4)."""
    return url.scheme, url.host.lower(), url.port or {"https": 443, "http": 80}.get(url.scheme, 0)


def retry_after(value: str | None) -> float | None:
    """Seconds from a `Retry-After` header (RFC 9110 section 10.2.3: seconds or a date); None when unusable."""
    if not value:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value) if len(value) < 12 else float("inf")
    try:
        when = parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError):
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return max(0.0, (when - datetime.now(UTC)).total_seconds())


def _redirected(method: str, url: httpx.URL, status: int, target: str) -> tuple[str, httpx.URL]:
    """The next request of a redirect. Raises `RedirectRefused`."""
    try:
        new = url.join(target)
    except (httpx.InvalidURL, UnicodeError) as error:
        raise RedirectRefused("the redirect's address is not a URL") from error
    if new.scheme not in ("http", "https") or (url.scheme == "https" and new.scheme != "https"):
        raise RedirectRefused(f"from {url.scheme} to {one_line(new.scheme, 20)}: that would give up encryption")
    if method not in ("GET", "HEAD"):
        if status in (301, 302, 303):
            raise RedirectRefused(f"the server redirects a {method} with {status}, which would turn it into a GET")
        if origin(new) != origin(url):
            raise RedirectRefused(f"the server redirects a {method} to {one_line(new.host, 80)}")
    return method, new


def _as_ours(error: Exception, limits: Limits) -> DrioError:
    text = one_line(str(error) or type(error).__name__, 300)
    if isinstance(error, httpx.ConnectTimeout):
        return ConnectionFailed(f"no connection within {limits.connect:g} s")
    if isinstance(error, httpx.ProxyError):
        return ConnectionFailed(
            f"the proxy refused: {text}", title="The proxy refused", hint="Check HTTPS_PROXY and NO_PROXY."
        )
    if isinstance(error, httpx.ConnectError):
        if _caused_by(error, ssl.SSLError):
            return ConnectionFailed(
                text,
                title="The TLS connection failed",
                hint="For a private CA, set SSL_CERT_FILE; check the clock too.",
            )
        return ConnectionFailed(text)
    if isinstance(error, httpx.PoolTimeout):
        return ConnectionFailed("too many requests are waiting for a connection")
    if isinstance(error, httpx.TimeoutException):
        return RequestTimeout(f"nothing came for {limits.read:g} s")
    if isinstance(error, httpx.DecodingError):
        return NotDrio(f"the answer's compression is broken: {text}")
    if isinstance(error, httpx.UnsupportedProtocol | httpx.InvalidURL | httpx.LocalProtocolError | UnicodeError):
        return UsageError(text, title="The address does not work", hint="Check the base URL of the profile.")
    return ConnectionLost(text)


def _settled(error: DrioError, method: str, exchange: Exchange) -> DrioError:
    """The error as the caller sees it once no further attempt is made."""
    if method in REPEATABLE:
        return error
    if isinstance(error, ConnectionLost | RequestTimeout | NotDrio | ResponseTooLarge):
        return OutcomeUnknown(f"{method} {exchange.path}: {error.message}")
    if isinstance(error, ServerError) and error.status not in (501, 503):
        error.outcome_unknown = True
    return error


def _transient(error: DrioError) -> bool:
    """TLS and proxy refusals stay as they are; trying again only delays the message."""
    return not (isinstance(error, ConnectionFailed) and error.title != ConnectionFailed.title)


def _caused_by(error: BaseException | None, kind: type[BaseException]) -> bool:
    while error is not None:
        if isinstance(error, kind):
            return True
        error = error.__cause__ or error.__context__
    return False


def _first_line(body: bytes) -> str:
    text = body[:2000].decode("utf-8", "replace").strip()
    return one_line(text.splitlines()[0].strip() if text else "(nothing)", 120)
