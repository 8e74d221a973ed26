"""Operations of an OpenAPI document, created, deployed and called by a model's client: each request is what it says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from drio_tui.api.client import DrioClient
from drio_tui.api.transport import Transport
from drio_tui.openapi_import.document import open_document
from drio_tui.openapi_import.import_batch import batch
from drio_tui.workspace.saving.saver import Saver
from tests.openapi_import.documents import PETS
from tests.openapi_import.oracle import count, wanted, with_everything
from tests.sandbox.mcp.conftest import Served, Upstream
from tests.workspace.saving_world import Token

pytestmark = pytest.mark.socket


async def imported(lax: Served, upstream: Upstream, path: Path, document: Any, most: int) -> list[str]:
    """Import `most` operations of the document at `path`, deploy, call each, and hold what arrived against it.

    Gives the ids of those that were called.
    """
    app = await lax.api.app(slug=f"imported-{path.stem.lower().replace('.', '-')}"[:60])
    token = lax.api.http.headers["Authorization"].removeprefix("Bearer ")
    client = DrioClient(Transport(f"{lax.base_url}/api/v1", auth=Token(token)))
    try:
        async with await open_document(str(path)) as found:
            assert len(found.operations) == count(document)
            sendable = {one.id for one in found.operations if not (one.obstacle or one.servers)}
            pairs = [one for one in with_everything(document) if f"{one[1].upper()} {one[0]}" in sendable][:most]
            ids = [f"{method.upper()} {place}" for place, method in pairs]
            plan = await found.plan(ids, base_url=f"{upstream.base_url}/base")
        work = batch(Saver(client), app, plan)
        await work.run()
        assert work.done, work.failed
    finally:
        await client.aclose()
    schemas = {resource.source: resource.body["inputSchema"] for resource in plan.of("operation")}
    names = {resource.source: resource.body["key"] for resource in plan.of("tool")}
    endpoint = await lax.deploy(app)
    async with lax.client(endpoint) as model:
        listed = {tool.name: tool for tool in (await model.list_tools()).tools}
        assert listed.keys() == set(names.values())
        for (place, method), id in zip(pairs, ids, strict=True):
            request = wanted(document, place, method)
            upstream.seen.clear()
            result = await model.call_tool(names[id], request.arguments(schemas[id]))
            assert len(upstream.seen) == 1, f"{id}: {result.content}"
            seen = upstream.seen[0]
            assert request.differences(seen.method, seen.target, seen.headers, seen.body, "/base") == [], id
    for resource in plan.of("tool"):
        hints = listed[resource.body["key"]].annotations
        assert hints is not None
        assert resource.body["annotations"].items() <= hints.model_dump(by_alias=True).items()
    return ids


async def test_a_small_document_is_called_as_it_says(lax: Served, upstream: Upstream, tmp_path: Path) -> None:
    (tmp_path / "pets.json").write_text(json.dumps(PETS))
    await imported(lax, upstream, tmp_path / "pets.json", PETS, 5)


async def test_ten_operations_of_drios_own_document_are_called_as_it_says(
    lax: Served, upstream: Upstream, tmp_path: Path
) -> None:
    document = (await lax.api.http.get("/api/openapi.json")).json()
    assert count(document) > 35
    (tmp_path / "drio.json").write_text(json.dumps(document))
    await imported(lax, upstream, tmp_path / "drio.json", document, 10)
