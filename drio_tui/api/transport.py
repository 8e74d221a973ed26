"""Sending one request to the API: limits, retries, redirects, errors, and a record of each exchange.

No pydantic here, so that a command which only passes JSON through starts fast.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import re
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

from drio_tui import __version__
from drio_tui.api import json_codec
from drio_tui.api.error_mapping import (
    LOOPBACK,
    REPEATABLE,
    ProxyRefused,
    as_ours,
    is_transient,
    retry_after,
    settled,
    unusable_network,
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
from drio_tui.api.http import httpx
from drio_tui.api.json_codec import SANDBOX_SERVER
from drio_tui.api.redact import redact, redact_headers
from drio_tui.api.response_body import ACCEPT_ENCODING, read_body
from drio_tui.server_id import server_id
from drio_tui.text import duration, one_line
from drio_tui.urls import is_loopback

USER_AGENT = f"drio-tui/{__version__}"
KEEP_ALIVE_SECONDS = 3.0
"""How long an idle connection is used again. Many servers close theirs after five seconds: a change that is sent just
then would have an outcome that nobody knows."""
RETRY_STATUSES = frozenset({408, 429, *range(500, 600)})
REDIRECTS = frozenset({301, 302, 303, 307, 308})
_SOON_PARSED = 256 << 10  # bytes of JSON that hold up the event loop for some milliseconds at most
_SANDBOX_ID = re.compile(r"\(id=([0-9a-f]{24})\)")
_UNSET: Any = object()
_numbers = itertools.count(1)


def exchange_number() -> int:
    """A number for an exchange that no other has."""
    return next(_numbers)


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds and bytes that bound one request."""

    connect: float = 10.0
    read: float = 30.0
    total: float = 60.0  # one call, all its attempts together, without the waits between them and for a token
    response_bytes: int = 64 << 20  # after decompression
    retries: int = 3
    retry_after: float = 60.0  # a longer wait is not waited for: the caller is told
    redirects: int = 5


