"""How fast the sandbox answers a GET, as a share of a bare FastAPI route that gives the same bytes.

    python benchmarks/sandbox_rate.py [--rounds 11] [--requests 400]

Both run as processes under uvicorn with the same protocol; the client is a raw keep-alive socket, so that
what is measured is the servers. Rounds alternate; the medians and the smallest share are printed as JSON.
`after a write` is the first GET after each write, which finds nothing remembered.
"""

from __future__ import annotations

import argparse
import base64
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

BARE = """
import base64, socket, sys
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
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.request = (
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
        )

    def get(self) -> bytes:
        self.socket.sendall(self.request)
        data = b""
        while b"\r\n\r\n" not in data:
            more = self.socket.recv(1 << 20)
            if not more:
                raise ConnectionError("the server closed the connection")
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        while len(body) < length:
            body += self.socket.recv(1 << 20)
        assert head.startswith(b"HTTP/1.1 200"), head
        return body

    def rate(self, requests: int) -> float:
        """Answers per second."""
        begun = time.perf_counter()
        for _ in range(requests):
            self.get()
        return requests / (time.perf_counter() - begun)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--requests", type=int, default=400)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="drio-rate-") as name:
        data = Path(name) / "sandbox"
        serve = [sys.executable, "-m", "drio_tui", "sandbox", "serve", "--exit-with-parent", "--data", str(data)]
        sandbox = subprocess.Popen(serve, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert sandbox.stdin
        assert sandbox.stdout
        bare = None
        try:
            port = urlsplit(json.loads(sandbox.stdout.readline())["baseUrl"]).port
            assert port
            token = (data / "local-token").read_text().strip()
            (app,) = json.loads(Connection(port, "/api/v1/apps", token).get())["apps"]
            base = f"/api/v1/apps/{app['id']}"
            tool = json.loads(Connection(port, f"{base}/tools", token).get())["tools"][0]["id"]
            paths = [base, f"{base}/tools/{tool}", f"{base}/tools", f"{base}/config"]
            bodies = {path: Connection(port, path, token).get() for path in paths}
            source = BARE.format(bodies={path: base64.b64encode(body).decode() for path, body in bodies.items()})
            bare = subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE)
            assert bare.stdout
            bare_port = int(bare.stdout.readline())
            report = {path.replace(base, "/apps/{appId}"): compare(port, bare_port, path, token, bodies[path], chosen)
                      for path in paths}  # fmt: skip
            print(json.dumps(report, indent=2))
        finally:
            sandbox.stdin.close()
            sandbox.wait(20)
            if bare:
                bare.kill()
                bare.wait()


def compare(
    port: int, bare_port: int, path: str, token: str, body: bytes, chosen: argparse.Namespace
) -> dict[str, float]:
    """The rates of both servers for one path, round by round."""
    ours, theirs = Connection(port, path, token), Connection(bare_port, path, token)
    assert ours.get() == theirs.get() == body
    for connection in (ours, theirs):
        connection.rate(50)
    rounds = [(ours.rate(chosen.requests), theirs.rate(chosen.requests)) for _ in range(chosen.rounds)]
    cold = [first_after_a_write(port, path, token) for _ in range(chosen.rounds * 3)]
    rate, bare_rate = (statistics.median(column) for column in zip(*rounds, strict=True))
    return {
        "bytes": len(body),
        "sandbox per second": round(rate),
        "bare per second": round(bare_rate),
        "share": round(rate / bare_rate, 3),
        "share after a write": round(1 / statistics.median(cold) / bare_rate, 3),
    }


def first_after_a_write(port: int, path: str, token: str) -> float:
    """Seconds of a GET of which nothing is remembered, since something was just written."""
    app = path.split("/")[4]
    patch = b'{"companyUrl":"https://acme.com"}'  # what it is already: a write all the same
    connection = Connection(port, path, token)
    connection.rate(5)
    with socket.create_connection(("127.0.0.1", port)) as writer:
        head = (
            f"PATCH /api/v1/apps/{app} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(patch)}\r\nConnection: close\r\n\r\n"
        )
        writer.sendall(head.encode() + patch)
        while writer.recv(1 << 20):
            pass
    begun = time.perf_counter()
    connection.get()
    elapsed = time.perf_counter() - begun
    connection.socket.close()
    return elapsed


if __name__ == "__main__":
    main()
