"""Garbage as terminal input: scripts/random_bytes.py sends it for a minute, a test a few times."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from random import Random

from tests.ui.shell_pty import PATIENCE, Terminal

PASTE = (b"\x1b[200~", b"\x1b[201~")


ENVIRONMENT = {"EDITOR": "true", "VISUAL": "true", "BROWSER": "true"}
"""Harmless commands instead of an editor or browser, which would execute garbage typed into them."""
PLACES = (b"", b"\r", b"\re", b"n", b"/", b"2", b"3/", b"?", b"\x10", b"1\r", b"L", b"\rd", b"\rt", b"\rp")
"""Keys that open the screens where the garbage arrives first."""


class Undrawn(Terminal):
    """A terminal that keeps the program's output without drawing it: garbage makes it write a lot."""

    def draw(self, data: bytes) -> None:
        """Draw nothing; `text` draws on demand."""

    @property
    def text(self) -> str:
        super().draw(bytes(self.output[-(1 << 18) :]))
        return super().text


def any_bytes(random: Random) -> bytes:
    return random.randbytes(random.randint(1, 300))


def every_byte(random: Random) -> bytes:
    return bytes(random.sample(range(256), 256))


def cut_utf8(random: Random) -> bytes:
    text = "".join(random.choices("aé€😀漢\u0301\u202e\u200d", k=random.randint(1, 30))).encode()
    at = random.randrange(len(text))
    return text[:at] + text[at + 1 :]


def broken_escape(random: Random) -> bytes:
    numbers = ";".join(str(random.choice([0, 1, 9, 200, 55296, 10**9, -1, "", "1:2", "?25"])) for _ in range(4))
    sequence = random.choice(
        ["[{};u", "[<{}M", "[<{}m", "[{}~", "[{}R", "[48;{}t", "]52;{}\x07", "P{}\x1b\\", "O{}", "[M{}"]
    )
    whole = f"\x1b{sequence.format(numbers[: random.randint(0, 20)])}".encode()
    return whole[: random.randint(1, len(whole))]


def half_paste(random: Random) -> bytes:
    return random.choice(PASTE) + random.randbytes(random.randint(0, 20))


def long_paste(random: Random, size: int = 1_000_000) -> bytes:
    piece = random.choice(
        [b"a long line of a paste, ", "é漢 😀\n".encode(), random.randbytes(997).replace(b"\x1b", b"")]
    )
    return PASTE[0] + (piece * (size // len(piece) + 1))[:size] + PASTE[1]


SOURCES: dict[Callable[[Random], bytes], int] = {
    any_bytes: 8, every_byte: 3, cut_utf8: 8, broken_escape: 20, half_paste: 2, long_paste: 1,
}  # fmt: skip
"""The generators of garbage and their weights."""


def garbage(random: Random) -> bytes:
    """Return garbage of a random source."""
    (source,) = random.choices([*SOURCES], [*SOURCES.values()])
    return source(random)


def feed(terminal: Terminal, random: Random, enough: Callable[[], bool]) -> int:
    """Send garbage until there is enough or the program ends, which garbage may cause; return the bytes sent."""
    terminal.until(lambda: b"Templates" in terminal.output)
    terminal.send(random.choice(PLACES))
    sent = 0
    while not enough() and terminal.process.poll() is None:
        data = garbage(random)
        terminal.send(data)
        sent += len(data)
        _read_until_idle(terminal, 3.0)
    return sent


def quit_from_anywhere(terminal: Terminal) -> int:
    """Close what is open and quit, confirming the loss of unsaved edits; return the exit status."""
    terminal.send(PASTE[1])
    end = time.monotonic() + 3 * PATIENCE
    while terminal.process.poll() is None:
        assert time.monotonic() < end, f"it does not quit\n{terminal.text}"
        for keys in (b"\x1b", b"\x1b", b"\x11", b"\x1b[C\r"):  # in the dialog, → goes to the confirming button
            terminal.send(keys)
            _read_until_idle(terminal, 5.0)
    return terminal.wait()


def _read_until_idle(terminal: Terminal, longest: float) -> None:
    """Read until the program neither writes nor computes, or `longest` seconds have passed."""
    end = time.monotonic() + longest
    before = -10
    while terminal.process.poll() is None and time.monotonic() < end:
        wrote = terminal.read(0.1)
        ticks = _processor_time(terminal.process.pid)
        if not wrote and ticks - before <= 1:
            return
        before = ticks


def _processor_time(pid: int) -> int:
    """Return the processor time that a process has used, in ticks; 0 where the system does not provide it."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12])
