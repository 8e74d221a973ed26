"""The program in a real pseudo-terminal, which it restores however it ends."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Any

import pytest

from drio_tui.launcher import is_locked
from drio_tui.ui.app import crash_report
from tests import THOROUGH
from tests.sandbox_fixtures import SandboxProcess
from tests.ui.shell_pty import SIGNALS, Terminal

pytestmark = pytest.mark.socket
UNREACHABLE = ("--base-url", "http://127.0.0.1:9")
FIRST_FRAME = "Quit"


def read_until_drawn(terminal: Terminal, frames: int) -> None:
    """Read until so many escape sequences were written, as a measure of the progress of starting."""
    terminal.until(lambda: terminal.output.count(b"\x1b[") >= frames)


@pytest.mark.parametrize("writes", [1, 20, 60, 200, 600] if THOROUGH else [1, 60, 600])
def test_quitting_during_start_restores_the_terminal(writes: int) -> None:
    with Terminal(*UNREACHABLE) as terminal:
        read_until_drawn(terminal, writes)
        terminal.press("\x11")
        if writes == 1:
            # After its first byte the terminal may not be raw yet and consumes ctrl+q itself: press it again.
            terminal.press_until_it_ends("\x11")
        assert terminal.wait() == 0
        assert terminal.restored == []
        assert b"Traceback" not in terminal.output


PAUSING = """
import os, select, sys, termios
from drio_tui.__main__ import main

restore = termios.tcsetattr

def restore_and_wait(handle, when, modes):
    raw = not termios.tcgetattr(handle)[0] & termios.IXON
    restore(handle, when, modes)
    if raw and modes[0] & termios.IXON:
        os.write(1, b"RESTORED")
        select.select([0], [], [], 10)

termios.tcsetattr = restore_and_wait
sys.argv[1:] = ["--base-url", "http://127.0.0.1:9"]
main()
"""


def test_ctrl_s_while_quitting_does_not_block_the_exit() -> None:
    """Ctrl+S stops the output of a terminal whose modes are restored."""
    with Terminal(command=[sys.executable, "-c", PAUSING]) as terminal:
        terminal.until(FIRST_FRAME)
        terminal.press("q")
        terminal.until(lambda: b"RESTORED" in terminal.output)
        terminal.press("\x13\n")
        assert terminal.wait() == 0
        assert terminal.restored == []


@pytest.mark.parametrize("name", SIGNALS)
def test_a_signal_ends_the_program_with_128_plus_number_and_restores_the_terminal(name: str) -> None:
    """F50."""
    with Terminal(*UNREACHABLE) as terminal:
        terminal.until("Templates")
        terminal.until(FIRST_FRAME)
        terminal.kill(SIGNALS[name])
        assert terminal.wait() == 128 + SIGNALS[name]
        assert terminal.restored == []
        assert b"Traceback" not in terminal.output


@pytest.mark.parametrize("key", ["\x1a", "\x1c", "\x03"] if THOROUGH else ["\x03"])
def test_signal_keys_while_quitting_change_nothing(key: str) -> None:
    """The terminal is no longer raw by then."""
    with Terminal(*UNREACHABLE) as terminal:
        terminal.until("try again")
        terminal.press("\x11")
        # Wait for the output first: the kernel discards pending output at such a key.
        terminal.until(lambda: b"\x1b[?1004l" in terminal.output)
        terminal.press(key * 3)
        assert terminal.wait() == 0
        assert terminal.restored == []


@pytest.mark.parametrize("wait", [0.0, 0.03, 0.06] if THOROUGH else [0.03])
def test_ending_while_the_first_list_is_mounted_is_no_crash(wait: float) -> None:
    """A screen whose widgets are no longer mounted cannot find them."""
    with Terminal(*UNREACHABLE) as terminal:
        terminal.until("Templates")
        terminal.until(FIRST_FRAME)
        end = time.monotonic() + wait
        while time.monotonic() < end:
            terminal.read(0.002)
        terminal.kill(signal.SIGTERM)
        assert terminal.wait() == 128 + signal.SIGTERM
        assert b"had to stop" not in terminal.output


def test_closing_the_terminal_ends_the_program() -> None:
    """F50."""
    with Terminal(*UNREACHABLE) as terminal:
        terminal.until(FIRST_FRAME)
        terminal.hang_up()
        assert terminal.process.wait(30) == 128 + signal.SIGHUP


def test_a_terminal_closed_without_a_signal_ends_the_program() -> None:
    """The kernel sends SIGHUP only to the leader of the terminal's session."""
    with Terminal(*UNREACHABLE, controlling=False) as terminal:
        terminal.until(FIRST_FRAME)
        terminal.hang_up()
        assert terminal.process.wait(30) == 128 + signal.SIGHUP


