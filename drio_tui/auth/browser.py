"""Opens URLs in the system's browser: http(s) only, as one argument, without a shell, never in a terminal browser."""

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
from drio_tui.auth.profiles import TOKEN_VARIABLE

_URL = re.compile(r"https?://[\x21\x23-\x3b\x3d\x3f-\x5b\x5d\x5f\x61-\x7a\x7e]+")
# These draw in the terminal, which this program uses itself.
_TERMINAL_BROWSERS = frozenset(
    {"browsh", "carbonyl", "cha", "chawan", "edbrowse", "elinks", "links", "links2", "lynx", "netrik", "retawq", "w3m"}
    | {"www-browser"}
)
_SHELLS = frozenset({"sh", "bash", "dash", "zsh", "fish", "ksh", "env", "eval", "cmd", "cmd.exe", "powershell", "pwsh"})
_START_SECONDS = 1.0


class BrowserUnavailable(Exception):
    """No browser was opened; the text says why, for the user."""


@dataclass(frozen=True, slots=True)
class DesktopEnvironment:
    """What decides whether a browser can be opened: environment variables, `sys.platform`, WSL, container."""

    env: Mapping[str, str]
    platform: str
    wsl: bool = False
    container: bool = False

    @classmethod
    def detect(cls) -> DesktopEnvironment:
        """Return the environment this program runs in."""
        env = os.environ
        return cls(
            env=env,
            platform=sys.platform,
            wsl="WSL_DISTRO_NAME" in env or "microsoft" in _read_text("/proc/sys/kernel/osrelease").lower(),
            container=any(name in env for name in ("container", "KUBERNETES_SERVICE_HOST", "CODESPACES"))
            or Path("/.dockerenv").exists()
            or Path("/run/.containerenv").exists(),
        )

    def why_no_browser(self) -> str | None:
        """Return why a browser opened from here would be of no use, or None.

        Over SSH the browser would run on the wrong machine, whatever `BROWSER` says. In all other cases `BROWSER`
        is trusted: it was set by the user, or by an editor that forwards URLs to the user's machine.
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
        """Return the argument list that opens `url`. Raises `BrowserUnavailable`."""
        require_web_url(url)
        return self._open_command(url)

    def file_command(self, path: Path) -> list[str]:
        """Return the argument list that opens a page that this program wrote. Raises `BrowserUnavailable`."""
        return self._open_command(path.absolute().as_uri())

    def _open_command(self, url: str) -> list[str]:
        if self.env.get("BROWSER"):
            return self._command_from_browser_variable(url)
        if self.platform == "darwin":
            return ["open", url]
        if self.platform == "win32":
            return ["rundll32", "url.dll,FileProtocolHandler", url]
        for program in (["xdg-open"], ["gio", "open"], ["sensible-browser"]):
            if shutil.which(program[0], path=self.env.get("PATH")):
                return [*program, url]
        raise BrowserUnavailable("No program that opens a browser was found")

    def _command_from_browser_variable(self, url: str) -> list[str]:
        """Return the command of the first usable entry of `BROWSER`; an argument `%s` or `…=%s` takes the URL."""
        reason = "BROWSER names no program that exists"
        for entry in self.env["BROWSER"].split(os.pathsep):
            try:
                arguments = shlex.split(entry)
            except ValueError:
                reason = "BROWSER cannot be read"
                continue
            if not arguments or not shutil.which(arguments[0], path=self.env.get("PATH")):
                continue
            name = Path(arguments[0]).name
            if name in _TERMINAL_BROWSERS:
                reason = f"{name} would draw into this terminal"
                continue
            placeholders = [i for i, argument in enumerate(arguments) if "%s" in argument]
            embedded = [i for i in placeholders if arguments[i] != "%s" and not arguments[i].endswith("=%s")]
            if embedded or (name in _SHELLS and "-c" in arguments):
                reason = "BROWSER passes the address through a shell or inside a longer text"
                continue
            if not placeholders:
                return [*arguments, url]
            return [
                argument.replace("%s", url) if i in placeholders else argument for i, argument in enumerate(arguments)
            ]
        raise BrowserUnavailable(reason)


def require_web_url(url: str) -> None:
    """Raise `BrowserUnavailable` unless `url` is an http(s) URL that no program can take for an option or a file."""
    try:
        urls.split(url)
    except ValueError as error:
        raise BrowserUnavailable(f"The address is not one a browser should get: {error}") from None
    if not _URL.fullmatch(url):
        raise BrowserUnavailable("The address is not a plain http or https address")


async def open_url(url: str, desktop: DesktopEnvironment) -> None:
    """Start the browser, detached from this terminal, and wait up to a second for it to fail.

    The process has no terminal (new session, all streams to /dev/null), so it can neither draw nor prompt; it is
    left running. Raises `BrowserUnavailable`.
    """
    await _start(desktop.command(url), desktop)


async def open_file(path: Path, desktop: DesktopEnvironment) -> None:
    """Open a page that this program wrote, as `open_url` does. Raises `BrowserUnavailable`."""
    await _start(desktop.file_command(path), desktop)


async def _start(command: list[str], desktop: DesktopEnvironment) -> None:
    env = {k: v for k, v in desktop.env.items() if not k.startswith(TOKEN_VARIABLE)}
    loop = asyncio.get_running_loop()
    exit_code: asyncio.Future[int] = loop.create_future()

    def set_exit_code(code: int) -> None:
        if not exit_code.done():
            exit_code.set_result(code)

    def run() -> None:
        try:
            process = subprocess.Popen(  # noqa: S603 - the user's own browser, an argument list, a validated URL
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
        with contextlib.suppress(RuntimeError):  # the event loop was closed before the browser exited
            loop.call_soon_threadsafe(set_exit_code, code)

    # A daemon thread: the browser may outlive this program, and must not keep it from exiting.
    threading.Thread(target=run, name="drio-tui browser", daemon=True).start()
    try:
        code = await asyncio.wait_for(asyncio.shield(exit_code), _START_SECONDS)
    except TimeoutError:
        return
    if code != 0:
        raise BrowserUnavailable(f"{Path(command[0]).name} could not open it")


def _read_text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
