"""How fast the sandbox answers a GET, as a share of a bare FastAPI route that gives the same bytes.

    python -m benchmarks.report sandbox_rate

Both run as processes under uvicorn with the same protocol; the client is a raw keep-alive socket, so that
what is measured is the servers. Runs alternate. `after a write` is the first GET after a write, of which
the sandbox remembers nothing, for information.
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

BARE = """
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
    """One keep-alive connection that sends the same GET and reads the whole answer."""

    def __init__(self, port: int, path: str, token: str) -> None:
        self.address = ("127.0.0.1", port)
        head = (f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", f"Authorization: Bearer {token}", "", "")
        self.request = "\r\n".join(head).encode()
        self.socket = self._connected()

    def _connected(self) -> socket.socket:
        connected = socket.create_connection(self.address, timeout=20)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connected

    def fresh(self) -> None:
        """Connect anew: a server closes a connection that was idle for long."""
        self.socket.close()
        self.socket = self._connected()

    def get(self) -> bytes:
        self.socket.sendall(self.request)
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._more()
        head, _, body = data.partition(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        while len(body) < length:
            body += self._more()
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head.decode())
        return body

    def _more(self) -> bytes:
        more = self.socket.recv(1 << 20)
        if not more:
            raise ConnectionError("the server closed the connection")
        return more

    def seconds(self) -> float:
        """Seconds of one answer, the mean of many."""
        self.fresh()
        self.get()
        begun = time.perf_counter()
        for _ in range(REQUESTS):
            self.get()
        return (time.perf_counter() - begun) / REQUESTS


@contextlib.contextmanager
def bare(bodies: dict[str, bytes]) -> Iterator[int]:
    """A FastAPI app with nothing but routes that give `bodies`; gives its port."""
    source = BARE.format(bodies={path: base64.b64encode(body).decode() for path, body in bodies.items()})
    process = subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE)
    assert process.stdout
    try:
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def after_a_write(port: int, path: str, token: str) -> float:
    """Seconds of a GET of which nothing is remembered, the mean of several."""
    connection = Connection(port, path, token)
    patch = b'{"companyUrl":"https://acme.com"}'  # what it is already: a write all the same
    head = (
        f"PATCH /api/v1/apps/{path.split('/')[4]} HTTP/1.1", f"Host: 127.0.0.1:{port}",
        f"Authorization: Bearer {token}", "Content-Type: application/json", f"Content-Length: {len(patch)}", "", "",
    )  # fmt: skip
    writer = socket.create_connection(("127.0.0.1", port), timeout=20)
    taken = 0.0
    connection.get()
    for _ in range(WRITES):
        writer.sendall("\r\n".join(head).encode() + patch)
        answer = b""
        while not answer.endswith(b"}}"):
            answer += writer.recv(1 << 20)
        begun = time.perf_counter()
        connection.get()
        taken += time.perf_counter() - begun
    writer.close()
    connection.socket.close()
    return taken / WRITES


def main(runs: int = RUNS) -> list[Row]:
    """The share of the bare rate for four routes of the example app."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="drio-rate-") as folder, sandbox(Path(folder) / "sandbox") as (url, token):
        port = urlsplit(url).port
        assert port
        (app,) = json.loads(Connection(port, "/api/v1/apps", token).get())["apps"]
        base = f"/api/v1/apps/{app['id']}"
        tool = json.loads(Connection(port, f"{base}/tools", token).get())["tools"][0]["id"]
        paths = {"app": base, "tool": f"{base}/tools/{tool}", "tools": f"{base}/tools", "config": f"{base}/config"}
        bodies = {path: Connection(port, path, token).get() for path in paths.values()}
        with bare(bodies) as bare_port:
            for name, path in paths.items():
                ours, theirs = Connection(port, path, token), Connection(bare_port, path, token)
                taken, bare_taken = alternate(ours.seconds, theirs.seconds, runs=runs)
                note = f"{len(bodies[path])} bytes, {1 / taken:.0f} and {1 / bare_taken:.0f} per second"
                rows.append(Row(f"sandbox GET {name}", bare_taken / taken, "× bare", 0.4, True, note))
                first = after_a_write(port, path, token)
                rows.append(Row(f"sandbox GET {name} after a write", bare_taken / first, "× bare"))
    return rows


if __name__ == "__main__":
    for row in main():
        print(row)