@dataclass(slots=True)
class Exchange:
    """One attempt of one request, as the request log shows it. Nothing secret is in it.

    `elapsed` is in seconds, `started_at` in seconds since the epoch; `status` and `elapsed` are None while
    it is under way, `error` says why there is no answer, `retry_in` how many seconds until the next attempt;
    `waiting` is true for as long as that is waited for.
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
    waiting: bool = False

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
    origin; it sees an answer's status and headers, not its body. `on_exchange` is called when an attempt
    starts, when it ends, when another is going to follow and when the wait for that is over, with the same
    object; it runs on the event loop and must not block. `http` replaces the network (an ASGI application in
    tests). `sandbox_id` is the id of a sandbox's data where it is known already. `revive` is awaited when a request
    could not be sent for lack of a server; where it gives True, the request is sent once more, to the `base_url` that
    may have been changed by `move_to`. Cookies are not kept: the API has
    none, and a jar on 127.0.0.1 would be shared by every port.

    Raises `UsageError` for a base URL or for proxy or certificate settings that cannot work.
    """

    def __init__(
        self,
        base_url: str,
        *,
        auth: httpx.Auth | None = None,
        on_exchange: Callable[[Exchange], None] | None = None,
        http: httpx.AsyncBaseTransport | None = None,
        sandbox_id: str = "",
        revive: Callable[[], Awaitable[bool]] | None = None,
        limits: Limits | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.move_to(base_url)
        self.auth = auth
        self.limits = limits or Limits()
        self._revive = revive
        self._on_exchange = on_exchange
        self._sleep = sleep
        self._server = ""
        self._sandbox_id = sandbox_id
        self.known = asyncio.Event()
        """Set once `server_id` is what it will be: from the first answer on, or from the start."""
        if sandbox_id:
            self.known.set()
        try:
            self._client = httpx.AsyncClient(
                transport=http,
                follow_redirects=False,
                headers={"User-Agent": USER_AGENT, "Accept": "application/json", "Accept-Encoding": ACCEPT_ENCODING},
                timeout=httpx.Timeout(self.limits.read, connect=self.limits.connect),
                limits=httpx.Limits(
                    max_connections=100, max_keepalive_connections=20, keepalive_expiry=KEEP_ALIVE_SECONDS
                ),
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
                # A proxy set for the network at large has no business between us and the local sandbox.
                mounts=None if http else dict.fromkeys(("all://localhost", "all://127.0.0.1", "all://[::1]")),
                event_hooks={"response": [_check_location]},
                verify=True if self._origin[0] == "https" else _trusting_nobody(),
                # Nor may a setting that cannot work (SOCKS needs another package) keep us from it.
                trust_env=self._origin[0] == "https" or self._origin[1] not in LOOPBACK,
            )
        except (ValueError, ImportError, OSError, httpx.InvalidURL) as error:
            raise unusable_network(error) from error

    def move_to(self, base_url: str) -> None:
        """Send what follows to another address of the same server."""
        self.base_url = base_url.rstrip("/")
        self._origin = origin(_base(self.base_url))
        self._root = str(_base(self.base_url).copy_with(raw_path=b"/")).rstrip("/")

    @property
    def is_sandbox(self) -> bool:
        """Whether this is a local sandbox, by its own words and by where it is; False before its first answer.

        A sandbox has more routes, below `/sandbox/`, and publishes apps beside its API.
        """
        return self._server.partition("/")[0] == SANDBOX_SERVER and is_loopback(self._origin[1])

    @property
    def server_id(self) -> str:
        """The name under which local files about this drio are kept: its base URL, or the id of a sandbox's data.

        A sandbox says its id with every answer; until the first one it is known where `sandbox_id` was given.
        """
        if self.is_sandbox and (found := _SANDBOX_ID.search(self._server)):
            return server_id(self.base_url, found[1])
        return server_id(self.base_url, self._sandbox_id)

    async def aclose(self) -> None:
        """Close the connections; requests under way are cancelled by their owners, not here."""
        await self._client.aclose()

    async def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = _UNSET,
        anonymous: bool = False,
        below_origin: bool = False,
        etag: str = "",
    ) -> Reply:
        """Send `method` `path` (below the base URL, already percent-encoded) and give the answer.

        GET, PUT and DELETE are tried again on 408, 429, 5xx and broken connections; POST and PATCH never:
        where it is not known whether one was carried out, `OutcomeUnknown` or an `ApiError` with
        `outcome_unknown` is raised. `anonymous` leaves the token out; with `below_origin` the path stands below the
        base's origin (where the sandbox has addresses of its own). With `etag`, the answer can be one of status
        304, without data: what has that ETag still holds. Raises `DrioError` only.
        """
        if self._client.is_closed:
            raise ConnectionFailed("the program is closing its connections")
        content = None if json is _UNSET else _encoded(json)
        headers = {"Content-Type": "application/json"} if content is not None else {}
        if etag:
            headers["If-None-Match"] = etag
        budget = _Budget(self.limits.total)
        maybe_done = False  # an earlier attempt of this DELETE may have been carried out
        revive = self._revive
        for attempt in itertools.count(1):
            exchange = Exchange(
                number=exchange_number(),
                method=method,
                url=(self._root if below_origin else self.base_url) + path,
                path=path,
                attempt=attempt,
                started_at=time.time(),
                request_body=None if json is _UNSET else redact(json),
            )
            try:
                return await self._attempt(exchange, content, headers, anonymous, budget)
            except DrioError as error:
                if maybe_done and isinstance(error, ApiError) and error.status == 404:
                    return Reply(None, 404, {}, error.request_id)
                if revive and isinstance(error, ConnectionFailed) and await revive():
                    revive = None
                    continue
                again = method in REPEATABLE and attempt <= self.limits.retries and budget.left > 0
                delay = self._delay(error, attempt) if again else None
                if delay is None:
                    raise settled(error, method, path) from error.__cause__
                if method == "DELETE" and not isinstance(error, ConnectionFailed | RateLimited):
                    maybe_done = True
                await self._wait(exchange, delay)
        raise AssertionError("unreachable")

    async def _wait(self, exchange: Exchange, delay: float) -> None:
        exchange.retry_in, exchange.waiting = delay, True
        self._tell(exchange)
        try:
            await self._sleep(delay)
        finally:
            exchange.waiting = False
            self._tell(exchange)

    def _delay(self, error: DrioError, attempt: int) -> float | None:
        """Seconds to wait before trying again, or None when trying again is not for this error."""
        if isinstance(error, ApiError):
            if error.status not in RETRY_STATUSES:
                return None
            if error.retry_after is not None:
                return error.retry_after if error.retry_after <= self.limits.retry_after else None
        elif not is_transient(error):
            return None
        backoff: float = min(8.0, 0.25 * 2 ** (attempt - 1))
        return backoff * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret

    async def _attempt(
        self, exchange: Exchange, content: bytes | None, headers: dict[str, str], anonymous: bool, budget: _Budget
    ) -> Reply:
        started = time.perf_counter()
        self._tell(exchange)
        try:
            async with budget.running():
                return await self._send(exchange, content, headers, anonymous, budget)
        except TimeoutError as error:
            exchange.error = f"no complete answer within {duration(self.limits.total)}"
            raise RequestTimeout(exchange.error) from error
        except DrioError as error:
            if not isinstance(error, ApiError):
                exchange.error = str(error)
            raise
        except asyncio.CancelledError:
            exchange.error = "cancelled"
            raise
        finally:
            exchange.elapsed = time.perf_counter() - started
            self._tell(exchange)

    async def _send(
        self, exchange: Exchange, content: bytes | None, headers: dict[str, str], anonymous: bool, budget: _Budget
    ) -> Reply:
        method, url = exchange.method, httpx.URL()
        try:
            url = httpx.URL(exchange.url)
            for _ in range(self.limits.redirects + 1):
                request = self._client.build_request(method, url, content=content, headers=headers)
                exchange.request_headers = redact_headers(request.headers.multi_items())
                own = origin(url) == self._origin
                response = await self._signed(request, self.auth if own and not anonymous else None, budget)
                # What `auth` added is listed by name, its value never.
                exchange.request_headers = redact_headers(response.request.headers.multi_items())
                async with aclosing(response):
                    target = response.headers.get("location") if response.status_code in REDIRECTS else None
                    if target is None:
                        return await self._read(exchange, response)
                url = _redirected(method, url, response.status_code, target)
            raise RedirectRefused(f"more than {self.limits.redirects} redirects from {exchange.path}")
        except (httpx.TransportError, httpx.InvalidURL, ssl.SSLError, UnicodeError) as error:
            raise as_ours(error, _host(url), self.limits) from error

    async def _signed(self, request: httpx.Request, auth: httpx.Auth | None, budget: _Budget) -> httpx.Response:
        """Send `request` as `auth` wants it, perhaps more than once; gives the last answer, its body unread.

        The HTTP library would do the same, but holds each body in between whole, however large it is.
        """
        if auth is None:
            return await self._client.send(request, stream=True, auth=_NO_AUTH)
        async with aclosing(auth.async_auth_flow(request)) as flow:
            async with budget.paused():
                wanted = await anext(flow)
            while True:
                response = await self._client.send(wanted, stream=True, auth=_NO_AUTH)
                try:
                    async with budget.paused():
                        wanted = await flow.asend(response)
                except StopAsyncIteration:
                    return response
                except BaseException:
                    await response.aclose()
                    raise
                await response.aclose()

    async def _read(self, exchange: Exchange, response: httpx.Response) -> Reply:
        exchange.status = response.status_code
        exchange.response_headers = redact_headers(response.headers.multi_items())
        exchange.request_id = response.headers.get("x-request-id")
        if origin(response.request.url) == self._origin:
            self._server = response.headers.get("server", "")
            self.known.set()
        body = await read_body(response, self.limits.response_bytes)
        exchange.response_size = len(body)
        if len(body) <= _SOON_PARSED:
            return self._parse(exchange, response, body)
        return await asyncio.to_thread(self._parse, exchange, response, body)

    def _parse(self, exchange: Exchange, response: httpx.Response, body: bytes) -> Reply:
        """The answer of a body. Large ones are parsed in a thread: seconds, for tens of megabytes of small objects."""
        status = response.status_code
        media = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        is_json = media == "application/json" or media.endswith("+json")
        data: Any = None
        problem = ""
        if body.strip():
            if is_json:
                try:
                    data = json_codec.loads(body)
                except json_codec.MalformedJson as error:
                    problem = f"the JSON is malformed: {error}"
            else:
                problem = f"the answer is {one_line(media, 60) or 'of no declared type'}, not JSON"
            if self._on_exchange:
                exchange.response_body = redact(data) if not problem else _first_line(body)
        headers = {name.lower(): value for name, value in response.headers.items()}
        if status == 407:  # the server itself never says this
            raise ProxyRefused("it wants a sign-in of its own (HTTP 407)")
        if status >= 400:
            wait = retry_after(headers.get("retry-after"))
            refusal = api_error(status, data, request_id=exchange.request_id, retry_after=wait)
            if problem:
                refusal.message = f"HTTP {status}; {problem}: {_first_line(body)}"
                refusal.hint = NotDrio.hint if status < 500 else refusal.hint
            exchange.request_id = refusal.request_id
            raise refusal
        if status == 304 and "if-none-match" in response.request.headers:
            return Reply(None, status, headers, exchange.request_id)
        if not 200 <= status < 300:
            raise NotDrio(f"{exchange.path} answered with HTTP {status}")
        if problem:
            raise NotDrio(f"{exchange.path}: {problem}. It begins: {_first_line(body)}")
        return Reply(data, status, headers, exchange.request_id)

    def _tell(self, exchange: Exchange) -> None:
        if self._on_exchange:
            self._on_exchange(exchange)


