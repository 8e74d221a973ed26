"""Reading and writing small private files without ever leaving half of one behind."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from pathlib import Path
from typing import BinaryIO

# Windows would turn newlines into pairs otherwise.
_AS_IT_IS: int = getattr(os, "O_BINARY", 0)
# A link is refused, and a pipe in the file's place must not hold us up.
_PLAIN: int = _AS_IT_IS | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


class NotOurs(OSError):
    """A file or folder that must be private belongs to someone else, is a link, or is open to others."""


def reason_of(error: Exception) -> str:
    """Why a file cannot be read or written, in the system's words without its number and the path again."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def private_dir(path: Path) -> Path:
    """`path`, created with its parents; itself at mode 0700. Raises `NotOurs` for a foreign owner or a link."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700)
    info = path.lstat()
    if not stat.S_ISDIR(info.st_mode):
        raise NotOurs(f"{path} is not a folder")
    if hasattr(os, "getuid"):
        if info.st_uid != os.getuid():
            raise NotOurs(f"{path} belongs to another user")
        if info.st_mode & 0o077:
            path.chmod(0o700)
    return path


def write_private(path: Path, data: bytes) -> None:
    """Replace `path` by `data` atomically, at mode 0600; the old file stays intact when anything fails.

    The bytes go to a new file with an unguessable name in the same folder (`O_EXCL`, 0600), are flushed
    to disk, then renamed over `path`; a symbolic link at `path` is refused (`NotOurs`).
    """
    if path.is_symlink():
        raise NotOurs(f"{path} is a symbolic link")
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _AS_IT_IS, 0o600)
    try:
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(handle, view) :]
            os.fsync(handle)
        finally:
            os.close(handle)
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    sync_dir(path.parent)


def append_private(path: Path, *, keep: int) -> BinaryIO:
    """A private file opened to be appended to, at mode 0600; one of more than `keep` bytes becomes `NAME.1` first.

    Raises `NotOurs` for a link.
    """
    with contextlib.suppress(FileNotFoundError):
        if path.lstat().st_size > keep:
            path.replace(path.with_name(f"{path.name}.1"))
    if path.is_symlink():
        raise NotOurs(f"{path} is a symbolic link")
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | _PLAIN, 0o600)
    file = os.fdopen(handle, "ab")
    if hasattr(os, "fchmod"):
        os.fchmod(handle, 0o600)
    return file


def sync_dir(path: Path) -> None:
    """Flush a folder's entries to disk, where the platform can."""
    with contextlib.suppress(OSError):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def read_private(path: Path, *, limit: int = 1 << 20) -> bytes:
    """The bytes of a private file, at most `limit`.

    Raises `FileNotFoundError`; `NotOurs` for a link, a foreign owner, a mode open to others or a file
    that is too large to be ours.
    """
    try:
        handle = os.open(path, os.O_RDONLY | _PLAIN)
    except OSError as error:
        if path.is_symlink():
            raise NotOurs(f"{path} is a symbolic link") from error
        raise
    if not stat.S_ISREG(os.fstat(handle).st_mode):  # before fdopen, which does not close what it refuses
        os.close(handle)
        raise NotOurs(f"{path} is not a plain file")
    with os.fdopen(handle, "rb") as file:
        info = os.fstat(file.fileno())
        if hasattr(os, "getuid"):
            if info.st_uid != os.getuid():
                raise NotOurs(f"{path} belongs to another user")
            if info.st_mode & 0o077:
                raise NotOurs(f"{path} can be read by others (mode {stat.S_IMODE(info.st_mode):04o}); chmod 600 it")
        data = file.read(limit + 1)
    if len(data) > limit:
        raise NotOurs(f"{path} is larger than {limit} bytes")
    return data
