"""A small HTTP/1.1 server on a real loopback socket that can send any bytes, reset, or hang."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qs


@dataclass
class Request:
    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        return {k: v[0] for k, v in parse_qs(self.body.decode(), keep_blank_values=True).items()}

    @property
    def params(self) -> dict[str, str]:
        return {k: v[0] for k, v in parse_qs(self.query, keep_blank_values=True).items()}

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Reply:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Raw:
    """Raw bytes, then: close the connection, reset it, or send nothing more until the server is closed."""

    data: bytes = b""
    then: Literal["close", "reset", "hang"] = "close"


Handler = Callable[[Request], Awaitable[Reply | Raw]]


def always(reply: Reply) -> Handler:
    """Return a handler that sends `reply` for every request."""

    async def handler(_request: Request) -> Reply:
        return reply

    return handler


def json_reply(body: Any, status: int = 200, **headers: str) -> Reply:
    return Reply(status, json.dumps(body).encode(), {"Content-Type": "application/json", **headers})


HTML = Reply(200, b"<html><title>Welcome to the hotel</title></html>", {"Content-Type": "text/html"})


class HttpServer:
    """Serves `handler` on 127.0.0.1; `requests` is what came in. An async context manager."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self.requests: list[Request] = []
        self._ended = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> HttpServer:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        self.origin = f"http://127.0.0.1:{self.port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._ended.set()
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def requests_to(self, path: str) -> list[Request]:
        return [r for r in self.requests if r.path == path]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while await self._serve_request(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _serve_request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.split("\r\n")
        method, target, _ = first.split(" ")
        headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines if line)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        path, _, query = target.partition("?")
        request = Request(method, path, query, headers, body)
        self.requests.append(request)
        reply = await self._handler(request)
        if isinstance(reply, Raw):
            writer.write(reply.data)
            await writer.drain()
            if reply.then == "hang":
                await self._ended.wait()
            elif reply.then == "reset":
                plain = writer.get_extra_info("socket")
                plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        lines_out = [f"HTTP/1.1 {reply.status} X", f"Content-Length: {len(reply.body)}"]
        lines_out += [f"{k}: {v}" for k, v in reply.headers.items()]
        writer.write("\r\n".join([*lines_out, "", ""]).encode("latin-1") + reply.body)
        await writer.drain()
        return True
