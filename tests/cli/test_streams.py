"""Closed standard streams: a command that needs one exits with 1 and no message, any other command works."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import combinations

import pytest

from tests import THOROUGH
from tests.sandbox_fixtures import SandboxProcess

STDIN, STDOUT, STDERR = range(3)
COUNTS = (1, 2, 3) if THOROUGH else (1, 3)
SUBSETS = [closed for count in COUNTS for closed in combinations((STDIN, STDOUT, STDERR), count)]
NEEDS_STDOUT, ASKS = {STDOUT}, {STDIN, STDOUT, STDERR}
NOTE = ("call", "acme-support", "add-note", "--base-url", "BASE_URL", "--args")
COMMANDS: list[tuple[tuple[str, ...], set[int], int]] = [
    (("--base-url", "BASE_URL"), ASKS, 2),
    (("--version",), NEEDS_STDOUT, 0),
    (("apps", "--base-url", "BASE_URL"), NEEDS_STDOUT, 0),
    (("import", "acme-support", "-", "--base-url", "BASE_URL"), {STDIN, STDOUT}, 1),
    ((*NOTE, "-"), {STDIN, STDOUT}, 2),
    ((*NOTE, '{"ticketId": "tic_1", "body": "x"}'), ASKS, 2),
    (("sandbox", "path"), NEEDS_STDOUT, 0),
    (("sandbox", "reset"), ASKS, 2),
    (("sandbox", "reset", "--yes"), NEEDS_STDOUT, 0),
    (("completion", "bash"), NEEDS_STDOUT, 0),
]
"""Commands, the streams that each needs (to print, to read, to ask the user), and the status with an empty stdin."""


def run(
    server: SandboxProcess, arguments: tuple[str, ...], closed: tuple[int, ...]
) -> subprocess.CompletedProcess[str]:
    """Run a command with the streams in `closed` closed; the others are an empty stdin and pipes."""
    resolved = [server.base_url if argument == "BASE_URL" else argument for argument in arguments]
    return subprocess.run(
        [sys.executable, "-m", "drio_tui", *resolved],
        env={**os.environ, "DRIO_TOKEN": server.token},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=lambda: [os.close(number) for number in closed],
    )


@pytest.mark.socket
@pytest.mark.parametrize("closed", SUBSETS, ids=str)
def test_a_command_that_needs_a_closed_stream_exits_with_1(
    sandbox_process: SandboxProcess, closed: tuple[int, ...]
) -> None:
    for arguments, needed, status in COMMANDS:
        result = run(sandbox_process, arguments, closed)
        details = f"{arguments} without {closed}: {result.returncode} {result.stdout!r} {result.stderr!r}"
        assert "Traceback" not in result.stderr + result.stdout, details
        if needed.intersection(closed):
            assert (result.returncode, result.stdout) == (1, ""), details
        else:
            assert result.returncode == status, details
