"""Edit text in the user's `$VISUAL` or `$EDITOR`."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.app import SuspendNotSupported

from drio_tui.storage.files import os_error_text
from drio_tui.ui.widgets.sanitize import sanitize_line

if TYPE_CHECKING:
    from textual.app import App
    from textual.widget import Widget

_MAX_BYTES = 16 << 20
_DEFAULT_EDITORS = ("vi", "nano")
_LINE_EDITORS = frozenset({"vi", "vim", "nvim", "nano", "emacs", "emacsclient", "micro", "kak", "joe"})
"""Editors that take `+LINE` before the file."""


class NoEditor(Exception):
    """There is no editor to start, or it failed; the message says why."""


def edit_in_external_editor(app: App[Any], text: str) -> str | None:
    """Open `text` in an editor; return the edited text, or None if the editor exited with an error.

    The text is in a new file of mode 0600 in a separate folder (0700), which is deleted afterwards. The
    command is split as a shell would, but no shell is started. Raises `NoEditor`.
    """
    words = _command()
    with tempfile.TemporaryDirectory(prefix="drio-") as folder:
        path = Path(folder) / "edit.json"
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text + "\n")
        if not _run(app, [*words, str(path)]):
            return None
        try:
            with path.open("rb") as edited:
                data = edited.read(_MAX_BYTES + 1)
            if len(data) > _MAX_BYTES:
                raise NoEditor("What came back is too large.")
            return data.decode("utf-8").rstrip("\n")
        except (OSError, UnicodeDecodeError):
            raise NoEditor("What came back is not text.") from None


def edited_outside(widget: Widget, text: str) -> str | None:
    """Return `text` as it was changed in an editor, None if it was not; a notice says why there is no editor."""
    try:
        edited = edit_in_external_editor(widget.app, text)
    except NoEditor as error:
        widget.notify(sanitize_line(str(error), 300).plain, severity="warning", markup=False)
        return None
    return None if edited == text else edited


def edit_file(app: App[Any], path: Path, line: int = 0) -> bool:
    """Open a file in an editor, at a line if it is known to take one; return whether the editor ended without an error.

    Raises `NoEditor`.
    """
    words = _command()
    at_line = [f"+{line}"] if line and Path(words[0]).stem in _LINE_EDITORS else []
    return _run(app, [*words, *at_line, str(path)])


def _run(app: App[Any], command: list[str]) -> bool:
    """Lend the terminal to an editor; return whether it ended without an error. Raises `NoEditor`."""
    try:
        with app.suspend():
            return subprocess.run(command, check=False).returncode == 0  # noqa: S603 - set by the user
    except SuspendNotSupported:
        raise NoEditor("This terminal cannot be lent to an editor.") from None
    except OSError as error:
        raise NoEditor(f"The editor did not start: {os_error_text(error)}") from None


def _command() -> list[str]:
    """Return the editor's command: `$VISUAL`, else `$EDITOR`, else vi or nano. Raises `NoEditor`."""
    variable = next((name for name in ("VISUAL", "EDITOR") if os.environ.get(name, "").strip()), "")
    if not variable:
        default = next((name for name in _DEFAULT_EDITORS if shutil.which(name)), None)
        if default is None:
            raise NoEditor("There is no vi and no nano. Set $VISUAL or $EDITOR to an editor, as in EDITOR=micro.")
        return [default]
    try:
        words = shlex.split(os.environ[variable])
    except ValueError:
        raise NoEditor(f"${variable} has a quote that is not closed: {os.environ[variable]}") from None
    if shutil.which(words[0]) is None:
        raise NoEditor(f"${variable} names {words[0]}, which is not found. Set it to an editor that is installed.")
    return words
