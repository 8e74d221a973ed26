"""The door of the sandbox: a pure ASGI middleware that looks at every request before it is routed.

It turns away what a page in the browser could make it do (DNS rebinding, cross-site requests, form posts
to the JSON API), gives each request its id, and adds the security headers to each answer. Refusals come in
drio's error envelope (contract 1.2).
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
_EVERYWHERE = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
)
_PAGE_HEADERS = (
    *_EVERYWHERE,
    (b"content-security-policy", PAGE_CSP.encode()),
    (b"x-frame-options", b"DENY"),
)
_DATA_HEADERS = (*_EVERYWHERE, (b"content-security-policy", DATA_CSP.encode()))
_WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})


def request_id(scope: MutableMapping[str, Any]) -> str:
    """The id of the request, a UUID; the one that its error body and its log line carry."""
    state: dict[str, Any] = scope.setdefault("state", {})
    found = state.get("request_id")
    if not isinstance(found, str):
        found = state["request_id"] = str(uuid.uuid4())
    return found


def problem_response(
    status: int,
    code: str,
    message: str,
    *,
    scope: MutableMapping[str, Any],
    details: Any = None,
    headers: dict[str, str] | None = None,
) -> JSONResponse:
    """An error in drio's envelope: `{"error": {"code", "message", "details", "requestId"}}`."""
    error = {"code": code, "message": message, "details": details, "requestId": request_id(scope)}
    return JSONResponse({"error": error}, status, headers)


@dataclass(frozen=True, slots=True)
class _Refusal:
    status: int
    code: str
    message: str


class Guard:
    """Lets only requests through that are meant for this sandbox.

    `port` is the one that the sandbox listens on (it is bound before the app is made). `json_only` are the
    path prefixes whose writes must be `application/json`; `own_bodies` are exceptions below them whose
    handlers look at the content type themselves (the OAuth endpoints, which take forms). `sandbox_id` gives the id
    of the sandbox's data, which each answer names in its `Server` header; empty while it is not known.
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
        refusal = self._refusal(scope)
        if scope["type"] == "websocket":
            if refusal is None:
                await self.app(scope, receive, send)
            else:
                await send({"type": "websocket.close", "code": 1008, "reason": refusal.code})
            return

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add_headers(message, ident, self.sandbox_id())
            await send(message)

        if refusal is None:
            await self.app(scope, receive, send_safely)
        else:
            response = problem_response(refusal.status, refusal.code, refusal.message, scope=scope)
            await response(scope, receive, send_safely)

    def _refusal(self, scope: Scope) -> _Refusal | None:
        hosts: list[bytes] = []
        origins: list[bytes] = []
        types: list[bytes] = []
        has_body = False
        for name, value in scope["headers"]:
            if name == b"host":
                hosts.append(value)
            elif name == b"origin":
                origins.append(value)
            elif name == b"content-type":
                types.append(value)
            elif name == b"content-length":
                has_body = has_body or value.strip() != b"0"
            elif name == b"transfer-encoding":
                has_body = True
        if len(hosts) != 1 or hosts[0].lower() not in self.hosts:
            return _Refusal(421, "misdirected_request", "This sandbox answers only under its own local address.")
        if not scope["path"].startswith("/") and not self._make_relative(scope):
            return _Refusal(421, "misdirected_request", "The request is addressed to another host.")
        if any(origin.lower() not in self.origins for origin in origins):
            return _Refusal(403, "forbidden_origin", "Pages of other origins may not use this sandbox.")
        if scope["type"] == "http" and scope["method"] in _WRITES and (has_body or types):
            path = scope["path"]
            if path.startswith(self.json_only) and not path.startswith(self.own_bodies):
                kind = types[0].partition(b";")[0].strip().lower() if len(types) == 1 else b""
                if kind != b"application/json":
                    return _Refusal(415, "unsupported_media_type", "Send the body as application/json.")
        return None

    def _make_relative(self, scope: Scope) -> bool:
        """Turn the absolute form of a request target (RFC 9112 section 3.2.2) into a path, if it is ours."""
        raw: bytes = scope.get("raw_path") or b""
        scheme, mark, rest = raw.partition(b"://")
        host, slash, path = rest.partition(b"/")
        if scheme.lower() not in (b"http", b"ws") or not mark or host.lower() not in self.hosts:
            return False
        scope["raw_path"] = b"/" + path if slash else b"/"
        scope["path"] = unquote(scope["raw_path"].decode("ascii", "replace"))
        return True


def _add_headers(message: Message, ident: str, sandbox_id: str) -> None:
    """Security headers, unless the answer says something of its own; as bytes, since every answer pays for it."""
    headers: list[tuple[bytes, bytes]] = list(message.get("headers", ()))
    present = dict(headers)
    page = present.get(b"content-type", b"").startswith(b"text/html")
    server = b"%b (id=%b)" % (_SERVER, sandbox_id.encode()) if sandbox_id else _SERVER
    wanted = [*(_PAGE_HEADERS if page else _DATA_HEADERS), (b"server", server), (b"x-request-id", ident.encode())]
    headers.extend(header for header in wanted if header[0] not in present)
    message["headers"] = headers
