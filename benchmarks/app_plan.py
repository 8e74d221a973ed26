"""Measures `plan` for an app of 500 resources: against the bare requests that it needs, and what is done before them.

    python -m benchmarks.report app_plan

`plan` reads the lock file and the app and compares them, in this process, as `drio-tui plan` does. `bare requests` are
the same requests, sent at the same time as it sends them, with httpx alone.
"""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

import httpx

from benchmarks.apply_rate import slow_proxy
from benchmarks.common import RUNS, Row, private_home, sandbox
from drio_tui.api.client import DrioClient
from drio_tui.api.exchange import Exchange
from drio_tui.api.transport import Transport
from drio_tui.manifest.apply import Applier, plan_document, plan_for, read_document_app
from drio_tui.manifest.document import read_document
from drio_tui.manifest.lock import read_base, write_base
from drio_tui.manifest.validation import quick_errors
from drio_tui.workspace.saving.saver import Saver

RATIO = 1.5
LATENCY = 0.1
CHECK_SECONDS = 0.2
INTEGRATIONS, OPERATIONS, TOOLS, WIDGETS = 10, 20, 240, 50


class _Token(httpx.Auth):
    def __init__(self, token: str) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request):  # type: ignore[no-untyped-def] # httpx's own has the type
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request


def document() -> dict[str, Any]:
    """Return an app of 500 resources, besides the app itself."""
    schema = {
        "type": "object",
        "properties": {
            name: {"type": "string", "description": f"The {name} of what is searched for."}
            for name in ("query", "status", "owner")
        },
    }
    integrations = {
        f"service-{number}": {
            "name": f"Service {number}",
            "baseUrl": f"https://service-{number}.example.com",
            "operations": {
                f"find-{number}-{index}": {
                    "name": f"Find {index}", "method": "GET", "path": f"/things/{index}", "inputSchema": schema,
                    "description": "Finds what is asked for. " * 4,
                }
                for index in range(OPERATIONS)
            },
        }
        for number in range(INTEGRATIONS)
    }  # fmt: skip
    keys = [f"service-{number}/find-{number}-{index}" for number in range(INTEGRATIONS) for index in range(OPERATIONS)]
    tools = {
        f"tool-{number}": {
            "name": f"Tool {number}", "description": "Finds what is asked for. " * 4,
            "binding": keys[number % len(keys)], "annotations": {"readOnlyHint": True},
            **({"next": [f"tool-{number + 1}"]} if number % 4 == 0 else {}),
        }
        for number in range(TOOLS)
    }  # fmt: skip
    widgets = {
        f"widget-{number}": {
            "name": f"Widget {number}", "tool": f"tool-{number}", "primitive": "data-table",
            "config": {"fieldMappings": {"rows": "$.results"}},
            "actions": [{"trigger": "row.select", "type": "callTool", "target": f"tool-{number + 1}"}],
        }
        for number in range(WIDGETS)
    }  # fmt: skip
    app = {"slug": "large", "name": "Large", "template": "blank"}
    return {"app": app, "integrations": integrations, "tools": tools, "widgets": widgets}


async def _measure(
    folder: Path, base_url: str, token: str, runs: int, socket: Path | None = None
) -> tuple[float, float, float, int]:
    """Return the medians of the bare requests, the plan and the check, and the number of requests.

    `socket` is that of a proxy to the sandbox.
    """
    exchanges: list[Exchange] = []
    logged = DrioClient(Transport(f"{base_url}/api/v1", auth=_Token(token), on_exchange=exchanges.append))

    def http() -> httpx.AsyncHTTPTransport:
        return httpx.AsyncHTTPTransport(uds=str(socket) if socket else None)

    client = DrioClient(Transport(f"{base_url}/api/v1", auth=_Token(token), http=http()))
    headers = {"Authorization": f"Bearer {token}"}
    bare_client = httpx.AsyncClient(base_url=f"{base_url}/api/v1", headers=headers, transport=http())
    values = document()
    (folder / "drio.json").write_text(json.dumps(values))
    base = read_base(folder, "target")
    if base is None:
        applied = await Applier(Saver(client), await plan_document(client, values), parallel=12).run()
        if applied.failed or applied.base is None:
            raise RuntimeError(applied.failed[0].problem)
        base = applied.base
        write_base(folder, "target", base)

    async def plan_once(client: DrioClient = client) -> None:
        read = await read_document_app(client, values, lambda: read_base(folder, "target"))
        result = plan_for(values, read.snapshot, base=read.base)
        if result.changes:
            raise RuntimeError(f"{len(result.changes)} changes")

    times: dict[str, list[float]] = {"bare": [], "plan": [], "check": []}
    await plan_once(logged)
    requests = list(dict.fromkeys(exchange.path for exchange in exchanges))
    for _ in range(runs + 1):
        started = time.perf_counter()
        await asyncio.gather(*(bare_client.get(path) for path in requests))
        times["bare"].append(time.perf_counter() - started)
        started = time.perf_counter()
        await plan_once()
        times["plan"].append(time.perf_counter() - started)
        read = read_document(folder)
        started = time.perf_counter()
        if quick_errors(read, {}):
            raise RuntimeError("the document has errors")
        times["check"].append(time.perf_counter() - started)
    await client.aclose()
    await logged.aclose()
    await bare_client.aclose()
    bare, planned, checked = (sorted(values[1:])[runs // 2] for values in times.values())
    return bare, planned, checked, len(requests)


def main(runs: int = RUNS) -> list[Row]:
    """Measure the plan, the bare requests and the check of the document."""
    with (
        tempfile.TemporaryDirectory(prefix="drio-plan-") as name,
        patch.dict(os.environ, private_home(Path(name))),
        sandbox(Path(name) / "sandbox") as (base_url, token),
    ):
        folder = Path(name) / "document"
        folder.mkdir()
        bare, planned, checked, count = asyncio.run(_measure(folder, base_url, token, runs))
        with slow_proxy(Path(name), urlsplit(base_url).port or 0, LATENCY) as socket:
            late_bare, late_planned, _, _ = asyncio.run(_measure(folder, base_url, token, runs, socket))
    total = INTEGRATIONS * (1 + OPERATIONS) + TOOLS + WIDGETS
    return [
        Row(f"plan of {total} resources / its bare requests", planned / bare, "×", RATIO, note=f"{planned:.3f} s"),
        Row(f"{count} bare requests", bare, "s"),
        Row(
            "the same, each request late",
            late_planned / late_bare,
            "×",
            RATIO,
            note=f"{late_planned:.3f} s, {LATENCY * 1000:.0f} ms late",
        ),
        Row(f"check of {total} resources before them", checked, "s", CHECK_SECONDS),
    ]


if __name__ == "__main__":
    for row in main():
        print(row)
