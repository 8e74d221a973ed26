"""The program in a pseudo-terminal, whose screen is modelled by pyte."""

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

    If the terminal is not the `controlling` one of the program, the program gets no signals from it.
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
        """The text on the screen."""
        return "\n".join(self.screen.display)

    def _resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def resize(self, columns: int, rows: int) -> None:
        """Give the terminal another size; the program gets SIGWINCH."""
        self.screen.resize(rows, columns)
        self._resize(columns, rows)

    def press(self, keys: str) -> None:
        """Send key presses as the terminal would."""
        self.send(keys.encode())

    def send(self, data: bytes) -> None:
        """Send any bytes, also more than a terminal's buffer holds; read output meanwhile."""
        remaining = memoryview(data)
        while remaining and self.process.poll() is None:
            readable, writable, _ = select.select([self.master], [self.master], [], 0.05)
            if writable:
                remaining = remaining[os.write(self.master, remaining[:1024]) :]
            if readable:
                self.read(0)

    def press_until_it_ends(self, keys: str, *, every: float = 5.0) -> None:
        """Send key presses every few seconds until the program ends; `wait` fails if it does not end."""
        end = time.monotonic() + PATIENCE
        while self.process.poll() is None and time.monotonic() < end:
            self.press(keys)
            next_press = time.monotonic() + every
            while self.process.poll() is None and time.monotonic() < next_press:
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
        """Read output that arrives within `seconds`; return False if there was none."""
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
        """Draw the program's output on `screen`."""
        # pyte does not support sequences with a private marker other than `?`.
        self._stream.feed(re.sub(rb"\x1b\[[<>=][\d;]*[a-zA-Z]", b"", data))

    def until(self, condition: Callable[[], object] | str) -> None:
        """Read until the text is on the screen or the condition holds; fail after `PATIENCE` seconds."""
        is_true = (lambda: condition in self.text) if isinstance(condition, str) else condition
        end = time.monotonic() + PATIENCE
        while not is_true():
            self.read()
            assert time.monotonic() < end, f"never came: {condition}\n{self.text}"

    def wait(self) -> int:
        """Read until the program has ended; return its exit code as a shell does (128 + n for a signal)."""
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
        """The terminal modes that the program has not restored; empty if all are."""
        unrestored = []
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
                unrestored.append(name)
        if self.output.rfind(b"\x1b[?25l") > self.output.rfind(b"\x1b[?25h"):
            unrestored.append("hidden cursor")
        if termios.tcgetattr(self.slave)[3] != self.before[3]:
            unrestored.append("raw mode")
        return unrestored


SIGNALS = {"SIGINT": signal.SIGINT, "SIGQUIT": signal.SIGQUIT, "SIGTERM": signal.SIGTERM, "SIGHUP": signal.SIGHUP}
