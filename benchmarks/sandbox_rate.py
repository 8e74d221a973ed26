"""Compares the rate of GETs of the sandbox with that of a minimal FastAPI route that returns the same bytes.

    python -m benchmarks.report sandbox_rate

Both run as processes under uvicorn with the same protocol; the client is a raw keep-alive socket, so that only the
servers are measured. Runs alternate. `after a write` is the first GET after a write, whose response the sandbox has not
cached; it is for information.
"""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.common import RUNS, Row, alternate, sandbox

REQUESTS = 400
WRITES = 20

MINIMAL_SERVER = """
import base64, socket
import uvicorn
from fastapi import FastAPI, Response
bodies = {{path: base64.b64decode(body) for path, body in {bodies!r}.items()}}
app = FastAPI()
for path, body in bodies.items():
    def add(path=path, body=body):
        @app.get(path)
        async def show():
            return Response(body, media_type="application/json")
    add()
listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
listener.bind(("127.0.0.1", 0))
listener.listen(128)
print(listener.getsockname()[1], flush=True)
config = uvicorn.Config(app, http="h11", ws="none", access_log=False, log_level="error", lifespan="off")
uvicorn.Server(config).run([listener])
"""


class Connection:
    """A keep-alive connection that sends the same GET again and again and reads the whole response."""

    def __init__(self, port: int, path: str, token: str) -> None:
        self.address = ("127.0.0.1", port)
        head = (f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", f"Authorization: Bearer {token}", "", "")
        self.request = "\r\n".join(head).encode()
        self.socket = self._connect()

    def _connect(self) -> socket.socket:
        connection = socket.create_connection(self.address, timeout=20)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def reconnect(self) -> None:
        """Connect again: a server closes connections that are idle for long."""
        self.socket.close()
        self.socket = self._connect()

    def get(self) -> bytes:
        self.socket.sendall(self.request)
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._receive()
        head, _, body = data.partition(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        while len(body) < length:
            body += self._receive()
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head.decode())
        return body

    def _receive(self) -> bytes:
        data = self.socket.recv(1 << 20)
        if not data:
            raise ConnectionError("the server closed the connection")
        return data

    def seconds(self) -> float:
        """Return the mean seconds of one response."""
        self.reconnect()
        self.get()
        start = time.perf_counter()
        for _ in range(REQUESTS):
            self.get()
        return (time.perf_counter() - start) / REQUESTS


@contextlib.contextmanager
def minimal_server(bodies: dict[str, bytes]) -> Iterator[int]:
    """Run a FastAPI app with nothing but routes that return `bodies`, by path; yields its port."""
    source = MINIMAL_SERVER.format(bodies={path: base64.b64encode(body).decode() for path, body in bodies.items()})
    process = subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE)
    assert process.stdout
    try:
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def after_a_write(port: int, path: str, token: str) -> float:
    """Return the mean seconds of a GET whose response is not cached, because a write was made before it."""
    connection = Connection(port, path, token)
    patch = b'{"companyUrl":"https://acme.com"}'  # the same value as before, which is a write too
    head = (
        f"PATCH /api/v1/apps/{path.split('/')[4]} HTTP/1.1", f"Host: 127.0.0.1:{port}",
        f"Authorization: Bearer {token}", "Content-Type: application/json", f"Content-Length: {len(patch)}", "", "",
    )  # fmt: skip
    writer = socket.create_connection(("127.0.0.1", port), timeout=20)
    seconds = 0.0
    connection.get()
    for _ in range(WRITES):
        writer.sendall("\r\n".join(head).encode() + patch)
        response = b""
        while not response.endswith(b"}}"):
            response += writer.recv(1 << 20)
        start = time.perf_counter()
        connection.get()
        seconds += time.perf_counter() - start
    writer.close()
    connection.socket.close()
    return seconds / WRITES


def main(runs: int = RUNS) -> list[Row]:
    """Measure four routes of the example app, relative to the minimal server."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="drio-rate-") as folder, sandbox(Path(folder) / "sandbox") as (url, token):
        port = urlsplit(url).port
        assert port
        (app,) = json.loads(Connection(port, "/api/v1/apps", token).get())["apps"]
        base = f"/api/v1/apps/{app['id']}"
        tool = json.loads(Connection(port, f"{base}/tools", token).get())["tools"][0]["id"]
        paths = {"app": base, "tool": f"{base}/tools/{tool}", "tools": f"{base}/tools", "config": f"{base}/config"}
        bodies = {path: Connection(port, path, token).get() for path in paths.values()}
        with minimal_server(bodies) as minimal_port:
            for name, path in paths.items():
                connection, baseline = Connection(port, path, token), Connection(minimal_port, path, token)
                seconds, baseline_seconds = alternate(connection.seconds, baseline.seconds, runs=runs)
                note = f"{len(bodies[path])} bytes, {1 / seconds:.0f} and {1 / baseline_seconds:.0f} per second"
                rows.append(Row(f"sandbox GET {name}", baseline_seconds / seconds, "× bare", 0.4, True, note))
                uncached = after_a_write(port, path, token)
                rows.append(Row(f"sandbox GET {name} after a write", baseline_seconds / uncached, "× bare"))
    return rows


if __name__ == "__main__":
    for row in main():
        print(row)
