"""Runs all checks of Schemathesis against a new sandbox: no server errors, no undocumented responses.

    python scripts/fuzz_sandbox.py [--examples N] [--seconds N] [--seed N] [--phases examples,coverage,fuzzing,stateful]

Starts a sandbox in a temporary folder and gives Schemathesis its OpenAPI document and the local user's token, and
nothing else. Exits with the status of Schemathesis (0: nothing was found), or 1 if the sandbox logged an error.
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
    options = parser.parse_args()
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
            command = [
                str(Path(sys.executable).with_name("schemathesis")), "run",
                f"{ready['apiUrl']}/openapi.json", "--checks", "all", "--phases", options.phases,
                "--max-examples", str(options.examples), "--request-timeout", "20", "--continue-on-failure",
                "-H", f"Authorization: Bearer {token}", "--suppress-health-check", "all",
            ]  # fmt: skip
            if options.seed is not None:
                command += ["--seed", str(options.seed)]
            if options.seconds is not None:
                command += ["--max-time", str(options.seconds)]
            for operation in options.include:
                command += ["--include-operation-id", operation]
            status = subprocess.run(command, env={**os.environ, "NO_COLOR": "1"}, cwd=folder).returncode
        finally:
            sandbox.stdin.close()
            sandbox_status = sandbox.wait(20)
        errors = [line for line in (folder / "stderr").read_text().splitlines() if line.startswith("ERROR")]
        print("\n".join(errors[:20]), file=sys.stderr)
        return status or sandbox_status or bool(errors)


if __name__ == "__main__":
    raise SystemExit(main())
