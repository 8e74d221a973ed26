"""`check`, `deploy` and `connect`: exit codes, output and JSON."""

from __future__ import annotations

import asyncio
import os
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Runner
from tests.sandbox_fixtures import SandboxProcess
from tests.ui.table_server import TableServer, drio_of, serving
from tests.workspace.small_app import small_config

API = "/api/v1"


@pytest.fixture
def app(sandbox_process: SandboxProcess) -> dict[str, Any]:
    """A new app."""
    with sandbox_process.client() as client:
        body = {"templateId": "support", "name": "Shipped", "slug": f"shipped-{uuid.uuid4().hex[:8]}"}
        created: dict[str, Any] = client.post(f"{API}/apps", json=body).raise_for_status().json()["app"]
    return created


def test_deploy_prints_the_endpoint_and_what_a_model_sees(
    on_sandbox: Runner, sandbox_process: SandboxProcess, app: dict[str, Any]
) -> None:
    refused = on_sandbox("deploy", app["slug"])
    assert (refused.code, "Add --yes" in refused.err) == (2, True)
    deployed = on_sandbox("deploy", app["slug"], "--yes")
    assert deployed.code == 0, deployed.err
    endpoint = deployed.out.strip()
    assert endpoint.startswith(f"{sandbox_process.base_url}/mcp/")
    assert "1.0.0 → 1.1.0" in deployed.err
    assert "as the config says" in deployed.err
    state = {"DRIO_STATE_DIR": os.environ["DRIO_STATE_DIR"]}
    instructions = on_sandbox("connect", app["slug"], "--client", "claude-code", env=state)
    assert instructions.out.splitlines()[0] == f"claude mcp add --transport http {app['slug']} {endpoint}"
    assert "127.0.0.1 is this machine" in instructions.err
    again = on_sandbox("deploy", app["slug"], "--yes", "--json").json
    assert (again["versionBefore"], again["version"], again["endpoint"]) == ("1.1.0", "1.2.0", endpoint)
    assert again["changes"] == []
    assert again["preflight"]["errors"] == 0
    assert (len(again["seen"]["tools"]), again["seen"]["differences"]) == (again["preflight"]["tools"], [])


def test_if_changed_deploys_only_an_app_that_changed_since_the_last_deploy(
    on_sandbox: Runner, sandbox_process: SandboxProcess, app: dict[str, Any]
) -> None:
    first = on_sandbox("deploy", app["slug"], "--yes", "--if-changed", "--no-verify")
    assert first.code == 0
    assert "1.0.0 → 1.1.0" in first.err
    same = on_sandbox("deploy", app["slug"], "--yes", "--if-changed")
    assert (same.code, same.out) == (0, first.out)
    assert "Nothing changed since version 1.1.0; not deployed." in same.err
    state = on_sandbox("deploy", app["slug"], "--yes", "--if-changed", "--json").json
    assert (state["deployed"], state["version"], state["endpoint"]) == (False, "1.1.0", first.out.strip())
    again = on_sandbox("deploy", app["slug"], "--yes", "--no-verify")
    assert "Nothing changed since the last deploy from here" in again.err
    with sandbox_process.client() as client:
        assert client.get(f"{API}/apps/{app['id']}").json()["app"]["version"] == "1.2.0"
        client.patch(f"{API}/apps/{app['id']}", json={"description": "Other words."}).raise_for_status()
    changed = on_sandbox("deploy", app["slug"], "--yes", "--if-changed", "--no-verify", "--json").json
    assert (changed["deployed"], changed["version"]) == (True, "1.3.0")
    with sandbox_process.client() as client:  # another client deploys: the deploy recorded here is not the live one
        client.post(f"{API}/apps/{app['id']}/deploy").raise_for_status()
    again = on_sandbox("deploy", app["slug"], "--yes", "--if-changed", "--no-verify")
    assert "version 1.4.0 → 1.5.0" in again.err
    assert (
        "version 1.4.0 was live, deployed or restored elsewhere; the last deploy from here was version 1.3.0"
        in again.err
    )
    assert "Nothing changed" not in again.err


def test_deploy_prints_preflight_warnings_even_with_quiet(
    on_sandbox: Runner, sandbox_process: SandboxProcess, app: dict[str, Any]
) -> None:
    with sandbox_process.client() as client:
        client.patch(f"{API}/apps/{app['id']}", json={"branding": {"accentColor": "#eeeeee"}}).raise_for_status()
    warned = on_sandbox("check", app["slug"])
    assert warned.code == 0
    codes = [line.rpartition("[")[2] for line in warned.out.splitlines() if line.endswith("]")]
    assert codes
    for quiet in ([], ["--quiet"]):
        deployed = on_sandbox("deploy", app["slug"], "--yes", "--no-verify", *quiet)
        assert deployed.code == 0
        assert all(f"[{code}" in deployed.err for code in codes)
        assert len(deployed.out.splitlines()) == 1
        assert ("Deployed: version" in deployed.err) is not bool(quiet)


