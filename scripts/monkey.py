"""Sends random keys, text, pastes, mouse events, sizes and sandbox kills to the program: it may not end or hang.

    python scripts/monkey.py [--minutes 10] [--seed N] [--start apps] [--every 1]

Uses a real terminal. Runs one monkey after the other, each for `--every` minutes with a different seed and starting
screen, and with a separate home and sandbox. Prints the seed, which together with `--every` repeats the run; the
findings; and the memory of the program every five minutes, at the end, and its growth per hour after the warm-up. Exits
with 1 if there are findings.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.ui.monkey import STARTS, Monkey

WARM_UP = 10.0
"""Minutes after which the program has imported its modules and filled its caches, at about 500 events a minute."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0, help="in total")
    parser.add_argument("--every", type=float, default=5.0, help="minutes of each monkey")
    parser.add_argument("--seed", type=int, help="of the first monkey; each next one has the next number")
    parser.add_argument("--start", choices=list(STARTS), default="", help="the starting screen of all of them")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(10**6)
    deadline = time.monotonic() + options.minutes * 60
    findings = events = kills = 0
    while (remaining := deadline - time.monotonic()) > 5:
        with tempfile.TemporaryDirectory(prefix="monkey-", ignore_cleanup_errors=True) as folder:
            monkey = Monkey(Path(folder), seed, start=options.start, tell=lambda text: print(text, flush=True))
            print(f"seed {seed}, start {monkey.start}", flush=True)
            result = monkey.play(min(remaining, options.every * 60))
        first, last, per_hour = result.growth(WARM_UP)
        print(
            f"  {result.events} events, {result.kills} sandbox kills, {result.starts} starts, "
            f"{len(result.findings)} findings; {first:.1f} MiB warm, {last:.1f} MiB at the end, "
            f"{per_hour:+.1f} MiB an hour",
            flush=True,
        )
        sampled = {int(minutes // 5) * 5: mebibytes for minutes, mebibytes in reversed(result.memory)}
        print("  " + ", ".join(f"{minute} min {sampled[minute]:.0f}" for minute in sorted(sampled)), flush=True)
        findings += len(result.findings)
        events += result.events
        kills += result.kills
        seed += 1
    print(f"{options.minutes:g} minutes, {events} events, {kills} sandbox kills: {findings} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
