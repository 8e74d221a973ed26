"""Finding, starting and stopping the local sandbox, which is a process of its own.

Nothing of the sandbox is imported: it is run as `python -m drio_tui sandbox serve` in the background and spoken to
over HTTP. It outlives the program that started it. In its data folder (0700) it keeps `sandbox.lock` (held while it
lives), `sandbox.json` (0600: where it listens, removed when it ends), `sandbox.log` and `local-token` (0600): the token
passes from process to process through that file alone, never over the network and never as an argument.
"""

from __future__ import annotations

import asyncio
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
_POLL_SECONDS = 0.05
_LOG_LINES = 12
_LOG_BYTES = 1 << 20
_LOCK_FILE = "sandbox.lock"
_READY_FILE = "sandbox.json"
_LOG_FILE = "sandbox.log"
_STOPPED_FILE = "sandbox.stopped"


class SandboxFailed(ConnectionFailed):
    """The sandbox did not start; the message holds the last lines that it logged."""

    title = "The sandbox did not start"
    hint = "Run `drio-tui sandbox serve` to see it start; `drio-tui sandbox reset` empties it."


@dataclass(frozen=True, slots=True)
class StartOptions:
    """How a sandbox is started. `idle_exit` is in minutes, 0 for never, None for what the person configured."""

    port: int = 0
    database_url: str | None = field(default=None, repr=False)
    allow_private_egress: bool = False
    idle_exit: float | None = None
    secret_key_file: Path | None = None

    def arguments(self) -> list[str]:
        """The command line's options; the database's URL may hold a password and goes by the environment."""
        idle = configured_idle_exit() if self.idle_exit is None else self.idle_exit
        given = ["--idle-exit", f"{idle:g}"]
        given += ["--port", str(self.port)] if self.port else []
        given += ["--allow-private-egress"] if self.allow_private_egress else []
        given += ["--secret-key-file", str(self.secret_key_file.absolute())] if self.secret_key_file else []
        return given

    def environment(self) -> dict[str, str]:
        """The environment of the process: ours, without a token that is not its business."""
        kept = {name: value for name, value in os.environ.items() if name not in ("DRIO_TOKEN", KEY_FILE_VARIABLE)}
        if self.database_url is None:
            kept.pop(DATABASE_VARIABLE, None)
        else:
            kept[DATABASE_VARIABLE] = self.database_url
        return kept


def options_from_environment() -> StartOptions:
    """What `--sandbox` starts with."""
    key_file = os.environ.get(KEY_FILE_VARIABLE)
    return StartOptions(
        database_url=os.environ.get(DATABASE_VARIABLE) or None,
        secret_key_file=Path(key_file).expanduser() if key_file else None,
    )


def configured_idle_exit() -> float:
    """After how many minutes without a connection a sandbox in the background ends; 0 for never."""
    from drio_tui.settings import Settings

    with contextlib.suppress(KeyError, ValueError):
        if 0 <= (minutes := float(os.environ[IDLE_EXIT_VARIABLE])) < float("inf"):
            return minutes
    return Settings.load().sandbox_idle_exit


