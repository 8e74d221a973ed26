"""Exclusive access to files that several processes and screens of one user share."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from drio_tui.storage.lock import FileLock, LockBusy


class FileInUse(OSError):
    """Another process, or another screen, is using the file."""


def lock_file(stack: ExitStack, path: Path, what: str) -> None:
    """Lock the file at `path` until `stack` is closed or the process ends. Raises `FileInUse`; `what` names it."""
    try:
        stack.enter_context(FileLock(path.with_suffix(".lock")).hold_blocking(0))
    except LockBusy as busy:
        raise FileInUse(f"Another window is working on this {what}.") from busy


def is_locked(path: Path) -> bool:
    """Return whether the file at `path` is locked."""
    with ExitStack() as stack:
        try:
            lock_file(stack, path, "file")
        except FileInUse:
            return True
    return False
