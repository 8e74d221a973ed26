"""A server that speaks a newer API than v1 (contract sections 5 and 8)."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from drio_tui.api.errors import DrioError, NewerApi, NotDrio, NotFound
from drio_tui.kinds import APP, TOOL
from tests.api.conftest import Bench
from tests.api.fault_server import Behaviour, Connection, RecordedRequest, message

GONE = {"error": {"code": "not_found", "message": "No such route.", "request_id": "r-3"}}
UNAUTHORIZED = {"error": {"code": "unauthorized", "message": "No token.", "request_id": "r-4"}}
PAGE = "<html><title>404</title></html>"
Answers = dict[str, tuple[int, Any]]


def by_path(answers: Answers, otherwise: tuple[int, Any] = (404, GONE)) -> Behaviour:
    """Respond by path; a string is sent as HTML, anything else as JSON."""

    async def behave(seen: RecordedRequest, connection: Connection) -> bool:
        status, body = answers.get(seen.target, otherwise)
        is_page = isinstance(body, str)
        content = body.encode() if is_page else json.dumps(body).encode()
        media = "text/html" if is_page else "application/json"
        await connection.send(message(content, status=status, media=media))
        return True

    return behave


async def refused(work: Any) -> DrioError:
    with pytest.raises(DrioError) as caught:
        await work
    return caught.value


V3_PUBLIC: Answers = {"/api/v3/apps": (200, {"items": [], "next_cursor": None})}
V3: Answers = {"/api/v3/apps": (401, UNAUTHORIZED)}
V2: Answers = {"/api/v2/apps": (401, UNAUTHORIZED)}


@pytest.mark.parametrize("missing", [(404, GONE), (410, GONE), (404, PAGE)], ids=["404", "410", "page"])
@pytest.mark.parametrize(("answers", "version"), [(V3_PUBLIC, "v3"), (V3, "v3"), (V2, "v2")], ids=["open", "v3", "v2"])
async def test_missing_collection_is_reported_as_a_newer_version(
    bench: Bench, answers: Answers, version: str, missing: tuple[int, Any]
) -> None:
    """F06: not as deleted or as a captive portal; concurrent failures share one probe."""
    server, client = await bench.pair(by_path(answers, missing))
    errors = await asyncio.gather(
        refused(client.list(APP)), refused(client.templates()), refused(client.me()), refused(client.create(APP, {}))
    )
    errors += (await refused(client.list(TOOL, app="app_1")),)
    for error in errors:
        assert isinstance(error, NewerApi)
        assert f"this drio speaks {version}; drio-tui edits v1" in error.message
        assert "pip install --upgrade drio-tui" in error.hint
        assert not error.outcome_unknown
    targets = [seen.target for seen in server.requests_seen]
    assert targets.count("/api/v3/apps") == 1
    assert all("authorization" not in seen.headers for seen in server.requests_seen if "/v1/" not in seen.target)


@pytest.mark.parametrize(
    ("envelope", "version"),
    [({"items": [], "next_cursor": None}, "v3"), ({"data": [], "page": {"has_more": False}}, "v2")],
)
async def test_envelope_of_a_newer_version_is_recognised(bench: Bench, envelope: Any, version: str) -> None:
    """F06: also where v1's own paths answer so."""
    _, client = await bench.pair(by_path({}, (200, envelope)))
    error = await refused(client.list(APP))
    assert isinstance(error, NewerApi)
    _, client = await bench.pair(by_path({"/api/v1/apps": (200, envelope)}))
    error = await refused(client.list(APP))
    assert isinstance(error, NewerApi)
    assert error.version == version


async def test_server_that_refuses_every_path_is_no_newer_version(bench: Bench) -> None:
    """F06: a gateway that requires a sign-in everywhere."""
    _, client = await bench.pair(by_path({"/api/v1/apps": (404, GONE)}, (401, UNAUTHORIZED)))
    error = await refused(client.list(APP))
    assert isinstance(error, NotFound)
    assert "base URL" in error.hint
    assert "deleted" not in error.hint


async def test_html_page_at_every_path_is_no_newer_version(bench: Bench) -> None:
    """F06: a single-page application."""
    _, client = await bench.pair(by_path({}, (200, PAGE)))
    assert isinstance(await refused(client.list(APP)), NotDrio)


async def test_404_of_a_v1_server_means_deleted(bench: Bench) -> None:
    """F04: also if the host serves v3 too; no version is probed."""
    server, client = await bench.pair(by_path({"/api/v1/apps": (200, {"apps": []})} | V3))
    error = await refused(client.list(TOOL, app="app_1"))
    assert isinstance(error, NotFound)
    assert "deleted elsewhere" in error.hint
    await refused(client.list(TOOL, app="app_1"))
    await client.list(APP)
    await refused(client.get(TOOL, "tool_1", app="app_1"))
    assert [s.target for s in server.requests_seen if "/v1/" not in s.target] == []
    assert [s.target for s in server.requests_seen].count("/api/v1/apps") <= 3


@pytest.mark.parametrize("body", [GONE, {"error": "not_found", "request_id": "r-3"}, GONE["error"] | GONE])
async def test_request_id_of_newer_versions_is_read(bench: Bench, body: Any) -> None:
    """F06: `request_id`, in the envelope or beside it."""
    _, client = await bench.pair(by_path({}, (409, body)))
    error = await refused(client.list(APP))
    assert error.as_dict()["requestId"] == "r-3"


async def test_field_errors_of_ajv_are_read(bench: Bench) -> None:
    """F06: the JSON pointer, and the property that is missing or not allowed."""
    details = [
        {"instancePath": "/branding/primaryColor", "keyword": "pattern", "params": {}, "message": "must match"},
        {"instancePath": "", "params": {"missingProperty": "name"}, "message": "must have required property 'name'"},
        {"instancePath": "/config", "params": {"missingProperty": "clientId"}, "message": "must have 'clientId'"},
        {"instancePath": "/x~1y/0", "params": {"additionalProperty": "odd~"}, "message": "must NOT have more"},
        {"instancePath": "/slug", "params": {"limit": 3}, "message": "must NOT be shorter"},
        {"instancePath": 7, "message": "nonsense"},
        {"instancePath": "/no-message", "message": None},
    ]
    for body_details in (details, {"errors": details}):
        body = {"error": {"code": "validation_error", "message": "no", "details": body_details}}
        _, client = await bench.pair(by_path({}, (400, body)))
        error = await refused(client.create(APP, {}))
        assert [problem.path for problem in error.field_errors] == [  # type: ignore[attr-defined] # of ApiError
            "branding.primaryColor", "name", "config.clientId", "x/y.0.odd~", "slug",
        ]  # fmt: skip
