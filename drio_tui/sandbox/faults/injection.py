"""The middleware that injects the faults of the lab, pure ASGI.

An injected response has the header `X-Sandbox-Fault` with the name of the preset or fault; while anything is on, every
answer has `X-Sandbox-Faults` with what is on. A request can ask for a fault itself, by the header `X-Sandbox-Fault`.
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from collections.abc import Awaitable, Callable
from functools import cached_property
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from drio_tui.api.json_codec import Document, MalformedJson, dumps, loads
from drio_tui.sandbox.faults.data_faults import DataFaults
from drio_tui.sandbox.faults.lab import FaultLab, Injection
from drio_tui.sandbox.faults.rules import Rule
from drio_tui.sandbox.middleware import request_id
from drio_tui.sandbox.oauth.bearer_auth import NotSignedIn, unauthorized_response
from drio_tui.sandbox.problems import CODES, Problem, envelope, error_response

CONTROL_PREFIXES = ("/sandbox/faults", "/sandbox/status")
"""No faults are injected below these paths, so that the lab can always be switched off."""

RESET, CLOSE = "drio.reset", "drio.close"
"""The ASGI extensions with which the application ends the connection of a request: functions without arguments."""

_JSON = "application/json"
_PIECES = 40
_MESSAGES = {
    409: "Someone else changed it meanwhile.",
    410: "This is no longer here.",
    429: "The limit of requests is reached.",
    503: "The service is overloaded.",
}
_PORTAL = (
    "<!doctype html><title>Welcome to Hotel Wi-Fi</title><h1>Welcome to Hotel Wi-Fi</h1>"
    "<p>Accept the terms of use to go online."
)


class Disconnectable:
    """Lets the application end the connection of a request: to be wrapped around it below uvicorn, which has none."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        transport = getattr(getattr(send, "__self__", None), "transport", None)
        if scope["type"] == "http" and isinstance(transport, asyncio.Transport):
            extensions = scope.setdefault("extensions", {})
            extensions[RESET] = lambda: _reset(transport)
            extensions[CLOSE] = transport.close
        await self.app(scope, receive, send)


def _reset(transport: asyncio.Transport) -> None:
    """End a connection with RST, so that the client sees a reset and not an end."""
    raw = transport.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


