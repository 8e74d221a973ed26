"""The loopback listener that receives the redirect of the authorization server (RFC 8252 sections 7.3 and 8.3).

A minimal HTTP/1.1 server: it answers one GET on one path and rejects everything else: other hosts (DNS rebinding),
other methods, slow and oversized requests. The pages are fixed texts.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import errno
import hashlib
import socket
import sys
from collections.abc import Callable

from drio_tui.auth.authorization import AuthorizationCode, CallbackResult, FailedCallback, UnrelatedCallback
from drio_tui.auth.errors import AuthorizationDenied, ListenerFailed
from drio_tui.storage.files import os_error_text

CALLBACK_PATH = "/callback"
_MAX_HEAD_BYTES = 16 * 1024
_HEAD_SECONDS = 10.0
_MAX_CONNECTIONS = 256
_NO_IPV4_ERRNOS = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)

_SCRIPT = 'history.replaceState(null,"","/done")'
_STYLE = (
    ":root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:18vh auto;"
    "padding:0 1.5rem}h1{font-size:1.35rem}p{opacity:.8}"
)


def _csp_hash(text: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


_HEADERS = (
    "Content-Type: text/html; charset=utf-8\r\n"
    "Cache-Control: no-store\r\n"
    f"Content-Security-Policy: default-src 'none'; style-src {_csp_hash(_STYLE)}; script-src {_csp_hash(_SCRIPT)}; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "Connection: close\r\n"
)


def _page(status: str, title: str, text: str, extra: str = "") -> bytes:
    body = (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        f"<title>drio-tui: {title}</title><style>{_STYLE}</style>"
        f"<h1>{title}</h1><p>{text}</p><script>{_SCRIPT}</script></html>"
    ).encode()
    return f"HTTP/1.1 {status}\r\n{_HEADERS}{extra}Content-Length: {len(body)}\r\n\r\n".encode() + body


_CLOSE_TAB = "You can close this tab and go back to the terminal."
_SUCCESS_PAGE = _page("200 OK", "Almost there", f"drio-tui has the response and finishes signing in. {_CLOSE_TAB}")
_DENIED_PAGE = _page("200 OK", "Sign-in was denied", f"Nothing was given to drio-tui. {_CLOSE_TAB}")
_FAILED_PAGE = _page(
    "200 OK", "Sign-in did not work", f"The terminal says what went wrong and what to do. {_CLOSE_TAB}"
)
_DONE_PAGE = _page("410 Gone", "Already done", f"This sign-in is over. {_CLOSE_TAB}")
_UNRELATED_PAGE = _page(
    "400 Bad Request",
    "This answer was not expected",
    "It does not belong to the sign-in that drio-tui is waiting for. Use the newest address shown in the terminal.",
)
_BAD_REQUEST_PAGE = _page("400 Bad Request", "Bad request", "drio-tui cannot read that.")
_NOT_FOUND_PAGE = _page("404 Not Found", "Nothing here", "drio-tui only waits for a sign-in to come back.")
_METHOD_PAGE = _page("405 Method Not Allowed", "Not this way", "Only GET is answered here.", "Allow: GET\r\n")
_MISDIRECTED_PAGE = _page("421 Misdirected Request", "Wrong host", "This address is not served here.")
_TOO_LARGE_PAGE = _page("431 Request Header Fields Too Large", "Too large", "drio-tui cannot read that.")


class Listener:
    """A listening loopback socket. It accepts connections from the start; `expect` says which callback it waits for."""

    def __init__(self, server: asyncio.Server, bound: socket.socket) -> None:
        host, self.port = bound.getsockname()[:2]
        self.host = f"[{host}]" if ":" in host else host
        self._server = server
        self._parse: Callable[[str], CallbackResult] | None = None
        self._callback: asyncio.Future[AuthorizationCode | FailedCallback] | None = None
        self._on_unrelated: Callable[[str], None] = lambda _reason: None
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    @classmethod
    async def open(cls, port: int = 0) -> Listener:
        """Listen on `port` of 127.0.0.1 (::1 on a machine without IPv4); 0 lets the system choose a port.

        Raises OSError when the given port is taken, `ListenerFailed` when no port can be opened.
        """
        listeners: list[Listener] = []

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await listeners[0]._serve_connection(reader, writer)

        try:
            bound = _bind_loopback(port)
        except OSError as error:
            if port:
                raise
            raise ListenerFailed(f"No port on 127.0.0.1 could be opened: {os_error_text(error)}.") from None
        server = await asyncio.start_server(serve, sock=bound, limit=_MAX_HEAD_BYTES, backlog=512, start_serving=False)
        listeners.append(cls(server, bound))
        await server.start_serving()
        return listeners[0]

    @property
    def redirect_uri(self) -> str:
        """The redirect URI of this listener; the same string is used for registration, authorization and token."""
        return f"http://{self.host}:{self.port}{CALLBACK_PATH}"

    def expect(
        self, parse: Callable[[str], CallbackResult], on_unrelated: Callable[[str], None] = lambda _reason: None
    ) -> asyncio.Future[AuthorizationCode | FailedCallback]:
        """Validate callbacks with `parse` from now on; return a future for the result that ends the wait.

        `on_unrelated` is called with the reason when a callback is not this request's.
        """
        self._parse, self._on_unrelated = parse, on_unrelated
        self._callback = asyncio.get_running_loop().create_future()
        return self._callback

    async def close(self) -> None:
        """Stop listening, give responses being sent a moment to finish, and close the other connections."""
        self._server.close()
        if self._connections:
            await asyncio.wait(list(self._connections), timeout=0.05)
        for task in list(self._connections):
            task.cancel()
        if self._connections:
            await asyncio.wait(list(self._connections), timeout=1.0)
        # From Python 3.12 on this also waits for connections, including ones accepted just now.
        with contextlib.suppress(OSError, TimeoutError):
            await asyncio.wait_for(self._server.wait_closed(), 1.0)

    # --- one connection ------------------------------------------------------------------------

    async def _serve_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if len(self._connections) >= _MAX_CONNECTIONS:  # make room by closing the oldest
            next(iter(self._connections)).cancel()
        self._connections[task] = writer
        try:
            response = await self._respond(reader)
            if response:
                writer.write(response)
                async with asyncio.timeout(_HEAD_SECONDS):
                    await writer.drain()
                    if writer.can_write_eof():
                        writer.write_eof()
                    # Read the rest of the request: closing with unread data resets the connection, and the browser
                    # would lose the page.
                    while await reader.read(_MAX_HEAD_BYTES):
                        pass
        except (OSError, TimeoutError, asyncio.CancelledError):
            pass  # cancelled by close() or to make room
        finally:
            self._connections.pop(task, None)
            writer.close()

    async def _respond(self, reader: asyncio.StreamReader) -> bytes:
        try:
            async with asyncio.timeout(_HEAD_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            return _TOO_LARGE_PAGE
        except (asyncio.IncompleteReadError, TimeoutError):
            return b""
        first_line, *lines = head.decode("latin-1").split("\r\n")
        parts = first_line.split(" ")
        hosts = [line.partition(":")[2].strip() for line in lines if line.lower().startswith("host:")]
        if len(parts) != 3 or not parts[2].startswith("HTTP/1.") or not parts[1].startswith("/") or len(hosts) != 1:
            return _BAD_REQUEST_PAGE
        if hosts[0].lower() != f"{self.host}:{self.port}":
            return _MISDIRECTED_PAGE
        method, (path, _, query) = parts[0], parts[1].partition("?")
        if path != CALLBACK_PATH:
            return _NOT_FOUND_PAGE
        if method != "GET":
            return _METHOD_PAGE
        return self._handle_callback(query)

    def _handle_callback(self, query: str) -> bytes:
        if self._parse is None or self._callback is None:
            return _UNRELATED_PAGE
        if self._callback.done():
            return _DONE_PAGE
        result = self._parse(query)
        if isinstance(result, UnrelatedCallback):
            self._on_unrelated(result.reason)
            return _UNRELATED_PAGE
        self._callback.set_result(result)
        if isinstance(result, AuthorizationCode):
            return _SUCCESS_PAGE
        return _DENIED_PAGE if isinstance(result.error, AuthorizationDenied) else _FAILED_PAGE


def _bind_loopback(port: int) -> socket.socket:
    try:
        return _listening_socket(socket.AF_INET, "127.0.0.1", port)
    except OSError as error:
        if error.errno not in _NO_IPV4_ERRNOS:
            raise
    return _listening_socket(socket.AF_INET6, "::1", port)


def _listening_socket(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        if sys.platform == "win32":
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        # Listen at once: with SO_REUSEADDR two sockets may bind the same port, but only one may listen on it.
        listening.listen(512)
    except BaseException:
        listening.close()
        raise
    return listening
