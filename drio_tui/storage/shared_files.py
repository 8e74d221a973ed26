"""Files that one person's windows share: each is worked on in one of them at a time."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from drio_tui.storage.lock import FileLock, LockBusy


class InUse(OSError):
    """Another process, or another screen, is working on it."""


def hold(stack: ExitStack, path: Path, what: str) -> None:
    """Hold what is kept at `path` until `stack` is closed, or the process ends. Raises `InUse`."""
    try:
        stack.enter_context(FileLock(path.with_suffix(".lock")).hold_blocking(0))
    except LockBusy as busy:
        raise InUse(f"Another window is working on this {what}.") from busy


def is_held(path: Path) -> bool:
    """Whether somebody works on what is kept at `path`."""
    with ExitStack() as stack:
        try:
            hold(stack, path, "file")
        except InUse:
            return True
    return False
