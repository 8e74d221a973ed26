"""Fixtures: clients and servers on real sockets; retry delays are recorded instead of slept."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest

from drio_tui.api.client import DrioClient
from drio_tui.api.exchange import Exchange, Limits
from drio_tui.api.http import httpx
from drio_tui.api.transport import Transport
from tests.api.fault_server import Behaviour, FaultServer

TOKEN = "tok-1234567890-abcdefghij"


class Bearer(httpx.Auth):
    """Sends a fixed token."""

    async def async_auth_flow(self, request: httpx.Request):  # type: ignore[no-untyped-def] # httpx's own has the type
        request.headers["Authorization"] = f"Bearer {TOKEN}"
        yield request


class Bench:
    """Creates servers and clients, and records the exchanges and delays of the clients."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self.waits: list[float] = []
        self.reports: list[Exchange] = []

    async def server(self, *script: Behaviour, **options: object) -> FaultServer:
        """Start a server that runs `script`."""
        return await self._stack.enter_async_context(FaultServer(*script, **options))  # type: ignore[arg-type]

    def client(
        self,
        base_url: str,
        *,
        limits: Limits | None = None,
        auth: httpx.Auth | None = None,
        sleep: Callable[[float], object] | None = None,
    ) -> DrioClient:
        """Return a client that sends a token and does not sleep between attempts."""
        transport = Transport(
            base_url,
            auth=auth or Bearer(),
            limits=limits,
            on_exchange=self.reports.append,
            sleep=sleep or self._sleep,  # type: ignore[arg-type]
        )
        self._stack.push_async_callback(transport.aclose)
        return DrioClient(transport)

    async def pair(
        self, *script: Behaviour, limits: Limits | None = None, auth: httpx.Auth | None = None
    ) -> tuple[FaultServer, DrioClient]:
        """Start a server and return it with its client."""
        server = await self.server(*script)
        return server, self.client(server.base_url, limits=limits, auth=auth)

    @property
    def exchanges(self) -> list[Exchange]:
        """Each exchange once, in order."""
        return list({exchange.number: exchange for exchange in self.reports}.values())

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with AsyncExitStack() as stack:
        yield Bench(stack)
