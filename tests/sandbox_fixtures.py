"""A sandbox for tests: in this process over ASGI (`sandbox`), or as a process over a socket (`sandbox_process`).

Both have `base_url` and `token` (the local user's). The in-process one has `app`, `database`, `transport`
(an `httpx.ASGITransport`) and `client()`; the other is started once per test session and shared, so a
test that needs it untouched makes its own with `start_sandbox`.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import httpx
import pytest
import pytest_asyncio

from tests import preloaded

if TYPE_CHECKING:
    from fastapi import FastAPI

    from drio_tui.sandbox.db import Database

T = TypeVar("T")

PORT = 38999  # only named, never listened on: ASGI needs no socket
API = "/api/v1"


@dataclass
class InProcess:
    """A sandbox in this process."""

    app: FastAPI
    base_url: str
    token: str
    transport: httpx.ASGITransport
    database: Database

    def client(self, token: str | None = "") -> httpx.AsyncClient:
        """An HTTP client, as the local user unless another token (None for nobody) is given."""
        headers = {} if token is None else {"Authorization": f"Bearer {token or self.token}"}
        return httpx.AsyncClient(transport=self.transport, base_url=self.base_url, headers=headers)


@asynccontextmanager
async def in_process(folder: Path, **options: Any) -> AsyncIterator[InProcess]:
    """A sandbox with its data in `folder`; `options` are those of its `Settings`."""
    pytest.importorskip("fastapi", reason="the sandbox extra is not installed")
    from drio_tui.sandbox.app import create_app
    from drio_tui.sandbox.oauth import mint_local_token
    from drio_tui.sandbox.settings import Settings

    settings = Settings(folder, f"http://127.0.0.1:{PORT}", **options)
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        box = app.state.sandbox
        token = await mint_local_token(box.database, box.oauth.settings)
        # a failure of the app becomes its answer, as over a socket
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        yield InProcess(app, settings.base_url, token, transport, box.database)


def made_once(work: Coroutine[Any, Any, T]) -> T:
    """Run what a fixture of the session needs, in an event loop of its own that no test sees."""
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        return runner.run(work)


@pytest.fixture(scope="session")
def example_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data of a new sandbox with the example app: tests start from copies, which is quicker than making it."""
    folder = tmp_path_factory.mktemp("example") / "sandbox"

    async def make() -> None:
        async with in_process(folder):
            pass

    made_once(make())
    return folder


@pytest_asyncio.fixture
async def sandbox(tmp_path: Path, example_data: Path) -> AsyncIterator[InProcess]:
    """A new sandbox in this process, with the example app in it."""
    shutil.copytree(example_data, tmp_path / "sandbox")
    async with in_process(tmp_path / "sandbox") as running:
        yield running


@pytest_asyncio.fixture
async def bare_sandbox(tmp_path: Path) -> AsyncIterator[InProcess]:
    """A new sandbox in this process, without any app."""
    async with in_process(tmp_path / "sandbox", example_app=False) as running:
        yield running


@dataclass
class Process:
    """A sandbox as a process of its own."""

    popen: subprocess.Popen[str]
    ready: dict[str, Any]
    data_dir: Path
    stderr: Path
    token: str = field(repr=False, default="")

    @property
    def base_url(self) -> str:
        return str(self.ready["baseUrl"])

    def client(self) -> httpx.Client:
        """An HTTP client as the local user."""
        return httpx.Client(base_url=self.base_url, headers={"Authorization": f"Bearer {self.token}"}, trust_env=False)

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, wait, and give the exit code (negative for a signal that killed it)."""
        self.popen.send_signal(number)
        return self.popen.wait(20)


def start_sandbox(data_dir: Path, *arguments: str, **options: Any) -> Process:
    """A sandbox process that is ready; fails with what it wrote if it does not get there."""
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
    return Process(popen, json.loads(line), data_dir, stderr, (data_dir / "local-token").read_text().strip())


def close(process: Process) -> None:
    """End a process whatever state it is in, and give its pipes back."""
    if process.popen.poll() is None:
        process.popen.kill()
        process.popen.wait(20)
    for pipe in (process.popen.stdout, process.popen.stdin):
        if pipe:
            pipe.close()


@pytest.fixture(scope="session")
def sandbox_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A sandbox process with the example app, shared by the whole test session."""
    process = start_sandbox(tmp_path_factory.mktemp("shared") / "sandbox")
    yield process
    close(process)


@pytest.fixture
def background(tmp_path: Path) -> Iterator[Path]:
    """A data folder whose sandbox in the background, once there is one, is stopped after the test."""
    from drio_tui.launcher import stop_sandbox

    yield tmp_path / "box"
    stop_sandbox(tmp_path / "box")
