"""The operations of a server's own document: found, listed, described, requested and paged."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from drio_tui.api.errors import NotFound, UsageError
from drio_tui.api.exchange import Exchange
from drio_tui.api.http import httpx
from drio_tui.api.redact import HIDDEN
from drio_tui.api.transport import Transport
from drio_tui.explorer import calls, commands, paging
from drio_tui.explorer.known import known_operations, remember
from drio_tui.explorer.server_api import NoDescription, ServerApi, open_server_api, type_text
from drio_tui.urls import path_argument
from tests.auth.httpd import HTML, HttpServer
from tests.explorer.servers import APP, V3, ServerOfDocument


@asynccontextmanager
async def opened(
    served: ServerOfDocument, log: list[Exchange] | None = None
) -> AsyncIterator[tuple[ServerApi, Transport]]:
    async with HttpServer(served) as server:
        transport = Transport(f"{server.origin}/api/v1", on_exchange=None if log is None else log.append)
        try:
            async with await open_server_api(transport) as server_api:
                yield server_api, transport
        finally:
            await transport.aclose()


async def test_operations_are_listed_with_their_problems_and_found_by_path_or_id() -> None:
    async with opened(ServerOfDocument()) as (server_api, _):
        assert (server_api.path, server_api.title, server_api.other_host) == ("/api/v3/openapi.json", "drio v3", "")
        assert [server_api.path_of(operation) for operation in server_api.matching("list apps")] == ["/api/v3/apps"]
        assert {operation.method for operation in server_api.matching("", read_only=True)} == {"GET"}
        complete = await server_api.complete([operation.id for operation in server_api.operations])
        problems = {operation.id: operation.obstacle for operation in complete if operation.obstacle}
        assert problems["PUT /apps/{app_id}"] == "is not an object"
        assert "#/components/requestBodies/Missing, which is not there" in problems["PATCH /apps/{app_id}"]
        assert len(problems) == 2
        assert [problem.where for problem in server_api.problems] == ["paths./broken"]
        for words in (["get_app"], ["get", "/apps/app_1"], ["GET /api/v3/apps/{app_id}"], ["GET", "/apps/{app_id}"]):
            assert server_api.find(words).id == "GET /apps/{app_id}"
        for words in (["get_ap"], ["GET", "/nowhere"]):
            with pytest.raises(NotFound):
                server_api.find(words)
        with pytest.raises(UsageError):
            await calls_of_broken(server_api)
        remember("http://127.0.0.1:1/api/v1/", server_api)
    assert ("GET", "/api/v3/apps", "List apps") in known_operations("http://127.0.0.1:1/api/v1")


async def test_servers_that_are_no_use_are_problems() -> None:
    unusable = {"servers": [{"url": "{x}/v2"}], "get": {}}
    served = ServerOfDocument({
        "openapi": "3.0.3", "info": {"title": "t"}, "servers": [{"url": "https://{host}.example.com/v9"}, {"url": 5}],
        "paths": {"/a": {"get": {}}, "/b": unusable},
    })  # fmt: skip
    async with opened(served) as (server_api, _):
        prefix = "none can be used, so the paths begin at the host: Its variable"
        assert {problem.where: problem.message for problem in server_api.problems} == {
            "servers": f"{prefix} host has no default: fill in https://{{host}}.example.com/v9.",
            "servers of GET /b": f"{prefix} x has no default: fill in {{x}}/v2.",
        }
        assert {server_api.path_of(operation) for operation in server_api.operations} == {"/a", "/b"}
    async with opened(ServerOfDocument(V3)) as (server_api, _):
        assert [problem.where for problem in server_api.problems] == ["paths./broken"]


async def calls_of_broken(server_api: ServerApi) -> None:
    operation = await server_api.operation("PATCH /apps/{app_id}")
    calls.prepare(operation, server_api.origin, {"app_id": "app_1"})


async def test_requests_have_their_values_where_the_document_says_and_answers_their_next_page() -> None:
    served, log = ServerOfDocument(), list[Exchange]()
    async with opened(served, log) as (server_api, transport):
        listing = await server_api.operation("GET /apps")
        assert [(value.name, value.place.where, value.type) for value in listing.parameters] == [
            ("cursor", "query", "string"), ("limit", "query", "integer"), ("ids", "query", "array of string"),
        ]  # fmt: skip
        request = calls.prepare(listing, server_api.origin, {"limit": 1, "ids": ["a", "b"]})
        first = await calls.send(transport, request)
        assert (first.status, first.data["items"]) == (200, [APP])
        following = paging.next_request(request, first.headers, first.data)
        assert following is not None
        second = await calls.send(transport, following)
        assert paging.next_request(following, second.headers, second.data) is None
        creation = await server_api.operation("POST /apps")
        values: dict[str, Any] = {"Idempotency-Key": "k1", "name": "New", "api_token": "s3cr3t"}
        created = await calls.send(transport, calls.prepare(creation, server_api.origin, values))
        assert (created.status, created.shown_headers[1]) == (201, ("location", "/api/v3/apps/app_1"))
        assert calls.without_secrets(creation, values) == {"Idempotency-Key": "k1", "name": "New"}
        text = await calls.send(
            transport, calls.prepare(await server_api.operation("GET /export"), server_api.origin, {})
        )
        assert (text.data, text.text) == (None, "id,name\napp_1,Orders\n")
        missing = await server_api.operation("GET /apps/{app_id}")
        refused = await calls.send(transport, calls.prepare(missing, server_api.origin, {"app_id": "a/b"}))
        assert (refused.status, refused.data["error"]["code"]) == (404, "not_found")
    assert served.calls == [
        "GET /api/v3/apps?limit=1&ids=a,b", "GET /api/v3/apps?limit=1&ids=a,b&cursor=two", "POST /api/v3/apps",
        "GET /api/v3/export", "GET /api/v3/apps/a%2Fb",
    ]  # fmt: skip
    posted = served.requests[-3]
    assert posted.headers["idempotency-key"] == "k1"
    assert posted.json == {"name": "New", "api_token": "s3cr3t"}
    assert all("s3cr3t" not in repr(exchange) for exchange in log)


async def test_a_request_is_copied_without_its_secrets_and_quoted_for_a_shell() -> None:
    async with opened(ServerOfDocument()) as (server_api, _):
        operation = await server_api.operation("POST /apps")
        request = calls.prepare(
            operation, server_api.origin, {"Idempotency-Key": "it's", "name": "$(x)", "api_token": "s3cr3t"}
        )
        text = calls.request_text(request)
        assert text.startswith(f"POST {server_api.origin}/api/v3/apps\n")
        assert "s3cr3t" not in text
        assert HIDDEN in text
        body = """'{"name":"$(x)","api_token":"'"$SECRET"'"}'"""
        assert commands.as_drio_tui(request, ("--profile", "a b")) == (
            f"printf %s {body} | drio-tui --profile 'a b' api POST /api/v3/apps"
            """ --header 'Idempotency-Key: it'"'"'s' --input -"""
        )
        curl = commands.as_curl(request)
        assert '--header "Authorization: Bearer $DRIO_TOKEN"' in curl
        assert f"--data-raw {body}" in curl
        assert path_argument("http://h", "/repos/{id}") == "http://h/repos/{id}"


async def test_without_a_document_it_is_reported_what_was_tried() -> None:
    async def page(_request: object) -> Any:
        return HTML

    async with HttpServer(page) as server:
        transport = Transport(f"{server.origin}/api/v1")
        with pytest.raises(NoDescription, match=r"/api/v1/openapi\.json \(a web page\), /api/openapi\.json"):
            await open_server_api(transport)
        await transport.aclose()
    served = ServerOfDocument(["no", "document"])
    with pytest.raises(NoDescription, match="It is a list, not an OpenAPI document"):
        async with opened(served):
            pass


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({"type": "string", "format": "date"}, "string (date)"), ({"enum": ["a", 1]}, "one of a, 1"),
        ({"type": ["string", "null"]}, "string or null"), ({"$ref": "#/$defs/Pet"}, "Pet"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "integer or null"), ({"properties": {}}, "object"),
        ({"type": "array", "items": {"type": "array"}}, "array of array of any"), (True, "any"), ({}, "any"),
    ],
)  # fmt: skip
def test_a_type_is_named_in_a_few_words(schema: Any, text: str) -> None:
    assert type_text(schema) == text


@pytest.mark.parametrize(
    ("query", "headers", "data", "following"),
    [
        ("?ids=a,b&cursor=1", {}, {"next_cursor": "2 3"}, "?ids=a,b&cursor=2%203"),
        ("", {}, {"page": {"nextCursor": "2"}}, "?cursor=2"),
        ("?page=1", {"link": '</apps?page=2>; rel="next"'}, {"next_cursor": "no"}, "?page=2"),
        ("?cursor=1", {}, {"next_cursor": ""}, None),
        ("", {}, ["no object"], None),
    ],
)
def test_the_next_page_keeps_the_rest_of_the_query(
    query: str, headers: dict[str, str], data: Any, following: str | None
) -> None:
    url = paging.next_page(httpx.URL(f"http://127.0.0.1:1/apps{query}"), headers, data)
    assert (None if url is None else str(url)) == (following and f"http://127.0.0.1:1/apps{following}")