def test_blocked_terminal_output_does_not_prevent_the_exit() -> None:
    """As with Ctrl+S, or a hanging connection: the event loop waits for room in the output queue."""
    with Terminal(*UNREACHABLE) as terminal:
        terminal.until("try again")
        termios.tcflow(terminal.slave, termios.TCOOFF)
        for _ in range(100):
            terminal.press("?\x1b")
        terminal.kill(signal.SIGTERM)
        assert terminal.process.wait(30) == 128 + signal.SIGTERM


def test_invalid_bytes_and_escape_sequences_are_survived() -> None:
    """F47."""
    with Terminal(*UNREACHABLE) as terminal:
        terminal.until("try again")
        for data in (
            b"\xe9a",
            b"\xff\xfe\xc3",
            b"\x1b[99999999u",
            b"\x1b[55296;1u",
            b"\x1b[97:65;2u",
            b"\x1b[48;0;0;0;0t\x1b[<0;5;5M\x1b[<0;5;5m",
            b"\x1b[48;99999;99999;9;9t",
            b"\x1b[<0;99999999999;99999999999M",
            b"\x1b[M\xff\xff\xff",
        ):
            terminal.send(data)
            terminal.press("?")
            terminal.until("Esc closes")
            terminal.press("\x1b")
            terminal.until(lambda: "Esc closes" not in terminal.text)
        terminal.press("q")
        assert terminal.wait() == 0
        assert terminal.restored == []


def test_an_unterminated_paste_does_not_swallow_later_keys() -> None:
    with Terminal(*UNREACHABLE) as terminal:
        terminal.until("try again")
        terminal.send(b"\x1b[200~half of a")
        terminal.press_until_it_ends("\x11")
        assert terminal.wait() == 0
        assert terminal.restored == []


def test_resizing_the_terminal_redraws_the_screen() -> None:
    with Terminal(*UNREACHABLE, size=(100, 30)) as terminal:
        terminal.until("try again")
        terminal.resize(120, 35)
        terminal.until(lambda: FIRST_FRAME in terminal.screen.display[34])
        terminal.press("q")
        assert terminal.wait() == 0


def test_the_program_can_be_stopped_and_continued() -> None:
    with Terminal(*UNREACHABLE) as terminal:
        terminal.until(FIRST_FRAME)
        terminal.kill(signal.SIGTSTP)
        terminal.until(lambda: os.waitpid(terminal.process.pid, os.WUNTRACED | os.WNOHANG)[0])
        terminal.until(lambda: terminal.restored == [])
        before = len(terminal.output)
        terminal.kill(signal.SIGCONT)
        terminal.until(lambda: b"\x1b[?1049h" in terminal.output[before:])
        terminal.until(FIRST_FRAME)
        terminal.press("q")
        assert terminal.wait() == 0
        assert terminal.restored == []


