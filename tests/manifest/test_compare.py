"""What a plan finds: only what the document declares, and nothing that others changed without a conflict."""

from __future__ import annotations

import copy
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drio_tui.document_layout import SECTIONS, entry_at
from drio_tui.manifest.compare import BOTH_ADDED, Change, Comparison, Options, compare
from drio_tui.manifest.form import DocumentForm, to_document
from drio_tui.manifest.lock import Base, InvalidLock, has_changed, hash_of, read_base, write_base
from drio_tui.manifest.new_base import base_after, base_before
from drio_tui.manifest.secret import Secret
from drio_tui.plan.changes import as_dict
from drio_tui.schema.fields import MISSING
from drio_tui.workspace.saving.merge import FieldChange, with_value
from tests.manifest.apps import documents, snapshot_of

Object = dict[str, Any]


def app() -> Object:
    """Return a document with all kinds."""
    return {
        "app": {"slug": "acme", "name": "Acme", "branding": {"primaryColor": "#0f172a", "fontFamily": "Geist"}},
        "auth": {"key": {"name": "Key", "provider": "api-key", "config": {"name": "X-Key"}}},
        "integrations": {
            "helpdesk": {
                "name": "Helpdesk", "baseUrl": "https://h.example.com", "auth": "key",
                "operations": {
                    "search": {"name": "Search", "method": "GET", "path": "/c", "inputSchema": {"type": "object"}},
                    "show": {"name": "Show", "method": "GET", "path": "/c/{id}"},
                },
            }
        },
        "tools": {
            "search": {"name": "Search", "binding": "helpdesk/search", "next": ["show"], "xlimit": 3},
            "show": {"name": "Show", "binding": "helpdesk/show", "isEnabled": False},
        },
        "widgets": {
            "table": {
                "name": "Table", "tool": "search", "primitive": "data-table",
                "actions": [{"trigger": "row.select", "type": "callTool", "target": "show"}],
            }
        },
    }  # fmt: skip


def form_of(document: Object) -> DocumentForm:
    return to_document(snapshot_of(document))


def base_of(document: Object, form: DocumentForm) -> Base:
    """Return the lock's entry after `document` was applied."""
    app_id = form.ids["app", document["app"]["slug"]]
    ids = {name: id for name, id in form.ids.items() if name[0] != "app"}
    return Base(app_id, ids, tuple(document["tools"]), copy.deepcopy(document))


def changed(comparison: Comparison) -> dict[str, Any]:
    """Return the changes as text: `~ tools search` → {path: (before, after)}."""
    return {
        f"{change.shown().symbol} {change.kind} {change.key}": {
            field.dotted: (field.before, field.after) for field in change.fields
        }
        for change in comparison.changes
    }


@given(documents(), st.integers(0, 3))
def test_an_export_and_its_app_do_not_differ(document, seed):
    """deck#1699, auth0-deploy-cli#1440: neither order nor defaults are differences."""
    form = to_document(snapshot_of(document, seed=seed))
    for desired in (form.data, document):
        for options in (Options(), Options(prune=True), Options(exact=True)):
            comparison = compare(desired, form, options=options)
            assert not comparison.changes
            assert not comparison.problems
            assert not comparison.notes


@given(documents(), documents())
def test_after_the_changes_nothing_is_left_to_change(before, document):
    """Two-way: what the document declares is what drio has afterwards, and nothing else has changed."""
    document["app"]["slug"] = before["app"]["slug"]
    comparison = compare(document, form_of(before))
    assert {change.action for change in comparison.changes} <= {"create", "update"}
    result = copy.deepcopy(before)
    for change in comparison.changes:
        if change.action == "create":
            _section(result, change.kind, change.key)[change.key.rpartition("/")[2]] = change.entry
            continue
        parent = result if change.kind == "app" else _section(result, change.kind, change.key)
        name = "app" if change.kind == "app" else change.key.rpartition("/")[2]
        for field in change.fields:
            parent[name] = with_value(parent[name], field.path, field.after)
    assert not compare(document, form_of(result)).changes
    undeclared = compare(before, form_of(result))
    assert all(entry_at(document, *change.name) is not None for change in undeclared.changes)


