"""Plain HTTP for the OAuth endpoints: bounded in time and size, redirects refused or counted, faults named by step.

Separate from the API client, because these answers need no sign-in, no retries, and other limits.
"""

from __future__ import annotations

import asyncio
import base64
import html
import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote_plus, urljoin

from drio_tui import __version__
from drio_tui.api.error_mapping import retry_after
from drio_tui.api.http import httpx
from drio_tui.api.redact import HIDDEN, is_secret, spellings
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

LARGEST_ANSWER = 1 << 20
TOTAL_SECONDS = 30.0
_METADATA_REDIRECTS = 3
_READ_OF_A_PAGE = 8_000
_TITLE = re.compile(r"<title[^<>]*>([^<]*)</title[^<>]*>", re.IGNORECASE)
_NOT_TEXT = re.compile(r"<(script|style)\b.*?(?:</\1[^<>]*>|\Z)|<[^<>]*>", re.IGNORECASE | re.DOTALL)
_LOOPBACK = ("all://127.0.0.1", "all://localhost", "all://[::1]")


@dataclass(frozen=True, slots=True)
class Refusal:
    """An OAuth error: the server's `error` code, and its words as one safe line."""

    code: str
    said: str


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer, read whole. The body may hold tokens, so it is no part of the repr.

    `secrets` are those of the request: a server may repeat them in what it says, and they are hidden there.
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
        """The body as a JSON object; `BadAnswer` for anything else."""
        try:
            parsed = json.loads(self.body)
        except (ValueError, RecursionError):
            kind = one_line(self.headers.get("content-type", "no content type"), 60)
            said = self.words()
            raise BadAnswer(
                f"{self.where} is not JSON ({kind}).{f' It says: {said}' if said else ''}", step=self.step
            ) from None
        if not isinstance(parsed, dict):
            raise BadAnswer(f"{self.where} is JSON, but not an object.", step=self.step, hint=BadAnswer.json_hint)
        return parsed

    def error_object(self) -> dict[str, Any]:
        """The body of an error answer, or an empty object when it is no JSON object."""
        try:
            parsed = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return parsed if isinstance(parsed, dict) else {}

    @property
    def is_page(self) -> bool:
        """Whether it is a web page, which no OAuth endpoint but the authorization endpoint answers with."""
        return "html" in self.headers.get("content-type", "").lower() and bool(self.body.strip())

    def refusal(self) -> Refusal | None:
        """The OAuth error in the body, whatever the status says (RFC 6749 section 5.2, or drio's own envelope)."""
        body = self.error_object()
        error, description = body.get("error"), body.get("error_description")
        if isinstance(envelope := error, dict):  # {"error": {"code", "message"}}
            error, description = envelope.get("code") or "error", envelope.get("message")
        if not isinstance(error, str) or not error:
            return None
        said = one_line(self._without_secrets(error), 80)
        if isinstance(description, str) and description:
            said += f": {one_line(self._without_secrets(description), 400)}"
        return Refusal(self._without_secrets(error), said)

    def words(self) -> str:
        """What the server says for a person to read, as one safe line; empty when it says nothing."""
        refusal = self.refusal()
        if refusal is not None:
            return refusal.said
        body = self.error_object()
        for key in ("error_description", "message", "detail", "title"):
            if isinstance(text := body.get(key), str) and text:
                return one_line(self._without_secrets(text), 400)
        if body or not self.body.strip():
            return ""
        page = self._without_secrets(self.body.decode("utf-8", "replace"))
        return _page_words(page[:_READ_OF_A_PAGE])

    def _without_secrets(self, text: str) -> str:
        for secret in self.secrets:
            for spelling in spellings(secret):
                text = text.replace(spelling, HIDDEN)
        return text

    @property
    def where(self) -> str:
        return f"The answer of {self.host} (HTTP {self.status})"

    def raise_for_trouble(self) -> None:
        """`ServerUnavailable` for 408, 429 and 5xx: those say nothing about what was asked."""
        if self.status in (408, 429) or self.status >= 500:
            trouble = ServerUnavailable(f"{self.host} answered HTTP {self.status}.", step=self.step)
            trouble.status = self.status
            trouble.retry_after = retry_after(self.headers.get("retry-after"))
            raise trouble


