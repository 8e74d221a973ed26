"""The loopback listener that catches the browser's answer (RFC 8252 sections 7.3 and 8.3).

A few lines of HTTP/1.1, because all it must do is answer one GET on one path, and refuse everything else:
other hosts (DNS rebinding), other methods, slow and oversized requests. Pages are fixed texts.
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

from drio_tui.auth.authorization import Granted, NotOurs, Refused, Verdict
from drio_tui.auth.errors import AuthorizationDenied, ListenerFailed
from drio_tui.storage.files import reason_of

CALLBACK_PATH = "/callback"
_LARGEST_HEAD = 16 * 1024
_HEAD_SECONDS = 10.0
_MOST_CONNECTIONS = 256
_NO_IPV4 = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)

_SCRIPT = 'history.replaceState(null,"","/done")'
_STYLE = (
    ":root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:18vh auto;"
    "padding:0 1.5rem}h1{font-size:1.35rem}p{opacity:.8}"
)


def _digest(text: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


_HEADERS = (
    "Content-Type: text/html; charset=utf-8\r\n"
    "Cache-Control: no-store\r\n"
    f"Content-Security-Policy: default-src 'none'; style-src {_digest(_STYLE)}; script-src {_digest(_SCRIPT)}; "
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


_BACK = "You can close this tab and go back to the terminal."
_GRANTED = _page("200 OK", "Almost there", f"drio-tui has the answer and finishes signing in. {_BACK}")
_DENIED = _page("200 OK", "Sign-in was denied", f"Nothing was given to drio-tui. {_BACK}")
_FAILED = _page("200 OK", "Sign-in did not work", f"The terminal says what went wrong and what to do. {_BACK}")
_DONE = _page("410 Gone", "Already done", f"This sign-in is over. {_BACK}")
_FOREIGN = _page(
    "400 Bad Request",
    "This answer was not expected",
    "It does not belong to the sign-in that drio-tui is waiting for. Use the newest address shown in the terminal.",
)
_BAD = _page("400 Bad Request", "Bad request", "drio-tui cannot read that.")
_NOT_FOUND = _page("404 Not Found", "Nothing here", "drio-tui only waits for a sign-in to come back.")
_METHOD = _page("405 Method Not Allowed", "Not this way", "Only GET is answered here.", "Allow: GET\r\n")
_MISDIRECTED = _page("421 Misdirected Request", "Wrong host", "This address is not served here.")
_TOO_LARGE = _page("431 Request Header Fields Too Large", "Too large", "drio-tui cannot read that.")


class Listener:
    """A listening loopback socket, accepting from the moment it exists; `expect` says what it waits for."""

    def __init__(self, server: asyncio.Server, bound: socket.socket) -> None:
        host, self.port = bound.getsockname()[:2]
        self.host = f"[{host}]" if ":" in host else host
        self._server = server
        self._judge: Callable[[str], Verdict] | None = None
        self._verdict: asyncio.Future[Granted | Refused] | None = None
        self._foreign: Callable[[str], None] = lambda _reason: None
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    @classmethod
    async def open(cls, port: int = 0) -> Listener:
        """Bind 127.0.0.1 (::1 on a machine without IPv4) on `port`, 0 for one the system picks.

        Raises OSError when a given port is taken, `ListenerFailed` when no port can be had at all.
        """
        box: list[Listener] = []

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await box[0]._connection(reader, writer)

        try:
            bound = _bind(port)
        except OSError as error:
            if port:
                raise
            raise ListenerFailed(f"No port on 127.0.0.1 could be opened: {reason_of(error)}.") from None
        server = await asyncio.start_server(serve, sock=bound, limit=_LARGEST_HEAD, backlog=512, start_serving=False)
        box.append(cls(server, bound))
        await server.start_serving()
        return box[0]

    @property
    def redirect_uri(self) -> str:
        """The redirect URI this listener stands for; the one string for registration, authorization and token."""
        return f"http://{self.host}:{self.port}{CALLBACK_PATH}"

    def expect(
        self, judge: Callable[[str], Verdict], foreign: Callable[[str], None] = lambda _reason: None
    ) -> asyncio.Future[Granted | Refused]:
        """Judge callbacks by `judge` from now on; the future gets the verdict that ends the wait.

        `foreign` is told why, when an answer that is not ours came by.
        """
        self._judge, self._foreign = judge, foreign
        self._verdict = asyncio.get_running_loop().create_future()
        return self._verdict

    async def close(self) -> None:
        """Stop listening, give answers under way a moment to leave, cut the rest."""
        self._server.close()
        if self._connections:
            await asyncio.wait(list(self._connections), timeout=0.05)
        for task in list(self._connections):
            task.cancel()
        if self._connections:
            await asyncio.wait(list(self._connections), timeout=1.0)
        # From Python 3.12 on this waits for connections too, also for ones that were accepted this instant.
        with contextlib.suppress(OSError, TimeoutError):
            await asyncio.wait_for(self._server.wait_closed(), 1.0)

    # --- one connection ------------------------------------------------------------------------

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if len(self._connections) >= _MOST_CONNECTIONS:  # the oldest has had the longest time to speak
            next(iter(self._connections)).cancel()
        self._connections[task] = writer
        try:
            reply = await self._reply(reader)
            if reply:
                writer.write(reply)
                async with asyncio.timeout(_HEAD_SECONDS):
                    await writer.drain()
                    if writer.can_write_eof():
                        writer.write_eof()
                    # Read what is left, else closing resets the connection and the browser loses the page.
                    while await reader.read(_LARGEST_HEAD):
                        pass
        except (OSError, TimeoutError, asyncio.CancelledError):
            pass  # cancelled only by close() or for room; either way the connection just ends
        finally:
            self._connections.pop(task, None)
            writer.close()

    async def _reply(self, reader: asyncio.StreamReader) -> bytes:
        try:
            async with asyncio.timeout(_HEAD_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            return _TOO_LARGE
        except (asyncio.IncompleteReadError, TimeoutError):
            return b""
        request, *lines = head.decode("latin-1").split("\r\n")
        words = request.split(" ")
        hosts = [line.partition(":")[2].strip() for line in lines if line.lower().startswith("host:")]
        if len(words) != 3 or not words[2].startswith("HTTP/1.") or not words[1].startswith("/") or len(hosts) != 1:
            return _BAD
        if hosts[0].lower() != f"{self.host}:{self.port}":
            return _MISDIRECTED
        method, (path, _, query) = words[0], words[1].partition("?")
        if path != CALLBACK_PATH:
            return _NOT_FOUND
        if method != "GET":
            return _METHOD
        return self._callback(query)

    def _callback(self, query: str) -> bytes:
        if self._judge is None or self._verdict is None:
            return _FOREIGN
        if self._verdict.done():
            return _DONE
        verdict = self._judge(query)
        if isinstance(verdict, NotOurs):
            self._foreign(verdict.reason)
            return _FOREIGN
        self._verdict.set_result(verdict)
        if isinstance(verdict, Granted):
            return _GRANTED
        return _DENIED if isinstance(verdict.error, AuthorizationDenied) else _FAILED


def _bind(port: int) -> socket.socket:
    try:
        return _bound(socket.AF_INET, "127.0.0.1", port)
    except OSError as error:
        if error.errno not in _NO_IPV4:
            raise
    return _bound(socket.AF_INET6, "::1", port)


def _bound(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        if sys.platform == "win32":
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        # Listening at once: with SO_REUSEADDR two sockets may bind one port, but only one may listen on it.
        listening.listen(512)
    except BaseException:
        listening.close()
        raise
    return listening
