"""A sandbox for tests: in this process over ASGI (`sandbox`), or as a separate process (`sandbox_process`).

Both have `base_url` and `token` (the local user's). The in-process one has `app`, `database`, `transport`
(a `SandboxTransport`, over ASGI) and `client()`. The process is started once per test session and shared; a test that
needs a new one calls `start_sandbox`.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import httpx
import pytest
import pytest_asyncio

from tests import preloaded

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from drio_tui.sandbox.db import Database

T = TypeVar("T")

PORT = 38999  # only part of the base URL: ASGI needs no socket
API = "/api/v1"


class SandboxTransport(httpx.ASGITransport):
    """Requests over ASGI. If the fault lab ends the connection of one, it fails as over a socket."""

    def __init__(self, app: Starlette) -> None:
        async def disconnectable(scope: Any, receive: Any, send: Any) -> None:
            extensions = scope.setdefault("extensions", {})
            for name in (RESET, CLOSE):
                extensions[name] = lambda: _connection_ended.set(True)
            await app(scope, receive, send)
            if _connection_ended.get():
                raise ConnectionResetError

        from drio_tui.sandbox.faults.injection import CLOSE, RESET

        # an exception of the app becomes a response, as over a socket
        super().__init__(disconnectable, raise_app_exceptions=False)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        _connection_ended.set(False)
        response = await super().handle_async_request(request)
        if _connection_ended.get():
            raise httpx.ReadError("the connection was reset", request=request)
        return response


_connection_ended = ContextVar("connection_ended", default=False)


@dataclass
class InProcessSandbox:
    """A sandbox in this process."""

    app: Starlette
    base_url: str
    token: str
    transport: httpx.ASGITransport
    database: Database

    def client(self, token: str | None = "") -> httpx.AsyncClient:
        """Return an HTTP client with that token, by default the local user's; None for no token."""
        headers = {} if token is None else {"Authorization": f"Bearer {token or self.token}"}
        return httpx.AsyncClient(transport=self.transport, base_url=self.base_url, headers=headers)


@asynccontextmanager
async def in_process(folder: Path, **options: Any) -> AsyncIterator[InProcessSandbox]:
    """Run a sandbox with its data in `folder`; `options` are those of its `Settings`."""
    pytest.importorskip("fastapi", reason="the sandbox extra is not installed")
    from drio_tui.sandbox.app import create_app
    from drio_tui.sandbox.oauth import mint_local_token
    from drio_tui.sandbox.settings import Settings

    settings = Settings(folder, f"http://127.0.0.1:{PORT}", **options)
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        sandbox = app.state.sandbox
        token = await mint_local_token(sandbox.database, sandbox.oauth.settings)
        yield InProcessSandbox(app, settings.base_url, token, SandboxTransport(app), sandbox.database)


def run_in_new_loop(work: Coroutine[Any, Any, T]) -> T:
    """Run the work of a session fixture in a separate event loop."""
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        return runner.run(work)


@pytest.fixture(scope="session")
def example_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a new sandbox with the example app, of which tests use copies, since creating it is slow."""
    folder = tmp_path_factory.mktemp("example") / "sandbox"

    async def create() -> None:
        async with in_process(folder):
            pass

    run_in_new_loop(create())
    return folder


@pytest_asyncio.fixture
async def sandbox(tmp_path: Path, example_data: Path) -> AsyncIterator[InProcessSandbox]:
    """A new sandbox in this process with the example app."""
    shutil.copytree(example_data, tmp_path / "sandbox")
    async with in_process(tmp_path / "sandbox") as running:
        yield running


@pytest_asyncio.fixture
async def bare_sandbox(tmp_path: Path) -> AsyncIterator[InProcessSandbox]:
    """A new sandbox in this process without apps."""
    async with in_process(tmp_path / "sandbox", example_app=False) as running:
        yield running


@dataclass
class SandboxProcess:
    """A sandbox as a separate process."""

    popen: subprocess.Popen[str]
    ready: dict[str, Any]
    data_dir: Path
    stderr: Path
    token: str = field(repr=False, default="")

    @property
    def base_url(self) -> str:
        return str(self.ready["baseUrl"])

    def client(self) -> httpx.Client:
        """Return an HTTP client with the local user's token."""
        return httpx.Client(base_url=self.base_url, headers={"Authorization": f"Bearer {self.token}"}, trust_env=False)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, wait, and return the exit code (negative for a signal that killed it)."""
        self.popen.send_signal(number)
        return self.popen.wait(20)


def start_sandbox(data_dir: Path, *arguments: str, **options: Any) -> SandboxProcess:
    """Start a sandbox process and wait until it is ready; if it is not, fail with its stderr."""
    pytest.importorskip("fastapi", reason="the sandbox extra is not installed")
    stderr = data_dir.with_name(f"{data_dir.name}.stderr")
    with stderr.open("a") as log:
        popen = preloaded.popen(
            "sandbox", "serve", "--data", str(data_dir), *arguments,
            stdin=options.pop("stdin", subprocess.DEVNULL), stdout=subprocess.PIPE, stderr=log, text=True, **options,
        )  # fmt: skip
    assert popen.stdout
    line = popen.stdout.readline()
    if not line:
        popen.wait(20)
        popen.stdout.close()
        raise AssertionError(f"exit code {popen.returncode}: {stderr.read_text()}")
    return SandboxProcess(popen, json.loads(line), data_dir, stderr, (data_dir / "local-token").read_text().strip())


def kill_process(process: SandboxProcess) -> None:
    """Kill a process if it is running, and close its pipes."""
    if process.popen.poll() is None:
        process.popen.kill()
        process.popen.wait(20)
    for pipe in (process.popen.stdout, process.popen.stdin):
        if pipe:
            pipe.close()


@pytest.fixture(scope="session")
def sandbox_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    """A sandbox process with the example app, shared by the test session."""
    process = start_sandbox(tmp_path_factory.mktemp("shared") / "sandbox")
    yield process
    kill_process(process)


@pytest.fixture
def background(tmp_path: Path) -> Iterator[Path]:
    """A data folder; a background sandbox that a test starts there is stopped after the test."""
    from drio_tui.launcher import stop_sandbox

    yield tmp_path / "box"
    stop_sandbox(tmp_path / "box")