class _Budget:
    """The seconds that one call may still take. The clock stands still while `auth` gets a token: that has limits
    of its own, and may wait for a person who signs in again in the middle of an edit.
    """

    def __init__(self, seconds: float) -> None:
        self.left = seconds
        self._timeout: asyncio.Timeout | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Raises `TimeoutError` in the block when the seconds are used up."""
        timeout = self._timeout = asyncio.timeout(self.left)
        try:
            async with timeout:
                yield
        finally:
            self.left = (timeout.when() or 0.0) - asyncio.get_running_loop().time()

    @asynccontextmanager
    async def paused(self) -> AsyncIterator[None]:
        """Inside `running`: time that does not count."""
        assert self._timeout
        loop = asyncio.get_running_loop()
        left = (self._timeout.when() or 0.0) - loop.time()
        self._timeout.reschedule(None)
        try:
            yield
        finally:
            self._timeout.reschedule(loop.time() + left)


def _trusting_nobody() -> ssl.SSLContext:
    """For a base without TLS: loading the certificate authorities takes longer than the first request.

    Should such a server redirect to https all the same, the connection fails rather than going unchecked.
    """
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class _NoAuth(httpx.Auth):
    """Keeps httpx from reading ~/.netrc or credentials in the URL."""


_NO_AUTH = _NoAuth()


def origin(url: httpx.URL) -> tuple[str, str, int]:
    """Scheme, host (as it goes over the wire) and port, the scheme's own filled in (RFC 6454 section 4)."""
    return url.scheme, _host(url).lower(), url.port or {"https": 443, "http": 80}.get(url.scheme, 0)


