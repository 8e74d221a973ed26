"""Measures how many round trips it takes to open an app when each request takes 100 ms.

python -m benchmarks.app_open
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

from benchmarks.common import RUNS, Row, alternate, sandbox
from drio_tui.api.client import DrioClient
from drio_tui.api.http import httpx
from drio_tui.api.transport import Transport
from drio_tui.auth.bearer import BearerAuth, StaticToken
from drio_tui.kinds import APP
from drio_tui.workspace.model.loader import load_app
from drio_tui.workspace.model.snapshot import Snapshot

LATENCY = 0.1


class Slow(httpx.AsyncBaseTransport):
    """A transport that adds `LATENCY` seconds to every request."""

    def __init__(self) -> None:
        self._inner = httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(LATENCY)
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self._inner.aclose()


def main(runs: int = RUNS) -> list[Row]:
    """Measure the seconds until the app is loaded, divided by the latency of one request."""
    with tempfile.TemporaryDirectory() as name, sandbox(Path(name)) as (base_url, token):
        api = base_url + "/api/v1"

        async def open_once() -> float:
            auth = BearerAuth(StaticToken(token, "benchmark"), api)
            async with DrioClient(Transport(api, auth=auth, http=Slow())) as client:
                app = (await client.list(APP)).items[0]["id"]
                snapshot = Snapshot(app)
                started = time.perf_counter()
                await load_app(client, app, snapshot.apply)
                assert snapshot.complete
                return time.perf_counter() - started

        (seconds,) = alternate(lambda: asyncio.run(open_once()), runs=runs)
    return [Row("opening an app at 100 ms a request", seconds / LATENCY, "trips", 2.5)]


if __name__ == "__main__":
    for row in main():
        print(row)
