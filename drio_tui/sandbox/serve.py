"""Running the sandbox as a process, and commands on the data folder of one that is not running."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn

from drio_tui import __version__
from drio_tui.sandbox import allowed, oauth
from drio_tui.sandbox.app import create_app
from drio_tui.sandbox.core import Sandbox
from drio_tui.sandbox.datadir import DataDir, SandboxError
from drio_tui.sandbox.db import FILE_NAME, Database, move_to_backup
from drio_tui.sandbox.faults.injection import Disconnectable
from drio_tui.sandbox.settings import Settings
from drio_tui.storage.files import os_error_text

log = logging.getLogger("drio_tui.sandbox")

HOST = "127.0.0.1"
KEEP_ALIVE_SECONDS = 65
"""How long an idle connection stays open: longer than clients keep it, so that none is closed under a request."""
_GRACE_SECONDS = 3
_WATCH_SECONDS = 5.0
_SIGNALS = [
    number
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
    if (number := getattr(signal, name, None)) is not None
]


@dataclass(frozen=True, slots=True)
class ResetResult:
    """The result of a reset: `backup` is the old database file, None if there was none or it is PostgreSQL."""

    data_dir: Path
    backup: Path | None


def serve(
    data_dir: Path,
    *,
    port: int = 0,
    database_url: str | None = None,
    exit_with_parent: bool = False,
    allow_private_egress: bool = False,
    idle_exit: float | None = None,
    secret_key_file: Path | None = None,
    on_ready: Callable[[dict[str, Any]], None] = lambda _info: None,
) -> int:
    """Serve until a signal arrives, until standard input ends (with `exit_with_parent`), or until it is not needed.

    It is not needed after `idle_exit` minutes without a connection (0 or None: no such limit), or once the data folder
    is removed. A program that starts the sandbox again uses the same `idle_exit`, and its own setting for None.
    `allow_private_egress` lets deployed apps call addresses of this machine and of private networks.
    `secret_key_file` holds the key of the secrets, instead of the file in the data folder.
    `on_ready` is called with the process info once requests are accepted. Returns the exit code: 0, or 128 + the
    number of the signal.

    Raises `SandboxError` (the port is taken, another process holds the folder) and `StorageError`.
    """
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    logging.getLogger("aiosqlite").setLevel(logging.WARNING)  # at DEBUG it logs the values of every statement
    folder = DataDir(data_dir)
    with folder.locked(), _listening(port, folder.last_port()) as listener:
        folder.clear_stopped()
        bound_port = listener.getsockname()[1]
        folder.write_port(bound_port)
        base_url = f"http://{HOST}:{bound_port}"
        settings = Settings(
            folder.path,
            base_url,
            database_url,
            allow_private_egress=allow_private_egress,
            secret_key_file=secret_key_file,
        )
        options: dict[str, Any] = {"port": port, "idleExit": idle_exit, "allowPrivateEgress": allow_private_egress}
        options["secretKeyFile"] = str(secret_key_file) if secret_key_file else None
        options["database"] = Database(database_url).name if database_url else None
        try:
            return asyncio.run(_serve(settings, folder, listener, on_ready, exit_with_parent, options))
        finally:
            folder.remove_info()


async def _serve(
    settings: Settings,
    folder: DataDir,
    listener: socket.socket,
    on_ready: Callable[[dict[str, Any]], None],
    exit_with_parent: bool,
    options: dict[str, Any],
) -> int:
    settings.cipher.prepare()
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        await ensure_local_token(app.state.sandbox, folder)
        info = {
            "pid": os.getpid(),
            "id": app.state.sandbox.id,
            "baseUrl": settings.base_url,
            "apiUrl": settings.api_url,
            "dataDir": str(settings.data_dir),
            "version": __version__,
        }

        def on_startup() -> None:
            started = datetime.now(UTC).isoformat(timespec="seconds")
            folder.write_info(info | {"startedAt": started, "options": options})
            on_ready({"event": "ready", **info})

        config = uvicorn.Config(
            Disconnectable(app),
            lifespan="off",
            http="h11",
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_GRACE_SECONDS,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
        )
        server = _Server(config, on_startup, on_shutdown=folder.remove_info)
        app.state.sandbox.connections = lambda: len(server.server_state.connections)
        watcher = asyncio.create_task(_exit_when_unneeded(server, folder, (options["idleExit"] or 0.0) * 60))
        if exit_with_parent:
            threading.Thread(target=_exit_at_end_of_input, args=(server,), daemon=True).start()
        try:
            await server.serve([listener])
        finally:
            watcher.cancel()
    return 0 if server.signal is None else 128 + server.signal


class _Server(uvicorn.Server):
    """Calls `on_startup` and `on_shutdown`, and ends at a signal without raising it again."""

    def __init__(self, config: uvicorn.Config, on_startup: Callable[[], None], on_shutdown: Callable[[], None]) -> None:
        super().__init__(config)
        self.on_startup, self.on_shutdown = on_startup, on_shutdown
        self.signal: int | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.on_startup()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.on_shutdown()  # first: running requests may take seconds, and no new client may connect meanwhile
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        before = {number: signal.signal(number, self.handle_exit) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.signal = sig
        super().handle_exit(sig, frame)


class IdleTime:
    """Measures for how long no client was connected. Times are in seconds, of any clock."""

    def __init__(self, now: float) -> None:
        self._since = now
        self._requests = 0

    def seconds(self, connections: int, requests: int, now: float) -> float:
        """Return the idle time at `now`, given the open connections and the number of requests since the start."""
        if connections or requests != self._requests:
            self._since, self._requests = now, requests
        return now - self._since


async def _exit_when_unneeded(server: uvicorn.Server, folder: DataDir, idle_exit: float) -> None:
    """End the server after `idle_exit` seconds without a connection (0: never), or once the data folder is removed."""
    clock = asyncio.get_running_loop().time
    idle = IdleTime(clock())
    while True:
        await asyncio.sleep(min(idle_exit / 4, _WATCH_SECONDS) if idle_exit else _WATCH_SECONDS)
        state = server.server_state
        if not folder.exists():
            log.warning("%s was removed: the sandbox ends", folder.path)
        elif idle_exit and idle.seconds(len(state.connections), state.total_requests, clock()) >= idle_exit:
            log.info("nobody was connected for %g s: the sandbox ends", idle_exit)
        else:
            continue
        server.should_exit = True
        return


def _exit_at_end_of_input(server: uvicorn.Server) -> None:
    """End the server once standard input ends. Blocking."""
    with contextlib.suppress(OSError):
        while os.read(0, 4096):
            pass
    server.should_exit = True


@contextlib.contextmanager
def _listening(port: int, last_port: int) -> Iterator[socket.socket]:
    """Open a listening socket on `port`; for 0 on `last_port` if it is free, so that URLs stay valid."""
    listener: socket.socket | None = None
    if port == 0 and last_port:
        with contextlib.suppress(SandboxError):
            listener = _listen(last_port)
    with contextlib.closing(listener or _listen(port)) as bound:
        yield bound


def _listen(port: int) -> socket.socket:
    # asyncio sets TCP_NODELAY only if the protocol is named; without it each response waits 40 ms for an ACK
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":  # on Windows it would let two processes share the port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise SandboxError(
                f"port {port} is in use", hint="Choose another with --port, or none: any free one is taken."
            ) from error
        raise SandboxError(f"port {port} cannot be used: {os_error_text(error)}") from error
    return listener


async def ensure_local_token(sandbox: Sandbox, folder: DataDir) -> str:
    """Return the local user's token: the one in the folder if it is valid, else a new one, which is written there."""
    stored = folder.token()
    if stored is not None and await oauth.principal_of(sandbox.oauth, stored) is not None:
        return stored
    token = await oauth.mint_local_token(sandbox.database, sandbox.oauth.settings)
    folder.write_token(token)
    return token


