"""Measures a plan of 600 creates on a server that answers each request 100 ms late.

    python -m benchmarks.report apply_rate

A proxy in a separate process passes on everything to a sandbox, the requests 100 ms late. The plan is carried out with
its record and the journal, as `apply` does it. `bare requests` are the same POSTs, six at a time, without the engine.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch
from urllib.parse import urlsplit

import httpx

from benchmarks.common import Row, private_home, sandbox
from drio_tui.api.client import DrioClient
from drio_tui.api.transport import Transport
from drio_tui.kinds import APP, TOOL
from drio_tui.plan.executor import PARALLEL
from drio_tui.plan.record import PlanRecord, PlanSession
from drio_tui.plan.steps import Step
from drio_tui.workspace.saving.journal import Journal
from drio_tui.workspace.saving.saver import Saver

CREATES = 600
LATENCY = 0.1
TARGET = 1.3 * CREATES / PARALLEL * LATENCY + 1

PROXY = """
import asyncio, sys
path, port, latency = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])

async def copy(reader, writer, latency):
    loop = asyncio.get_running_loop()
    queue = asyncio.Queue()
    async def send():
        while True:
            at, data = await queue.get()
            await asyncio.sleep(max(0, at - loop.time()))
            if not data:
                writer.close()
                return
            writer.write(data)
            await writer.drain()
    sending = asyncio.create_task(send())
    while True:
        data = await reader.read(65536)
        queue.put_nowait((loop.time() + latency, data))
        if not data:
            break
    await sending

async def connected(reader, writer):
    server_reader, server_writer = await asyncio.open_connection("127.0.0.1", port)
    await asyncio.gather(copy(reader, server_writer, latency), copy(server_reader, writer, 0), return_exceptions=True)

async def main():
    server = await asyncio.start_unix_server(connected, path)
    print("ready", flush=True)
    await server.serve_forever()

asyncio.run(main())
"""


class _Token(httpx.Auth):
    def __init__(self, token: str) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request):  # type: ignore[no-untyped-def] # httpx's own has the type
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request


@contextlib.contextmanager
def slow_proxy(folder: Path, port: int, latency: float) -> Iterator[Path]:
    """Run a proxy to a port of this machine; yields the path of its socket."""
    path = folder / "proxy"
    command = [sys.executable, "-c", PROXY, str(path), str(port), str(latency)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        process.stdout.readline()
        yield path
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def tool_steps(count: int) -> tuple[Step, ...]:
    """Return steps that create tools which do not depend on each other."""
    return tuple(
        Step(f"create:{number}", "create", "tool", f"Create tool {number}", f"ref:{number}",
             body={"name": f"tool {number}", "description": "Finds what is asked for. " * 8})
        for number in range(count)
    )  # fmt: skip


async def plan_seconds(client: DrioClient, base_url: str, app: str, count: int) -> float:
    """Return the seconds in which a plan of creates is carried out."""
    saver = Saver(client, lambda app_id: Journal("me", base_url, app_id))
    session = PlanSession.begin(PlanRecord("me", base_url, app, "Create tools", tool_steps(count)))
    executor = session.executor(saver)
    start = time.perf_counter()
    await executor.run()
    seconds = time.perf_counter() - start
    if not executor.complete:
        raise RuntimeError(f"{len(executor.failed)} failed: {executor.failed[0].problem}")
    session.close(forget=True)
    return seconds


async def bare_seconds(client: DrioClient, app: str, count: int) -> float:
    """Return the seconds of the same requests without the engine."""
    steps = iter(tool_steps(count))

    async def send() -> None:
        for step in steps:
            await client.create(TOOL, step.body, app=app)

    start = time.perf_counter()
    await asyncio.gather(*(send() for _ in range(PARALLEL)))
    return time.perf_counter() - start


async def _measure(base_url: str, token: str, socket: Path, count: int) -> tuple[float, float]:
    http = httpx.AsyncHTTPTransport(uds=str(socket), limits=httpx.Limits(max_keepalive_connections=20))
    client = DrioClient(Transport(f"{base_url}/api/v1", auth=_Token(token), http=http))
    apps = [(await client.create(APP, {"templateId": "support", "name": name})).raw["id"] for name in ("Bare", "Plan")]
    bare = await bare_seconds(client, apps[0], count)
    plan = await plan_seconds(client, base_url, apps[1], count)
    await client.aclose()
    return bare, plan


def main(runs: int = 1) -> list[Row]:
    """Measure the plan and the bare requests."""
    rows: list[Row] = []
    for _ in range(runs):
        with (
            tempfile.TemporaryDirectory(prefix="drio-apply-") as name,
            patch.dict(os.environ, private_home(Path(name))),
            sandbox(Path(name) / "sandbox") as (base_url, token),
            slow_proxy(Path(name), urlsplit(base_url).port or 0, LATENCY) as socket,
        ):
            bare, plan = asyncio.run(_measure(base_url, token, socket, CREATES))
        note = f"{CREATES / plan:.0f} per second, {PARALLEL} at a time, each {LATENCY * 1000:.0f} ms late"
        rows.append(Row(f"plan of {CREATES} creates", plan, "s", TARGET, note=note))
        rows.append(Row("bare requests", bare, "s"))
    return rows


if __name__ == "__main__":
    for row in main():
        print(row)