@dataclass(slots=True)
class RunningSandbox:
    """A sandbox that answers at `base_url` (`http://127.0.0.1:PORT`); `token` is the local user's.

    `id` names its data, which may be served on another port the next time; empty for one of an earlier version.
    `ready` is what it says of itself in `sandbox.json`.
    """

    base_url: str
    data_dir: Path
    token: str = field(repr=False)
    id: str = ""
    ready: Mapping[str, Any] = field(default_factory=dict, repr=False)
    started_by_us: bool = False

    @property
    def pid(self) -> int:
        """Its process id, 0 where it did not say one."""
        pid = self.ready.get("pid")
        return pid if isinstance(pid, int) and pid > 0 else 0

    @property
    def version(self) -> str:
        """The drio-tui that it belongs to."""
        return str(self.ready.get("version") or "")

    @property
    def advice(self) -> str:
        """What to do about a sandbox of another version, empty for one of ours."""
        if self.version in ("", __version__):
            return ""
        return (
            f"The running sandbox is of drio-tui {self.version}, this is {__version__}. End it with "
            "`drio-tui sandbox stop` when nothing else uses it: the next start brings it to this version."
        )

    @property
    def log_file(self) -> Path:
        """Where it logs when it runs in the background."""
        return self.data_dir / _LOG_FILE

    def runs_with(self, options: StartOptions) -> bool:
        """Whether it was started with what `options` ask for, as far as it says."""
        told = self.ready.get("options")
        if not isinstance(told, dict):
            return True
        return (
            options.port in (0, told.get("port"))
            and options.idle_exit in (None, told.get("idleExit"))
            and options.allow_private_egress <= (told.get("allowPrivateEgress") is True)
            and (options.database_url is None) == (told.get("database") is None)
            and (
                options.secret_key_file is None or str(options.secret_key_file.absolute()) == told.get("secretKeyFile")
            )
        )

    def restart_options(self) -> StartOptions:
        """How to start it again as it was. Raises `SandboxFailed` where its database is not known here."""
        told = self.ready.get("options")
        known = told if isinstance(told, dict) else {}
        url = os.environ.get(DATABASE_VARIABLE) or None
        if known.get("database") is None:
            url = None
        elif url is None:
            raise SandboxFailed(
                f"it used the database {known['database']}, whose URL is not known here",
                hint=f"Start it with `drio-tui sandbox start --database-url URL`, or set {DATABASE_VARIABLE}.",
            )
        idle, key_file = known.get("idleExit"), known.get("secretKeyFile")
        return StartOptions(
            port=known["port"] if isinstance(known.get("port"), int) else 0,
            database_url=url,
            allow_private_egress=known.get("allowPrivateEgress") is True,
            idle_exit=float(idle) if isinstance(idle, int | float) else None,
            secret_key_file=Path(key_file) if isinstance(key_file, str) else None,
        )


async def ensure_sandbox(
    data_dir: Path | str | None = None,
    *,
    options: StartOptions | None = None,
    on_line: Callable[[str], None] | None = None,
) -> RunningSandbox:
    """The sandbox of `data_dir` (default: the platform's folder), started in the background when none is running.

    `on_line` gets what happens, one short sentence at a time. Raises `SandboxFailed`.
    """
    tell = on_line or (lambda _line: None)
    folder = data_folder(data_dir)
    running = await _join(folder)
    if running is None:
        tell("Starting the sandbox")
        running = await _start(folder, options or options_from_environment())
    if running.started_by_us:
        tell("The sandbox is ready; `drio-tui sandbox stop` ends it")
    else:
        tell("Found a running sandbox")
    return running


def data_folder(data_dir: Path | str | None) -> Path:
    """The folder meant by `data_dir`. Raises `SandboxFailed`."""
    try:
        return Path(data_dir).expanduser().absolute() if data_dir else paths.sandbox_dir()
    except (RuntimeError, OSError) as error:  # `~` of nobody, or a working folder that is gone
        raise SandboxFailed(
            f"{data_dir} is no folder: {files.reason_of(error)}", hint="Name another folder with --data."
        ) from error


async def _join(folder: Path) -> RunningSandbox | None:
    """The sandbox that lives on `folder`, waited for while it starts; None when there is none."""
    ends = time.monotonic() + START_SECONDS
    while await asyncio.to_thread(is_locked, folder):
        running = await asyncio.to_thread(find_running, folder)
        if running:
            return running
        if time.monotonic() > ends:
            raise SandboxFailed(
                f"a process holds {folder / _LOCK_FILE} and does not say where it listens",
                hint="Is a sandbox starting or ending there? Look for its process, or name another folder with --data.",
            )
        await asyncio.sleep(_POLL_SECONDS)
    return None


def find_running(folder: Path) -> RunningSandbox | None:
    """The sandbox that holds `folder`'s lock right now, if there is one and it is ready."""
    if not is_locked(folder):
        return None
    try:
        ready = json.loads(files.read_private(folder / _READY_FILE))
        return RunningSandbox(_base_url(ready), folder, _token(folder), str(ready.get("id") or ""), ready)
    except (OSError, ValueError, SandboxFailed):
        return None


def is_locked(folder: Path) -> bool:
    """Whether a living process holds the sandbox's lock (a file left by a dead one does not count)."""
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
    """Whether the folder's last sandbox was ended by `stop_sandbox`, so that nobody should start it unasked."""
    return (folder / _STOPPED_FILE).exists()


