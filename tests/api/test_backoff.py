"""Concurrent requests that share a back-off."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from drio_tui.api.backoff import SharedBackoff
from drio_tui.api.errors import ConnectionFailed, RateLimited, ServerError
from drio_tui.kinds import APP, TOOL
from tests.api.conftest import Bench
from tests.api.fault_server import answer, status

APPS = {"apps": []}
TOOL_MADE = {"tool": {"id": "tool_1", "name": "T"}}


@pytest.mark.parametrize("code", [429, 503])
async def test_all_requests_wait_when_one_is_asked_to(bench: Bench, code: int) -> None:
    """F07."""
    server, client = await bench.pair(status(code, headers=[("Retry-After", "50")]), answer(APPS))
    began = asyncio.Event()
    backoff = SharedBackoff(began.set)
    with backoff.active():
        first = asyncio.create_task(client.list(APP))
        await began.wait()
        assert 49 < backoff.seconds_left <= 50
        second = asyncio.create_task(client.create(TOOL, {"name": "T"}, app="app_1"))
        await asyncio.sleep(0)
        backoff.give_up()
        with pytest.raises(RateLimited if code == 429 else ServerError):
            await first
        with pytest.raises(ConnectionFailed):  # it was not sent
            await second
    assert len(server.requests_seen) == 1


async def test_change_answered_with_429_is_sent_again_and_one_answered_with_503_is_not(bench: Bench) -> None:
    """F07 F08."""
    server, client = await bench.pair(status(429, headers=[("Retry-After", "0")]), answer(TOOL_MADE), status(503))
    with SharedBackoff().active():
        item = await client.create(TOOL, {"name": "T"}, app="app_1")
        assert item.raw["id"] == "tool_1"
        with pytest.raises(ServerError):
            await client.create(TOOL, {"name": "T"}, app="app_1")
    assert len(server.requests_seen) == 3


@pytest.mark.parametrize("others_are_answered", [True, False])
async def test_refused_request_is_given_up_only_if_others_are_refused_too(
    bench: Bench, others_are_answered: bool
) -> None:
    refused = status(429, headers=[("Retry-After", "0")])
    server, client = await bench.pair(*[refused] * 9, answer(APPS))
    backoff = SharedBackoff(lambda: others_are_answered and setattr(backoff, "answered", backoff.answered + 1))
    with backoff.active(), contextlib.suppress(RateLimited):
        await client.list(APP)
    assert len(server.requests_seen) == (10 if others_are_answered else 4)


async def test_requests_outside_do_not_wait(bench: Bench) -> None:
    _, client = await bench.pair(answer(APPS))
    SharedBackoff().begin(50)
    with SharedBackoff().active():
        pass
    await client.list(APP)
