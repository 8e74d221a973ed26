"""What commands say under each preset of the fault lab, and what is then in the sandbox: nothing twice."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from drio_tui.api import transport
from drio_tui.api.errors import NO_V1
from drio_tui.cli import cli
from tests.cli.conftest import AppOnSandbox
from tests.sandbox_fixtures import SandboxProcess

Run = Callable[..., Result]


@dataclasses.dataclass(frozen=True)
class Expected:
    """The exit codes and a part of the output of four commands; `done` are those whose change was made."""

    code: tuple[int, int, int, int]
    says: tuple[str, str, str, str]
    done: tuple[bool, bool, bool]


_OFFLINE = "The connection broke: 127.0.0.1: Connection reset by peer\nTry again."
_PORTAL = "This is not the drio API"
_RETIRED = "This drio no longer serves API v1: The API v1 was retired."
_CONFLICT = "Someone else changed it meanwhile.\nLook at the current state, then try again."
_UNKNOWN = "It is not known whether that happened: POST /apps: "
_TOKEN = "Set DRIO_TOKEN to another token"
_NONE = (False, False, False)
_ALL = (True, True, True)
PRESETS = {
    "flaky": Expected((0, 0, 0, 0), ("SLUG", "takes it back", "Created", "as the config says"), _ALL),
    "token-expired": Expected((4, 4, 4, 4), (_TOKEN,) * 4, _NONE),
    "conflict": Expected((0, 1, 1, 1), ("SLUG", _CONFLICT, _CONFLICT, _CONFLICT), _NONE),
    "offline": Expected((1, 1, 1, 1), (_OFFLINE, _OFFLINE, f"{_UNKNOWN}127.0.0.1: Connection reset", _OFFLINE), _NONE),
    "captive-portal": Expected(
        (1, 1, 1, 1), (_PORTAL, _PORTAL, f"{_UNKNOWN}the response is text/html", _PORTAL), _NONE
    ),
    "api-retired": Expected((NO_V1,) * 4, (_RETIRED,) * 4, _NONE),
    "answer-lost": Expected((0, 0, 1, 0), ("SLUG", "takes it back", _UNKNOWN, "The response was lost; reading"), _ALL),
    "*=data:hostile": Expected((0, 0, 0, 0), ("SLUG", "takes it back", "Created", "It differs:"), _ALL),
    "*=data:unknown": Expected((0, 0, 0, 0), ("SLUG", "takes it back", "Created", "Deployed"), _ALL),
}
"""`slow` and `rate-limited` only take time: see the tests of delays and waits."""


@pytest.fixture
def http(sandbox_process: SandboxProcess) -> Iterator[httpx.Client]:
    """The local user without the program; everything is switched off afterwards."""
    with sandbox_process.client() as client:
        yield client
        client.delete("/sandbox/faults")


@pytest.fixture
def run(sandbox_process: SandboxProcess, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in this process, without the pauses between attempts."""
    monkeypatch.setenv("DRIO_TOKEN", sandbox_process.token)
    monkeypatch.setattr(transport.random, "uniform", lambda _low, _high: 0.0)
    return lambda *arguments: CliRunner().invoke(cli, [*arguments, "--base-url", sandbox_process.base_url])


@pytest.mark.parametrize("preset", PRESETS)
def test_what_commands_say_is_true_and_nothing_is_done_twice(
    run: Run, http: httpx.Client, app: AppOnSandbox, preset: str
) -> None:
    tool = next(iter(app.list("tools").values()))
    new = f"{app.slug}-new"
    commands: tuple[tuple[str, ...], ...] = (
        ("apps",),
        ("set", app.slug, "tools", tool["key"], "description=Changed", "--yes"),
        ("create", "--template", "blank", "--name", new, "--slug", new),
        ("deploy", app.slug, "--yes"),
    )
    expected = PRESETS[preset]
    for command, code, says in zip(commands, expected.code, expected.says, strict=True):
        http.post("/sandbox/faults", json={"on": [preset], "seed": 7}).raise_for_status()
        result = run(*command)
        assert (result.exit_code, result.exception is None or isinstance(result.exception, SystemExit)) == (code, True)
        assert says in result.output, result.output
        assert code == 0 or "The sandbox injected faults: " in result.output
    http.delete("/sandbox/faults")
    apps: list[dict[str, Any]] = http.get("/api/v1/apps").json()["apps"]
    changed, created, deployed = expected.done
    assert (app.list("tools")[tool["key"]]["description"] == "Changed") is changed
    assert [item["name"] for item in apps].count(new) == created
    assert next(item["version"] for item in apps if item["id"] == app.id) == ("1.1.0" if deployed else "1.0.0")
