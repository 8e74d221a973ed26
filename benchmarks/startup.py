"""Measures the time to the first frame, the memory of the program, and the time that commands take.

python -m benchmarks.startup
"""

from __future__ import annotations

import compileall
import json
import sys
import tempfile
import urllib.request
from pathlib import Path

import drio_tui
from benchmarks.common import RUNS, Row, alternate, private_home, program, sandbox, wall
from benchmarks.terminal import Shown, time_to

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


def main(runs: int = RUNS) -> list[Row]:
    """Measure screens and commands, and return the rows of the report."""
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

    def screen(name: str, command: list[str], expect: str) -> float:
        last[name] = time_to(command, expect, environment=home)
        return last[name].seconds

    minimal, skeleton, templates = alternate(
        lambda: screen("minimal", [sys.executable, str(folder / "minimal.py")], "minimal application"),
        lambda: screen("skeleton", program(), "Templates"),
        lambda: screen("templates", [*program(), "--base-url", base_url], r"Support"),
        runs=runs,
    )
    return [
        Row("minimal Textual application, first frame", minimal * 1000, "ms"),
        Row("skeleton frame ÷ minimal Textual application", skeleton / minimal, "×", 1.4),
        Row("template list, warm sandbox ÷ minimal", templates / minimal, "×", 2.2),
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
