"""Ends the wizard on every page in every way, starts it again, and checks that nothing is lost or created twice.

python scripts/kill_wizard.py [--rounds N]    (N: how often it is ended at different moments of the creation)

Uses a real sandbox and the real program in a pseudo-terminal. The ways: SIGKILL, its terminal closed, SIGTERM, the
server killed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.sandbox_fixtures import kill_process
from tests.wizard.dying import ENDINGS, TITLES, Home, check_recovery


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=8, help="moments of the creation at which it is ended")
    rounds = parser.parse_args().rounds
    failed = number = 0
    with tempfile.TemporaryDirectory(prefix="wizard-") as folder:
        home = Home(Path(folder))
        plans = [(page, death, 0.0) for page in TITLES if page != "create" for death in ENDINGS]
        plans += [("create", ENDINGS[turn % len(ENDINGS)], 0.04 * turn) for turn in range(rounds)]
        try:
            for page, death, wait in plans:
                number += 1
                start = time.monotonic()
                try:
                    check_recovery(home, page, death, number, wait)
                    result = "ok"
                except AssertionError as error:
                    failed += 1
                    where = traceback.extract_tb(error.__traceback__)[-1]
                    result = f"FAILED in {where.name}, line {where.lineno}: {error}"
                delay = f" after {wait * 1000:.0f} ms" if page == "create" else ""
                print(f"{page:9} {death:12}{delay} {result} ({time.monotonic() - start:.1f} s)", flush=True)
        finally:
            kill_process(home.sandbox)
    print(f"{number - failed} of {number} ends survived: nothing lost, nothing created twice.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
