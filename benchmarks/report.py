"""Runs every benchmark and prints one table; exits with 0 whatever the figures are, since machines differ.

python -m benchmarks.report [--runs N] [NAME …]        # startup, app_open, app_tree, sandbox_rate, forms …
"""

from __future__ import annotations

import argparse
import importlib
import os
import pkgutil
from pathlib import Path
from unittest.mock import patch

HELPERS = {"common", "event_loop", "terminal", "report"}


def names() -> list[str]:
    """Return the modules of this folder that are benchmarks; each has a `main(runs) -> list[Row]`."""
    here = Path(__file__).parent
    return [module.name for module in pkgutil.iter_modules([str(here)]) if module.name not in HELPERS]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument(
        "--runs", type=int, help="how often each figure is measured, instead of the benchmark's default"
    )
    arguments.add_argument("names", nargs="*", metavar="NAME", help=", ".join(names()))
    chosen = arguments.parse_args()
    if unknown := sorted({*chosen.names} - {*names()}):
        arguments.error(f"no such benchmark: {', '.join(unknown)}")
    for name in chosen.names or names():
        print(f"\n{name}", flush=True)
        measure = importlib.import_module(f"benchmarks.{name}").main
        with patch.dict(os.environ):  # what a benchmark sets is not meant for the next one
            for row in measure() if chosen.runs is None else measure(chosen.runs):
                print(f"  {row}", flush=True)


if __name__ == "__main__":
    main()
