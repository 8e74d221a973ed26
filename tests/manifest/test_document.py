"""Reading a document: files merged, substitutions, and every error with its file, line and column."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drio_tui.api import yaml_reader
from drio_tui.document_layout import escape_names, short_binding
from drio_tui.manifest.document import Document, load_document, read_document
from drio_tui.manifest.form import to_document
from drio_tui.manifest.problems import BadDocument
from drio_tui.manifest.pull import desired_of, pull
from drio_tui.manifest.secret import Secret
from drio_tui.manifest.source import BadSource, json_nodes, parse_source
from drio_tui.manifest.substitutions import read_dotenv
from tests.manifest.apps import snapshot_of

DOCUMENT = """\
app:
  slug: acme-support
  name: Acme Support
auth:
  helpdesk-key:
    config: { type: apiKey, apiKey: { $secret: HELPDESK_KEY } }
integrations:
  helpdesk:
    baseUrl: { $env: HELPDESK_URL, default: "https://helpdesk.example.com" }
    operations:
      search-contacts: { method: GET, path: /contacts, inputSchema: { $file: schemas/search.json } }
tools:
  search-contacts: { next: [show-contact] }
  show-contact:
"""


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def errors_of(path: Path) -> list[str]:
    with pytest.raises(BadDocument) as caught:
        read_document(path)
    return [str(problem) for problem in caught.value.problems]


def read(folder: Path, **files: str) -> Document:
    return read_document(write(folder, {"drio.yaml": DOCUMENT, "schemas/search.json": '{"type": "object"}'} | files))


# --- files -----------------------------------------------------------------------------------------


def test_substitutions_are_replaced_by_their_values(tmp_path: Path) -> None:
    document = read(tmp_path)
    data = document.resolve({"HELPDESK_URL": "https://other.example.com"}, {"HELPDESK_KEY": "s3cret"})
    helpdesk = data["integrations"]["helpdesk"]
    assert helpdesk["baseUrl"] == "https://other.example.com"
    assert helpdesk["operations"]["search-contacts"]["inputSchema"] == {"type": "object"}
    assert data["auth"]["helpdesk-key"]["config"] == {"type": "apiKey", "apiKey": Secret("HELPDESK_KEY", "s3cret")}
    assert data["tools"] == {"search-contacts": {"next": ["show-contact"]}, "show-contact": {}}
    assert "s3cret" not in repr(data)
    assert document.resolve({}, {"HELPDESK_KEY": "x"})["integrations"]["helpdesk"]["baseUrl"] == (
        "https://helpdesk.example.com"
    )
    assert document.secret_names() == ["HELPDESK_KEY"]


@pytest.mark.parametrize("binding", ["up/x", "{operation: up/x}", "{type: integration_operation, operation: up/x}"])
def test_a_binding_is_the_same_however_it_is_written(tmp_path: Path, binding: str) -> None:
    """Else the plan after an apply has a conflict, since an export has the short one."""
    integrations = "integrations: {up: {operations: {x: {method: GET, path: /x}}}}"
    document = read(
        tmp_path, **{"drio.yaml": f"app: {{slug: a}}\n{integrations}\ntools: {{t: {{binding: {binding}}}}}\n"}
    )
    for desired in (document.resolve({}, {}), desired_of(document, {})):
        assert desired["tools"] == {"t": {"binding": "up/x"}}
    form = to_document(snapshot_of(document.resolve({}, {})))
    assert form.data["tools"]["t"]["binding"] == "up/x"
    assert not [change for change in pull(document, form, {}).changes if "binding" in str(change.fields)]
    kept = {"operation": "up/x", "x-owner": "ada"}
    assert short_binding({"type": "integration_operation"} | kept) == kept


def test_a_missing_secret_and_a_missing_variable_name_their_lines(tmp_path: Path) -> None:
    write(tmp_path, {"drio.yaml": DOCUMENT.replace(', default: "https://helpdesk.example.com"', "")})
    write(tmp_path, {"schemas/search.json": "{}"})
    with pytest.raises(BadDocument) as caught:
        read_document(tmp_path).resolve({}, {"HELPDESK_KEY": ""})
    assert [problem.where for problem in caught.value.problems] == ["drio.yaml:6:29", "drio.yaml:9:5"]
    assert "There is no secret HELPDESK_KEY." in str(caught.value)
    assert "--secrets FILE" in caught.value.hint


@pytest.mark.parametrize(
    ("default", "text", "expected"),
    [("true", "false", False), ("3", "4", 4), ("1.5", "2", 2), ("x", "false", "false"), ("null", "7", "7")],
)
def test_a_variable_has_the_type_of_its_default(tmp_path: Path, default: str, text: str, expected: Any) -> None:
    write(tmp_path, {"drio.yaml": f"app: {{slug: a, x: {{$env: X, default: {default}}}}}"})
    value = read_document(tmp_path).resolve({"X": text}, {})["app"]["x"]
    assert value == expected
    assert type(value) is type(expected)


def test_a_variable_of_another_type_than_its_default_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, {"drio.yaml": "app: {slug: a, isEnabled: {$env: X, default: true}}"})
    with pytest.raises(BadDocument, match="X has to be true or false"):
        read_document(tmp_path).resolve({"X": "maybe"}, {})


def test_the_files_of_a_directory_are_merged(tmp_path: Path) -> None:
    files = {
        "drio.yaml": "app: {slug: a}\nintegrations:\n  h: {name: H, operations: {one: {path: /1}}}\n"
        "tools: {$order: [b, c]}\n",
        "more.yaml": "integrations:\n  h: {operations: {two: {path: /2}}}\n",
        "tools/c.json": '{"tools": {"c": {"name": "C"}}}',
        "tools/deep/b.yml": "tools: {b: {name: B}}",
        "tools/a.yaml": "tools: {a: {name: A}}",
        "tools/schemas/x.json": '{"type": "object"}',
        "compose.yaml": "services: {db: {image: postgres}}",
        ".github/workflows/ci.yaml": "tools: {hidden: {}}",
        "drio.lock.json": '{"app": {}}',
    }
    document = read_document(write(tmp_path, files))
    assert document.data["integrations"]["h"] == {
        "name": "H",
        "operations": {"one": {"path": "/1"}, "two": {"path": "/2"}},
    }
    assert list(document.data["tools"]) == ["b", "c", "a"]
    assert document.files[0].name == "drio.yaml"
    assert set(document.ignored) == {"compose.yaml", "tools/schemas/x.json"}


def test_a_key_in_two_files_is_an_error_with_both_positions(tmp_path: Path) -> None:
    files = {
        "drio.yaml": "app: {slug: a}\ntools:\n  b: {name: B}\nintegrations:\n  h: {name: H}\n",
        "x.yaml": "app: {slug: a}\ntools:\n  c: {}\n  b: {name: Other}\nintegrations:\n  h:\n    name: I\n",
    }
    assert errors_of(write(tmp_path, files)) == [
        "x.yaml:1:1: app: It is in drio.yaml:1 too.",
        "x.yaml:4:3: tools.b: It is in drio.yaml:3 too.",
        "x.yaml:7:5: integrations.h.name: It is in drio.yaml:5 too.",
    ]


def test_all_errors_of_all_files_are_reported(tmp_path: Path) -> None:
    files = {
        "drio.yaml": "app:\n  name: A\n  name: B\n",
        "a.yaml": "tools: [1]\nwidgets:\n",
        "b.yaml": "auth: {k: {config: {a: {$secret: 'a b'}, b: {$env: X, defalt: 1}, c: {$file: 5}}}}",
        "tool.yaml": "tool: {}",
        "bad.yaml": "auth: {\n",
        "tools/x.json": '{"tools": {"x": {"a": 1,\n "a": 2}}}',
        "tools/y.json": '{"tools": {"x": {"a": 1, "a": 2,}}}',
    }
    text = "\n".join(errors_of(write(tmp_path, files)))
    for expected in (
        "drio.yaml:3:3: The name 'name' occurs twice in one object; it is in line 2 too.",
        "bad.yaml:2:1: It is not YAML",
        "tool.yaml:1:1: tool: It has none of the properties of a document. Did you mean tools?",
        "tools/x.json:2:2: The name 'a' occurs twice in one object; it is in line 1 too.",
        "tools/y.json:1:33: It is not JSON",
        "a.yaml:1:1: tools: tools is an object.",
        "a.yaml:2:1: widgets: widgets is empty: write {} for none, or leave it out.",
        "b.yaml:1:21: auth.k.config.a: $secret takes a name of letters, digits and _, not 'a b'.",
        "b.yaml:1:42: auth.k.config.b: $env allows no 'defalt' beside it; a property",
        "b.yaml:1:67: auth.k.config.c: $file takes a relative path.",
    ):
        assert expected in text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tools:\n", "1:1: tools: tools is empty: write {} for none"),
        ("app: {slug: a}\ntools: [x]", "2:1: tools: tools is an object."),
        ("tools: {a: 5}", "1:9: tools.a: A resource is an object."),
        ("integrations: {a: {operations: {b: text}}}", "1:33: integrations.a.operations.b: A resource is an object."),
        ("tools: {a: {$file: x.json}}", "1:9: tools.a: $env, $secret and $file stand for the value of a property"),
        ("app: {$env: X}", "1:1: app: $env, $secret and $file stand for the value of a property"),
        ("tools: {$order: [b, a, a], a: {}}", "1:18: tools.$order[0]: b is not there."),
        ("tools: {$order: [a, a], a: {}}", "1:21: tools.$order[1]: a is listed twice."),
        ("- a\n", "1:1: A document is an object."),
        ("", "It is empty."),
        ("a: !!python/object:os.system x\n", "1:4: The tag"),
        ("a: &a [*a]\n", "1:4: An alias holds itself"),
    ],
)
def test_wrong_structure_is_an_error_at_its_position(tmp_path: Path, text: str, message: str) -> None:
    (error,) = errors_of(write(tmp_path, {"drio.yaml": text}))[:1]
    assert error.startswith("drio.yaml:")
    assert message in error


def test_a_bomb_of_aliases_is_rejected_at_once(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    assert "more than 1,000,000 values" in errors_of(write(tmp_path, {"drio.yaml": "\n".join(lines)}))[0]


def test_a_directory_without_a_document_is_an_error(tmp_path: Path) -> None:
    assert "There is no drio.yaml or drio.json in" in errors_of(tmp_path)[0]
    assert "There is no file or directory" in errors_of(tmp_path / "nowhere")[0]


def test_two_main_files_are_an_error(tmp_path: Path) -> None:
    write(tmp_path, {"drio.yaml": "app: {slug: a}", "drio.json": '{"tools": {}}'})
    assert "drio.json: It is there beside drio.yaml" in "\n".join(errors_of(tmp_path))


def test_one_file_can_be_read_by_itself(tmp_path: Path) -> None:
    write(tmp_path, {"drio.yaml": "app: {slug: a}", "other.json": '{"app": {"slug": "b"}}'})
    assert read_document(tmp_path / "other.json").data == {"app": {"slug": "b"}}


# --- $file -----------------------------------------------------------------------------------------


def with_file(folder: Path, written: str) -> Path:
    return write(folder / "app", {"drio.yaml": f"app: {{slug: a, description: {{$file: {json.dumps(written)}}}}}"})


@pytest.mark.parametrize(
    "written",
    [
        "../outside.txt",
        "/etc/passwd",
        "link.txt",
        "linked/outside.txt",
        "a\\b",
        "C:/x",
        ".env",
        "x/../.env",
        "nowhere.txt",
        ".",
    ],
)
def test_a_file_outside_of_the_directory_is_refused(tmp_path: Path, written: str) -> None:
    root = with_file(tmp_path, written)
    write(tmp_path, {"outside.txt": "secret text", "app/.env": "KEY=secret text", "app/x/y": ""})
    (root / "link.txt").symlink_to(tmp_path / "outside.txt")
    (root / "linked").symlink_to(tmp_path)
    errors = errors_of(root)
    assert len(errors) == 1
    assert errors[0].startswith("drio.yaml:1:16: app.description: ")
    assert "secret text" not in errors[0]


def test_a_linked_document_file_outside_of_the_directory_is_refused(tmp_path: Path) -> None:
    write(tmp_path, {"outside.yaml": "tools: {a: {}}", "app/drio.yaml": "app: {slug: a}"})
    (tmp_path / "app" / "more.yaml").symlink_to(tmp_path / "outside.yaml")
    assert errors_of(tmp_path / "app") == ["more.yaml: It is a link that leaves the directory of the document."]


@pytest.mark.parametrize(
    ("name", "content", "value"),
    [
        ("a.md", "Hello.\n", "Hello."),
        ("a.md", "Hello.\n\n", "Hello.\n"),
        ("a.md", "Hello.", "Hello."),
        ("a.json", '{"$env": "not read"}', {"$env": "not read"}),
        ("a.yaml", "on: no", {"on": "no"}),
    ],
)
def test_a_file_is_text_or_a_value(tmp_path: Path, name: str, content: str, value: Any) -> None:
    root = with_file(tmp_path, name)
    write(root, {name: content})
    assert read_document(root / "drio.yaml").resolve({}, {})["app"]["description"] == value


def test_a_path_is_relative_to_the_file_that_has_it(tmp_path: Path) -> None:
    files = {
        "drio.yaml": "app: {slug: a}",
        "tools/t.yaml": "tools: {t: {description: {$file: t.md}, name: {$file: ../name.txt}}}",
        "tools/t.md": "text\n",
        "name.txt": "T\n",
    }
    data = read_document(write(tmp_path, files)).resolve({}, {})
    assert data["tools"]["t"] == {"description": "text", "name": "T"}


# --- values ----------------------------------------------------------------------------------------


def test_text_that_yaml_1_1_reads_as_another_type_is_text(tmp_path: Path) -> None:
    names = ["no", "on", "yes", "1:30", "2020-01-01", "0b1", "1_000", "~x"]
    write(tmp_path, {"drio.yaml": "app: {slug: a, x: [" + ", ".join(names) + ", 0o17, 0x1f, 010]}"})
    assert read_document(tmp_path).data["app"]["x"] == [*names, 15, 31, 10]


def test_anchors_and_merge_keys_are_read_and_located(tmp_path: Path) -> None:
    text = "x: &base\n  name: A\n  inputSchema: {type: object}\ntools:\n  a:\n    <<: *base\n    description: B\n"
    document = read_document(write(tmp_path, {"drio.yaml": text}))
    assert document.data["tools"]["a"] == {"name": "A", "inputSchema": {"type": "object"}, "description": "B"}
    assert document.problem(("tools", "a", "inputSchema", "type"), "").where == "drio.yaml:3:17"


names = st.one_of(st.sampled_from(["$env", "$secret", "$file", "$order", "$$env", "$$$file", "a"]), st.text(max_size=3))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)


@given(json_values)
def test_escaped_values_are_read_as_they_were(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    folder = tmp_path_factory.mktemp("document")
    text = json.dumps({"app": {"slug": "a", "x": escape_names(value)}})
    document = read_document(write(folder, {"drio.json": text}))
    assert not document.substitutions
    assert document.resolve({}, {})["app"]["x"] == value


def locations(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(location for step, item in items for location in locations(item, (*at, step)))]


@given(json_values, st.sampled_from([None, 1]))
def test_positions_in_json_are_those_that_a_yaml_parser_finds(value: Any, indent: int | None) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    text = "".join(character if character.isprintable() or character == "\n" else "?" for character in text)
    try:
        source = parse_source(text.encode("utf-8"), Path("x.json"), "x.json")
    except BadSource:  # two names became equal
        return
    root = yaml_reader.compose(text)
    for location in locations(source.value):
        assert source.position(location) == yaml_reader.position_of(root, location)
    assert json_nodes("[]").value == []


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("A=1\n# c\n\nexport B = two words # c\n", {"A": "1", "B": "two words"}),
        ('A=\'x # "y\' # c\nB="a\\nb \\"q\\""', {"A": 'x # "y', "B": 'a\nb "q"'}),
        ("A=\nB=x=y#z", {"A": "", "B": "x=y#z"}),
    ],
)
def test_a_file_of_secrets_is_read(text: str, values: dict[str, str]) -> None:
    assert read_dotenv(text, ".env") == values


def test_wrong_lines_of_a_file_of_secrets_are_named_and_not_shown() -> None:
    with pytest.raises(BadDocument) as caught:
        read_dotenv("A=1\nhunter2\nB='open\n1A=2", "secrets.env")
    assert [problem.where for problem in caught.value.problems] == ["secrets.env:2", "secrets.env:3", "secrets.env:4"]
    assert "hunter2" not in str(caught.value.as_dict())


def test_a_problem_that_prevents_a_file_from_being_read_does_not_hide_others(tmp_path: Path) -> None:
    write(tmp_path, {"drio.yaml": "app: {", "tools/a.yaml": "tools: {a: 1}"})
    assert {problem.file for problem in load_document(tmp_path).problems} == {"drio.yaml", "tools/a.yaml"}
