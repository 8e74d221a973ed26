"""Fixtures that run commands in a separate process, as a script does."""

from __future__ import annotations

import json
import os
import pty
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests import preloaded
from tests.sandbox_fixtures import SandboxProcess


@dataclass(frozen=True)
class CommandResult:
    """The exit code and the output of a command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> Any:
        """The error object printed on the last line of stderr."""
        return json.loads(self.err.strip().splitlines()[-1])["error"]


Runner = Callable[..., CommandResult]


@pytest.fixture
def drio() -> Runner:
    """Run `drio-tui` with arguments; `env` adds to the environment, `stdin` is its input."""

    def run(*arguments: str, env: dict[str, str] | None = None, stdin: str = "") -> CommandResult:
        completed = preloaded.run(*arguments, env=env, input=stdin, encoding="utf-8", errors="surrogateescape")
        return CommandResult(completed.returncode, completed.stdout, completed.stderr)

    return run


@pytest.fixture
def on_sandbox(drio: Runner, sandbox_process: SandboxProcess) -> Runner:
    """Run `drio-tui` against the shared sandbox as its local user."""

    def run(*arguments: str, env: dict[str, str] | None = None, stdin: str = "") -> CommandResult:
        token = {"DRIO_TOKEN": sandbox_process.token}
        return drio(*arguments, "--base-url", sandbox_process.base_url, env=token | (env or {}), stdin=stdin)

    return run


class Faults:
    """Runs `sandbox faults` on the shared sandbox."""

    def __init__(self, drio: Runner, sandbox: SandboxProcess, http: httpx.Client) -> None:
        self._drio = drio
        self._data = ("--data", str(sandbox.data_dir))
        self._http = http

    def __call__(self, command: str, *arguments: str) -> CommandResult:
        return self._drio("sandbox", "faults", command, *arguments, *self._data)

    def app_names(self) -> list[str]:
        """Return the names of the apps, read without the program."""
        return [app["name"] for app in self._http.get("/api/v1/apps").json()["apps"]]


@pytest.fixture
def faults(drio: Runner, sandbox_process: SandboxProcess) -> Iterator[Faults]:
    """The fault lab of the shared sandbox; everything is switched off afterwards."""
    with sandbox_process.client() as http:
        yield Faults(drio, sandbox_process, http)
        http.delete("/sandbox/faults")


@dataclass(frozen=True)
class AppOnSandbox:
    """An app of the template `support` that only one test uses, and the plain requests to look at it."""

    id: str
    slug: str
    client: httpx.Client

    def list(self, kind: str) -> dict[str, dict[str, Any]]:
        """Return the resources of a kind by key, `tools` for example."""
        config = self.client.get(f"/api/v1/apps/{self.id}/config").raise_for_status().json()["config"]
        return {resource["key"]: resource for resource in config[kind]}

    def patch(self, path: str, body: dict[str, Any]) -> None:
        self.client.patch(f"/api/v1/apps/{self.id}/{path}", json=body).raise_for_status()


@pytest.fixture
def app(sandbox_process: SandboxProcess) -> Iterator[AppOnSandbox]:
    """A new app of the template `support` on the shared sandbox."""
    slug = f"scripted-{uuid.uuid4().hex[:8]}"
    with sandbox_process.client() as client:
        body = {"templateId": "support", "name": "Scripted", "slug": slug}
        created = client.post("/api/v1/apps", json=body).raise_for_status().json()["app"]
        yield AppOnSandbox(created["id"], slug, client)


def on_terminal(
    process: SandboxProcess,
    arguments: tuple[str, ...],
    before_answer: Callable[[], object] = lambda: None,
    answer: str = "y",
) -> tuple[int, str]:
    """Run a command on a terminal, call `before_answer` when it asks, answer; return its exit code and its output."""
    ours, theirs = pty.openpty()
    env = {"DRIO_TOKEN": process.token, "TERM": "dumb"}
    command = preloaded.popen(
        *arguments, "--base-url", process.base_url, env=env, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    output = b""
    answered = False
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:  # the command has closed the terminal
            break
        output += part
        if not part:
            break
        if not answered and b"[y/N]" in output:
            before_answer()
            os.write(ours, answer.encode() + b"\n")
            answered = True
    code = command.wait(60)
    os.close(ours)
    return code, output.decode()
