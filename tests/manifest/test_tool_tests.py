"""The section `tests` of a document: checked, never sent, and kept by what writes the document."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from drio_tui.evaluation.local_tests import keep_local
from drio_tui.manifest.document import load_document, read_document
from drio_tui.manifest.export import document_files, files_to_replace, write_files
from drio_tui.manifest.form import to_document
from drio_tui.manifest.known_documents import KnownDocument, remember
from drio_tui.manifest.problems import BadDocument
from drio_tui.manifest.pull import desired_of, pull
from drio_tui.manifest.schema import document_schema
from drio_tui.manifest.tool_tests import (
    MissingValue,
    NotWritten,
    TestFiles,
    document_tests,
    local_secret_names,
    local_tests,
    with_tests,
    write_tests,
)
from drio_tui.manifest.validation import quick_errors, validate
from tests.manifest.apps import snapshot_of
from tests.manifest.test_validation import EXAMPLE

TESTS = """\
tests:
  # what support relies on
  search-contacts:
    - name: finds anna
      arguments: { q: { $env: WHO, default: anna }, token: { $secret: SEARCH_TOKEN } }
      expect: { values: [{ path: "$.results[0].id", equals: c1 }], slots: [rows] }
      x-owner: ada
  show-contact: { $file: show.json }
"""
SHOW = '[{"name": "shows me", "arguments": {"$$env": 1}}]'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tmp_path.joinpath("drio.yaml").write_text(EXAMPLE + TESTS, encoding="utf-8")
    tmp_path.joinpath("show.json").write_text(SHOW, encoding="utf-8")
    return tmp_path


def test_tests_get_their_values_and_are_no_part_of_the_app(folder: Path) -> None:
    document = read_document(folder)
    assert validate(document, {}) == []
    assert document.secret_names() == ["HELPDESK_KEY"]
    assert document.secret_names(of_tests=True) == ["SEARCH_TOKEN"]
    resolved = document.resolve({}, {"HELPDESK_KEY": "key"})  # a plan needs no value of a test
    assert "tests" not in resolved
    assert "tests" not in desired_of(document, {})
    first, second = document_tests(document, {"WHO": "ada"}, {"SEARCH_TOKEN": "sesame-street"})
    assert first.arguments == {"q": "ada", "token": "sesame-street"}
    assert first.raw["x-owner"] == "ada"
    assert (second.tool, second.name, second.arguments) == ("show-contact", "shows me", {"$$env": 1})
    with pytest.raises(BadDocument, match="SEARCH_TOKEN"):
        document_tests(document, {}, {})
    Draft202012Validator(document_schema()).validate(document.data)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("equals: c1", "equls: c1", "error 44:26 schema tests.search-contacts[0].expect.values[0]"),
        ("slots: [rows]", "slots: rows", "error 44:68 schema tests.search-contacts[0].expect.slots"),
        ('"$.results[0].id"', "results", "error 44:28 schema tests.search-contacts[0].expect.values[0].path"),
        ("x-owner: ada", "argumnts: {}", "warning 45:7 unknown_property tests.search-contacts[0].argumnts"),
        (
            "search-contacts:\n    - name",
            "serch-contacts:\n    - name",
            "warning 41:3 unknown_reference tests.serch-contacts",
        ),
        (
            "x-owner: ada",
            "x-owner: ada\n    - name: finds anna",
            "error 46:7 duplicate_name tests.search-contacts[1].name",
        ),
        ("{ $file: show.json }", "5", "error 46:3 schema tests.show-contact"),
        (TESTS, "tests: []\n", "error 39:1 structure tests"),
    ],
)
def test_tests_are_checked_with_their_positions(folder: Path, old: str, new: str, expected: str) -> None:
    text = EXAMPLE + TESTS
    assert old in text
    folder.joinpath("drio.yaml").write_text(text.replace(old, new), encoding="utf-8")
    if "structure" not in expected:
        assert quick_errors(load_document(folder), {}) == []  # a plan does not need the tests
    found = [
        f"{problem.severity} {problem.line}:{problem.column} {problem.code} {problem.subject}"
        for problem in validate(load_document(folder), {})
    ]
    assert expected in found


def test_a_test_is_written_into_the_file_that_has_the_others(folder: Path) -> None:
    document = read_document(folder)
    tests: list[Any] = [*document.data["tests"]["search-contacts"], {"name": "no one", "expect": {"status": "error"}}]
    write_tests(folder, "search-contacts", tests)
    text = folder.joinpath("drio.yaml").read_text(encoding="utf-8")
    assert text.startswith(EXAMPLE)
    assert "# what support relies on" in text
    assert "$secret: SEARCH_TOKEN" in text
    assert [test.name for test in document_tests(read_document(folder), {}, {"SEARCH_TOKEN": "sesame"})] == [
        "finds anna", "no one", "shows me",
    ]  # fmt: skip
    with pytest.raises(NotWritten, match=r"\$file"):
        write_tests(folder, "show-contact", tests)
    write_tests(folder, "search-contacts", [])
    assert [*read_document(folder).data["tests"]] == ["show-contact"]


def test_tests_may_be_in_a_file_of_their_own(folder: Path) -> None:
    folder.joinpath("drio.yaml").write_text(EXAMPLE, encoding="utf-8")
    folder.joinpath("checks.yaml").write_text(TESTS, encoding="utf-8")
    folder.joinpath("other.yaml").write_text("tests: [a, list]\n", encoding="utf-8")
    document = read_document(folder)
    assert document.ignored == ("other.yaml",)
    assert write_tests(folder, "new-tool", [{"name": "x"}]).name == "checks.yaml"


def test_exports_and_pulls_keep_the_tests(tmp_path: Path) -> None:
    data: dict[str, Any] = {"app": {"slug": "acme", "name": "Acme"}, "tools": {"search": {"name": "Search"}}}
    snapshot = snapshot_of(data)
    form = to_document(snapshot)
    local = {"search": [{"name": "a", "arguments": {"q": {"$env": "WHO"}}}]}
    write_files(tmp_path, document_files(with_tests(form.data, local, tmp_path)), [])
    written = with_tests(form.data, {"search": [{"name": "a"}, {"name": "b"}]}, tmp_path)
    assert [*map(str, files_to_replace(tmp_path, written))] == [str(tmp_path / "drio.yaml")]
    write_files(tmp_path, document_files(written, split=True), [])
    document = read_document(tmp_path)
    assert document.data["tests"] == {"search": [*local["search"], {"name": "b"}]}
    result = pull(document, form, {})
    assert not result.files


def test_the_tests_of_a_tool_are_in_its_document_and_on_this_machine(folder: Path) -> None:
    files = TestFiles("https://drio.example", "app_1")
    keep_local(files.history, "search-contacts", [{"name": "finds anna"}, {"name": "here", "arguments": {"q": 1}}])
    assert [test["name"] for test in files.read("search-contacts").local] == ["finds anna", "here"]
    remember(KnownDocument(files.server, files.app_id, str(folder)))
    kept = files.read("search-contacts")
    assert [test["name"] for test in (*kept.document, *kept.local)] == ["finds anna", "here"]
    tests = files.resolved(kept, "search-contacts", {"SEARCH_TOKEN": "sesame-street"})
    assert [test.arguments for test in tests] == [{"q": "anna", "token": "sesame-street"}, {"q": 1}]
    moved = replace(kept, document=(*kept.document, *kept.local), local=())
    saved = files.save("search-contacts", kept, moved, ["document", "local"])
    assert replace(saved, times=kept.times) == moved
    assert files.read_if_changed("search-contacts", saved) is None
    assert files.read_if_changed("search-contacts", kept) == saved
    # Nothing is written over what an editor, or another program, has added meanwhile.
    with pytest.raises(NotWritten, match="changed"):
        files.save("search-contacts", kept, replace(kept, document=()), ["document"])
    keep_local(files.history, "search-contacts", [{"name": "added"}])
    with pytest.raises(NotWritten, match="changed"):
        files.save("search-contacts", moved, moved, ["local"])
    assert files.read("search-contacts") == replace(saved, local=({"name": "added"},))
    assert "$file" in files.read("show-contact").problem
    folder.joinpath("drio.yaml").write_text("[", encoding="utf-8")
    assert files.read("search-contacts").problem


@pytest.mark.parametrize("tests", ["[{name: a}, half typed]", "half typed", "", "[null]", "{a: {name: a}}"])
def test_what_is_no_list_of_tests_is_reported_and_not_overwritten(tmp_path: Path, tests: str) -> None:
    files = TestFiles("https://drio.example", "app_1")
    path = tmp_path / "drio.yaml"
    path.write_text(f"{EXAMPLE}tests:\n  show-contact: [{{name: b}}]\n  search-contacts: {tests}\n", encoding="utf-8")
    remember(KnownDocument(files.server, files.app_id, str(path)))
    text, kept = path.read_text(), files.read("search-contacts")
    assert "tests.search-contacts" in kept.problem
    with pytest.raises(BadDocument, match=r"tests\.search-contacts"):  # a test that is not run does not pass
        document_tests(read_document(path), {}, {})
    with pytest.raises(NotWritten, match=r"tests\.search-contacts"):
        files.save("search-contacts", kept, replace(kept, document=({"name": "new"},)), ["document"])
    assert path.read_text() == text


def test_variables_and_secrets_of_local_tests_are_resolved() -> None:
    section: Any = {"search": [{"name": "a", "arguments": {"q": {"$env": "WHO"}, "$$env": {"$secret": "TOKEN"}}}]}
    (test,) = local_tests(section, {"WHO": "ada", "TOKEN": "sesame-street"})
    assert test.arguments == {"q": "ada", "$env": "sesame-street"}
    with pytest.raises(MissingValue, match="TOKEN"):
        local_tests(section, {"WHO": "ada"})
    assert [*local_secret_names(section)] == ["TOKEN"]
    (test,) = local_tests(section, {"WHO": "ada", "TOKEN": "of-the-environment"}, {"TOKEN": "of-a-file"})
    assert test.arguments["$env"] == "of-a-file"
