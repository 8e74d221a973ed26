"""A real program in a real terminal that ends in the middle of an edit: what was typed is there at the next start."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from drio_tui.workspace import recovery
from tests.ui.driving import TOKEN
from tests.ui.shell_pty import Terminal
from tests.ui.table_server import TableServer, drio_of, serving

pytestmark = pytest.mark.socket

CRASHING = """
import sys
from drio_tui.ui.app import DrioApp
from drio_tui.ui.launch import LaunchOptions, run_tui

def fail(self):
    raise RuntimeError("broken")

DrioApp.action_help = fail
sys.exit(run_tui(LaunchOptions(base_url=sys.argv[1])))
"""


def end_of(base_url: str, typed: str, name: str, end: Callable[[Terminal], int], *, again: bool, crash: bool) -> int:
    """Open the app's editor (`again`: the edit that was kept), type at the end of the name, and end the program."""
    command = [sys.executable, "-c", CRASHING, base_url] if crash else None
    arguments = () if crash else ("--base-url", base_url)
    with Terminal(*arguments, command=command, size=(120, 40), env={"DRIO_TOKEN": TOKEN}) as terminal:
        terminal.until("Acme Support")
        if again:
            terminal.until("Edits that were not saved")
            terminal.press("\r")
        else:
            terminal.press("\r")
            terminal.until("things, no problems")
            terminal.press("e")
        terminal.until("fields as this version knows them")
        terminal.press("\x1b[F")
        terminal.press(typed)
        terminal.until(name)
        return end(terminal)


def hung_up(terminal: Terminal) -> int:
    terminal.kill(signal.SIGHUP)
    code = terminal.wait()
    assert terminal.restored == []
    return code


def crashed(terminal: Terminal) -> int:
    terminal.press("\x1bOP")  # F1
    code = terminal.wait()
    assert terminal.restored == []
    assert b"drio-tui had to stop" in terminal.output
    assert b"Traceback" not in terminal.output
    return code


async def test_an_edit_outlives_every_end_of_the_program(isolated: Path) -> None:
    """F36 F51: SIGHUP (SIGTERM goes the same way), then a crash inside a handler of the edit that was gone on with."""
    async with serving(TableServer(drio_of())) as server:
        typed = ""
        for number, (end, code) in enumerate([(hung_up, 129), (crashed, 1)]):
            typed += "!"
            ended = await asyncio.to_thread(
                end_of, server.base_url, "!", f"Acme Support{typed}", end, again=number > 0, crash=end is crashed
            )
            assert ended == code
            (kept,) = recovery.load().buffers
            assert (kept.mine["name"], kept.base and kept.base["name"]) == (f"Acme Support{typed}", "Acme Support")
            assert TOKEN not in repr((kept, kept.mine))
        assert len(list((isolated / "state" / "crashes").iterdir())) == 1
        assert server.asked("PATCH", "/apps/app_1") == 0
