"""Short runs of the endurance scripts: kills during writes, and Schemathesis with every check."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests import THOROUGH

SCRIPTS = Path(__file__).parents[2] / "scripts"

pytestmark = [pytest.mark.slow, pytest.mark.socket]


def run(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPTS / script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=280)


def test_kills_during_writes_lose_no_acknowledged_write() -> None:
    kills = 5 if THOROUGH else 3
    process = run("kill_sandbox.py", "--kills", str(kills))
    assert process.returncode == 0, process.stderr
    report = json.loads(process.stdout)
    assert (report["kills"], report["lost"]) == (kills, 0)
    assert report["acknowledged"] > 0


@pytest.mark.timeout(300)
def test_schemathesis_finds_no_server_error_and_no_undocumented_response() -> None:
    pytest.importorskip("schemathesis", reason="schemathesis is not installed")
    process = run("fuzz_sandbox.py", "--examples", "4" if THOROUGH else "2", "--phases", "examples,fuzzing,stateful")
    assert process.returncode == 0, process.stdout[-6000:] + process.stderr[-2000:]
