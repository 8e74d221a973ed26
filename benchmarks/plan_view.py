"""Measures the plan view on the document screen with a change in each of many resources: showing it, and keystrokes.

    python -m benchmarks.plan_view [--runs 11] [--tools 250]

Everything runs in the real screen of the real program, without a terminal. Times are milliseconds from the event to
the end of the repaint it causes; medians are reported beside their limits, with the 95th percentile. Reading and
comparing happens in threads before, and is reported without a limit. Pauses of the garbage collector, of which there
are more after a comparison, are in the 95th percentile.
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
from pathlib import Path
from typing import Any

from benchmarks.app_tree import HeldTransport, Times, large_config, painted
from benchmarks.common import RUNS, Row
from drio_tui.api.client import DrioClient
from drio_tui.api.transport import Transport
from drio_tui.manifest.apply import read_snapshot
from drio_tui.manifest.form import to_document
from drio_tui.ui.app.drio_app import DrioApp
from drio_tui.ui.base.launch_options import LaunchOptions
from drio_tui.ui.manifest.document_screen import DocumentScreen

LIMITS = {"read and compare": None, "usable": 300.0, "cursor": 30.0, "include": 30.0, "open": 30.0, "filter": 30.0}
"""Milliseconds by action; None: no limit."""


async def measure(runs: int, tools: int, folder: Path) -> tuple[Times, int]:
    """Return the times by action, and how many resources change."""
    server = HeldTransport(json.dumps({"config": large_config(tools)}).encode())
    server.released.set()
    client = DrioClient(Transport("http://127.0.0.1:9/api/v1", http=server))
    document = to_document(await read_snapshot(client, "app_1")).data
    for section in ("tools", "widgets"):
        for entry in document[section].values():
            entry["name"] = f"{entry['name']}, changed"
            if section == "tools":
                entry["description"] = "Reads one item.\n\nSay which one."
    path = folder / "drio.json"
    path.write_text(json.dumps(document))
    times: Times = {name: [] for name in LIMITS}

    def record(name: str, started: float, cpu_started: float) -> None:
        times[name].append(((time.perf_counter() - started) * 1000, (time.thread_time() - cpu_started) * 1000))

    app = DrioApp(LaunchOptions(base_url="http://127.0.0.1:9"))
    async with app.run_test(size=(120, 40)) as pilot:
        while app.current_mode == "start":
            await pilot.pause()
        app.connection.client = client
        await pilot.pause(0.5)  # wait for the requests to the first URL, which fail
        for _ in range(runs):
            screen = DocumentScreen("app_1")
            await app.push_screen(screen)
            await painted(screen)

            async def timed(name: str, act: Callable[[], Any], screen: DocumentScreen = screen) -> None:
                await pilot.pause(0.05)
                started, cpu_started = time.perf_counter(), time.thread_time()
                act()
                await painted(screen)
                record(name, started, cpu_started)

            compared = asyncio.Event()
            watch(screen, compared)
            started, cpu_started = time.perf_counter(), time.thread_time()
            screen.compare(path)
            await compared.wait()
            record("read and compare", started, cpu_started)
            assert screen.opened is not None
            await timed("usable", partial(screen.post_message, DocumentScreen.Compared(screen.opened)))
            tree = screen.panel.plan_tree
            for step in (1, 1, 30, -1):
                await timed("cursor", partial(tree.action_cursor, step))
                await timed("include", tree.action_toggle_included)
                await timed("open", tree.action_toggle_node)
            field = screen.panel.query_one("FilterInput")
            for text in ("t", "to", "too", "tool", "tool 4", "tool 49"):
                await timed("filter", partial(setattr, field, "value", text))
            changes = len(screen.opened.plan.changes)
            screen.dismiss(None)
            await pilot.pause()
    return times, changes


def watch(screen: DocumentScreen, compared: asyncio.Event) -> None:
    """Set `compared` once the screen has compared the document."""

    def on_change(phase: str) -> None:
        if phase == "compared":
            compared.set()

    screen.watch(screen, "phase", on_change)


def main(runs: int = RUNS, tools: int = 250) -> list[Row]:
    """Measure with private directories, and return the rows of the report."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("CONFIG", "DATA", "STATE", "CACHE"):
            os.environ[f"DRIO_{name}_DIR"] = f"{folder}/{name}"
        os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"
        times, changes = asyncio.run(measure(runs, tools, Path(folder)))
    return [
        Row(
            f"plan of {changes:,} resources: {name}",
            statistics.median(wall for wall, _ in values),
            "ms",
            LIMITS[name],
            note=f"p95 {_percentile([wall for wall, _ in values]):.0f} ms, "
            f"of it CPU of the event loop {_percentile([cpu for _, cpu in values]):.0f} ms",
        )
        for name, values in times.items()
    ]


def _percentile(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.95)]


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--runs", type=int, default=RUNS)
    arguments.add_argument("--tools", type=int, default=250)
    chosen = arguments.parse_args()
    for row in main(chosen.runs, chosen.tools):
        print(row)