def stop_sandbox(folder: Path) -> RunningSandbox | None:
    """End the sandbox of `folder` and wait until it has ended; None where none runs. Blocking.

    Raises `SandboxFailed` where one holds the folder that cannot be ended.
    """
    ends = time.monotonic() + START_SECONDS
    while (running := find_running(folder)) is None:  # one that is starting gets ready first
        if not is_locked(folder):
            return None
        if time.monotonic() > ends:
            raise _not_ended(f"a process holds {folder / _LOCK_FILE} and does not say who it is")
        time.sleep(_POLL_SECONDS)
    if not running.pid:
        raise _not_ended(f"the sandbox at {running.base_url} does not say which process it is")
    with contextlib.suppress(OSError):  # before its end: a connected program looks for the file as soon as it is gone
        files.write_private(folder / _STOPPED_FILE, b"")
    try:
        _end_process(running, folder)
    except SandboxFailed:
        with contextlib.suppress(OSError):  # it runs on; once it crashes, it may be started again
            (folder / _STOPPED_FILE).unlink()
        raise
    return running


def _end_process(running: RunningSandbox, folder: Path) -> None:
    """Terminate the sandbox's process, by force after a while. Raises `SandboxFailed` when it lives on."""
    for number in (signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM)):
        try:
            os.kill(running.pid, number)
        except ProcessLookupError:
            return
        except OSError as error:
            raise _not_ended(f"process {running.pid}: {files.reason_of(error)}") from error
        ends = time.monotonic() + _STOP_SECONDS
        while time.monotonic() < ends:
            if not is_locked(folder):
                return
            current = find_running(folder)
            if current is not None and current.pid != running.pid:
                return
            time.sleep(_POLL_SECONDS)
    raise _not_ended(f"process {running.pid} still holds {folder / _LOCK_FILE}")


def _not_ended(message: str) -> SandboxFailed:
    return SandboxFailed(message, title="The sandbox did not end", hint="End its process yourself.")


async def wait_until_gone(running: RunningSandbox) -> None:
    """Hold a connection to the sandbox, which counts as being connected, until the sandbox ends."""
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


async def _start(folder: Path, options: StartOptions) -> RunningSandbox:
    """Start the sandbox and wait until it, or one that was started elsewhere at the same time, is ready."""
    process, log, begins = await asyncio.to_thread(_spawn, folder, options)
    ends = time.monotonic() + START_SECONDS
    while process.poll() is None:
        running = await asyncio.to_thread(find_running, folder)
        if running:
            running.started_by_us = running.pid == process.pid
            return running
        if time.monotonic() > ends:
            process.kill()
            raise SandboxFailed(f"it was not ready within {duration(START_SECONDS)}\n{_tail(log, begins)}".rstrip())
        await asyncio.sleep(_POLL_SECONDS)
    running = await _join(folder)  # someone else was faster
    if running is None:
        raise SandboxFailed(_tail(log, begins) or f"it ended with exit code {process.returncode}")
    return running


def _spawn(folder: Path, options: StartOptions) -> tuple[subprocess.Popen[bytes], Path, int]:
    """The process, its log file and where in that its own lines begin."""
    log = folder / _LOG_FILE
    # -P: nothing that lies in the present folder is run in the place of a module.
    command = [sys.executable, "-P", "-m", "drio_tui", "sandbox", "serve", "--data", str(folder), *options.arguments()]
    apart: dict[str, Any] = {"start_new_session": True}  # Ctrl+C and a hang-up of our terminal are ours
    if sys.platform == "win32":
        apart = {"creationflags": subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP}
    try:
        files.private_dir(folder)
        with files.append_private(log, keep=_LOG_BYTES) as file:
            begins = file.tell()
            process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=file,
                env=options.environment(),
                **apart,
            )
    except OSError as error:
        raise SandboxFailed(f"{folder}: {files.reason_of(error)}", hint="Check the folder and the disk.") from error
    # It outlives us; while we live, someone has to take note of its end.
    threading.Thread(target=process.wait, name="drio-sandbox-end", daemon=True).start()
    return process, log, begins


def _tail(log: Path, begins: int) -> str:
    """The last lines that were logged after the first `begins` bytes."""
    try:
        with log.open("rb") as file:
            file.seek(begins)
            lines = file.read(_LOG_BYTES).decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return "\n".join(line.rstrip() for line in lines[-_LOG_LINES:])


def _base_url(ready: Any) -> str:
    url = ready.get("baseUrl") if isinstance(ready, dict) else None
    if not isinstance(url, str) or not url.startswith("http://"):
        raise SandboxFailed("it did not say where it listens")
    return url


def _token(folder: Path) -> str:
    try:
        token = files.read_private(folder / "local-token").decode("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SandboxFailed(f"the local user's token cannot be read: {files.reason_of(error)}") from error
    if not token:
        raise SandboxFailed(f"{folder / 'local-token'} is empty")
    return token
