"""Creates and deploys an app and calls a tool, in a real terminal, offline; prints the number of keys and the time.

python scripts/walk_wizard.py [--show]        (--show prints the screen after each part)

Uses new folders and `drio-tui --sandbox`, at 80×24 and at 120×40. A user types more slowly: the time for that is
estimated at five keys a second and added to the time of the program.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from drio_tui.launcher import stop_sandbox
from tests.ui.shell_pty import Terminal
from tests.wizard.dying import ESC, NEXT, TITLES, settle

F6 = "\x1b[17~"
SECONDS_PER_KEY = 0.2
"""Seconds that a user takes for a key."""


class Walk:
    """Presses keys, counts them, and waits for their effect."""

    def __init__(self, terminal: Terminal, *, show: bool) -> None:
        self.terminal = terminal
        self.keys = 0
        self._show = show

    def press(self, keys: str, expected: str | Callable[[], object]) -> None:
        """Press keys one by one; wait until a text is on the screen, or a condition is true."""
        settle(self.terminal)
        for key in [keys] if keys.startswith("\x1b") else keys:
            self.terminal.press(key)
            self.keys += 1
        self.terminal.until(expected)
        if self._show:
            settle(self.terminal)
            print(f"--- {keys!r}\n{self.terminal.text}")


def walk(size: tuple[int, int], folder: Path, *, show: bool = False) -> tuple[int, float]:
    """Run at one size; return the number of keys, and the seconds until the tool call has succeeded."""
    folders = {f"DRIO_{name}_DIR": str(folder / name.lower()) for name in ("CONFIG", "DATA", "STATE", "CACHE")}
    env = {**os.environ, **folders, "HOME": str(folder), "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}
    env.pop("DRIO_TOKEN", None)
    start = time.monotonic()
    with Terminal("--sandbox", size=size, env=env) as terminal:
        hand = Walk(terminal, show=show)
        terminal.until("Acme Support")
        hand.press("n", "Choose what to start from")
        hand.press("/", "f1 Help")
        hand.press("support", "Support desk")
        terminal.until(lambda: "Bookings" not in terminal.text)
        hand.press(NEXT, TITLES["basics"])
        hand.press("Night desk", "night-desk")
        for page in ("branding", "auth", "api", "tools", "review"):
            hand.press(NEXT, TITLES[page])
        hand.press(NEXT, "is created")
        hand.press(NEXT, "Night desk")
        terminal.until("D deploys")
        hand.press("D", "/mcp/")
        terminal.until(lambda: "Looking" not in terminal.text)
        hand.press("C", "Claude")
        hand.press(ESC, "/mcp/")
        hand.press(ESC, "◆ Night desk")
        hand.press("/", "f1 Help")  # in a text field ? is a character
        hand.press("Search Contacts", "⚒ Search Contacts")
        hand.press("\r", "Search Contacts")
        hand.press("t", "Run")
        hand.press(F6, "from this machine")
        hand.press(F6, "Deployed")
        hand.press("\x12", lambda: re.search(r"✓ [\d.,]+ m?s +Deployed", terminal.text))
        seconds = time.monotonic() - start
        hand.press("\x1b[15~", "Ada")  # F5: the widget
        terminal.press("\x11")
        terminal.wait()
    stop_sandbox(folder / "data" / "sandbox")
    return hand.keys, seconds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--show", action="store_true")
    show = parser.parse_args().show
    slowest = 0.0
    for size in ((80, 24), (120, 40)):
        with tempfile.TemporaryDirectory(prefix="walk-") as folder:
            keys, seconds = walk(size, Path(folder), show=show)
        typing = keys * SECONDS_PER_KEY
        slowest = max(slowest, seconds + typing)
        print(f"{size[0]}×{size[1]}: {keys} keys (about {typing:.0f} s), the program {seconds:.0f} s, with its start")
    print("under three minutes" if slowest < 180 else "TOO SLOW")
    return 0 if slowest < 180 else 1


if __name__ == "__main__":
    sys.exit(main())
