"""The standard streams: closed ones, characters they cannot take, and a status that does not depend on them."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

_closed: set[str] = set()


def prepare() -> None:
    """Make the standard streams safe to use; to be called first. Ends the process where stdout is closed.

    A number that is free would be given to the next file that is opened, so that what is printed, or read by a
    child process, would be that file's: closed streams are replaced by the null device.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            _closed.add(name)
            handle = os.open(os.devnull, os.O_RDWR)
            if handle != number:
                os.close(handle)
    if "stderr" in _closed:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - used until the end
    if "stdout" in _closed:
        os._exit(1)  # a command whose output cannot be printed is not run
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure:  # a character that the terminal's encoding lacks is written as `\u2026`
            reconfigure(errors="backslashreplace")


def exit_if_closed(*names: str) -> None:
    """End with status 1, quietly, where one of these streams was closed when the program started."""
    if _closed.intersection(names):
        raise SystemExit(1)


def can_ask() -> bool:
    """Whether a person can be asked on stderr and answer on stdin. Ends the program where one of them is closed."""
    exit_if_closed("stdin", "stderr")
    return sys.stdin.isatty()


def leave(status: int, *, finalize: bool = True) -> NoReturn:
    """Exit with `status`; 1 (141 for a reader that went away) where what was to be printed could not be.

    Python flushes the streams once more when it ends, and exits with 120 where that fails: what cannot be
    written by now is given to the null device. Without `finalize` the process ends at once: while Python
    takes itself down, signals are at their defaults again, and Ctrl+C changes the status.
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError) as error:
            _discard(stream)
            if stream is sys.stdout and status == 0:
                status = 141 if isinstance(error, BrokenPipeError) else 1
                complain(error)
    if not finalize:
        os._exit(status)
    sys.exit(status)


def leave_at_once(status: int) -> NoReturn:
    """Exit with `status` without writing what is left."""
    for stream in (sys.stdout, sys.stderr):
        _discard(stream)
    os._exit(status)


def complain(error: Exception) -> None:
    """Say on stderr that a stream could not be written; a reader that went away is no error."""
    if not isinstance(error, BrokenPipeError):
        from drio_tui.storage.files import reason_of  # a full disk is rare

        try:
            os.write(2, f"error: {reason_of(error)}\n".encode(errors="backslashreplace"))
        except OSError:
            return


def _discard(stream: object) -> None:
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, stream.fileno())  # type: ignore[attr-defined] # a stream of any kind, or none
    except (OSError, ValueError, AttributeError):
        return
    finally:
        os.close(null)
