"""Compares a tool call through the sandbox's MCP endpoint with a direct call and an MCP call that does nothing.

    python -m benchmarks.mcp_calls [--runs 11] [--calls 40]

In turns, with clients that stay connected: a direct httpx call to the upstream (whose response is parsed too), an
empty tool at a minimal server of the official SDK, and a tool at the endpoint that calls the same upstream. The target
is endpoint ≤ 2 × (direct + empty tool), medians. Then fifty calls at once, without errors. The upstream, the minimal
server and the sandbox are separate processes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from mcp import Client

from benchmarks.common import RUNS, Row, sandbox

TARGET = 2.0
AT_ONCE = 50

BODY = json.dumps({"results": [{"id": f"con_{n}", "name": f"Contact {n}", "plan": "free"} for n in range(20)]})

UPSTREAM = f"""
import socket, uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
async def answer(request):
    return Response({BODY!r}, media_type="application/json")
app = Starlette(routes=[Route("/contacts", answer)])
"""

MINIMAL_SERVER = """
import socket, uvicorn
import mcp_types as types
from mcp.server.lowlevel import Server
async def list_tools(context, params):
    return types.ListToolsResult(tools=[types.Tool(name="empty", input_schema={"type": "object"})])
async def call_tool(context, params):
    return types.CallToolResult(content=[])
server = Server("minimal", on_list_tools=list_tools, on_call_tool=call_tool)
app = server.streamable_http_app(json_response=True, stateless_http=True)
"""

SERVE = """
listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
listener.bind(("127.0.0.1", 0))
listener.listen(128)
print(listener.getsockname()[1], flush=True)
uvicorn.Server(uvicorn.Config(app, http="h11", ws="none", access_log=False, log_level="error")).run([listener])
"""


def main(runs: int = RUNS, calls: int = 40) -> list[Row]:
    """Return the rows of the report."""
    logging.disable(logging.INFO)
    with tempfile.TemporaryDirectory(prefix="drio-mcp-") as folder:
        figures = asyncio.run(measure(Path(folder), runs, calls))
    medians = figures.medians
    note = ", ".join(f"{name} {value:.1f} ms" for name, value in medians.items())
    ratio = medians["endpoint"] / (medians["direct"] + medians["empty tool"])
    return [
        Row("MCP call ÷ (direct call + empty tool)", ratio, "×", TARGET, note=note),
        Row(f"{AT_ONCE} MCP calls at once", figures.at_once * 1000, "ms"),
        Row(f"errors of {AT_ONCE} MCP calls at once", figures.errors, "", 0),
    ]


@dataclass(frozen=True)
class Figures:
    """`medians` are milliseconds of one call by kind, `at_once` the seconds that all concurrent calls take."""

    medians: dict[str, float]
    at_once: float
    errors: int


async def measure(folder: Path, runs: int, calls: int) -> Figures:
    """Start the servers, deploy the app and measure the calls."""
    processes: list[subprocess.Popen[str]] = []
    try:
        upstream = f"http://127.0.0.1:{start_server(UPSTREAM, processes)}"
        minimal = f"http://127.0.0.1:{start_server(MINIMAL_SERVER, processes)}/mcp"
        with sandbox(folder, "--allow-private-egress") as (base_url, token):
            return await compare(upstream, minimal, deploy_app(base_url, token, upstream), runs, calls)
    finally:
        for process in processes:
            process.kill()
            process.wait()


def start_server(source: str, processes: list[subprocess.Popen[str]]) -> int:
    """Start a server that runs `source`, add it to `processes`, and return its port."""
    process = subprocess.Popen([sys.executable, "-c", source + SERVE], stdout=subprocess.PIPE, text=True)
    processes.append(process)
    assert process.stdout
    return int(process.stdout.readline())


def deploy_app(base_url: str, token: str, upstream: str) -> str:
    """Deploy a new app whose only tool, `contacts`, calls the upstream, and return its endpoint."""
    input_schema = {"type": "object", "properties": {"q": {"type": "string"}}}
    output_schema = {"type": "object", "properties": {"results": {"type": "array", "items": {"type": "object"}}}}
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=f"{base_url}/api/v1", headers=headers, trust_env=False) as client:

        def create(path: str, /, **body: Any) -> str:
            (resource,) = client.post(path, json=body).raise_for_status().json().values()
            return str(resource["id"])

        app = create("/apps", templateId="blank", name="Measured")
        integration = create(f"/apps/{app}/integrations", name="API", baseUrl=upstream)
        operation = create(f"/apps/{app}/integrations/{integration}/operations", name="Contacts", method="GET",
                           path="/contacts", inputSchema=input_schema, outputSchema=output_schema)  # fmt: skip
        binding = {"type": "integration_operation", "integrationOperationId": operation}
        tool = create(f"/apps/{app}/tools", name="Contacts", binding=binding)
        create(f"/apps/{app}/widgets", name="Table", toolId=tool, primitive="data-table",
               config={"fieldMappings": {"rows": "$.results", "columns.name": "$.name"}})  # fmt: skip
        return str(client.post(f"/apps/{app}/deploy").raise_for_status().json()["endpoint"])


async def compare(upstream: str, minimal: str, endpoint: str, runs: int, calls: int) -> Figures:
    """Measure calls of the upstream, of the minimal MCP server and of the endpoint, given their URLs."""
    async with AsyncExitStack() as stack:
        upstream_client = await stack.enter_async_context(httpx.AsyncClient(trust_env=False))
        minimal_client = await stack.enter_async_context(Client(minimal))
        endpoint_client = await stack.enter_async_context(Client(endpoint))
        await minimal_client.list_tools()
        await endpoint_client.list_tools()

        async def call_upstream() -> None:
            response = await upstream_client.get(f"{upstream}/contacts", params={"q": "a"})
            assert len(response.json()["results"]) == 20

        async def call_empty_tool() -> None:
            assert not (await minimal_client.call_tool("empty", {})).is_error

        async def call_endpoint() -> None:
            result = await endpoint_client.call_tool("contacts", {"q": "a"})
            assert len(result.structured_content["results"]) == 20

        kinds = {"direct": call_upstream, "empty tool": call_empty_tool, "endpoint": call_endpoint}
        seconds: dict[str, list[float]] = {name: [] for name in kinds}
        for call in kinds.values():
            await timed(call, calls)
        for _ in range(runs):
            for name, call in kinds.items():
                seconds[name].append(await timed(call, calls))
        medians = {name: statistics.median(values) * 1000 for name, values in seconds.items()}
        start = time.perf_counter()
        results = await asyncio.gather(*(call_endpoint() for _ in range(AT_ONCE)), return_exceptions=True)
        errors = sum(isinstance(result, BaseException) for result in results)
        return Figures(medians, time.perf_counter() - start, errors)


async def timed(call: Callable[[], Awaitable[None]], calls: int) -> float:
    """Return the mean seconds of one call, over `calls` of them."""
    start = time.perf_counter()
    for _ in range(calls):
        await call()
    return (time.perf_counter() - start) / calls


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--runs", type=int, default=RUNS)
    arguments.add_argument("--calls", type=int, default=40, help="calls of each kind in a run")
    chosen = arguments.parse_args()
    for row in main(chosen.runs, chosen.calls):
        print(row)
