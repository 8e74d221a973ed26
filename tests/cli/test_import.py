"""`import`: what a document offers, what would be made, and making it, for scripts."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from drio_tui.api.errors import UsageError
from drio_tui.cli.import_openapi import _read_secret
from tests.cli.conftest import Runner
from tests.openapi_import.documents import PETS
from tests.sandbox_fixtures import Process


@pytest.fixture
def pets(tmp_path: Path) -> str:
    path = tmp_path / "pets.json"
    path.write_text(json.dumps(PETS))
    return str(path)


@pytest.fixture
def app(sandbox_process: Process) -> str:
    """The slug of a new app."""
    slug = f"import-{uuid.uuid4().hex[:8]}"
    with sandbox_process.client() as client:
        client.post("/api/v1/apps", json={"templateId": "blank", "name": "Import", "slug": slug}).raise_for_status()
    return slug


def test_without_a_choice_the_operations_are_listed_and_nothing_is_asked_of_drio(drio: Runner, pets: str) -> None:
    ran = drio("import", "any-app", pets)
    assert ran.code == 0
    assert ran.out.splitlines()[0].split() == ["METHOD", "PATH", "DOES", "TAG", "TOKENS", "SUMMARY"]
    assert len(ran.out.splitlines()) == 6
    assert "5 operations, nothing was created" in ran.err
    listed = drio("import", "any-app", "-", "--json", stdin=json.dumps(PETS)).json
    assert listed["operations"][0]["id"] == "GET /pets"
    assert listed["document"]["servers"][0]["url"] == "https://api.example.com/v1"


def test_what_would_be_made_is_shown_and_then_made(on_sandbox: Runner, app: str, pets: str) -> None:
    choice = ("--operation", "GET:/pets", "--tag", "admin")
    dry = on_sandbox("import", app, pets, *choice, "--dry-run", "--json").json
    assert [resource["kind"] for resource in dry["resources"]] == [
        "integration",
        "operation",
        "tool",
        "operation",
        "tool",
    ]
    assert dry["checked"] == []
    made = on_sandbox("import", app, pets, *choice, "--json")
    assert made.code == 0, made.err
    assert [resource["key"] for resource in made.json["resources"]] == [
        resource["body"]["key"] for resource in dry["resources"]
    ]
    assert all(resource["id"] and not resource["problem"] for resource in made.json["resources"])
    more = on_sandbox("import", app, pets, "--all", "--no-check", "--into", "acme-api", "--no-tools")
    assert more.code == 0, more.err
    assert "✓ Create operation DELETE /pets/{petId}" in more.out
    config = on_sandbox("inspect", app, "--json").json
    assert len(config["integrations"]) == 1
    assert len({operation["key"] for operation in config["operations"]}) == len(config["operations"]) == 5
    assert [tool["key"] for tool in config["tools"]] == ["list-pets", "create-pet"]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--operation", "GET:/nowhere"], "usage_error", "the document has no operation GET /nowhere"),
        (["--tag", "none"], "usage_error", "no operation has the tag none"),
        (["--all", "--into", "nothing", "--no-check"], "not_found", "no integration has the id or key nothing"),
        (["--all", "--server", "ftp://x", "--no-check"], "import_failed", "There is no base URL"),
    ],
)
def test_a_choice_that_cannot_be_meant_is_an_error_and_makes_nothing(
    on_sandbox: Runner, app: str, pets: str, arguments: list[str], code: str, says: str
) -> None:
    ran = on_sandbox("import", app, pets, *arguments, "--json")
    assert ran.code in (1, 2)
    assert ran.out == ""
    assert ran.error["code"] == code
    assert says in ran.error["message"]
    assert on_sandbox("inspect", app, "--json").json["integrations"] == []


def test_a_document_that_is_none_is_an_error(drio: Runner, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"swagger": "2.0"}')
    ran = drio("import", "any", str(tmp_path / "a.json"), "--json")
    assert ran.code == 1
    assert "Swagger 2.0" in ran.error["message"]


def test_read_only_makes_nothing(drio: Runner, pets: str) -> None:
    ran = drio("--read-only", "import", "any", pets, "--all", "--no-check")
    assert ran.code == 2
    assert "--read-only creates nothing" in ran.err


def test_the_same_import_again_creates_nothing_and_says_what_is_there(on_sandbox: Runner, app: str, pets: str) -> None:
    first = on_sandbox("import", app, pets, "--all", "--no-check")
    assert first.code == 0, first.err
    before = on_sandbox("inspect", app, "--json").json
    again = on_sandbox("import", app, pets, "--all", "--no-check")
    assert again.code == 0, again.err
    assert again.out == ""
    assert "5 operations of these the app has already:\n  GET /pets (list-pets)" in again.err
    assert "There is nothing to create." in again.err
    dry = on_sandbox("import", app, pets, "--all", "--no-check", "--dry-run", "--json").json
    assert dry["resources"] == []
    assert dry["skipped"][0] == {"source": "GET /pets", "key": "list-pets"}
    assert on_sandbox("inspect", app, "--json").json == before


def test_an_import_that_was_killed_is_completed_by_the_next(
    on_sandbox: Runner, sandbox_process: Process, app: str, pets: str
) -> None:
    """F39."""
    command = [sys.executable, "-m", "drio_tui", "import", app, pets, "--all", "--no-check"]
    env = {**os.environ, "DRIO_TOKEN": sandbox_process.token, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [*command, "--base-url", sandbox_process.base_url], env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as killed:
        assert killed.stdout is not None
        for _ in range(4):
            assert b"Create" in killed.stdout.readline()
        killed.kill()
    done = on_sandbox("import", app, pets, "--all", "--no-check")
    assert done.code == 0, done.err
    config = on_sandbox("inspect", app, "--json").json
    assert len(config["integrations"]) == 1
    assert len(config["operations"]) == len({(one["method"], one["path"]) for one in config["operations"]}) == 5
    assert [tool["key"] for tool in config["tools"]] == [
        "list-pets", "create-pet", "get-pet", "replace-pet", "delete-pet",
    ]  # fmt: skip
    assert {tool["binding"]["status"] for tool in config["tools"]} == {"ready"}


def test_what_the_document_wants_to_sign_in_is_said_and_made_from_a_secret_that_is_no_argument(
    on_sandbox: Runner, app: str, pets: str
) -> None:
    take = ("import", app, pets, "--operation", "GET:/pets", "--no-check")
    without = on_sandbox("--quiet", *take)
    assert without.code == 0
    assert "The document wants a sign-in (API key X-Api-Key in the header), and none is given" in without.err
    assert "[no_sign_in]" in on_sandbox("check", app).out
    nothing = on_sandbox(*take, "--auth-secret")
    assert nothing.code == 2
    assert "the API key for Acme API (API key X-Api-Key in the header) is needed" in nothing.err
    done = on_sandbox(*take, "--auth-secret", stdin="SECRET-of-stdin\n")
    assert done.code == 0, done.err
    assert "SECRET" not in done.out + done.err
    config = on_sandbox("inspect", app, "--json").json
    (connection,) = config["auth"]
    assert (connection["providerKey"], connection["status"]) == ("api-key", "valid")
    assert connection["config"] == {"type": "apiKey", "in": "header", "name": "X-Api-Key"}
    assert config["integrations"][0]["authId"] == connection["id"]
    assert "no_sign_in" not in on_sandbox("check", app).out
    again = on_sandbox(*take, "--auth-secret", env={"DRIO_UPSTREAM_SECRET": "SECRET-of-env"})
    assert again.code == 0, again.err
    assert "Change auth connection Acme API: key" in again.out, "the secret given last is the one that counts"
    assert len(on_sandbox("inspect", app, "--json").json["auth"]) == 1


def test_operations_that_want_no_sign_in_are_not_asked_for_one(on_sandbox: Runner, app: str, tmp_path: Path) -> None:
    value = json.loads(json.dumps(PETS))
    value["paths"]["/pets"]["get"]["security"] = []
    (tmp_path / "open.json").write_text(json.dumps(value))
    done = on_sandbox("import", app, str(tmp_path / "open.json"), "--operation", "GET:/pets", "--no-check")
    assert done.code == 0
    assert "sign-in" not in done.err
    assert "no_sign_in" not in on_sandbox("check", app).out
    wrong = on_sandbox(
        "import", app, str(tmp_path / "open.json"), "--operation", "GET:/pets", "--auth-secret", "--no-check"
    )
    assert wrong.code == 2
    assert "the document names no sign-in for what is taken" in wrong.err


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
def test_each_kind_of_sign_in_becomes_a_valid_connection(
    on_sandbox: Runner, app: str, tmp_path: Path, scheme: dict[str, str], options: tuple[str, ...], config: object
) -> None:
    value = json.loads(json.dumps(PETS))
    value["components"]["securitySchemes"] = {"key": scheme}
    (tmp_path / "api.json").write_text(json.dumps(value))
    done = on_sandbox("import", app, str(tmp_path / "api.json"), "--operation", "GET:/pets", "--no-check",
                      "--auth-secret", *options, env={"DRIO_UPSTREAM_SECRET": "SECRET"})  # fmt: skip
    assert done.code == 0, done.err
    (connection,) = on_sandbox("inspect", app, "--json").json["auth"]
    assert (connection["config"], connection["status"]) == (config, "valid")


def test_a_document_of_this_machine_says_how_to_allow_it_or_allows_it(on_sandbox: Runner, app: str, pets: str) -> None:
    take = ("import", app, pets, "--operation", "GET:/pets", "--no-check", "--server", "http://127.0.0.1:7/v1")
    said = on_sandbox(*take)
    assert said.code == 0
    assert "▲ 127.0.0.1:7 is a private address. Allow it: `drio-tui sandbox allow" in said.err
    assert "[private_base_url]" in on_sandbox("check", app).out
    allowed = on_sandbox(*take, "--allow-host")
    assert "The sandbox may call 127.0.0.1:7." in allowed.err
    assert "private_base_url" not in on_sandbox("check", app).out


def test_a_secret_on_standard_input_that_cannot_be_read_or_is_too_long_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("DRIO_UPSTREAM_SECRET", raising=False)
    for given, why in ((b"\xff\n", "cannot be read"), (b"x" * 65_537, "is longer than 65,536"), (b"\n", "is needed")):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given), "utf-8"))
        with pytest.raises(UsageError, match=why):
            _read_secret("API key", document_on_stdin=False)
