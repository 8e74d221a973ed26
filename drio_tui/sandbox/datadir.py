"""The folder a sandbox lives in: who holds it, where it listens, and the local user's token.

| file           | mode | what                                                                          |
|----------------|------|-------------------------------------------------------------------------------|
| `sandbox.lock` | 0600 | locked by the one process that uses the folder; the lock goes with the process |
| `sandbox.json` | 0600 | `pid`, `id`, `baseUrl`, `options` … of that process, removed when it ends     |
| `sandbox.stopped` | 0600 | there when `drio-tui sandbox stop` ended it, removed at the next start     |
| `sandbox.log`  | 0600 | what it logs when it runs in the background                                   |
| `local-token`  | 0600 | a bearer token of the local user                                              |
| `last-port`    | 0600 | the port it listened on last, taken again where that is possible              |
| `allowed-hosts.json` | 0600 | the private addresses that deployed apps may call (`allowed`)           |
| `sandbox.db`   | 0600 | the data, unless they are in another database                                 |
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from drio_tui.api.errors import DrioError
from drio_tui.storage.files import NotOurs, private_dir, read_private, reason_of, write_private

_TRIES = 5
_PAUSE = 0.06  # seconds


class SandboxError(DrioError):
    """The sandbox cannot do what was asked; the message names the file, port or process in the way."""

    title = "The sandbox cannot do that"


class AlreadyRunning(SandboxError):
    """Another process uses the data folder."""

    title = "A sandbox is already running"
    hint = "Use that one, end it with `drio-tui sandbox stop`, or choose another folder with --data."


class DataDir:
    """One data folder, by its path. Every `OSError` about it becomes a `SandboxError`."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().absolute()
        self._lock = self.path / "sandbox.lock"
        self._info = self.path / "sandbox.json"
        self._token = self.path / "local-token"
        self._port = self.path / "last-port"

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold the folder, made where it is missing. Raises `AlreadyRunning`, saying who has it.

        What a killed process said of itself is removed: with the folder held, it would be taken for the holder's.
        """
        with plainly(self.path):
            private_dir(self.path)
            handle = os.open(self._lock, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
        try:
            for attempt in range(_TRIES):
                if _lock(handle):
                    break
                if attempt == _TRIES - 1:
                    raise AlreadyRunning(self._who())
                time.sleep(_PAUSE)  # someone may only be looking whether the lock is held
            self.untell()
            yield
        finally:
            os.close(handle)

    def _who(self) -> str:
        told = self.told()
        if told is None:
            return f"a process that is starting or ending holds {self._lock}"
        return f"process {told.get('pid')} serves {self.path} at {told.get('baseUrl')}"

    def told(self) -> dict[str, Any] | None:
        """What the process that holds the folder says of itself (what a dead one said, if nobody holds it)."""
        try:
            told = json.loads(read_private(self._info))
        except (OSError, ValueError):
            return None
        return told if isinstance(told, dict) else None

    def tell(self, told: dict[str, Any]) -> None:
        """Say where this process listens."""
        with plainly(self._info):
            write_private(self._info, json.dumps(told).encode() + b"\n")

    def untell(self) -> None:
        """Take that back."""
        with contextlib.suppress(OSError):
            self._info.unlink()

    def forget_stop(self) -> None:
        """Take note that a sandbox runs here again."""
        with contextlib.suppress(OSError):
            (self.path / "sandbox.stopped").unlink()

    def is_there(self) -> bool:
        """Whether the folder still has the lock that `held` took."""
        return self._lock.exists()

    def last_port(self) -> int:
        """The port of the last time, 0 where it is not known."""
        try:
            text = read_private(self._port, limit=8).strip()
        except OSError:
            return 0
        return int(text) if text.isdigit() and int(text) < 65536 else 0

    def keep_port(self, port: int) -> None:
        with plainly(self._port):
            write_private(self._port, b"%d\n" % port)

    def token(self) -> str | None:
        """The local user's token, None where there is none that only its owner could have read."""
        try:
            return read_private(self._token).decode("ascii").strip() or None
        except (FileNotFoundError, NotOurs, UnicodeDecodeError):
            return None
        except OSError as error:
            raise _plain(self._token, error) from error

    def keep_token(self, token: str) -> None:
        """Write the local user's token."""
        with plainly(self._token):
            if self._token.is_symlink():
                self._token.unlink()
            write_private(self._token, token.encode("ascii") + b"\n")

    def forget_token(self) -> None:
        with plainly(self._token):
            self._token.unlink(missing_ok=True)


def _lock(handle: int) -> bool:
    """Take the lock on an open file, without waiting; whether it was free."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _plain(path: Path, error: OSError) -> SandboxError:
    return SandboxError(f"{path}: {reason_of(error)}", hint="Check the folder, or choose another with --data.")


@contextlib.contextmanager
def plainly(path: Path) -> Iterator[None]:
    """Turn an `OSError` about `path` into a `SandboxError`."""
    try:
        yield
    except OSError as error:
        raise _plain(path, error) from error
