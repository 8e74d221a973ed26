"""Goes through all of editing in a real terminal (tmux): from an empty app to a complete one, and back.

    python scripts/walk_editing.py [--size 80x24] [--show]

Starts the program with a temporary sandbox and home, and presses keys only. Without `--size` it runs at 80x24 and at
120x40. `--show` prints the screen after every step. Exits with 0 if every step was seen on the screen.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from drio_tui.launcher import stop_sandbox  # noqa: E402
from drio_tui.storage import paths  # noqa: E402
from tests.ui.editing.walk import Walk  # noqa: E402

TIMEOUT = 60.0
KEY_INTERVAL = 0.15
"""Seconds between two keys, as of a fast typist."""
CHANGE_TIMEOUT = 1.0
"""Maximum seconds to wait for a change of the screen after a key, as a user does."""
_KEYS = {
    "enter": "Enter", "tab": "Tab", "shift+tab": "BTab", "escape": "Escape", "down": "Down", "up": "Up", "end": "End",
    **{f"ctrl+{letter}": f"C-{letter}" for letter in "su"}, **{f"f{number}": f"F{number}" for number in range(1, 13)},
}  # fmt: skip


class TmuxHand:
    """Types in a terminal of `size` (columns, rows), in a separate tmux server."""

    def __init__(self, size: tuple[int, int], *, show: bool) -> None:
        self.socket = f"drio-walk-{uuid.uuid4().hex[:8]}"
        self.size, self.show = size, show
        self.steps = 0

    def tmux(self, *arguments: str, stdin: str | None = None) -> str:
        """Run a tmux command with an input and return its output. Raises `CalledProcessError`."""
        command = ["tmux", "-L", self.socket, "-f", "/dev/null", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, input=stdin).stdout

    def start(self) -> None:
        """Start the program on its sandbox."""
        columns, rows = map(str, self.size)
        program = f"'{sys.executable}' -m drio_tui --sandbox"
        self.tmux("new-session", "-d", "-x", columns, "-y", rows, program)

    def end(self) -> None:
        """Quit the program by its key. Raises `TimeoutError`."""
        self.tmux("send-keys", "C-q")
        deadline = time.monotonic() + TIMEOUT
        while subprocess.run(["tmux", "-L", self.socket, "ls"], capture_output=True).returncode == 0:
            if time.monotonic() > deadline:
                self.tmux("kill-server")
                raise TimeoutError("the program did not end")
            time.sleep(0.1)

    @property
    def text(self) -> str:
        """The text of the screen."""
        return self.tmux("capture-pane", "-p")

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self._do(lambda key=key: self.tmux("send-keys", *([_KEYS[key]] if key in _KEYS else ["-l", key])))  # type: ignore[misc]

    async def paste(self, text: str) -> None:
        self.tmux("load-buffer", "-", stdin=text)
        await self._do(lambda: self.tmux("paste-buffer", "-p"))

    async def _do(self, act: Callable[[], object]) -> None:
        """Call `act`, and wait until the screen changes; not every action has a visible effect."""
        before = self.text
        act()
        for _ in range(int(CHANGE_TIMEOUT / KEY_INTERVAL)):
            await asyncio.sleep(KEY_INTERVAL)
            if self.text != before:
                break

    async def until(self, wanted: str | Callable[[str], object]) -> None:
        test = wanted if callable(wanted) else lambda text: wanted in text
        deadline = time.monotonic() + TIMEOUT
        while not test(self.text):
            if time.monotonic() > deadline:
                raise TimeoutError(f"never came: {wanted}\n{self.text}")
            await asyncio.sleep(0.1)
        self.steps += 1
        if self.show:
            print(self.text, flush=True)


async def walk(size: tuple[int, int], *, show: bool) -> TmuxHand:
    """Go through editing at one size and return the hand. Raises `TimeoutError` if a step was not seen."""
    hand = TmuxHand(size, show=show)
    hand.start()
    try:
        await hand.until("Acme Support")
        await Walk(hand, f"Walk {uuid.uuid4().hex[:6]}").run()
    except BaseException:
        hand.tmux("kill-server")
        raise
    hand.end()
    return hand


def main() -> int:
    """Parse the arguments and run at each size, with temporary directories instead of the user's."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", action="append", help="columns x rows; may be given more than once")
    parser.add_argument("--show", action="store_true", help="print every screen")
    options = parser.parse_args()
    failed = 0
    for size in options.size or ["80x24", "120x40"]:
        columns, _, rows = size.partition("x")
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
            for name in ("CONFIG", "DATA", "STATE", "CACHE"):
                os.environ[f"DRIO_{name}_DIR"] = f"{home}/{name.lower()}"
            os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"
            os.environ["PYTHONPATH"] = str(ROOT)
            start = time.monotonic()
            try:
                hand = asyncio.run(walk((int(columns), int(rows)), show=options.show))
            except TimeoutError as error:
                failed += 1
                print(f"{size}: FAILED: {error}")
            else:
                print(f"{size}: {hand.steps} screens seen in {time.monotonic() - start:.0f} s")
            finally:
                stop_sandbox(paths.sandbox_dir())
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
