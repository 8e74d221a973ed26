"""The command line itself: help, version, completion scripts, usage errors, shared options."""

from __future__ import annotations

from pathlib import Path

import pytest

from drio_tui import __version__
from drio_tui.cli import COMMANDS
from tests.cli.conftest import Runner
from tests.sandbox_fixtures import SandboxProcess


def test_help_lists_every_command_and_the_exit_codes(drio: Runner) -> None:
    result = drio("--help")
    assert result.code == 0
    assert all(name in result.out for name in COMMANDS)
    assert "4 sign-in needed" in result.out


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_help(drio: Runner, name: str) -> None:
    result = drio(name, "--help")
    assert result.code == 0
    assert result.out.startswith(f"Usage: drio-tui {name}")


def test_version(drio: Runner) -> None:
    assert drio("--version").out == f"drio-tui {__version__}\n"


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_completion_prints_a_script_for_the_shell(drio: Runner, shell: str) -> None:
    result = drio("completion", shell)
    assert result.code == 0
    assert "_DRIO_TUI_COMPLETE" in result.out


def test_completion_offers_the_commands(drio: Runner) -> None:
    env = {"_DRIO_TUI_COMPLETE": "zsh_complete", "COMP_WORDS": "drio-tui in", "COMP_CWORD": "1"}
    assert "inspect" in drio(env=env).out


@pytest.mark.parametrize("arguments", [["no-such-command"], ["apps", "--no-such-option"], ["create"]])
def test_usage_errors_exit_with_2(drio: Runner, arguments: list[str]) -> None:
    result = drio(*arguments)
    assert result.code == 2
    assert "Traceback" not in result.err
    assert drio(*arguments, "--json").error["code"] == "usage_error"


def test_without_a_terminal_the_program_exits_with_2_and_a_hint(drio: Runner) -> None:
    result = drio()
    assert result.code == 2
    assert "terminal" in result.err
    assert "drio-tui --help" in result.err


def test_sandbox_and_base_url_cannot_be_combined(drio: Runner) -> None:
    result = drio("apps", "--sandbox", "--base-url", "https://getdrio.com")
    assert result.code == 2
    assert "--sandbox" in result.err


@pytest.mark.parametrize(
    "arguments",
    [["sandbox", "path"], ["sandbox", "token"], ["sandbox", "serve"], ["sandbox", "reset", "--yes"]],
    ids=lambda arguments: arguments[1],
)
def test_a_data_folder_of_an_unknown_user_is_a_usage_error(drio: Runner, arguments: list[str]) -> None:
    result = drio(*arguments, "--data", "~no-such-user/sandbox")
    assert result.code == 2
    assert "~no-such-user/sandbox" in result.err
    assert "Traceback" not in result.err


def test_every_command_reports_an_invalid_setting(drio: Runner, isolated: Path) -> None:
    (isolated / "config").mkdir()
    (isolated / "config" / "config.toml").write_text("insecure_storage = yes\n")
    for command in (["status"], ["apps"], ["templates", "--base-url", "http://127.0.0.1:9"]):
        result = drio(*command)
        assert "config.toml" in result.err
        assert "line 1" in result.err


def test_an_invalid_data_folder_before_the_command_is_a_clean_error(drio: Runner) -> None:
    result = drio("--sandbox", "--data", "~nobody-of-this-name/x", "apps")
    assert result.code in (1, 2)
    assert "Traceback" not in result.err


def test_sandbox_path_prints_the_folder_and_the_base_url(drio: Runner, sandbox_process: SandboxProcess) -> None:
    result = drio("sandbox", "path", "--json", "--data", str(sandbox_process.data_dir))
    assert result.json == {"dataDir": str(sandbox_process.data_dir), "baseUrl": sandbox_process.base_url}
    assert drio("sandbox", "path", "--json").json["baseUrl"] is None


