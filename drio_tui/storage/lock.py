"""Lock files between processes, released by the kernel when their holder ends.

The lock is the kernel's (`flock`, or `msvcrt.locking` on Windows), not the file's existence: after kill -9 the next
process gets it at once, although the file still exists. The file is never removed, since then two processes could lock
two different files of the same name.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import random
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from drio_tui.storage import paths
from drio_tui.storage.files import private_dir

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_POLL_INITIAL = 0.02
_POLL_MAX = 0.1


class LockBusy(OSError):
    """Another process held the lock for longer than the time limit."""


class FileLock:
    """A lock between processes at `path`, and between holders in one process. Not re-entrant.

    If the folder is not writable, the lock is acquired without excluding others (`shared` is False): without a
    writable home there are no files to share with another process either.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle: int | None = None
        self.shared = True

    @contextlib.asynccontextmanager
    async def hold(self, limit: float) -> AsyncIterator[FileLock]:
        """Hold the lock for the block, waiting at most `limit` seconds for it. Raises `LockBusy`."""
        deadline = time.monotonic() + limit
        pause = _POLL_INITIAL
        while not self._try_acquire():
            if time.monotonic() >= deadline:
                raise LockBusy(f"{self._path} is held by another process")
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret
            pause = min(_POLL_MAX, pause * 1.5)
        try:
            yield self
        finally:
            self._release()

    @contextlib.contextmanager
    def hold_blocking(self, limit: float) -> Iterator[FileLock]:
        """Hold the lock like `hold`, but blocking; only for work of a few milliseconds. Raises `LockBusy`."""
        deadline = time.monotonic() + limit
        while not self._try_acquire():
            if time.monotonic() >= deadline:
                raise LockBusy(f"{self._path} is held by another process")
            time.sleep(_POLL_INITIAL)
        try:
            yield self
        finally:
            self._release()

    def _try_acquire(self) -> bool:
        if self._handle is not None:
            raise RuntimeError("this lock object is held already; create one per holder")
        try:
            private_dir(self._path.parent)
            flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
            handle = os.open(self._path, flags, 0o600)
        except OSError:
            self.shared = False
            return True
        try:
            _lock(handle)
        except BlockingIOError:
            os.close(handle)
            return False
        except OSError:  # a file system without locks (some network mounts)
            os.close(handle)
            self.shared = False
            return True
        self._handle = handle
        self.shared = True
        return True

    def _release(self) -> None:
        handle, self._handle = self._handle, None
        if handle is not None:
            with contextlib.suppress(OSError):
                _unlock(handle)
            os.close(handle)


def sign_in_lock(entry: str) -> FileLock:
    """Return the lock to hold while refreshing or ending the sign-in stored under `entry`."""
    return _named_lock(entry)


def user_file_lock(path: Path) -> FileLock:
    """Return the lock to hold while a file of the user's is changed. It is in the state folder, not beside the file."""
    return _named_lock(f"file {path.resolve()}")


def _named_lock(name: str) -> FileLock:
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return FileLock(paths.state_dir() / "locks" / f"{digest}.lock")


if sys.platform == "win32":

    def _lock(handle: int) -> None:
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise BlockingIOError(str(error)) from error

    def _unlock(handle: int) -> None:
        os.lseek(handle, 0, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_UNLCK, 1)

else:

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_UN)
