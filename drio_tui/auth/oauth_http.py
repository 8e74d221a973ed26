"""HTTP for the OAuth endpoints: limits on time, size and redirects; errors name the step of the sign-in.

Separate from the API client, because these requests need no token, no retries, and other limits.
"""

from __future__ import annotations

import asyncio
import base64
import html
import json
import re
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote_plus, urljoin

from drio_tui import __version__
from drio_tui.api.error_mapping import retry_after
from drio_tui.api.http import httpx, new_client
from drio_tui.api.redact import HIDDEN, is_secret, redact_headers
from drio_tui.api.secret_values import forms_of, replaced
from drio_tui.auth.errors import (
    BadAnswer,
    ServerUnavailable,
    SignInFailed,
    Step,
    StepConnectionError,
    StepTimeout,
    StepUnreachable,
    UnsafeEndpoint,
)
from drio_tui.auth.urls import require_safe
from drio_tui.text import one_line

MAX_RESPONSE_BYTES = 1 << 20
TOTAL_SECONDS = 30.0
_METADATA_REDIRECTS = 3
_PAGE_TEXT_LENGTH = 8_000
_TITLE = re.compile(r"<title[^<>]*>([^<]*)</title[^<>]*>", re.IGNORECASE)
_MARKUP = re.compile(r"<(script|style)\b.*?(?:</\1[^<>]*>|\Z)|<[^<>]*>", re.IGNORECASE | re.DOTALL)
_LOOPBACK_MOUNTS = ("all://127.0.0.1", "all://localhost", "all://[::1]")


