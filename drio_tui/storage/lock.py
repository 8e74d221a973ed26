"""One refresh at a time on this machine: a lock file that the kernel frees when its holder dies.

The lock is the kernel's (`flock`, or `msvcrt.locking` on Windows), not the file's existence: after kill -9
the next process gets it at once, and the file left behind means nothing. The file is never removed, since
removing it would let two processes hold two different files of the same name.
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

_POLL = 0.02
_POLL_MOST = 0.1


class LockBusy(OSError):
    """Another process kept the lock for longer than one was willing to wait."""


class FileLock:
    """A lock between processes at `path`; also between two holders in one process. Not re-entrant.

    Where the folder cannot be written the lock is given without being shared (`shared` is False): a
    machine without a writable home has no second process that shares tokens either.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle: int | None = None
        self.shared = True

    @contextlib.asynccontextmanager
    async def hold(self, limit: float) -> AsyncIterator[FileLock]:
        """Hold it for the block, waiting at most `limit` seconds. Raises `LockBusy`."""
        ends = time.monotonic() + limit
        pause = _POLL
        while not self._try():
            if time.monotonic() >= ends:
                raise LockBusy(f"{self._path} is held by another process")
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret
            pause = min(_POLL_MOST, pause * 1.5)
        try:
            yield self
        finally:
            self._release()

    @contextlib.contextmanager
    def hold_blocking(self, limit: float) -> Iterator[FileLock]:
        """The same for code without an event loop; only for work of a few milliseconds. Raises `LockBusy`."""
        ends = time.monotonic() + limit
        while not self._try():
            if time.monotonic() >= ends:
                raise LockBusy(f"{self._path} is held by another process")
            time.sleep(_POLL)
        try:
            yield self
        finally:
            self._release()

    def _try(self) -> bool:
        if self._handle is not None:
            raise RuntimeError("this lock object is held already; make one per holder")
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
    """The lock that whoever renews or ends the sign-in kept under `entry` holds meanwhile."""
    name = hashlib.sha256(entry.encode()).hexdigest()[:32]
    return FileLock(paths.state_dir() / "locks" / f"{name}.lock")


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
