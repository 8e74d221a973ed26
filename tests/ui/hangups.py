"""Close the terminal at a random moment of an edit: scripts/hangups.py does it 200 times, a test a few times."""

from __future__ import annotations

import time
from dataclasses import dataclass
from random import Random

from drio_tui.workspace.saving import unsaved_edits
from tests.ui.driving import TOKEN
from tests.ui.shell_pty import Terminal

NAME = "Acme Support"
NEXT_PAGE, END, SAVE = "\x1b[15~", "\x1b[F", "\x13"
SAVED = "PATCH /apps/app_1"
"""The request that the server has to hold back; otherwise the edit is saved and nothing is kept."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How the program ended: its exit status, after how many seconds, and the name in the edit it kept."""

    status: int
    seconds: float
    kept: str


def hang_up(base_url: str, moment: str, random: Random, offered: str) -> Ended:
    """Type into the app's name and close the terminal.

    `offered` is the name in the edit that the program offers from the last time; if empty, the editor is opened. Fails
    if the typed text that was on the screen is not in the one edit that was kept.
    """
    with Terminal("--base-url", base_url, size=(120, 40), env={"DRIO_TOKEN": TOKEN}) as terminal:
        terminal.until(NAME)
        if offered:
            terminal.until("Edits that were not saved")
            terminal.press("\r")
            terminal.until(offered)
        else:
            terminal.press("\r")
            terminal.until("no problems")
            terminal.press("e")
        terminal.until("fields as this version knows them")
        terminal.press(END)
        typed = "".join(random.choices("abcdefg", k=3))
        terminal.press(typed)
        terminal.until(f"{offered or NAME}{typed}")
        MOMENTS[moment](terminal, random)
        terminal.hang_up()
        began = time.monotonic()
        status = terminal.process.wait(60)
        seconds = time.monotonic() - began
    (edit,) = unsaved_edits.load().buffers
    kept = str(edit.local["name"])
    assert kept.startswith(f"{offered or NAME}{typed}"), f"{typed!r} is not at the end of {kept!r}"
    return Ended(status, seconds, kept)


def forget() -> None:
    """Discard the kept edits, so that the next edit starts from the server's name."""
    for edit in unsaved_edits.load().buffers:
        unsaved_edits.discard(edit.id)


def _idle(terminal: Terminal, random: Random) -> None:
    _read_for(terminal, random.uniform(0, 0.5))


def _drawing(terminal: Terminal, random: Random) -> None:
    for _ in range(random.randint(1, 12)):
        if random.random() < 0.5:
            terminal.press(NEXT_PAGE)
        else:
            terminal.resize(random.randint(60, 160), random.randint(20, 60))
        if random.random() < 0.5:
            _read_for(terminal, random.uniform(0, 0.05))


def _typing(terminal: Terminal, random: Random) -> None:
    for _ in range(random.randint(1, 8)):
        terminal.press(random.choice("hijklmnop"))
        _read_for(terminal, random.uniform(0, 0.03))


def _saving(terminal: Terminal, random: Random) -> None:
    terminal.press(SAVE)
    _read_for(terminal, random.uniform(0, 0.4))


MOMENTS = {"idle": _idle, "drawing": _drawing, "typing": _typing, "saving": _saving}


def _read_for(terminal: Terminal, seconds: float) -> None:
    """Let the program run for a time; the time is random on purpose."""
    end = time.monotonic() + seconds
    while (remaining := end - time.monotonic()) > 0:
        terminal.read(remaining)