def _section(document: Object, kind: str, key: str) -> Object:
    if kind == "operation":
        return document["integrations"][key.partition("/")[0]].setdefault("operations", {})
    return document[SECTIONS[kind]]


def test_a_missing_property_is_untouched_null_clears_and_an_empty_list_is_none():
    """supabase/cli#6657: stale files overwrote live security settings because defaults were filled in."""
    form = form_of(app())
    desired = {
        "app": {"slug": "acme"},
        "tools": {"search": {"description": None, "next": [], "xlimit": None}, "show": {"name": "Show"}},
    }
    comparison = compare(desired, form)
    assert changed(comparison) == {
        "~ tool search": {"next": (["show"], []), "xlimit": (3, MISSING)},
    }
    assert comparison.scope == "Compared: the app, 2 tools; deletes nothing."


def test_objects_are_merged_one_level_and_schemas_are_whole():
    document = app()
    document["integrations"]["helpdesk"]["operations"]["search"]["inputSchema"] = {
        "type": "object", "properties": {"q": {"type": "string"}},
    }  # fmt: skip
    form = form_of(document)
    desired = copy.deepcopy(document)
    desired["app"]["branding"] = {"primaryColor": "#ffffff"}
    desired["integrations"]["helpdesk"]["operations"]["search"]["inputSchema"] = {"type": "object"}
    assert changed(compare(desired, form)) == {
        "~ app acme": {"branding.primaryColor": ("#0f172a", "#ffffff")},
        "~ operation helpdesk/search": {"inputSchema.properties": ({"q": {"type": "string"}}, MISSING)},
    }


def test_a_property_added_to_an_object_keeps_the_others():
    form = form_of(app())
    desired = {"app": {"slug": "acme", "branding": {"accentColor": "#fff"}}}
    assert changed(compare(desired, form)) == {"~ app acme": {"branding.accentColor": (MISSING, "#fff")}}


@pytest.mark.parametrize(
    ("edit", "is_conflict"),
    [
        ({}, False),
        ({"description": "Shows one."}, True),  # added
        ({"isEnabled": True}, True),  # was declared
        ({"xnote": "later"}, True),  # was not declared, and is changed
        ({"xnote": MISSING}, False),  # nothing is lost with it
    ],
)
def test_a_resource_that_was_changed_in_drio_in_any_property_is_no_plain_delete(
    edit: Object, is_conflict: bool, tmp_path: Path
) -> None:
    in_drio, document = app(), app()
    in_drio["tools"]["show"] |= {"xnote": "first"}  # the document declares no xnote
    for unlink in (in_drio, document):
        unlink["tools"]["search"]["next"] = []
        unlink["widgets"]["table"]["actions"] = []
    write_base(tmp_path, "a b", base_after(document, form_of(in_drio), None))
    base = read_base(tmp_path, "a b")
    assert base is not None
    assert base.undeclared is not None
    for name, value in edit.items():
        in_drio["tools"]["show"] = with_value(in_drio["tools"]["show"], (name,), value)
    del document["tools"]["show"]
    form = form_of(in_drio)
    options = (
        Options(prune=True),
        Options(prune=True, on_conflict="document"),
        Options(prune=True, on_conflict="drio"),
    )
    actions = [
        [change.action for change in compare(document, form, base=base, options=option).changes] for option in options
    ]
    assert actions == ([["conflict"], ["delete"], []] if is_conflict else [["delete"]] * 3)
    # A lock file of an earlier version does not tell what was not declared.
    (change,) = compare(document, form, base=replace(base, undeclared=None), options=options[0]).changes
    assert change.action == ("conflict" if "isEnabled" in edit else "delete")


