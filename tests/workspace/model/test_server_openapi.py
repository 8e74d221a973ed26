"""The server's own description of itself: kept by its ETag, never waited for longer than one has time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from drio_tui.api.transport import Limits, Transport
from drio_tui.schema.openapi import reader
from drio_tui.workspace.model.server_openapi import ServerOpenApi
from tests.ui.table_server import TableServer, serving

ROUTE = "GET /openapi.json"


def tagged(document: Any, etag: str) -> Any:
    return (200, document, [("ETag", f'"{etag}"')])


class Drio(TableServer):
    """A server with a document, and the starts of the program that ask it."""

    def __init__(self) -> None:
        super().__init__({ROUTE: tagged({"openapi": "3.1.0"}, "one")})
        self.transports: list[Transport] = []

    def start(self) -> ServerOpenApi:
        """As a new start of the program would ask."""
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


async def test_the_sandbox_is_asked_once_for_its_document_and_then_whether_it_changed(sandbox: Any) -> None:
    asked: list[tuple[str | None, int]] = []

    async def note(response: httpx.Response) -> None:
        asked.append((response.request.headers.get("if-none-match"), response.status_code))

    transport = Transport(f"{sandbox.base_url}/api/v1", http=sandbox.transport)
    transport._client.event_hooks["response"].append(note)
    document = ServerOpenApi(transport)
    found, fresh = await document.now(60)
    assert fresh
    assert reader(found, "PATCH", "/apps/{app}/tools/{id}") is not None
    assert await document.now(60) == (found, True)
    assert await ServerOpenApi(transport).now(60) == (found, True)
    assert [status for _, status in asked] == [200, 304, 304]
    assert asked[0][0] is None
    assert asked[1][0] == asked[2][0] != None  # noqa: E711 - said once for all three
    await transport.aclose()


async def test_a_document_that_changed_takes_the_place_of_the_kept_one(server: Drio) -> None:
    first = await server.start().now(60)
    server.answers[ROUTE] = tagged({"openapi": "3.1.1"}, "two")
    assert await server.start().now(60) == ({"openapi": "3.1.1"}, True) != first
    assert server.unchanged == 0


async def test_without_an_answer_in_time_what_is_known_counts_and_the_answer_is_there_the_next_time(
    server: Drio,
) -> None:
    server.hold(ROUTE)
    document = server.start()
    assert await document.now(0) == (None, False)
    server.release()
    found = await document.now(60)
    assert found == ({"openapi": "3.1.0"}, True)
    server.hold(ROUTE)
    again = server.start()
    asking = again.ask()
    while not server.requests[1:]:
        await asyncio.sleep(0)
    assert await again.now(0) == (found[0], False)
    server.release()
    assert await asking
    assert again.ask() is not asking


@pytest.mark.parametrize("answer", [500, b"<html>", 403])
async def test_a_failure_leaves_what_is_known(server: Drio, answer: Any) -> None:
    known, _ = await server.start().now(60)
    server.answers[ROUTE] = answer
    assert await server.start().now(60) == (known, False)


async def test_a_server_that_has_none_any_more_has_none(server: Drio) -> None:
    await server.start().now(60)
    server.answers[ROUTE] = 404
    assert await server.start().now(60) == (None, True)


async def test_it_is_found_beside_the_base_path_too(server: Drio) -> None:
    server.answers["GET /api/openapi.json"] = server.answers.pop(ROUTE)
    assert (await server.start().now(60))[1]
    assert (await server.start().now(60))[0] == {"openapi": "3.1.0"}
    assert server.unchanged == 1


@pytest.mark.parametrize("text", ["", "{", "[]", '{"v": 1, "etag": "x", "place": "/../../etc", "document": {}}'])
async def test_a_kept_file_that_is_broken_is_no_matter(server: Drio, text: str) -> None:
    document = server.start()
    await document.now(60)
    document.path.write_text(text)
    assert (await server.start().now(60))[1]
    assert server.unchanged == 0
