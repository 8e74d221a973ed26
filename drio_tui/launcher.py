"""Finding, starting and stopping the local sandbox, which is a separate process.

Nothing of the sandbox is imported: it runs as `python -m drio_tui sandbox serve` in the background, is used over HTTP,
and outlives the program that started it. asyncio is imported where it is used, so that `start_early` does not wait for
it. Its data folder (0700) has `sandbox.lock` (locked while it runs),
`sandbox.json` (0600: where it listens, removed when it ends), `sandbox.log` and `local-token` (0600). Other processes
get the token from that file only, never over the network and never as an argument.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from drio_tui import __version__
from drio_tui.api.errors import ConnectionFailed
from drio_tui.storage import files, paths
from drio_tui.text import duration

START_SECONDS = 30.0
DATABASE_VARIABLE = "DRIO_SANDBOX_DATABASE_URL"
KEY_FILE_VARIABLE = "DRIO_SANDBOX_SECRET_KEY_FILE"
IDLE_EXIT_VARIABLE = "DRIO_SANDBOX_IDLE_EXIT"
_STOP_SECONDS = 10.0
_POLL_SECONDS = 0.02
_START_POLL_SECONDS = 0.005
"""Shorter while a sandbox starts, since somebody looks at an empty screen until it is ready."""
_LOG_LINES = 12
_LOG_BYTES = 1 << 20
_LOCK_FILE = "sandbox.lock"
_READY_FILE = "sandbox.json"
_LOG_FILE = "sandbox.log"
_STOPPED_FILE = "sandbox.stopped"


class SandboxFailed(ConnectionFailed):
    """The sandbox did not start; the message has the last lines of its log."""

    title = "The sandbox did not start"
    hint = "Run `drio-tui sandbox serve` to see it start; `drio-tui sandbox reset` empties it."


@dataclass(frozen=True, slots=True)
class StartOptions:
    """How a sandbox is started. `idle_exit` is in minutes, 0 for never, None for the configured time."""

    port: int = 0
    database_url: str | None = field(default=None, repr=False)
    allow_private_egress: bool = False
    idle_exit: float | None = None
    secret_key_file: Path | None = None

    def arguments(self) -> list[str]:
        """Return the options of `sandbox serve`, without the database URL, which may contain a password."""
        idle = configured_idle_exit() if self.idle_exit is None else self.idle_exit
        arguments = ["--idle-exit", f"{idle:g}"]
        arguments += ["--port", str(self.port)] if self.port else []
        arguments += ["--allow-private-egress"] if self.allow_private_egress else []
        arguments += ["--secret-key-file", str(self.secret_key_file.absolute())] if self.secret_key_file else []
        return arguments

    def environment(self) -> dict[str, str]:
        """Return the environment of the process: the current one with the database URL, without drio's tokens."""
        variables = {
            name: value
            for name, value in os.environ.items()
            if name != KEY_FILE_VARIABLE and not name.startswith("DRIO_TOKEN")
        }
        if self.database_url is None:
            variables.pop(DATABASE_VARIABLE, None)
        else:
            variables[DATABASE_VARIABLE] = self.database_url
        return variables


def options_from_environment() -> StartOptions:
    """Return the options with which `--sandbox` starts a sandbox."""
    key_file = os.environ.get(KEY_FILE_VARIABLE)
    return StartOptions(
        database_url=os.environ.get(DATABASE_VARIABLE) or None,
        secret_key_file=Path(key_file).expanduser() if key_file else None,
    )


def configured_idle_exit() -> float:
    """Return the minutes without a connection after which a background sandbox ends; 0 for never.

    `DRIO_SANDBOX_IDLE_EXIT` has precedence over the settings.
    """
    from drio_tui.settings import Settings

    with contextlib.suppress(KeyError, ValueError):
        if 0 <= (minutes := float(os.environ[IDLE_EXIT_VARIABLE])) < float("inf"):
            return minutes
    return Settings.load().sandbox_idle_exit


