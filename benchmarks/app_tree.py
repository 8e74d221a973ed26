"""Measures the response times of an app of 5,000 nodes: showing the tree, opening a node, a keystroke in the filter.

    python -m benchmarks.app_tree [--runs 11] [--tools 500]

Everything runs in the real screen of the real program, without a terminal. Times are milliseconds from the event to
the end of the repaint it causes; medians are reported beside their limits. They include the wait for Textual's next
frame (1/60 s). CPU time is reported too, since the wall-clock time depends on the load of the machine.
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

from textual.screen import Screen

from benchmarks.common import RUNS, Row
from drio_tui.api.client import DrioClient
from drio_tui.api.http import httpx
from drio_tui.api.transport import Transport
from drio_tui.ui.app.drio_app import DrioApp
from drio_tui.ui.app_detail.app_screen import AppScreen
from drio_tui.ui.base.launch_options import LaunchOptions

Times = dict[str, list[tuple[float, float]]]
"""By action: wall-clock and CPU milliseconds of each run."""

LIMITS = {"usable": 300.0, "open a tool": 30.0, "open a group": 30.0, "filter keystroke": 50.0, "cursor": 30.0}


def large_config(tools: int) -> dict[str, Any]:
    """Return a config in which each tool has a binding, two next tools, and a widget with three actions."""
    operations = [
        {
            "id": f"operation_{n}",
            "integrationId": f"integration_{n % 10}",
            "name": f"Operation {n}",
            "method": "GET",
            "path": f"/items/{n}",
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
            "description": "Reads one item of the upstream and returns all of it.",
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


class HeldTransport(httpx.AsyncBaseTransport):
    """Responds from memory; to a request for the config only once `released` is set."""

    def __init__(self, config: bytes) -> None:
        self.config = config
        self.released = asyncio.Event()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        last = request.url.path.rpartition("/")[2]
        body = {
            "auth": b'{"auth": [], "providers": []}',
            "integrations": b'{"integrations": []}',
            "templates": b'{"templates": []}',
            "config": self.config,
        }.get(last, b'{"apps": []}')
        if last == "config":
            await self.released.wait()
        return httpx.Response(200, stream=httpx.ByteStream(body), headers={"Content-Type": "application/json"})


async def measure(runs: int, tools: int) -> tuple[Times, int]:
    """Return the times, and how many nodes the tree has."""
    config = json.dumps({"config": large_config(tools)}).encode()
    times: Times = {name: [] for name in LIMITS}
    nodes = 0
    app = DrioApp(LaunchOptions(base_url="http://127.0.0.1:9"))
    async with app.run_test(size=(120, 40)) as pilot:
        while app.current_mode == "start":
            await pilot.pause()
        server = HeldTransport(config)
        app.connection.client = DrioClient(Transport("http://127.0.0.1:9/api/v1", http=server))
        refresh: Any = app.screen
        refresh.action_refresh()
        await pilot.pause(0.5)  # wait for the requests to the first URL, which fail

        def record(name: str, wall_start: float, cpu_start: float) -> None:
            times[name].append(((time.perf_counter() - wall_start) * 1000, (time.process_time() - cpu_start) * 1000))

        async def timed(name: str, act: Callable[[], Any]) -> None:
            wall_start, cpu_start = time.perf_counter(), time.process_time()
            act()
            await painted(screen)
            record(name, wall_start, cpu_start)

        for _ in range(runs):
            screen = AppScreen("app_1")
            server.released.clear()
            await app.push_screen(screen)
            await pilot.pause(0.3)  # the frame with placeholder rows is painted before the data arrive
            wall_start, cpu_start = time.perf_counter(), time.process_time()
            server.released.set()
            loaded = asyncio.Event()
            app.call_later(watch, screen, loaded)
            await loaded.wait()
            await painted(screen)
            record("usable", wall_start, cpu_start)
            tree = screen.tree_view
            tree.reveal(("tool", f"tool_{tools // 2}"))
            await pilot.pause(0.1)
            await timed("open a tool", tree.action_toggle_node)
            for step in (1, 1, -1, -1):
                await pilot.pause(0.1)  # a user looks where the cursor is before the next move
                await timed("cursor", partial(tree.action_cursor, step))
            tree.reveal(("group", "tool"))
            tree.action_toggle_node()
            await pilot.pause(0.1)
            await timed("open a group", tree.action_toggle_node)
            filter_input = screen.query_one("#filter")
            for text in ("t", "to", "too", "tool", "tool 4", "tool 49"):
                await timed("filter keystroke", partial(setattr, filter_input, "value", text))
            assert screen.outline is not None
            nodes = len(screen.outline.by_key)
            app.pop_screen()
            await pilot.pause()
    return times, nodes


def watch(screen: AppScreen, loaded: asyncio.Event) -> None:
    """Set `loaded` once the screen has loaded the app and put it into the tree."""

    def on_change(loading: bool) -> None:
        if not loading:
            loaded.set()

    screen.watch(screen, "loading_app", on_change)


async def painted(screen: Screen[Any]) -> None:
    """Wait until the screen has handled its messages and painted."""
    done = asyncio.Event()
    screen.call_after_refresh(done.set)
    await done.wait()


def rows(runs: int, tools: int) -> list[Row]:
    """Return the rows of the report."""
    times, nodes = asyncio.run(measure(runs, tools))
    return [
        Row(
            f"{nodes:,} nodes: {name}",
            statistics.median(wall for wall, _ in runs_of_action),
            "ms",
            LIMITS[name],
            note=f"CPU {statistics.median(cpu for _, cpu in runs_of_action):.0f} ms, "
            f"worst {max(runs_of_action)[0]:.0f} ms",
        )
        for name, runs_of_action in times.items()
    ]


def main(runs: int = RUNS, tools: int = 500) -> list[Row]:
    """Measure with private directories, and return the rows of the report."""
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
