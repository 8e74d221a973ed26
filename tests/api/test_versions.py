"""Which versions of the API a server serves: the probe, what it says in a few words, and when it asks nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from drio_tui.api import http
from drio_tui.api.errors import ApiRetired, NewerApi
from drio_tui.api.transport import Transport
from drio_tui.api.versions import (
    ApiVersion,
    ApiVersions,
    VersionResponse,
    describe_versions,
    find_versions,
    is_document_of,
)
from drio_tui.kinds import APP
from tests.api.conftest import Bench
from tests.api.fault_server import answer, status
from tests.api.test_newer_versions import GONE, V3, by_path, refused
from tests.api.v3_server import V3Drio, openapi_document

BASE = "https://drio.test/api/v1"
OK = VersionResponse(200, {}, {"apps": []})
NO_TOKEN, MISSING, RETIRED, BROKEN = map(VersionResponse, (401, 404, 410, 503))
PAST, FUTURE = "Wed, 01 Jan 2020 00:00:00 GMT", "Sun, 31 Dec 2090 23:59:59 GMT"


def server(**answers: VersionResponse) -> Any:
    """Return an `Ask` by version; a page, and every path that is not named, is a success without JSON."""

    async def ask(path: str) -> VersionResponse:
        return answers.get(path.removeprefix("/api/").removesuffix("/apps"), VersionResponse())

    return ask


@pytest.mark.parametrize(
    ("answers", "states", "summary"),
    [
        ({"v1": NO_TOKEN, "v2": MISSING, "v3": MISSING, "v0": MISSING}, "served missing missing", "API v1"),
        ({"v1": OK, "v2": MISSING, "v3": NO_TOKEN, "v0": MISSING}, "served missing served", "API v1 (v3 available)"),
        ({"v1": MISSING, "v2": MISSING, "v3": OK}, "missing missing served", "API v3 only"),
        ({"v1": RETIRED, "v2": NO_TOKEN, "v3": OK, "v0": MISSING}, "retired served served", "API v2 and v3 only"),
        ({"v1": RETIRED, "v2": MISSING, "v3": MISSING}, "retired missing missing", "API v1 retired"),
        ({"v1": VersionResponse(404, {"sunset": PAST}), "v3": BROKEN}, "retired unknown unknown", "API v1 retired"),
        (
            {"v1": VersionResponse(401, {"sunset": FUTURE}), "v3": BROKEN}, "served unknown unknown",
            "API v1 until 2090-12-31",
        ),
        ({"v1": VersionResponse(200, {"deprecation": "@1688169599"})}, "served unknown unknown", "API v1 deprecated"),
        ({"v1": BROKEN, "v2": BROKEN, "v3": VersionResponse(429)}, "unknown unknown unknown", ""),
        ({}, "unknown unknown unknown", ""),
        (dict.fromkeys(("v0", "v1", "v2", "v3"), NO_TOKEN), "unknown unknown unknown", ""),
    ],
)  # fmt: skip
async def test_responses_say_which_versions_are_served(
    answers: dict[str, VersionResponse], states: str, summary: str
) -> None:
    versions = await find_versions(BASE, server(**answers))
    assert " ".join(version.state for version in versions.versions) == states
    assert versions.summary() == summary
    assert versions.is_v1_gone == (versions["v1"].state in ("missing", "retired"))


def test_document_is_attributed_by_servers_paths_or_its_version() -> None:
    assert is_document_of("v3", openapi_document())
    assert not is_document_of("v1", openapi_document())
    assert is_document_of("v1", {"paths": {"/api/v1/apps": {}}, "info": {"version": "3.0.0"}})
    assert is_document_of("v2", {"info": {"version": "v2.4"}})
    for document in (None, [], {}, {"info": 1, "servers": {"url": 1}, "paths": [1]}, {"servers": ["x", {"url": 3}]}):
        assert not is_document_of("v1", document)


async def test_documents_describe_the_versions_that_are_served() -> None:
    """One document per version, else the one of all versions; a version whose operations are all deprecated is too."""
    v1 = {"info": {"title": "Old", "version": "1.9"}, "paths": {"/apps": {"get": {"deprecated": True}, "x": 1}}}
    paths = {"/api/v1/openapi.json": v1, "/api/openapi.json": openapi_document()}
    asked: list[str] = []

    async def ask(path: str) -> VersionResponse:
        asked.append(path)
        return VersionResponse(200, {}, paths[path]) if path in paths else MISSING

    served = ApiVersions().with_version(ApiVersion("v1", "served")).with_version(ApiVersion("v3", "served"))
    described = await describe_versions(BASE, ask, served)
    assert described["v1"] == ApiVersion("v1", "served", "Old", "1.9", is_deprecated=True)
    assert described["v3"] == ApiVersion("v3", "served", "drio API", "3.0.0")
    assert described.summary() == "API v1 deprecated (v3 available)"
    assert asked == ["/api/v1/openapi.json", "/api/v3/openapi.json", "/api/openapi.json"]


async def test_probe_asks_once_anonymously_and_knows_what_v1_answered(bench: Bench) -> None:
    drio = V3Drio(also_v1=True)
    fault_server, client = await bench.pair(drio)
    seen: list[str] = []
    client.versions.on_change = lambda versions: seen.append(versions.summary())
    await client.list(APP)
    await asyncio.gather(*(client.versions.describe() for _ in range(3)))
    assert client.versions.versions["v3"] == ApiVersion("v3", "served", "drio API", "3.0.0")
    probes = [request for request in fault_server.requests_seen if request.target != "/api/v1/apps"]
    assert all("authorization" not in request.headers for request in probes)
    targets = [request.target for request in fault_server.requests_seen]
    assert len(targets) == len(set(targets))
    assert seen[0] == "API v1"
    assert seen[-1] == "API v1 (v3 available)"


async def test_probe_does_not_repeat_requests_that_fail(bench: Bench) -> None:
    fault_server, client = await bench.pair(status(503))
    assert (await client.versions.find()).summary() == ""
    await client.versions.find()
    assert len(fault_server.requests_seen) == 3
    assert bench.waits == []


async def test_retired_v1_says_so_and_a_later_version_is_named(bench: Bench) -> None:
    """Also while the session already saw v1 answer, as when it is switched off."""
    gone = {"error": {"code": "api_retired", "message": "The API v1 was retired.", "request_id": "r-9"}}
    fault_server, client = await bench.pair(answer({"apps": []}), by_path({}, (410, gone)))
    await client.list(APP)
    error = await refused(client.list(APP))
    assert isinstance(error, ApiRetired)
    assert error.as_dict() | {"hint": ""} == {
        "code": "api_retired", "title": "This drio no longer serves API v1", "message": "The API v1 was retired.",
        "hint": "", "status": 410, "requestId": "r-9",
    }  # fmt: skip
    assert error.exit_code == 5
    assert client.versions.versions["v1"].state == "retired"
    assert isinstance(await refused(client.config("app_1")), ApiRetired)
    fault_server.script = [answer({"config": {}})]
    await client.config("app_1")
    assert client.versions.versions["v1"].state == "served", "it is back"
    fault_server.script = [by_path(V3, (410, GONE))]
    error = await refused(bench.client(fault_server.base_url).me())
    assert isinstance(error, NewerApi)
    assert error.exit_code == 5


async def test_nothing_is_asked_that_a_replayed_cassette_does_not_have(bench: Bench) -> None:
    """A cassette from before the probe replays: what was not recorded is unknown, not a failure."""
    fault_server, client = await bench.pair(by_path({}, (404, GONE)))
    http.replace_clients(None, recorded=lambda _method, url: url.endswith("/v3/apps"))
    try:
        versions = await client.versions.describe()
    finally:
        http.replace_clients(None)
    assert [request.target for request in fault_server.requests_seen] == ["/api/v3/apps"]
    assert [version.state for version in versions.versions] == ["unknown", "unknown", "missing"]


async def test_a_sandbox_that_has_not_answered_yet_is_one() -> None:
    """So that the program can ask why nothing answers: the fault lab may be on from the start."""
    for base_url, id, expected in (
        ("http://127.0.0.1:9/api/v1", "s", True),
        ("http://127.0.0.1:9/api/v1", "", False),
        ("https://drio.test/api/v1", "s", False),
    ):
        transport = Transport(base_url, sandbox_id=id)
        assert transport.is_sandbox is expected, base_url
        await transport.aclose()