@pytest.mark.parametrize(
    ("arguments", "suggestion"),
    [
        (["depoly"], "Did you mean deploy?"),
        (["APPS"], "Did you mean apps or apply?"),
        (["logn"], "Did you mean login or logout?"),
        (["sandbox", "rest"], "Did you mean reset or restore?"),
        (["apps", "--jsn"], "--json"),
        (["inspect", "x", "--kind", "tols"], "Did you mean tools?"),
    ],
)
def test_mistyped_commands_and_options_get_a_suggestion(drio: Runner, arguments: list[str], suggestion: str) -> None:
    result = drio(*arguments)
    assert result.code == 2
    assert suggestion in result.err


def test_an_unknown_command_without_a_near_one_gets_a_hint_to_help(drio: Runner) -> None:
    result = drio("zzz\x1b[2J")
    assert result.code == 2
    assert "drio-tui --help lists them" in result.err
    assert "\x1b" not in result.err


@pytest.mark.parametrize(
    ("arguments", "suggestion"),
    [
        (["inspect", "acme-suport"], "Did you mean acme-support"),
        (["inspect", "Acme Suport"], "Did you mean Acme Support"),
        (["deploy", "acme-suport", "--yes"], "Did you mean acme-support"),
        (["templates", "suport"], "Did you mean support"),
        (["create", "--template", "suport", "--name", "X"], "Did you mean support"),
    ],
)
def test_mistyped_apps_and_templates_get_a_suggestion(
    on_sandbox: Runner, arguments: list[str], suggestion: str
) -> None:
    result = on_sandbox(*arguments)
    assert result.code == 1
    assert suggestion in result.err
    assert suggestion in on_sandbox(*arguments, "--json").error["hint"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["create", "--template", "support", "--name", "X"],
        ["deploy", "acme-support"],
        ["new"],
        ["sandbox", "reset", "--yes"],
        ["sandbox", "restore", "acme-support"],
        ["sandbox", "allow", "127.0.0.1:1"],
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_read_only_works_before_and_after_the_command_and_in_the_settings(
    drio: Runner, isolated: Path, arguments: list[str]
) -> None:
    for result in (drio("--read-only", *arguments), drio(*arguments, "--read-only")):
        assert result.code == 2
        assert "--read-only" in result.err
    (isolated / "config").mkdir()
    (isolated / "config" / "config.toml").write_text("read_only = true\n")
    assert "--read-only" in drio(*arguments).err


@pytest.mark.parametrize("arguments", [["-q", "me"], ["me", "--quiet"]])
def test_quiet_prints_results_and_errors_only(on_sandbox: Runner, arguments: list[str]) -> None:
    assert on_sandbox("me").err
    result = on_sandbox(*arguments)
    assert (result.code, result.err) == (0, "")
    assert "@" in result.out
    refused = on_sandbox(*arguments[:1], "inspect", "no-such-app", "--quiet")
    assert "no-such-app" in refused.err


def test_status_shows_whether_the_sandbox_runs(drio: Runner, sandbox_process: SandboxProcess, tmp_path: Path) -> None:
    result = drio("--data", str(sandbox_process.data_dir), "status", "--sandbox")
    assert result.code == 0
    assert sandbox_process.base_url in result.out
    state = drio("--sandbox", "--data", str(sandbox_process.data_dir), "status", "--json").json
    assert (state["profile"], state["signedIn"], state["baseUrl"]) == ("sandbox", True, sandbox_process.base_url)
    absent = drio("--data", str(tmp_path / "none"), "status", "--sandbox")
    assert absent.code == 1
    assert "does not run" in absent.out
    assert not (tmp_path / "none").exists()


def test_status_exits_with_4_if_nobody_is_signed_in(drio: Runner) -> None:
    result = drio("status", "--json")
    assert result.code == 4
    assert result.json["signedIn"] is False
    assert drio("status", env={"DRIO_TOKEN": "a-token"}).code == 0


@pytest.mark.parametrize("command", [("apps",), (), ("new",), ("status",)])
def test_data_without_sandbox_is_a_usage_error(drio: Runner, tmp_path: Path, command: tuple[str, ...]) -> None:
    result = drio("--data", str(tmp_path / "data"), *command)
    assert result.code == 2
    assert "it needs --sandbox" in result.err
    assert not (tmp_path / "data").exists()