class FaultMiddleware:
    """Injects the faults of `lab` into the responses of `app`; those of data need the OpenAPI `document`."""

    def __init__(self, app: ASGIApp, *, lab: FaultLab, document: Callable[[], Document]) -> None:
        self.app = app
        self.lab = lab
        self._document = document

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_requested = any(name == b"x-sandbox-fault" for name, _ in scope.get("headers", ()))
        if scope["type"] != "http" or (self.lab.is_idle and not is_requested):
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        requested = headers.get(b"x-sandbox-fault", b"").decode("latin-1")
        injections: list[Injection] = []
        problem: Problem | None = None
        if not scope["path"].startswith(CONTROL_PREFIXES):
            has_token = headers.get(b"authorization", b"").lower().startswith(b"bearer ")
            try:
                injections = self.lab.injections(
                    scope["method"], scope["path"], has_token=has_token, requested=requested
                )
            except ValueError as error:
                problem = Problem(400, f"The header X-Sandbox-Fault {error}.")
        name = ", ".join(dict.fromkeys(injection.name for injection in injections))

        async def send_announced(message: Message) -> None:
            if message["type"] == "http.response.start":
                announced = [(b"x-sandbox-fault", name)] if name else []
                if announcement := self.lab.announcement:
                    announced.append((b"x-sandbox-faults", announcement))
                added = [(header, text.encode("ascii", "replace")) for header, text in announced]
                message["headers"] = [*message.get("headers", ()), *added]
            await send(message)

        if problem is not None:
            await error_response(Request(scope), problem)(scope, receive, send_announced)
            return
        await self._answer(injections, scope, receive, send_announced)

    async def _answer(self, injections: list[Injection], scope: Scope, receive: Receive, send: Send) -> None:
        rule: Rule | None = None
        for injection in injections:
            if injection.rule.kind.name == "delay":
                await asyncio.sleep(injection.rule.seconds)
            else:
                rule = injection.rule
        kind = rule.kind.name if rule is not None else ""
        if rule is None:
            await self.app(scope, receive, send)
        elif kind == "reset":
            await _read_body(receive)
            await _disconnect(scope, RESET)
        elif (response := await _replacement(rule, scope)) is not None:
            await _read_body(receive)
            await response(scope, receive, send)
        elif kind == "lost":
            await self.app(scope, receive, _discard)
            if rule.argument:
                await _error(int(rule.argument), scope)(scope, receive, send)
            else:
                await _disconnect(scope, RESET)
        else:
            changed = _ChangedBody(send, lambda start, body: self._change(rule, scope, start, body, send))
            await self.app(scope, receive, changed.send)

    async def _change(self, rule: Rule, scope: Scope, start: Message, body: bytes, send: Send) -> None:
        """Send the response of the app changed as the rule says."""
        kind = rule.kind.name
        if kind == "cut":
            await send(start)
            await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
            await _disconnect(scope, CLOSE)
            return
        if kind == "slow-body":
            await _send_slowly(start, body, rule.seconds, send)
            return
        if kind == "truncate":
            body = body[: max(1, len(body) * 2 // 3)]
        elif kind == "data":
            body = await self._changed_data(rule, scope, start, body)
        headers = [(name, value) for name, value in start["headers"] if name != b"content-length"]
        if kind == "type":
            headers = [(name, value) for name, value in headers if name != b"content-type"]
            headers.append((b"content-type", rule.argument.encode("ascii")))
        if body:
            headers.append((b"content-length", str(len(body)).encode()))
        await send({**start, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _changed_data(self, rule: Rule, scope: Scope, start: Message, body: bytes) -> bytes:
        """Return the body with other data; the same body if it is an error or no response of the management API."""
        schema = self._schemas.of(scope["path"]) if start["status"] == 200 else None
        if schema is None:
            return body
        try:
            value = loads(body)
        except MalformedJson:
            return body
        shape, _, count = rule.argument.partition(":")
        changed = self._schemas.data.changed(value, schema, shape, int(count) if count else None)
        return (await asyncio.to_thread(dumps, changed)).encode("ascii")

    @cached_property
    def _schemas(self) -> _ResponseSchemas:
        return _ResponseSchemas(self._document())


class _ResponseSchemas:
    """The schemas of the responses to GET, by path."""

    def __init__(self, document: Document) -> None:
        self.data = DataFaults(document)
        self._patterns: list[tuple[re.Pattern[str], Any]] = []
        for path, methods in document["paths"].items():
            content = methods.get("get", {}).get("responses", {}).get("200", {}).get("content", {})
            if schema := content.get(_JSON, {}).get("schema"):
                self._patterns.append((compile_path(path)[0], schema))

    def of(self, path: str) -> Any:
        """Return the schema of the response to a GET of `path`; None if it has none."""
        return next((schema for pattern, schema in self._patterns if pattern.match(path)), None)


class _ChangedBody:
    """Collects a response, then calls `finish` with it; an event stream, which does not end, is passed on."""

    def __init__(self, send: Send, finish: Callable[[Message, bytes], Awaitable[None]]) -> None:
        self._send = send
        self._finish = finish
        self._start: Message = {}
        self._parts: list[bytes] = []
        self._passed_on = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            self._passed_on = dict(message["headers"]).get(b"content-type", b"").startswith(b"text/event-stream")
        if self._passed_on:
            await self._send(message)
        elif message["type"] == "http.response.body":
            self._parts.append(message.get("body", b""))
            if not message.get("more_body"):
                await self._finish(self._start, b"".join(self._parts))


def _error(status: int, scope: Scope) -> Response:
    """Return an error in drio's envelope."""
    text = _MESSAGES.get(status, "The fault lab of the sandbox answered this.")
    name = "unavailable" if status == 503 else CODES.get(status, "injected")
    return Response(envelope(request_id(scope), name, text), status, media_type=_JSON)


async def _replacement(rule: Rule, scope: Scope) -> Response | None:
    """Return the response that replaces the one of the app; None if the rule needs that one."""
    match rule.kind.name:
        case "status":
            code, _, body = rule.argument.partition(":")
            status = int(code)
            if body:
                media_type = _JSON if body.lstrip().startswith(("{", "[")) else "text/plain"
                return Response(body, status, media_type=media_type)
            return _error(status, scope)
        case "rate-limit":
            text = _MESSAGES[429]
            seconds = str(max(1, round(rule.seconds))) if rule.seconds else "0"
            limited = envelope(request_id(scope), "rate_limited", text)
            return Response(limited, 429, {"Retry-After": seconds}, _JSON)
        case "html":
            return HTMLResponse(_PORTAL)
        case "invalid-token":
            return await unauthorized_response(Request(scope), NotSignedIn(sent=True))
    return None


async def _send_slowly(start: Message, body: bytes, seconds: float, send: Send) -> None:
    size = max(1, -(-len(body) // _PIECES))
    pieces = [body[index : index + size] for index in range(0, len(body), size)]
    await send(start)
    for piece in pieces:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
        await asyncio.sleep(seconds / len(pieces))
    await send({"type": "http.response.body", "body": b""})


async def _read_body(receive: Receive) -> None:
    """Receive the rest of a request: a client that is still sending would see another error."""
    while (message := await receive())["type"] == "http.request" and message.get("more_body"):
        pass


async def _discard(_message: Message) -> None:
    """Send nothing."""


async def _disconnect(scope: Scope, how: str) -> None:
    """End the connection of a request. Raises `ConnectionAbortedError` where there is none, as in tests over ASGI."""
    end = scope.get("extensions", {}).get(how)
    if end is None:
        raise ConnectionAbortedError("the fault lab ended the connection")
    end()
    await asyncio.sleep(0)  # until the server has noticed: it would log that there is no response
    await asyncio.sleep(0)
