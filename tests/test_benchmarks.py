"""The benchmarks run to their end; what they find depends on the machine and is not looked at."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.report import names

ROOT = Path(__file__).parent.parent


@pytest.mark.slow
@pytest.mark.parametrize("name", names())
def test_a_benchmark_runs_to_its_end_and_reports_every_figure(name: str, isolated: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.report", "--runs", "1", name]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env={**os.environ, "TERM": "xterm"})
    assert done.returncode == 0, done.stderr
    title, *rows = done.stdout.split("\n")[1:-1]
    assert title == name
    assert rows
    assert not done.stderr


def test_an_unknown_benchmark_is_named() -> None:
    command = [sys.executable, "-m", "benchmarks.report", "nonsense"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert "no such benchmark: nonsense" in done.stderr
