"""The benchmarks can be run; their figures depend on the machine and are not checked."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.report import names
from tests import THOROUGH

ROOT = Path(__file__).parent.parent


FAST = ["app_open", "app_tree", "sandbox_rate"]
"""The benchmarks that take seconds; mypy checks too that all of them return rows."""


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_report_has_figures_of_every_benchmark(isolated: Path) -> None:
    chosen = names() if THOROUGH else FAST
    command = [sys.executable, "-m", "benchmarks.report", "--runs", "1", *chosen]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env={**os.environ, "TERM": "xterm"})
    assert done.returncode == 0, done.stderr
    tables = [table.splitlines() for table in done.stdout.strip().split("\n\n")]
    assert [title for title, *_ in tables] == chosen
    assert all(rows for _, *rows in tables), done.stdout
    assert not done.stderr


def test_an_unknown_benchmark_is_an_error() -> None:
    command = [sys.executable, "-m", "benchmarks.report", "nonsense"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert "no such benchmark: nonsense" in done.stderr
