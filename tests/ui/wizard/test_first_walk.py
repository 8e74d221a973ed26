"""A new user's first session in a terminal: templates signed out, sign-in in the browser, create an app, open it."""

from __future__ import annotations

import asyncio
import stat
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests import THOROUGH
from tests.ui.shell_pty import Terminal
from tests.ui.signin.test_signin_screen import SocketBrowser


@pytest.fixture
def browser(tmp_path: Path) -> tuple[Path, Path]:
    """A program for `BROWSER` that writes the URL it is to open to a file, and that file."""
    script, url_file = tmp_path / "browser", tmp_path / "address"
    script.write_text(f'#!/bin/sh\nprintf %s "$1" > "{url_file}.part" && mv "{url_file}.part" "{url_file}"\n')
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return script, url_file


class WatchedTerminal(Terminal):
    """A terminal that fails when the screen goes blank after something was drawn, and types at a user's speed."""

    drawn = False

    def read(self, seconds: float = 0.05) -> bool:
        has_data = super().read(seconds)
        if self.process.poll() is None:
            self.drawn = self.drawn or bool(self.text.strip())
            assert not self.drawn or self.text.strip(), "the screen went blank"
        return has_data

    def type(self, *keys: str) -> None:
        """Press keys one after the other, each once the screen no longer changes (except for a blinking cursor)."""
        for key in keys:
            reads = 0
            while self.read(0.4) and reads < 12:
                reads += 1
            self.press(key)


async def consent(base_url: str, address: str) -> None:
    """Do what the user does in the browser: sign in, allow access, follow the redirect to the program."""
    client = SocketBrowser(base_url)
    try:
        await client.walk(address)
        await client.follow()
    finally:
        await client.close()


@pytest.mark.slow
@pytest.mark.parametrize("size", [(80, 24), (120, 40)] if THOROUGH else [(80, 24)], ids=str)
def test_a_new_user_signs_in_creates_an_app_and_navigates_it(
    sandbox_process: Any, browser: tuple[Path, Path], size: tuple[int, int]
) -> None:
    script, url_file = browser
    name = f"Walk {uuid.uuid4().hex[:6]}"
    # The program is started twice: the tokens must be stored.
    env = {"BROWSER": str(script)}
    with WatchedTerminal("--base-url", sandbox_process.base_url, size=size, env=env) as terminal:
        terminal.until("signed out")
        terminal.until("Hiring")
        terminal.type("L")
        terminal.until(url_file.exists)
        terminal.until("http://127.0.0.1")
        asyncio.run(consent(sandbox_process.base_url, url_file.read_text()))
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
        for step in ("Choose its branding", "How it signs in", "What it calls", "What models can do", "Look it over"):
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

    with WatchedTerminal("--base-url", sandbox_process.base_url, size=size) as again:
        again.until("online")
        again.until("Acme Support")
        again.type("/", name, "\r")  # other tests leave apps in this sandbox, more than the screen holds
        again.until(lambda: "Acme Support" not in again.text)
        again.until(name)
        again.type("q")
        assert again.wait() == 0
