"""Connection faults: no response, slow responses, resets, invalid framing, server restarts."""

from __future__ import annotations

import asyncio
import gzip
import socket
import tracemalloc

import pytest

from drio_tui.api.errors import (
    ConnectionFailed,
    ConnectionLost,
    DrioError,
    NotDrio,
    OutcomeUnknown,
    RequestTimeout,
    ResponseTooLarge,
)
from drio_tui.api.exchange import Limits
from drio_tui.kinds import APP
from tests.api.conftest import Bench
from tests.api.fault_server import answer, drip, flood, gzip_bomb, hang, message, raw, reset

APPS = {"apps": [{"id": "app_1", "name": "One"}]}
CREATED = {"app": {"id": "app_1", "name": "One"}}
NEW = {"templateId": "support", "name": "One"}
HASTY = Limits(connect=5, read=0.05, total=5, retries=1)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


# --- nothing there --------------------------------------------------------------------------------


async def test_closed_port_is_reported_with_the_systems_reason(bench: Bench) -> None:
    """F09."""
    client = bench.client(f"http://127.0.0.1:{free_port()}/api/v1")
    with pytest.raises(ConnectionFailed, match=r"127\.0\.0\.1: Connection refused"):
        await client.list(APP)
    assert len(bench.waits) == 3


async def test_post_to_a_closed_port_was_not_executed(bench: Bench) -> None:
    client = bench.client(f"http://127.0.0.1:{free_port()}/api/v1")
    with pytest.raises(ConnectionFailed) as caught:
        await client.create(APP, NEW)
    assert not caught.value.outcome_unknown
    assert bench.waits == []


