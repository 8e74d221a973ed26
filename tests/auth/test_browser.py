"""Opening a browser: what is handed to it, which one, and where none is opened."""

from __future__ import annotations

import asyncio
import os
import pty
import shlex
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from drio_tui.auth.browser import BrowserRefused, DesktopEnvironment, check, open_url

URL = "https://id.example/authorize?client_id=a&state=b%20c&x=(1)"
PATH = "/usr/bin:/bin"


def script(folder: Path, body: str, name: str = "opener") -> str:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize("url", [URL, "http://127.0.0.1:1/x", "https://[::1]:8/x?y=1;2"])
def test_plain_web_addresses_are_opened(url: str) -> None:
    """B23: http and https."""
    check(url)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "javascript:alert(1)",
        "data:text/html,x",
        "vscode://x/y",
        "ms-settings:",
        "-oProxyCommand=x",
        "--help",
        " https://a.example/",
        "https://a.example/\n--x",
        "https://a.example/\r\nX: y",
        "https://a.example/ b",
        "https://a.example/\x00",
        "https://a.example/`id`",
        'https://a.example/"x"',
        "https://a.example\\b",
        "https://user:pw@a.example/",
        "https://",
        "HTTPS:///x",
        "https://a.example/\u202ex",
        "",
        "//a.example/",
        "ftp://a.example/",
    ],
)
def test_anything_else_is_refused(url: str) -> None:
    """B23: other schemes, a leading dash, line breaks, quotes, user names."""
    with pytest.raises(BrowserRefused):
        check(url)
    with pytest.raises(BrowserRefused):
        DesktopEnvironment({"BROWSER": "true", "PATH": PATH}, "linux").command(url)


def test_the_address_is_one_argument_of_the_chosen_browser() -> None:
    """B24 B23: `BROWSER`, with arguments, `%s`, and the next of a list when the first does not exist."""

    def command(browser: str) -> list[str]:
        return DesktopEnvironment({"BROWSER": browser, "PATH": PATH}, "linux").command(URL)

    assert command("true") == ["true", URL]
    assert command("true --new-window") == ["true", "--new-window", URL]
    assert command("true --url=%s -x") == ["true", f"--url={URL}", "-x"]
    assert command("true %s") == ["true", URL]
    assert command("no-such-browser:true") == ["true", URL]


@pytest.mark.parametrize(
    "browser", ["sh -c 'firefox %s'", "bash -c", "true x%sy", "env sh -c %s", "true 'open %s now'", "true 'unclosed"]
)
def test_no_shell_and_no_longer_text_gets_the_address(browser: str) -> None:
    """B23: an address may hold `$(...)` and quotes, so it never becomes part of a command line."""
    with pytest.raises(BrowserRefused):
        DesktopEnvironment({"BROWSER": browser, "PATH": PATH}, "linux").command(URL)


@pytest.mark.parametrize("name", ["lynx", "w3m", "links", "elinks", "www-browser"])
def test_console_browsers_are_never_started(tmp_path: Path, name: str) -> None:
    """B24: they would draw over the program."""
    path = script(tmp_path, f"touch {tmp_path}/started", name)
    with pytest.raises(BrowserRefused, match=name):
        DesktopEnvironment({"BROWSER": path, "PATH": PATH}, "linux").command(URL)


