"""Reads and writes files atomically; most of them are small and private."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from pathlib import Path
from typing import BinaryIO

# Without it, Windows would translate line ends.
_BINARY: int = getattr(os, "O_BINARY", 0)
# Do not follow a symbolic link, and do not block on a pipe.
_REGULAR_FILE: int = _BINARY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


class NotPrivate(OSError):
    """A file or folder that must be private belongs to another user, is a link, or is accessible to others."""


def os_error_text(error: Exception) -> str:
    """Return why a file cannot be read or written: the system's message without error number and path."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def private_dir(path: Path) -> Path:
    """Create the folder `path` with its parents, at mode 0700, and return it. Raises `NotPrivate`, see there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700)
    info = path.lstat()
    if not stat.S_ISDIR(info.st_mode):
        raise NotPrivate(f"{path} is not a folder")
    if hasattr(os, "getuid"):
        if info.st_uid != os.getuid():
            raise NotPrivate(f"{path} belongs to another user")
        if info.st_mode & 0o077:
            path.chmod(0o700)
    return path


def write_private(path: Path, data: bytes, *, flush: bool = True) -> None:
    """Write `data` to `path` atomically, at mode 0600; the old file stays intact when anything fails.

    The data are written to a new file with a random name in the same folder (`O_EXCL`, 0600), flushed to disk, and
    renamed to `path`. `flush` is False for a file that may be lost or empty after a power failure. Raises `NotPrivate`
    if `path` is a symbolic link.
    """
    if path.is_symlink():
        raise NotPrivate(f"{path} is a symbolic link")
    _replace(path, data, 0o600, flush=flush)


def write_public(path: Path, data: bytes) -> None:
    """Write `data` to `path` atomically, at the mode of the file that is there, or that of a new file.

    The folders above it are created. Raises `OSError`, also if `path` is a symbolic link, a device or a pipe.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_symlink():
        raise OSError(errno.ELOOP, "It is a symbolic link", str(path))
    mode = None
    with contextlib.suppress(FileNotFoundError):
        mode = stat.S_IMODE(path.stat().st_mode)
    _replace(path, data, 0o666, mode)


def append_public(path: Path, data: bytes) -> None:
    """Append `data` to a file that `write_public` has written, and flush it to disk.

    Raises `OSError`, also if there is no such file, or `path` is a symbolic link.
    """
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | _REGULAR_FILE)
    with os.fdopen(handle, "ab") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _replace(path: Path, data: bytes, create_mode: int, mode: int | None = None, *, flush: bool = True) -> None:
    """Replace `path` by a new file. The umask applies to `create_mode`; `mode` is set as it is.

    Raises `OSError` for a device or a pipe: root would replace `/dev/null` by a file.
    """
    _refuse_device(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, create_mode)
    try:
        try:
            if mode is not None and hasattr(os, "fchmod"):
                os.fchmod(handle, mode)
            view = memoryview(data)
            while view:
                view = view[os.write(handle, view) :]
            if flush:
                os.fsync(handle)
        finally:
            os.close(handle)
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    if flush:
        sync_dir(path.parent)


def _refuse_device(path: Path) -> None:
    """Raise `OSError` for a device or a pipe, which must not be replaced, renamed or made private."""
    with contextlib.suppress(FileNotFoundError):
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            raise OSError(errno.EINVAL, "It is no plain file", str(path))


def append_private(path: Path, *, keep: int) -> BinaryIO:
    """Open a private file for appending, at mode 0600; one of more than `keep` bytes is renamed to `NAME.1` first.

    Raises `NotPrivate` for a symbolic link, and `OSError`, also for a device or a pipe.
    """
    _refuse_device(path)
    with contextlib.suppress(FileNotFoundError):
        if path.lstat().st_size > keep:
            path.replace(path.with_name(f"{path.name}.1"))
    if path.is_symlink():
        raise NotPrivate(f"{path} is a symbolic link")
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | _REGULAR_FILE, 0o600)
    file = os.fdopen(handle, "ab")
    if hasattr(os, "fchmod"):
        os.fchmod(handle, 0o600)
    return file


def sync_dir(path: Path) -> None:
    """Flush a folder's entries to disk, where the platform supports it."""
    with contextlib.suppress(OSError):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def read_private(path: Path, *, limit: int = 1 << 20) -> bytes:
    """Return the content of a private file.

    Raises `FileNotFoundError`; `NotPrivate` for a link, a foreign owner, a mode that allows access to others, or more
    than `limit` bytes.
    """
    try:
        handle = os.open(path, os.O_RDONLY | _REGULAR_FILE)
    except OSError as error:
        if path.is_symlink():
            raise NotPrivate(f"{path} is a symbolic link") from error
        raise
    if not stat.S_ISREG(os.fstat(handle).st_mode):  # before fdopen, which would not close the handle
        os.close(handle)
        raise NotPrivate(f"{path} is not a plain file")
    with os.fdopen(handle, "rb") as file:
        info = os.fstat(file.fileno())
        if hasattr(os, "getuid"):
            if info.st_uid != os.getuid():
                raise NotPrivate(f"{path} belongs to another user")
            if info.st_mode & 0o077:
                raise NotPrivate(f"{path} can be read by others (mode {stat.S_IMODE(info.st_mode):04o}); chmod 600 it")
        data = file.read(limit + 1)
    if len(data) > limit:
        raise NotPrivate(f"{path} is larger than {limit} bytes")
    return data
