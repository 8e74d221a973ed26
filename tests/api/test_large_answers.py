"""Large answers: everything else goes on while they are parsed, and a form from a large document is the right one."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from drio_tui.kinds import APP
from drio_tui.schema.openapi import reader
from tests.api.conftest import Bench
from tests.api.fault_server import answer


def document(count: int) -> dict[str, Any]:
    """An OpenAPI document of `count` routes beside the one that makes an app, with circles and remote references."""
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
async def test_the_program_goes_on_while_a_large_answer_is_parsed(bench: Bench, large: bool) -> None:
    """F24 F26: parsed and cleaned for the log in a thread; small ones at once, without the detour."""
    what = document(4000 if large else 1)
    _, client = await bench.pair(answer(json.dumps({"apps": [what]}).encode()))
    turns = 0

    async def something_else() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += any(exchange.response_size and not exchange.done for exchange in bench.told)

    other = asyncio.create_task(something_else())
    listed = await client.list(APP)
    other.cancel()
    assert listed.items == [what]
    assert bench.exchanges[0].response_body == {"apps": [what]}
    assert bool(turns) is large


def test_a_form_from_a_large_document_draws_circles_one_level_and_fetches_nothing() -> None:
    """F24: what is behind a remote reference is edited as JSON, with the reason."""
    found = reader(document(20_000), "POST", "/apps")
    assert found is not None
    field = found[0].field(found[1])
    assert list(field.members) == ["name", "inside", "far"]
    assert field.members["inside"].kind == "object"
    assert field.members["far"].kind == "json"
    assert "not fetched" in field.members["far"].reason
