"""Sends random bytes to the real program in a terminal: it may not crash, and has to quit with status 0 at the end.

    python scripts/random_bytes.py [--seconds 60] [--seed N]

The input has all 256 byte values, truncated UTF-8, broken escape sequences, incomplete pastes, and pastes of 1 MB, on
every main screen with a real sandbox. It may contain the key that quits the program; then the program is started again.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from random import Random, SystemRandom

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.sandbox_fixtures import kill_process, start_sandbox
from tests.ui.garbage import ENVIRONMENT, Undrawn, feed, quit_from_anywhere


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="how long garbage is sent")
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(10**6))
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    random = Random(options.seed)
    remaining, sent, starts = options.seconds, 0, 0
    with tempfile.TemporaryDirectory(prefix="garbage-") as home:
        for name in ("CONFIG", "DATA", "STATE", "CACHE"):
            os.environ[f"DRIO_{name}_DIR"] = f"{home}/{name.lower()}"
        os.environ |= {"HOME": home, "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}
        sandbox = start_sandbox(Path(home) / "sandbox")
        try:
            while remaining > 0:
                starts += 1
                env = ENVIRONMENT | {"DRIO_TOKEN": sandbox.token}
                with Undrawn("--base-url", sandbox.base_url, size=(100, 30), env=env) as terminal:
                    start = time.monotonic()
                    sent += feed(terminal, random, lambda deadline=start + remaining: time.monotonic() > deadline)
                    remaining -= time.monotonic() - start
                    quit_start = time.monotonic()
                    status = quit_from_anywhere(terminal)
                    if status != 0 or terminal.restored or b"Traceback" in terminal.output:
                        text = terminal.output.rpartition(b"\x1b[?1049l")[2].decode(errors="replace")[-2000:]
                        print(f"FAILED at start {starts}: status {status}, left on {terminal.restored}\n{text}")
                        return 1
                    print(
                        f"start {starts}: {sent:,} bytes in total, quit in {time.monotonic() - quit_start:.1f} s",
                        flush=True,
                    )
        finally:
            kill_process(sandbox)
    print(f"{sent:,} bytes in {options.seconds:g} s over {starts} starts: it quit with status 0 each time.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
