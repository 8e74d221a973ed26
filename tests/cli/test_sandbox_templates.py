"""`drio-tui sandbox template`: a document becomes a template of the sandbox."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from tests.cli.conftest import Runner
from tests.cli.test_completion import complete
from tests.cli.test_reading import HOSTILE
from tests.manifest.test_validation import EXAMPLE

SECRET = "s3cr3t-value-of-the-upstream"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A document in several files."""
    document = tmp_path / "document"
    document.mkdir()
    text = EXAMPLE.replace("inputSchema: { type: object }", "inputSchema: { $file: schema.json }")
    assert text != EXAMPLE
    (document / "drio.yaml").write_text(text, encoding="utf-8")
    (document / "schema.json").write_text('{"type": "object", "properties": {"q": {"type": "string"}}}')
    return document


def test_a_running_sandbox_makes_apps_of_a_document_that_was_added(
    drio: Runner, folder: Path, background: Path
) -> None:
    box = ("--sandbox", "--data", str(background))
    assert drio("sandbox", "start", "--data", str(background)).code == 0
    assert "acme-support" not in drio(*box, "templates").out
    added = drio("sandbox", "template", "add", str(folder), "--data", str(background), env={"HELPDESK_KEY": SECRET})
    assert (added.code, added.err) == (0, "Added the template acme-support, Acme Support: 2 tools, 1 widget.\n")
    row = next(line for line in drio(*box, "templates").out.splitlines() if line.startswith("acme-support "))
    assert row.split() == ["acme-support", "Acme", "Support", "Custom", "2", "1", "1", "1"]
    shown = drio(*box, "templates", "acme-support")
    assert "Search Contacts" in shown.out
    assert drio(*box, "create", "--template", "acme-support", "--name", "Ours", "--slug", "ours").code == 0
    exported = yaml.safe_load(drio(*box, "export", "ours").out)
    expected = yaml.safe_load(EXAMPLE)
    expected["app"] |= {"slug": "ours", "name": "Ours", "template": "acme-support"}
    del expected["auth"]["helpdesk-key"]["config"]["apiKey"]
    expected["integrations"]["helpdesk"]["baseUrl"] = "https://helpdesk.example.com"
    schema = {"type": "object", "properties": {"q": {"type": "string"}}}
    expected["integrations"]["helpdesk"]["operations"]["search-contacts"]["inputSchema"] = schema
    assert exported == expected
    assert not [path for path in background.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]


def test_templates_are_listed_with_their_source_replaced_and_removed(
    drio: Runner, folder: Path, tmp_path: Path
) -> None:
    data = ("--data", str(tmp_path / "box"))
    first = drio("sandbox", "template", "add", str(folder), "--id", "ours", *data, "--json")
    assert (first.json["template"]["id"], first.json["replaced"]) == ("ours", False)
    assert drio("sandbox", "template", "add", str(folder), "--id", "ours", *data, "--json").json["replaced"]
    listed = drio("sandbox", "template", "list", *data, "--json").json["templates"]
    assert {template["id"] for template in listed if template["source"] == "added"} == {"ours"}
    assert {"support", "blank"} < {template["id"] for template in listed if template["source"] == "built-in"}
    assert "ours" in drio("sandbox", "template", "list", *data).out
    assert drio("sandbox", "template", "remove", "ours", *data, "--json").json == {"removed": "ours"}
    again = drio("sandbox", "template", "remove", "ours", *data)
    assert (again.code, again.err.splitlines()[0]) == (1, "error: Not there: no template ours")
    assert f"`drio-tui sandbox template list {' '.join(data)}` shows them." in again.err
    assert "ours" not in drio("sandbox", "template", "list", *data).out


def test_hostile_text_of_a_document_is_printed_without_control_characters(
    drio: Runner, folder: Path, tmp_path: Path
) -> None:
    """F55."""
    data = ("--data", str(tmp_path / "box"))
    text = (folder / "drio.yaml").read_text().replace("name: Acme Support", f"name: {json.dumps(HOSTILE)}")
    (folder / "drio.yaml").write_text(text)
    for command in (("add", str(folder)), ("list",)):
        result = drio("sandbox", "template", *command, *data)
        assert result.code == 0, result.err
        assert "[@click=app.quit]x[/]" in result.out + result.err
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", result.out + result.err)


def test_built_in_templates_stay(drio: Runner, folder: Path, tmp_path: Path) -> None:
    data = ("--data", str(tmp_path / "box"))
    for arguments in (("remove", "support"), ("add", str(folder), "--id", "support")):
        result = drio("sandbox", "template", *arguments, *data)
        assert result.code == 1
        assert "support is a built-in template" in result.err
    assert not (tmp_path / "box").exists()


def test_errors_of_the_document_are_printed_with_their_place(drio: Runner, folder: Path, tmp_path: Path) -> None:
    data = ("--data", str(tmp_path / "box"))
    text = (folder / "drio.yaml").read_text()
    (folder / "drio.yaml").write_text(text.replace("{ $secret: HELPDESK_KEY }", SECRET))
    result = drio("sandbox", "template", "add", str(folder), *data, "--json")
    assert result.code == 1
    assert [(detail["code"], detail["line"]) for detail in result.error["details"]] == [("plain_secret", 11)]
    assert SECRET not in result.out + result.err
    assert drio("sandbox", "template", "add", str(tmp_path / "nothing"), *data).code == 1
    assert not (tmp_path / "box").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("add", ".", "--read-only"), "--read-only adds no template"),
        (("remove", "ours", "--read-only"), "--read-only removes no template"),
        (("add", ".", "--id", "Not An Id"), "Not An Id is no id"),
        (("add",), "Missing argument"),
        (("ad",), "Did you mean add?"),
    ],
)
def test_wrong_usage(drio: Runner, tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    result = drio("sandbox", "template", *arguments)
    assert result.code == 2
    assert message in result.err


async def test_ids_of_added_templates_are_completed(drio: Runner, folder: Path, tmp_path: Path) -> None:
    data = ("--data", str(tmp_path / "box"))
    assert drio("sandbox", "template", "add", str(folder), *data).code == 0
    assert await complete("sandbox", "template", "remove", *data, "") == ["acme-support"]
    assert await complete("sandbox", "template", "remove", *data, "s") == []
