"""Pulling brings drio's values into a document, and leaves all else in its files as the author wrote it."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drio_tui.document_layout import entries
from drio_tui.manifest.compare import Options, compare
from drio_tui.manifest.document import read_document
from drio_tui.manifest.export import Format, document_files, write_files
from drio_tui.manifest.form import DocumentForm, to_document
from drio_tui.manifest.lock import Base
from drio_tui.manifest.new_base import base_after
from drio_tui.manifest.pull import NotPulled, Pull, PullOptions, desired_of, pull
from tests.manifest.apps import documents, normal_form, snapshot_of
from tests.manifest.test_document import write

Object = dict[str, Any]


def form_of(document: Object, seed: int = 0) -> DocumentForm:
    """The app that a drio has after it was given a document; a resource with the same key has the same id."""
    form = to_document(snapshot_of(document, seed=seed))
    return replace(form, ids={name: "app_1" if name[0] == "app" else "/".join(name) for name in form.ids})


def run(
    folder: Path, remote: Object, *, base: Base | None = None, environ: dict[str, str] | None = None, **options: Any
) -> Pull:
    return run_form(folder, form_of(remote), base, environ, **options)


def run_form(
    folder: Path, form: DocumentForm, base: Base | None, environ: dict[str, str] | None = None, **options: Any
) -> Pull:
    result = pull(read_document(folder), form, environ or {}, base=base, options=PullOptions(**options))
    result.write_files()
    return result


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def with_comments(text: str) -> str:
    """Return a YAML document with a comment at every resource and collection."""
    lines = []
    for number, line in enumerate(text.splitlines()):
        if line.endswith(":") and not line.startswith("   ") and not line.startswith("?"):
            lines.append(f"{line}   # comment {number}")
        else:
            lines.append(line)
    return "# The app\n" + "\n".join(lines) + "\n"


@given(documents(), documents(), st.booleans(), st.sampled_from(["yaml", "json"]), st.booleans())
def test_a_pull_makes_the_document_equal_to_any_app(
    tmp_path_factory: pytest.TempPathFactory,
    document: Object,
    other: Object,
    split: bool,
    format: Format,
    has_base: bool,
) -> None:
    folder = tmp_path_factory.mktemp("document")
    other["app"]["slug"] = document["app"]["slug"]
    base = None
    if not has_base:  # an unknown property that drio does not have is kept then
        for _, _, entry in entries(document):
            for name in [name for name in entry if name.startswith("x")]:
                del entry[name]
    files = document_files(form_of(document).data, split=split, format=format)
    write_files(folder, files, [])
    if format == "yaml":
        for name, text in files.items():
            (folder / name).write_text(with_comments(text), encoding="utf-8")
    before = files_in(folder)
    if has_base:
        base = base_after(desired_of(read_document(folder), {}), form_of(document), None)
    assert not run(folder, document, base=base, delete=True).changes
    assert files_in(folder) == before

    form = form_of(other, seed=1)
    result = run_form(folder, form, base, delete=True)
    after = files_in(folder)
    read = read_document(folder)
    comparison = compare(read.resolve({}, {}), form, options=Options(prune=True))
    assert [
        (change.action, change.name, [field.path for field in change.fields]) for change in comparison.changes
    ] == []
    assert normal_form(read.resolve({}, {})) == form.data
    changed = {(change.kind, change.name) for change in result.changes}
    if not changed and not any(note.startswith("The order of the tools was changed") for note in result.notes):
        assert after == before
    for name, data in before.items():  # the files of resources that did not change
        if split and name.count("/") == 1 and name.startswith(("auth/", "tools/", "widgets/")):
            kind, key = {"auth": "auth", "tools": "tool", "widgets": "widget"}[name.partition("/")[0]], Path(name).stem
            if (kind, key) not in changed:
                assert after[name] == data
    if format == "yaml" and not any(change.action == "delete" for change in result.changes):
        for data in before.values():
            for line in data.decode().splitlines():
                if "# comment" in line and not line.startswith("  "):
                    assert line in "\n".join(text.decode() for text in after.values())
    assert not run_form(folder, form, base, delete=True).changes
    assert files_in(folder) == after


APP: Object = {
    "app": {"slug": "acme", "name": "Acme", "description": "Old"},
    "auth": {"key": {"name": "Key", "provider": "api-key", "config": {"name": "X-Key"}}},
    "integrations": {
        "help": {
            "name": "Help", "baseUrl": "https://a.example.com", "auth": "key",
            "operations": {
                "search": {"name": "Search", "method": "GET", "path": "/s", "inputSchema": {"type": "object"}},
            },
        }
    },
    "tools": {
        "search": {"name": "Search", "description": "Finds.", "binding": "help/search", "next": ["show"]},
        "show": {"name": "Show"},
    },
    "widgets": {
        "table": {"name": "Table", "tool": "search", "primitive": "data-table", "config": {"style": {"a": "b"}}},
    },
}  # fmt: skip

NOTHING: Object = {"auth": {}, "integrations": {}, "tools": {}, "widgets": {}}

TEXT = """\
# Our app
app:
  slug: acme
  name: Acme          # shown to users
  description: Old
