"""A monkey test: random keys, text, pastes, mouse events and sizes for the real program with a separate sandbox.

The events depend on the seed only. A finding is when the program ends, does not draw after its terminal
changed its size, does not react to keys, or writes a crash report.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyte
from textual.geometry import Size

from drio_tui import launcher
from drio_tui.ui.app.too_small_dialog import fits
from tests.ui.shell_pty import Terminal

SIZES = ((80, 24), (120, 40), (100, 30), (200, 60), (60, 18), (33, 9), (140, 24), (80, 50))
WORDS = (
    "note", "Search", "https://example.com/v1",
    "Straße", "日本語テキスト", "العربية", "עברית", "ไทย", "e\u0301te\u0301",
    "👩‍👩‍👧 family", "zero\u200bwidth", "a b  c", "{{ x.y }}", "[b]markup[/b]",
    "-1", "0.5", "null", "$.results[0].id", "\\",
)  # fmt: skip
KEYS = {
    "up": "\x1b[A", "down": "\x1b[B", "right": "\x1b[C", "left": "\x1b[D", "home": "\x1b[H", "end": "\x1b[F",
    "pageup": "\x1b[5~", "pagedown": "\x1b[6~", "delete": "\x1b[3~", "tab": "\t", "shift+tab": "\x1b[Z",
    "enter": "\r", "escape": "\x1b[27u", "backspace": "\x7f", "space": " ", "f1": "\x1bOP", "f2": "\x1bOQ",
    "f5": "\x1b[15~", "f6": "\x1b[17~", "f7": "\x1b[18~", "f9": "\x1b[20~", "f11": "\x1b[23~", "f12": "\x1b[24~",
    "shift+f5": "\x1b[15;2~", "alt+left": "\x1b[1;3D", "ctrl+up": "\x1b[1;5A", "ctrl+home": "\x1b[1;5H",
    "shift+down": "\x1b[1;2B",
} | {f"ctrl+{letter}": chr(ord(letter) - 96) for letter in "abcdefghjklnoprstuvwxyz"}  # fmt: skip
LETTERS = "abcdefghijklmnoprstuvwxyzABCDEFGHIJKLMNOPRSTUVWXYZ0123456789/?.[]-+*"  # all but q, which would quit
_WEIGHTS = {"key": 30, "letter": 34, "burst": 12, "text": 6, "paste": 3, "mouse": 12, "resize": 2, "calm": 1}
STARTS = {
    "apps": "", "templates": "1", "requests": "3", "app": "\r", "edit": "\re", "wizard": "n", "deploy": "\rd",
    "import": "\ri", "playground": "\r/Search Con\rt", "sign-in": "L", "help": "?", "palette": "\x10", "connect": "\rC",
    "history": "\rH",
}  # fmt: skip
_KEPT = 1 << 20
_QUIET = 0.02


@dataclass(frozen=True)
class Event:
    """One event: bytes for the terminal, another size, or a pause."""

    name: str
    data: str = ""
    size: tuple[int, int] | None = None


def events_of(seed: int) -> Iterator[Event]:
    """Yield the events of a seed, without an end; they depend on the seed only."""
    rng = random.Random(seed)
    columns, rows = SIZES[0]
    while True:
        (kind,) = rng.choices(list(_WEIGHTS), list(_WEIGHTS.values()))
        if kind == "key":
            name = rng.choice(list(KEYS))
            yield Event(name, KEYS[name])
        elif kind == "letter":
            letter = rng.choice(LETTERS)
            yield Event(letter, letter)
        elif kind == "burst":
            names = [rng.choice([*KEYS, *LETTERS]) for _ in range(rng.randint(2, 12))]
            yield Event(f"at once: {' '.join(names)}", "".join(KEYS.get(name, name) for name in names))
        elif kind == "text":
            text = " ".join(rng.choice(WORDS) for _ in range(rng.randint(1, 3)))
            yield Event(f"text {text!r}", text)
        elif kind == "paste":
            text = rng.choice(["\n", " ", ""]).join(rng.choice(WORDS) for _ in range(rng.choice([1, 5, 400])))
            yield Event(f"paste of {len(text)}", f"\x1b[200~{text}\x1b[201~")
        elif kind == "mouse":
            yield _mouse(rng, columns, rows)
        elif kind == "resize":
            columns, rows = rng.choice(SIZES)
            yield Event(f"size {columns}x{rows}", size=(columns, rows))
        else:
            yield Event("calm")


def _mouse(rng: random.Random, columns: int, rows: int) -> Event:
    x, y = rng.randint(1, columns), rng.randint(1, rows - 1)  # the last row has a Quit to click on
    what = rng.choice(["click", "click", "click", "double click", "wheel", "move", "drag"])
    press, release = f"\x1b[<0;{x};{y}M", f"\x1b[<0;{x};{y}m"
    to_x, to_y = rng.randint(1, columns), rng.randint(1, rows)
    data = {
        "click": press + release,
        "double click": (press + release) * 2,
        "wheel": f"\x1b[<{rng.choice([64, 65])};{x};{y}M" * rng.randint(1, 5),
        "move": f"\x1b[<35;{x};{y}M\x1b[<35;{to_x};{to_y}M",
        "drag": f"{press}\x1b[<32;{to_x};{to_y}M\x1b[<0;{to_x};{to_y}m",
    }[what]
    return Event(f"{what} {x},{y}", data)


class _Raw(Terminal):
    """A terminal whose screen is modelled on demand, since that takes more time than the program itself."""

    drawn = 0
    """Number of bytes the program has written; `output` holds only the last ones."""
    _used: Sequence[str] = ()

    def read(self, seconds: float = 0.05) -> bool:
        self._stream.feed = _ignore  # type: ignore[method-assign]
        before = len(self.output)
        came = super().read(seconds)
        self.drawn += len(self.output) - before
        if len(self.output) > 2 * _KEPT:
            del self.output[:-_KEPT]
        return came

    @property
    def text(self) -> str:
        screen = pyte.Screen(self.screen.columns, self.screen.lines)
        # pyte does not know the sequences that carry a private marker beyond `?`.
        pyte.ByteStream(screen).feed(re.sub(rb"\x1b\[[<>=][\d;]*[a-zA-Z]", b"", bytes(self.output[-_KEPT:])))
        return "\n".join(screen.display)

    @property
    def rss(self) -> float:
        """The resident memory of the program in MiB."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    @property
    def idle(self) -> bool:
        """Whether the program sleeps and used no processor time since the last call, or has ended."""
        if self.process.poll() is not None:
            return True
        state, *numbers = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        used, self._used = self._used, numbers[10:12]
        return state == "S" and used == self._used


