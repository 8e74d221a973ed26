"""The wizard in a real terminal: ended on any step in several ways, and started again."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.sandbox_fixtures import kill_process, start_sandbox
from tests.ui.shell_pty import Terminal

if TYPE_CHECKING:
    from tests.sandbox_fixtures import SandboxProcess

NEXT, BACK, ESC = "\x13", "\x1b[18~", "\x1b"
TITLES = {
    "template": "Choose what to start from",
    "basics": "Name it", "branding": "Choose its branding", "auth": "How it signs in", "api": "What it calls",
    "tools": "What models can do", "review": "Look it over", "create": "● Create",
}  # fmt: skip
ENDINGS = ("kill", "hang up", "terminate", "server down")


class Home:
    """A sandbox, and the directories of a user who works on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sandbox: SandboxProcess = start_sandbox(folder / "sandbox")
        self.port = self.sandbox.base_url.rpartition(":")[2]

    def restart(self) -> None:
        """Start the killed server again at the same address."""
        kill_process(self.sandbox)
        self.sandbox = start_sandbox(self.folder / "sandbox", "--port", self.port)

    def env(self) -> dict[str, str]:
        """Return the program's environment: the user's directories and access token."""
        folders = {f"DRIO_{name}_DIR": str(self.folder / name.lower()) for name in ("CONFIG", "DATA", "STATE", "CACHE")}
        return {**os.environ, **folders, "HOME": str(self.folder), "DRIO_TOKEN": self.sandbox.token}

    @contextmanager
    def terminal(self, *arguments: str, size: tuple[int, int] = (80, 24)) -> Iterator[Terminal]:
        """Run the program in a terminal."""
        with Terminal("--base-url", self.sandbox.base_url, *arguments, size=size, env=self.env()) as terminal:
            yield terminal

    def draft_text(self, name: str) -> str:
        """Return the file content of the draft with this name, or an empty string."""
        texts = [path.read_text() for path in (self.folder / "state" / "drafts").glob("*.json")]
        return next((text for text in texts if f'"{name}"' in text), "")

    def apps(self, name: str) -> list[dict[str, Any]]:
        """Return the configs of the apps with this name."""
        with self.sandbox.client() as client:
            apps = client.get("/api/v1/apps").json()["apps"]
            ids = [app["id"] for app in apps if app["name"] == name]
            return [client.get(f"/api/v1/apps/{id}/config").json()["config"] for id in ids]


def settle(terminal: Terminal) -> None:
    """Wait until the screen no longer changes, except for a blinking cursor, so that the focus is where keys belong."""
    reads = 0
    while terminal.read(0.4) and reads < 12:
        reads += 1


def begin(terminal: Terminal, name: str) -> None:
    """Go to the second step and type the name and the description."""
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
    """Go to a step, on the way leave out the second tool; the first step is reached with Back."""
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
    """Go on from a step until the app is created."""
    pages = list(TITLES)
    for name in pages[pages.index(page) + 1 :]:
        terminal.press(NEXT)
        terminal.until(TITLES[name])
    if page == "create":
        terminal.until(lambda: "creating" not in terminal.text)
        if "is created" not in terminal.text:
            terminal.press(NEXT)
    terminal.until("is created")


def check_recovery(home: Home, page: str, death: str, number: int, wait: float = 0.0) -> None:
    """End the program on a step, start it again and finish: no input is lost, and the app is created once."""
    name = f"Fated {number}"
    with home.terminal("new", "--template", "support") as terminal:
        begin(terminal, name)
        forward(terminal, "review" if page == "create" else page)
        dropped = page in ("tools", "review", "create")
        wanted = ["Answers at night", f'"page":"{"review" if page == "create" else page}"']
        wanted += ["draft:tool:show-contact"] if dropped else []
        # SIGKILL loses the input of the last 0.2 s, which is not written yet
        terminal.until(lambda: all(text in home.draft_text(name) for text in wanted))
        if page == "create":
            terminal.press(NEXT)
            deadline = time.monotonic() + wait
            while time.monotonic() < deadline:
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
            resumed = next(name for name, title in TITLES.items() if title in terminal.text)
            assert resumed == page or (page == "create" and resumed == "review"), (
                f"resumed at {resumed}\n{terminal.text}"
            )
            finish(terminal, resumed)
        terminal.press("q")
    assert '"ended":true' in home.draft_text(name) or not home.draft_text(name), "its draft would be offered again"
    apps = home.apps(name)
    assert len(apps) == 1, f"{len(apps)} apps"
    assert apps[0]["app"]["description"] == "Answers at night", apps[0]["app"]
    names = [tool["name"] for tool in apps[0]["tools"]]
    assert ("Show Contact" not in names) is dropped, names
    assert len(names) == len(set(names)) == (6 if dropped else 7), names
