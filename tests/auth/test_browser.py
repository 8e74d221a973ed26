"""Opening a browser: which URLs, which command, and where none is opened."""

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

from drio_tui.auth.browser import BrowserUnavailable, DesktopEnvironment, open_url, require_web_url

URL = "https://id.example/authorize?client_id=a&state=b%20c&x=(1)"
PATH = "/usr/bin:/bin"


def write_script(folder: Path, body: str, name: str = "opener") -> str:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize("url", [URL, "http://127.0.0.1:1/x", "https://[::1]:8/x?y=1;2"])
def test_http_and_https_urls_are_accepted(url: str) -> None:
    """B23: http and https."""
    require_web_url(url)


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
def test_other_urls_are_refused(url: str) -> None:
    """B23: other schemes, a leading dash, line breaks, quotes, user names."""
    with pytest.raises(BrowserUnavailable):
        require_web_url(url)
    with pytest.raises(BrowserUnavailable):
        DesktopEnvironment({"BROWSER": "true", "PATH": PATH}, "linux").command(url)


def test_url_is_one_argument_of_the_browser_command() -> None:
    """B24 B23: `BROWSER` with arguments and `%s`, and the next entry of a list when the first does not exist."""

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
def test_url_is_never_passed_to_a_shell_or_inside_another_argument(browser: str) -> None:
    """B23: an address may hold `$(...)` and quotes, so it never becomes part of a command line."""
    with pytest.raises(BrowserUnavailable):
        DesktopEnvironment({"BROWSER": browser, "PATH": PATH}, "linux").command(URL)


@pytest.mark.parametrize("name", ["lynx", "w3m", "links", "elinks", "www-browser"])
def test_terminal_browsers_are_never_started(tmp_path: Path, name: str) -> None:
    """B24: they would draw over the program's screen."""
    path = write_script(tmp_path, f"touch {tmp_path}/started", name)
    with pytest.raises(BrowserUnavailable, match=name):
        DesktopEnvironment({"BROWSER": path, "PATH": PATH}, "linux").command(URL)


async def test_browser_process_cannot_write_to_the_terminal(tmp_path: Path) -> None:
    """B24: it inherits no streams and no controlling terminal; under a pty, nothing is drawn."""
    browser = write_script(tmp_path, "echo DRAWN; echo DRAWN >&2; echo DRAWN > /dev/tty; exit 0")
    code = (
        "import asyncio, fcntl, os, termios\n"
        "os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # the pty becomes the terminal, as in a shell\n"
        "os.write(os.open('/dev/tty', os.O_WRONLY), b'TERMINAL')\n"
        "from drio_tui.auth.browser import DesktopEnvironment, open_url\n"
        f"asyncio.run(open_url({URL!r}, DesktopEnvironment({{'BROWSER': {browser!r}, 'PATH': {PATH!r}}}, 'linux')))\n"
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
    exit_code = await asyncio.to_thread(child.wait)
    reader.join()
    os.close(master)
    terminal_output = b"".join(chunks).decode()
    assert exit_code == 0, terminal_output
    assert "TERMINAL" in terminal_output
    assert "OPENED" in terminal_output
    assert "DRAWN" not in terminal_output


async def test_running_browser_process_is_not_waited_for(tmp_path: Path) -> None:
    """B24: `open_url` returns while it still runs."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    browser = write_script(tmp_path, f"echo $$ > {tmp_path}/pid; read x < {fifo}")
    await open_url(URL, DesktopEnvironment({"BROWSER": browser, "PATH": PATH}, "linux"))
    pid = int((tmp_path / "pid").read_text())
    os.kill(pid, 0)  # still there
    with fifo.open("w") as release:
        release.write("\n")


async def test_failing_browser_process_is_reported(tmp_path: Path) -> None:
    """B24: so that the caller can ask the user to open the URL."""
    browser = write_script(tmp_path, "exit 3")
    with pytest.raises(BrowserUnavailable, match="could not open"):
        await open_url(URL, DesktopEnvironment({"BROWSER": browser, "PATH": PATH}, "linux"))


async def test_browser_process_does_not_inherit_the_token(tmp_path: Path) -> None:
    """B68: `DRIO_TOKEN` is not in a child's environment."""
    dump_env = write_script(tmp_path, f"env > {tmp_path}/env")
    env = {
        "BROWSER": dump_env,
        "PATH": PATH,
        "DRIO_TOKEN": "very-secret",
        "DRIO_TOKEN_STAGING": "very-secret",
        "LANG": "C",
    }
    await open_url(URL, DesktopEnvironment(env, "linux"))
    child_environment = (tmp_path / "env").read_text()
    assert "LANG=C" in child_environment
    assert "very-secret" not in child_environment


@pytest.mark.parametrize("hostile", ["$(touch pwned)", "';touch pwned;'", "&&touch${IFS}pwned", "%0a-x"])
async def test_shell_syntax_in_a_url_is_not_executed(tmp_path: Path, hostile: str) -> None:
    """B23: the browser command gets the URL verbatim, and no command runs."""
    url = f"https://id.example/x?y={hostile.replace(' ', '%20').replace('{', '%7B').replace('}', '%7D')}"
    opener = write_script(tmp_path, f"printf '%s' \"$1\" > {shlex.quote(str(tmp_path))}/got; cd {tmp_path}")
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
def test_no_browser_is_opened_over_ssh_without_display_in_wsl_or_in_a_container(
    env: dict[str, str], extra: dict[str, bool], word: str
) -> None:
    """B26: SSH, no display, WSL, containers."""
    obstacle = DesktopEnvironment(env, "linux", **extra).why_no_browser()
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
def test_browser_is_opened_on_a_desktop_or_where_browser_is_set(
    env: dict[str, str], platform: str, extra: dict[str, bool]
) -> None:
    """B26 B24: `BROWSER` is also honoured in WSL and in containers."""
    assert DesktopEnvironment(env, platform, **extra).why_no_browser() is None


def test_each_platform_has_an_open_command() -> None:
    """B24: open, rundll32, xdg-open; and an error where there is none."""
    assert DesktopEnvironment({}, "darwin").command(URL) == ["open", URL]
    assert DesktopEnvironment({}, "win32").command(URL)[0] == "rundll32"
    with pytest.raises(BrowserUnavailable, match="No program"):
        DesktopEnvironment({"PATH": "/nonexistent"}, "linux").command(URL)


def test_environment_of_this_process_is_detected(monkeypatch: pytest.MonkeyPatch) -> None:
    """B26: `SSH_CONNECTION` of this process."""
    monkeypatch.setenv("SSH_CONNECTION", "192.0.2.1 50000 192.0.2.2 22")
    assert "SSH" in (DesktopEnvironment.detect().why_no_browser() or "")
    monkeypatch.delenv("SSH_CONNECTION")
    monkeypatch.setenv("BROWSER", "true")
    assert DesktopEnvironment.detect().why_no_browser() is None
