"""`apps`, `templates`, `me`, `inspect`, `create`."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import httpx
import pytest

from drio_tui.cli import COMMANDS
from drio_tui.server_id import server_id
from drio_tui.workspace.recent_apps import remember_opened
from tests.cli.conftest import Runner
from tests.sandbox_fixtures import SandboxProcess

HOSTILE = "a [/] b \x1b]52;c;ZXZp\x07 \x9b31m \u202e[@click=app.quit]x[/]"


@pytest.fixture(scope="module")
def hostile_app(sandbox_process: SandboxProcess) -> dict[str, str]:
    """An app whose texts contain control sequences; its slug is a normal one."""
    slug = f"hostile-{uuid.uuid4().hex[:8]}"
    with sandbox_process.client() as client:
        body = {"templateId": "support", "name": HOSTILE, "slug": slug, "description": HOSTILE}
        app = client.post("/api/v1/apps", json=body).raise_for_status().json()["app"]
        for tool in client.get(f"/api/v1/apps/{app['id']}/tools").json()["tools"]:
            changes = {"name": HOSTILE, "annotations": {"destructiveHint": None}}  # which `lint` then asks for
            client.patch(f"/api/v1/apps/{app['id']}/tools/{tool['id']}", json=changes).raise_for_status()
    result: dict[str, str] = app
    return result


def test_apps_are_sorted_by_a_property_or_by_when_they_were_opened(
    on_sandbox: Runner, sandbox_process: SandboxProcess
) -> None:
    def listed(*options: str) -> list[Any]:
        return on_sandbox("apps", "--json", *options).json["apps"]

    with sandbox_process.client() as client:
        for name in ("zebra", "Aardvark"):
            client.post("/api/v1/apps", json={"templateId": "support", "name": name}).raise_for_status()
    ours = ("zebra", "Aardvark", "Acme Support")
    names = [app["name"] for app in listed("--sort", "name") if app["name"] in ours]
    assert names == sorted(names, key=str.casefold)
    assert names != [app["name"] for app in listed() if app["name"] in ours]
    last = listed()[-1]["id"]
    remember_opened(_server_id(sandbox_process), last, 1.0)
    assert listed("--sort", "recent")[0]["id"] == last
    assert listed()[0]["id"] != last


def _server_id(sandbox: SandboxProcess) -> str:
    """Return the id under which files about the sandbox are kept, by the header it sends."""
    with sandbox.client() as client:
        header = client.get("/api/v1/apps").headers["server"]
    return server_id(sandbox.base_url + "/api/v1", header.partition("(id=")[2].rstrip(")"))


def test_apps_are_listed_as_a_table_and_as_json(on_sandbox: Runner) -> None:
    table = on_sandbox("apps")
    assert table.code == 0
    assert table.out.splitlines()[0].split() == ["NAME", "SLUG", "STATUS", "VERSION", "ENABLED", "TEMPLATE", "ID"]
    listed = on_sandbox("apps", "--json").json["apps"]
    assert all(app["id"] in table.out for app in listed)


def test_piped_output_is_not_truncated(on_sandbox: Runner) -> None:
    name, slug = "N" * 200, "s" * 100
    created = on_sandbox("create", "--template", "blank", "--name", name, "--slug", slug)
    assert created.code == 0, created.err
    line = next(line for line in on_sandbox("apps").out.splitlines() if name in line)
    assert slug in line


def test_templates_need_no_sign_in(drio: Runner, sandbox_process: SandboxProcess) -> None:
    listed = drio("templates", "--json", "--base-url", sandbox_process.base_url)
    assert listed.code == 0
    assert "support" in [item["id"] for item in listed.json["templates"]]
    template = drio("templates", "support", "--base-url", sandbox_process.base_url)
    assert template.code == 0
    assert re.search(r"^Tools \(\d+\)$", template.out, re.MULTILINE)


def test_an_unknown_template_is_an_error_with_the_request_id(drio: Runner, sandbox_process: SandboxProcess) -> None:
    result = drio("templates", "no-such", "--json", "--base-url", sandbox_process.base_url)
    assert result.code == 1
    assert result.out == ""
    assert result.error["status"] == 404
    uuid.UUID(result.error["requestId"])


def test_me_shows_who_is_signed_in(on_sandbox: Runner) -> None:
    assert "@" in on_sandbox("me").out
    assert on_sandbox("me", "--json").json["user"]["email"]


def test_inspect_shows_the_whole_app(on_sandbox: Runner, sandbox_process: SandboxProcess) -> None:
    slug = on_sandbox("apps", "--json").json["apps"][0]["slug"]
    tree = on_sandbox("inspect", slug)
    assert tree.code == 0
    with sandbox_process.client() as client:
        app = next(app for app in client.get("/api/v1/apps").json()["apps"] if app["slug"] == slug)
        config = client.get(f"/api/v1/apps/{app['id']}/config").json()["config"]
    for kind in ("auth", "integrations", "operations", "tools", "widgets"):
        assert config[kind], f"the example app has no {kind}"
        for resource in config[kind]:
            assert resource["name"] in tree.out
    as_json = on_sandbox("inspect", app["id"], "--json")
    assert as_json.json == config


def test_inspect_shows_one_kind_only(on_sandbox: Runner) -> None:
    slug = on_sandbox("apps", "--json").json["apps"][0]["slug"]
    config = on_sandbox("inspect", slug, "--kind", "tools", "--json").json
    assert list(config) == ["tools"]
    table = on_sandbox("inspect", slug, "--kind", "Tools").out
    assert all(tool["name"] in table for tool in config["tools"])
    unknown = on_sandbox("inspect", slug, "--kind", "gadgets")
    assert unknown.code == 2
    assert "auth, integrations, operations, tools, widgets" in unknown.err


def test_an_unknown_app_is_an_error_with_a_hint(on_sandbox: Runner) -> None:
    result = on_sandbox("inspect", "no-such-app")
    assert result.code == 1
    assert "no-such-app" in result.err
    assert re.search(r"`drio-tui --base-url \S+ apps`", result.err)


def test_an_app_is_created_and_its_id_printed(on_sandbox: Runner) -> None:
    slug = f"made-{uuid.uuid4().hex[:8]}"
    created = on_sandbox("create", "--template", "support", "--name", "Made Here", "--slug", slug)
    assert created.code == 0
    app_id = created.out.strip()
    assert on_sandbox("inspect", app_id, "--json").json["app"]["slug"] == slug
    again = on_sandbox("create", "--template", "support", "--name", "Made Here", "--slug", slug, "--json")
    assert again.code == 1
    assert again.error["status"] == 409


def test_a_field_error_names_the_field(on_sandbox: Runner) -> None:
    result = on_sandbox("create", "--template", "support", "--name", "X", "--slug", "Not A Slug")
    assert result.code == 1
    assert re.search(r"^  slug: ", result.err, re.MULTILINE)


def test_without_a_sign_in_commands_exit_with_4(drio: Runner, sandbox_process: SandboxProcess) -> None:
    result = drio("apps", "--base-url", sandbox_process.base_url)
    assert result.code == 4
    assert f"drio-tui --base-url {sandbox_process.base_url} login" in result.err
    assert drio("apps", "--json", "--base-url", sandbox_process.base_url).error["code"] == "sign_in_required"


def test_an_invalid_token_exits_with_4(drio: Runner, sandbox_process: SandboxProcess) -> None:
    result = drio("apps", "--base-url", sandbox_process.base_url, env={"DRIO_TOKEN": "stale-token"})
    assert result.code == 4
    assert "stale-token" not in result.out + result.err


def test_options_are_accepted_before_the_command(drio: Runner, sandbox_process: SandboxProcess) -> None:
    result = drio("--base-url", sandbox_process.base_url, "templates")
    assert result.code == 0


HOSTILE_COMMANDS = {
    "apps": "apps",
    "inspect": "inspect SLUG",
    "test": "test SLUG HOSTILE",
    "inspect --kind": "inspect SLUG --kind tools",
    "get": "get SLUG tools",
    "set": "set SLUG tools * description=HOSTILE --dry-run",
    "add": "add SLUG tools name=HOSTILE --dry-run",
    "delete": "delete SLUG tools HOSTILE --dry-run",
    "enable": "enable SLUG tools HOSTILE --dry-run",
    "disable": "disable SLUG tools HOSTILE --dry-run",
    "replace": "replace SLUG i HOSTILE --dry-run",
    "rename": "rename SLUG tools HOSTILE{n} --dry-run",
    "move": "move SLUG HOSTILE HOSTILE --dry-run",
    "bind": "bind SLUG search-tickets nowhere/HOSTILE --dry-run",
    "rebind": "rebind SLUG HOSTILE --dry-run",
    "chain": "chain SLUG search-tickets HOSTILE --dry-run",
    "map": "map SLUG HOSTILE --dry-run",
    "check": "check HOSTILE!",
    "lint": "lint SLUG --review",
    "deploy": "deploy HOSTILE! --yes",
    "call": "call SLUG HOSTILE",
    "connect": "connect HOSTILE!",
    "import": "import SLUG HOSTILE --all --yes",
    "export": "export SLUG",
    "history": "set SLUG tools * description=x --yes ; history SLUG",
    "undo": "set SLUG tools * description=y --yes ; undo SLUG --dry-run",
    "pull": "pull HOSTILE",
    "plan": "plan HOSTILE",
    "apply": "apply HOSTILE",
    "drift": "drift HOSTILE",
    "api": "api GET HOSTILE",
}
"""Commands with a text from the API or the user in their output, by name and, where there are several, what differs."""
NOT_HOSTILE = {
    "v3": "test_v3.py tests it on a server of API v3",
    "templates": "texts of the vendor, printed as those of apps are",
    "me": "texts of the identity provider, printed as those of apps are",
    "create": "prints as set does",
    "new": "opens the program",
    "validate": "prints as plan does",
    "schema": "prints a constant",
    "token": "prints the account of the profile",
    "doctor": "tests/auth/test_doctor.py",
    "cassette": "tests/cli/test_cassettes.py",
    "login": "prints the account of the profile",
    "logout": "prints the account of the profile",
    "status": "prints the account of the profile",
    "sandbox": "prints what the program itself keeps",
    "completion": "prints a constant",
}
"""Commands without a line in `HOSTILE_COMMANDS`, and why."""


def test_every_command_is_tested_with_hostile_text_or_named() -> None:
    tested = {name.partition(" ")[0] for name in HOSTILE_COMMANDS}
    assert not tested & NOT_HOSTILE.keys()
    assert tested | NOT_HOSTILE.keys() == COMMANDS.keys()


@pytest.mark.parametrize("name", HOSTILE_COMMANDS)
def test_hostile_text_is_printed_without_control_characters(
    on_sandbox: Runner, hostile_app: dict[str, str], name: str
) -> None:
    """F55."""
    for command in HOSTILE_COMMANDS[name].split(" ; "):
        parts = [part.replace("SLUG", hostile_app["slug"]).replace("HOSTILE", HOSTILE) for part in command.split()]
        result = on_sandbox(*parts)
    printed = result.out + result.err
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", printed)
    assert "[@click=app.quit]x[/]" in printed


def test_json_output_is_ascii(on_sandbox: Runner, hostile_app: dict[str, str]) -> None:
    result = on_sandbox("inspect", hostile_app["slug"], "--json")
    assert result.out.isascii()
    assert "\\u001b" in result.out
    assert result.json["app"]["name"] == HOSTILE


@pytest.mark.parametrize(
    "env",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "latin-1"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
    ids=["ascii", "latin-1", "C locale"],
)
def test_output_works_in_limited_encodings(on_sandbox: Runner, env: dict[str, str]) -> None:
    """F48."""
    slug = on_sandbox("apps", "--json", env=env).json["apps"][0]["slug"]
    tree = on_sandbox("inspect", slug, env=env)
    assert tree.code == 0
    assert "|- " in tree.out


def test_colours_are_used_only_on_a_terminal_or_with_force_color(on_sandbox: Runner) -> None:
    assert "\x1b" not in on_sandbox("apps").out
    assert "\x1b[1m" in on_sandbox("apps", env={"FORCE_COLOR": "1"}).out
    assert "\x1b" not in on_sandbox("apps", env={"FORCE_COLOR": "1", "NO_COLOR": "1"}).out


def test_a_closed_pipe_is_not_an_error(sandbox_process: SandboxProcess) -> None:
    """F49."""
    read, write = os.pipe()
    os.close(read)
    env = {**os.environ, "DRIO_TOKEN": sandbox_process.token}
    command = [sys.executable, "-m", "drio_tui", "apps", "--base-url", sandbox_process.base_url]
    result = subprocess.run(command, env=env, stdout=write, stderr=subprocess.PIPE, timeout=60)
    os.close(write)
    assert result.returncode == 141
    assert result.stderr == b""


def test_a_full_disk_behind_stdout_is_one_error_line(sandbox_process: SandboxProcess) -> None:
    env = {**os.environ, "DRIO_TOKEN": sandbox_process.token}
    command = [sys.executable, "-m", "drio_tui", "apps", "--base-url", sandbox_process.base_url]
    with open("/dev/full", "wb") as full:
        result = subprocess.run(command, env=env, stdout=full, stderr=subprocess.PIPE, timeout=60)
    assert result.returncode == 1
    assert result.stderr.count(b"\n") == 1
    assert b"Traceback" not in result.stderr


def test_a_web_server_that_is_not_drio_is_an_error(drio: Runner, sandbox_process: SandboxProcess) -> None:
    origin = httpx.URL(sandbox_process.base_url)
    page = f"http://{origin.host}:{origin.port}/workos"
    result = drio("templates", "--json", "--base-url", page)
    assert result.code == 1
    assert result.error["code"] in ("not_drio", "not_found")


def test_hints_repeat_the_sandbox_option(drio: Runner, background: Path) -> None:
    result = drio("--sandbox", "--data", str(background), "inspect", "no-such-app")
    assert f"`drio-tui --sandbox --data {background} apps`" in result.err
