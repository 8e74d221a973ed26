"""Fixtures that run commands in a separate process, as a script does."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

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
