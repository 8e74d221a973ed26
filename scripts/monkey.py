"""Random keys, text, pastes, mouse, sizes and sandbox kills in a real terminal; nothing may end or hang the program.

    python scripts/monkey.py [--minutes 10] [--seed N] [--start apps] [--every 1]

Runs one monkey after the other, each for `--every` minutes with a seed and a starting screen of its own, on homes and
sandboxes of their own. Prints the seed, which with `--every` repeats the run; what was found; and the memory of the
program every five minutes, at the end, and by how much it grew in an hour once it was warm. Ends with 1 when anything
was found.
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
"""Minutes after which the program has imported what it needs and filled its caches, at some 500 events a minute."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0, help="in total")
    parser.add_argument("--every", type=float, default=5.0, help="minutes of each monkey")
    parser.add_argument("--seed", type=int, help="of the first monkey; the next ones count on")
    parser.add_argument("--start", choices=list(STARTS), default="", help="the starting screen of all of them")
    given = parser.parse_args()
    seed = given.seed if given.seed is not None else random.SystemRandom().randrange(10**6)
    ends = time.monotonic() + given.minutes * 60
    found = events = kills = 0
    while (left := ends - time.monotonic()) > 5:
        with tempfile.TemporaryDirectory(prefix="monkey-", ignore_cleanup_errors=True) as folder:
            monkey = Monkey(Path(folder), seed, start=given.start, tell=lambda text: print(text, flush=True))
            print(f"seed {seed}, start {monkey.start}", flush=True)
            result = monkey.play(min(left, given.every * 60))
        first, last, an_hour = result.growth(WARM_UP)
        print(
            f"  {result.events} events, {result.kills} sandbox kills, {result.starts} starts, "
            f"{len(result.findings)} findings; {first:.1f} MiB warm, {last:.1f} MiB at the end, "
            f"{an_hour:+.1f} MiB an hour",
            flush=True,
        )
        sampled = {int(minutes // 5) * 5: mebibytes for minutes, mebibytes in reversed(result.memory)}
        print("  " + ", ".join(f"{at} min {sampled[at]:.0f}" for at in sorted(sampled)), flush=True)
        found, events, kills, seed = (
            found + len(result.findings),
            events + result.events,
            kills + result.kills,
            seed + 1,
        )
    print(f"{given.minutes:g} minutes, {events} events, {kills} sandbox kills: {found} findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
