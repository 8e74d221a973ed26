"""The command line itself: help, versions, completion, where it refuses to draw."""

from __future__ import annotations

from pathlib import Path

import pytest

from drio_tui import __version__
from drio_tui.cli import COMMANDS
from tests.cli.conftest import Runner
from tests.sandbox_fixtures import Process


def test_help_names_every_command_and_the_exit_codes(drio: Runner) -> None:
    ran = drio("--help")
    assert ran.code == 0
    assert all(name in ran.out for name in COMMANDS)
    assert "4 sign-in needed" in ran.out


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_help(drio: Runner, name: str) -> None:
    ran = drio(name, "--help")
    assert ran.code == 0
    assert ran.out.startswith(f"Usage: drio-tui {name}")


def test_version(drio: Runner) -> None:
    assert drio("--version").out == f"drio-tui {__version__}\n"


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_completion_prints_a_script_for_the_shell(drio: Runner, shell: str) -> None:
    ran = drio("completion", shell)
    assert ran.code == 0
    assert "_DRIO_TUI_COMPLETE" in ran.out


def test_completion_offers_the_commands(drio: Runner) -> None:
    env = {"_DRIO_TUI_COMPLETE": "zsh_complete", "COMP_WORDS": "drio-tui in", "COMP_CWORD": "1"}
    assert "inspect" in drio(env=env).out


@pytest.mark.parametrize("arguments", [["no-such-command"], ["apps", "--no-such-option"], ["create"]])
def test_what_cannot_be_meant_is_exit_code_2(drio: Runner, arguments: list[str]) -> None:
    ran = drio(*arguments)
    assert ran.code == 2
    assert "Traceback" not in ran.err
    assert drio(*arguments, "--json").error["code"] == "usage_error"


def test_without_a_terminal_the_program_says_what_to_use_instead(drio: Runner) -> None:
    ran = drio()
    assert ran.code == 2
    assert "terminal" in ran.err
    assert "drio-tui --help" in ran.err


def test_a_sandbox_and_a_profile_cannot_both_be_meant(drio: Runner) -> None:
    ran = drio("apps", "--sandbox", "--base-url", "https://getdrio.com")
    assert ran.code == 2
    assert "--sandbox" in ran.err


@pytest.mark.parametrize(
    "arguments",
    [["sandbox", "path"], ["sandbox", "token"], ["sandbox", "serve"], ["sandbox", "reset", "--yes"]],
    ids=lambda arguments: arguments[1],
)
def test_a_folder_in_a_home_that_nobody_has_is_a_usage_error(drio: Runner, arguments: list[str]) -> None:
    ran = drio(*arguments, "--data", "~no-such-user/sandbox")
    assert ran.code == 2
    assert "~no-such-user/sandbox" in ran.err
    assert "Traceback" not in ran.err


def test_a_setting_that_fell_out_of_force_is_told(drio: Runner, isolated: Path) -> None:
    (isolated / "config").mkdir()
    (isolated / "config" / "config.toml").write_text("insecure_storage = yes\n")
    for command in (["status"], ["apps"], ["templates", "--base-url", "http://127.0.0.1:9"]):
        ran = drio(*command)
        assert "config.toml" in ran.err
        assert "line 1" in ran.err


def test_a_folder_that_cannot_be_is_said_wherever_it_is_given(drio: Runner) -> None:
    ran = drio("--sandbox", "--data", "~nobody-of-this-name/x", "apps")
    assert ran.code in (1, 2)
    assert "Traceback" not in ran.err


def test_the_sandbox_s_address_can_be_asked_for(drio: Runner, sandbox_process: Process) -> None:
    ran = drio("sandbox", "path", "--json", "--data", str(sandbox_process.data_dir))
    assert ran.json == {"dataDir": str(sandbox_process.data_dir), "baseUrl": sandbox_process.base_url}
    assert drio("sandbox", "path", "--json").json["baseUrl"] is None