def _host(url: httpx.URL) -> str:
    return url.raw_host.decode("ascii", "replace")  # `url.host` fails on a broken `xn--` name


def _is_web(url: httpx.URL) -> bool:
    return url.scheme in ("http", "https") and bool(url.raw_host) and (url.port or 0) < 65536


def _base(text: str) -> httpx.URL:
    """The base URL, checked: http or https, a host, no credentials, query or fragment. Raises `UsageError`."""
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, UnicodeError) as error:
        raise UsageError(one_line(str(error), 200), title="The address does not work") from error
    if not _is_web(url):
        raise UsageError("the base URL is not an http or https address", title="The address does not work")
    if url.userinfo or url.query or url.fragment:
        raise UsageError("the base URL must hold no user, password, `?` or `#`", title="The address does not work")
    return url


def _encoded(json: Any) -> bytes:
    try:
        return json_codec.dumps(json).encode()
    except (TypeError, ValueError) as error:
        raise UsageError(one_line(str(error), 200), title="That cannot be sent as JSON") from error


async def _check_location(response: httpx.Response) -> None:
    """Refuse a redirect to no web address here; the HTTP library would call it a protocol error, or fail."""
    if response.status_code in REDIRECTS and "location" in response.headers:
        try:
            target = httpx.URL(response.headers["location"])
        except (httpx.InvalidURL, UnicodeError) as error:
            raise RedirectRefused("the redirect's address is not a URL") from error
        if target.scheme and not _is_web(target):
            raise RedirectRefused(f"to {one_line(str(target), 80)}, which is no web address")


def _redirected(method: str, url: httpx.URL, status: int, target: str) -> httpx.URL:
    """Where a redirect leads. Raises `RedirectRefused`; the method never changes."""
    new = url.join(target)
    if not _is_web(new):
        raise RedirectRefused(f"to {one_line(str(new), 80)}, which is no web address")
    if url.scheme == "https" and new.scheme != "https":
        raise RedirectRefused(f"from {url.scheme} to {new.scheme}: that would give up encryption")
    if method not in ("GET", "HEAD"):
        if status in (301, 302, 303):
            refused = RedirectRefused(f"the server redirects a {method} with {status}, which would turn it into a GET")
            refused.outcome_unknown = status == 303  # "see the result there": RFC 9110 section 15.4.4
            raise refused
        if origin(new) != origin(url):
            raise RedirectRefused(f"the server redirects a {method} to {one_line(_host(new), 80)}")
    return new


def _first_line(body: bytes) -> str:
    text = body[:2000].decode("utf-8", "replace").strip()
    return one_line(text.splitlines()[0].strip() if text else "(nothing)", 120)
