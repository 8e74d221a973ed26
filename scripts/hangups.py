"""Closes the terminal of the real program at random moments; each time it has to exit with 129 and save what was typed.

    python scripts/hangups.py [--count 200] [--seed N] [--seconds 5]

The moments: while it is idle, paints, is typed into, and saves. Each start has to offer what the last one saved.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from pathlib import Path
from random import Random, SystemRandom

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.ui.hangups import MOMENTS, SAVED, forget, hang_up
from tests.ui.table_server import TableServer, drio_of, serving

CHAIN = 8
"""Starts that continue the same edit before a new one is begun."""


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(10**6))
    parser.add_argument("--seconds", type=float, default=5.0, help="how long it may take to end")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    random = Random(options.seed)
    os.environ.pop("PYTHONUNBUFFERED", None)
    failures: list[str] = []
    times: list[float] = []
    offered = ""
    with tempfile.TemporaryDirectory(prefix="hangups-") as home:
        for name in ("CONFIG", "DATA", "STATE", "CACHE"):
            os.environ[f"DRIO_{name}_DIR"] = f"{home}/{name.lower()}"
        os.environ |= {"HOME": home, "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}
        async with serving(TableServer(drio_of())) as server:
            server.hold(SAVED)
            for number in range(1, options.count + 1):
                moment = random.choice([*MOMENTS])
                if number % CHAIN == 1:
                    forget()
                    offered = ""
                try:
                    ended = await asyncio.to_thread(hang_up, server.base_url, moment, random, offered)
                except Exception as error:  # noqa: BLE001 - the next start begins without unsaved edits
                    failures.append(f"{number} {moment}: {type(error).__name__}: {error}")
                    print(f"FAILED {failures[-1]}", flush=True)
                    forget()
                    offered = ""
                    continue
                offered = ended.kept
                times.append(ended.seconds)
                if ended.status != 129 or ended.seconds > options.seconds:
                    failures.append(f"{number} {moment}: status {ended.status} after {ended.seconds:.2f} s")
                    print(f"FAILED {failures[-1]}", flush=True)
                if number % 20 == 0:
                    print(f"{number}: {len(failures)} failed, slowest {max(times):.2f} s", flush=True)
    times = sorted(times) or [0.0]
    passed = f"{options.count - len(failures)} of {options.count} hang-ups"
    print(
        f"{passed} ended with 129 within {options.seconds:g} s, what was typed was saved and offered each time; "
        f"median {times[len(times) // 2]:.2f} s, slowest {times[-1]:.2f} s"
    )
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
