"""Retries: which requests, how often, and with which delay."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from drio_tui.api.client import DrioClient
from drio_tui.api.error_mapping import retry_after
from drio_tui.api.errors import ApiError, DrioError, NotFound, OutcomeUnknown, RateLimited, ServerError
from drio_tui.api.exchange import Exchange, Limits
from drio_tui.api.transport import Transport
from drio_tui.kinds import APP, TOOL
from tests.api.conftest import Bench
from tests.api.fault_server import answer, reset, status

APPS: dict[str, Any] = {"apps": []}
TOOL_MADE = {"tool": {"id": "tool_1", "name": "T"}}
Call = Callable[[DrioClient], Awaitable[Any]]
REPEATABLE: dict[str, Call] = {
    "GET": lambda client: client.list(APP),
    "PUT": lambda client: client.set_chain("app_1", "tool_1", ["tool_2"]),
    "DELETE": lambda client: client.delete(TOOL, "tool_1", app="app_1"),
}
ONCE: dict[str, Call] = {
    "POST": lambda client: client.create(TOOL, {"name": "T"}, app="app_1"),
    "deploy": lambda client: client.deploy("app_1"),
    "PATCH": lambda client: client.update(TOOL, "tool_1", {"name": "T"}, app="app_1"),
}


@pytest.mark.parametrize("call", REPEATABLE.values(), ids=REPEATABLE.keys())
@pytest.mark.parametrize("code", [408, 429, 500, 502, 503, 504, 599])
async def test_repeatable_request_is_retried_three_times(bench: Bench, call: Call, code: int) -> None:
    """F08."""
    server, client = await bench.pair(status(code))
    with pytest.raises(ApiError) as caught:
        await call(client)
    assert caught.value.status == code
    assert len(server.requests_seen) == 4
    assert len({(seen.method, seen.target, seen.body) for seen in server.requests_seen}) == 1
    assert [exchange.attempt for exchange in bench.exchanges] == [1, 2, 3, 4]


@pytest.mark.parametrize("call", REPEATABLE.values(), ids=REPEATABLE.keys())
async def test_repeatable_request_succeeds_on_a_later_attempt(bench: Bench, call: Call) -> None:
    server, client = await bench.pair(status(503), reset(), status(429), answer(APPS | TOOL_MADE))
    await call(client)
    assert len(server.requests_seen) == 4


@pytest.mark.parametrize("call", ONCE.values(), ids=ONCE.keys())
@pytest.mark.parametrize("code", [408, 429, 500, 502, 503, 504])
async def test_change_is_sent_once_whatever_the_status(bench: Bench, call: Call, code: int) -> None:
    """F07 F08."""
    server, client = await bench.pair(status(code, headers=[("Retry-After", "1")]))
    with pytest.raises(ApiError):
        await call(client)
    assert len(server.requests_seen) == 1
    assert bench.waits == []


@pytest.mark.parametrize("call", ONCE.values(), ids=ONCE.keys())
async def test_change_with_a_lost_response_is_sent_once(bench: Bench, call: Call) -> None:
    server, client = await bench.pair(reset())
    with pytest.raises(OutcomeUnknown):
        await call(client)
    assert len(server.requests_seen) == 1


async def test_retry_delays_double_from_a_quarter_second_with_jitter(bench: Bench) -> None:
    _, client = await bench.pair(status(503), limits=Limits(retries=8))
    for _ in range(3):
        with pytest.raises(ServerError):
            await client.list(APP)
    rounds = [bench.waits[start : start + 8] for start in (0, 8, 16)]
    for waits in rounds:
        for attempt, wait in enumerate(waits):
            full = min(8.0, 0.25 * 2**attempt)
            assert full / 2 <= wait <= full
    assert len({tuple(waits) for waits in rounds}) == 3, "two clients must not wait alike"


async def test_retry_delay_is_reported_before_it_begins(bench: Bench) -> None:
    _, client = await bench.pair(status(503), answer(APPS))
    recorded: list[tuple[int, bool]] = []
    client.transport._on_exchange = lambda exchange: recorded.append((exchange.attempt, exchange.waiting))
    await client.list(APP)
    # started, ended, delay begins, delay over; started, ended
    assert recorded == [(1, False), (1, False), (1, True), (1, False), (2, False), (2, False)]


async def test_cancelled_retry_delay_is_reported(bench: Bench) -> None:
    """F07."""
    _, client = await bench.pair(status(503, headers=[("Retry-After", "60")]))
    waiting = asyncio.Event()
    recorded: list[bool] = []

    def record(exchange: Exchange) -> None:
        recorded.append(exchange.waiting)
        if exchange.waiting:
            waiting.set()

    transport = Transport(client.transport.base_url, on_exchange=record)
    request_task = asyncio.create_task(transport.request("GET", "/apps"))
    await waiting.wait()
    request_task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request_task
    assert recorded == [False, False, True, False]
    await transport.aclose()


@pytest.mark.parametrize("code", [429, 503])
@pytest.mark.parametrize(("header", "wait"), [("0", 0.0), ("7", 7.0), (" 60 ", 60.0)])
async def test_retry_after_in_seconds_is_honoured(bench: Bench, code: int, header: str, wait: float) -> None:
    """F07."""
    _, client = await bench.pair(status(code, headers=[("Retry-After", header)]), answer(APPS))
    await client.list(APP)
    assert bench.waits == [wait]


async def test_retry_after_as_a_date_is_honoured(bench: Bench) -> None:
    """F07."""
    when = datetime.now(UTC) + timedelta(seconds=30)
    _, client = await bench.pair(
        status(429, headers=[("Retry-After", format_datetime(when, usegmt=True))]), answer(APPS)
    )
    await client.list(APP)
    assert len(bench.waits) == 1
    assert 0 < bench.waits[0] <= 30


async def test_retry_after_in_the_past_means_now(bench: Bench) -> None:
    _, client = await bench.pair(status(429, headers=[("Retry-After", "Wed, 21 Oct 2015 07:28:00 GMT")]), answer(APPS))
    await client.list(APP)
    assert bench.waits == [0.0]


@pytest.mark.parametrize("header", ["-5", "soon", "1.5", "١٢", "0x10", "", "Wed, 99 Oct 2015"])
async def test_invalid_retry_after_is_ignored(bench: Bench, header: str) -> None:
    headers = [("Retry-After", header.encode().decode("latin-1"))]
    _, client = await bench.pair(status(429, headers=headers), answer(APPS))
    await client.list(APP)
    assert len(bench.waits) == 1
    assert 0.125 <= bench.waits[0] <= 0.25


@pytest.mark.parametrize("header", ["61", "1000000000", "9" * 400, "Fri, 31 Dec 9999 23:59:59 GMT"])
async def test_long_retry_after_raises_without_waiting(bench: Bench, header: str) -> None:
    """F07."""
    server, client = await bench.pair(status(429, headers=[("Retry-After", header)]))
    with pytest.raises(RateLimited) as caught:
        await client.list(APP)
    assert len(server.requests_seen) == 1
    assert bench.waits == []
    assert caught.value.retry_after is not None
    assert caught.value.retry_after > 60
    assert caught.value.as_dict()["retryAfter"] < float("inf"), "it must be writable as JSON"


@given(
    st.text(max_size=40) | st.from_regex(r"[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} [-+]?[0-9]{0,6}")
)
@example("Fri, 31 Dec 9999 23:59:59 -2359")
@example("Mon, 01 Jan 0001 00:00:00 +2359")
@example("0")
def test_any_retry_after_is_parsed_to_a_finite_delay_or_none(value: str) -> None:
    """F07."""
    wait = retry_after(value)
    assert wait is None or 0 <= wait < float("inf")


@pytest.mark.parametrize("lost", [[reset()], [status(500)], [reset(), status(429)], [status(504), status(503)]])
async def test_404_of_a_retried_delete_counts_as_success(bench: Bench, lost: list[Any]) -> None:
    server, client = await bench.pair(*lost, status(404))
    await client.delete(TOOL, "tool_1", app="app_1")
    assert len(server.requests_seen) == len(lost) + 1


@pytest.mark.parametrize("before", [[], [status(429)]])
async def test_delete_of_a_missing_resource_raises_not_found(bench: Bench, before: list[Any]) -> None:
    _, client = await bench.pair(*before, status(404))
    with pytest.raises(NotFound):
        await client.delete(TOOL, "tool_1", app="app_1")


async def test_retries_can_be_switched_off(bench: Bench) -> None:
    server, client = await bench.pair(status(503), limits=Limits(retries=0))
    with contextlib.suppress(DrioError):
        await client.list(APP)
    assert len(server.requests_seen) == 1
