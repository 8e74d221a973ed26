"""Processes of `drio-tui` that are forked with all imports done, since imports take most of the time of a command.

Each is a separate process with its own streams, environment and working directory, forked from a server process that
has imported the program and called nothing of it. A normal process is started instead on other systems than Linux, if
an option is given that only a new process supports, or if an environment variable differs that is read at the start of
the interpreter or by an import. `tests/cli/test_streams.py` starts every kind of command as a normal process.
"""

from __future__ import annotations

import importlib
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
"""Prefixes of the variables that are read at the start of a process."""
_READ_LATER = {"PYTHON_KEYRING_BACKEND"}
_SITE = "DRIO_TEST_SITE"
_lock = threading.Lock()  # multiprocessing polls all children whenever one is started; two threads must not do so
_server_variables: dict[str, str] = {}
"""The values with which the server process was started, of the variables that are read at the start."""
if _FORKS:
    _context: Any = multiprocessing.get_context("forkserver")
    _context.set_forkserver_preload(["tests.preloading"])


def popen(*arguments: str, env: dict[str, str] | None = None, site: str = "", **options: Any) -> subprocess.Popen[Any]:
    """Start `drio-tui ARGUMENTS` with `env` added to the environment; the options are those of `subprocess.Popen`.

    `site` is a folder whose `sitecustomize.py` is run before the program.
    """
    environment = {**os.environ, **(env or {})}
    popen_class: type[subprocess.Popen[Any]] = subprocess.Popen
    if _FORKS and options.keys() <= _OPTIONS:
        if not _server_variables:
            _server_variables.update({**_read_at_start(os.environ), "LANG": os.environ.get("LANG", "")})
        if _read_at_start({"LANG": "", **environment}) == _server_variables:
            popen_class = _Forked
    if site:
        environment[_SITE if popen_class is not subprocess.Popen else "PYTHONPATH"] = site
    return popen_class([*COMMAND, *arguments], env=environment, **options)


def run(*arguments: str, input: Any = None, timeout: float = 60, **options: Any) -> subprocess.CompletedProcess[Any]:
    """Run `drio-tui ARGUMENTS` as `subprocess.run` does; without `input` its stdin is empty."""
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
    """A file descriptor that is passed to the server process with the request to fork."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def __reduce__(self) -> Any:
        return _detached, (reduction.DupFd(self._fd),)


def _detached(descriptor: Any) -> int:
    return int(descriptor.detach())


class _Forked(subprocess.Popen[Any]):
    """A process that the server forks; pipes and signals work as with any other."""

    _process: Any

    def _execute_child(self, args: Any, *popen_arguments: Any) -> None:
        _, _, _, _, cwd, env, _, _, _, *handles = popen_arguments[:15]
        read, _, _, out, _, err = handles
        streams = [_Descriptor(fd if fd >= 0 else number) for number, fd in enumerate((read, out, err))]
        process_arguments = (list(args)[len(COMMAND) :], env, cwd or os.getcwd(), streams)
        with _lock:
            self._process = _context.Process(target=_run_drio_tui, args=process_arguments, daemon=True)
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


def _run_drio_tui(arguments: list[str], env: dict[str, str], folder: str, streams: list[int]) -> None:
    """Do in the forked process what `python -m drio_tui` does."""
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
    if site := os.environ.pop(_SITE, ""):
        sys.path.insert(0, site)
        sys.modules.pop("sitecustomize", None)
        importlib.import_module("sitecustomize")
    runpy.run_module("drio_tui", run_name="__main__")