auth:
  key:
    name: Key
    provider: api-key
    config: { name: X-Key, apiKey: { $secret: KEY } }   # from the vault
integrations:
  help:
    name: Help
    baseUrl: { $env: HELP_URL, default: "https://a.example.com" }
    auth: key
    operations:
      search: { name: Search, method: GET, path: /s, inputSchema: { $file: search.json } }
tools:
  # finds
  search:
    name: Search
    description: { $file: search.md }
    binding: help/search
    next: [ show ]    # then

  show:
    name: Show
    isEnabled: true   # the default
widgets:
  table: { name: Table, tool: search, primitive: data-table, config: { style: { a: b } } }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path, {"drio.yaml": TEXT, "search.json": '{"type": "object"}\n', "search.md": "Finds.\n"})


def changed(**parts: Object) -> Object:
    """The app with other properties: `tools_search={…}`; None removes a property or the resource."""
    app = copy.deepcopy(APP)
    for name, values in parts.items():
        *path, last = name.split("_")
        container = app
        for step in path:
            container = container.setdefault(step, {})
        if values is None:
            del container[last]
        else:
            container[last] = {k: v for k, v in (container.get(last, {}) | values).items() if v is not None}
    return app


def difference(folder: Path) -> tuple[list[str], list[str]]:
    """The lines of the main file that were removed and added."""
    before, after = TEXT.splitlines(), (folder / "drio.yaml").read_text().splitlines()
    return [line for line in before if line not in after], [line for line in after if line not in before]


def test_without_differences_nothing_is_written(folder: Path) -> None:
    before = files_in(folder)
    result = run(folder, APP)
    assert (result.changes, result.notes, result.files) == ((), (), {})
    assert files_in(folder) == before


@pytest.mark.parametrize(
    ("parts", "removed", "added"),
    [
        (
            {"app": {"name": "no"}},
            ["  name: Acme          # shown to users"],
            ['  name: "no"          # shown to users'],
        ),
        ({"app": {"description": None}}, ["  description: Old"], []),
        ({"app": {"companyUrl": "https://x.example.com"}}, [], ["  companyUrl: https://x.example.com"]),
        ({"tools_search": {"next": []}}, ["    next: [ show ]    # then"], ["    next: []    # then"]),
        (
            {"tools_show": {"isEnabled": False}},
            ["    isEnabled: true   # the default"],
            ["    isEnabled: false   # the default"],
        ),
        (
            {"tools_show": {"annotations": {"readOnlyHint": True}}},
            [],
            ["    annotations:", "      readOnlyHint: true"],
        ),
        (
            {"auth_key": {"config": {"name": "X-Other"}}},
            ["    config: { name: X-Key, apiKey: { $secret: KEY } }   # from the vault"],
            ["    config: { name: X-Other, apiKey: { $secret: KEY } }   # from the vault"],
        ),
        (
            {"widgets_table": {"config": {"style": {"a": "c", "d": 1}}}},
            [TEXT.splitlines()[-1]],
            ["  table: { name: Table, tool: search, primitive: data-table, config: { style: { a: c, d: 1 } } }"],
        ),
    ],
)  # fmt: skip
def test_only_lines_with_other_values_change(folder: Path, parts: Object, removed: list[str], added: list[str]) -> None:
    result = run(folder, changed(**parts))
    assert difference(folder) == (removed, added)
    assert len(result.changes) == 1
    assert not run(folder, changed(**parts)).changes


