"""What a screen shows, as text that a reader and a diff can follow.

A frame has two parts: the characters, and below them a picture of the same shape that has a letter in each cell, one
for each combination of colours and attributes. The letters are explained at the end.
"""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Any

from rich.cells import get_character_cell_size
from rich.segment import Segment
from rich.style import Style
from textual._context import visible_screen_stack
from textual.widgets import Input, TextArea

FOLDER = Path(__file__).parent
_LETTERS = ".abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&*+-/:;<=>?@^_~"
_ATTRIBUTES = ("bold", "dim", "italic", "underline", "reverse", "strike")


def frame(app: Any) -> str:
    """The screen on top and what is visible behind it."""
    for field in (*app.screen.query(Input), *app.screen.query(TextArea)):
        field.cursor_blink = False
    visible_screen_stack.set(app._background_screens)
    strips = app.screen._compositor.render_strips()
    letters: dict[str, str] = {}
    characters, styles = [], []
    for strip in strips:
        cells = [(mark, letter) for segment in strip for letter in [_letter(segment, letters)] for mark in segment.text]
        cells = _without_durations(cells)
        characters.append(normalised("".join(character for character, _ in cells)).rstrip())
        styles.append("".join(letter * get_character_cell_size(character) for character, letter in cells).rstrip("."))
    legend = [f"{letter} {style}" for style, letter in letters.items()]
    return "\n".join([*characters, "", *styles, "", *legend, ""])


def _letter(segment: Segment, letters: dict[str, str]) -> str:
    style = segment.style or Style()
    colours = [
        f"{name} {colour.get_truecolor().hex if colour is not None else 'default'}"
        for name, colour in (("fg", style.color), ("bg", style.bgcolor))
    ]
    described = " ".join([*colours, *(name for name in _ATTRIBUTES if getattr(style, name))])
    if described not in letters:
        letters[described] = _LETTERS[len(letters)]
    return letters[described]


_VARYING = (
    (r"(?<=0\.1:)\d{1,5}|(?<=0\.1%3A)\d{1,5}", r"\d", "9"),  # ports, also cut or wrapped ones
    (r"\b\d{4}-\d\d-\d\d(T[\d:.]*)?|\b\d\d-\d\d(?= \d\d:)|\b\d\d:\d\d(:\d\d)?(\.\d+)?", r"\d", "0"),
    (r"\b[\d:.]+(?=Z\b)|\b\d+:\d\d(?= left\b)", r"\d", "0"),  # the rest of a wrapped time, what is left of a limit
    (r"\b[0-9a-f]{8}(-[0-9a-f]{1,4}){2,3}(-[0-9a-f]{1,12})?", r"\w", "f"),  # request ids, also cut ones
    (r"\b[0-9a-f]{12,64}\b", r"\w", "f"),  # hashes
    (r"/\S*/(?=home|test|drio)\S*", r"\w", "/"),  # folders of the test
)
"""Patterns of what differs from run to run, the characters in it that differ, and what stands for each of them."""
_DURATION = re.compile(r" *(\d+(?:\.\d+)?)(?= ?(?:ms|s|min)\b)")


def normalised(text: str) -> str:
    """The text without what differs from run to run: ports, times, hashes. Its width stays."""
    for pattern, characters, mark in _VARYING:
        text = re.sub(pattern, lambda found, c=characters, m=mark: re.sub(c, m, found[0]), text)  # type: ignore[misc] # mypy cannot infer a lambda with a default
    return text


def _without_durations(cells: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The characters of a line, each with its letter: every duration is ` 0`, since its width differs too."""
    text = "".join(character for character, _ in cells)
    for found in reversed([*_DURATION.finditer(text)]):
        letter = cells[found.start(1)][1]
        cells = [*cells[: found.start()], (" ", letter), ("0", letter), *cells[found.end() :]]
    return [*cells, *[(" ", cells[-1][1])] * (len(text) - len(cells))]


def differences(path: Path, found: str) -> str:
    """A unified diff of what is recorded and what was found; empty where they are equal."""
    recorded = path.read_text(encoding="utf-8") if path.exists() else ""
    lines = difflib.unified_diff(recorded.splitlines(), found.splitlines(), f"{path.name} recorded", "now", lineterm="")
    return "\n".join(lines)


def compare(recorded: Path, found: dict[str, str], *, update: bool) -> None:
    """Compare what was found with the files of a folder, by name; with `update`, write them instead."""
    stale = {path.name for path in recorded.glob("*.txt")} - {f"{name}.txt" for name in found}
    if update:
        recorded.mkdir(exist_ok=True)
        for name in stale:
            (recorded / name).unlink()
        for name, text in found.items():
            (recorded / f"{name}.txt").write_text(text, encoding="utf-8")
        return
    assert not stale, f"nothing makes these any more: {sorted(stale)}"
    changed = [diff for name, text in found.items() if (diff := differences(recorded / f"{name}.txt", text))]
    hint = "\n\nIf it is meant: python -m pytest tests/golden --update-golden"
    assert not changed, "\n".join(changed)[:20_000] + hint
