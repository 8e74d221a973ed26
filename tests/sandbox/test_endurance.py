"""Short forms of the long runs: kills under writes, and Schemathesis with every check."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"

pytestmark = [pytest.mark.slow, pytest.mark.socket]


def run(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPTS / script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=280)


def test_five_kills_under_writes_lose_nothing_that_was_acknowledged() -> None:
    ended = run("kill_sandbox.py", "--kills", "5")
    assert ended.returncode == 0, ended.stderr
    report = json.loads(ended.stdout)
    assert (report["kills"], report["lost"]) == (5, 0)
    assert report["acknowledged"] > 0


@pytest.mark.timeout(300)
def test_schemathesis_finds_no_server_error_and_nothing_undocumented() -> None:
    pytest.importorskip("schemathesis", reason="schemathesis is not installed")
    ended = run("fuzz_sandbox.py", "--examples", "4", "--phases", "examples,fuzzing,stateful")
    assert ended.returncode == 0, ended.stdout[-6000:] + ended.stderr[-2000:]
