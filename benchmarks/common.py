"""Shared by the benchmarks: medians of alternating runs, a private home, a separate sandbox."""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

RUNS = int(os.environ.get("DRIO_BENCH_RUNS", "11"))


@dataclass(frozen=True)
class Row:
    """One row of the report: a figure and its target, None for a figure that is only information."""

    name: str
    value: float
    unit: str
    target: float | None = None
    at_least: bool = False
    note: str = ""

    @property
    def met(self) -> bool:
        """Whether the target is met; True without a target."""
        if self.target is None:
            return True
        return self.value >= self.target if self.at_least else self.value <= self.target

    def __str__(self) -> str:
        sign = "≥" if self.at_least else "≤"
        target = "" if self.target is None else f"{sign} {self.target:g} {self.unit}"
        mark = "  " if self.target is None else ("ok" if self.met else "MISSED")
        return f"{self.name:<58} {self.value:>9.2f} {self.unit:<6} {target:<12} {mark:<7} {self.note}".rstrip()


def alternate(*measures: Callable[[], float], runs: int = RUNS) -> list[float]:
    """Return the median of each measure; they are run in turns, so that the load of the machine affects all alike."""
    for measure in measures:
        measure()  # warm the caches
    results: list[list[float]] = [[] for _ in measures]
    for _ in range(runs):
        for measure, values in zip(measures, results, strict=True):
            values.append(measure())
    return [statistics.median(values) for values in results]


def wall(command: list[str], environment: dict[str, str]) -> float:
    """Return the seconds that one run of a command takes. Raises `CalledProcessError` if it fails."""
    started = time.perf_counter()
    subprocess.run(command, check=True, env=os.environ | environment, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def private_home(folder: Path) -> dict[str, str]:
    """Return environment variables that keep a run away from the user's files and keyring."""
    names = ("CONFIG", "DATA", "STATE", "CACHE")
    return {f"DRIO_{name}_DIR": str(folder / name.lower()) for name in names} | {
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"
    }


def program() -> list[str]:
    """Return the command that starts drio-tui with this interpreter."""
    script = Path(sys.executable).with_name("drio-tui")
    return [str(script)] if script.exists() else [sys.executable, "-m", "drio_tui"]


@contextlib.contextmanager
def sandbox(folder: Path, *options: str) -> Iterator[tuple[str, str]]:
    """Run a sandbox with its data in `folder`; yields its base URL and the local user's token."""
    serve = ["sandbox", "serve", "--data", str(folder), "--exit-with-parent", *options]
    command = [sys.executable, "-m", "drio_tui", *serve]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout
    assert process.stdin
    try:
        base_url = json.loads(process.stdout.readline())["baseUrl"]
        yield base_url, (folder / "local-token").read_text().strip()
    finally:
        process.stdin.close()
        process.wait(timeout=10)
