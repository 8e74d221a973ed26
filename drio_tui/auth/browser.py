"""Opening the system's browser: only http(s), one argument, no shell, and never a browser inside this terminal."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from drio_tui.auth import urls

_URL = re.compile(r"https?://[\x21\x23-\x3b\x3d\x3f-\x5b\x5d\x5f\x61-\x7a\x7e]+")
# These draw in the terminal; here that is the terminal the program itself draws in.
_CONSOLE = frozenset(
    {"browsh", "carbonyl", "cha", "chawan", "edbrowse", "elinks", "links", "links2", "lynx", "netrik", "retawq", "w3m"}
    | {"www-browser"}
)
_SHELLS = frozenset({"sh", "bash", "dash", "zsh", "fish", "ksh", "env", "eval", "cmd", "cmd.exe", "powershell", "pwsh"})
_SETTLE_SECONDS = 1.0
_KEPT_BACK = ("DRIO_TOKEN",)


class BrowserRefused(Exception):
    """No browser is opened; the text says why, for a person."""


@dataclass(frozen=True, slots=True)
class DesktopEnvironment:
    """What decides whether a browser can be opened from here. `container` and `wsl` as found on this machine."""

    env: Mapping[str, str]
    platform: str
    wsl: bool = False
    container: bool = False

    @classmethod
    def here(cls) -> DesktopEnvironment:
        """The machine the program runs on."""
        env = os.environ
        return cls(
            env=env,
            platform=sys.platform,
            wsl="WSL_DISTRO_NAME" in env or "microsoft" in _text("/proc/sys/kernel/osrelease").lower(),
            container=any(name in env for name in ("container", "KUBERNETES_SERVICE_HOST", "CODESPACES"))
            or Path("/.dockerenv").exists()
            or Path("/run/.containerenv").exists(),
        )

    def obstacle(self) -> str | None:
        """Why a browser opened from here would be of no use, or None.

        Over SSH the browser would run on the wrong machine, whatever `BROWSER` says. Elsewhere a `BROWSER`
        set by the person (or by an editor that forwards it) is trusted to know better.
        """
        if any(self.env.get(name) for name in ("SSH_CONNECTION", "SSH_TTY", "SSH_CLIENT")):
            return "You are connected over SSH, so the browser is on another machine"
        if self.env.get("BROWSER"):
            return None
        if self.container:
            return "This is a container, which has no browser"
        if self.wsl:
            return "This is WSL, whose browser is on the Windows side"
        if self.platform not in ("darwin", "win32") and not (
            self.env.get("DISPLAY") or self.env.get("WAYLAND_DISPLAY")
        ):
            return "There is no graphical display here"
        return None

    def command(self, url: str) -> list[str]:
        """The argument list that opens `url`. Raises `BrowserRefused`."""
        check(url)
        return self._opening(url)

    def file_command(self, path: Path) -> list[str]:
        """The argument list that opens a page that this program wrote. Raises `BrowserRefused`."""
        return self._opening(path.absolute().as_uri())

    def _opening(self, url: str) -> list[str]:
        if self.env.get("BROWSER"):
            return self._chosen(url)
        if self.platform == "darwin":
            return ["open", url]
        if self.platform == "win32":
            return ["rundll32", "url.dll,FileProtocolHandler", url]
        for program in (["xdg-open"], ["gio", "open"], ["sensible-browser"]):
            if shutil.which(program[0], path=self.env.get("PATH")):
                return [*program, url]
        raise BrowserRefused("No program that opens a browser was found")

    def _chosen(self, url: str) -> list[str]:
        """The first entry of `BROWSER` that exists and can be used; `%s` stands for the address, as one argument."""
        refusal = "BROWSER names no program that exists"
        for entry in self.env["BROWSER"].split(os.pathsep):
            try:
                words = shlex.split(entry)
            except ValueError:
                refusal = "BROWSER cannot be read"
                continue
            if not words or not shutil.which(words[0], path=self.env.get("PATH")):
                continue
            name = Path(words[0]).name
            if name in _CONSOLE:
                refusal = f"{name} would draw into this terminal"
                continue
            spots = [i for i, word in enumerate(words) if "%s" in word]
            loose = [i for i in spots if words[i] != "%s" and not words[i].endswith("=%s")]
            if loose or (name in _SHELLS and "-c" in words):
                refusal = "BROWSER passes the address through a shell or inside a longer text"
                continue
            if not spots:
                return [*words, url]
            return [word.replace("%s", url) if i in spots else word for i, word in enumerate(words)]
        raise BrowserRefused(refusal)


def check(url: str) -> None:
    """Raise `BrowserRefused` unless `url` is a plain http(s) address that no program can take for anything else."""
    try:
        urls.split(url)
    except ValueError as error:
        raise BrowserRefused(f"The address is not one a browser should get: {error}") from None
    if not _URL.fullmatch(url):
        raise BrowserRefused("The address is not a plain http or https address")


async def open_url(url: str, surroundings: DesktopEnvironment) -> None:
    """Start the browser, detached from this terminal, and wait a second for it to complain.

    The program gets no terminal at all (new session, all streams to nowhere), so it can neither draw nor
    ask; one that keeps running is left alone. Raises `BrowserRefused`.
    """
    await _start(surroundings.command(url), surroundings)


async def open_file(path: Path, surroundings: DesktopEnvironment) -> None:
    """The same for a page that this program wrote itself. Raises `BrowserRefused`."""
    await _start(surroundings.file_command(path), surroundings)


async def _start(command: list[str], surroundings: DesktopEnvironment) -> None:
    env = {k: v for k, v in surroundings.env.items() if k not in _KEPT_BACK}
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[int] = loop.create_future()

    def settle(code: int) -> None:
        if not ended.done():
            ended.set_result(code)

    def run() -> None:
        try:
            process = subprocess.Popen(  # noqa: S603 - the person's own browser, an argument list, a checked address
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=env,
                close_fds=True,
                start_new_session=True,
            )
        except (OSError, ValueError):
            code = -1
        else:
            code = process.wait()
        with contextlib.suppress(RuntimeError):  # the loop ended long before the browser did
            loop.call_soon_threadsafe(settle, code)

    # A daemon thread: the browser may outlive the program, and must not keep it from ending.
    threading.Thread(target=run, name="drio-tui browser", daemon=True).start()
    try:
        code = await asyncio.wait_for(asyncio.shield(ended), _SETTLE_SECONDS)
    except TimeoutError:
        return
    if code != 0:
        raise BrowserRefused(f"{Path(command[0]).name} could not open it")


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
