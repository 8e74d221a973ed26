"""A listening sandbox with the deployed example app, and servers that misbehave."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.api.fault_server import FaultServer

pytest.importorskip("mcp", reason="the MCP SDK is not installed")


@pytest_asyncio.fixture
async def deployed(tmp_path: Path) -> AsyncIterator[str]:
    """Yield the address of the example app's endpoint."""
    from tests.sandbox.mcp.conftest import served

    async with served(tmp_path / "sandbox") as running:
        (app,) = (await running.api("GET", "/apps"))["apps"]
        yield await running.deploy(app["id"])


@pytest_asyncio.fixture
async def faults() -> AsyncIterator[Callable[..., Any]]:
    """Yield a function that starts servers which follow a script."""
    servers: list[FaultServer] = []

    async def start(*script: Any) -> FaultServer:
        server = await FaultServer(*script).start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        await server.stop()
