"""Editing text in the person's own `$VISUAL` or `$EDITOR`."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.app import SuspendNotSupported

if TYPE_CHECKING:
    from textual.app import App

_LIMIT = 16 << 20


class NoEditor(Exception):
    """There is no editor to start, or it failed; the text says why."""


def edit_outside(app: App[Any], text: str) -> str | None:
    """What the person made of `text`, None when the editor ended with an error.

    The text lies in a new file of mode 0600 in a folder of its own (0700), which is gone afterwards. The
    command is split as a shell would, but no shell is started. Raises `NoEditor`.
    """
    command = os.environ.get("VISUAL") or os.environ.get("EDITOR") or ""
    try:
        words = shlex.split(command)
    except ValueError:
        words = []
    if not words or shutil.which(words[0]) is None:
        raise NoEditor("Set $VISUAL or $EDITOR to the editor you like.")
    with tempfile.TemporaryDirectory(prefix="drio-") as folder:
        path = Path(folder) / "edit.json"
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text + "\n")
        try:
            with app.suspend():
                ended = subprocess.run([*words, str(path)], check=False).returncode  # noqa: S603  # what the person set
        except SuspendNotSupported:
            raise NoEditor("This terminal cannot be lent to an editor.") from None
        except OSError as error:
            raise NoEditor(f"The editor did not start: {error.strerror}") from None
        if ended != 0:
            return None
        try:
            with path.open("rb") as made:
                data = made.read(_LIMIT + 1)
            if len(data) > _LIMIT:
                raise NoEditor("What came back is too large.")
            return data.decode("utf-8").rstrip("\n")
        except (OSError, UnicodeDecodeError):
            raise NoEditor("What came back is not text.") from None