def test_nothing_is_deleted_without_prune_and_prune_deletes_only_in_collections_of_the_document():
    form = form_of(app())
    desired = app()
    del desired["widgets"]
    desired["tools"] = {"search": desired["tools"]["search"] | {"next": []}}
    comparison = compare(desired, form)
    assert not any(change.action == "delete" for change in comparison.changes)
    assert comparison.notes == (
        "Not in the document, and left as it is: tools/show, widgets/table; --prune deletes it, in collections that "
        "the document has.",
    )
    comparison = compare(desired, form, options=Options(prune=True))
    assert [change.name for change in comparison.changes if change.action == "delete"] == [("tool", "show")]
    assert comparison.problems == (
        "widgets/table#actions.0.target in drio, not in the document, still uses the tool show, to be deleted",
    )
    desired["widgets"] = {}
    comparison = compare(desired, form, options=Options(prune=True))
    assert [change.name for change in comparison.changes if change.action == "delete"] == [
        ("widget", "table"), ("tool", "show"),
    ]  # fmt: skip
    assert not comparison.problems


def test_prune_deletes_operations_only_where_the_integration_lists_them():
    form = form_of(app() | {"tools": {}, "widgets": {}})
    desired = {"integrations": {"helpdesk": {"name": "Helpdesk"}}}
    assert not compare(desired, form, options=Options(prune=True)).changes
    desired = {"integrations": {"helpdesk": {"operations": None}}}
    comparison = compare(desired, form, options=Options(prune=True))
    assert [change.name for change in comparison.changes] == [
        ("operation", "helpdesk/show"), ("operation", "helpdesk/search"),
    ]  # fmt: skip
    comparison = compare({"integrations": {}, "auth": {}}, form, options=Options(prune=True))
    assert [change.name for change in comparison.changes] == [
        ("operation", "helpdesk/show"), ("operation", "helpdesk/search"), ("integration", "helpdesk"), ("auth", "key"),
    ]  # fmt: skip


def test_was_renames_a_resource_and_what_refers_to_it_stays():
    """terraform#10792: renames became destroy and create."""
    form = form_of(app())
    desired = app()
    desired["tools"] = {
        "search": desired["tools"]["search"] | {"next": ["details"]},
        "details": {"was": "show", **desired["tools"]["show"]},
    }
    desired["widgets"]["table"]["actions"][0]["target"] = "details"
    integration = desired["integrations"].pop("helpdesk")
    desired["integrations"]["desk"] = integration | {"was": "helpdesk"}
    integration["operations"]["get"] = integration["operations"].pop("show") | {"was": "show"}
    for tool, operation in (("search", "search"), ("details", "get")):
        desired["tools"][tool]["binding"] = f"desk/{operation}"
    comparison = compare(desired, form, options=Options(prune=True))
    assert changed(comparison) == {
        "→ integration desk": {}, "→ operation desk/get": {}, "→ tool details": {},
    }  # fmt: skip
    assert [change.was for change in comparison.changes] == ["helpdesk", "helpdesk/show", "show"]
    assert not comparison.problems
    # `was` may stay in the document
    renamed = form_of({**desired, "tools": {key: _without_was(tool) for key, tool in desired["tools"].items()}})
    assert not compare({"tools": desired["tools"]}, renamed).changes


def test_two_entries_with_the_same_former_key():
    desired = {"tools": {"a": {"name": "A", "was": "show"}, "b": {"name": "B", "was": "show"}}}
    assert "tools/b: tools/a was show too" in compare(desired, form_of(app())).problems


def _without_was(entry: Object) -> Object:
    return {name: value for name, value in entry.items() if name != "was"}


def test_a_probable_rename_is_suggested_and_not_done():
    form = form_of(app())
    desired = app()
    desired["tools"]["details"] = desired["tools"].pop("show")
    desired["tools"]["search"]["next"] = ["details"]
    desired["widgets"]["table"]["actions"][0]["target"] = "details"
    comparison = compare(desired, form, options=Options(prune=True))
    assert [change.action for change in comparison.changes if change.kind == "tool"] == ["update", "create", "delete"]
    assert comparison.notes == ("tools/details looks like tools/show under another key; `was: show` in it renames it.",)


