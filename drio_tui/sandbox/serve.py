"""Running the sandbox as a process, and what is done to one that does not run."""

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
from drio_tui.sandbox.db import FILE_NAME, Database, set_aside
from drio_tui.sandbox.settings import Settings
from drio_tui.storage.files import reason_of

log = logging.getLogger("drio_tui.sandbox")

HOST = "127.0.0.1"
KEEP_ALIVE_SECONDS = 65
"""How long an idle connection stays open: longer than clients keep theirs, or a request could meet its end."""
_GRACE_SECONDS = 3
_LOOK_SECONDS = 5.0
_SIGNALS = [
    number
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
    if (number := getattr(signal, name, None)) is not None
]


@dataclass(frozen=True, slots=True)
class Reset:
    """What a reset did: `backup` is where the old database went, None where there was none or it has no file."""

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
    on_ready: Callable[[dict[str, Any]], None] = lambda _told: None,
) -> int:
    """Serve until a signal comes, standard input ends when `exit_with_parent`, or nobody needs it any more.

    Nobody does once there was no connection for `idle_exit` minutes (0 or None: that never counts), or once the data
    folder is removed. A program that starts the sandbox again uses the same `idle_exit`, its own setting for None.
    `allow_private_egress` lets deployed apps call addresses of this machine and of private networks.
    `secret_key_file` holds the key of the secrets in the place of the data folder's own.
    `on_ready` is told once it answers. The result is an exit code: 0, or 128 + the signal's number.
    Raises `SandboxError` (the port is taken, another process has the folder) and `StorageError`.
    """
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    logging.getLogger("aiosqlite").setLevel(logging.WARNING)  # it tells every statement's values below that
    folder = DataDir(data_dir)
    with folder.held(), _listening(port, folder.last_port()) as listener:
        folder.forget_stop()
        taken = listener.getsockname()[1]
        folder.keep_port(taken)
        base_url = f"http://{HOST}:{taken}"
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
            folder.untell()


async def _serve(
    settings: Settings,
    folder: DataDir,
    listener: socket.socket,
    on_ready: Callable[[dict[str, Any]], None],
    exit_with_parent: bool,
    options: dict[str, Any],
) -> int:
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        await local_token(app.state.sandbox, folder)
        told = {
            "pid": os.getpid(),
            "id": app.state.sandbox.id,
            "baseUrl": settings.base_url,
            "apiUrl": settings.api_url,
            "dataDir": str(settings.data_dir),
            "version": __version__,
        }

        def ready() -> None:
            started = datetime.now(UTC).isoformat(timespec="seconds")
            folder.tell(told | {"startedAt": started, "options": options})
            on_ready({"event": "ready", **told})

        config = uvicorn.Config(
            app,
            lifespan="off",
            http="h11",
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_GRACE_SECONDS,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
        )
        server = _Server(config, ready, ending=folder.untell)
        app.state.sandbox.connections = lambda: len(server.server_state.connections)
        watch = asyncio.create_task(_end_when_unneeded(server, folder, (options["idleExit"] or 0.0) * 60))
        if exit_with_parent:
            threading.Thread(target=_wait_for_end_of_input, args=(server,), daemon=True).start()
        try:
            await server.serve([listener])
        finally:
            watch.cancel()
    return 0 if server.signal is None else 128 + server.signal


