"""Draw the README's pictures: the real program on a fresh sandbox, each screen as SVG in docs/.

    python scripts/screenshots.py [--size 110x32] [--theme drio-light] [--out DIR] [--png]

`--png` also writes PNG files, for looking at, with `rsvg-convert` (Debian: librsvg2-bin).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

ROOT = Path(__file__).resolve().parent.parent
SECONDS = 30


async def until(pilot: Pilot[Any], condition: Callable[[], object]) -> None:
    """Let the program work until `condition` holds. Raises `TimeoutError`."""
    async with asyncio.timeout(SECONDS):
        while not condition():
            await pilot.pause()
    await pilot.pause()


async def draw(out: Path, size: tuple[int, int], theme: str | None) -> list[Path]:
    """Walk through the program and save each screen; gives the files."""
    from drio_tui.ui.app import DrioApp
    from drio_tui.ui.options import LaunchOptions

    files: list[Path] = []
    app = DrioApp(LaunchOptions(sandbox=True, theme=theme))

    def save(name: str) -> None:
        svg = app.export_screenshot(title=f"drio-tui — {name}")
        # Every export has an id of its own; without it the same screen is the same file.
        svg = re.sub(r"terminal-\d+", f"terminal-{name}", svg)
        # Fonts would be fetched from elsewhere; the reader's own monospaced one does.
        svg = re.sub(r"@font-face\s*\{[^}]*\}\s*", "", svg)
        # The sandbox's port differs from run to run.
        svg = re.sub(r"127\.0\.0\.1:\d{4,5}", "127.0.0.1:39520", svg)
        path = out / f"{name}.svg"
        path.write_text(svg, encoding="utf-8")
        files.append(path)

    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.current_mode != "start")
        screen: Any
        await pilot.press("1")
        await until(pilot, lambda: app.current_mode == "templates" and app.screen.is_mounted)
        screen = app.screen
        await until(pilot, lambda: screen.things)
        screen.list.choose("support")
        await pilot.pause()
        save("templates")
        await pilot.press("c")
        await until(pilot, lambda: type(app.screen).__name__ == "GuideScreen" and app.screen._page)
        save("create")
        await pilot.press("escape")
        await pilot.press("2")
        await until(pilot, lambda: app.current_mode == "apps" and app.screen.is_mounted)
        screen = app.screen
        await until(pilot, lambda: screen.things)
        await pilot.press("enter")
        await until(pilot, lambda: type(app.screen).__name__ == "AppScreen")
        screen = app.screen
        await until(pilot, lambda: screen.outline is not None and not screen.loading_app)
        save("app")
        await pilot.press("3")
        await until(pilot, lambda: app.current_mode == "requests" and app.screen.is_mounted)
        await pilot.pause()
        save("requests")
        await pilot.press("question_mark")
        await until(pilot, lambda: type(app.screen).__name__ == "HelpScreen")
        save("help")
        await pilot.press("escape")
    return files


def main() -> None:
    """Parse the arguments, keep away from the person's own files, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="110x32", help="columns x rows")
    parser.add_argument("--theme")
    parser.add_argument("--out", type=Path, default=ROOT / "docs")
    parser.add_argument("--png", action="store_true")
    given = parser.parse_args()
    columns, _, rows = given.size.partition("x")
    given.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home:
        for name in ("CONFIG", "DATA", "STATE", "CACHE"):
            os.environ[f"DRIO_{name}_DIR"] = f"{home}/{name.lower()}"
        os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"
        files = asyncio.run(draw(given.out, (int(columns), int(rows)), given.theme))
    for path in files:
        print(path)
        if given.png:
            subprocess.run(["rsvg-convert", "-o", str(path.with_suffix(".png")), str(path)], check=True)


if __name__ == "__main__":
    main()
