"""Measures the command palette over an app of 300 and of 700 tools: opening it, and each letter of a search.

    python -m benchmarks.palette [--runs 5]

Everything runs in the real program without a terminal. A letter is measured twice, in milliseconds from the event:
until it is painted, which is what typing feels like, and until the matches of the whole text are on the screen.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import tempfile
import time

from textual import events
from textual.command import CommandList

from benchmarks.app_tree import HeldTransport, large_config, painted, watch
from benchmarks.common import Row
from drio_tui.api.client import DrioClient
from drio_tui.api.transport import Transport
from drio_tui.ui.app.drio_app import DrioApp
from drio_tui.ui.app.palette_entries import make_entries
from drio_tui.ui.app_detail.app_screen import AppScreen
from drio_tui.ui.base.launch_options import LaunchOptions

KEYSTROKE_P95 = 30.0
QUERIES = ("tool number 217", "items/143", "wdgt 88", "deploy", "theme")


async def measure(runs: int, tools: int) -> tuple[list[float], list[float], list[float], int]:
    """Return the times of opening, painting a letter and showing its matches, and the number of entries."""
    config = json.dumps({"config": large_config(tools)}).encode()
    opened: list[float] = []
    painted_after: list[float] = []
    matched_after: list[float] = []
    app = DrioApp(LaunchOptions(base_url="http://127.0.0.1:9"))
    async with app.run_test(size=(80, 24)) as pilot:
        while app.current_mode == "start":
            await pilot.pause()
        server = HeldTransport(config)
        server.released.set()
        app.connection.client = DrioClient(Transport("http://127.0.0.1:9/api/v1", http=server))
        screen = AppScreen("app_1")
        await app.push_screen(screen)
        loaded = asyncio.Event()
        app.call_later(watch, screen, loaded)
        await loaded.wait()
        await pilot.pause(3.0)  # everything that the program does in the background after it was opened is done
        for query in QUERIES * runs:
            start = time.perf_counter()
            app.navigator.open_command_palette()
            await pilot.pause(0.001)
            await searched(app)
            opened.append((time.perf_counter() - start) * 1000)
            await pilot.pause(0.3)
            for letter in query:
                start = time.perf_counter()
                assert app.focused is not None
                app.focused.post_message(events.Key("space" if letter == " " else letter, letter))
                await painted(app.screen)
                painted_after.append((time.perf_counter() - start) * 1000)
                await searched(app)
                matched_after.append((time.perf_counter() - start) * 1000)
                await pilot.pause(0.05)
            assert app.screen.query_one(CommandList).option_count
            app.screen.dismiss()
            await pilot.pause()
        entries = len(make_entries(app, screen))
    return opened, painted_after, matched_after, entries


async def searched(app: DrioApp) -> None:
    """Wait until the palette has shown the matches of what is typed."""
    await asyncio.gather(*(worker.wait() for worker in app.screen.workers), return_exceptions=True)
    await painted(app.screen)


def main(runs: int = 5) -> list[Row]:
    """Measure with private directories, and return the rows of the report."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in ("CONFIG", "DATA", "STATE", "CACHE"):
            os.environ[f"DRIO_{name}_DIR"] = f"{folder}/{name}"
        os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"
        for tools in (300, 700):
            opened, letters, matches, entries = asyncio.run(measure(runs, tools))
            for what, times, target in (
                ("opened, median", opened, None),
                ("letter painted, p95", letters, KEYSTROKE_P95),
                ("matches shown, p95", matches, None),
            ):
                times.sort()
                value = times[len(times) // 2] if target is None and what.startswith("opened") else p95(times)
                note = f"median {times[len(times) // 2]:.1f}, worst {times[-1]:.1f}, {len(times)} times"
                rows.append(Row(f"{entries:,} entries: {what}", value, "ms", target, note=note))
    return rows


def p95(times: list[float]) -> float:
    """Return the time that 95 % of the sorted times do not exceed."""
    return times[int(len(times) * 0.95)]


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--runs", type=int, default=5)
    for row in main(arguments.parse_args().runs):
        print(row)
