"""An export is read as it was written, is the same every time, and overwrites nothing that a user wrote."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drio_tui.api.json_values import same_json
from drio_tui.manifest.document import read_document
from drio_tui.manifest.export import (
    Format,
    NotExported,
    document_files,
    document_text,
    existing_files,
    files_to_replace,
    write_files,
)
from drio_tui.manifest.form import to_document
from tests.api.test_yaml_writer import texts
from tests.manifest.apps import documents, normal_form, snapshot_of

Object = dict[str, Any]
SMALL: Object = {
    "app": {"slug": "acme", "name": "Acme"},
    "auth": {},
    "integrations": {"h": {"name": "H", "operations": {"b": {"path": "/b"}, "a": {"path": "/a"}}}},
    "tools": {"z": {"name": "Z"}, "a": {"name": "A"}},
    "widgets": {},
}


def write(folder: Path, data: Object, *, split: bool = False, format: Format = "yaml") -> dict[str, str]:
    files = document_files(data, split=split, format=format)
    write_files(folder, files, existing_files(folder))
    return files


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@given(documents(), st.lists(texts, max_size=4), st.booleans(), st.sampled_from(["yaml", "json"]), st.integers(0, 3))
def test_an_export_is_read_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, document: Object, more: list[str], split: bool, format: Format, seed: int
) -> None:
    document["app"]["xtexts"] = more
    data = to_document(snapshot_of(document, seed=seed)).data
    assert data == normal_form(document)
    folder = tmp_path_factory.mktemp("document")
    write(folder, data, split=split, format=format)
    read = read_document(folder)
    assert same_json(read.resolve({}, {}), data)
    for collection in ("auth", "integrations", "tools", "widgets"):
        assert [*read.data[collection]] == [*data[collection]]
    assert not read.ignored
    # another read of the app gives the same bytes, and what was exported can be exported again
    before = contents(folder)
    again = to_document(snapshot_of(document, seed=seed + 1)).data
    assert {name: text.encode() for name, text in document_files(again, split=split, format=format).items()} == before
    assert {path.resolve() for path in files_to_replace(folder, again)} == {folder / name for name in before}


def test_split_writes_one_file_per_resource(tmp_path: Path) -> None:
    write(tmp_path, SMALL, split=True)
    assert {name: text.decode() for name, text in contents(tmp_path).items()} == {
        "drio.yaml": "app:\n  slug: acme\n  name: Acme\nauth: {}\nintegrations: {}\n"
        "tools:\n  $order:\n    - z\n    - a\nwidgets: {}\n",
        "integrations/h.yaml": "integrations:\n  h:\n    name: H\n    operations:\n      $order:\n        - b\n"
        "        - a\n",
        "integrations/h/a.yaml": "integrations:\n  h:\n    operations:\n      a:\n        path: /a\n",
        "integrations/h/b.yaml": "integrations:\n  h:\n    operations:\n      b:\n        path: /b\n",
        "tools/a.yaml": "tools:\n  a:\n    name: A\n",
        "tools/z.yaml": "tools:\n  z:\n    name: Z\n",
    }


def test_keys_that_are_no_file_names_get_others(tmp_path: Path) -> None:
    tools = {key: {"name": key} for key in ("../../x", "con", "a/b", "a-b", "A b", "", "é" * 300)}
    files = write(tmp_path / "app", {**SMALL, "tools": tools}, split=True)
    assert all(len(name) < 120 and ".." not in name for name in files)
    assert {path.parent.name for path in tmp_path.rglob("*.yaml")} == {"app", "integrations", "h", "tools"}
    assert read_document(tmp_path / "app").data["tools"] == tools


def test_resources_that_are_gone_lose_their_files(tmp_path: Path) -> None:
    write(tmp_path, SMALL, split=True)
    (tmp_path / "tools" / "notes.md").write_text("kept")
    removed = write_files(
        tmp_path,
        document_files({**SMALL, "tools": {}, "integrations": {}}, split=True),
        files_to_replace(tmp_path, SMALL),
    )
    assert len(removed) == 5
    assert set(contents(tmp_path)) == {"drio.yaml", "tools/notes.md"}
    assert not (tmp_path / "integrations").exists()


@pytest.mark.parametrize("split", [False, True])
@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("slug: acme", "slug: other", "the document of another app, other"),
        ("  slug: acme\n", "", "the document without a slug"),
        ("name: Acme", "name: Acme  # ours", "was edited"),
        ("name: Acme", "name: { $env: NAME, default: Acme }", "was edited"),
        ("name: Acme", 'name: "Acme"', "was edited"),
        ("name: Acme", "name: [", "errors|cannot be read"),
    ],
)
def test_a_document_of_another_app_or_one_that_was_edited_is_not_overwritten(
    tmp_path: Path, split: bool, old: str, new: str, message: str
) -> None:
    write(tmp_path, SMALL, split=split)
    main = tmp_path / "drio.yaml"
    main.write_text(main.read_text().replace(old, new, 1))
    with pytest.raises(NotExported, match=message) as caught:
        files_to_replace(tmp_path, SMALL)
    assert "--force" in caught.value.hint


def test_values_that_only_differ_are_overwritten(tmp_path: Path) -> None:
    write(tmp_path, SMALL)
    assert files_to_replace(tmp_path, {**SMALL, "tools": {}}) == [tmp_path / "drio.yaml"]


@pytest.mark.skipif(os.name == "nt", reason="modes are those of POSIX")
def test_files_are_written_as_others_can_read_them_and_keep_their_mode(tmp_path: Path) -> None:
    umask = os.umask(0o022)
    try:
        write(tmp_path, SMALL)
        main = tmp_path / "drio.yaml"
        assert stat.S_IMODE(main.stat().st_mode) == 0o644
        main.chmod(0o600)
        write(tmp_path, {**SMALL, "tools": {}})
        assert stat.S_IMODE(main.stat().st_mode) == 0o600
    finally:
        os.umask(umask)
    assert [path.name for path in tmp_path.iterdir()] == ["drio.yaml"]


def test_a_link_is_not_written_through(tmp_path: Path) -> None:
    outside = tmp_path / "outside.yaml"
    outside.write_text("x")
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "drio.yaml").symlink_to(outside)
    with pytest.raises(NotExported, match="symbolic link"):
        write_files(folder, document_files(SMALL), [])
    assert outside.read_text() == "x"


def test_half_of_a_character_can_only_be_exported_as_json() -> None:
    with pytest.raises(NotExported, match="half of a character"):
        document_text({"app": {"name": "\ud800"}})
    assert document_text({"app": {"name": "\ud800é"}}, "json") == '{\n  "app": {\n    "name": "\\ud800é"\n  }\n}\n'
