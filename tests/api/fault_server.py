"""A small HTTP server over raw sockets that can produce faults, and records its requests.

`FaultServer.script` is a list of behaviours, one for each request in order; the last one is used for all further
requests. A behaviour is a coroutine function of the request and the connection; it returns True to keep the
connection for another request. Everything runs in the event loop of the test, on 127.0.0.1.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """One request as received: header names in lower case, connections numbered from 1."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)


@dataclass(slots=True)
class Connection:
    """The server's end of one connection."""

    number: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, data: bytes) -> None:
        """Write and flush."""
        self.writer.write(data)
        await self.writer.drain()

    def reset(self) -> None:
        """Drop the connection with RST, so that the peer sees a reset and not an end."""
        raw: socket.socket = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def wait_until_gone(self) -> None:
        """Wait until the peer has closed its end; drop what it sends."""
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            while await self.reader.read(1 << 16):
                pass
        self.gone.set()


Behaviour = Callable[[RecordedRequest, Connection], Awaitable[bool | None]]


class FaultServer:
    """Listens on an ephemeral port of 127.0.0.1, plain or with TLS."""

    def __init__(self, *script: Behaviour, tls: ssl.SSLContext | None = None) -> None:
        self.script: list[Behaviour] = list(script) or [answer()]
        self.requests_seen: list[RecordedRequest] = []
        self.connections: list[Connection] = []
        self.arrived = asyncio.Condition()
        self.port = 0
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, port: int = 0) -> Self:
        """Listen, on `port` to replace a stopped server."""
        self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", port, ssl=self._tls, reuse_address=True, limit=1 << 20
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def stop(self) -> None:
        """Stop listening and drop every connection."""
        if self._server:
            self._server.close()
        for connection in self.connections:
            connection.writer.transport.abort()
        await asyncio.gather(*self._tasks)  # every behaviour ends when its connection does
        if self._server:
            await self._server.wait_closed()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def base_url(self) -> str:
        """The base URL for a client."""
        return f"{self.origin}/api/v1"

    async def requests(self, count: int) -> list[RecordedRequest]:
        """Wait until `count` requests have arrived."""
        async with self.arrived:
            await self.arrived.wait_for(lambda: len(self.requests_seen) >= count)
        return self.requests_seen

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        connection = Connection(len(self.connections) + 1, reader, writer)
        self.connections.append(connection)
        try:
            while request := await _read_request(connection):
                behave = self.script[min(len(self.requests_seen), len(self.script) - 1)]
                async with self.arrived:
                    self.requests_seen.append(request)
                    self.arrived.notify_all()
                if not await behave(request, connection):
                    break
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass  # several tests disconnect the client
        finally:
            connection.gone.set()
            writer.close()
            self._tasks.discard(task)


async def _read_request(connection: Connection) -> RecordedRequest | None:
    try:
        head = await connection.reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await connection.reader.readexactly(int(headers.get("content-length", "0")))
    return RecordedRequest(method, target, headers, body, connection.number)


# --- behaviours -----------------------------------------------------------------------------------


def message(
    body: bytes | str | dict[str, Any] | list[Any] | None = b"{}",
    *,
    status: int = 200,
    media: str | None = "application/json",
    headers: Iterable[tuple[str, str]] = (),
    length: int | None = None,
) -> bytes:
    """Return the bytes of an HTTP response; `length` overrides the Content-Length."""
    if not isinstance(body, bytes):
        body = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body) if length is None else length}"]
    if media is not None:
        lines.append(f"Content-Type: {media}")
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def answer(body: Any = b"{}", **options: Any) -> Behaviour:
    """Send a well-formed response and keep the connection open; the options are those of `message`."""
    return raw(message(body, **options), keep=True)


def status(code: int, *, error: Any = None, headers: Iterable[tuple[str, str]] = ()) -> Behaviour:
    """Send an error status in drio's envelope."""
    envelope = {
        "error": error or {"code": "some_code", "message": "Some message.", "details": None, "requestId": "r-1"}
    }
    return answer(envelope, status=code, headers=headers)


def raw(data: bytes, *, keep: bool = False) -> Behaviour:
    """Send exactly these bytes, then close the connection unless `keep`."""

    async def behave(_: RecordedRequest, connection: Connection) -> bool:
        await connection.send(data)
        return keep

    return behave


def reset(after: bytes = b"") -> Behaviour:
    """Send these bytes, then reset the connection."""

    async def behave(_: RecordedRequest, connection: Connection) -> None:
        if after:
            await connection.send(after)
        connection.reset()

    return behave


def hang(after: bytes = b"") -> Behaviour:
    """Send these bytes, then nothing until the client disconnects."""

    async def behave(_: RecordedRequest, connection: Connection) -> None:
        await connection.send(after)
        await connection.wait_until_gone()

    return behave


def drip(data: bytes, gap: float) -> Behaviour:
    """Send one byte every `gap` seconds until the client disconnects."""

    async def behave(_: RecordedRequest, connection: Connection) -> None:
        leaving = asyncio.create_task(connection.wait_until_gone())
        for byte in data:
            await connection.send(bytes([byte]))
            done, _pending = await asyncio.wait([leaving], timeout=gap)
            if done:
                return
        await leaving

    return behave


def flood(chunk: bytes, head: bytes) -> Behaviour:
    """Send `head`, then `chunk` repeatedly until the client disconnects."""

    async def behave(_: RecordedRequest, connection: Connection) -> None:
        await connection.send(head)
        leaving = asyncio.create_task(connection.wait_until_gone())
        while not leaving.done():
            await connection.send(chunk)
            await asyncio.sleep(0)

    return behave


def redirect(code: int, location: str) -> Behaviour:
    """Send a redirect with an empty body."""
    return answer(b"", status=code, media=None, headers=[("Location", location)])


def gzip_bomb(size: int, layers: int = 1) -> bytes:
    """Return `size` spaces, compressed `layers` times."""
    data = b" " * size
    for _ in range(layers):
        data = gzip.compress(data, 9)
    return data
