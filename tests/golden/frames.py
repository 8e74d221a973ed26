"""A screen as text that can be read and compared with a diff.

A frame has two parts: the characters, and below them a map of the same shape with a letter in each cell, one for each
combination of colours and attributes. A legend of the letters is at the end.
"""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Any

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual._context import visible_screen_stack
from textual.strip import Strip
from textual.widgets import Footer, Input, TextArea

FOLDER = Path(__file__).parent
_LETTERS = ".abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&*+-/:;<=>?@^_~"
_ATTRIBUTES = ("bold", "dim", "italic", "underline", "reverse", "strike")


def frame(app: Any) -> str:
    """Return the frame of the top screen and of what is visible behind it."""
    for widget in (*app.screen.query(Input), *app.screen.query(TextArea)):
        widget.cursor_blink = False
    visible_screen_stack.set(app._background_screens)
    strips = app.screen._compositor.render_strips()
    for row in _footer_rows_below(app):
        strips[row] = Strip.blank(strips[row].cell_length)
    letters: dict[str, str] = {}
    characters, styles = [], []
    for strip in strips:
        characters.append(normalised("".join(segment.text for segment in strip)).rstrip())
        row = (_letter(segment, letters) * cell_len(segment.text) for segment in strip)
        styles.append("".join(row).rstrip("."))
    legend = [f"{letter} {style}" for style, letter in letters.items()]
    return "\n".join([*characters, "", *styles, "", *legend, ""])


def _footer_rows_below(app: Any) -> set[int]:
    """Return the rows in which the footers of screens behind a dialog are seen: their keys cannot be pressed there."""
    rows = {footer.region.y for screen in app._background_screens for footer in screen.query(Footer)}
    covered = {row for widget in app.screen.query("*") for row in range(widget.region.y, widget.region.bottom)}
    return rows - covered


def _letter(segment: Segment, letters: dict[str, str]) -> str:
    """Return the letter of a segment's style; a new style is added to `letters`."""
    style = segment.style or Style()
    colours = [
        f"{name} {colour.get_truecolor().hex if colour is not None else 'default'}"
        for name, colour in (("fg", style.color), ("bg", style.bgcolor))
    ]
    description = " ".join([*colours, *(name for name in _ATTRIBUTES if getattr(style, name))])
    if description not in letters:
        letters[description] = _LETTERS[len(letters)]
    return letters[description]


_VARYING = (
    (r"(?<=0\.1:)\d{1,5}|(?<=0\.1%3A)\d{1,5}", r"\d", "9"),  # ports, also truncated or wrapped ones
    (r"\b\d{4}-\d\d-\d\d(T[\d:.]*)?|\b\d\d-\d\d(?= \d\d:)|\b\d\d:\d\d(:\d\d)?(\.\d+)?", r"\d", "0"),
    (r"\b[\d:.]+(?=Z\b)|\b\d+:\d\d(?= left\b)", r"\d", "0"),  # the rest of a wrapped time, the remaining time
    (r"\b[0-9a-f]{8}(-[0-9a-f]{1,4}){2,3}(-[0-9a-f]{1,12})?", r"\w", "f"),  # request ids, also truncated ones
    (r"\b[0-9a-f]{12,64}\b", r"\w", "f"),  # hashes
    (r"/\S*/(?=home|test|drio)\S*", r"\w", "/"),  # folders of the test
)
"""Patterns of texts that differ from run to run, the characters in them that differ, and their replacement."""


def normalised(text: str) -> str:
    """Return the text with the parts that differ from run to run replaced (ports, times, hashes), in the same width."""
    for pattern, characters, replacement in _VARYING:
        text = re.sub(pattern, lambda match, c=characters, r=replacement: re.sub(c, r, match[0]), text)  # type: ignore[misc] # mypy cannot infer a lambda with a default
    return text


def differences(path: Path, text: str) -> str:
    """Return a unified diff of a golden file and a frame; empty if they are equal."""
    recorded = path.read_text(encoding="utf-8") if path.exists() else ""
    lines = difflib.unified_diff(recorded.splitlines(), text.splitlines(), f"{path.name} recorded", "now", lineterm="")
    return "\n".join(lines)


def compare(folder: Path, frames: dict[str, str], *, update: bool) -> None:
    """Compare frames, by name, with the golden files of a folder; with `update`, write the files instead."""
    stale = {path.name for path in folder.glob("*.txt")} - {f"{name}.txt" for name in frames}
    if update:
        folder.mkdir(exist_ok=True)
        for name in stale:
            (folder / name).unlink()
        for name, text in frames.items():
            (folder / f"{name}.txt").write_text(text, encoding="utf-8")
        return
    assert not stale, f"there is no frame for these files: {sorted(stale)}"
    changed = [diff for name, text in frames.items() if (diff := differences(folder / f"{name}.txt", text))]
    hint = "\n\nIf this is intended: python -m pytest tests/golden --update-golden"
    assert not changed, "\n".join(changed)[:20_000] + hint
