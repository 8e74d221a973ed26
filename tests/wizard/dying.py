"""The wizard in a real terminal, ended at any of its steps in any way, and started again."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.sandbox_fixtures import close, start_sandbox
from tests.ui.shell_pty import Terminal

if TYPE_CHECKING:
    from tests.sandbox_fixtures import Process

NEXT, BACK, ESC = "\x13", "\x1b[18~", "\x1b"
TITLES = {
    "template": "Choose what to start from",
    "basics": "Name it", "branding": "Give it its looks", "auth": "How it signs in", "api": "What it calls",
    "tools": "What models can do", "review": "Look it over", "create": "● Create",
}  # fmt: skip
DEATHS = ("kill", "hang up", "terminate", "server down")


class Home:
    """A sandbox, and the folders of someone who works on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sandbox: Process = start_sandbox(folder / "sandbox")
        self.port = self.sandbox.base_url.rpartition(":")[2]

    def restart(self) -> None:
        """A server that was killed comes back at the same address."""
        close(self.sandbox)
        self.sandbox = start_sandbox(self.folder / "sandbox", "--port", self.port)

    def env(self) -> dict[str, str]:
        """For the program: this one's folders and sign-in."""
        folders = {f"DRIO_{name}_DIR": str(self.folder / name.lower()) for name in ("CONFIG", "DATA", "STATE", "CACHE")}
        return {**os.environ, **folders, "HOME": str(self.folder), "DRIO_TOKEN": self.sandbox.token}

    @contextmanager
    def terminal(self, *arguments: str, size: tuple[int, int] = (80, 24)) -> Iterator[Terminal]:
        """The program in a terminal."""
        with Terminal("--base-url", self.sandbox.base_url, *arguments, size=size, env=self.env()) as terminal:
            yield terminal

    def kept(self, name: str) -> str:
        """What stands in the file of the draft of that name."""
        texts = [path.read_text() for path in (self.folder / "state" / "drafts").glob("*.json")]
        return next((text for text in texts if f'"{name}"' in text), "")

    def apps(self, name: str) -> list[dict[str, Any]]:
        """The configs of the apps of that name."""
        with self.sandbox.client() as client:
            apps = client.get("/api/v1/apps").json()["apps"]
            ids = [app["id"] for app in apps if app["name"] == name]
            return [client.get(f"/api/v1/apps/{id}/config").json()["config"] for id in ids]


def settle(terminal: Terminal) -> None:
    """Wait until the screen is quiet, but for a cursor that blinks: keys go to what had the focus when they came."""
    reads = 0
    while terminal.read(0.4) and reads < 12:
        reads += 1


def begin(terminal: Terminal, name: str) -> None:
    """Up to the second step, with the name typed."""
    terminal.until(TITLES["basics"])
    terminal.until("Free")
    settle(terminal)
    terminal.press(name)
    terminal.until(name)
    for _ in range(3):  # over slug and URL into the description
        terminal.press("\t")
        settle(terminal)
    terminal.press("Answers at night")
    terminal.until("Answers at night")


def forward(terminal: Terminal, page: str) -> None:
    """To a step, leaving out the second tool on the way; to the first one, back."""
    if page == "template":
        terminal.press(BACK)
        terminal.until(TITLES[page])
    for name in ("branding", "auth", "api", "tools", "review"):
        if page in ("template", "basics"):
            return
        terminal.press(NEXT)
        terminal.until(TITLES[name])
        if name == "tools":
            terminal.until("Show Contact")
            settle(terminal)
            terminal.press("j")
            terminal.press(" ")
            terminal.until("left out")
        if name == page:
            return


def end(terminal: Terminal, home: Home, death: str) -> None:
    """End the program."""
    match death:
        case "hang up":
            terminal.hang_up()
            terminal.process.wait(20)
        case "terminate":
            terminal.process.terminate()
            terminal.wait()
        case "server down":
            home.sandbox.popen.kill()
            home.sandbox.popen.wait(20)
            terminal.process.kill()
            terminal.process.wait(20)
        case _:
            terminal.process.kill()
            terminal.process.wait(20)


def finish(terminal: Terminal, page: str) -> None:
    """From a step to the created app."""
    pages = list(TITLES)
    for name in pages[pages.index(page) + 1 :]:
        terminal.press(NEXT)
        terminal.until(TITLES[name])
    if page == "create":
        terminal.until(lambda: "creating" not in terminal.text)
        if "is created" not in terminal.text:
            terminal.press(NEXT)
    terminal.until("is created")


def proof(home: Home, page: str, death: str, number: int, wait: float = 0.0) -> None:
    """The wizard is ended at a step and gone on with: nothing typed is lost, the app is made once."""
    name = f"Fated {number}"
    with home.terminal("new", "--template", "support") as terminal:
        begin(terminal, name)
        forward(terminal, "review" if page == "create" else page)
        dropped = page in ("tools", "review", "create")
        wanted = ["Answers at night", f'"page":"{"review" if page == "create" else page}"']
        wanted += ["draft:tool:show-contact"] if dropped else []
        # kill -9 takes what was typed in the last moment, before it was written: a fifth of a second
        terminal.until(lambda: all(text in home.kept(name) for text in wanted))
        if page == "create":
            terminal.press(NEXT)
            until = time.monotonic() + wait
            while time.monotonic() < until:
                terminal.read(0.005)
        end(terminal, home, death)
    if death == "server down":
        home.restart()
    with home.terminal() as terminal:
        terminal.until("online")
        terminal.until(lambda: f"✎ {name}" in terminal.text or (page == "create" and f"{name} " in terminal.text))
        if f"✎ {name}" in terminal.text:
            settle(terminal)
            terminal.press("g\r")
            terminal.until(lambda: any(title in terminal.text for title in TITLES.values()))
            here = next(place for place, title in TITLES.items() if title in terminal.text)
            assert here == page or (page == "create" and here == "review"), f"it went on at {here}\n{terminal.text}"
            finish(terminal, here)
        terminal.press("q")
    assert '"ended":true' in home.kept(name) or not home.kept(name), "its draft would be offered again"
    made = home.apps(name)
    assert len(made) == 1, f"{len(made)} apps"
    assert made[0]["app"]["description"] == "Answers at night", made[0]["app"]
    names = [tool["name"] for tool in made[0]["tools"]]
    assert ("Show Contact" not in names) is dropped, names
    assert len(names) == len(set(names)) == (6 if dropped else 7), names
