"""The data folder of a sandbox: its lock, its process info, and the local user's token.

| file                 | mode | content                                                                 |
|----------------------|------|-------------------------------------------------------------------------|
| `sandbox.lock`       | 0600 | locked by the one process that uses the folder, for as long as it lives |
| `sandbox.json`       | 0600 | `pid`, `id`, `baseUrl`, `options` … of that process, removed at its end |
| `sandbox.stopped`    | 0600 | exists after `drio-tui sandbox stop`, removed at the next start         |
| `sandbox.log`        | 0600 | the log of a sandbox that runs in the background                        |
| `local-token`        | 0600 | a bearer token of the local user                                        |
| `last-port`          | 0600 | the port of the last run, used again if it is free                      |
| `allowed-hosts.json` | 0600 | the private addresses that deployed apps may call (see `allowed`)       |
| `templates/`         | 0700 | the templates that the user added, a file each (see `custom_templates`) |
| `sandbox.db`         | 0600 | the data, unless they are in another database                           |
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
from drio_tui.storage.files import NotPrivate, os_error_text, private_dir, read_private, write_private

_LOCK_ATTEMPTS = 5
_LOCK_PAUSE = 0.06  # seconds


class SandboxError(DrioError):
    """The sandbox cannot do what was requested; the message names the file, port or process that is the cause."""

    title = "The sandbox cannot do that"


class AlreadyRunning(SandboxError):
    """Another process uses the data folder."""

    title = "A sandbox is already running"
    hint = "Use that one, end it with `drio-tui sandbox stop`, or choose another folder with --data."


class DataDir:
    """The data folder at `path`. Every `OSError` about it becomes a `SandboxError`.

    Its files are not flushed to disk, which would take as long as creating the database: where one is lost, the next
    start makes a new one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().absolute()
        self._lock = self.path / "sandbox.lock"
        self._info = self.path / "sandbox.json"
        self._token = self.path / "local-token"
        self._port = self.path / "last-port"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock of the folder, which is created if it is missing. Raises `AlreadyRunning`, naming the holder.

        The process info that a killed process left is removed: it would be taken for the new holder's.
        """
        with as_sandbox_error(self.path):
            private_dir(self.path)
            handle = os.open(self._lock, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
        try:
            for attempt in range(_LOCK_ATTEMPTS):
                if _lock(handle):
                    break
                if attempt == _LOCK_ATTEMPTS - 1:
                    raise AlreadyRunning(self._describe_holder())
                time.sleep(_LOCK_PAUSE)  # another process may hold it only to test whether it is held
            self.remove_info()
            yield
        finally:
            os.close(handle)

    def _describe_holder(self) -> str:
        info = self.read_info()
        if info is None:
            return f"a process that is starting or ending holds {self._lock}"
        return f"process {info.get('pid')} serves {self.path} at {info.get('baseUrl')}"

    def read_info(self) -> dict[str, Any] | None:
        """Return the info of the process that holds the folder, or of the last one if it was killed."""
        try:
            info = json.loads(read_private(self._info))
        except (OSError, ValueError):
            return None
        return info if isinstance(info, dict) else None

    def write_info(self, info: dict[str, Any]) -> None:
        """Write the info of this process: its pid, its base URL and so on."""
        with as_sandbox_error(self._info):
            write_private(self._info, json.dumps(info).encode() + b"\n", flush=False)

    def remove_info(self) -> None:
        """Remove the process info, if there is any."""
        with contextlib.suppress(OSError):
            self._info.unlink()

    def clear_stopped(self) -> None:
        """Remove the marker that `drio-tui sandbox stop` left."""
        with contextlib.suppress(OSError):
            (self.path / "sandbox.stopped").unlink()

    def exists(self) -> bool:
        """Whether the folder still has the lock file that `locked` created."""
        return self._lock.exists()

    def last_port(self) -> int:
        """Return the port of the last run, 0 if it is not known."""
        try:
            text = read_private(self._port, limit=8).strip()
        except OSError:
            return 0
        return int(text) if text.isdigit() and int(text) < 65536 else 0

    def write_port(self, port: int) -> None:
        """Write the port for the next run."""
        with as_sandbox_error(self._port):
            write_private(self._port, b"%d\n" % port, flush=False)

    def token(self) -> str | None:
        """Return the local user's token; None if there is none, or if other users could have read it."""
        try:
            return read_private(self._token).decode("ascii").strip() or None
        except (FileNotFoundError, NotPrivate, UnicodeDecodeError):
            return None
        except OSError as error:
            raise _sandbox_error(self._token, error) from error

    def write_token(self, token: str) -> None:
        """Write the local user's token."""
        with as_sandbox_error(self._token):
            if self._token.is_symlink():
                self._token.unlink()
            write_private(self._token, token.encode("ascii") + b"\n", flush=False)

    def remove_token(self) -> None:
        """Remove the local user's token, if there is one."""
        with as_sandbox_error(self._token):
            self._token.unlink(missing_ok=True)


def _lock(handle: int) -> bool:
    """Lock an open file without waiting; return whether it was free."""
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


def _sandbox_error(path: Path, error: OSError) -> SandboxError:
    return SandboxError(f"{path}: {os_error_text(error)}", hint="Check the folder, or choose another with --data.")


@contextlib.contextmanager
def as_sandbox_error(path: Path) -> Iterator[None]:
    """Turn an `OSError` about `path` into a `SandboxError`."""
    try:
        yield
    except OSError as error:
        raise _sandbox_error(path, error) from error
