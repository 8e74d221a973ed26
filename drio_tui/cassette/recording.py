"""Records every request and its response to a cassette; the traffic itself is not changed."""

from __future__ import annotations

import json
import os
import queue
import secrets
import threading
import time
import zlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from drio_tui import __version__, fault_lab
from drio_tui.api.errors import UsageError
from drio_tui.api.http import httpx
from drio_tui.cassette import rpc
from drio_tui.cassette.cassette import FORMAT, HEADER_KEY, parse_header
from drio_tui.cassette.placeholders import Placeholders, has_oauth_names, recorded_body
from drio_tui.storage import files
from drio_tui.text import one_line

_CLIENT = f"drio-tui/{__version__}"
_KEEP = 1 << 62  # a cassette is never rotated
_LARGEST_BODY = 64 << 20


class Recorder:
    """Appends the exchanges of this run to a cassette, mode 0600, each with one write.

    Secrets are replaced, and lines written, in a thread. `command` returns the name of the running command. Raises
    `UsageError` if the file cannot be written, or is something else than a cassette.
    """

    def __init__(self, path: Path, command: Callable[[], str]) -> None:
        self.path = path
        self.problem = ""
        self._command = command
        self._run = ""
        self._placeholders = Placeholders()
        self._placeholders.learn_environment()
        try:
            if not path.is_symlink() and path.exists() and path.stat().st_size:
                self._continue(path)
            self._file = files.append_private(path, keep=_KEEP)
            if not os.fstat(self._file.fileno()).st_size:
                self._write({HEADER_KEY: FORMAT, "client": _CLIENT, "recordedAt": _iso(time.time())})
        except OSError as error:
            raise UsageError(
                f"{one_line(str(path), 200)}: {files.os_error_text(error)}", title="That file cannot be recorded to"
            ) from error
        self._queue: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="cassette", daemon=True)
        self._thread.start()

    def _continue(self, path: Path) -> None:
        """Check an existing cassette, and cut off a last line that a kill left without its end."""
        data = path.read_bytes()
        parse_header(path, data.partition(b"\n")[0])
        self._placeholders.continue_after(data.decode(errors="replace"))
        end = data.rfind(b"\n") + 1
        if end != len(data):
            os.truncate(path, end)

    def client(self, **options: Any) -> httpx.AsyncClient:
        """Return an HTTP client whose exchanges are recorded."""
        return _RecordingClient(self, **options)

    def add(self, exchange: dict[str, Any]) -> None:
        """Record an exchange as `_RecordingClient` saw it. Does not block.

        `secret_arguments` of it are the names of the arguments that are secrets, if it is the call of a tool.
        """
        if not self._run:
            self._run = secrets.token_hex(4)
            exchange["command"] = self._command()  # the context of the command is this thread's
        self._queue.put(exchange)

    def close(self) -> str:
        """Write what is left and close the file; return why the recording is incomplete, else an empty text."""
        self._queue.put(None)
        self._thread.join()
        self._file.close()
        return self.problem

    def _work(self) -> None:
        while (exchange := self._queue.get()) is not None:
            try:
                if not self.problem:
                    self._write_exchange(exchange)
            except OSError as error:
                self.problem = f"{self.path}: {files.os_error_text(error)}"

    def _write_exchange(self, exchange: dict[str, Any]) -> None:
        if "command" in exchange:
            run = {"id": self._run, "client": _CLIENT, "command": exchange["command"], "at": _iso(exchange["at"])}
            self._write({"run": run})
        hide = self._placeholders
        exchange = rpc.prepared(exchange, hide)
        oauth = has_oauth_names(exchange["url"], exchange["content"])
        request = {
            "method": exchange["method"],
            "url": hide.url(exchange["url"], oauth=oauth),
            "headers": hide.headers(exchange["request_headers"]),
            "body": recorded_body(
                exchange["content"], _header(exchange["request_headers"], "content-type"), hide, oauth=oauth
            ),
        }
        line: dict[str, Any] = {
            "run": self._run, "at": _iso(exchange["at"]), "seconds": round(exchange["seconds"], 6), "request": request
        }  # fmt: skip
        if exchange["error"]:
            line["error"] = exchange["error"]
        else:
            headers = exchange["response_headers"]
            content = _decoded(exchange["response_content"], _header(headers, "content-encoding"))
            line["response"] = {
                "status": exchange["status"],
                "headers": hide.headers(headers),
                "body": {"omitted": len(exchange["response_content"])}
                if content is None
                else recorded_body(content, _header(headers, "content-type"), hide, oauth=False),
            }
        for part in ("request", "response"):
            if part in line:
                line[part] = {
                    name: value if name in ("method", "status") else _known_replaced(hide, name, value)
                    for name, value in line[part].items()
                }
        self._write({"exchange": line})

    def _write(self, line: dict[str, Any]) -> None:
        data = memoryview(json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode(errors="replace") + b"\n")
        while data:
            data = data[os.write(self._file.fileno(), data) :]