def get_local_token(data_dir: Path, *, database_url: str | None = None) -> str:
    """Return the local user's token, created if necessary, whether a sandbox runs in the folder or not.

    Raises `SandboxError` while one is starting, `StorageError` if the database cannot be used.
    """
    folder = DataDir(data_dir)
    try:
        with folder.locked():
            return asyncio.run(_token(Settings(folder.path, f"http://{HOST}:1", database_url), folder))
    except SandboxError:
        stored = folder.token() if folder.read_info() else None
        if stored is None:
            raise
        return stored


async def _token(settings: Settings, folder: DataDir) -> str:
    async with _open_sandbox(settings) as sandbox:
        return await ensure_local_token(sandbox, folder)


@contextlib.asynccontextmanager
async def _open_sandbox(settings: Settings) -> AsyncIterator[Sandbox]:
    """Open the database of a sandbox without serving it."""
    app = create_app(settings)
    sandbox: Sandbox = app.state.sandbox
    async with sandbox.database:
        yield sandbox


def reset(data_dir: Path, *, database_url: str | None = None) -> ResetResult:
    """Empty the sandbox: rename its SQLite file to a backup, and remove the token and the allowed hosts.

    The tables of a PostgreSQL database are dropped, without a backup. Raises `AlreadyRunning`.
    """
    folder = DataDir(data_dir)
    with folder.locked():
        backup: Path | None = None
        if database_url is None:
            backup = move_to_backup(folder.path / FILE_NAME)
        else:
            database = Database(database_url)
            if database.path is not None:
                backup = move_to_backup(database.path)
            else:
                asyncio.run(_drop_tables(database))
        folder.remove_token()
        allowed.clear_allowed_hosts(folder.path)
    return ResetResult(folder.path, backup)


async def _drop_tables(database: Database) -> None:
    async with database:
        await database.drop_all()
