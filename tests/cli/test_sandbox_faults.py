"""`drio-tui sandbox faults`: the fault lab from the command line, and what commands say while it is on."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from tests import THOROUGH
from tests.cli.conftest import AppOnSandbox, Faults, Runner
from tests.cli.test_completion import complete
from tests.openapi_import.documents import PETS
from tests.sandbox_fixtures import SandboxProcess


def test_the_printed_command_switches_the_same_on_again(
    faults: Faults, drio: Runner, sandbox_process: SandboxProcess
) -> None:
    rule = 'POST:/tools=status:503:{"error": null}*2'
    on = faults("on", "flaky", rule, "--seed", "42")
    assert on.code == 0
    assert "On: flaky, POST:/tools=" in on.err
    words = shlex.split(on.out)
    data = str(sandbox_process.data_dir)
    assert words == ["drio-tui", "sandbox", "faults", "on", "--seed", "42", "flaky", rule, "--data", data]
    assert f"The same again: {on.out}" in faults("status").err
    assert faults("off").err.startswith("No faults are on.\n")
    assert drio(*words[1:]).out == on.out


def test_status_shows_what_the_rules_have_done(faults: Faults, on_sandbox: Runner) -> None:
    faults("on", "GET:/v1/apps=status:404*5", "conflict")
    assert on_sandbox("apps").code == 1
    status = faults("status")
    assert [line.split() for line in status.out.splitlines()] == [
        ["ON", "RULE", "MATCHED", "INJECTED"],
        ["GET:/v1/apps=status:404*5", "GET:/v1/apps=status:404*5", "1", "1"],
        ["conflict", "WRITE:*=status:409", "0", "0"],
    ]
    state = faults("status", "--json").json
    assert set(state) == {"on", "seed", "command", "injected"}
    assert state["on"][0]["rules"] == [{"rule": "GET:/v1/apps=status:404*5", "matched": 1, "injected": 1}]
    left = faults("off", "conflict")
    assert left.err.startswith("Still on: GET:/v1/apps=status:404*5.\nInjected since the sandbox started: ")
    assert faults("off").err.startswith("No faults are on.\n")
    assert on_sandbox("apps").code == 0


def test_an_invalid_rule_is_refused_with_the_reason(faults: Faults) -> None:
    result = faults("on", "slow", "POST:/tools=explode")
    assert result.code == 2
    assert result.err.startswith(
        "error: That does not work: POST:/tools=explode has an unknown fault 'explode': status"
    )
    assert faults("status").err.startswith("No faults are on.")
    faults("on", "slow")
    result = faults("off", "slow", "solw")
    assert result.code == 2
    assert "solw is no preset (slow, " in result.err
    assert faults("off", "slow").err.startswith("No faults are on.")


def test_without_a_sandbox_there_is_nothing_to_switch(drio: Runner, tmp_path: Path) -> None:
    for command in (("on", "slow"), ("off",), ("status",)):
        result = drio("sandbox", "faults", *command, "--data", str(tmp_path / "none"))
        assert result.code == 1
        assert "No sandbox is running" in result.err
        assert "drio-tui sandbox start" in result.err


def test_read_only_switches_nothing(faults: Faults) -> None:
    assert faults("on", "slow", "--read-only").code == 2
    assert faults("off", "--read-only").code == 2
    assert faults("status", "--read-only").code == 0


def test_list_names_every_preset_and_fault(drio: Runner) -> None:
    listed, as_json = drio("sandbox", "faults", "list"), drio("sandbox", "faults", "list", "--json").json
    for entry in (*as_json["presets"], *as_json["faults"]):
        assert any(line.startswith(entry["name"]) and entry["description"] in line for line in listed.out.splitlines())
    assert as_json["presets"][0]["rules"] == ["*=delay:2"]


async def test_presets_are_completed() -> None:
    assert await complete("sandbox", "faults", "on", "ca") == ["captive-portal"]
    assert "answer-lost" in await complete("sandbox", "faults", "off", "")


# --- what commands say ----------------------------------------------------------------------------


def test_a_command_waits_as_long_as_the_rate_limit_says_and_goes_on(faults: Faults, on_sandbox: Runner) -> None:
    before = faults("on", "GET:/apps=rate-limit:1*1", "--json").json["injected"]
    result = on_sandbox("apps", "--json")
    assert result.code == 0
    after = faults("status", "--json").json["injected"]
    assert after["rate-limit"] == before.get("rate-limit", 0) + 1


def test_a_command_goes_on_after_a_reset_connection(faults: Faults, on_sandbox: Runner) -> None:
    faults("on", "GET:/apps=reset*2")
    assert on_sandbox("apps", "--json").code == 0


@pytest.mark.parametrize(
    ("preset", "code", "message"),
    [
        ("offline", 1, "Connection reset"),
        ("captive-portal", 1, "text/html"),
        ("api-retired", 5, "retired"),
        ("token-expired", 4, "sign"),
    ],
)
def test_a_read_fails_with_the_cause(faults: Faults, on_sandbox: Runner, preset: str, code: int, message: str) -> None:
    faults("on", preset)
    result = on_sandbox("apps")
    assert result.code == code
    assert message in result.err
    assert "Traceback" not in result.err


def test_a_conflict_creates_nothing(faults: Faults, on_sandbox: Runner) -> None:
    faults("on", "conflict")
    result = on_sandbox("create", "--template", "blank", "--name", "Conflicting", "--slug", "conflicting")
    assert result.code == 1
    faults("off")
    assert "Conflicting" not in faults.app_names()


def test_a_lost_answer_is_an_unknown_outcome_and_the_app_is_created_once(faults: Faults, on_sandbox: Runner) -> None:
    faults("on", "POST:/apps=lost*1")
    result = on_sandbox("create", "--template", "blank", "--name", "Answer lost", "--slug", "answer-lost")
    assert faults.app_names().count("Answer lost") == 1
    assert result.code == 1
    assert "It is not known whether that happened" in result.err
    assert re.search(r"`drio-tui --base-url \S+ apps`", result.err)


@pytest.mark.parametrize(
    ("pattern", "hint"),
    [("{name} too", "would do it once more. `drio-tui "), ("s/^Search/Find/", "the same command again does the rest")],
)
def test_the_same_command_is_not_advised_where_it_would_change_more(
    faults: Faults, on_sandbox: Runner, app: AppOnSandbox, pattern: str, hint: str
) -> None:
    faults("on", "PATCH:/tools/*=reset*1")
    result = on_sandbox("rename", app.slug, "tool", pattern, "--yes")
    assert result.code == 1
    assert hint in result.err


@pytest.mark.parametrize(
    "fault",
    ["flaky", "answer-lost", "WRITE:*=reset%3", *(["rate-limited", "WRITE:*=lost:503%2"] if THOROUGH else [])],
)
def test_an_import_makes_every_resource_once(
    faults: Faults, on_sandbox: Runner, app: AppOnSandbox, tmp_path: Path, fault: str
) -> None:
    """F08 F12: what was not made at once is made by the same command when the faults have ended, and nothing twice."""
    document = tmp_path / "pets.json"
    document.write_text(json.dumps(PETS))
    before = {kind: len(app.list(kind)) for kind in ("operations", "tools")}
    faults("on", fault, "--seed", "5")
    first = on_sandbox("import", app.slug, str(document), "--all", "--no-check", "--yes", "--json")
    assert "Traceback" not in first.err
    done = faults("off", "--json").json["injected"]
    assert sum(done.values()) > 0
    if first.code != 0:
        assert on_sandbox("import", app.slug, str(document), "--all", "--no-check", "--yes", "--json").code == 0
    keys = {kind: list(app.list(kind)) for kind in ("operations", "tools")}
    assert {kind: len(keys[kind]) for kind in keys} == {kind: count + 5 for kind, count in before.items()}
    assert not [key for kind in keys for key in keys[kind] if key.endswith(("-2", "_2"))]
