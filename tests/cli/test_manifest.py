"""The commands for an app as a document."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from tests.cli.conftest import Runner
from tests.manifest.test_validation import EXAMPLE


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "drio.yaml").write_text(EXAMPLE, encoding="utf-8")
    return tmp_path


def test_validate_says_that_there_are_no_problems(drio: Runner, folder: Path) -> None:
    result = drio("validate", str(folder))
    assert (result.code, result.out) == (0, "No problems. 8 resources in 1 file.\n")


def test_validate_prints_problems_as_compilers_do(drio: Runner, folder: Path) -> None:
    text = EXAMPLE.replace("name: Helpdesk\n", "name: 5\n").replace("serverInstructions", "serverInstuctions")
    (folder / "drio.yaml").write_text(text + 'x-evil: "\\e[2J"\n"tols\\e[2J": {}\n', encoding="utf-8")
    result = drio("validate", str(folder))
    lines = result.out.splitlines()
    path = folder / "drio.yaml"
    assert result.code == 1
    assert lines[0].startswith(f"{path}:5:3: warning: app.serverInstuctions: There is no property of this name")
    assert f"{path}:14:5: error: integrations.helpdesk.name: It must be text. [schema]" in lines
    assert lines[-1] == "1 error, 2 warnings. 8 resources in 1 file."
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
