"""`import`: list a document's operations, print what would be created, and create it."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from drio_tui.api.errors import UsageError
from drio_tui.cli.values import Inputs, read_secret
from tests.cli.conftest import Runner
from tests.openapi_import.documents import PETS, newer_pets
from tests.sandbox_fixtures import SandboxProcess

KILLED = """
import asyncio, os, signal
from drio_tui.api.http import httpx
from drio_tui.cli import main

send = httpx.AsyncHTTPTransport.handle_async_request
started, answered = [], []
all_answered = asyncio.Event()

async def send_four(self, request):
    if request.method != "POST":
        return await send(self, request)
    if len(started) == 4:
        await all_answered.wait()
        os.kill(os.getpid(), signal.SIGKILL)
    started.append(request.url)
    response = await send(self, request)
    answered.append(request.url)
    if len(answered) == 4:
        all_answered.set()
    return response

httpx.AsyncHTTPTransport.handle_async_request = send_four
main()
"""
"""A command that is killed at its fifth POST; the first four are done, so that the server does nothing afterwards."""


@pytest.fixture
def pets(tmp_path: Path) -> str:
    path = tmp_path / "pets.json"
    path.write_text(json.dumps(PETS))
    return str(path)


@pytest.fixture
def app(sandbox_process: SandboxProcess) -> str:
    """The slug of a new app."""
    slug = f"import-{uuid.uuid4().hex[:8]}"
    with sandbox_process.client() as client:
        client.post("/api/v1/apps", json={"templateId": "blank", "name": "Import", "slug": slug}).raise_for_status()
    return slug


def test_without_a_selection_the_operations_are_listed_and_no_request_is_sent(drio: Runner, pets: str) -> None:
    result = drio("import", "any-app", pets)
    assert result.code == 0
    assert result.out.splitlines()[0].split() == ["METHOD", "PATH", "DOES", "TAG", "TOKENS", "SUMMARY"]
    assert len(result.out.splitlines()) == 6
    assert "5 operations, nothing was created" in result.err
    listed = drio("import", "any-app", "-", "--json", stdin=json.dumps(PETS)).json
    assert listed["operations"][0]["id"] == "GET /pets"
    assert listed["document"]["servers"][0]["url"] == "https://api.example.com/v1"


def test_dry_run_lists_what_the_import_then_creates(on_sandbox: Runner, app: str, pets: str) -> None:
    selection = ("--operation", "GET:/pets", "--tag", "admin")
    planned = on_sandbox("import", app, pets, *selection, "--dry-run", "--json").json
    assert [resource["kind"] for resource in planned["resources"]] == [
        "integration",
        "operation",
        "tool",
        "operation",
        "tool",
    ]
    assert planned["checked"] == []
    imported = on_sandbox("import", app, pets, *selection, "--yes", "--json")
    assert imported.code == 0, imported.err
    assert [resource["key"] for resource in imported.json["resources"]] == [
        resource["body"]["key"] for resource in planned["resources"]
    ]
    assert all(resource["id"] and not resource["problem"] for resource in imported.json["resources"])
    more = on_sandbox("import", app, pets, "--all", "--no-check", "--yes", "--into", "acme-api", "--no-tools")
    assert more.code == 0, more.err
    assert "✓ Create operation DELETE /pets/{petId}" in more.out
    config = on_sandbox("inspect", app, "--json").json
    assert len(config["integrations"]) == 1
    assert len({operation["key"] for operation in config["operations"]}) == len(config["operations"]) == 5
    assert [tool["key"] for tool in config["tools"]] == ["list-pets", "create-pet"]


def test_proposals_are_shown_and_taken_by_part(on_sandbox: Runner, app: str) -> None:
    document = str(Path(__file__).parents[1] / "openapi_import" / "field_service.json")
    importing = ("import", app, document, "--tag", "people", "--no-check", "--propose")
    dry = on_sandbox(*importing, "name", "--propose", "chain", "--dry-run", "--json").json
    first = dry["proposals"][0]
    assert (first["name"], first["key"]) == ("List technicians", "list-technicians")
    assert (first["description"], first["annotations"], first["widget"]) == (None, None, None)
    assert first["chain"] == {"operation": "GET /technicians/{id}", "arguments": {"id": "$[*].id"}}
    assert sum(proposal["tokens"] for proposal in dry["proposals"]) == dry["tokens"]
    text = on_sandbox(*importing, "all", "--dry-run")
    assert "would set Chain List technicians → Read Technician" in text.out
    assert "Returns a list, each item with id, name, phone." in text.err
    imported = on_sandbox(*importing, "all", "--yes", "--json").json
    assert all(resource["id"] and not resource["problem"] for resource in imported["resources"])
    assert on_sandbox("lint", app, "--json").json["errors"] == 0
    refused = on_sandbox(*importing, "all", "--no-tools", "--yes", "--json")
    assert refused.error["message"].startswith("--propose is about new tools")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--operation", "GET:/nowhere"], "usage_error", "the document has no operation GET /nowhere"),
        (["--tag", "none"], "usage_error", "no operation has the tag none"),
        (["--all", "--into", "nothing", "--no-check"], "not_found", "no integration has the key, name or id nothing"),
        (["--all", "--server", "ftp://x", "--no-check"], "import_failed", "There is no base URL"),
    ],
)
def test_an_invalid_selection_is_an_error_and_creates_nothing(
    on_sandbox: Runner, app: str, pets: str, arguments: list[str], code: str, message: str
) -> None:
    result = on_sandbox("import", app, pets, *arguments, "--yes", "--json")
    assert result.code in (1, 2)
    assert result.out == ""
    assert result.error["code"] == code
    assert message in result.error["message"]
    if "--server" in arguments:
        assert result.error["hint"] == "--server URL gives it."
    assert on_sandbox("inspect", app, "--json").json["integrations"] == []


@pytest.mark.parametrize(
    ("paths", "reason"),
    [
        ({}, "the document has no operations."),
        ({"/a": {"trace": {}}}, "no operation of the document can be taken. Without --all they are listed, with the"),
    ],
)
def test_an_import_of_nothing_gives_the_reason(
    on_sandbox: Runner, app: str, tmp_path: Path, paths: dict[str, object], reason: str
) -> None:
    document = {"openapi": "3.1.0", "info": {"title": "T", "version": "1"}, "paths": paths}
    (tmp_path / "t.json").write_text(json.dumps(document | {"servers": [{"url": "https://t.example"}]}))
    result = on_sandbox("import", app, str(tmp_path / "t.json"), "--all", "--no-check", "--dry-run")
    assert (result.code, result.out) == (0, "")
    assert f"There is nothing to create: {reason}" in result.err


def test_an_unsupported_document_is_an_error(drio: Runner, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"swagger": "2.0"}')
    result = drio("import", "any", str(tmp_path / "a.json"), "--json")
    assert result.code == 1
    assert "Swagger 2.0" in result.error["message"]


def test_import_needs_yes_without_a_terminal(on_sandbox: Runner, app: str, pets: str) -> None:
    refused = on_sandbox("import", app, pets, "--all", "--no-check")
    assert (refused.code, "Add --yes" in refused.err) == (2, True)
    assert on_sandbox("inspect", app, "--json").json["integrations"] == []


def test_read_only_imports_nothing(drio: Runner, pets: str) -> None:
    result = drio("--read-only", "import", "any", pets, "--all", "--no-check")
    assert result.code == 2
    assert "--read-only creates nothing" in result.err


def test_a_repeated_import_creates_nothing_and_lists_what_exists(on_sandbox: Runner, app: str, pets: str) -> None:
    first = on_sandbox("import", app, pets, "--all", "--no-check", "--yes")
    assert first.code == 0, first.err
    before = on_sandbox("inspect", app, "--json").json
    again = on_sandbox("import", app, pets, "--all", "--no-check", "--yes")
    assert again.code == 0, again.err
    assert again.out == ""
    assert "5 operations of these the app has already:\n  GET /pets (list-pets)" in again.err
    assert "There is nothing to create: the app has every chosen operation already. --update " in again.err
    planned = on_sandbox("import", app, pets, "--all", "--no-check", "--dry-run", "--json").json
    assert planned["resources"] == []
    assert planned["skipped"][0] == {"source": "GET /pets", "key": "list-pets"}
    assert on_sandbox("inspect", app, "--json").json == before


def test_a_killed_import_is_completed_by_the_next_one(
    on_sandbox: Runner, sandbox_process: SandboxProcess, app: str, pets: str
) -> None:
    """F39."""
    command = [sys.executable, "-c", KILLED, "import", app, pets, "--all", "--no-check", "--yes"]
    env = {**os.environ, "DRIO_TOKEN": sandbox_process.token}
    killed = subprocess.run([*command, "--base-url", sandbox_process.base_url], env=env, capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert len(on_sandbox("inspect", app, "--json").json["operations"]) == 2
    result = on_sandbox("import", app, pets, "--all", "--no-check", "--yes")
    assert result.code == 0, result.err
    config = on_sandbox("inspect", app, "--json").json
    assert len(config["integrations"]) == 1
    routes = {(operation["method"], operation["path"]) for operation in config["operations"]}
    assert len(config["operations"]) == len(routes) == 5
    assert sorted(tool["key"] for tool in config["tools"]) == [
        "create-pet", "delete-pet", "get-pet", "list-pets", "replace-pet",
    ]  # fmt: skip
    assert {tool["binding"]["status"] for tool in config["tools"]} == {"ready"}


def test_auth_secret_creates_the_connection_that_the_document_requires(on_sandbox: Runner, app: str, pets: str) -> None:
    command = ("import", app, pets, "--operation", "GET:/pets", "--no-check", "--yes")
    without_auth = on_sandbox("--quiet", *command)
    assert without_auth.code == 0
    assert "The document wants a sign-in (API key X-Api-Key in the header), and none is given" in without_auth.err
    assert "[no_sign_in]" in on_sandbox("check", app).out
    without_secret = on_sandbox(*command, "--auth-secret")
    assert without_secret.code == 2
    assert "the API key for Acme API (API key X-Api-Key in the header) is needed" in without_secret.err
    result = on_sandbox(*command, "--auth-secret", stdin="SECRET-of-stdin\n")
    assert result.code == 0, result.err
    assert "SECRET" not in result.out + result.err
    config = on_sandbox("inspect", app, "--json").json
    (connection,) = config["auth"]
    assert (connection["providerKey"], connection["status"]) == ("api-key", "valid")
    assert connection["config"] == {"type": "apiKey", "in": "header", "name": "X-Api-Key"}
    assert config["integrations"][0]["authId"] == connection["id"]
    assert "no_sign_in" not in on_sandbox("check", app).out
    again = on_sandbox(*command, "--auth-secret", env={"DRIO_UPSTREAM_SECRET": "SECRET-of-env"})
    assert again.code == 0, again.err
    assert "Change auth connection Acme API: key" in again.out, "the last secret replaces the earlier one"
    assert len(on_sandbox("inspect", app, "--json").json["auth"]) == 1


def test_operations_without_security_need_no_sign_in(on_sandbox: Runner, app: str, tmp_path: Path) -> None:
    value = json.loads(json.dumps(PETS))
    value["paths"]["/pets"]["get"]["security"] = []
    (tmp_path / "open.json").write_text(json.dumps(value))
    result = on_sandbox("import", app, str(tmp_path / "open.json"), "--operation", "GET:/pets", "--no-check",
                        "--yes")  # fmt: skip
    assert result.code == 0
    assert "sign-in" not in result.err
    assert "no_sign_in" not in on_sandbox("check", app).out
    refused = on_sandbox(
        "import", app, str(tmp_path / "open.json"), "--operation", "GET:/pets", "--auth-secret", "--no-check", "--yes"
    )
    assert refused.code == 2
    assert "the document names no sign-in for what is taken" in refused.err


@pytest.mark.parametrize(
    ("scheme", "options", "config"),
    [
        ({"type": "http", "scheme": "bearer"}, (), {"type": "bearer"}),
        ({"type": "http", "scheme": "basic"}, ("--auth-user", "ada"), {"type": "basic", "username": "ada"}),
        ({"type": "apiKey", "in": "query", "name": "k"}, (), {"type": "apiKey", "in": "query", "name": "k"}),
        ({"type": "apiKey", "in": "cookie", "name": "k"}, (), {"type": "apiKey", "in": "cookie", "name": "k"}),
        (
            {"type": "oauth2", "flows": {"authorizationCode": {"authorizationUrl": "https://a.example/a",
             "tokenUrl": "https://a.example/t", "scopes": {"read": ""}}}},
            ("--auth-user", "client"),
            {"type": "oauth", "authorizationEndpoint": "https://a.example/a", "tokenEndpoint": "https://a.example/t",
             "scopes": ["read"], "clientId": "client"},
        ),
    ],
)  # fmt: skip
def test_each_security_scheme_becomes_a_valid_connection(
    on_sandbox: Runner, app: str, tmp_path: Path, scheme: dict[str, str], options: tuple[str, ...], config: object
) -> None:
    value = json.loads(json.dumps(PETS))
    value["components"]["securitySchemes"] = {"key": scheme}
    (tmp_path / "api.json").write_text(json.dumps(value))
    result = on_sandbox("import", app, str(tmp_path / "api.json"), "--operation", "GET:/pets", "--no-check",
                      "--yes", "--auth-secret", *options, env={"DRIO_UPSTREAM_SECRET": "SECRET"})  # fmt: skip
    assert result.code == 0, result.err
    (connection,) = on_sandbox("inspect", app, "--json").json["auth"]
    assert (connection["config"], connection["status"]) == (config, "valid")


def test_importing_a_private_address_prints_how_to_allow_it_or_allows_it(
    on_sandbox: Runner, app: str, pets: str
) -> None:
    command = (
        "import",
        app,
        pets,
        "--operation",
        "GET:/pets",
        "--no-check",
        "--yes",
        "--server",
        "http://127.0.0.1:7/v1",
    )
    warned = on_sandbox(*command)
    assert warned.code == 0
    assert "▲ 127.0.0.1:7 is a private address. Allow it: `drio-tui sandbox allow" in warned.err
    assert "[private_base_url]" in on_sandbox("check", app).out
    allowed = on_sandbox(*command, "--allow-host")
    assert "The sandbox may call 127.0.0.1:7." in allowed.err
    assert "private_base_url" not in on_sandbox("check", app).out


def test_an_unreadable_or_too_long_secret_on_stdin_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("DRIO_UPSTREAM_SECRET", raising=False)
    for data, error in ((b"\xff\n", "cannot be read"), (b"x" * 65_537, "is longer than 65,536"), (b"\n", "is needed")):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), "utf-8"))
        with pytest.raises(UsageError, match=error):
            read_secret("API key", Inputs())


def test_an_update_is_shown_reviewed_made_and_undone(on_sandbox: Runner, app: str, pets: str, tmp_path: Path) -> None:
    assert on_sandbox("import", app, pets, "--all", "--no-check", "--yes").code == 0
    nothing = on_sandbox("import", app, pets, "--update", "--dry-run", "--detailed-exitcode", "--no-check")
    assert (nothing.code, nothing.out) == (0, "Nothing to change.\n"), nothing.err
    newer = str(tmp_path / "newer.json")
    Path(newer).write_text(json.dumps(newer_pets()))
    planned = on_sandbox("import", app, newer, "--update", "--dry-run", "--detailed-exitcode", "--no-check")
    assert planned.code == 3
    assert "~ tool create-pet" in planned.out
    assert "name: Create a pet → Add a pet" in planned.out
    assert "DELETE /pets/{petId} is not in the document, and these tools are bound to it: delete-pet." in planned.out
    assert "GET /shops. --operation, --tag or --all adds them." in planned.out
    incompatible = newer_pets()
    incompatible["paths"]["/pets"]["get"]["parameters"][0]["required"] = True
    document = tmp_path / "incompatible.json"
    document.write_text(json.dumps(incompatible))
    stale = on_sandbox("import", app, str(document), "--update", "--dry-run", "--no-check")
    assert re.search(r"`drio-tui --base-url \S+ rebind \S+ list-pets` binds it all the same\.", stale.out), stale.out
    markdown = on_sandbox("import", app, newer, "--update", "--dry-run", "--markdown", "--no-check")
    assert markdown.out.startswith("**5 to change.**")
    refused = on_sandbox("import", app, newer, "--update", "--no-check")
    assert refused.code == 2
    assert "Add --yes" in refused.err
    before = on_sandbox("inspect", app, "--json").json
    made = on_sandbox("import", app, newer, "--update", "--all", "--prune", "--yes", "--no-check", "--json")
    assert made.code == 0, made.err
    assert [result["action"] for result in made.json["results"]].count("delete") == 2
    states = {operation["operation"]: operation["state"] for operation in made.json["operations"]}
    assert states["GET /shops"] == "new"
    assert states["DELETE /pets/{petId}"] == "gone"
    after = on_sandbox("inspect", app, "--json").json
    assert {tool["key"] for tool in after["tools"]} == {
        "list-pets", "create-pet", "get-pet", "replace-pet", "list-shops",
    }  # fmt: skip
    assert on_sandbox("check", app).code == 0
    assert on_sandbox("undo", app, "--yes").code == 0
    restored = on_sandbox("inspect", app, "--json").json
    assert {tool["key"]: tool["description"] for tool in restored["tools"]} == {
        tool["key"]: tool["description"] for tool in before["tools"]
    }
    assert on_sandbox("check", app).code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--prune"], "--prune goes with --update"),
        (["--on-conflict", "drio"], "--on-conflict goes with --update"),
        (["--update", "--markdown"], "--markdown goes with --dry-run"),
        (["--update", "--name", "X"], "--name names a new integration"),
    ],
)
def test_options_of_an_update_that_mean_nothing_are_refused(
    drio: Runner, pets: str, arguments: list[str], message: str
) -> None:
    result = drio("import", "any", pets, *arguments)
    assert result.code == 2
    assert message in result.err


def test_read_only_updates_nothing_and_an_app_without_the_document_says_so(
    drio: Runner, on_sandbox: Runner, app: str, pets: str
) -> None:
    result = drio("--read-only", "import", "any", pets, "--update", "--yes")
    assert result.code == 2
    assert "--read-only changes nothing" in result.err
    nothing = on_sandbox("import", app, pets, "--update", "--yes", "--no-check")
    assert nothing.code == 1
    assert "no integration that was imported from Acme API" in nothing.err