@dataclass(frozen=True, slots=True)
class OAuthError:
    """An OAuth error: the server's `error` code, and code and description as one sanitized line."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class OAuthResponse:
    """One HTTP response with its whole body. The body may contain tokens, so the repr omits it.

    `secrets` are the ones sent in the request: they are hidden where the server repeats them in an error text.
    """

    step: Step
    url: str
    status: int
    headers: httpx.Headers = field(repr=False)
    body: bytes = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False, default=())

    @property
    def host(self) -> str:
        return httpx.URL(self.url).netloc.decode("ascii")

    def json_object(self) -> dict[str, Any]:
        """Return the body as a JSON object. Raises `BadAnswer` for anything else."""
        try:
            parsed = json.loads(self.body)
        except (ValueError, RecursionError):
            media_type = one_line(self.headers.get("content-type", "no content type"), 60)
            text = self.error_text()
            raise BadAnswer(
                f"{self.subject} is not JSON ({media_type}).{f' It says: {text}' if text else ''}", step=self.step
            ) from None
        if not isinstance(parsed, dict):
            raise BadAnswer(f"{self.subject} is JSON, but not an object.", step=self.step, hint=BadAnswer.json_hint)
        return parsed

    def error_object(self) -> dict[str, Any]:
        """Return the body of an error response, or an empty object when it is not a JSON object."""
        try:
            parsed = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return parsed if isinstance(parsed, dict) else {}

    @property
    def is_html(self) -> bool:
        """Whether it is a web page, which no OAuth endpoint but the authorization endpoint responds with."""
        return "html" in self.headers.get("content-type", "").lower() and bool(self.body.strip())

    def oauth_error(self) -> OAuthError | None:
        """Return the OAuth error in the body, under any status (RFC 6749 section 5.2, or drio's own envelope)."""
        body = self.error_object()
        error, description = body.get("error"), body.get("error_description")
        if isinstance(envelope := error, dict):  # {"error": {"code", "message"}}
            error, description = envelope.get("code") or "error", envelope.get("message")
        if not isinstance(error, str) or not error:
            return None
        text = one_line(self._hide_secrets(error), 80)
        if isinstance(description, str) and description:
            text += f": {one_line(self._hide_secrets(description), 400)}"
        return OAuthError(self._hide_secrets(error), text)

    def error_text(self) -> str:
        """Return the server's message to the user as one sanitized line; empty when there is none."""
        oauth_error = self.oauth_error()
        if oauth_error is not None:
            return oauth_error.text
        body = self.error_object()
        for key in ("error_description", "message", "detail", "title"):
            if isinstance(text := body.get(key), str) and text:
                return one_line(self._hide_secrets(text), 400)
        if body or not self.body.strip():
            return ""
        page = self._hide_secrets(self.body.decode("utf-8", "replace"))
        return _page_text(page[:_PAGE_TEXT_LENGTH])

    def _hide_secrets(self, text: str) -> str:
        return _hide(text, self.secrets)

    @property
    def subject(self) -> str:
        return f"The response of {self.host} (HTTP {self.status})"

    def raise_if_unavailable(self) -> None:
        """Raise `ServerUnavailable` for 408, 429 and 5xx, which say nothing about the request itself."""
        if self.status in (408, 429) or self.status >= 500:
            error = ServerUnavailable(f"{self.host} answered HTTP {self.status}.", step=self.step)
            error.status = self.status
            error.retry_after = retry_after(self.headers.get("retry-after"))
            raise error


@dataclass(frozen=True, slots=True)
class OAuthExchange:
    """One request and its outcome, with secrets hidden in `headers` and `body`; `status` is None without a response.

    `date` is the `Date` header of the response.
    """

    method: str
    url: str
    status: int | None
    headers: tuple[tuple[str, str], ...] = ()
    body: str | None = None
    date: str | None = None


class OAuthHttpClient:
    """The HTTP client for the sign-in servers, opened when first used. Use as an async context manager.

    `total` is the time limit of one request in seconds, from connecting to the last byte. `SSL_CERT_FILE`,
    `HTTPS_PROXY` and `NO_PROXY` are honoured; this machine is never reached through a proxy. Invalid settings raise
    `StepUnreachable` on a request to another machine. `on_exchange` is called after each request.
    """

    def __init__(
        self,
        *,
        total: float = TOTAL_SECONDS,
        connect: float = 10.0,
        read: float = 20.0,
        on_exchange: Callable[[OAuthExchange], None] = lambda _exchange: None,
    ) -> None:
        self._on_exchange = on_exchange
        self._total = total
        self._timeout = httpx.Timeout(read, connect=connect)
        self._clients: dict[bool, httpx.AsyncClient] = {}  # True: for plain http to this machine; False: for https

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        while self._clients:
            _, client = self._clients.popitem()
            await client.aclose()

    def _client(self, url: str, step: Step) -> httpx.AsyncClient:
        """Return the client for `url`, created when first used."""
        is_local = url.startswith("http:")  # `require_safe` lets http through for this machine only
        if is_local not in self._clients:
            try:
                self._clients[is_local] = new_client(
                    timeout=self._timeout,
                    follow_redirects=False,
                    mounts=dict.fromkeys(_LOOPBACK_MOUNTS),
                    # Without proxy and TLS, invalid settings for them must not matter.
                    trust_env=not is_local,
                    headers={
                        "User-Agent": f"drio-tui/{__version__}",
                        "Accept": "application/json",
                        "Accept-Encoding": "identity",
                    },
                )
            except (ValueError, ImportError, OSError, httpx.InvalidURL) as error:
                step_error = StepUnreachable(
                    f"The network settings do not work: {one_line(str(error), 200)}", step=step
                )
                step_error.hint = "Check HTTPS_PROXY, ALL_PROXY, SSL_CERT_FILE and SSL_CERT_DIR."
                raise step_error from error
        return self._clients[is_local]

    async def get(
        self, url: str, *, step: Step, bearer: str | None = None, redirects: int | None = _METADATA_REDIRECTS
    ) -> OAuthResponse:
        """Send a GET. Follows at most `redirects` redirects to safe URLs; none with a `bearer` token.

        With None, a redirect is returned as any other response is.
        """
        headers = {"Authorization": f"Bearer {bearer}"} if bearer is not None else {}
        redirects_left = 0 if bearer is not None else redirects or 0
        while True:
            secrets = (bearer,) if bearer else ()
            response = await self._send("GET", url, step, headers=headers, total=self._total, secrets=secrets)
            target = response.headers.get("location")
            if response.status not in (301, 302, 303, 307, 308) or not target or redirects is None:
                return response
            if redirects_left == 0:
                raise BadAnswer(f"{response.host} redirects where it should answer.", step=step)
            redirects_left -= 1
            redirect_url = require_safe(urljoin(url, target), "The redirect", step=step)
            if url.startswith("https:") and not redirect_url.startswith("https:"):
                raise UnsafeEndpoint(
                    f"{response.host} redirects from https to {one_line(redirect_url, 200)}", step=step
                )
            url = redirect_url

    async def delete(self, url: str, *, step: Step, bearer: str) -> OAuthResponse:
        """Send a DELETE; redirects are not followed."""
        headers = {"Authorization": f"Bearer {bearer}"}
        return await self._send("DELETE", url, step, headers=headers, total=self._total, secrets=(bearer,))

    async def post_json(self, url: str, body: Mapping[str, Any], *, step: Step) -> OAuthResponse:
        """Send a JSON object by POST; redirects are not followed."""
        content = json.dumps(body).encode("ascii")
        return await self._send(
            "POST", url, step, headers={"Content-Type": "application/json"}, content=content, total=self._total
        )

    async def post_form(
        self,
        url: str,
        form: Mapping[str, str],
        *,
        step: Step,
        basic: tuple[str, str] | None = None,
        total: float | None = None,
    ) -> OAuthResponse:
        """Send a form by POST, with HTTP Basic encoded as in RFC 6749 section 2.3.1; redirects are not followed."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if basic is not None:
            pair = ":".join(quote_plus(part) for part in basic)
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        content = str(httpx.QueryParams(dict(form))).encode("ascii")
        secrets = [value for name, value in form.items() if value and is_secret(name, oauth=True)]
        if basic is not None:
            secrets.append(basic[1])
        return await self._send(
            "POST",
            url,
            step,
            headers=headers,
            content=content,
            total=total or self._total,
            secrets=tuple(secrets),
        )

    async def _send(
        self,
        method: str,
        url: str,
        step: Step,
        *,
        headers: dict[str, str],
        total: float,
        content: bytes | None = None,
        secrets: tuple[str, ...] = (),
    ) -> OAuthResponse:
        client = self._client(url, step)
        step_error: SignInFailed
        status, date = None, None
        try:
            async with asyncio.timeout(total):
                async with client.stream(method, url, headers=headers, content=content) as response:
                    status, date = response.status_code, response.headers.get("date")
                    body = await _read_body(response, step)
                    return OAuthResponse(step, url, response.status_code, response.headers, body, secrets)
        except (TimeoutError, httpx.ReadTimeout, httpx.WriteTimeout, httpx.PoolTimeout):
            step_error = StepTimeout(f"No whole response from {_host(url)}.", step=step)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError, httpx.UnsupportedProtocol) as error:
            step_error = StepUnreachable(_unreachable(url, error), step=step)
            if "CERTIFICATE" in str(error):
                step_error.hint = "Its certificate is not trusted; SSL_CERT_FILE can name your own authority."
        except (httpx.TransportError, httpx.InvalidURL) as error:
            step_error = StepConnectionError(
                f"{_host(url)}: {one_line(str(error), 160) or type(error).__name__}.", step=step
            )
        finally:
            text = None if content is None else _hide(content.decode("ascii"), secrets)
            self._on_exchange(OAuthExchange(method, url, status, tuple(redact_headers(headers)), text, date))
        # Raised here and not in the handlers: the causes hold the request, which contains secrets.
        raise step_error


def _hide(text: str, secrets: Iterable[str]) -> str:
    return replaced(text, forms_of(dict.fromkeys(secrets, HIDDEN)))


def _page_text(page: str) -> str:
    """Return the title of an HTML page and the beginning of its text; of any other text the beginning."""
    title = _TITLE.search(page)
    parts = [title[1]] if title else []
    parts.append(_MARKUP.sub(" ", page.replace(title[0], "", 1) if title else page))
    text = (" ".join(html.unescape(part).split()) for part in parts)
    return one_line(": ".join(dict.fromkeys(filter(None, text))), 300)


async def _read_body(response: httpx.Response, step: Step) -> bytes:
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    raw = bytearray()
    async for chunk in response.aiter_raw():
        raw += chunk
        if len(raw) > MAX_RESPONSE_BYTES:
            raise BadAnswer(f"The response of {response.url.host} is larger than 1 MiB.", step=step)
    if encoding in ("", "identity"):
        return bytes(raw)
    if encoding not in ("gzip", "x-gzip"):
        raise BadAnswer(f"{response.url.host} answers in an encoding that was not asked for.", step=step)
    unpack = zlib.decompressobj(wbits=31)
    try:
        body = unpack.decompress(bytes(raw), MAX_RESPONSE_BYTES + 1)
    except zlib.error:
        raise BadAnswer(f"{response.url.host} sent a broken gzip body.", step=step) from None
    if len(body) > MAX_RESPONSE_BYTES:
        raise BadAnswer(f"The response of {response.url.host} is larger than 1 MiB.", step=step)
    return body


def _host(url: str) -> str:
    try:
        return one_line(httpx.URL(url).netloc.decode("ascii"), 100)
    except httpx.InvalidURL:
        return "the server"


def _unreachable(url: str, error: Exception) -> str:
    return f"{_host(url)}: {one_line(str(error), 160) or type(error).__name__}."
