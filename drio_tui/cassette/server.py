"""Serves a cassette on this machine, so that any client can replay it."""

from __future__ import annotations

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from drio_tui.cassette.replaying import NotRecorded, Player

_LARGEST_REQUEST = 64 << 20


class CassetteServer:
    """A server on 127.0.0.1 that answers from a cassette; `port` 0 is any free one.

    A request that was not recorded gets status 501 and an error of drio's shape, and `on_missing` is called with the
    reason. The recorded host is replaced by this server's in answers. Raises `UsageError` and `OSError`.
    """

    def __init__(self, path: Path, *, port: int = 0, on_missing: Callable[[str], object] = lambda _text: None) -> None:
        self.player = Player(path, any_server=True)
        recorded = urlsplit(self.player.base_url)
        self._recorded_origin = f"{recorded.scheme}://{recorded.netloc}"
        self._on_missing = on_missing
        handler = type("Handler", (_Handler,), {"server_of": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self._server.daemon_threads = True
        self.origin = f"http://127.0.0.1:{self._server.server_port}"

    @property
    def base_url(self) -> str:
        """The base URL of the API."""
        return self.origin + urlsplit(self.player.base_url).path

    def serve(self) -> None:
        """Serve until `close` is called from another thread, or the process is interrupted."""
        self._server.serve_forever(poll_interval=0.1)

    def close(self) -> None:
        """End `serve`, and close the port."""
        self._server.shutdown()
        self._server.server_close()

    def answer(
        self, method: str, target: str, content: bytes, media_type: str
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """Return status, headers and body for a request; status 0 means that the connection is closed instead."""
        try:
            exchange = self.player.answer(method, self.origin + target, content, media_type)
        except NotRecorded as error:
            self._on_missing(error.message)
            body = {"error": {"code": "not_recorded", "message": f"{error.title}: {error.message}"}}
            return 501, [("Content-Type", "application/json")], json.dumps(body).encode()
        headers = [(name, self._moved(value)) for name, value in self.player.response_headers(exchange)]
        return exchange.status, headers, self._moved(self.player.body(exchange, content).decode()).encode()

    def _moved(self, text: str) -> str:
        return text.replace(self._recorded_origin, self.origin)


class _Handler(BaseHTTPRequestHandler):
    server_of: CassetteServer
    protocol_version = "HTTP/1.1"
    timeout = 60  # seconds without a request, after which a connection is closed

    def _respond(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if not (length.isascii() and length.isdigit()) or int(length) > _LARGEST_REQUEST:
            self.send_error(413)
            return
        content = self.rfile.read(int(length))
        status, headers, body = self.server_of.answer(
            self.command, self.path, content, self.headers.get("Content-Type", "")
        )
        if not status:
            self.close_connection = True
            return
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value.encode("ascii", "replace").decode().replace("\r", "").replace("\n", ""))
        if status >= 200 and status not in (204, 304):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD" and status not in (204, 304):
            self.wfile.write(body)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _respond  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""