def test_references_to_nothing_are_problems():
    desired = app()
    desired["tools"]["search"]["binding"] = "helpdesk/nothing"
    desired["widgets"]["table"]["tool"] = "gone"
    assert compare(desired, form_of(app())).problems == (
        "tools/search#binding: there is no operation helpdesk/nothing",
        "widgets/table#tool: there is no tool gone",
    )


def test_a_document_may_refer_to_what_only_drio_has():
    desired = {"tools": {"search": {"binding": "helpdesk/show"}}}
    comparison = compare(desired, form_of(app()))
    assert changed(comparison) == {"~ tool search": {"binding": ("helpdesk/search", "helpdesk/show")}}
    assert not comparison.problems


class TestThreeWay:
    """With a lock file the plan knows who changed what."""

    def test_a_change_of_the_document_is_no_conflict(self):
        form = form_of(app())
        desired = app()
        desired["tools"]["search"]["name"] = "Find"
        comparison = compare(desired, form, base=base_of(app(), form))
        assert changed(comparison) == {"~ tool search": {"name": ("Search", "Find")}}

    @pytest.mark.parametrize("in_document", ["Search", "Find"])
    def test_a_change_in_drio_is_a_conflict_wherever_it_would_be_lost(self, in_document):
        edited, desired = app(), app()
        edited["tools"]["search"]["name"] = "Look up"
        desired["tools"]["search"] |= {"name": in_document, "xlimit": 4}
        form = form_of(edited)
        base = base_of(app(), form)
        comparison = compare(desired, form, base=base)
        (change,) = comparison.conflicts
        assert [(conflict.base, conflict.remote, conflict.local) for conflict in change.conflicts] == [
            ("Search", "Look up", in_document)
        ]
        assert "in drio" in change.conflicts[0].reason or "both" in change.conflicts[0].reason
        mine = compare(desired, form, base=base, options=Options(on_conflict="document"))
        assert changed(mine)["~ tool search"]["name"] == ("Look up", in_document)
        theirs = compare(desired, form, base=base, options=Options(on_conflict="drio"))
        assert changed(theirs) == {"~ tool search": {"xlimit": (3, 4)}}

    def test_the_same_change_on_both_sides_and_other_properties_are_no_conflict(self):
        edited, desired = app(), app()
        edited["tools"]["search"] |= {"name": "Find", "description": "by hand"}
        desired["tools"]["search"]["name"] = "Find"
        form = form_of(edited)
        assert not compare(desired, form, base=base_of(app(), form)).changes

    def test_what_was_deleted_in_drio_is_created_again_and_is_a_conflict_only_where_the_document_changed_it(self):
        edited = app()
        del edited["widgets"]["table"]
        form = form_of(edited)
        base = base_of(app(), form)
        base = Base(base.app, {**base.ids, ("widget", "table"): "widget_gone"}, base.order, base.applied)
        (change,) = compare(app(), form, base=base).changes
        assert (change.action, change.name) == ("create", ("widget", "table"))
        assert change.note == "It was deleted in drio since the last apply; it is created again."
        edited = app()
        edited["widgets"]["table"]["name"] = "Edited"
        (change,) = compare(edited, form, base=base).changes
        assert (change.action, change.name) == ("conflict", ("widget", "table"))
        for desired in (app(), edited):
            (change,) = compare(desired, form, base=base, options=Options(on_conflict="document")).changes
            assert change.action == "create"
            assert not compare(desired, form, base=base, options=Options(on_conflict="drio")).changes

    def test_what_was_added_on_both_sides_with_different_values_is_a_conflict(self):
        known = app()
        del known["widgets"]["table"]
        base = base_of(known, form_of(known))
        form = form_of(app())
        assert not compare(app(), form, base=base).changes
        desired = app()
        desired["widgets"]["table"] |= {"name": "Mine", "x-new": 1}
        (change,) = compare(desired, form, base=base).conflicts
        ((path, base_value, remote, local, reason),) = (
            (item.path, item.base, item.remote, item.local, item.reason) for item in change.conflicts
        )
        assert (path, base_value, local, reason) == (("name",), MISSING, "Mine", BOTH_ADDED)
        assert remote == app()["widgets"]["table"]["name"]
        assert [field.path for field in change.fields] == [("x-new",)]
        mine = compare(desired, form, base=base, options=Options(on_conflict="document"))
        assert [(change.action, len(change.fields)) for change in mine.changes] == [("update", 2)]
        theirs = compare(desired, form, base=base, options=Options(on_conflict="drio"))
        assert [[field.path for field in change.fields] for change in theirs.changes] == [[("x-new",)]]
        assert [change.action for change in compare(desired, form).changes] == ["update"]

    def test_what_stays_deleted_in_drio_cannot_be_referred_to(self):
        edited, desired = app(), app()
        edited["tools"]["search"]["next"] = []
        del edited["tools"]["show"], edited["widgets"], desired["widgets"]
        form = form_of(edited)
        base = base_of(app(), form)
        base = Base(base.app, {**base.ids, ("tool", "show"): "tool_gone"}, base.order, base.applied)
        drio = Options(on_conflict="drio")
        comparison = compare(desired, form, base=base, options=drio)
        assert (comparison.changes, comparison.problems) == ((), ())
        desired["tools"]["third"] = {"name": "Third", "next": ["show"]}
        (problem,) = compare(desired, form, base=base, options=drio).problems
        assert problem == "tools/third#next.0: the tool show was deleted in drio, and stays deleted"
        assert compare(desired, form, base=base, options=Options(on_conflict="document")).problems == ()

    def test_what_was_edited_in_drio_is_not_deleted_without_a_word(self):
        edited, desired = app(), app()
        edited["widgets"]["table"]["name"] = "By hand"
        desired["widgets"] = {}
        form = form_of(edited)
        base = base_of(app(), form)
        (change,) = compare(desired, form, base=base, options=Options(prune=True)).changes
        assert (change.action, change.name) == ("conflict", ("widget", "table"))
        untouched = form_of(app())
        comparison = compare(desired, untouched, base=base_of(app(), untouched), options=Options(prune=True))
        assert [change.action for change in comparison.changes] == ["delete"]

    def test_the_lock_of_another_app_does_not_count(self):
        edited = app()
        edited["tools"]["search"]["name"] = "Look up"
        form = form_of(edited)
        base = Base("app_other", base_of(app(), form).ids, (), app())
        assert not compare(app(), form, base=base).conflicts

    def test_a_key_that_drio_chose_is_known_by_the_lock(self):
        other = app()
        other["widgets"] = {"table-2": other["widgets"]["table"]}
        form = form_of(other)
        base = base_of(app(), form)
        ids = {name: id for name, id in base.ids.items() if name[0] != "widget"}
        ids["widget", "table"] = form.ids["widget", "table-2"]
        base = Base(base.app, ids, base.order, base.applied, keys={("widget", "table"): "table-2"})
        assert not compare(app(), form, base=base).changes


