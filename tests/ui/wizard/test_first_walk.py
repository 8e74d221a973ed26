"""The first full walk in a real terminal: templates signed out, sign in through the browser, create, look, leave."""

from __future__ import annotations

import asyncio
import stat
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.ui.shell_pty import Terminal
from tests.ui.signin.test_signin_screen import SocketBrowser


@pytest.fixture
def opener(tmp_path: Path) -> tuple[Path, Path]:
    """A `BROWSER` that notes the address it was told to open, and where it notes it."""
    script, noted = tmp_path / "browser", tmp_path / "address"
    script.write_text(f'#!/bin/sh\nprintf %s "$1" > "{noted}.part" && mv "{noted}.part" "{noted}"\n')
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return script, noted


class Watched(Terminal):
    """A terminal that notices when the screen goes blank once something stood on it, used at a person's pace."""

    drawn = False

    def read(self, seconds: float = 0.05) -> bool:
        came = super().read(seconds)
        if self.process.poll() is None:
            self.drawn = self.drawn or bool(self.text.strip())
            assert not self.drawn or self.text.strip(), "the screen went blank"
        return came

    def type(self, *keys: str) -> None:
        """Press keys one after the other, each once the screen has settled (but for a cursor that blinks)."""
        for key in keys:
            reads = 0
            while self.read(0.4) and reads < 12:
                reads += 1
            self.press(key)


async def consent(base_url: str, address: str) -> None:
    """What the person does in the browser: sign in, allow, be sent back to the program."""
    browser = SocketBrowser(base_url)
    try:
        await browser.walk(address)
        await browser.follow()
    finally:
        await browser.close()


@pytest.mark.slow
@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
def test_from_nothing_to_walking_a_new_app(
    sandbox_process: Any, opener: tuple[Path, Path], size: tuple[int, int]
) -> None:
    script, noted = opener
    name = f"Walk {uuid.uuid4().hex[:6]}"
    # Two openings: the sign-in has to hold beyond the program that made it.
    env = {"BROWSER": str(script)}
    with Watched("--base-url", sandbox_process.base_url, size=size, env=env) as terminal:
        terminal.until("signed out")
        terminal.until("Hiring")
        terminal.type("L")
        terminal.until(noted.exists)
        terminal.until("http://127.0.0.1")
        asyncio.run(consent(sandbox_process.base_url, noted.read_text()))
        terminal.until("online")
        terminal.until("Acme Support")

        terminal.type("1")
        terminal.until("Hiring")
        terminal.type("/")
        terminal.until("f1 Help")  # in a text field ? is a character
        terminal.type("support", "\r")
        terminal.until(lambda: "Bookings" not in terminal.text and "? Help" in terminal.text)
        terminal.type("c")
        terminal.until("Name it")
        terminal.type(name)
        terminal.until(name.lower().replace(" ", "-"))
        for step in ("Give it its looks", "How it signs in", "What it calls", "What models can do", "Look it over"):
            terminal.type("\x13")
            terminal.until(step)
        terminal.type("\x13")
        terminal.until("is created")
        terminal.type("o")
        terminal.until(f"◆ {name}")

        terminal.until("no problems")
        terminal.type("/")
        terminal.until("f1 Help")
        terminal.type("Contact Table")
        terminal.until("▦ Contact Table")
        terminal.type("\r")
        terminal.until("? Help")
        terminal.type("u")
        terminal.until("↙")
        terminal.type("\r", "f")  # follow the first reference, to the tool
        terminal.until("Is enabled")
        terminal.type("q")
        assert terminal.wait() == 0
        assert terminal.restored == []

    with Watched("--base-url", sandbox_process.base_url, size=size) as again:
        again.until("online")
        again.until("Acme Support")
        again.type("/", name, "\r")  # other tests leave apps in this sandbox, more than the screen holds
        again.until(lambda: "Acme Support" not in again.text)
        again.until(name)
        again.type("q")
        assert again.wait() == 0
