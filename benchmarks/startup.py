"""Measures starting and leaving, the first opening of screens, the memory, and the time that commands take.

Each figure of a screen is divided by the first frame, or the leaving, of a minimal Textual application in the same run.

python -m benchmarks.startup
"""

from __future__ import annotations

import compileall
import json
import os
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path

import drio_tui
from benchmarks.common import RUNS, Row, alternate, private_home, program, sandbox, wall
from benchmarks.terminal import Shown, time_to
from drio_tui.launcher import stop_sandbox

MINIMAL = """
from textual.app import App
from textual.widgets import Footer, Static


class Minimal(App):
    BINDINGS = [("q", "quit", "Quit")]

    def compose(self):
        yield Static("minimal application")
        yield Footer()


Minimal().run()
"""
BARE_HTTPX = """
import asyncio, json, sys
import httpx


async def main(base, token, slug):
    async with httpx.AsyncClient(base_url=base, headers={"Authorization": "Bearer " + token}) as client:
        apps = (await client.get("/api/v1/apps")).json()["apps"]
        app = next(app["id"] for app in apps if app["slug"] == slug)
        print(json.dumps((await client.get(f"/api/v1/apps/{app}/config")).json()["config"]))


asyncio.run(main(*sys.argv[1:]))
"""
FIRST_OPENINGS: dict[str, list[tuple[bytes, str]]] = {
    "app": [(b"\r", "Tools")],
    "editor": [(b"\r", "Tools"), (b"e", "Server instructions")],
    "playground": [(b"\r", "Tools"), (b"/search", "search"), (b"\r", "Words to look for"), (b"t", r"Ctrl\+R runs")],
    "wizard": [(b"n", r"● Template[\s\S]*Support desk")],
}
"""What is opened from the list of apps: the keys, and what is then on the screen. The last key is measured."""


def main(runs: int = RUNS) -> list[Row]:
    """Measure screens and commands, and return the rows of the report."""
    for name in ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"):  # the first doubles a start
        os.environ.pop(name, None)
    compileall.compile_dir(str(Path(drio_tui.__file__).parent), quiet=2)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        home = private_home(folder)
        (folder / "minimal.py").write_text(MINIMAL)
        (folder / "bare.py").write_text(BARE_HTTPX)
        with sandbox(folder / "sandbox") as (base_url, token):
            rows = [*_screens(folder, home, base_url, runs), *_commands(folder, home, base_url, token, runs)]
    return rows


def _screens(folder: Path, home: dict[str, str], base_url: str, runs: int) -> list[Row]:
    last: dict[str, Shown] = {}
    warm = [*program(), "--sandbox", "--data", str(folder / "sandbox")]

    def screen(name: str, command: list[str], expect: str, presses: Sequence[tuple[bytes, str]] = ()) -> float:
        last[name] = time_to(command, expect, presses=presses, environment=home)
        return last[name].seconds

    def minimal() -> float:
        return screen("minimal", [sys.executable, str(folder / "minimal.py")], "minimal application")

    def cold(name: str, data: Path) -> float:
        try:
            return screen(name, [*program(), "--sandbox", "--data", str(data)], "acme-support")
        finally:
            stop_sandbox(data)

    def new_data() -> float:
        with tempfile.TemporaryDirectory(dir=folder) as data:
            return cold("new data", Path(data))

    def leaving(name: str) -> Callable[[], float]:
        return lambda: last[name].leaving

    def opening(name: str) -> Callable[[], float]:
        def measure() -> float:
            screen(name, warm, "acme-support", FIRST_OPENINGS[name])
            return last[name].presses[-1]

        return measure

    measures: dict[str, Callable[[], float]] = {
        "minimal": minimal,
        "minimal leaving": leaving("minimal"),
        "skeleton": lambda: screen("skeleton", program(), "build MCP apps"),
        "skeleton leaving": leaving("skeleton"),
        "templates": lambda: screen("templates", [*program(), "--base-url", base_url], r"Support"),
        "warm": lambda: screen("warm", warm, "acme-support"),
        "warm leaving": leaving("warm"),
        "cold": lambda: cold("cold", folder / "cold"),
        "cold leaving": leaving("cold"),
        "new data": new_data,
    } | {name: opening(name) for name in FIRST_OPENINGS}
    median = dict(zip(measures, alternate(*measures.values(), runs=runs), strict=True))

    def row(title: str, name: str, target: float, base: str = "minimal") -> Row:
        return Row(title, median[name] / median[base], "×", target, note=f"{median[name] * 1000:.0f} ms")

    return [
        Row("minimal Textual application, first frame", median["minimal"] * 1000, "ms"),
        Row("minimal Textual application, leaving", median["minimal leaving"] * 1000, "ms"),
        row("skeleton frame ÷ minimal Textual application", "skeleton", 1.4),
        row("template list, warm sandbox ÷ minimal", "templates", 2.2),
        row("app list, warm sandbox ÷ minimal", "warm", 1.8),
        row("app list, sandbox not running ÷ minimal", "cold", 4),
        row("app list, sandbox without data ÷ minimal", "new data", 4),
        row("leaving the first frame ÷ minimal", "skeleton leaving", 1.3, "minimal leaving"),
        row("leaving the app list ÷ minimal", "warm leaving", 1.3, "minimal leaving"),
        row("leaving after starting the sandbox ÷ minimal", "cold leaving", 1.3, "minimal leaving"),
        *(row(f"first opening, {name} ÷ minimal first frame", name, 0.8) for name in FIRST_OPENINGS),
        Row("memory at rest, template list", last["templates"].rss_mib, "MiB", 60),
        Row("memory of the minimal application", last["minimal"].rss_mib, "MiB"),
    ]


def _commands(folder: Path, home: dict[str, str], base_url: str, token: str, runs: int) -> list[Row]:
    request = urllib.request.Request(base_url + "/api/v1/apps", headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request) as answer:
        slug = json.load(answer)["apps"][0]["slug"]
    with_token = home | {"DRIO_TOKEN": token}
    bare_python, help_ = alternate(
        lambda: wall([sys.executable, "-c", "pass"], home), lambda: wall([*program(), "--help"], home), runs=runs
    )
    bare, inspect = alternate(
        lambda: wall([sys.executable, str(folder / "bare.py"), base_url, token, slug], home),
        lambda: wall([*program(), "inspect", slug, "--json", "--base-url", base_url], with_token),
        runs=runs,
    )
    return [
        Row("--help ÷ bare interpreter", help_ / bare_python, "×", 6, note=f"{help_ * 1000:.0f} ms"),
        Row("inspect --json ÷ bare httpx script", inspect / bare, "×", 1.4, note=f"{inspect * 1000:.0f} ms"),
    ]


if __name__ == "__main__":
    for row in main():
        print(row)