class TestOrder:
    """frodo-cli#399: sorting meaningful lists broke flows."""

    def test_the_position_is_the_order_where_all_tools_are_listed(self):
        form = form_of(app())
        desired = {"tools": {"show": {}, "search": {}}}
        assert changed(compare(desired, form)) == {
            "~ tool show": {"order": (1, 0)}, "~ tool search": {"order": (0, 1)},
        }  # fmt: skip
        assert not compare({"tools": {"show": {}}}, form).changes  # not all

    def test_new_tools_get_an_order_between_the_others(self):
        form = form_of(app())
        desired = {"tools": {"search": {}, "a": {"name": "A"}, "b": {"name": "B"}, "show": {}}}
        comparison = compare(desired, form)
        orders = {change.key: change.entry.get("order") for change in comparison.changes if change.action == "create"}
        orders |= {change.key: change.fields[-1].after for change in comparison.changes if change.fields}
        assert orders == {"a": 1, "b": 2, "show": 3}

    def test_new_tools_at_the_end_move_no_other(self):
        form = form_of(app())
        desired = {"tools": {"search": {}, "show": {}, "a": {"name": "A"}}}
        (change,) = compare(desired, form).changes
        assert (change.action, change.entry) == ("create", {"name": "A", "order": 2})

    def test_an_order_changed_in_drio_is_a_conflict(self):
        edited = app()
        edited["tools"] = dict(reversed(edited["tools"].items()))
        form = form_of(edited)
        base = base_of(app(), form)
        (change,) = compare(app(), form, base=base).conflicts
        assert change.conflicts[0].path == ("order",)
        assert not compare(app(), form, base=base, options=Options(on_conflict="drio")).changes
        assert compare(app(), form, base=base, options=Options(on_conflict="document")).changes

    def test_chains_and_actions_keep_their_order(self):
        document = app()
        document["tools"]["other"] = {"name": "Other"}
        document["tools"]["search"]["next"] = ["show", "other"]
        form = form_of(document)
        desired = copy.deepcopy(document)
        desired["tools"]["search"]["next"] = ["other", "show"]
        assert changed(compare(desired, form)) == {"~ tool search": {"next": (["show", "other"], ["other", "show"])}}


