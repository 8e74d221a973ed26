"""The limit of a call is for the network: a person who signs in again in the middle of an edit is not hurried."""

from __future__ import annotations

import asyncio

import pytest

from drio_tui.api.errors import RequestTimeout
from drio_tui.api.http import httpx
from drio_tui.api.transport import Limits, Transport
from tests.api.conftest import Bench
from tests.api.fault_server import answer, hang, status

LIMITS = Limits(total=0.3, retries=0)


class SignsInAgain(httpx.Auth):
    """Takes longer than any limit to come up with the next token."""

    async def async_auth_flow(self, request: httpx.Request):  # type: ignore[no-untyped-def] # httpx's own has the type
        response = yield request
        if response.status_code == 401:
            await asyncio.sleep(LIMITS.total * 2)
            yield request


async def test_the_wait_for_a_new_sign_in_does_not_count(bench: Bench) -> None:
    server = await bench.server(status(401), answer(b'{"ok": true}'))
    transport = Transport(server.base_url, auth=SignsInAgain(), limits=LIMITS)
    assert (await transport.request("PATCH", "/apps/app_1", json={"name": "x"})).data == {"ok": True}
    assert len(await server.requests(2)) == 2
    await transport.aclose()


async def test_what_comes_after_the_wait_counts_again(bench: Bench) -> None:
    server = await bench.server(status(401), hang())
    transport = Transport(server.base_url, auth=SignsInAgain(), limits=LIMITS)
    with pytest.raises(RequestTimeout):
        await transport.request("GET", "/apps")
    await transport.aclose()


async def test_a_wait_can_be_cancelled(bench: Bench) -> None:
    server = await bench.server(status(401))
    transport = Transport(server.base_url, auth=SignsInAgain(), limits=LIMITS)
    call = asyncio.create_task(transport.request("GET", "/apps"))
    await server.requests(1)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await transport.aclose()
