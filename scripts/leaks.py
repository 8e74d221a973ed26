"""Open and close each screen of editing and making 50 times: no widget stays, memory does not grow.

    python scripts/leaks.py [--rounds 50] [--size 80x24] [--only "edit tool"] [--held]

Runs on a sandbox and a home of its own. Prints for every screen the widgets that one opening makes, the screens and
widgets alive after half of the rounds and after all, and how many more blocks of memory were in use with each round of
the second half; ends with 1 when anything grew. `--held` also prints by what a screen that stays is held.
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
    """Everything, in a program of its own."""
    from drio_tui.ui.app.drio_app import DrioApp
    from drio_tui.ui.base.launch_options import LaunchOptions

    async with DrioApp(LaunchOptions(sandbox=True)).run_test(size=size) as pilot:
        return await walk(pilot, rounds, only, held=held, tell=True)


def main() -> int:
    """Parse the arguments, keep away from the person's own files, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--size", default="80x24", help="columns x rows")
    parser.add_argument("--only", action="append", default=[], help="a screen, as it is called in the output")
    parser.add_argument("--held", action="store_true", help="say by what a screen that stays is held")
    given = parser.parse_args()
    columns, _, rows = given.size.partition("x")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        for name in ("CONFIG", "DATA", "STATE", "CACHE"):
            os.environ[f"DRIO_{name}_DIR"] = f"{home}/{name.lower()}"
        os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"
        try:
            found = asyncio.run(run(given.rounds, (int(columns), int(rows)), tuple(given.only), held=given.held))
        finally:
            stop_sandbox(paths.sandbox_dir())
    return 0 if found and all(one.fine for one in found) else 1


if __name__ == "__main__":
    sys.exit(main())