class TestSecrets:
    """terraform-provider-auth0#1620: diffs that never end on write-only properties."""

    def desired(self, value: Any = None) -> Object:
        document = app()
        document["auth"]["key"]["config"]["apiKey"] = value or Secret("KEY", "k-123")
        return document

    def test_a_secret_is_never_a_difference(self):
        for value in (Secret("KEY", "k-123"), "typed in"):
            assert not compare(self.desired(value), form_of(app())).changes

    def test_a_secret_is_sent_on_create_and_where_it_is_asked_for(self):
        empty = form_of(app() | {"auth": {}, "integrations": {}, "tools": {}, "widgets": {}})
        change = compare(self.desired(), empty).changes[0]
        assert change.entry["config"]["apiKey"].value == "k-123"
        for name in ("all", "auth/key#apiKey", "auth/key#config.apiKey"):
            (change,) = compare(self.desired(), form_of(app()), options=Options(write_secrets=(name,))).changes
            assert [field.path for field in change.fields] == [("config", "apiKey")]
            assert change.fields[0].after.value == "k-123"

    def test_an_unknown_secret_is_a_problem(self):
        comparison = compare(self.desired(), form_of(app()), options=Options(write_secrets=("auth/key#pin",)))
        assert comparison.problems == ("--write-secret auth/key#pin: the document has no such secret",)

    def test_a_secret_that_was_changed_is_noted(self):
        form = form_of(app())
        base = base_of(app(), form)
        hashed = {"auth/key#config.apiKey": hash_of("k-old")}
        base = Base(base.app, base.ids, base.order, base.applied, hashed)
        comparison = compare(self.desired(), form, base=base)
        assert not comparison.changes
        assert comparison.notes == (
            "auth/key: config.apiKey was changed since it was sent; --write-secret auth/key#config.apiKey sends it.",
        )

    def test_no_secret_is_shown(self):
        empty = form_of(app() | {"auth": {}, "integrations": {}, "tools": {}, "widgets": {}})
        for form, options in ((empty, Options()), (form_of(app()), Options(write_secrets=("all",)))):
            comparison = compare(self.desired(), form, options=options)
            assert "k-123" not in str(as_dict(comparison.view()))
            assert "k-123" not in repr(comparison)

    def test_a_mask_is_not_written_back(self):
        """auth0-deploy-cli#187: masked secrets were imported again."""
        comparison = compare(self.desired("••••1234"), form_of(app()))
        assert comparison.problems == ("auth/key#config.apiKey: this is a mask that a server showed, and no value",)


def test_an_app_that_does_not_exist_is_created_with_all_of_it():
    comparison = compare(app(), DocumentForm({}))
    assert [(change.action, change.kind) for change in comparison.changes] == [
        ("create", kind) for kind in ("app", "auth", "integration", "operation", "operation", "tool", "tool", "widget")
    ]
    assert not comparison.problems