def _ignore(_data: bytes) -> None:
    return


@dataclass
class Result:
    """What a monkey did and found; `memory` are pairs of minutes since the program's start and MiB."""

    seed: int
    start: str
    events: int = 0
    kills: int = 0
    starts: int = 0
    findings: list[str] = field(default_factory=list)
    memory: list[tuple[float, float]] = field(default_factory=list)

    def growth(self, warm_up: float) -> tuple[float, float, float]:
        """Return MiB after `warm_up` minutes, MiB at the end, and the growth between in MiB per hour."""
        warm = [pair for pair in self.memory if pair[0] >= warm_up] or self.memory[-2:]
        if len(warm) < 2 or warm[0][0] == warm[-1][0]:
            return (warm[0][1], warm[-1][1], 0.0) if warm else (0.0, 0.0, 0.0)
        slope = statistics.linear_regression([pair[0] for pair in warm], [pair[1] for pair in warm]).slope
        return warm[0][1], warm[-1][1], slope * 60


class Monkey:
    """Sends random events to the program; `folder` holds its home and its sandbox's data."""

    def __init__(
        self,
        folder: Path,
        seed: int,
        *,
        start: str = "",
        patience: float = 20.0,
        sandbox_every: float = 45.0,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.start = start or random.Random(seed).choice(list(STARTS))
        self.result = Result(seed, self.start)
        self._events = events_of(seed)
        self._chance = random.Random(seed + 1)
        self._folder, self._patience, self._sandbox_every, self._report = folder, patience, sandbox_every, tell
        self._data = folder / "data" / "sandbox"
        self._last: deque[str] = deque(maxlen=60)
        self._reports: set[Path] = set()
        self._env = {
            **{f"DRIO_{name}_DIR": str(folder / name.lower()) for name in ("CONFIG", "DATA", "STATE", "CACHE")},
            "HOME": str(folder), "XDG_RUNTIME_DIR": str(folder), "EDITOR": "true", "VISUAL": "true", "BROWSER": "true",
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring", "DISPLAY": "", "WAYLAND_DISPLAY": "",
            # Hosts other than the sandbox are unreachable.
            "HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1,localhost",
            "PYTHONFAULTHANDLER": "1", "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
        }  # fmt: skip

    def play(self, seconds: float) -> Result:
        """Send events for so many seconds, starting the program again when it ended."""
        end = time.monotonic() + seconds
        self._folder.mkdir(parents=True, exist_ok=True)
        try:
            while time.monotonic() < end:
                self._session(end)
        finally:
            self._kill_sandbox()
        return self.result

    # -- one run of the program -------------------------------------------------------------------

    def _session(self, end: float) -> None:
        before = Path.cwd()
        os.chdir(self._folder)  # a screenshot is written to the working folder
        try:
            terminal = _Raw("--sandbox", size=SIZES[0], env=self._env)
        finally:
            os.chdir(before)
        with terminal:
            self.result.starts += 1
            if not self._wait(terminal, lambda: b"Acme" in terminal.output or b"new app" in terminal.output, 60):
                self._add_finding(terminal, "it did not start")
                return
            began = time.monotonic()
            for part in STARTS[self.start]:
                self._send(terminal, part)
                self._wait(terminal, lambda: False, 0.7)
            self._run(terminal, began, end)

    def _run(self, terminal: _Raw, started_at: float, end: float) -> None:
        last_check = last_key_check = started_at
        away = 0
        sandbox_at = started_at + self._sandbox_every * self._chance.uniform(0.5, 1.5)
        while time.monotonic() < end:
            event = next(self._events)
            self.result.events += 1
            self._last.append(event.name)
            if event.size is not None:
                terminal.resize(*event.size)
            elif event.data:
                self._send(terminal, event.data)
            if event.name == "calm":
                self._wait(terminal, lambda: False, 0.6)
            else:
                self._read_until_quiet(terminal, 0.02)
                self._wait(terminal, lambda: terminal.idle, 2)
            now = time.monotonic()
            if terminal.process.poll() is not None:
                if not self._has_quit(terminal):
                    self._add_finding(terminal, f"it ended with {terminal.process.returncode}")
                return
            if now > sandbox_at:
                self._kill_or_start_sandbox()
                sandbox_at = now + self._sandbox_every * self._chance.uniform(0.5, 1.5)
            if now - last_check > 3:
                last_check = now
                self._check_reports(terminal)
                self.result.memory.append(((now - started_at) / 60, terminal.rss))
                mark = terminal.drawn
                if not self._draws(terminal):
                    self._add_finding(terminal, "it does not draw any more")
                    return
                away = 0 if b"sandbox" in terminal.output[mark - terminal.drawn :] else away + 1
                if away > 15:  # at another host, or signed out: go back to the sandbox
                    self._send(terminal, KEYS["escape"] * 3 + "\x10Use the local sandbox\r")
                    away = 0
            if now - last_key_check > 15:
                last_key_check = now
                if not self._reacts(terminal):
                    self._add_finding(terminal, "it does not react to keys any more")
                    return
        self._leave(terminal)

    def _has_quit(self, terminal: _Raw) -> bool:
        """Return whether the program may have ended because Quit was chosen in the palette or in a dialog."""
        return terminal.process.returncode == 0 and any("enter" in name for name in [*self._last][-6:])

    def _leave(self, terminal: _Raw) -> None:
        """Quit, confirming what is asked."""
        ends = time.monotonic() + 3 * self._patience
        while terminal.process.poll() is None and time.monotonic() < ends:
            self._send(terminal, KEYS["escape"])
            self._read_until_quiet(terminal, 0.3)
            self._send(terminal, "\x11")
            self._wait(terminal, lambda: terminal.process.poll() is not None, 2)
            self._send(terminal, KEYS["right"] + KEYS["enter"])
            self._wait(terminal, lambda: terminal.process.poll() is not None, 2)
        if terminal.process.poll() is None:
            self._add_finding(terminal, "it cannot be quit")
        elif terminal.process.returncode:
            self._add_finding(terminal, f"quitting ended with {terminal.process.returncode}")
        self._check_reports(terminal)

    # -- probes -----------------------------------------------------------------------------------

    def _draws(self, terminal: _Raw) -> bool:
        """Return whether the program draws everything when the terminal gets another size."""
        columns, rows = terminal.screen.columns, terminal.screen.lines
        for width in (columns - 1, columns):
            mark = terminal.drawn
            terminal.resize(width, rows)
            if not self._wait(terminal, lambda mark=mark: terminal.drawn - mark > columns, self._patience):  # type: ignore[misc]
                return False
            self._read_until_quiet(terminal, 0.3)
        return True

    def _reacts(self, terminal: _Raw) -> bool:
        """Return whether opening help or leaving a screen changes what is drawn; True below the smallest size."""
        if not fits(Size(terminal.screen.columns, terminal.screen.lines)):
            return True
        for key in ("f1", "escape", "f1", "escape", "enter", "f1"):
            self._read_until_quiet(terminal, 0.5)
            mark = terminal.drawn
            self._send(terminal, KEYS[key])
            if self._wait(terminal, lambda mark=mark: terminal.drawn - mark > 120, self._patience / 4):  # type: ignore[misc]
                self._read_until_quiet(terminal, 0.3)
                return True
        return False

    def _check_reports(self, terminal: _Raw) -> None:
        folder = self._folder / "state" / "crashes"
        for path in sorted(set(folder.glob("*")) - self._reports):
            self._reports.add(path)
            self._add_finding(terminal, f"report {path.name}\n{path.read_text()}")

    def _add_finding(self, terminal: _Raw, what: str) -> None:
        while terminal.read(0.2):
            continue
        shown = terminal.text
        if what.startswith(("it does not", "it cannot")):
            terminal.kill(signal.SIGABRT)  # faulthandler prints the stack of every thread
            self._wait(terminal, lambda: False, 3)
        ending = bytes(terminal.output[-3000:]).decode(errors="replace") if terminal.process.poll() is not None else ""
        last = " | ".join(self._last)
        finding = f"{what}\nafter {self.result.events} events, the last: {last}\n{shown}\n{ending}"
        self.result.findings.append(finding)
        self._report(f"FOUND (seed {self.result.seed}, start {self.start}): {finding}")

    # -- the terminal -----------------------------------------------------------------------------

    def _send(self, terminal: _Raw, data: str) -> None:
        remaining = data.encode()
        ends = time.monotonic() + self._patience
        os.set_blocking(terminal.master, False)
        while remaining and terminal.process.poll() is None and time.monotonic() < ends:
            try:
                remaining = remaining[os.write(terminal.master, remaining) :]
            except BlockingIOError:
                terminal.read(0.01)  # the terminal takes no more until its output is read
        os.set_blocking(terminal.master, True)

    def _read_until_quiet(self, terminal: _Raw, most: float) -> None:
        """Read until nothing was drawn for a moment, at most `most` seconds."""
        ends = time.monotonic() + most
        while time.monotonic() < ends and terminal.read(_QUIET):
            continue

    def _wait(self, terminal: _Raw, condition: Callable[[], Any], seconds: float) -> bool:
        ends = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > ends or terminal.process.poll() is not None:
                return bool(condition())
            terminal.read(0.02)
        return True

    # -- the sandbox ------------------------------------------------------------------------------

    def _kill_or_start_sandbox(self) -> None:
        """Kill the sandbox, or start it if it does not run and the program has not restarted it."""
        if self._kill_sandbox():
            self.result.kills += 1
            self._last.append("sandbox killed")
        else:
            self._last.append("sandbox started")
            subprocess.Popen(
                [sys.executable, "-m", "drio_tui", "sandbox", "serve", "--data", str(self._data)],
                env=os.environ | self._env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip

    def _kill_sandbox(self) -> bool:
        if not launcher.is_locked(self._data):
            return False
        try:
            os.kill(int(json.loads((self._data / "sandbox.json").read_text())["pid"]), signal.SIGKILL)
        except (OSError, ValueError, KeyError):
            return False
        return True
