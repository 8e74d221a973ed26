"""The program in a pseudo-terminal of its own, its screen modelled by pyte: what a person would see and press."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

import pyte

PATIENCE = 40.0


class Terminal:
    """Runs `python -m drio_tui ARGUMENTS` in a terminal of `size` (columns, rows).

    When the terminal of a program is not its `controlling` one, the program gets no signals from it.
    """

    def __init__(
        self,
        *arguments: str,
        size: tuple[int, int] = (100, 30),
        env: dict[str, str] | None = None,
        command: Sequence[str] | None = None,
        controlling: bool = True,
    ) -> None:
        self.screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self.screen)
        self.output = bytearray()
        self.master, slave = pty.openpty()
        self._resize(*size)
        self.before = termios.tcgetattr(slave)
        self.process = subprocess.Popen(
            [*(command or (sys.executable, "-m", "drio_tui")), *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=os.environ | {"TERM": "xterm-256color", "COLORTERM": "truecolor"} | (env or {}),
            start_new_session=True,
            preexec_fn=(lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0)) if controlling else None,
        )
        # Kept open so that the terminal's modes can be read after the program ended.
        self.slave = slave

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for handle in (self.master, self.slave):
            if handle >= 0:
                os.close(handle)

    @property
    def text(self) -> str:
        """What is on the screen."""
        return "\n".join(self.screen.display)

    def _resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def resize(self, columns: int, rows: int) -> None:
        """Give the terminal another size; the program is told by SIGWINCH."""
        self.screen.resize(rows, columns)
        self._resize(columns, rows)

    def press(self, keys: str) -> None:
        """Send key presses as the terminal would."""
        self.send(keys.encode())

    def send(self, data: bytes) -> None:
        """Send bytes, which need not be text, and may be more than a terminal holds; reads meanwhile."""
        left = memoryview(data)
        while left and self.process.poll() is None:
            readable, writable, _ = select.select([self.master], [self.master], [], 0.05)
            if writable:
                left = left[os.write(self.master, left[:1024]) :]
            if readable:
                self.read(0)

    def press_until_it_ends(self, keys: str, *, every: float = 5.0) -> None:
        """Send key presses every few seconds for as long as the program runs; `wait` says when it does not end."""
        end = time.monotonic() + PATIENCE
        while self.process.poll() is None and time.monotonic() < end:
            self.press(keys)
            again = time.monotonic() + every
            while self.process.poll() is None and time.monotonic() < again:
                self.read()

    def kill(self, number: int) -> None:
        """Send the program a signal."""
        os.kill(self.process.pid, number)

    def hang_up(self) -> None:
        """Close the terminal, as when its window is closed."""
        os.close(self.slave)
        os.close(self.master)
        self.master = self.slave = -1

    def read(self, seconds: float = 0.05) -> bool:
        """Take in what came within `seconds`; False when nothing did."""
        ready, _, _ = select.select([self.master], [], [], seconds)
        if not ready:
            return False
        try:
            data = os.read(self.master, 1 << 16)
        except OSError:
            return False
        self.output += data
        self.draw(data)
        return True

    def draw(self, data: bytes) -> None:
        """Draw what the program wrote on `screen`."""
        # pyte does not know the sequences that carry a private marker beyond `?`.
        self._stream.feed(re.sub(rb"\x1b\[[<>=][\d;]*[a-zA-Z]", b"", data))

    def until(self, condition: Callable[[], object] | str) -> None:
        """Read until the text is on the screen, or the condition holds; fails after a long while."""
        wanted = (lambda: condition in self.text) if isinstance(condition, str) else condition
        end = time.monotonic() + PATIENCE
        while not wanted():
            self.read()
            assert time.monotonic() < end, f"never came: {condition}\n{self.text}"

    def wait(self) -> int:
        """Read until the program ended; gives its exit code as a shell would (128 + n for a signal)."""
        end = time.monotonic() + PATIENCE
        while self.process.poll() is None:
            self.read()
            assert time.monotonic() < end, f"the program did not end\n{self.text}"
        while self.read():
            continue
        code = self.process.returncode
        return 128 - code if code < 0 else code

    @property
    def restored(self) -> list[str]:
        """What the program left switched on in the terminal; empty when it is as it was found."""
        left = []
        for name, mode in {
            "alternate screen": 1049,
            "mouse": 1000,
            "mouse motion": 1003,
            "SGR mouse": 1006,
            "bracketed paste": 2004,
            "focus reports": 1004,
        }.items():
            on, off = self.output.rfind(b"\x1b[?%dh" % mode), self.output.rfind(b"\x1b[?%dl" % mode)
            if on > off:
                left.append(name)
        if self.output.rfind(b"\x1b[?25l") > self.output.rfind(b"\x1b[?25h"):
            left.append("hidden cursor")
        if termios.tcgetattr(self.slave)[3] != self.before[3]:
            left.append("raw mode")
        return left


SIGNALS = {"SIGINT": signal.SIGINT, "SIGQUIT": signal.SIGQUIT, "SIGTERM": signal.SIGTERM, "SIGHUP": signal.SIGHUP}