@dataclass(slots=True)
class RunningSandbox:
    """A running sandbox at `base_url` (`http://127.0.0.1:PORT`); `token` is the local user's.

    `id` identifies its data, since the port may change at the next start; empty for a sandbox of an earlier version.
    `ready` is the content of `sandbox.json`.
    """

    base_url: str
    data_dir: Path
    token: str = field(repr=False)
    id: str = ""
    ready: Mapping[str, Any] = field(default_factory=dict, repr=False)
    started_by_us: bool = False

    @property
    def pid(self) -> int:
        """Its process id; 0 if `sandbox.json` has none."""
        pid = self.ready.get("pid")
        return pid if isinstance(pid, int) and pid > 0 else 0

    @property
    def version(self) -> str:
        """The version of drio-tui that it runs."""
        return str(self.ready.get("version") or "")

    @property
    def advice(self) -> str:
        """What to do about a sandbox of another version; empty for one of this version."""
        if self.version in ("", __version__):
            return ""
        stop = paths.sandbox_command("stop", self.data_dir)
        return (
            f"The running sandbox is of drio-tui {self.version}, this is {__version__}. End it with `{stop}` "
            "when nothing else uses it: the next start brings it to this version."
        )

    @property
    def log_file(self) -> Path:
        """The log file of a sandbox in the background."""
        return self.data_dir / _LOG_FILE

    def runs_with(self, options: StartOptions) -> bool:
        """Return whether it was started with `options`; True if `sandbox.json` does not have them."""
        current = self.ready.get("options")
        if not isinstance(current, dict):
            return True
        key_file = options.secret_key_file
        return (
            options.port in (0, current.get("port"))
            and options.idle_exit in (None, current.get("idleExit"))
            and options.allow_private_egress <= (current.get("allowPrivateEgress") is True)
            and (options.database_url is None) == (current.get("database") is None)
            and (key_file is None or str(key_file.absolute()) == current.get("secretKeyFile"))
        )

    def restart_options(self) -> StartOptions:
        """Return the options with which it was started. Raises `SandboxFailed` if its database URL is not known."""
        options = self.ready.get("options")
        current = options if isinstance(options, dict) else {}
        url = os.environ.get(DATABASE_VARIABLE) or None
        if current.get("database") is None:
            url = None
        elif url is None:
            raise SandboxFailed(
                f"it used the database {current['database']}, whose URL is not known here",
                hint=f"Start it with `drio-tui sandbox start --database-url URL`, or set {DATABASE_VARIABLE}.",
            )
        idle, key_file = current.get("idleExit"), current.get("secretKeyFile")
        return StartOptions(
            port=current["port"] if isinstance(current.get("port"), int) else 0,
            database_url=url,
            allow_private_egress=current.get("allowPrivateEgress") is True,
            idle_exit=float(idle) if isinstance(idle, int | float) else None,
            secret_key_file=Path(key_file) if isinstance(key_file, str) else None,
        )


async def ensure_sandbox(
    data_dir: Path | str | None = None,
    *,
    options: StartOptions | None = None,
    on_line: Callable[[str], None] | None = None,
) -> RunningSandbox:
    """Return the sandbox of `data_dir` (default: the platform's folder), started in the background if none is running.

    `on_line` is called with the progress, one short sentence at a time. Raises `SandboxFailed`.
    """
    import asyncio

    report = on_line or (lambda _line: None)
    folder = resolve_data_dir(data_dir)
    process = _started_early.pop(folder, None)
    running = None if process else await _wait_until_ready(folder)
    if running is None:
        report("Starting the sandbox")
        if process is None:
            process = await asyncio.to_thread(_spawn, folder, options or options_from_environment())
        running = await _wait_for_process(process, folder)
    if running.started_by_us:
        report(f"The sandbox is ready; `{paths.sandbox_command('stop', folder)}` ends it")
    return running


def start_early(data_dir: Path | str | None) -> None:
    """Start the sandbox of `data_dir` as `ensure_sandbox` would, where none runs, and let `ensure_sandbox` wait for it.

    It begins to start while this program is still being imported. A failure is left to `ensure_sandbox`, which tries
    again and reports it.
    """
    with contextlib.suppress(SandboxFailed):
        folder = resolve_data_dir(data_dir)
        if not is_locked(folder):
            _started_early[folder] = _spawn(folder, options_from_environment())


