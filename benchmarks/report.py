"""Run every benchmark and print one table; exits with 0 whatever it finds, since machines differ.

python -m benchmarks.report [NAME …]        # startup, app_open, app_tree, sandbox_rate, forms
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from pathlib import Path

HELPERS = {"common", "terminal", "report"}


def main() -> None:
    """Each module of this folder that measures has a `main() -> list[Row]`."""
    here = Path(__file__).parent
    names = sys.argv[1:] or [m.name for m in pkgutil.iter_modules([str(here)]) if m.name not in HELPERS]
    for name in names:
        print(f"\n{name}", flush=True)
        for row in importlib.import_module(f"benchmarks.{name}").main():
            print(f"  {row}", flush=True)


if __name__ == "__main__":
    main()
