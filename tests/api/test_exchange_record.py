"""The records for the request log: each attempt, without secrets."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from drio_tui.api.client import DrioClient
from drio_tui.api.errors import DrioError, RateLimited, SignInRequired
from drio_tui.api.http import httpx
from drio_tui.api.transport import Transport
from drio_tui.kinds import APP, AUTH, INTEGRATION
from tests.api.conftest import TOKEN, Bench
from tests.api.fault_server import answer, redirect, reset, status

SECRET = "hunter2-hunter2-hunter2"
APPS: dict[str, Any] = {"apps": []}


class Refreshing(httpx.Auth):
    """Uses the next token after a 401, once, like the real one."""

    def __init__(self, *tokens: str) -> None:
        self.tokens = list(tokens)

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        request.headers["Authorization"] = f"Bearer {self.tokens[0]}"
        response = yield request
        if response.status_code == 401 and len(self.tokens) > 1:
            del self.tokens[0]
            request.headers["Authorization"] = f"Bearer {self.tokens[0]}"
            yield request


class SignedOut(httpx.Auth):
    """Has no token."""

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        raise SignInRequired("no token")
        yield request


async def test_exchange_records_request_and_response(bench: Bench) -> None:
    server, client = await bench.pair(
        answer({"app": {"id": "a", "name": "One"}}, status=201, headers=[("X-Request-Id", "r-5")])
    )
    await client.create(APP, {"templateId": "support", "name": "One"})
    (exchange,) = bench.exchanges
    assert (exchange.method, exchange.path, exchange.url) == ("POST", "/apps", server.base_url + "/apps")
    assert (exchange.status, exchange.request_id, exchange.attempt, exchange.error) == (201, "r-5", 1, None)
    assert exchange.request_body == {"templateId": "support", "name": "One"}
    assert exchange.response_body == {"app": {"id": "a", "name": "One"}}
    assert exchange.response_size == len(b'{"app": {"id": "a", "name": "One"}}')
    assert dict(exchange.response_headers)["x-request-id"] == "r-5"
    assert exchange.is_finished


async def test_exchange_is_reported_at_start_and_end(bench: Bench) -> None:
    reports: list[tuple[int | None, bool]] = []
    server = await bench.server(answer(APPS))
    transport = Transport(
        server.base_url, on_exchange=lambda exchange: reports.append((exchange.status, exchange.is_finished))
    )
    async with DrioClient(transport) as client:
        await client.list(APP)
    assert reports == [(None, False), (200, True)]


@pytest.mark.parametrize("behaviour", [answer(APPS), status(401), status(500), reset(), redirect(302, "/x")])
async def test_token_is_not_in_records_errors_or_logs(
    bench: Bench, behaviour: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server, client = await bench.pair(behaviour)
    shown = ""
    try:
        await client.list(APP)
    except DrioError as error:
        shown = f"{error!r} {error} {error.as_dict()} {error.__cause__!r}"
    assert server.requests_seen[0].headers["authorization"] == f"Bearer {TOKEN}"
    records = [
        (exchange.request_headers, exchange.response_headers, exchange.response_body) for exchange in bench.exchanges
    ]
    assert ("authorization", "••••••") in [(name.lower(), value) for name, value in records[0][0]] or shown
    assert TOKEN not in f"{records} {bench.exchanges!r} {shown} {caplog.text}"


async def test_secret_properties_are_sent_and_hidden_in_the_record(bench: Bench) -> None:
    created = {"auth": {"id": "x", "name": "A", "config": {"clientId": "c1", "clientSecret": SECRET, "scopes": ["a"]}}}
    server, client = await bench.pair(answer(created))
    item = await client.create(
        AUTH, {"providerKey": "custom-oauth", "name": "A", "config": {"clientSecret": SECRET}}, app="app_1"
    )
    assert server.requests_seen[0].json["config"]["clientSecret"] == SECRET
    assert item.raw["config"]["clientSecret"] == SECRET
    (exchange,) = bench.exchanges
    assert SECRET not in f"{exchange.request_body} {exchange.response_body} {exchange!r}"
    assert exchange.response_body["auth"]["config"]["clientId"] == "c1"


async def test_secret_headers_of_an_integration_are_hidden(bench: Bench) -> None:
    body = {
        "name": "I",
        "baseUrl": "https://x.test",
        "config": {"headers": {"X-Api-Key": SECRET, "Accept": "text/csv"}},
    }
    _, client = await bench.pair(answer({"integration": {"id": "i", **body}}))
    await client.create(INTEGRATION, body, app="app_1")
    (exchange,) = bench.exchanges
    assert SECRET not in f"{exchange.request_body} {exchange.response_body}"
    assert exchange.request_body["config"]["headers"]["Accept"] == "text/csv"


async def test_refused_token_is_refreshed_within_one_attempt(bench: Bench) -> None:
    server, client = await bench.pair(status(401), answer(APPS), auth=Refreshing("old", "new"))
    await client.list(APP)
    assert [seen.headers["authorization"] for seen in server.requests_seen] == ["Bearer old", "Bearer new"]
    assert [(exchange.status, exchange.attempt) for exchange in bench.exchanges] == [(200, 1)]


async def test_a_post_is_sent_again_after_a_401_with_its_body(bench: Bench) -> None:
    created = {"app": {"id": "a", "name": "One"}}
    server, client = await bench.pair(status(401), answer(created), auth=Refreshing("old", "new"))
    await client.create(APP, {"name": "One"})
    assert [seen.json for seen in server.requests_seen] == [{"name": "One"}] * 2


async def test_body_of_a_401_is_not_read(bench: Bench) -> None:
    huge = answer(b"x" * (8 << 20), status=401)
    server, client = await bench.pair(huge, answer(APPS), auth=Refreshing("old", "new"))
    await client.list(APP)
    assert [seen.connection for seen in server.requests_seen] == [1, 2], "the body of the first was not read"


async def test_without_a_token_nothing_is_sent(bench: Bench) -> None:
    server, client = await bench.pair(auth=SignedOut())
    with pytest.raises(SignInRequired):
        await client.list(APP)
    assert server.requests_seen == []
    assert bench.exchanges[0].error == "Sign-in needed: no token"


async def test_templates_are_read_without_a_token(bench: Bench) -> None:
    server, client = await bench.pair(
        answer({"templates": []}), answer({"template": {"id": "support", "name": "S"}}), auth=SignedOut()
    )
    await client.templates()
    await client.template("support")
    assert all("authorization" not in seen.headers for seen in server.requests_seen)


async def test_each_attempt_is_an_exchange(bench: Bench) -> None:
    _, client = await bench.pair(reset(), answer(APPS))
    await client.list(APP)
    first, second = bench.exchanges
    assert first.status is None
    assert "The connection broke" in (first.error or "")
    assert (second.status, second.error, second.attempt) == (200, None, 2)


async def test_request_id_of_an_error_is_read_from_the_header(bench: Bench) -> None:
    _, client = await bench.pair(answer(b"", status=429, headers=[("X-Request-Id", "r-6"), ("Retry-After", "100")]))
    with pytest.raises(RateLimited) as caught:
        await client.list(APP)
    assert caught.value.as_dict()["requestId"] == "r-6"
    assert bench.exchanges[0].request_id == "r-6"
