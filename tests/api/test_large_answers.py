"""Large responses are parsed without blocking the event loop, and forms of large documents are correct."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from drio_tui.kinds import APP
from drio_tui.schema.openapi import request_body_reader
from tests.api.conftest import Bench
from tests.api.fault_server import answer


def document(count: int) -> dict[str, Any]:
    """Return an OpenAPI document with `count` routes and POST /apps, with circular and remote references."""
    paths: dict[str, Any] = {
        f"/r{n}/{{id}}": {"get": {"responses": {"200": {"description": f"of {n}", "x": [{"n": n}] * 4}}}}
        for n in range(count)
    }
    body = {"$ref": "#/components/schemas/App"}
    paths["/apps"] = {"post": {"requestBody": {"content": {"application/json": {"schema": body}}}}}
    app = {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "inside": {"$ref": "#/components/schemas/App"},
            "far": {"$ref": "http://127.0.0.1:9/far.json"},
        },
    }
    return {"openapi": "3.1.0", "paths": paths, "components": {"schemas": {"App": app}}}


@pytest.mark.parametrize("large", [True, False])
async def test_event_loop_runs_while_a_large_response_is_parsed(bench: Bench, large: bool) -> None:
    """F24 F26: large ones are parsed and redacted in a thread, small ones directly."""
    large_document = document(4000 if large else 1)
    _, client = await bench.pair(answer(json.dumps({"apps": [large_document]}).encode()))
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += any(exchange.response_size and not exchange.is_finished for exchange in bench.reports)

    busy_task = asyncio.create_task(count_turns())
    listing = await client.list(APP)
    busy_task.cancel()
    assert listing.items == [large_document]
    assert bench.exchanges[0].response_body == {"apps": [large_document]}
    assert bool(turns) is large


def test_form_of_a_large_document_resolves_circular_references_once_and_fetches_nothing() -> None:
    """F24: a remote reference is edited as JSON, with the reason."""
    reader_result = request_body_reader(document(20_000), "POST", "/apps")
    assert reader_result is not None
    field = reader_result[0].field(reader_result[1])
    assert list(field.properties) == ["name", "inside", "far"]
    assert field.properties["inside"].kind == "object"
    assert field.properties["far"].kind == "json"
    assert "not fetched" in field.properties["far"].reason
