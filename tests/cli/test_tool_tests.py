"""`test`: runs the tests of a document or app, prints a line for each, writes JUnit, and fails if one fails."""

from __future__ import annotations

import json
import re
import uuid
from pathlib import Path
from xml.etree import ElementTree

import pytest

from drio_tui.evaluation.local_tests import keep_local
from drio_tui.server_id import server_id
from drio_tui.workspace.run.run_history import RunHistory
from tests.cli.conftest import Runner
from tests.sandbox_fixtures import SandboxProcess

TESTS = """\
tests:
  search-tickets:
    - name: finds some
      arguments: { status: { $env: STATUS, default: open } }
      expect: { values: [{ path: "$.results[0].id", exists: true }], slots: [items], maxSeconds: 30 }
    - name: finds none
      arguments: { q: { $secret: SEARCHED } }
      expect: { values: [{ path: $.results, count: 7 }] }
    - name: refuses a number
      arguments: { limit: many }
      expect: { status: error, contains: limit }
"""


@pytest.fixture(scope="module")
def desk(sandbox_process: SandboxProcess) -> str:
    slug = f"tested-{uuid.uuid4().hex[:8]}"
    with sandbox_process.client() as client:
        client.post("/api/v1/apps", json={"templateId": "support", "name": "Tested", "slug": slug}).raise_for_status()
    return slug


def test_the_tests_of_a_document_run_against_the_draft(on_sandbox: Runner, desk: str, tmp_path: Path) -> None:
    folder = tmp_path / "app"
    assert on_sandbox("export", desk, "-o", str(folder)).code == 0
    document = folder / "drio.yaml"
    document.write_text(document.read_text(encoding="utf-8") + TESTS, encoding="utf-8")
    junit = tmp_path / "results.xml"
    missing = on_sandbox("test", str(folder))
    assert (missing.code, "SEARCHED" in missing.err) == (1, True)
    secret = {"SEARCHED": "nobody-has-this-name"}
    result = on_sandbox("test", str(folder), "--junit", str(junit), env=secret)
    assert result.code == 1, result.err
    assert "✓ search-tickets: finds some" in result.out
    assert "✓ search-tickets: refuses a number" in result.out
    assert "✗ search-tickets: finds none" in result.out
    assert "      expected  7 items\n      actual    0 items\n" in result.out
    assert "3 tests: 2 passed, 1 failed." in result.out
    assert secret["SEARCHED"] not in result.out + result.err + junit.read_text(encoding="utf-8")
    (suite,) = ElementTree.parse(junit).getroot()
    assert [(case.get("classname"), case.get("name")) for case in suite if case.find("failure") is not None] == [
        (f"{desk}.search-tickets", "finds none")
    ]
    write = "  open-ticket: [{ name: makes one, arguments: { subject: A, body: B, contactId: con_1001 } }]\n"
    document.write_text(document.read_text(encoding="utf-8").replace("count: 7", "count: 0") + write, encoding="utf-8")
    result = on_sandbox("test", str(folder), "--json", env=secret)
    assert result.code == 0, result.out
    assert {test["name"]: test["outcome"] for test in result.json["results"]} == {
        "finds some": "passed", "finds none": "passed", "refuses a number": "passed", "makes one": "skipped",
    }  # fmt: skip
    assert not {"arguments", "request"} & result.json["results"][0].keys()
    assert on_sandbox("--read-only", "test", str(folder), "--include-writes", env=secret).code == 2
    assert on_sandbox("test", str(folder), "show-ticket", env=secret).code == 2
    assert on_sandbox("test", str(folder), "open-ticket", "--yes", "--json", env=secret).json["skipped"] == 0


def test_an_app_has_the_tests_that_were_saved_here(
    on_sandbox: Runner, sandbox_process: SandboxProcess, desk: str
) -> None:
    assert "has no tests" in on_sandbox("test", desk).err
    with sandbox_process.client() as client:
        response = client.get("/api/v1/apps")
    app = next(app["id"] for app in response.json()["apps"] if app["slug"] == desk)
    (id,) = re.findall(r"id=(\w+)", response.headers["server"])
    tests = [{"name": "kept", "arguments": {}}]
    keep_local(RunHistory(server_id("", id), app), "search-tickets", tests)
    assert "✓ search-tickets: kept" in on_sandbox("test", desk, "Search Tickets").out
    assert on_sandbox("test", desk, "--deployed").code == 1
    assert json.loads(on_sandbox("export", desk, "--format", "json").out)["tests"] == {"search-tickets": tests}
