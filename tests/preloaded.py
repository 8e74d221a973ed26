"""Processes of `drio-tui` that have imported everything when they begin, which is most of what a short one costs.

Each is a process of its own, with streams, an environment and a folder of its own, forked from a server process that
has imported the program and called nothing of it. Where that cannot be, one is started as people start it: elsewhere
than on Linux, with options that only a new process takes, and with variables that an interpreter or an import reads
as it begins. `tests/cli/test_streams.py` starts every kind of command as people do, with its own imports only.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import runpy
import subprocess
import sys
import threading
import time
from multiprocessing import reduction
from typing import Any

COMMAND = (sys.executable, "-m", "drio_tui")
_FORKS = sys.platform == "linux"
_OPTIONS = {"stdin", "stdout", "stderr", "cwd", "text", "encoding", "errors"}
_READ_AT_START = ("PYTHON", "TEXTUAL", "LC_", "LANG")
_READ_LATER = {"PYTHON_KEYRING_BACKEND"}
_lock = threading.Lock()  # multiprocessing asks for the status of all children whenever one is started
_began: dict[str, str] = {}
"""What the server process was started with, of the variables that are read at a start."""
if _FORKS:
    _context: Any = multiprocessing.get_context("forkserver")
    _context.set_forkserver_preload(["tests.preloading"])


def popen(*arguments: str, env: dict[str, str] | None = None, **options: Any) -> subprocess.Popen[Any]:
    """`drio-tui ARGUMENTS`, with `env` added to the environment; the options are those of `subprocess.Popen`."""
    full = {**os.environ, **(env or {})}
    kind: type[subprocess.Popen[Any]] = subprocess.Popen
    if _FORKS and options.keys() <= _OPTIONS:
        _began.update({} if _began else {**_read_at_start(os.environ), "LANG": os.environ.get("LANG", "")})
        if _read_at_start({"LANG": "", **full}) == _began:
            kind = _Forked
    return kind([*COMMAND, *arguments], env=full, **options)


def run(*arguments: str, input: Any = None, timeout: float = 60, **options: Any) -> subprocess.CompletedProcess[Any]:
    """`drio-tui ARGUMENTS` to its end, as `subprocess.run`; without `input` it reads nothing."""
    stdin = options.pop("stdin", subprocess.DEVNULL) if input is None else subprocess.PIPE
    with popen(*arguments, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options) as process:
        try:
            out, err = process.communicate(input, timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def _read_at_start(env: Any) -> dict[str, str]:
    return {name: env[name] for name in env if name.startswith(_READ_AT_START) and name not in _READ_LATER}


class _Descriptor:
    """A file descriptor that is handed on with the request to fork."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def __reduce__(self) -> Any:
        return _detached, (reduction.DupFd(self._fd),)


def _detached(descriptor: Any) -> int:
    return int(descriptor.detach())


class _Forked(subprocess.Popen[Any]):
    """A process that the server forks: its pipes and signals are those of any other."""

    _process: Any

    def _execute_child(self, args: Any, *given: Any) -> None:
        _, _, _, _, cwd, env, _, _, _, *handles = given[:15]
        read, _, _, out, _, err = handles
        streams = [_Descriptor(fd if fd >= 0 else number) for number, fd in enumerate((read, out, err))]
        about = (list(args)[len(COMMAND) :], env, cwd or os.getcwd(), streams)
        with _lock:
            self._process = _context.Process(target=_drio_tui, args=about, daemon=True)
            self._process.start()
        self.pid = self._process.pid
        self._child_created = True
        self._close_pipe_fds(*handles)  # type: ignore[attr-defined]

    def _internal_poll(self, _deadstate: Any = None) -> int | None:
        if self.returncode is None:
            with _lock:
                self.returncode = self._process.exitcode
        return self.returncode

    def _wait(self, timeout: float | None) -> int:
        multiprocessing.connection.wait([self._process.sentinel], timeout)
        if self._internal_poll() is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return self.returncode


def _drio_tui(arguments: list[str], env: dict[str, str], folder: str, streams: list[int]) -> None:
    """What the forked process does: `python -m drio_tui`."""
    out, err = (getattr(stream, "errors", "strict") for stream in (sys.stdout, sys.stderr))
    for number, fd in enumerate(streams):
        os.dup2(fd, number)
        os.close(fd)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    sys.stdin = open(0, encoding="utf-8", errors=out, closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", errors=out, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors=err, buffering=1, closefd=False)  # noqa: SIM115
    sys.argv = ["drio-tui", *arguments]
    runpy.run_module("drio_tui", run_name="__main__")
