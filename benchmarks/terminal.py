"""Run a program in a pseudo-terminal and time when a text first stands on its screen (Linux and macOS)."""

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
# What a plain terminal answers to the questions Textual asks at its start.
ANSWERS = {b"\x1b[?2026$p": b"\x1b[?2026;2$y", b"\x1b[?2048$p": b"\x1b[?2048;0$y", b"\x1b[c": b"\x1b[?62;22c"}
# Sequences pyte would print as text: CSI with a private prefix, and the string sequences.
NOT_FOR_PYTE = re.compile(rb"\x1b\[[<>=][0-9;:]*[@-~]|\x1b[PX^_].*?\x1b\\", re.DOTALL)


@dataclass(frozen=True)
class Seen:
    """`shown` is seconds from the spawn until the text stood on the screen, `rss_mib` the memory at rest then."""

    shown: float
    rss_mib: float
    screen: str


def time_to(command: list[str], expect: str, *, quit_keys: bytes = b"\x11", environment: dict[str, str]) -> Seen:
    """Spawn `command`, wait until `expect` (a regular expression) is on its screen and the output is quiet, quit it.

    The screen is modelled only once nothing has come for a while, so that the modelling does not compete
    with the program. Raises `TimeoutError` with the screen as it was.
    """
    started = time.perf_counter()
    pid, terminal = pty.fork()
    if pid == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        os.execvpe(command[0], command, os.environ | environment)
    chunks: list[tuple[float, bytes]] = []
    model = pyte.ByteStream(screen := pyte.Screen(COLUMNS, ROWS))
    fed = 0
    shown: float | None = None
    try:
        while time.perf_counter() - started < 30:
            ready, _, _ = select.select([terminal], [], [], 0.3)
            if ready:
                try:
                    data = os.read(terminal, 1 << 16)
                except OSError:
                    break
                chunks.append((time.perf_counter() - started, data))
                for question, answer in ANSWERS.items():
                    if question in data:
                        os.write(terminal, answer)
                continue
            for when, data in chunks[fed:]:
                model.feed(NOT_FOR_PYTE.sub(b"", data))
                if re.search(expect, "\n".join(screen.display)):
                    shown = when
                    break
            fed = len(chunks)
            if shown is not None:
                return Seen(shown, _rss_mib(pid), "\n".join(screen.display))
        raise TimeoutError(f"{expect!r} never came on the screen of {command}:\n" + "\n".join(screen.display))
    finally:
        _leave(pid, terminal, quit_keys)


def _leave(pid: int, terminal: int, quit_keys: bytes) -> None:
    """Quit as a person would; a program that does not go within five seconds is killed."""
    try:
        os.write(terminal, quit_keys)
    except OSError:
        pass
    ends = time.perf_counter() + 5
    while time.perf_counter() < ends:
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
    """Resident memory of the process itself; 0 where /proc is missing."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else 0.0
