"""Counts the files and functions of the program that run for a key until its effect is complete, and the requests sent.

    python -m benchmarks.key_cost [--list]

Everything runs in the real program, without a terminal, on a new sandbox. The figures do not depend on the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import drio_tui
from benchmarks.common import Row, private_home, sandbox
from drio_tui.ui.app.drio_app import DrioApp
from drio_tui.ui.app_detail.app_screen import AppScreen
from drio_tui.ui.base.launch_options import LaunchOptions
from drio_tui.ui.editing.batch_dialog import BatchDialog
from drio_tui.ui.editing.edit_screen import EditScreen

PACKAGE = str(Path(drio_tui.__file__).parent)


@dataclass
class Cost:
    """The functions that ran, and the requests sent to drio (`GET /apps/app_1/config`)."""

    functions: set[CodeType] = field(default_factory=set)
    requests: list[str] = field(default_factory=list)

    @property
    def files(self) -> set[str]:
        return {code.co_filename for code in self.functions}


@contextmanager
def counting(log: Any) -> Iterator[Cost]:
    """Count the functions that run in this thread inside `with`, and the requests in `log`."""
    cost = Cost()
    log.clear()

    def profile(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(PACKAGE):
            cost.functions.add(frame.f_code)

    sys.setprofile(profile)
    try:
        yield cost
    finally:
        sys.setprofile(None)
        cost.requests += [f"{request.method} {request.path}" for request in reversed(list(log))]


async def measure() -> dict[str, Cost]:
    """Return the cost of each action, by its name."""
    costs: dict[str, Cost] = {}
    app = DrioApp(LaunchOptions(base_url=os.environ["DRIO_BASE_URL"]))
    async with app.run_test(size=(120, 40)) as pilot:

        async def until(condition: Callable[[], Any]) -> None:
            async with asyncio.timeout(30):
                while not condition():
                    await pilot.pause()
            for _ in range(20):
                await pilot.pause()

        def patched() -> bool:
            return any(request.method == "PATCH" and request.status for request in app.connection.log)

        await until(lambda: app.current_mode not in ("start", "_default"))
        await pilot.press("2")
        await until(lambda: app.current_mode == "apps" and getattr(app.screen, "resources", ()))
        with counting(app.connection.log) as costs["open an app"]:
            await pilot.press("enter")
            await until(lambda: isinstance(app.screen, AppScreen) and not app.screen.loading_app)
        screen: Any = app.screen
        tool = next(iter(screen.snapshot.resources("tool")))
        screen.tree_view.reveal(tool.key)
        await until(lambda: screen.selected_node.about == tool.key)
        with counting(app.connection.log) as costs["x on a tool"]:
            await pilot.press("x")
            await until(lambda: isinstance(app.screen, BatchDialog))
            await pilot.press("enter")
            await until(patched)
            await until(lambda: app.screen is screen)
        with counting(app.connection.log) as costs["open an editor"]:
            await pilot.press("e")
            await until(lambda: isinstance(app.screen, EditScreen))
        await pilot.press(*" and more")
        await until(lambda: True)
        with counting(app.connection.log) as costs["Ctrl+S in an editor"]:
            await pilot.press("ctrl+s")
            await until(lambda: patched() and app.screen is screen)
    return costs


def main(_: int = 1) -> list[Row]:
    """Return the rows of the report; the number of runs is ignored, since every run gives the same figures."""
    rows = []
    for name, cost in _measure_in_sandbox().items():
        rows += [
            Row(f"{name}: files of the program", len(cost.files), "files"),
            Row(f"{name}: functions of the program", len(cost.functions), "funcs"),
            Row(f"{name}: requests", len(cost.requests), "reqs", note=", ".join(cost.requests)),
        ]
    return rows


def _measure_in_sandbox() -> dict[str, Cost]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with sandbox(folder / "sandbox") as (base_url, token):
            os.environ |= private_home(folder) | {"DRIO_BASE_URL": base_url, "DRIO_TOKEN": token}
            return asyncio.run(measure())


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--list", action="store_true", help="name the files and functions")
    if arguments.parse_args().list:
        for name, cost in _measure_in_sandbox().items():
            print(name)
            for code in sorted(cost.functions, key=lambda code: (code.co_filename, code.co_firstlineno)):
                print(f"  {os.path.relpath(code.co_filename, PACKAGE)}: {code.co_qualname}")
    else:
        for row in main():
            print(row)
