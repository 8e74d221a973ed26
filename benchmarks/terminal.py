"""Runs a program in a pseudo-terminal and measures when a text is first on its screen (Linux and macOS)."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import termios
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyte

COLUMNS, ROWS = 120, 40
# The replies of a plain terminal to the queries that Textual sends at its start.
REPLIES = {b"\x1b[?2026$p": b"\x1b[?2026;2$y", b"\x1b[?2048$p": b"\x1b[?2048;0$y", b"\x1b[c": b"\x1b[?62;22c"}
# Sequences that pyte would print as text: CSI with a private prefix, and the string sequences.
NOT_FOR_PYTE = re.compile(rb"\x1b\[[<>=][0-9;:]*[@-~]|\x1b[PX^_].*?\x1b\\", re.DOTALL)


_QUIET_SECONDS = 0.15
"""Output has ended for now after a pause of this length; keys are pressed then."""
_PATIENCE_SECONDS = 30.0


@dataclass(frozen=True)
class Shown:
    """`seconds` from the spawn until the text was on the screen, and the memory at rest then.

    `presses` are the seconds from each further key to its text, `leaving` from the quit key to the end of the process.
    """

    seconds: float
    rss_mib: float
    screen: str
    presses: tuple[float, ...]
    leaving: float


def time_to(
    command: list[str],
    expect: str,
    *,
    presses: Sequence[tuple[bytes, str]] = (),
    quit_keys: bytes = b"\x11",
    environment: dict[str, str],
) -> Shown:
    """Spawn `command`, wait until `expect` (a regular expression) is on its screen and output stops, then quit it.

    Before that, press the keys of `presses` one after the other, each after the text of the one before is shown and
    output stops. The output is interpreted only after a pause in it, so that this does not compete with the program for
    the CPU. Raises `TimeoutError` with the content of the screen.
    """
    started = time.perf_counter()
    pid, terminal = pty.fork()
    if pid == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        os.execvpe(command[0], command, os.environ | environment)
    program = _Program(pid, terminal)
    try:
        shown_at = program.wait_for(expect)
        rss = _rss_mib(pid)
        seconds = []
        for keys, text in presses:
            pressed_at = time.perf_counter()
            os.write(terminal, keys)
            seconds.append(program.wait_for(text) - pressed_at)
        screen = program.text
    finally:
        leaving = _quit(pid, terminal, quit_keys)
    return Shown(shown_at - started, rss, screen, tuple(seconds), leaving)


class _Program:
    """A program in a pseudo-terminal, and its screen."""

    def __init__(self, pid: int, terminal: int) -> None:
        self._pid, self._terminal = pid, terminal
        self._screen = pyte.Screen(COLUMNS, ROWS)
        self._stream = pyte.ByteStream(self._screen)

    @property
    def text(self) -> str:
        """What is on the screen."""
        return "\n".join(self._screen.display)

    def wait_for(self, expect: str) -> float:
        """Wait until `expect` is on the screen and output stops; return the time of the output that brought it."""
        chunks: list[tuple[float, bytes]] = []
        shown_at: float | None = None
        deadline = time.perf_counter() + _PATIENCE_SECONDS
        while time.perf_counter() < deadline:
            ready, _, _ = select.select([self._terminal], [], [], _QUIET_SECONDS)
            if ready:
                try:
                    data = os.read(self._terminal, 1 << 16)
                except OSError:
                    break
                chunks.append((time.perf_counter(), data))
                for query, reply in REPLIES.items():
                    if query in data:
                        os.write(self._terminal, reply)
                continue
            for received_at, data in chunks:
                self._stream.feed(NOT_FOR_PYTE.sub(b"", data))
                if shown_at is None and re.search(expect, self.text):
                    shown_at = received_at
            chunks.clear()
            if shown_at is not None:
                return shown_at
        raise TimeoutError(f"{expect!r} never came on the screen of process {self._pid}:\n{self.text}")


def _quit(pid: int, terminal: int, quit_keys: bytes) -> float:
    """Quit the program by its keys, and return the seconds until it ended; kill it after five seconds."""
    started = time.perf_counter()
    try:
        os.write(terminal, quit_keys)
    except OSError:
        pass
    while time.perf_counter() < started + 5:
        if os.waitpid(pid, os.WNOHANG)[0]:
            break
        ready, _, _ = select.select([terminal], [], [], 0.005)
        try:
            if ready and not os.read(terminal, 1 << 16):
                continue
        except OSError:
            time.sleep(0.002)
    else:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
    os.close(terminal)
    return time.perf_counter() - started


def _rss_mib(pid: int) -> float:
    """Return the resident memory of the process; 0 without /proc."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    match = re.search(r"VmRSS:\s+(\d+) kB", status)
    return int(match[1]) / 1024 if match else 0.0