def test_ctrl_z_without_a_job_control_shell_does_not_stop_the_program() -> None:
    with Terminal(*UNREACHABLE) as terminal:
        terminal.until("try again")
        terminal.press("\x1a")
        terminal.until("There is no shell to go back to")
        terminal.press("q")
        assert terminal.wait() == 0


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_ctrl_z_returns_to_the_shell_and_fg_resumes(sandbox_process: SandboxProcess) -> None:
    env = {"PS1": "shell> ", "DRIO_TOKEN": sandbox_process.token}
    with Terminal(command=["bash", "--norc", "--noprofile", "-i"], env=env) as terminal:
        terminal.until("shell>")
        terminal.press(f"{sys.executable} -m drio_tui --base-url {sandbox_process.base_url}\n")
        terminal.until("Acme Support")
        while terminal.read(1.0):  # the apps are still being counted
            continue
        shown = terminal.text
        for _ in range(2):
            terminal.press("\x1a")
            terminal.until("Stopped")
            terminal.press("fg\n")
            terminal.until(lambda: terminal.text == shown)
        before = len(terminal.output)
        terminal.press("q")
        terminal.until(lambda: b"shell>" in terminal.output[before:].partition(b"\x1b[?1049l")[2])
        terminal.press("exit $?\n")
        assert terminal.wait() == 0


def test_the_sandbox_outlives_the_program(isolated: Path) -> None:
    """There is no confirmation at the end either."""
    ready = isolated / "data" / "sandbox" / "sandbox.json"
    first = None
    for end in ("q", signal.SIGTERM, signal.SIGKILL):
        with Terminal("--sandbox") as terminal:
            terminal.until("Acme Support")
            terminal.press(end) if isinstance(end, str) else terminal.kill(end)
            terminal.wait()
        first = first or ready.read_text()
        assert ready.read_text() == first
        assert is_locked(ready.parent)


@pytest.mark.parametrize("size", [(1, 1), (20, 5), (500, 200)])
def test_the_program_starts_and_ends_in_a_terminal_of_any_size(size: tuple[int, int]) -> None:
    """F46."""
    with Terminal(*UNREACHABLE, size=size) as terminal:
        read_until_drawn(terminal, 60)
        terminal.press("q")
        assert terminal.wait() == 0
        assert terminal.restored == []


def test_a_dumb_terminal_is_refused_with_a_message() -> None:
    """F47."""
    with Terminal(*UNREACHABLE, env={"TERM": "dumb"}) as terminal:
        assert terminal.wait() == 2
        assert b"TERM=dumb" in terminal.output
        assert b"\x1b" not in terminal.output


def test_without_a_terminal_an_error_is_printed() -> None:
    """F49."""
    result = subprocess.run(
        [sys.executable, "-m", "drio_tui", *UNREACHABLE],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 2
    assert "needs a terminal" in result.stderr
    assert result.stdout == ""


def test_no_color_draws_in_shades_of_grey() -> None:
    """F47."""
    with Terminal(*UNREACHABLE, env={"NO_COLOR": "1"}) as terminal:
        terminal.until(FIRST_FRAME)
        colours = {
            tuple(part for part in (char.fg, char.bg) if len(part) == 6)
            for line in terminal.screen.buffer.values()
            for char in line.values()
        }
        for pair in colours:
            for colour in pair:
                assert colour[:2] == colour[2:4] == colour[4:], colour
        terminal.press("q")
        assert terminal.wait() == 0


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("Authorization: Bearer abcdef", "abcdef"),
        ("authorization: Basic dXNlcjpw", "dXNlcjpw"),
        ("http://127.0.0.1:1/callback?code=c0de&state=st4te", "c0de"),
        ("{'refresh_token': 'r3fresh'}", "r3fresh"),
        ('{"client_secret":"hush"}', "hush"),
        ("eyJhbGciOiJ.eyJzdWIi.c2ln", "eyJzdWIi"),
        ("token dr_0123456789abcdef0123456789abcdef0123", "0123456789abcdef0123456789abcdef"),
    ],
)
def test_crash_reports_contain_no_credentials(text: str, secret: str) -> None:
    assert secret not in crash_report.redacted(text)


def test_crash_reports_keep_paths_and_line_numbers() -> None:
    text = 'File "/usr/lib/python3/site-packages/textual/widgets/_a_rather_long_module_name_1.py", line 3, in compose'
    assert crash_report.redacted(text) == text


def test_a_crash_report_that_cannot_be_written_raises_nothing(isolated: Path, capsys: Any) -> None:
    (isolated / "state").write_text("in the way")
    error = RuntimeError("x")
    assert crash_report.write_report(error) is None
    crash_report.print_summary(error, None)
    assert "No report could be written" in capsys.readouterr().err
