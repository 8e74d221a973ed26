"""Standard streams that are closed or cannot be written, and an exit status that is right in spite of that."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import NoReturn

_closed: set[str] = set()
EXIT_HOOKS: list[Callable[[], object]] = []
"""Called once before the process exits."""


def prepare() -> None:
    """Open closed standard streams on the null device; to be called first. Exits with 1 if stdout is closed.

    The operating system would use the file descriptor of a closed stream for the next file that is opened: output, or
    the input of a child process, would then go to or come from that file.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            _closed.add(name)
            handle = os.open(os.devnull, os.O_RDWR)
            if handle != number:
                os.close(handle)
    if "stderr" in _closed:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - used until the process exits
    if "stdout" in _closed:
        os._exit(1)  # do not run a command whose output cannot be printed
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure:  # write a character that the terminal's encoding lacks as an escape such as `\u2026`
            reconfigure(errors="backslashreplace")


def exit_if_closed(*names: str) -> None:
    """Exit with status 1, without a message, if one of these streams was closed when the program started."""
    if _closed.intersection(names):
        raise SystemExit(1)


def can_prompt() -> bool:
    """Return whether stdin is a terminal, so that the user can be asked. Exits with 1 if stdin or stderr is closed."""
    exit_if_closed("stdin", "stderr")
    return sys.stdin.isatty()


def exit_process(status: int, *, finalize: bool = True) -> NoReturn:
    """Exit with `status`, or with 1 if the output could not be written (141, as for SIGPIPE, if the pipe is closed).

    Python flushes the streams again at exit, and exits with 120 if that fails; therefore a stream that cannot be
    flushed is redirected to the null device. Without `finalize` the interpreter is not finalized: during finalization
    signal handlers are the default ones again, so that Ctrl+C would change the status.
    """
    _run_exit_hooks()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError) as error:
            _discard(stream)
            if stream is sys.stdout and status == 0:
                status = 141 if isinstance(error, BrokenPipeError) else 1
                report_write_error(error)
    if not finalize:
        os._exit(status)
    sys.exit(status)


def exit_immediately(status: int) -> NoReturn:
    """Exit with `status` without flushing the streams."""
    _run_exit_hooks()
    for stream in (sys.stdout, sys.stderr):
        _discard(stream)
    os._exit(status)


def _run_exit_hooks() -> None:
    while EXIT_HOOKS:
        EXIT_HOOKS.pop()()


def report_write_error(error: Exception) -> None:
    """Report on stderr that a stream could not be written; a closed pipe is not an error."""
    if not isinstance(error, BrokenPipeError):
        from drio_tui.storage.files import os_error_text  # needed only in the rare case of a full disk

        try:
            os.write(2, f"error: {os_error_text(error)}\n".encode(errors="backslashreplace"))
        except OSError:
            return


def _discard(stream: object) -> None:
    """Redirect a stream to the null device, if it has a file descriptor."""
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, stream.fileno())  # type: ignore[attr-defined] # any object, or None
    except (OSError, ValueError, AttributeError):
        return
    finally:
        os.close(null)
