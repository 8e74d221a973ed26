"""The OpenAPI document of the server: cached with its ETag, and with a timeout."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from drio_tui.api.exchange import Limits
from drio_tui.api.transport import Transport
from drio_tui.cassette import active
from drio_tui.cassette.cassette import read_cassette
from drio_tui.schema.openapi import request_body_reader
from drio_tui.workspace.model import server_openapi
from drio_tui.workspace.model.server_openapi import ServerOpenApi
from tests.ui.table_server import TableServer, serving

ROUTE = "GET /openapi.json"


def tagged(document: Any, etag: str) -> Any:
    return (200, document, [("ETag", f'"{etag}"')])


class Drio(TableServer):
    """A server with an OpenAPI document, and the transports of the program starts."""

    def __init__(self) -> None:
        super().__init__({ROUTE: tagged({"openapi": "3.1.0"}, "one")})
        self.transports: list[Transport] = []

    def start(self) -> ServerOpenApi:
        """Return the document as a new start of the program uses it."""
        self.transports.append(Transport(f"{self.base_url}/api/v1", limits=Limits(retries=0)))
        return ServerOpenApi(self.transports[-1])


@pytest.fixture
async def server() -> AsyncIterator[Drio]:
    server = Drio()
    async with serving(server):
        yield server
        server.release()
        for transport in server.transports:
            await transport.aclose()


async def test_document_is_downloaded_once_and_revalidated_once_a_minute(
    sandbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests: list[tuple[str | None, int]] = []

    async def log(response: httpx.Response) -> None:
        requests.append((response.request.headers.get("if-none-match"), response.status_code))

    transport = Transport(f"{sandbox.base_url}/api/v1", http=sandbox.transport)
    transport._client.event_hooks["response"].append(log)
    document = ServerOpenApi(transport)
    openapi, fresh = await document.now(60)
    assert fresh
    assert request_body_reader(openapi, "PATCH", "/apps/{app}/tools/{id}") is not None
    assert await document.now(60) == (openapi, True)
    assert [status for _, status in requests] == [200]
    monkeypatch.setattr(server_openapi, "FRESH_SECONDS", 0.0)
    assert await document.now(60) == (openapi, True)
    assert await ServerOpenApi(transport).now(60) == (openapi, True)
    assert [status for _, status in requests] == [200, 304, 304]
    assert requests[0][0] is None
    assert requests[1][0] == requests[2][0] != None  # noqa: E711 - one assertion for all three
    await transport.aclose()


async def test_changed_document_replaces_the_cached_one(server: Drio) -> None:
    first = await server.start().now(60)
    server.answers[ROUTE] = tagged({"openapi": "3.1.1"}, "two")
    assert await server.start().now(60) == ({"openapi": "3.1.1"}, True) != first
    assert server.unchanged == 0


async def test_cached_document_is_returned_on_timeout_and_refreshed_later(
    server: Drio,
) -> None:
    server.hold(ROUTE)
    document = server.start()
    assert await document.now(0) == (None, False)
    server.release()
    result = await document.now(60)
    assert result == ({"openapi": "3.1.0"}, True)
    server.hold(ROUTE)
    again = server.start()
    refresh = again.refresh()
    while not server.requests[1:]:
        await asyncio.sleep(0)
    assert await again.now(0) == (result[0], False)
    server.release()
    assert await refresh
    assert again.refresh() is refresh, "confirmed a moment ago"


async def test_a_recording_has_the_document_although_it_is_cached(server: Drio, tmp_path: Path) -> None:
    await server.start().now(60)
    active.start_recording(tmp_path / "cassette", lambda: "test")
    try:
        await server.start().now(60)
    finally:
        active.stop()
    (recorded,) = read_cassette(tmp_path / "cassette").exchanges
    assert recorded.status == 200
    assert server.unchanged == 0


@pytest.mark.parametrize("answer", [500, b"<html>", 403])
async def test_error_keeps_the_cached_document(server: Drio, answer: Any) -> None:
    cached, _ = await server.start().now(60)
    server.answers[ROUTE] = answer
    assert await server.start().now(60) == (cached, False)


async def test_404_removes_the_cached_document(server: Drio) -> None:
    await server.start().now(60)
    server.answers[ROUTE] = 404
    assert await server.start().now(60) == (None, True)


async def test_document_is_found_below_the_origin_too(server: Drio) -> None:
    server.answers["GET /api/openapi.json"] = server.answers.pop(ROUTE)
    assert (await server.start().now(60))[1]
    assert (await server.start().now(60))[0] == {"openapi": "3.1.0"}
    assert server.unchanged == 1


@pytest.mark.parametrize("text", ["", "{", "[]", '{"v": 1, "etag": "x", "place": "/../../etc", "document": {}}'])
async def test_invalid_cache_file_is_ignored(server: Drio, text: str) -> None:
    document = server.start()
    await document.now(60)
    document.path.write_text(text)
    assert (await server.start().now(60))[1]
    assert server.unchanged == 0
