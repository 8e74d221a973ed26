"""How an app of 5,000 nodes feels: tree usable after its data, opening a node, a keystroke in the filter.

    python -m benchmarks.app_tree [--runs 11] [--tools 500]

Everything runs in the real screen of the real program, without a terminal. Times are milliseconds from
the event to the end of the repaint it causes; medians are reported, the limits beside them. A repaint
waits for textual's next frame (1/60 s), which is part of the time; the processor's time is told apart, since
a busy machine stretches the other.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks.common import RUNS, Row
from drio_tui.api.client import DrioClient
from drio_tui.api.http import httpx
from drio_tui.api.transport import Transport
from drio_tui.ui.app.drio_app import DrioApp
from drio_tui.ui.app_detail.app_screen import AppScreen
from drio_tui.ui.base.launch_options import LaunchOptions

Times = dict[str, list[tuple[float, float]]]
"""By what was done: milliseconds on the clock and of the processor, run by run."""

LIMITS = {"usable": 300.0, "open a tool": 30.0, "open a group": 30.0, "filter keystroke": 50.0, "cursor": 30.0}


def large_config(tools: int) -> dict[str, Any]:
    """An app in which each tool has a binding, a chain of two, and a widget with three actions."""
    operations = [
        {
            "id": f"operation_{n}",
            "integrationId": f"integration_{n % 10}",
            "name": f"Operation {n}",
            "method": "GET",
            "path": f"/things/{n}",
            "schemaHash": f"hash_{n}",
            "inputSchema": {"type": "object", "properties": {"query": {"type": "string"}}},
        }
        for n in range(tools)
    ]
    all_tools = [
        {
            "id": f"tool_{n}",
            "key": f"tool-{n}",
            "name": f"Tool number {n}",
            "description": "Reads one thing of the upstream and gives it back in full.",
            "kind": "function",
            "isEnabled": True,
            "order": n,
            "annotations": {"readOnlyHint": True},
            "binding": {
                "type": "integration_operation",
                "integrationOperationId": f"operation_{n}",
                "schemaHashAtBindTime": f"hash_{n if n % 50 else 'old'}",
                "status": "ready",
            },
            "nextToolIds": [f"tool_{m}" for m in (n + 1, n + 2) if m < tools],
            "widgetId": f"widget_{n}",
        }
        for n in range(tools)
    ]
    widgets = [
        {
            "id": f"widget_{n}",
            "toolId": f"tool_{n}",
            "name": f"Widget {n}",
            "primitive": "data-table",
            "visibility": "visible",
            "config": {"fieldMappings": {"rows": "$.results"}},
            "actions": [
                {"trigger": "row.select", "type": "callTool", "targetToolId": f"tool_{(n + k) % tools}"}
                for k in range(3)
            ],
        }
        for n in range(tools)
    ]
    return {
        "app": {"id": "app_1", "name": "Large", "slug": "large", "status": "draft", "branding": {}},
        "auth": [{"id": "auth_1", "name": "Key", "status": "valid"}],
        "integrations": [{"id": f"integration_{n}", "name": f"Integration {n}", "authId": "auth_1"} for n in range(10)],
        "operations": operations,
        "tools": all_tools,
        "widgets": widgets,
    }


class Held(httpx.AsyncBaseTransport):
    """Answers each route from memory, the config only when it is let go."""

    def __init__(self, config: bytes) -> None:
        self.config = config
        self.let_go = asyncio.Event()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        last = request.url.path.rpartition("/")[2]
        body = {
            "auth": b'{"auth": [], "providers": []}',
            "integrations": b'{"integrations": []}',
            "templates": b'{"templates": []}',
            "config": self.config,
        }.get(last, b'{"apps": []}')
        if last == "config":
            await self.let_go.wait()
        return httpx.Response(200, stream=httpx.ByteStream(body), headers={"Content-Type": "application/json"})


async def measure(runs: int, tools: int) -> tuple[Times, int]:
    """Milliseconds of each run, by what was done; and how many nodes the tree had."""
    config = json.dumps({"config": large_config(tools)}).encode()
    times: Times = {name: [] for name in LIMITS}
    nodes = 0
    app = DrioApp(LaunchOptions(base_url="http://127.0.0.1:9"))
    async with app.run_test(size=(120, 40)) as pilot:
        while app.current_mode == "start":
            await pilot.pause()
        server = Held(config)
        app.backend.client = DrioClient(Transport("http://127.0.0.1:9/api/v1", http=server))
        refresh: Any = app.screen
        refresh.action_refresh()
        await pilot.pause(0.5)  # the failed attempts at the first address end here

        def took(name: str, began: float, worked: float) -> None:
            times[name].append(((time.perf_counter() - began) * 1000, (time.process_time() - worked) * 1000))

        async def timed(name: str, act: Callable[[], Any]) -> None:
            began, worked = time.perf_counter(), time.process_time()
            act()
            await painted(screen)
            took(name, began, worked)

        for _ in range(runs):
            screen = AppScreen("app_1")
            server.let_go.clear()
            await app.push_screen(screen)
            await pilot.pause(0.3)  # the frame with its waiting rows stands before the data come
            began, worked = time.perf_counter(), time.process_time()
            server.let_go.set()
            arrived = asyncio.Event()
            app.call_later(watch, screen, arrived)
            await arrived.wait()
            await painted(screen)
            took("usable", began, worked)
            tree = screen.tree_view
            tree.reveal(("tool", f"tool_{tools // 2}"))
            await pilot.pause(0.1)
            await timed("open a tool", tree.action_toggle_node)
            for step in (1, 1, -1, -1):
                await pilot.pause(0.1)  # a person looks where the cursor is before the next move
                await timed("cursor", partial(tree.action_cursor, step))
            tree.reveal(("group", "tool"))
            tree.action_toggle_node()
            await pilot.pause(0.1)
            await timed("open a group", tree.action_toggle_node)
            field = screen.query_one("#filter")
            for text in ("t", "to", "too", "tool", "tool 4", "tool 49"):
                await timed("filter keystroke", partial(setattr, field, "value", text))
            assert screen.outline is not None
            nodes = len(screen.outline.by_key)
            app.pop_screen()
            await pilot.pause()
    return times, nodes


def watch(screen: AppScreen, arrived: asyncio.Event) -> None:
    """Set `arrived` when the screen has read everything and hung it into the tree."""

    def look(loading: bool) -> None:
        if not loading:
            arrived.set()

    screen.watch(screen, "loading_app", look)


async def painted(screen: AppScreen) -> None:
    """Until the screen has handled what it was told and painted it."""
    done = asyncio.Event()
    screen.call_after_refresh(done.set)
    await done.wait()


def rows(runs: int, tools: int) -> list[Row]:
    """The report's lines."""
    times, nodes = asyncio.run(measure(runs, tools))
    return [
        Row(
            f"{nodes:,} nodes: {name}",
            statistics.median(wall for wall, _ in found),
            "ms",
            LIMITS[name],
            note=f"of the processor {statistics.median(cpu for _, cpu in found):.0f} ms, worst {max(found)[0]:.0f} ms",
        )
        for name, found in times.items()
    ]


def main(runs: int = RUNS, tools: int = 500) -> list[Row]:
    """Measure in a private home."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("CONFIG", "DATA", "STATE", "CACHE"):
            os.environ[f"DRIO_{name}_DIR"] = f"{folder}/{name}"
        os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"
        return rows(runs, tools)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--runs", type=int, default=RUNS)
    arguments.add_argument("--tools", type=int, default=500)
    chosen = arguments.parse_args()
    for row in main(chosen.runs, chosen.tools):
        print(row)
