"""The real program in a terminal, ended in the middle of an edit: the edit is offered at the next start."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from drio_tui.workspace.saving import unsaved_edits
from tests import THOROUGH
from tests.ui.driving import TOKEN
from tests.ui.shell_pty import Terminal
from tests.ui.table_server import TableServer, drio_of, serving

pytestmark = pytest.mark.socket

FAILING = """
import sys, threading
from drio_tui.ui.app.drio_app import DrioApp
from drio_tui.ui.base.textual_internals.driver import TerminalDriver
from drio_tui.ui.app.launch import LaunchOptions, run_tui
from drio_tui.ui.app.terminal import TerminalApp

how, base_url = sys.argv[1:]

def fail(*_):
    raise RuntimeError("broken")

def crash(self):
    TerminalApp._handle_exception(self, RuntimeError("broken"))  # as after repeated failures

def hang(self):
    print("it hangs", file=sys.__stderr__, flush=True)
    threading.Event().wait()

def press(self):
    TerminalDriver.process_message = fail

def draw(self):
    output = self._driver._file
    file = output._to
    class Broken:
        def write(self, text):
            output._to = file
            fail()
        def flush(self):  # of what was written before
            file.flush()
    output._to = Broken()

DrioApp.action_help = {"crash": crash, "hang": hang, "deaf": press, "mute": draw}[how]
sys.exit(run_tui(LaunchOptions(base_url=base_url)))
"""
"""A program that fails at F1, in the way that its first argument names."""


def edit_and_end(
    base_url: str, typed: str, name: str, end: Callable[[Terminal], int], *, again: bool, fail: str
) -> int:
    """Edit the app (with `again`, go on with the kept edit), type at the end of the name, and end the program."""
    command = [sys.executable, "-c", FAILING, fail, base_url] if fail else None
    arguments = () if fail else ("--base-url", base_url)
    with Terminal(*arguments, command=command, size=(120, 40), env={"DRIO_TOKEN": TOKEN}) as terminal:
        terminal.until("Acme Support")
        if again:
            terminal.until("Edits that were not saved")
            terminal.press("\r")
        else:
            terminal.press("\r")
            terminal.until("no problems")
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
    terminal.press_until_it_ends("\x1b[D", every=0.5)
    code = terminal.wait()
    assert terminal.restored == []
    assert b"drio-tui had to stop" in terminal.output
    assert b"Traceback" not in terminal.output
    return code


def terminated(terminal: Terminal) -> int:
    terminal.press("\x1bOP")  # F1
    terminal.until(lambda: b"it hangs" in terminal.output)
    terminal.kill(signal.SIGCONT)
    terminal.kill(signal.SIGTERM)
    code = terminal.wait()
    assert terminal.restored == []
    return code


def killed(terminal: Terminal) -> int:
    terminal.until(
        lambda: any(edit.local["name"].endswith("!" * len(ENDINGS)) for edit in unsaved_edits.load().buffers)
    )
    terminal.kill(signal.SIGKILL)
    return terminal.wait()


ENDINGS: list[tuple[Callable[[Terminal], int], str, int]] = [
    # tests/ui/app/test_hangups.py closes the terminal in the middle of an edit, too
    *([(hung_up, "", 129), (crashed, "mute", 1)] if THOROUGH else []),
    (crashed, "crash", 1),
    (crashed, "deaf", 1),
    (terminated, "hang", 143),
    (killed, "", 137),
]
"""How the program is ended, how it fails before (see `FAILING`), and its exit status."""


async def test_an_edit_survives_every_way_the_program_ends(isolated: Path) -> None:
    """F36 F51: by a signal, a crash in a handler, a dead thread of the driver, a signal while the event loop hangs."""
    async with serving(TableServer(drio_of())) as server:
        typed = ""
        for end, fail, code in ENDINGS:
            again = bool(typed)
            typed += "!"
            status = await asyncio.to_thread(
                edit_and_end, server.base_url, "!", f"Acme Support{typed}", end, again=again, fail=fail
            )
            assert status == code, fail
            (edit,) = unsaved_edits.load().buffers
            assert (edit.local["name"], edit.base and edit.base["name"]) == (f"Acme Support{typed}", "Acme Support")
            assert TOKEN not in repr((edit, edit.local))
        assert len(list((isolated / "state" / "crashes").iterdir())) == sum(end is crashed for end, _, _ in ENDINGS)
        assert server.asked("PATCH", "/apps/app_1") == 0
