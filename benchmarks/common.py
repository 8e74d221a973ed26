"""What the benchmarks share: medians of alternating runs, a private home, a sandbox of their own."""

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
    """One line of the report: a figure, its target, and whether it is met. `target` None is information only."""

    name: str
    value: float
    unit: str
    target: float | None = None
    at_least: bool = False
    note: str = ""

    @property
    def met(self) -> bool:
        """Whether the target is met; information always is."""
        if self.target is None:
            return True
        return self.value >= self.target if self.at_least else self.value <= self.target

    def __str__(self) -> str:
        sign = "≥" if self.at_least else "≤"
        target = "" if self.target is None else f"{sign} {self.target:g} {self.unit}"
        mark = "  " if self.target is None else ("ok" if self.met else "MISSED")
        return f"{self.name:<58} {self.value:>9.2f} {self.unit:<6} {target:<12} {mark:<7} {self.note}".rstrip()


def alternate(*measures: Callable[[], float], runs: int = RUNS) -> list[float]:
    """The median of each measure, taken in turns so that the machine's moods hit all alike."""
    for measure in measures:
        measure()  # warms the caches
    taken: list[list[float]] = [[] for _ in measures]
    for _ in range(runs):
        for measure, values in zip(measures, taken, strict=True):
            values.append(measure())
    return [statistics.median(values) for values in taken]


def wall(command: list[str], environment: dict[str, str]) -> float:
    """Seconds of one run of a command. Raises `CalledProcessError` when it fails."""
    started = time.perf_counter()
    subprocess.run(command, check=True, env=os.environ | environment, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def private_home(folder: Path) -> dict[str, str]:
    """Environment variables that keep a run away from the person's own files and keyring."""
    names = ("CONFIG", "DATA", "STATE", "CACHE")
    return {f"DRIO_{name}_DIR": str(folder / name.lower()) for name in names} | {
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"
    }


def program() -> list[str]:
    """The command that starts drio-tui with this interpreter."""
    script = Path(sys.executable).with_name("drio-tui")
    return [str(script)] if script.exists() else [sys.executable, "-m", "drio_tui"]


@contextlib.contextmanager
def sandbox(folder: Path, *options: str) -> Iterator[tuple[str, str]]:
    """A running sandbox with its data in `folder`; gives its base URL and the local user's token."""
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
