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


@pytest.mark.parametrize(
    ("arguments", "suggestion"),
    [
        (["depoly"], "Did you mean deploy?"),
        (["APPS"], "Did you mean apps?"),
        (["logn"], "Did you mean login or logout?"),
        (["sandbox", "rest"], "Did you mean reset or restore?"),
        (["apps", "--jsn"], "--json"),
        (["inspect", "x", "--kind", "tols"], "Did you mean tools?"),
    ],
)
def test_a_mistyped_name_is_answered_with_the_nearest(drio: Runner, arguments: list[str], suggestion: str) -> None:
    ran = drio(*arguments)
    assert ran.code == 2
    assert suggestion in ran.err


def test_a_name_far_from_all_others_is_answered_with_where_to_look(drio: Runner) -> None:
    ran = drio("zzz\x1b[2J")
    assert ran.code == 2
    assert "drio-tui --help lists them" in ran.err
    assert "\x1b" not in ran.err


@pytest.mark.parametrize(
    ("arguments", "suggestion"),
    [
        (["inspect", "acme-suport"], "Did you mean acme-support"),
        (["inspect", "Acme Suport"], "Did you mean Acme Support"),
        (["deploy", "acme-suport"], "Did you mean acme-support"),
        (["templates", "suport"], "Did you mean support"),
        (["create", "--template", "suport", "--name", "X"], "Did you mean support"),
    ],
)
def test_a_mistyped_app_or_template_is_answered_with_the_nearest(
    on_sandbox: Runner, arguments: list[str], suggestion: str
) -> None:
    ran = on_sandbox(*arguments)
    assert ran.code == 1
    assert suggestion in ran.err
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
def test_read_only_counts_before_the_command_after_it_and_in_the_settings(
    drio: Runner, isolated: Path, arguments: list[str]
) -> None:
    for ran in (drio("--read-only", *arguments), drio(*arguments, "--read-only")):
        assert ran.code == 2
        assert "--read-only" in ran.err
    (isolated / "config").mkdir()
    (isolated / "config" / "config.toml").write_text("read_only = true\n")
    assert "--read-only" in drio(*arguments).err


@pytest.mark.parametrize("arguments", [["-q", "me"], ["me", "--quiet"]])
def test_quiet_leaves_the_result_and_the_errors(on_sandbox: Runner, arguments: list[str]) -> None:
    assert on_sandbox("me").err
    ran = on_sandbox(*arguments)
    assert (ran.code, ran.err) == (0, "")
    assert "@" in ran.out
    refused = on_sandbox(*arguments[:1], "inspect", "no-such-app", "--quiet")
    assert "no-such-app" in refused.err


def test_status_says_whether_the_sandbox_runs(drio: Runner, sandbox_process: Process, tmp_path: Path) -> None:
    ran = drio("--data", str(sandbox_process.data_dir), "status", "--sandbox")
    assert ran.code == 0
    assert sandbox_process.base_url in ran.out
    state = drio("--sandbox", "--data", str(sandbox_process.data_dir), "status", "--json").json
    assert (state["profile"], state["signedIn"], state["baseUrl"]) == ("sandbox", True, sandbox_process.base_url)
    absent = drio("--data", str(tmp_path / "none"), "status", "--sandbox")
    assert absent.code == 1
    assert "does not run" in absent.out
    assert not (tmp_path / "none").exists()


def test_status_is_exit_4_when_nobody_is_signed_in(drio: Runner) -> None:
    ran = drio("status", "--json")
    assert ran.code == 4
    assert ran.json["signedIn"] is False
    assert drio("status", env={"DRIO_TOKEN": "a-token"}).code == 0


@pytest.mark.parametrize("command", [("apps",), (), ("new",), ("status",)])
def test_a_data_folder_without_the_sandbox_is_refused(drio: Runner, tmp_path: Path, command: tuple[str, ...]) -> None:
    ran = drio("--data", str(tmp_path / "data"), *command)
    assert ran.code == 2
    assert "it needs --sandbox" in ran.err
    assert not (tmp_path / "data").exists()