def test_a_value_behind_a_file_is_pulled_into_that_file(folder: Path) -> None:
    schema = {"type": "object", "properties": {"q": {"type": "string"}}}
    run(
        folder,
        changed(
            tools_search={"description": "Finds\nmore."}, integrations_help_operations_search={"inputSchema": schema}
        ),
    )
    assert difference(folder) == ([], [])
    assert (folder / "search.md").read_text() == "Finds\nmore.\n"
    assert json.loads((folder / "search.json").read_text()) == schema


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), st.sampled_from(["", "\n"]))
def test_any_text_can_be_pulled_into_a_text_file(tmp_path_factory: pytest.TempPathFactory, text: str, end: str) -> None:
    folder = tmp_path_factory.mktemp("document")
    write(folder, {"drio.yaml": "app: {slug: acme, description: {$file: text.md}}\n", "text.md": f"Old{end}"})
    run(folder, {"app": {"slug": "acme", "name": "A", "description": text or "x"}, **NOTHING}, declared_only=True)
    assert read_document(folder).resolve({}, {})["app"]["description"] == (text or "x")


def test_a_file_that_is_used_twice_is_left(folder: Path) -> None:
    (folder / "drio.yaml").write_text(TEXT.replace("    name: Show\n", "    name: { $file: search.md }\n"))
    result = run(folder, changed(tools_search={"description": "New"}, tools_show={"name": "Finds."}))
    assert "used in several places" in result.notes[0]
    assert (folder / "search.md").read_text() == "Finds.\n"


def test_a_value_behind_a_variable_is_left_and_reported(folder: Path) -> None:
    result = run(folder, changed(integrations_help={"baseUrl": "https://b.example.com"}))
    assert difference(folder) == ([], [])
    assert "comes from the environment variable HELP_URL" in result.notes[0]
    same = run(
        folder,
        changed(integrations_help={"baseUrl": "https://b.example.com"}),
        environ={"HELP_URL": "https://b.example.com"},
    )
    assert not same.notes


def test_a_secret_is_never_touched(folder: Path) -> None:
    text = TEXT.replace("{ $secret: KEY }", "plain-text")
    (folder / "drio.yaml").write_text(text)
    run(folder, changed(auth_key={"name": "Renamed"}))
    assert "apiKey: plain-text }   # from the vault" in (folder / "drio.yaml").read_text()


def test_new_resources_are_appended_to_their_collection(folder: Path) -> None:
    remote = changed(
        tools_new={"name": "New", "next": ["search"]},
        integrations_help_operations_more={"name": "More", "method": "GET", "path": "/m"},
        auth_other={"name": "Other", "provider": "none"},
    )
    result = run(folder, remote)
    removed, added = difference(folder)
    assert removed == []
    assert added == [
        "  other:", "    name: Other", "    provider: none",
        "      more:", "        name: More", "        method: GET", "        path: /m",
        "  new:", "    name: New", "    next:", "      - search",
    ]  # fmt: skip
    assert {(change.action, change.kind) for change in result.changes} == {
        ("create", "tool"),
        ("create", "operation"),
        ("create", "auth"),
    }
    assert not run(folder, remote, delete=True).changes


def test_nothing_is_added_where_only_declared_values_are_wanted(folder: Path) -> None:
    remote = changed(tools_new={"name": "New"}, app={"companyUrl": "https://x.example.com", "name": "Other"})
    run(folder, remote, declared_only=True)
    assert difference(folder)[1] == ["  name: Other          # shown to users"]


def test_collections_that_the_document_lacks_stay_out(tmp_path: Path) -> None:
    write(tmp_path, {"drio.yaml": "app: {slug: acme, name: X}\ntools:\n  show: {name: X}\n"})
    run(tmp_path, APP)
    read = read_document(tmp_path).data
    assert [*read] == ["app", "tools"]
    assert [*read["tools"]] == ["search", "show"]


