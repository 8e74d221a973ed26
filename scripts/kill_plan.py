"""Kills a plan with SIGKILL at every request and at random moments, and carries it out again each time.

python scripts/kill_plan.py [--rounds N]      # N kills at random moments; the short form is tests/plan/test_killed.py

Checks that nothing is lost and nothing created twice. Every run is a separate process with a separate app.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.plan.conftest import whole_plan
from tests.plan.dying import EXTRA, check_killed_plan
from tests.sandbox_fixtures import kill_process, start_sandbox


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20, help="kills at random moments, besides those at each request")
    rounds = parser.parse_args().rounds
    requests = len(whole_plan()) + EXTRA + 1  # one step takes two
    kills = [(at, when, 0.0) for at in range(1, requests + 1) for when in ("before", "after")]
    kills += [(0, "at random", random.uniform(0.3, 2.5)) for _ in range(rounds)]
    failed = killed = 0
    with tempfile.TemporaryDirectory(prefix="plan-") as name:
        sandbox = start_sandbox(Path(name) / "sandbox")
        try:
            for number, (at, when, seconds) in enumerate(kills):
                where = f"{when} request {at}" if at else f"after {seconds:.2f} s"
                try:
                    was_killed = check_killed_plan(sandbox, Path(name), number, at, when, seconds)
                except AssertionError as error:
                    failed += 1
                    print(f"{where}: FAILED: {error}", flush=True)
                else:
                    killed += was_killed
                    print(f"{where}: {'ok' if was_killed else 'done before it was killed'}", flush=True)
        finally:
            kill_process(sandbox)
    print(f"{killed} kills survived, {failed} failed: nothing may be lost or created twice.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