class OAuthHttpClient:
    """The connection to the sign-in servers, opened when first used. Use as an async context manager.

    `total` is the most seconds one request may take, from connecting to the last byte. `SSL_CERT_FILE`,
    `HTTPS_PROXY` and `NO_PROXY` are honoured; this machine is never reached through a proxy. Settings that
    cannot work raise `StepUnreachable` when another machine is asked.
    """

    def __init__(self, *, total: float = TOTAL_SECONDS, connect: float = 10.0, read: float = 20.0) -> None:
        self._total = total
        self._timeout = httpx.Timeout(read, connect=connect)
        self._clients: dict[bool, httpx.AsyncClient] = {}  # for plain http on this machine, and for the rest

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        while self._clients:
            _, client = self._clients.popitem()
            await client.aclose()

    def _client(self, url: str, step: Step) -> httpx.AsyncClient:
        """The client for `url`, made when first used."""
        near = url.startswith("http:")  # `require_safe` lets http through for this machine only
        if near not in self._clients:
            try:
                self._clients[near] = httpx.AsyncClient(
                    timeout=self._timeout,
                    follow_redirects=False,
                    mounts=dict.fromkeys(_LOOPBACK),
                    # Where there is neither proxy nor TLS, settings for them must not stand in the way.
                    trust_env=not near,
                    headers={
                        "User-Agent": f"drio-tui/{__version__}",
                        "Accept": "application/json",
                        "Accept-Encoding": "identity",
                    },
                )
            except (ValueError, ImportError, OSError, httpx.InvalidURL) as error:
                problem = StepUnreachable(f"The network settings do not work: {one_line(str(error), 200)}", step=step)
                problem.hint = "Check HTTPS_PROXY, ALL_PROXY, SSL_CERT_FILE and SSL_CERT_DIR."
                raise problem from error
        return self._clients[near]

    async def get(
        self, url: str, *, step: Step, bearer: str | None = None, redirects: int = _METADATA_REDIRECTS
    ) -> Answer:
        """GET; at most `redirects` redirects, each to a safe address; none at all with a `bearer` token."""
        headers = {"Authorization": f"Bearer {bearer}"} if bearer is not None else {}
        left = 0 if bearer is not None else redirects
        while True:
            secrets = (bearer,) if bearer else ()
            answer = await self._send("GET", url, step, headers=headers, total=self._total, secrets=secrets)
            target = answer.headers.get("location")
            if answer.status not in (301, 302, 303, 307, 308) or not target:
                return answer
            if left == 0:
                raise BadAnswer(f"{answer.host} redirects where it should answer.", step=step)
            left -= 1
            further = require_safe(urljoin(url, target), "The redirect", step=step)
            if url.startswith("https:") and not further.startswith("https:"):
                raise UnsafeEndpoint(f"{answer.host} redirects from https to {one_line(further, 200)}", step=step)
            url = further

    async def post_json(self, url: str, body: Mapping[str, Any], *, step: Step) -> Answer:
        """POST a JSON object; redirects are not followed."""
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
    ) -> Answer:
        """POST a form, with HTTP Basic as RFC 6749 section 2.3.1 encodes it; redirects are not followed."""
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
    ) -> Answer:
        client = self._client(url, step)
        problem: SignInFailed
        try:
            async with asyncio.timeout(total):
                async with client.stream(method, url, headers=headers, content=content) as response:
                    body = await _read(response, step)
                    return Answer(step, url, response.status_code, response.headers, body, secrets)
        except (TimeoutError, httpx.ReadTimeout, httpx.WriteTimeout, httpx.PoolTimeout):
            problem = StepTimeout(f"No whole answer from {_host(url)}.", step=step)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError, httpx.UnsupportedProtocol) as error:
            problem = StepUnreachable(_unreachable(url, error), step=step)
            if "CERTIFICATE" in str(error):
                problem.hint = "Its certificate is not trusted; SSL_CERT_FILE can name your own authority."
        except (httpx.TransportError, httpx.InvalidURL) as error:
            problem = StepConnectionError(
                f"{_host(url)}: {one_line(str(error), 160) or type(error).__name__}.", step=step
            )
        # Raised here, not above: the causes carry the request, and the request carries secrets.
        raise problem


def _page_words(page: str) -> str:
    """The title of an HTML page and the beginning of its text; of anything else the beginning."""
    title = _TITLE.search(page)
    parts = [title[1]] if title else []
    parts.append(_NOT_TEXT.sub(" ", page.replace(title[0], "", 1) if title else page))
    text = (" ".join(html.unescape(part).split()) for part in parts)
    return one_line(": ".join(dict.fromkeys(filter(None, text))), 300)


async def _read(response: httpx.Response, step: Step) -> bytes:
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    raw = bytearray()
    async for chunk in response.aiter_raw():
        raw += chunk
        if len(raw) > LARGEST_ANSWER:
            raise BadAnswer(f"The answer of {response.url.host} is larger than 1 MiB.", step=step)
    if encoding in ("", "identity"):
        return bytes(raw)
    if encoding not in ("gzip", "x-gzip"):
        raise BadAnswer(f"{response.url.host} answers in an encoding that was not asked for.", step=step)
    unpack = zlib.decompressobj(wbits=31)
    try:
        body = unpack.decompress(bytes(raw), LARGEST_ANSWER + 1)
    except zlib.error:
        raise BadAnswer(f"{response.url.host} sent a broken gzip body.", step=step) from None
    if len(body) > LARGEST_ANSWER:
        raise BadAnswer(f"The answer of {response.url.host} is larger than 1 MiB.", step=step)
    return body


def _host(url: str) -> str:
    try:
        return one_line(httpx.URL(url).netloc.decode("ascii"), 100)
    except httpx.InvalidURL:
        return "the server"


def _unreachable(url: str, error: Exception) -> str:
    return f"{_host(url)}: {one_line(str(error), 160) or type(error).__name__}."
