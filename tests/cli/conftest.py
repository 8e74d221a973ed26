"""Commands as a script meets them: a process of their own, its output and its exit code."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests import preloaded
from tests.sandbox_fixtures import Process


@dataclass(frozen=True)
class Ran:
    """What a command left behind."""

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


Runner = Callable[..., Ran]


@pytest.fixture
def drio() -> Runner:
    """Run `drio-tui` with arguments; `env` adds to the environment, `stdin` is what it reads."""

    def run(*arguments: str, env: dict[str, str] | None = None, stdin: str = "") -> Ran:
        done = preloaded.run(*arguments, env=env, input=stdin, encoding="utf-8", errors="surrogateescape")
        return Ran(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def on_sandbox(drio: Runner, sandbox_process: Process) -> Runner:
    """Run `drio-tui` against the shared sandbox as its local user."""

    def run(*arguments: str, env: dict[str, str] | None = None, stdin: str = "") -> Ran:
        ours = {"DRIO_TOKEN": sandbox_process.token}
        return drio(*arguments, "--base-url", sandbox_process.base_url, env=ours | (env or {}), stdin=stdin)

    return run
