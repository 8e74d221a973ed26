"""The commands for an app as a document."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from tests.cli.conftest import AppOnSandbox, Runner
from tests.manifest.test_validation import EXAMPLE


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "drio.yaml").write_text(EXAMPLE, encoding="utf-8")
    return tmp_path


def test_validate_says_that_there_are_no_problems(drio: Runner, folder: Path) -> None:
    result = drio("validate", str(folder))
    assert (result.code, result.out) == (0, "No problems. 7 resources in 1 file.\n")


def test_validate_prints_problems_as_compilers_do(drio: Runner, folder: Path) -> None:
    text = EXAMPLE.replace("name: Helpdesk\n", "name: 5\n").replace("serverInstructions", "serverInstuctions")
    (folder / "drio.yaml").write_text(text + 'x-evil: "\\e[2J"\n"tols\\e[2J": {}\n', encoding="utf-8")
    result = drio("validate", str(folder))
    lines = result.out.splitlines()
    path = folder / "drio.yaml"
    assert result.code == 1
    assert lines[0].startswith(f"{path}:5:3: warning: app.serverInstuctions: There is no property of this name")
    assert f"{path}:14:5: error: integrations.helpdesk.name: It must be text. [schema]" in lines
    assert lines[-1] == "1 error, 2 warnings. 7 resources in 1 file."
    assert "\x1b" not in result.out


def test_validate_prints_json(drio: Runner, folder: Path) -> None:
    (folder / "compose.yaml").write_text("services: {}")
    (folder / "drio.yaml").write_text(EXAMPLE.replace("auth: helpdesk-key", "auth: other"))
    result = drio("validate", str(folder), "--json")
    assert result.code == 0
    assert result.json["warnings"] == 1
    assert result.json["ignored"] == ["compose.yaml"]
    problem = result.json["problems"][0]
    assert (problem["file"], problem["line"], problem["column"]) == ("drio.yaml", 16, 5)
    assert drio("validate", str(folder), "--strict").code == 1


def test_validate_without_a_document_is_an_error(drio: Runner, tmp_path: Path) -> None:
    result = drio("validate", str(tmp_path))
    assert result.code == 1
    assert "There is no drio.yaml" in result.err


def test_schema_prints_a_json_schema(drio: Runner) -> None:
    schema = drio("schema").json
    Draft202012Validator.check_schema(schema)
    assert schema == drio("schema", "--json").json


def test_without_a_yaml_library_json_works_and_yaml_says_what_to_install(folder: Path) -> None:
    code = (
        "import sys; sys.modules['yaml'] = None; sys.modules['ruamel'] = None\n"
        "sys.argv = ['drio-tui', 'validate', sys.argv[1]]\nfrom drio_tui.cli import main\nmain()"
    )

    def validate(path: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True)

    result = validate(folder)
    assert result.returncode == 1
    assert "pip install 'drio-tui[yaml]'" in result.stderr
    (folder / "drio.json").write_text(json.dumps({"app": {"slug": "a"}}))
    assert validate(folder / "drio.json").returncode == 0


# --- export ----------------------------------------------------------------------------------------


def test_export_prints_the_app_without_ids_and_secrets(on_sandbox: Runner, app: AppOnSandbox) -> None:
    result = on_sandbox("export", app.slug)
    assert result.code == 0
    assert result.out == on_sandbox("export", app.slug).out
    assert "Write { $secret: NAME } for a secret" in result.err
    data = yaml.safe_load(result.out)
    assert data == on_sandbox("export", app.slug, "--json").json
    assert data["app"]["slug"] == app.slug
    assert [*data["tools"]] == [*app.list("tools")]
    assert data["tools"]["search-tickets"]["binding"] == "helpdesk/search-tickets"
    ids = [app.id, *(item["id"] for kind in ("auth", "tools", "widgets") for item in app.list(kind).values())]
    assert not [id for id in ids if id in result.out]
    assert not re.search(r"schemaHash|secret_", result.out)


@pytest.mark.parametrize("arguments", [[], ["--split"], ["--format", "json"], ["--split", "--format", "json"]])
def test_an_export_is_a_valid_document(
    on_sandbox: Runner, drio: Runner, app: AppOnSandbox, tmp_path: Path, arguments: list[str]
) -> None:
    report = on_sandbox("export", app.slug, "-o", str(tmp_path), *arguments, "--json").json
    assert [path for path in report["files"] if not (tmp_path / path).is_file()] == []
    assert len(report["files"]) == (22 if "--split" in arguments else 1)
    validation = drio("validate", str(tmp_path), "--json")
    assert validation.json["errors"] == 0
    assert {problem["code"] for problem in validation.json["problems"]} == set()
    again = on_sandbox("export", app.slug, "-o", str(tmp_path), *arguments, "--json").json
    assert (again["files"], again["removed"]) == (report["files"], [])


def test_export_overwrites_another_app_only_with_force(on_sandbox: Runner, app: AppOnSandbox, tmp_path: Path) -> None:
    main = tmp_path / "drio.yaml"
    main.write_text("app: {slug: other}\n")
    result = on_sandbox("export", app.slug, "-o", str(tmp_path), "--json")
    assert (result.code, result.error["code"]) == (1, "not_exported")
    assert main.read_text() == "app: {slug: other}\n"
    main.rename(tmp_path / "values.yaml")  # such as that of a chart: it looks like a document
    result = on_sandbox("export", app.slug, "-o", str(tmp_path))
    assert "has the document of another app, other, in values.yaml." in result.err
    assert "--force overwrites or removes values.yaml." in result.err
    forced = on_sandbox("export", app.slug, "-o", str(tmp_path), "--force")
    assert forced.code == 0
    assert "Removed values.yaml, which" in forced.err
    assert yaml.safe_load(main.read_text())["app"]["slug"] == app.slug


def test_export_says_what_it_wrote(
    on_sandbox: Runner, app: AppOnSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "Wrote drio.yaml.\n" in on_sandbox("export", app.slug, "-o", ".").err
    assert "Wrote 22 files to the current directory.\n" in on_sandbox("export", app.slug, "-o", ".", "--split").err
    assert "Wrote 22 files to app.\n" in on_sandbox("export", app.slug, "-o", "app", "--split").err


def test_export_writes_one_file(on_sandbox: Runner, app: AppOnSandbox, tmp_path: Path) -> None:
    path = tmp_path / "new" / "app.json"
    assert on_sandbox("export", app.slug, "-o", str(path)).code == 0
    assert json.loads(path.read_text())["app"]["slug"] == app.slug
    assert on_sandbox("export", app.slug, "-o", str(path)).code == 0
    assert on_sandbox("export", app.slug, "--split").code == 2
    assert on_sandbox("export", "no-such-app").code == 1


# --- pull ------------------------------------------------------------------------------------------


@pytest.fixture
def pulled(on_sandbox: Runner, app: AppOnSandbox, tmp_path: Path) -> Path:
    """The document of `app`, with a comment in every resource."""
    on_sandbox("export", app.slug, "-o", str(tmp_path))
    main = tmp_path / "drio.yaml"
    main.write_text(re.sub(r"(?m)^(  \S+:)$", r"\1   # a comment", "# Ours\n" + main.read_text()))
    return main


def test_pull_without_differences_writes_nothing(on_sandbox: Runner, pulled: Path) -> None:
    before = pulled.read_bytes()
    result = on_sandbox("pull", str(pulled.parent))
    assert (result.code, result.out, pulled.read_bytes()) == (0, "Nothing to pull.\n", before)


def test_pull_changes_only_lines_with_other_values(on_sandbox: Runner, app: AppOnSandbox, pulled: Path) -> None:
    tool = app.list("tools")["search-tickets"]
    app.patch(f"tools/{tool['id']}", {"description": "Finds tickets.", "annotations": {"title": "Finder"}})
    before = pulled.read_text().splitlines()
    dry = on_sandbox("pull", str(pulled.parent), "--dry-run")
    assert pulled.read_text().splitlines() == before
    result = on_sandbox("pull", str(pulled.parent))
    after = pulled.read_text().splitlines()
    assert result.code == dry.code == 0
    assert "~ tool search-tickets" in result.out
    assert "description" in result.out
    assert dry.out.splitlines()[:-1] == result.out.splitlines()[:-1]
    assert result.out.splitlines()[-1] == "1 changed. Wrote drio.yaml."
    assert [line for line in after if line not in before] == [
        "    description: Finds tickets.",
        "      title: Finder",
    ]
    assert len([line for line in before if line not in after]) == 1
    assert on_sandbox("pull", str(pulled.parent), "--json").json["changes"] == []


def test_pull_adds_new_resources_and_removes_deleted_ones_with_a_flag(
    on_sandbox: Runner, app: AppOnSandbox, pulled: Path
) -> None:
    widget = app.list("widgets")["contact-card"]
    body = {"name": "New tool", "key": "new-tool", "description": "It is new."}
    app.client.post(f"/api/v1/apps/{app.id}/tools", json=body).raise_for_status()
    app.client.delete(f"/api/v1/apps/{app.id}/widgets/{widget['id']}").raise_for_status()
    result = on_sandbox("pull", str(pulled.parent))
    assert "widgets/contact-card is not in drio" in result.err
    assert yaml.safe_load(pulled.read_text())["tools"]["new-tool"] == {"name": "New tool", "description": "It is new."}
    changes = on_sandbox("pull", str(pulled.parent), "--delete", "--json").json["changes"]
    assert [(change["action"], change["name"]) for change in changes] == [("delete", "contact-card")]
    assert yaml.safe_load(pulled.read_text()) == yaml.safe_load(on_sandbox("export", app.slug).out)


def test_pull_of_an_app_that_is_not_there_is_an_error(on_sandbox: Runner, tmp_path: Path) -> None:
    (tmp_path / "drio.yaml").write_text("app: {slug: no-such-app}\n")
    assert on_sandbox("pull", str(tmp_path), "--json").error["code"] == "not_found"
    (tmp_path / "drio.yaml").write_text("tools: {}\n")
    assert on_sandbox("pull", str(tmp_path)).code == 2


def test_pull_keeps_what_only_the_document_changed_and_reports_conflicts(
    on_sandbox: Runner, app: AppOnSandbox, pulled: Path
) -> None:
    folder = str(pulled.parent)
    assert on_sandbox("apply", folder, "--yes").code == 0
    pulled.write_text(pulled.read_text().replace("  name: Scripted\n", "  name: Ours\n"))
    on_sandbox("set", app.slug, "app", "name=Theirs", "description=New", "--yes")
    result = on_sandbox("pull", folder)
    assert result.code == 1
    assert "both the document and drio changed it" in result.out
    assert {"name": "Ours", "description": "New"}.items() <= yaml.safe_load(pulled.read_text())["app"].items()
    assert on_sandbox("pull", folder, "--on-conflict", "drio").code == 0
    assert yaml.safe_load(pulled.read_text())["app"]["name"] == "Theirs"
    assert on_sandbox("drift", folder).code == 0
    assert on_sandbox("plan", folder, "--detailed-exitcode").code == 0


def test_pull_keeps_what_the_document_changed_when_it_renames_the_app(
    on_sandbox: Runner, app: AppOnSandbox, pulled: Path
) -> None:
    folder = str(pulled.parent)
    assert on_sandbox("apply", folder, "--yes").code == 0
    text = pulled.read_text().replace("  name: Scripted\n", "  name: Ours\n")
    pulled.write_text(text.replace(f"  slug: {app.slug}\n", f"  slug: {app.slug}-2\n  was: {app.slug}\n"))
    before = pulled.read_text()
    assert f"was: {app.slug}" in before
    result = on_sandbox("pull", folder)
    assert (result.code, result.out, pulled.read_text()) == (0, "Nothing to pull.\n", before)
