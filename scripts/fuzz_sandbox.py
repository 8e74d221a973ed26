"""Schemathesis, every check, against a sandbox of its own: no server error, no undocumented response.

    python scripts/fuzz_sandbox.py [--examples N] [--seconds N] [--seed N] [--phases examples,coverage,fuzzing,stateful]

Starts a sandbox in a temporary folder and gives Schemathesis the local user's token. Exits as it does: 0
when nothing was found. The header and the document are all that it is told.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=100, help="test cases per operation and phase")
    parser.add_argument("--seconds", type=int, default=None, help="end fuzzing after so many seconds")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--phases", default="examples,coverage,fuzzing,stateful")
    parser.add_argument("--include", action="append", default=[], help="only these operation ids")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="drio-fuzz-") as name:
        folder = Path(name)
        data = folder / "sandbox"
        serve = [sys.executable, "-m", "drio_tui", "sandbox", "serve", "--exit-with-parent", "--data", str(data)]
        with (folder / "stderr").open("w") as log:
            sandbox = subprocess.Popen(serve, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
        assert sandbox.stdin
        assert sandbox.stdout
        try:
            ready = json.loads(sandbox.stdout.readline())
            token = (data / "local-token").read_text().strip()
            run = [
                str(Path(sys.executable).with_name("schemathesis")), "run",
                f"{ready['apiUrl']}/openapi.json", "--checks", "all", "--phases", chosen.phases,
                "--max-examples", str(chosen.examples), "--request-timeout", "20", "--continue-on-failure",
                "-H", f"Authorization: Bearer {token}", "--suppress-health-check", "all",
            ]  # fmt: skip
            if chosen.seed is not None:
                run += ["--seed", str(chosen.seed)]
            if chosen.seconds is not None:
                run += ["--max-time", str(chosen.seconds)]
            for operation in chosen.include:
                run += ["--include-operation-id", operation]
            code = subprocess.run(run, env={**os.environ, "NO_COLOR": "1"}, cwd=folder).returncode
        finally:
            sandbox.stdin.close()
            ended = sandbox.wait(20)
        failures = [line for line in (folder / "stderr").read_text().splitlines() if line.startswith("ERROR")]
        print("\n".join(failures[:20]), file=sys.stderr)
        return code or ended or bool(failures)


if __name__ == "__main__":
    raise SystemExit(main())