def test_lint_shows_tokens_and_exits_with_1_for_the_client_that_refuses_a_tool(
    on_sandbox: Runner, sandbox_process: SandboxProcess, app: dict[str, Any]
) -> None:
    slug = app["slug"]
    clean = on_sandbox("lint", slug, "--strict")
    assert (clean.code, clean.out.splitlines()[0].split()) == (
        0, ["TOOL", "TOKENS", "CHATGPT", "CLAUDE", "CURSOR", "DIAGNOSTICS"],
    )  # fmt: skip
    assert clean.out.splitlines()[-1].startswith("No problems. ")
    with sandbox_process.client() as client:
        tool = client.get(f"{API}/apps/{app['id']}/tools").json()["tools"][0]
        new_key = {"key": "k" * (60 - len(slug))}
        client.patch(f"{API}/apps/{app['id']}/tools/{tool['id']}", json=new_key).raise_for_status()
    assert "[long_tool_name: Cursor]" in on_sandbox("lint", slug).out
    assert [on_sandbox("lint", slug, "--client", name).code for name in ("cursor", "claude")] == [1, 0]
    report = on_sandbox("lint", slug, "--client", "cursor", "--json")
    assert report.code == 1
    assert [(entry["code"], entry["clients"]) for entry in report.json["findings"]] == [("long_tool_name", ["cursor"])]
    assert sum(entry["estimatedTokens"] for entry in report.json["tools"]) == report.json["estimatedTokens"]
    assert on_sandbox("lint", slug, "--client", "curser").code == 2


def test_connect_finds_the_endpoint_of_an_app_deployed_elsewhere(
    on_sandbox: Runner, sandbox_process: SandboxProcess, app: dict[str, Any]
) -> None:
    draft = on_sandbox("connect", app["slug"])
    assert (draft.code, draft.out) == (1, "")
    assert f" deploy {app['slug']}`), or name the endpoint with --endpoint URL." in draft.err
    with sandbox_process.client() as client:
        deployed = client.post(f"{API}/apps/{app['id']}/deploy").raise_for_status().json()
    instructions = on_sandbox("connect", app["slug"], "--json").json
    assert (instructions["endpoint"], instructions["localOnly"]) == (deployed["endpoint"], True)


@pytest.mark.parametrize(
    ("endpoint", "reason"),
    [
        ("string", "it does not begin with https:// or http:// (string)"),
        ("http://", "it names no host (http://)"),
        (" ", "it is empty ( )"),
    ],
)
def test_an_invalid_endpoint_url_is_one_error_line(
    on_sandbox: Runner, app: dict[str, Any], endpoint: str, reason: str
) -> None:
    result = on_sandbox("connect", app["slug"], "--endpoint", endpoint)
    assert (result.code, result.out) == (2, "")
    assert f"--endpoint is no address of an endpoint: {reason}" in result.err


def test_preflight_errors_block_a_deploy_and_force_leaves_it_to_the_server(
    on_sandbox: Runner, sandbox_process: SandboxProcess, app: dict[str, Any]
) -> None:
    with sandbox_process.client() as client:
        body = {"name": "Loose \x1b[31mend"}
        client.post(f"{API}/apps/{app['id']}/tools", json=body).raise_for_status()
    checked = on_sandbox("check", app["id"])
    assert checked.code == 1
    assert "[unbound_tool]" in checked.out
    assert "\x1b" not in checked.out
    blocked = on_sandbox("deploy", app["id"], "--yes", "--json")
    assert (blocked.code, blocked.out) == (1, "")
    assert blocked.error["code"] == "not_ready"
    assert blocked.error["details"]["findings"][0]["code"] == "unbound_tool"
    read_only = on_sandbox("--read-only", "deploy", app["id"], "--force")
    assert read_only.code == 2
    assert "--read-only deploys nothing" in read_only.err
    forced = on_sandbox("deploy", app["id"], "--yes", "--force")
    assert (forced.code, forced.out) == (1, "")
    assert "the tool is not bound to an operation" in forced.err
    with sandbox_process.client() as client:
        assert client.get(f"{API}/apps/{app['id']}").json()["app"]["version"] == "1.0.0"


async def test_a_deploy_with_an_empty_response_has_an_unknown_outcome(tmp_path: Path) -> None:
    answers = drio_of()
    answers["GET /apps/app_1"] = {"app": small_config()["app"]}
    answers["POST /apps/app_1/deploy"] = {}
    async with serving(TableServer(answers)) as server:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "drio_tui", "deploy", "app_1", "--force", "--yes", "--base-url", server.base_url),
            env={**os.environ, "DRIO_TOKEN": "t"},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = (part.decode() for part in await process.communicate())
    assert process.returncode == 1
    assert out == ""
    assert "It is not known whether that happened" in err
    assert "without an app with a version" in err
    assert "→" not in err