class _RecordingClient(httpx.AsyncClient):
    """A client that reports its exchanges to a recorder, after the body was read."""

    def __init__(self, recorder: Recorder, **options: Any) -> None:
        super().__init__(**options)
        self._recorder = recorder

    async def send(self, request: httpx.Request, *, stream: bool = False, **options: Any) -> httpx.Response:
        """Send a request as `AsyncClient` does."""
        if fault_lab.is_announcement(request):
            return await super().send(request, stream=stream, **options)
        started_at, started = time.time(), time.perf_counter()
        is_read = isinstance(request.stream, httpx.ByteStream)

        def record(response: httpx.Response | None, content: bytes, error: str) -> None:
            self._recorder.add({
                "at": started_at,
                "seconds": time.perf_counter() - started,
                "method": request.method,
                "url": str(request.url),
                "request_headers": request.headers.multi_items(),
                "content": request.content if is_read else b"",
                "status": response.status_code if response is not None else 0,
                "response_headers": response.headers.multi_items() if response is not None else [],
                "response_content": content,
                "error": error,
            })  # fmt: skip

        try:
            response = await super().send(request, stream=True, **options)
        except httpx.TransportError as error:
            record(None, b"", type(error).__name__)
            raise
        assert isinstance(response.stream, httpx.AsyncByteStream)
        response.stream = _RecordedStream(response.stream, lambda content, error: record(response, content, error))
        if not stream:
            try:
                await response.aread()
            except BaseException:
                await response.aclose()
                raise
        return response


class _RecordedStream(httpx.AsyncByteStream):
    """The body of a response, of which it keeps a copy; `on_end` gets it, or the name of an exception, once."""

    def __init__(self, stream: httpx.AsyncByteStream, on_end: Callable[[bytes, str], None]) -> None:
        self._stream = stream
        self._on_end = on_end
        self._content = bytearray()
        self._error = ""
        self._ended = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._stream:
                if len(self._content) <= _LARGEST_BODY:
                    self._content += chunk
                yield chunk
        except httpx.TransportError as error:
            self._error = type(error).__name__
            raise

    async def aclose(self) -> None:
        """Close the stream, and report what was read of it."""
        await self._stream.aclose()
        if not self._ended:
            self._ended = True
            self._on_end(bytes(self._content), self._error)


def _known_replaced(hide: Placeholders, name: str, value: Any) -> Any:
    if name != "body":
        return hide.replace_known(value)
    return {kind: hide.replace_known(content) for kind, content in value.items()}


def _decoded(content: bytes, coding: str) -> bytes | None:
    """Return the content without its compression; None if that is unknown, broken, or hides more than 64 MiB."""
    if coding.strip().lower() in ("", "identity"):
        return content if len(content) <= _LARGEST_BODY else None
    if coding.strip().lower() not in ("gzip", "x-gzip"):
        return None
    decompressor = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        decoded = decompressor.decompress(content, _LARGEST_BODY)
    except zlib.error:
        return None
    return decoded if decompressor.eof else None


def _header(headers: list[tuple[str, str]], name: str) -> str:
    return next((value for key, value in headers if key.lower() == name), "")


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