async def test_an_opener_that_writes_to_the_terminal_cannot_reach_it(tmp_path: Path) -> None:
    """B24: no inherited streams, no controlling terminal: run under a pty, nothing is drawn."""
    noisy = script(tmp_path, "echo DRAWN; echo DRAWN >&2; echo DRAWN > /dev/tty; exit 0")
    code = (
        "import asyncio, fcntl, os, termios\n"
        "os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # the pty becomes the terminal, as in a shell\n"
        "os.write(os.open('/dev/tty', os.O_WRONLY), b'TERMINAL')\n"
        "from drio_tui.auth.browser import DesktopEnvironment, open_url\n"
        f"asyncio.run(open_url({URL!r}, DesktopEnvironment({{'BROWSER': {noisy!r}, 'PATH': {PATH!r}}}, 'linux')))\n"
        "print('OPENED')\n"
    )
    master, slave = pty.openpty()
    child = subprocess.Popen([sys.executable, "-c", code], stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    chunks: list[bytes] = []

    def drain() -> None:
        try:
            while data := os.read(master, 4096):
                chunks.append(data)
        except OSError:
            pass  # the other end of a pty closes with EIO

    reader = threading.Thread(target=drain)
    reader.start()
    code_ended = await asyncio.to_thread(child.wait)
    reader.join()
    os.close(master)
    seen = b"".join(chunks).decode()
    assert code_ended == 0, seen
    assert "TERMINAL" in seen
    assert "OPENED" in seen
    assert "DRAWN" not in seen


async def test_an_opener_that_never_ends_is_left_alone(tmp_path: Path) -> None:
    """B24: it blocks nobody; we return while it still runs."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    blocked = script(tmp_path, f"echo $$ > {tmp_path}/pid; read x < {fifo}")
    await open_url(URL, DesktopEnvironment({"BROWSER": blocked, "PATH": PATH}, "linux"))
    pid = int((tmp_path / "pid").read_text())
    os.kill(pid, 0)  # still there
    with fifo.open("w") as release:
        release.write("\n")


async def test_an_opener_that_fails_is_reported(tmp_path: Path) -> None:
    """B24: so that the address is pointed out instead."""
    failing = script(tmp_path, "exit 3")
    with pytest.raises(BrowserRefused, match="could not open"):
        await open_url(URL, DesktopEnvironment({"BROWSER": failing, "PATH": PATH}, "linux"))


async def test_the_opener_does_not_inherit_the_token(tmp_path: Path) -> None:
    """B68: `DRIO_TOKEN` is not in a child's environment."""
    looking = script(tmp_path, f"env > {tmp_path}/env")
    env = {"BROWSER": looking, "PATH": PATH, "DRIO_TOKEN": "very-secret", "LANG": "C"}
    await open_url(URL, DesktopEnvironment(env, "linux"))
    told = (tmp_path / "env").read_text()
    assert "LANG=C" in told
    assert "very-secret" not in told


@pytest.mark.parametrize("hostile", ["$(touch pwned)", "';touch pwned;'", "&&touch${IFS}pwned", "%0a-x"])
async def test_an_address_with_shell_text_is_inert(tmp_path: Path, hostile: str) -> None:
    """B23: the opener gets it verbatim, nothing runs."""
    url = f"https://id.example/x?y={hostile.replace(' ', '%20').replace('{', '%7B').replace('}', '%7D')}"
    opener = script(tmp_path, f"printf '%s' \"$1\" > {shlex.quote(str(tmp_path))}/got; cd {tmp_path}")
    await open_url(url, DesktopEnvironment({"BROWSER": opener, "PATH": PATH}, "linux"))
    assert (tmp_path / "got").read_text() == url
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize(
    ("env", "extra", "word"),
    [
        ({"SSH_CONNECTION": "a b c d", "DISPLAY": ":0"}, {}, "SSH"),
        ({"SSH_TTY": "/dev/pts/0", "BROWSER": "firefox"}, {}, "SSH"),
        ({}, {}, "display"),
        ({"DISPLAY": ":0"}, {"wsl": True}, "WSL"),
        ({"DISPLAY": ":0"}, {"container": True}, "container"),
    ],
)
def test_where_no_browser_can_help_none_is_opened(env: dict[str, str], extra: dict[str, bool], word: str) -> None:
    """B26: SSH, no display, WSL, containers."""
    obstacle = DesktopEnvironment(env, "linux", **extra).obstacle()
    assert obstacle is not None
    assert word in obstacle


@pytest.mark.parametrize(
    ("env", "platform", "extra"),
    [
        ({"DISPLAY": ":0"}, "linux", {}),
        ({"WAYLAND_DISPLAY": "w"}, "linux", {}),
        ({}, "darwin", {}),
        ({}, "win32", {}),
        ({"BROWSER": "wslview"}, "linux", {"wsl": True}),
        ({"BROWSER": "code-helper"}, "linux", {"container": True}),
    ],
)
def test_elsewhere_one_is_opened(env: dict[str, str], platform: str, extra: dict[str, bool]) -> None:
    """B26 B24: and a `BROWSER` set on purpose is honoured in WSL and containers."""
    assert DesktopEnvironment(env, platform, **extra).obstacle() is None


def test_each_system_has_its_opener() -> None:
    """B24: open, rundll32, xdg-open; and a clear word where there is none."""
    assert DesktopEnvironment({}, "darwin").command(URL) == ["open", URL]
    assert DesktopEnvironment({}, "win32").command(URL)[0] == "rundll32"
    with pytest.raises(BrowserRefused, match="No program"):
        DesktopEnvironment({"PATH": "/nonexistent"}, "linux").command(URL)


def test_the_real_surroundings_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """B26: `SSH_CONNECTION` of this very process."""
    monkeypatch.setenv("SSH_CONNECTION", "192.0.2.1 50000 192.0.2.2 22")
    assert "SSH" in (DesktopEnvironment.here().obstacle() or "")
    monkeypatch.delenv("SSH_CONNECTION")
    monkeypatch.setenv("BROWSER", "true")
    assert DesktopEnvironment.here().obstacle() is None
