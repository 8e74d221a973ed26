"""Walk through all of editing at a real terminal, in tmux: from an empty app to a whole one, and back.

    python scripts/walk_editing.py [--size 80x24] [--show]

Starts a sandbox of its own, with a home of its own, and presses keys only. Without `--size` it walks at 80x24 and at
120x40. `--show` prints the screen after every step. Ends with 0 when every step was seen on the screen.
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

PATIENCE = 60.0
PACE = 0.15
"""Seconds between two keys: a quick typist's."""
GLANCE = 1.0
"""Seconds that a person waits at most for a key to show on the screen before the next one."""
_KEYS = {
    "enter": "Enter", "tab": "Tab", "shift+tab": "BTab", "escape": "Escape", "down": "Down", "up": "Up", "end": "End",
    **{f"ctrl+{letter}": f"C-{letter}" for letter in "su"}, **{f"f{number}": f"F{number}" for number in range(1, 13)},
}  # fmt: skip


class TmuxHand:
    """A person at a terminal of `size` (columns, rows), in a tmux server of its own."""

    def __init__(self, size: tuple[int, int], *, show: bool) -> None:
        self.socket = f"drio-walk-{uuid.uuid4().hex[:8]}"
        self.size, self.show = size, show
        self.steps = 0

    def tmux(self, *arguments: str, given: str | None = None) -> str:
        """Run one tmux command; gives what it prints. Raises `CalledProcessError`."""
        command = ["tmux", "-L", self.socket, "-f", "/dev/null", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, input=given).stdout

    def start(self) -> None:
        """Start the program on its sandbox."""
        columns, rows = map(str, self.size)
        program = f"'{sys.executable}' -m drio_tui --sandbox"
        self.tmux("new-session", "-d", "-x", columns, "-y", rows, program)

    def end(self) -> None:
        """Leave the program, by its own key."""
        self.tmux("send-keys", "C-q")
        end = time.monotonic() + PATIENCE
        while subprocess.run(["tmux", "-L", self.socket, "ls"], capture_output=True).returncode == 0:
            if time.monotonic() > end:
                self.tmux("kill-server")
                raise TimeoutError("the program did not end")
            time.sleep(0.1)

    @property
    def text(self) -> str:
        """What is on the screen."""
        return self.tmux("capture-pane", "-p")

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self._do(lambda key=key: self.tmux("send-keys", *([_KEYS[key]] if key in _KEYS else ["-l", key])))  # type: ignore[misc]

    async def paste(self, text: str) -> None:
        self.tmux("load-buffer", "-", given=text)
        await self._do(lambda: self.tmux("paste-buffer", "-p"))

    async def _do(self, act: Callable[[], object]) -> None:
        """Act, and look what came of it before anything else is pressed; not everything can be seen."""
        before = self.text
        act()
        for _ in range(int(GLANCE / PACE)):
            await asyncio.sleep(PACE)
            if self.text != before:
                break

    async def until(self, wanted: str | Callable[[str], object]) -> None:
        test = wanted if callable(wanted) else lambda text: wanted in text
        end = time.monotonic() + PATIENCE
        while not test(self.text):
            if time.monotonic() > end:
                raise TimeoutError(f"never came: {wanted}\n{self.text}")
            await asyncio.sleep(0.1)
        self.steps += 1
        if self.show:
            print(self.text, flush=True)


async def walk(size: tuple[int, int], *, show: bool) -> TmuxHand:
    """One walk; gives the hand that made it. Raises `TimeoutError` where a step was not seen."""
    hand = TmuxHand(size, show=show)
    hand.start()
    try:
        await hand.until("Acme Support")
        story = Walk(hand, f"Walk {uuid.uuid4().hex[:6]}")
        await story.whole()
    except BaseException:
        hand.tmux("kill-server")
        raise
    hand.end()
    return hand


def main() -> int:
    """Parse the arguments, keep away from the person's own files, walk."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", action="append", help="columns x rows; may be given more than once")
    parser.add_argument("--show", action="store_true", help="print every screen")
    given = parser.parse_args()
    failed = 0
    for size in given.size or ["80x24", "120x40"]:
        columns, _, rows = size.partition("x")
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
            for name in ("CONFIG", "DATA", "STATE", "CACHE"):
                os.environ[f"DRIO_{name}_DIR"] = f"{home}/{name.lower()}"
            os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"
            os.environ["PYTHONPATH"] = str(ROOT)
            began = time.monotonic()
            try:
                hand = asyncio.run(walk((int(columns), int(rows)), show=given.show))
            except TimeoutError as error:
                failed += 1
                print(f"{size}: FAILED: {error}")
            else:
                print(f"{size}: {hand.steps} screens seen in {time.monotonic() - began:.0f} s")
            finally:
                stop_sandbox(paths.sandbox_dir())
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
