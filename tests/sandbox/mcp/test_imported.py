"""Operations imported from an OpenAPI document, deployed and called by an MCP client, send the documented requests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from drio_tui.api.client import DrioClient
from drio_tui.api.transport import Transport
from drio_tui.openapi_import.document import open_document
from drio_tui.openapi_import.import_steps import import_steps
from drio_tui.plan.executor import Executor
from drio_tui.workspace.saving.saver import Saver
from tests.openapi_import.documents import PETS
from tests.openapi_import.oracle import expected_request, most_complex_first, operation_count
from tests.sandbox.mcp.conftest import ServedSandbox, Upstream
from tests.workspace.saving_world import Token

pytestmark = pytest.mark.socket


async def import_and_call(lax: ServedSandbox, upstream: Upstream, path: Path, document: Any, most: int) -> list[str]:
    """Import up to `most` operations of the document at `path`, deploy and call them, and compare the requests with it.

    Return the ids of the operations that were called.
    """
    app = await lax.api.create_app(slug=f"imported-{path.stem.lower().replace('.', '-')}"[:60])
    token = lax.api.http.headers["Authorization"].removeprefix("Bearer ")
    client = DrioClient(Transport(f"{lax.base_url}/api/v1", auth=Token(token)))
    try:
        async with await open_document(str(path)) as source:
            assert len(source.operations) == operation_count(document)
            sendable = {
                operation.id for operation in source.operations if not (operation.obstacle or operation.servers)
            }
            pairs = [
                (route, method)
                for route, method in most_complex_first(document)
                if f"{method.upper()} {route}" in sendable
            ]
            pairs = pairs[:most]
            ids = [f"{method.upper()} {route}" for route, method in pairs]
            plan = await source.plan(ids, base_url=f"{upstream.base_url}/base")
        work = Executor(Saver(client), app, import_steps(plan))
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
        for (route, method), id in zip(pairs, ids, strict=True):
            expected = expected_request(document, route, method)
            upstream.requests.clear()
            result = await model.call_tool(names[id], expected.arguments(schemas[id]))
            assert len(upstream.requests) == 1, f"{id}: {result.content}"
            request = upstream.requests[0]
            assert expected.differences(request.method, request.target, request.headers, request.body, "/base") == [], (
                id
            )
    for resource in plan.of("tool"):
        annotations = listed[resource.body["key"]].annotations
        assert annotations is not None
        assert resource.body["annotations"].items() <= annotations.model_dump(by_alias=True).items()
    return ids


async def test_imported_operations_send_the_documented_requests(
    lax: ServedSandbox, upstream: Upstream, tmp_path: Path
) -> None:
    (tmp_path / "pets.json").write_text(json.dumps(PETS))
    await import_and_call(lax, upstream, tmp_path / "pets.json", PETS, 5)


async def test_ten_imported_operations_of_drios_api_send_the_documented_requests(
    lax: ServedSandbox, upstream: Upstream, tmp_path: Path
) -> None:
    document = (await lax.api.http.get("/api/openapi.json")).json()
    assert operation_count(document) > 35
    (tmp_path / "drio.json").write_text(json.dumps(document))
    await import_and_call(lax, upstream, tmp_path / "drio.json", document, 10)