class _Server(uvicorn.Server):
    """Says when it answers and when no longer, and ends at a signal without raising it again."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None], ending: Callable[[], None]) -> None:
        super().__init__(config)
        self.ready, self.ending = ready, ending
        self.signal: int | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.ending()  # requests under way may take seconds, in which nobody may join it any more
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
    """Measures for how long nobody was connected. Times are in seconds, of any clock."""

    def __init__(self, now: float) -> None:
        self._since = now
        self._requests = 0

    def seconds(self, connections: int, requests: int, now: float) -> float:
        """The idle time at `now`, with so many open connections and so many requests answered since the start."""
        if connections or requests != self._requests:
            self._since, self._requests = now, requests
        return now - self._since


async def _end_when_unneeded(server: uvicorn.Server, folder: DataDir, idle_exit: float) -> None:
    """End the server once nobody was connected for `idle_exit` seconds (0: never), or the data folder is gone."""
    clock = asyncio.get_running_loop().time
    idle = IdleTime(clock())
    while True:
        await asyncio.sleep(min(idle_exit / 4, _LOOK_SECONDS) if idle_exit else _LOOK_SECONDS)
        state = server.server_state
        if not folder.is_there():
            log.warning("%s was removed: the sandbox ends", folder.path)
        elif idle_exit and idle.seconds(len(state.connections), state.total_requests, clock()) >= idle_exit:
            log.info("nobody was connected for %g s: the sandbox ends", idle_exit)
        else:
            continue
        server.should_exit = True
        return


def _wait_for_end_of_input(server: uvicorn.Server) -> None:
    with contextlib.suppress(OSError):
        while os.read(0, 4096):
            pass
    server.should_exit = True


@contextlib.contextmanager
def _listening(port: int, last: int) -> Iterator[socket.socket]:
    """A listening socket on `port`; where that is 0, on the `last` one if it is free, so that addresses stay."""
    listener: socket.socket | None = None
    if port == 0 and last:
        with contextlib.suppress(SandboxError):
            listener = _bound(last)
    with contextlib.closing(listener or _bound(port)) as chosen:
        yield chosen


def _bound(port: int) -> socket.socket:
    # with the protocol named, asyncio switches Nagle's algorithm off: else each answer waits 40 ms for an ACK
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":  # elsewhere it would let two processes share the port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise SandboxError(
                f"port {port} is in use", hint="Choose another with --port, or none: any free one is taken."
            ) from error
        raise SandboxError(f"port {port} cannot be used: {reason_of(error)}") from error
    return listener


async def local_token(sandbox: Sandbox, folder: DataDir) -> str:
    """The local user's token: the one in the folder while it counts, else a new one, kept there."""
    known = folder.token()
    if known is not None and await oauth.principal_of(sandbox.oauth, known) is not None:
        return known
    token = await oauth.mint_local_token(sandbox.database, sandbox.oauth.settings)
    folder.keep_token(token)
    return token


def token(data_dir: Path, *, database_url: str | None = None) -> str:
    """The local user's token, made if need be, whether a sandbox runs there or not.

    Raises `SandboxError` while one is starting, `StorageError` where the database cannot be used.
    """
    folder = DataDir(data_dir)
    try:
        with folder.held():
            return asyncio.run(_token(Settings(folder.path, f"http://{HOST}:1", database_url), folder))
    except SandboxError:
        known = folder.token() if folder.told() else None
        if known is None:
            raise
        return known


async def _token(settings: Settings, folder: DataDir) -> str:
    async with _opened(settings) as sandbox:
        return await local_token(sandbox, folder)


@contextlib.asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[Sandbox]:
    app = create_app(settings)
    sandbox: Sandbox = app.state.sandbox
    async with sandbox.database:
        yield sandbox


def reset(data_dir: Path, *, database_url: str | None = None) -> Reset:
    """Empty the sandbox: its SQLite file is set aside as a backup beside it, the token forgotten.

    A PostgreSQL database has its tables dropped, without a backup. Raises `AlreadyRunning`.
    """
    folder = DataDir(data_dir)
    with folder.held():
        backup: Path | None = None
        if database_url is None:
            backup = set_aside(folder.path / FILE_NAME)
        else:
            database = Database(database_url)
            if database.path is not None:
                backup = set_aside(database.path)
            else:
                asyncio.run(_drop(database))
        folder.forget_token()
        allowed.forget(folder.path)
    return Reset(folder.path, backup)


async def _drop(database: Database) -> None:
    async with database:
        await database.drop_all()