async def test_unresolvable_host_name_is_reported(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """F09."""

    def nobody(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nobody)  # the resolver is the machine's, not ours
    with pytest.raises(ConnectionFailed, match=r"drio\.test: Name or service not known"):
        await bench.client("https://drio.test/api/v1").list(APP)


# --- silence and slowness -------------------------------------------------------------------------


async def test_missing_response_times_out_after_the_last_attempt(bench: Bench) -> None:
    """F10."""
    server, client = await bench.pair(hang(), limits=HASTY)
    with pytest.raises(RequestTimeout, match="nothing came"):
        await client.list(APP)
    assert [seen.method for seen in server.requests_seen] == ["GET", "GET"]


async def test_missing_response_to_a_post_is_an_unknown_outcome_and_not_retried(bench: Bench) -> None:
    server, client = await bench.pair(hang(), limits=HASTY)
    with pytest.raises(OutcomeUnknown) as caught:
        await client.create(APP, NEW)
    assert caught.value.outcome_unknown
    assert len(server.requests_seen) == 1


async def test_incomplete_body_times_out(bench: Bench) -> None:
    _, client = await bench.pair(hang(message(APPS)[:-5]), limits=HASTY)
    with pytest.raises(RequestTimeout):
        await client.list(APP)


async def test_total_limit_ends_a_slow_response(bench: Bench) -> None:
    """F11."""
    server, client = await bench.pair(drip(message(APPS) + b" " * 10_000, 0.01), limits=Limits(read=5, total=0.2))
    with pytest.raises(RequestTimeout, match=r"no complete response within 0\.2 s"):
        await client.list(APP)
    assert len(server.requests_seen) == 1, "the call's time is used up, so there is no second attempt"
    assert bench.waits == []


async def test_total_limit_ends_endless_informational_responses(bench: Bench) -> None:
    _, client = await bench.pair(
        flood(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", b""), limits=Limits(read=5, total=0.2)
    )
    with pytest.raises(RequestTimeout, match="no complete response"):
        await client.list(APP)


async def test_total_limit_covers_all_attempts(bench: Bench) -> None:
    server, client = await bench.pair(hang(), limits=Limits(read=0.15, total=0.2, retries=3))
    with pytest.raises(RequestTimeout, match="no complete response"):
        await client.list(APP)
    assert len(server.requests_seen) <= 2  # of four; on a busy machine there may be no time for the second


# --- cancelling -----------------------------------------------------------------------------------


@pytest.mark.parametrize("script", [hang(), hang(message(APPS)[:-5])], ids=["before headers", "in the body"])
async def test_cancelling_closes_the_connection_and_is_recorded(bench: Bench, script: object) -> None:
    """F10."""
    server, client = await bench.pair(script)  # type: ignore[arg-type]
    call = asyncio.create_task(client.list(APP))
    await server.requests(1)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    # Comes only if the client's end was closed; otherwise the test's own time limit ends it.
    await server.connections[0].gone.wait()
    assert [exchange.error for exchange in bench.exchanges] == ["cancelled"]
    assert bench.exchanges[0].is_finished


async def test_cancelling_during_the_wait_between_attempts_ends_the_call_at_once(bench: Bench) -> None:
    waiting = asyncio.Event()

    async def for_ever(_: float) -> None:
        waiting.set()
        await asyncio.Event().wait()

    server = await bench.server(answer(b"", status=503))
    client = bench.client(server.base_url, sleep=for_ever)
    call = asyncio.create_task(client.list(APP))
    await waiting.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert len(server.requests_seen) == 1


async def test_client_is_usable_after_a_cancelled_call(bench: Bench) -> None:
    server, client = await bench.pair(hang(), answer(APPS))
    call = asyncio.create_task(client.list(APP))
    await server.requests(1)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert len(await client.list(APP)) == 1


async def test_closed_client_raises_connection_failed(bench: Bench) -> None:
    server, client = await bench.pair()
    await client.aclose()
    with pytest.raises(ConnectionFailed):
        await client.list(APP)
    assert server.requests_seen == []


# --- resets ---------------------------------------------------------------------------------------

WHOLE = message(APPS)
CUT = {
    "before the headers": b"",
    "in the headers": WHOLE[:25],
    "before the body": WHOLE[: WHOLE.index(b"\r\n\r\n") + 4],
    "in the body": WHOLE[:-5],
}


@pytest.mark.parametrize("sent", CUT.values(), ids=CUT.keys())
async def test_get_is_retried_after_a_reset(bench: Bench, sent: bytes) -> None:
    """F12."""
    server, client = await bench.pair(reset(sent), answer(APPS))
    assert [app.id for app in (await client.list(APP)).models] == ["app_1"]
    assert len(server.requests_seen) == 2


@pytest.mark.parametrize("sent", CUT.values(), ids=CUT.keys())
async def test_get_reset_every_time_raises_connection_lost(bench: Bench, sent: bytes) -> None:
    server, client = await bench.pair(reset(sent))
    with pytest.raises(ConnectionLost):
        await client.list(APP)
    assert len(server.requests_seen) == 4


@pytest.mark.parametrize("sent", CUT.values(), ids=CUT.keys())
@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_change_cut_off_by_a_reset_is_sent_once_with_an_unknown_outcome(
    bench: Bench, sent: bytes, method: str
) -> None:
    """F12."""
    server, client = await bench.pair(reset(sent))
    change = client.create(APP, NEW) if method == "POST" else client.update(APP, "app_1", {"name": "Two"})
    with pytest.raises(OutcomeUnknown) as caught:
        await change
    assert [seen.method for seen in server.requests_seen] == [method]
    assert caught.value.as_dict()["outcomeUnknown"] is True
    assert method in caught.value.message


async def test_put_reset_every_time_is_retried_and_has_an_unknown_outcome(bench: Bench) -> None:
    server, client = await bench.pair(reset())
    with pytest.raises(ConnectionLost) as caught:
        await client.set_chain("app_1", "tool_1", [])
    assert len(server.requests_seen) == 4
    assert caught.value.outcome_unknown


# --- framing and compression ----------------------------------------------------------------------

GZIPPED = gzip.compress(b'{"apps": []}')
ZIPPED = [("Content-Encoding", "gzip")]
FRAMING = {
    "length too long": (message(APPS, length=10_000), ConnectionLost),
    "length too short": (message(APPS, length=5), NotDrio),
    "length is no number": (WHOLE.replace(b"Content-Length: ", b"Content-Length: x"), ConnectionLost),
    "two lengths": (WHOLE.replace(b"Content-Type", b"Content-Length: 1\r\nContent-Type"), ConnectionLost),
    "bad chunk": (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n",
        ConnectionLost,
    ),
    "chunks without an end": (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
        ConnectionLost,
    ),
    "not HTTP": (b"SSH-2.0-OpenSSH_9.6\r\n", ConnectionLost),
    "status out of range": (b"HTTP/1.1 000 What\r\nContent-Length: 0\r\n\r\n", ConnectionLost),
    "another protocol": (b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", ConnectionLost),
    "one header of 1 MB": (b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * (1 << 20) + b"\r\n\r\n{}", ConnectionLost),
    "a million headers": (b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 1_000_000 + b"\r\n", ConnectionLost),
    "not gzip": (message(b"this is no gzip", headers=ZIPPED), NotDrio),
    "gzip cut short": (message(GZIPPED[:-6], headers=ZIPPED), NotDrio),
    "gzip and more": (message(GZIPPED + b"more", headers=ZIPPED), NotDrio),
    "gzip with a wrong sum": (message(GZIPPED[:-8] + b"\0" * 8, headers=ZIPPED), NotDrio),
    "a coding not asked for": (message(b"x", headers=[("Content-Encoding", "br")]), NotDrio),
    "codings stacked": (message(gzip.compress(GZIPPED), headers=[("Content-Encoding", "gzip, gzip")]), NotDrio),
}


@pytest.mark.parametrize(("sent", "kind"), FRAMING.values(), ids=FRAMING.keys())
async def test_malformed_http_responses_raise_drio_errors(bench: Bench, sent: bytes, kind: type[DrioError]) -> None:
    """F13."""
    _, client = await bench.pair(raw(sent))
    with pytest.raises(kind) as caught:
        await client.list(APP)
    assert type(caught.value) is kind
    assert caught.value.message


@pytest.mark.parametrize("sent", [sent for sent, _ in FRAMING.values()], ids=FRAMING.keys())
async def test_malformed_response_to_a_post_is_an_unknown_outcome(bench: Bench, sent: bytes) -> None:
    server, client = await bench.pair(raw(sent))
    with pytest.raises(OutcomeUnknown):
        await client.create(APP, NEW)
    assert len(server.requests_seen) == 1


async def test_get_after_an_overlong_response_uses_a_new_connection(bench: Bench) -> None:
    _, client = await bench.pair(raw(message(APPS, length=5), keep=True), answer(APPS))
    with pytest.raises(NotDrio):
        await client.list(APP)
    assert len(await client.list(APP)) == 1


async def test_gzip_is_requested_and_decompressed(bench: Bench) -> None:
    server, client = await bench.pair(answer(gzip.compress(b'{"apps": []}'), headers=ZIPPED))
    assert len(await client.list(APP)) == 0
    assert server.requests_seen[0].headers["accept-encoding"] == "gzip"


@pytest.mark.parametrize("layers", [1, 2])
async def test_a_gzip_bomb_is_refused_in_bounded_memory(bench: Bench, layers: int) -> None:
    """F13."""
    bomb = gzip_bomb(256 << 20, layers)
    coding = [("Content-Encoding", ", ".join(["gzip"] * layers))]
    _, client = await bench.pair(answer(bomb, headers=coding), limits=Limits(response_bytes=1 << 20))
    tracemalloc.start()
    try:
        with pytest.raises(NotDrio):
            await client.list(APP)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 16 << 20


async def test_endless_response_is_refused_at_the_limit(bench: Bench) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n["
    server, client = await bench.pair(flood(b"1," * 4096, head), limits=Limits(response_bytes=1 << 20))
    with pytest.raises(ResponseTooLarge, match="1 MiB"):
        await client.list(APP)
    assert len(server.requests_seen) == 1
    await server.connections[0].gone.wait()


async def test_response_declared_too_large_is_refused_before_reading(bench: Bench) -> None:
    server, client = await bench.pair(hang(message(b"", length=10**15)))
    with pytest.raises(ResponseTooLarge):
        await client.list(APP)
    await server.connections[0].gone.wait()


async def test_body_of_50_mb_within_the_limit_is_read(bench: Bench) -> None:
    """F26."""
    body = b'{"apps": [], "padding": "' + b"x" * (50 << 20) + b'"}'
    _, client = await bench.pair(answer(body))
    assert len((await client.list(APP)).extra["padding"]) == 50 << 20


# --- servers that come and go ---------------------------------------------------------------------


async def test_connection_is_reused_for_sequential_requests(bench: Bench) -> None:
    server, client = await bench.pair(answer(APPS))
    for _ in range(3):
        await client.list(APP)
    assert [seen.connection for seen in server.requests_seen] == [1, 1, 1]


async def test_get_works_after_a_restart_of_the_server(bench: Bench) -> None:
    """F18."""
    server, client = await bench.pair(answer(APPS))
    await client.list(APP)
    await server.stop()
    await server.start(server.port)
    assert len(await client.list(APP)) == 1


async def test_get_on_a_broken_idle_connection_is_retried(bench: Bench) -> None:
    """F18."""
    server, client = await bench.pair(answer(APPS), reset(), answer(APPS))
    await client.list(APP)
    assert len(await client.list(APP)) == 1
    assert [seen.connection for seen in server.requests_seen] == [1, 1, 2]


async def test_post_on_a_broken_idle_connection_is_not_retried(bench: Bench) -> None:
    server, client = await bench.pair(answer(APPS), reset(), answer(CREATED))
    await client.list(APP)
    with pytest.raises(OutcomeUnknown):
        await client.create(APP, NEW)
    assert len(server.requests_seen) == 2