def test_operations_are_added_only_where_the_integration_lists_them(tmp_path: Path) -> None:
    text = "app: {slug: acme}\nintegrations:\n  help: {name: Help}\n"
    write(tmp_path, {"drio.yaml": text})
    run(tmp_path, APP)
    assert [*read_document(tmp_path).data["integrations"]["help"]] == ["name", "baseUrl", "auth"]
    write(tmp_path, {"drio.yaml": text.replace("name: Help", "name: Help, operations: {}")})
    run(tmp_path, APP)
    assert [*read_document(tmp_path).data["integrations"]["help"]["operations"]] == ["search"]


@pytest.mark.parametrize("side", ["", "document", "drio"])
def test_what_was_added_on_both_sides_is_a_conflict(folder: Path, side: str) -> None:
    base = base_after(desired_of(read_document(folder), {}), form_of(changed()), None)
    (folder / "drio.yaml").write_text(TEXT.replace("tools:\n", "tools:\n  new: { name: Mine }\n", 1))
    remote = changed(tools_new={"name": "Theirs", "description": "New"})
    result = run(folder, remote, base=base, on_conflict=side)
    conflicts = [(conflict.remote, conflict.local) for change in result.conflicts for conflict in change.conflicts]
    assert conflicts == ([] if side else [("Theirs", "Mine")])
    new = read_document(folder).data["tools"]["new"]
    assert new == {"name": "Theirs" if side == "drio" else "Mine", "description": "New"}


def test_deleted_resources_are_only_removed_where_it_is_asked_for(folder: Path) -> None:
    remote = changed(tools_show=None, tools_search={"next": []}, widgets_table=None)
    result = run(folder, remote)
    assert [note for note in result.notes if "--delete removes it" in note]
    assert "show:" in (folder / "drio.yaml").read_text()
    run(folder, remote, delete=True)
    read = read_document(folder).data
    assert (read["widgets"], [*read["tools"]]) == ({}, ["search"])
    assert "# finds" in (folder / "drio.yaml").read_text()


def test_another_order_of_tools_is_kept_as_a_list(folder: Path) -> None:
    remote = changed()
    remote["tools"] = {"show": remote["tools"]["show"], "search": remote["tools"]["search"]}
    run(folder, remote)
    assert difference(folder) == ([], ["  $order:", "    - show", "    - search"])
    assert [*read_document(folder).data["tools"]] == ["show", "search"]
    run(folder, APP)
    assert [*read_document(folder).data["tools"]] == ["search", "show"]
    run(folder, changed(tools_show=None, tools_search={"next": []}), delete=True)
    assert [*read_document(folder).data["tools"]] == ["search"]


def test_a_renamed_resource_is_the_same_one(folder: Path) -> None:
    text = TEXT.replace("  search:\n    name: Search", "  find:\n    was: search\n    name: Search").replace(
        "tool: search", "tool: find"
    )
    (folder / "drio.yaml").write_text(text)
    result = run(folder, changed(tools_search={"name": "Found"}))
    assert [(change.action, change.name) for change in result.changes] == [("update", "find")]
    assert "widgets" not in str(result.notes)
    assert "  find:\n    was: search\n    name: Found\n" in (folder / "drio.yaml").read_text()


# --- with the base of the last apply ---------------------------------------------------------------


async def base_of(folder: Path, remote: Object) -> Base:
    return base_after(desired_of(read_document(folder), {}), form_of(remote), None)


async def test_what_only_the_document_changed_is_kept(folder: Path) -> None:
    base = await base_of(folder, APP)
    (folder / "drio.yaml").write_text(
        TEXT.replace("name: Acme ", "name: Ours ").replace("  show:\n", "  mine: {}\n\n  show:\n")
    )
    result = run(folder, changed(app={"description": "New"}), base=base)
    text = (folder / "drio.yaml").read_text()
    assert "name: Ours " in text
    assert "description: New" in text
    assert [note for note in result.notes if "not in drio yet" in note]


@pytest.mark.parametrize(("side", "name"), [("", "Ours"), ("document", "Ours"), ("drio", "Theirs")])
async def test_what_both_changed_is_a_conflict(folder: Path, side: str, name: str) -> None:
    base = await base_of(folder, APP)
    (folder / "drio.yaml").write_text(TEXT.replace("name: Acme ", "name: Ours "))
    result = run(folder, changed(app={"name": "Theirs"}), base=base, on_conflict=side)
    assert f"name: {name} " in (folder / "drio.yaml").read_text()
    assert bool(result.conflicts) == (side == "")


