"""`import`: what a document offers, what would be made, and making it, for scripts."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest

from tests.cli.conftest import Runner
from tests.importing.documents import PETS
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
    assert [thing["kind"] for thing in dry["things"]] == ["integration", "operation", "tool", "operation", "tool"]
    assert dry["checked"] == []
    made = on_sandbox("import", app, pets, *choice, "--json")
    assert made.code == 0, made.err
    assert [thing["key"] for thing in made.json["things"]] == [thing["body"]["key"] for thing in dry["things"]]
    assert all(thing["id"] and not thing["problem"] for thing in made.json["things"])
    more = on_sandbox("import", app, pets, "--all", "--no-check", "--into", "acme-api", "--no-tools")
    assert more.code == 0, more.err
    assert "✓ Create operation DELETE /pets/{petId}" in more.out
    config = on_sandbox("inspect", app, "--json").json
    assert len(config["integrations"]) == 1
    assert len({operation["key"] for operation in config["operations"]}) == len(config["operations"]) == 7
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
