"""The time limit of a call does not include the time in which the user signs in again."""

from __future__ import annotations

import asyncio

import pytest

from drio_tui.api.errors import RequestTimeout
from drio_tui.api.exchange import Limits
from drio_tui.api.http import httpx
from drio_tui.api.transport import Transport
from tests.api.conftest import Bench
from tests.api.fault_server import answer, hang, status

LIMITS = Limits(total=0.3, retries=0)


class SignsInAgain(httpx.Auth):
    """Takes longer than the limit to get the next token."""

    async def async_auth_flow(self, request: httpx.Request):  # type: ignore[no-untyped-def] # httpx's own has the type
        response = yield request
        if response.status_code == 401:
            await asyncio.sleep(LIMITS.total * 2)
            yield request


async def test_time_for_a_new_sign_in_is_not_counted(bench: Bench) -> None:
    server = await bench.server(status(401), answer(b'{"ok": true}'))
    transport = Transport(server.base_url, auth=SignsInAgain(), limits=LIMITS)
    assert (await transport.request("PATCH", "/apps/app_1", json={"name": "x"})).data == {"ok": True}
    assert len(await server.requests(2)) == 2
    await transport.aclose()


async def test_time_after_a_new_sign_in_is_counted(bench: Bench) -> None:
    server = await bench.server(status(401), hang())
    transport = Transport(server.base_url, auth=SignsInAgain(), limits=LIMITS)
    with pytest.raises(RequestTimeout):
        await transport.request("GET", "/apps")
    await transport.aclose()


async def test_waiting_for_a_sign_in_can_be_cancelled(bench: Bench) -> None:
    server = await bench.server(status(401))
    transport = Transport(server.base_url, auth=SignsInAgain(), limits=LIMITS)
    call = asyncio.create_task(transport.request("GET", "/apps"))
    await server.requests(1)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await transport.aclose()