def test_a_resource_that_cannot_be_changed_is_not_created_again():
    """kongctl#1650: one stale child blocked every create; here only its own."""
    form = form_of(app())
    form = DocumentForm(form.data, form.ids, unusable={("tool", "new"): "it has no id"})
    comparison = compare({"tools": {"new": {"name": "New"}, "other": {"name": "Other"}}}, form)
    assert [change.key for change in comparison.changes] == ["other"]
    assert comparison.problems == ("tools/new: drio has one that cannot be changed: it has no id",)


def test_the_provider_of_a_connection_cannot_be_changed():
    desired = {"auth": {"key": {"provider": "bearer"}}}
    (problem,) = compare(desired, form_of(app())).problems
    assert problem.startswith("auth/key: its provider is api-key in drio and cannot be changed")


def test_the_lock_file_keeps_other_targets_and_no_secret(tmp_path):
    base = Base("app_1", {("tool", "a"): "tool_1", ("operation", "i/o"): "operation_1"}, ("a",), app(), {})
    write_base(tmp_path, "one acme", base)
    other = Base("app_2", secrets={"auth/key#config.apiKey": hash_of("k-123")})
    write_base(tmp_path, "two acme", other)
    assert read_base(tmp_path, "one acme") == base
    assert read_base(tmp_path, "two acme") == other
    assert read_base(tmp_path, "three acme") is None
    assert "k-123" not in (tmp_path / "drio.lock.json").read_text()
    assert has_changed("k-123", other.secrets["auth/key#config.apiKey"]) is False
    assert has_changed("k-124", other.secrets["auth/key#config.apiKey"]) is True
    assert has_changed("k-124", "other:hash") is None
    assert [path.name for path in tmp_path.iterdir()] == ["drio.lock.json"]


def test_the_lock_file_stays_readable_where_a_document_is_nested_too_deeply(tmp_path):
    schema: Object = {}
    for _ in range(62):  # a document can be read with it
        schema = {"properties": {"a": schema}}
    base = Base("app_1", applied=app())
    write_base(tmp_path, "one acme", base)
    with pytest.raises(InvalidLock, match="nested too deeply"):
        write_base(tmp_path, "one deep", Base("app_2", applied={"integrations": {"i": {"inputSchema": schema}}}))
    assert read_base(tmp_path, "one acme") == base


def test_the_lock_file_does_not_keep_the_entry_of_a_former_slug(tmp_path):
    targets = {"one acme": "app_1", "one other": "app_2", "two acme": "app_1", "one new": "app_1"}
    for target, app_id in targets.items():
        write_base(tmp_path, target, Base(app_id))
    assert {target for target in targets if read_base(tmp_path, target)} == {"one other", "two acme", "one new"}


def test_the_lock_file_says_nothing_of_write_only_values_in_what_was_begun():
    """A provider may call a secret as it likes, and a document may have it as text or by $env."""
    form = replace(form_of(app()), secret_config={"api-key": ("pin",)})
    new = {"name": "New", "provider": "api-key", "config": {"pin": "1234-abcd", "in": "header"}}
    change = FieldChange(("config", "pin"), MISSING, "1234-abcd")
    changes = [
        Change("create", "auth", "new", entry=new),
        Change("update", "auth", "key", form.ids["auth", "key"], fields=(change,)),
    ]
    base = base_before(changes, {}, form, "app_1", None, {})
    fields = {(change.key, *field.path): field.after for change in base.begun for field in change.fields}
    assert fields == {("new", "name"): "New", ("new", "provider"): "api-key", ("new", "config"): {"in": "header"}}


def test_targets_that_are_written_at_the_same_time_are_all_kept(tmp_path):
    targets = [f"{server} acme" for server in range(24)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda target: write_base(tmp_path, target, Base(target)), targets))
    bases = [read_base(tmp_path, target) for target in targets]
    assert [base.app for base in bases if base is not None] == targets