def resolve_data_dir(data_dir: Path | str | None) -> Path:
    """Return the absolute path of `data_dir`, by default the platform's folder. Raises `SandboxFailed`."""
    try:
        return Path(data_dir).expanduser().absolute() if data_dir else paths.sandbox_dir()
    except (RuntimeError, OSError) as error:  # `~` of an unknown user, or a deleted working directory
        raise SandboxFailed(
            f"{data_dir} is no folder: {files.os_error_text(error)}", hint="Name another folder with --data."
        ) from error


async def _wait_until_ready(folder: Path) -> RunningSandbox | None:
    """Return the sandbox that uses `folder`, once it is ready; None if there is none. Raises `SandboxFailed`."""
    import asyncio

    deadline = time.monotonic() + START_SECONDS
    while await asyncio.to_thread(is_locked, folder):
        running = await asyncio.to_thread(find_running, folder)
        # A killed process may hold the lock for a moment after its sockets are closed.
        if running and await _accepts_connections(running):
            return running
        if time.monotonic() > deadline:
            raise SandboxFailed(
                f"a process holds {folder / _LOCK_FILE} and does not say where it listens",
                hint="Is a sandbox starting or ending there? Look for its process, or name another folder with --data.",
            )
        await asyncio.sleep(_POLL_SECONDS)
    return None


async def _accepts_connections(running: RunningSandbox) -> bool:
    import asyncio

    address = urlsplit(running.base_url)
    try:
        _, writer = await asyncio.open_connection(address.hostname, address.port)
    except OSError:
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True


def find_running(folder: Path) -> RunningSandbox | None:
    """Return the sandbox that holds the lock of `folder` and is ready; None if there is none."""
    if not is_locked(folder):
        return None
    try:
        ready = json.loads(files.read_private(folder / _READY_FILE))
        return RunningSandbox(_base_url(ready), folder, _token(folder), str(ready.get("id") or ""), ready)
    except (OSError, ValueError, SandboxFailed):
        return None


def is_locked(folder: Path) -> bool:
    """Return whether a process holds the sandbox's lock; the file alone, left by a killed process, does not count."""
    try:
        handle = os.open(folder / _LOCK_FILE, os.O_RDWR)
    except OSError:
        return False
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
            msvcrt.locking(handle, msvcrt.LK_UNLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False


def was_stopped(folder: Path) -> bool:
    """Return whether the last sandbox of the folder was ended by `stop_sandbox`, so that it is not restarted."""
    return (folder / _STOPPED_FILE).exists()


def stop_sandbox(folder: Path) -> RunningSandbox | None:
    """End the sandbox of `folder`, wait until it has ended, and return it; None if none is running. Blocking.

    Raises `SandboxFailed` if it cannot be ended.
    """
    deadline = time.monotonic() + START_SECONDS
    while (running := find_running(folder)) is None:  # wait for a sandbox that is starting
        if not is_locked(folder):
            return None
        if time.monotonic() > deadline:
            raise _stop_error(f"a process holds {folder / _LOCK_FILE} and does not say who it is")
        time.sleep(_POLL_SECONDS)
    if not running.pid:
        raise _stop_error(f"the sandbox at {running.base_url} does not say which process it is")
    # The file has to exist before the process ends: connected programs look for it as soon as the connection is closed.
    with contextlib.suppress(OSError):
        files.write_private(folder / _STOPPED_FILE, b"")
    try:
        _end_process(running, folder)
    except SandboxFailed:
        with contextlib.suppress(OSError):  # it is still running, and may be restarted if it crashes
            (folder / _STOPPED_FILE).unlink()
        raise
    return running


def _end_process(running: RunningSandbox, folder: Path) -> None:
    """Terminate the sandbox's process, and kill it after `_STOP_SECONDS`. Raises `SandboxFailed` if it still runs."""
    for signal_number in (signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM)):
        try:
            os.kill(running.pid, signal_number)
        except ProcessLookupError:
            return
        except OSError as error:
            raise _stop_error(f"process {running.pid}: {files.os_error_text(error)}") from error
        deadline = time.monotonic() + _STOP_SECONDS
        while time.monotonic() < deadline:
            if not is_locked(folder):
                return
            current = find_running(folder)
            if current is not None and current.pid != running.pid:
                return
            time.sleep(_POLL_SECONDS)
    raise _stop_error(f"process {running.pid} still holds {folder / _LOCK_FILE}")