async def test_what_the_author_took_away_stays_away(folder: Path) -> None:
    base = await base_of(folder, APP)
    (folder / "drio.yaml").write_text(
        TEXT.replace("  description: Old\n", "").partition("widgets:")[0] + "widgets: {}\n"
    )
    result = run(folder, changed(app={"name": "Theirs"}), base=base)
    read = read_document(folder).data
    assert "description" not in read["app"]
    assert read["widgets"] == {}
    assert [note for note in result.notes if "was removed from the document" in note]


async def test_a_resource_deleted_in_drio_is_told_from_one_that_is_new(folder: Path) -> None:
    base = await base_of(folder, APP)
    result = run(folder, changed(tools_show=None, tools_search={"next": []}), base=base, delete=True)
    assert ("delete", "tool", "show") in {(change.action, change.kind, change.name) for change in result.changes}


# --- what cannot be done ---------------------------------------------------------------------------


def test_a_file_that_was_changed_meanwhile_is_not_overwritten(folder: Path) -> None:
    result = pull(read_document(folder), form_of(changed(app={"name": "X"})), {}, options=PullOptions())
    (folder / "drio.yaml").write_text("app: {slug: acme}\n")
    with pytest.raises(NotPulled, match="was changed while"):
        result.write_files()
    assert (folder / "drio.yaml").read_text() == "app: {slug: acme}\n"


def test_text_that_a_text_file_cannot_hold_is_refused(folder: Path) -> None:
    with pytest.raises(NotPulled):
        run(folder, changed(tools_search={"description": "\ud800"}))
    assert files_in(folder)["search.md"] == b"Finds.\n"


def test_only_the_chosen_resources_are_pulled(folder: Path) -> None:
    remote = changed(tools={"search": {"name": "Find"}, "show": {"name": "Display"}})
    remote["tools"]["new"] = {"name": "New"}
    remote["widgets"] = {}
    result = run(folder, remote, delete=True, only=frozenset({("tool", "show")}))
    assert [(change.kind, change.name) for change in result.changes] == [("tool", "show")]
    removed, added = difference(folder)
    assert len(removed) == len(added) == 1
    assert "Display" in added[0]


def test_a_key_changed_in_drio_is_renamed_in_place_and_references_follow(tmp_path: Path) -> None:
    text = """\
app: { slug: acme, name: Acme }
integrations:
  crm:  # the CRM
    name: CRM
    baseUrl: https://crm.example.com
    operations:
      find: { name: Find, method: GET, path: /find }
tools:
  search:  # first
    name: Search
    binding: crm/find
    next: [ show ]
  "show":  # second
    name: Show
widgets:
  table:
    name: Table
    tool: show  # its tool
    primitive: data-table
"""
    path = tmp_path / "drio.yaml"
    path.write_text(text, encoding="utf-8")
    document = desired_of(read_document(tmp_path), {})
    form = form_of(document)
    base = base_after(document, form, None)
    other = json.loads(
        json.dumps(document).replace('"show"', '"list"').replace("crm", "sales").replace("//sales", "//crm")
    )
    other["tools"]["list"]["name"] = "List"
    renamed = form_of(other)
    former = {("tool", "list"): "tool/show", ("integration", "sales"): "integration/crm"}
    former[("operation", "sales/find")] = "operation/crm/find"
    renamed = replace(renamed, ids={name: former.get(name, id) for name, id in renamed.ids.items()})
    result = run_form(tmp_path, renamed, base)
    assert [(change.action, change.was, change.name) for change in result.changes] == [
        ("rename", "crm", "sales"), ("rename", "show", "list"),
    ]  # fmt: skip
    expected = text.replace("show", "list").replace("crm", "sales").replace("//sales", "//crm")
    assert path.read_text(encoding="utf-8") == expected.replace("name: Show", "name: List")
    after = desired_of(read_document(tmp_path), {})
    assert not compare(after, renamed, base=base_after(after, renamed, base)).changes
