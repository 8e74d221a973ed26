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
from dataclasses import dataclass
from pathlib import Path

import pyte

COLUMNS, ROWS = 120, 40
# The replies of a plain terminal to the queries that Textual sends at its start.
REPLIES = {b"\x1b[?2026$p": b"\x1b[?2026;2$y", b"\x1b[?2048$p": b"\x1b[?2048;0$y", b"\x1b[c": b"\x1b[?62;22c"}
# Sequences that pyte would print as text: CSI with a private prefix, and the string sequences.
NOT_FOR_PYTE = re.compile(rb"\x1b\[[<>=][0-9;:]*[@-~]|\x1b[PX^_].*?\x1b\\", re.DOTALL)


@dataclass(frozen=True)
class Shown:
    """`seconds` from the spawn until the text was on the screen, and the memory at rest then."""

    seconds: float
    rss_mib: float
    screen: str


def time_to(command: list[str], expect: str, *, quit_keys: bytes = b"\x11", environment: dict[str, str]) -> Shown:
    """Spawn `command`, wait until `expect` (a regular expression) is on its screen and output stops, then quit it.

    The output is interpreted only after a pause in it, so that this does not compete with the program for the CPU.
    Raises `TimeoutError` with the content of the screen.
    """
    start = time.perf_counter()
    pid, terminal = pty.fork()
    if pid == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        os.execvpe(command[0], command, os.environ | environment)
    chunks: list[tuple[float, bytes]] = []
    stream = pyte.ByteStream(screen := pyte.Screen(COLUMNS, ROWS))
    interpreted = 0
    shown_at: float | None = None
    try:
        while time.perf_counter() - start < 30:
            ready, _, _ = select.select([terminal], [], [], 0.3)
            if ready:
                try:
                    data = os.read(terminal, 1 << 16)
                except OSError:
                    break
                chunks.append((time.perf_counter() - start, data))
                for query, reply in REPLIES.items():
                    if query in data:
                        os.write(terminal, reply)
                continue
            for received_at, data in chunks[interpreted:]:
                stream.feed(NOT_FOR_PYTE.sub(b"", data))
                if re.search(expect, "\n".join(screen.display)):
                    shown_at = received_at
                    break
            interpreted = len(chunks)
            if shown_at is not None:
                return Shown(shown_at, _rss_mib(pid), "\n".join(screen.display))
        raise TimeoutError(f"{expect!r} never came on the screen of {command}:\n" + "\n".join(screen.display))
    finally:
        _quit(pid, terminal, quit_keys)


def _quit(pid: int, terminal: int, quit_keys: bytes) -> None:
    """Quit the program by its keys; kill it if it does not end within five seconds."""
    try:
        os.write(terminal, quit_keys)
    except OSError:
        pass
    deadline = time.perf_counter() + 5
    while time.perf_counter() < deadline:
        if os.waitpid(pid, os.WNOHANG)[0]:
            break
        ready, _, _ = select.select([terminal], [], [], 0.05)
        try:
            if ready and not os.read(terminal, 1 << 16):
                continue
        except OSError:
            time.sleep(0.01)
    else:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
    os.close(terminal)


def _rss_mib(pid: int) -> float:
    """Return the resident memory of the process; 0 without /proc."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    match = re.search(r"VmRSS:\s+(\d+) kB", status)
    return int(match[1]) / 1024 if match else 0.0
