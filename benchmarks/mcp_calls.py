"""What a tool call through the sandbox's MCP endpoint costs, as a share of what it cannot do without.

    python -m benchmarks.mcp_calls [--runs 11] [--calls 40]

In turns, with clients that stay connected: a direct httpx call to the upstream (with the same fresh parsing of
its answer), an empty tool at a bare server of the official SDK, and a tool at the endpoint that calls the same
upstream. The target is endpoint ≤ 2 × (direct + empty tool), medians. Then fifty calls at once, without error.
All four (upstream, bare server, sandbox, client) are processes of their own but for the client.
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

BODY = json.dumps({"results": [{"id": f"con_{n}", "name": f"Person {n}", "plan": "free"} for n in range(20)]})

UPSTREAM = f"""
import socket, uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
async def answer(request):
    return Response({BODY!r}, media_type="application/json")
app = Starlette(routes=[Route("/people", answer)])
"""

BARE = """
import socket, uvicorn
import mcp_types as types
from mcp.server.lowlevel import Server
async def list_tools(context, params):
    return types.ListToolsResult(tools=[types.Tool(name="empty", input_schema={"type": "object"})])
async def call_tool(context, params):
    return types.CallToolResult(content=[])
server = Server("bare", on_list_tools=list_tools, on_call_tool=call_tool)
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
    """The report's lines."""
    logging.disable(logging.INFO)
    with tempfile.TemporaryDirectory(prefix="drio-mcp-") as folder:
        figures = asyncio.run(measure(Path(folder), runs, calls))
    parts = ", ".join(f"{name} {value:.1f} ms" for name, value in figures.middle.items())
    needed = figures.middle["direct"] + figures.middle["empty tool"]
    return [
        Row("MCP call ÷ (direct call + empty tool)", figures.middle["endpoint"] / needed, "×", TARGET, note=parts),
        Row(f"{AT_ONCE} MCP calls at once", figures.at_once * 1000, "ms"),
        Row(f"errors of {AT_ONCE} MCP calls at once", figures.errors, "", 0),
    ]


@dataclass(frozen=True)
class Figures:
    """`middle` are median milliseconds of one call by kind, `at_once` seconds of all calls at once."""

    middle: dict[str, float]
    at_once: float
    errors: int


async def measure(folder: Path, runs: int, calls: int) -> Figures:
    processes: list[subprocess.Popen[str]] = []
    try:
        upstream = f"http://127.0.0.1:{started(UPSTREAM, processes)}"
        bare = f"http://127.0.0.1:{started(BARE, processes)}/mcp"
        with sandbox(folder, "--allow-private-egress") as (base_url, token):
            return await compare(upstream, bare, deployed(base_url, token, upstream), runs, calls)
    finally:
        for process in processes:
            process.kill()
            process.wait()


def started(source: str, processes: list[subprocess.Popen[str]]) -> int:
    """The port of a server that runs `source`."""
    process = subprocess.Popen([sys.executable, "-c", source + SERVE], stdout=subprocess.PIPE, text=True)
    processes.append(process)
    assert process.stdout
    return int(process.stdout.readline())


def deployed(base_url: str, token: str, upstream: str) -> str:
    """The endpoint of a new app whose one tool, `people`, calls the upstream."""
    schema = {"type": "object", "properties": {"q": {"type": "string"}}}
    shape = {"type": "object", "properties": {"results": {"type": "array", "items": {"type": "object"}}}}
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=f"{base_url}/api/v1", headers=headers, trust_env=False) as client:

        def made(at: str, /, **body: Any) -> str:
            (resource,) = client.post(at, json=body).raise_for_status().json().values()
            return str(resource["id"])

        app = made("/apps", templateId="blank", name="Measured")
        integration = made(f"/apps/{app}/integrations", name="API", baseUrl=upstream)
        operation = made(f"/apps/{app}/integrations/{integration}/operations", name="People", method="GET",
                         path="/people", inputSchema=schema, outputSchema=shape)  # fmt: skip
        binding = {"type": "integration_operation", "integrationOperationId": operation}
        tool = made(f"/apps/{app}/tools", name="People", binding=binding)
        made(f"/apps/{app}/widgets", name="Table", toolId=tool, primitive="data-table",
             config={"fieldMappings": {"rows": "$.results", "columns.name": "$.name"}})  # fmt: skip
        return str(client.post(f"/apps/{app}/deploy").raise_for_status().json()["endpoint"])


async def compare(upstream: str, bare: str, endpoint: str, runs: int, calls: int) -> Figures:
    async with AsyncExitStack() as stack:
        direct = await stack.enter_async_context(httpx.AsyncClient(trust_env=False))
        empty = await stack.enter_async_context(Client(bare))
        ours = await stack.enter_async_context(Client(endpoint))
        await empty.list_tools()
        await ours.list_tools()

        async def ask_upstream() -> None:
            answer = await direct.get(f"{upstream}/people", params={"q": "a"})
            assert len(answer.json()["results"]) == 20

        async def ask_bare() -> None:
            assert not (await empty.call_tool("empty", {})).is_error

        async def ask_ours() -> None:
            result = await ours.call_tool("people", {"q": "a"})
            assert len(result.structured_content["results"]) == 20

        kinds = {"direct": ask_upstream, "empty tool": ask_bare, "endpoint": ask_ours}
        taken: dict[str, list[float]] = {name: [] for name in kinds}
        for ask in kinds.values():
            await timed(ask, calls)
        for _ in range(runs):
            for name, ask in kinds.items():
                taken[name].append(await timed(ask, calls))
        middle = {name: statistics.median(values) * 1000 for name, values in taken.items()}
        began = time.perf_counter()
        answers = await asyncio.gather(*(ask_ours() for _ in range(AT_ONCE)), return_exceptions=True)
        return Figures(middle, time.perf_counter() - began, sum(isinstance(each, BaseException) for each in answers))


async def timed(ask: Callable[[], Awaitable[None]], calls: int) -> float:
    """Seconds of one call, over `calls` of them."""
    began = time.perf_counter()
    for _ in range(calls):
        await ask()
    return (time.perf_counter() - began) / calls


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--runs", type=int, default=RUNS)
    arguments.add_argument("--calls", type=int, default=40, help="calls of each kind in a run")
    chosen = arguments.parse_args()
    for row in main(chosen.runs, chosen.calls):
        print(row)
