"""From nothing to a deployed app and a successful tool call, in a real terminal, offline: what is pressed and how long.

python scripts/walk_guide.py [--show]        (--show prints the screen after each part)

Fresh folders, `drio-tui --sandbox`, at 80×24 and at 120×40. A person types slower: the time for that is estimated
at five keys a second and added to what the program itself took.
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
PER_KEY = 0.2
"""Seconds a person takes for a key."""


class Walk:
    """One walk: it presses keys, waits for what is to come, and counts."""

    def __init__(self, terminal: Terminal, *, show: bool) -> None:
        self.terminal = terminal
        self.keys = 0
        self._show = show

    def press(self, keys: str, then: str | Callable[[], object]) -> None:
        """Press keys one by one; wait until a text is on the screen, or something holds."""
        settle(self.terminal)
        for key in [keys] if keys.startswith("\x1b") else keys:
            self.terminal.press(key)
            self.keys += 1
        self.terminal.until(then)
        if self._show:
            settle(self.terminal)
            print(f"--- {keys!r}\n{self.terminal.text}")


def walk(size: tuple[int, int], folder: Path, *, show: bool = False) -> tuple[int, float]:
    """The keys pressed, and the seconds that the program took."""
    folders = {f"DRIO_{name}_DIR": str(folder / name.lower()) for name in ("CONFIG", "DATA", "STATE", "CACHE")}
    env = {**os.environ, **folders, "HOME": str(folder), "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}
    env.pop("DRIO_TOKEN", None)
    began = time.monotonic()
    with Terminal("--sandbox", size=size, env=env) as terminal:
        one = Walk(terminal, show=show)
        terminal.until("Acme Support")
        one.press("n", "Choose what to start from")
        one.press("/", "f1 Help")
        one.press("support", "Support desk")
        terminal.until(lambda: "Bookings" not in terminal.text)
        one.press(NEXT, TITLES["basics"])
        one.press("Night desk", "night-desk")
        for page in ("branding", "auth", "api", "tools", "review"):
            one.press(NEXT, TITLES[page])
        one.press(NEXT, "is created")
        one.press(NEXT, "Night desk")
        terminal.until("D deploys")
        one.press("D", "/mcp/")
        terminal.until(lambda: "Looking" not in terminal.text)
        one.press("C", "Claude")
        one.press(ESC, "/mcp/")
        one.press(ESC, "◆ Night desk")
        one.press("/", "f1 Help")  # in a text field ? is a character
        one.press("Search Contacts", "⚒ Search Contacts")
        one.press("\r", "Search Contacts")
        one.press("t", "Run")
        one.press(F6, "from this machine")
        one.press(F6, "Deployed")
        one.press("\x12", lambda: re.search(r"✓ [\d.,]+ m?s +Deployed", terminal.text))
        took = time.monotonic() - began
        one.press("\x1b[15~", "Ada")  # F5: the widget, drawn
        terminal.press("\x11")
        terminal.wait()
    stop_sandbox(folder / "data" / "sandbox")
    return one.keys, took


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--show", action="store_true")
    show = parser.parse_args().show
    slowest = 0.0
    for size in ((80, 24), (120, 40)):
        with tempfile.TemporaryDirectory(prefix="walk-") as folder:
            keys, took = walk(size, Path(folder), show=show)
        typing = keys * PER_KEY
        slowest = max(slowest, took + typing)
        print(f"{size[0]}×{size[1]}: {keys} keys (about {typing:.0f} s), the program {took:.0f} s, with its start")
    print("under three minutes" if slowest < 180 else "TOO SLOW")
    return 0 if slowest < 180 else 1


if __name__ == "__main__":
    sys.exit(main())
