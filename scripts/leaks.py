"""Opens and closes each screen of editing and creating 50 times: no widget may stay alive, memory may not grow.

    python scripts/leaks.py [--rounds 50] [--size 80x24] [--only "edit tool"] [--held]

Runs with a temporary sandbox and home. Prints for every screen the number of widgets of one opening, the screens and
widgets that are alive after half of the rounds and after all, and the growth in memory blocks per round in the second
half. Exits with 1 if anything grew. `--held` also prints what holds a screen that is still alive.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from drio_tui.launcher import stop_sandbox
from drio_tui.storage import paths
from tests.ui.leaking import Found, walk


async def run(rounds: int, size: tuple[int, int], only: tuple[str, ...], *, held: bool) -> list[Found]:
    """Start the program and measure all screens, or those of `only`."""
    from drio_tui.ui.app.drio_app import DrioApp
    from drio_tui.ui.base.launch_options import LaunchOptions

    async with DrioApp(LaunchOptions(sandbox=True)).run_test(size=size) as pilot:
        return await walk(pilot, rounds, only, held=held, tell=True)


def main() -> int:
    """Parse the arguments and measure, with temporary directories instead of the user's."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--size", default="80x24", help="columns x rows")
    parser.add_argument("--only", action="append", default=[], help="the name of a screen, as in the output")
    parser.add_argument("--held", action="store_true", help="print what holds a screen that is still alive")
    options = parser.parse_args()
    columns, _, rows = options.size.partition("x")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        for name in ("CONFIG", "DATA", "STATE", "CACHE"):
            os.environ[f"DRIO_{name}_DIR"] = f"{home}/{name.lower()}"
        os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"
        try:
            size = (int(columns), int(rows))
            results = asyncio.run(run(options.rounds, size, tuple(options.only), held=options.held))
        finally:
            stop_sandbox(paths.sandbox_dir())
    return 0 if results and all(result.fine for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
