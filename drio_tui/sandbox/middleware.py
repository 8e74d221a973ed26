"""The outermost middleware of the sandbox, pure ASGI: it checks every request before it is routed.

It rejects what a web page could make the browser send (DNS rebinding, cross-site requests, form posts to the
JSON API), gives each request its id, and adds the security headers to each response. Rejections use drio's
error envelope (contract 1.2).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from drio_tui import __version__
from drio_tui.api.json_codec import SANDBOX_SERVER

PAGE_CSP = (
    "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
DATA_CSP = "default-src 'none'; frame-ancestors 'none'"
_SERVER = f"{SANDBOX_SERVER}/{__version__}".encode()
_COMMON_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
)
_PAGE_HEADERS = (
    *_COMMON_HEADERS,
    (b"content-security-policy", PAGE_CSP.encode()),
    (b"x-frame-options", b"DENY"),
)
_DATA_HEADERS = (*_COMMON_HEADERS, (b"content-security-policy", DATA_CSP.encode()))
_WRITE_METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})


def request_id(scope: MutableMapping[str, Any]) -> str:
    """Return the id of the request, a UUID, which its error body and its log line contain too."""
    state: dict[str, Any] = scope.setdefault("state", {})
    ident = state.get("request_id")
    if not isinstance(ident, str):
        ident = state["request_id"] = str(uuid.uuid4())
    return ident


def problem_response(
    status: int,
    code: str,
    message: str,
    *,
    scope: MutableMapping[str, Any],
    details: Any = None,
    headers: dict[str, str] | None = None,
) -> JSONResponse:
    """Return an error in drio's envelope: `{"error": {"code", "message", "details", "requestId"}}`."""
    error = {"code": code, "message": message, "details": details, "requestId": request_id(scope)}
    return JSONResponse({"error": error}, status, headers)


@dataclass(frozen=True, slots=True)
class _Rejection:
    status: int
    code: str
    message: str


class GuardMiddleware:
    """Passes on only requests that are addressed to this sandbox and do not come from another origin.

    `port` is the one that the sandbox listens on (it is bound before the app is created). `json_only` are the
    path prefixes whose writes must be `application/json`; `own_bodies` are exceptions below them, whose
    handlers check the content type themselves (the OAuth endpoints, which take forms). `sandbox_id` returns the id
    of the sandbox's data for the `Server` header of each response, "" while it is not known.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        port: int,
        json_only: Iterable[str] = ("/api/",),
        own_bodies: Iterable[str] = ("/api/v1/auth/",),
        sandbox_id: Callable[[], str] = str,
    ) -> None:
        self.app = app
        self.json_only = tuple(json_only)
        self.own_bodies = tuple(own_bodies)
        self.sandbox_id = sandbox_id
        names = ("localhost", "127.0.0.1", "[::1]")
        self.hosts = frozenset(f"{name}:{port}".encode() for name in names)
        if port == 80:
            self.hosts |= {name.encode() for name in names}
        self.origins = frozenset(b"http://" + host for host in self.hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        ident = request_id(scope)
        rejection = self._reject(scope)
        if scope["type"] == "websocket":
            if rejection is None:
                await self.app(scope, receive, send)
            else:
                await send({"type": "websocket.close", "code": 1008, "reason": rejection.code})
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add_headers(message, ident, self.sandbox_id())
            await send(message)

        if rejection is None:
            await self.app(scope, receive, send_with_headers)
        else:
            response = problem_response(rejection.status, rejection.code, rejection.message, scope=scope)
            await response(scope, receive, send_with_headers)

    def _reject(self, scope: Scope) -> _Rejection | None:
        """Return why a request is rejected, None if it is passed on."""
        hosts: list[bytes] = []
        origins: list[bytes] = []
        content_types: list[bytes] = []
        has_body = False
        for name, value in scope["headers"]:
            if name == b"host":
                hosts.append(value)
            elif name == b"origin":
                origins.append(value)
            elif name == b"content-type":
                content_types.append(value)
            elif name == b"content-length":
                has_body = has_body or value.strip() != b"0"
            elif name == b"transfer-encoding":
                has_body = True
        if len(hosts) != 1 or hosts[0].lower() not in self.hosts:
            return _Rejection(421, "misdirected_request", "This sandbox answers only under its own local address.")
        if not scope["path"].startswith("/") and not self._make_relative(scope):
            return _Rejection(421, "misdirected_request", "The request is addressed to another host.")
        if any(origin.lower() not in self.origins for origin in origins):
            return _Rejection(403, "forbidden_origin", "Pages of other origins may not use this sandbox.")
        if scope["type"] == "http" and scope["method"] in _WRITE_METHODS and (has_body or content_types):
            path = scope["path"]
            if path.startswith(self.json_only) and not path.startswith(self.own_bodies):
                media_type = content_types[0].partition(b";")[0].strip().lower() if len(content_types) == 1 else b""
                if media_type != b"application/json":
                    return _Rejection(415, "unsupported_media_type", "Send the body as application/json.")
        return None

    def _make_relative(self, scope: Scope) -> bool:
        """Turn the absolute form of a request target (RFC 9112 section 3.2.2) into a path; False for another host."""
        raw: bytes = scope.get("raw_path") or b""
        scheme, separator, rest = raw.partition(b"://")
        host, slash, path = rest.partition(b"/")
        if scheme.lower() not in (b"http", b"ws") or not separator or host.lower() not in self.hosts:
            return False
        scope["raw_path"] = b"/" + path if slash else b"/"
        scope["path"] = unquote(scope["raw_path"].decode("ascii", "replace"))
        return True


def _add_headers(message: Message, ident: str, sandbox_id: str) -> None:
    """Add the security headers that the response does not set itself; as bytes, since every response goes here."""
    headers: list[tuple[bytes, bytes]] = list(message.get("headers", ()))
    present = dict(headers)
    is_page = present.get(b"content-type", b"").startswith(b"text/html")
    server = b"%b (id=%b)" % (_SERVER, sandbox_id.encode()) if sandbox_id else _SERVER
    defaults = [*(_PAGE_HEADERS if is_page else _DATA_HEADERS), (b"server", server), (b"x-request-id", ident.encode())]
    headers.extend(header for header in defaults if header[0] not in present)
    message["headers"] = headers