def _stop_error(message: str) -> SandboxFailed:
    return SandboxFailed(message, title="The sandbox did not end", hint="End its process yourself.")


async def wait_until_ended(running: RunningSandbox) -> None:
    """Keep a connection to the sandbox open until the sandbox ends; meanwhile the sandbox is not idle."""
    import asyncio

    address = urlsplit(running.base_url)
    try:
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
    except OSError:
        return
    try:
        while await reader.read(1024):
            pass
    except OSError:
        pass
    finally:
        writer.close()


# -- starting -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Process:
    """The process of a sandbox that was started, its log file, and the size of that file before the start."""

    popen: subprocess.Popen[bytes]
    log: Path
    log_start: int

    def log_tail(self) -> str:
        """Return the last lines of the log since the start."""
        try:
            with self.log.open("rb") as file:
                file.seek(self.log_start)
                lines = file.read(_LOG_BYTES).decode("utf-8", "replace").splitlines()
        except OSError:
            return ""
        return "\n".join(line.rstrip() for line in lines[-_LOG_LINES:])


_started_early: dict[Path, _Process] = {}
"""By folder: what `start_early` has started and `ensure_sandbox` has not waited for yet."""


async def _wait_for_process(process: _Process, folder: Path) -> RunningSandbox:
    """Return the sandbox that was started, or one that was started at the same time, once it is ready.

    Raises `SandboxFailed`.
    """
    import asyncio

    deadline = time.monotonic() + START_SECONDS
    while process.popen.poll() is None:
        running = await asyncio.to_thread(find_running, folder)
        if running:
            running.started_by_us = running.pid == process.popen.pid
            return running
        if time.monotonic() > deadline:
            process.popen.kill()
            late = f"it was not ready within {duration(START_SECONDS)}"
            raise _start_error(folder, f"{late}\n{process.log_tail()}".rstrip())
        await asyncio.sleep(_START_POLL_SECONDS)
    running = await _wait_until_ready(folder)  # another process may have got the lock first
    if running is None:
        message = process.log_tail().removeprefix("error: ")
        raise _start_error(folder, message or f"it ended with exit code {process.popen.returncode}")
    return running


def _start_error(folder: Path, message: str) -> SandboxFailed:
    serve, reset = (paths.sandbox_command(name, folder) for name in ("serve", "reset"))
    return SandboxFailed(message, hint=f"Run `{serve}` to see it start; `{reset}` empties it.")


def _spawn(folder: Path, options: StartOptions) -> _Process:
    """Start the process. Raises `SandboxFailed`."""
    log = folder / _LOG_FILE
    # -P: a file in the working directory must not be imported instead of a module.
    command = [sys.executable, "-P", "-m", "drio_tui", "sandbox", "serve", "--data", str(folder), *options.arguments()]
    detached: dict[str, Any] = {"start_new_session": True}  # it must not get Ctrl+C or SIGHUP of this terminal
    if sys.platform == "win32":
        detached = {"creationflags": subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP}
    try:
        files.private_dir(folder)
        with files.append_private(log, keep=_LOG_BYTES) as file:
            log_start = file.tell()
            process = subprocess.Popen(  # noqa: S603 - this interpreter and this program
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=file,
                env=options.environment(),
                **detached,
            )
    except OSError as error:
        raise SandboxFailed(f"{folder}: {files.os_error_text(error)}", hint="Check the folder and the disk.") from error
    # If it ends while this program runs, something has to wait for it, or it stays a zombie.
    threading.Thread(target=process.wait, name="drio-sandbox-end", daemon=True).start()
    return _Process(process, log, log_start)


def _base_url(ready: Any) -> str:
    """Return the base URL in the content of `sandbox.json`. Raises `SandboxFailed`."""
    url = ready.get("baseUrl") if isinstance(ready, dict) else None
    if not isinstance(url, str) or not url.startswith("http://"):
        raise SandboxFailed("it did not say where it listens")
    return url


def _token(folder: Path) -> str:
    """Read the local user's token. Raises `SandboxFailed`."""
    try:
        token = files.read_private(folder / "local-token").decode("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SandboxFailed(f"the local user's token cannot be read: {files.os_error_text(error)}") from error
    if not token:
        raise SandboxFailed(f"{folder / 'local-token'} is empty")
    return token
