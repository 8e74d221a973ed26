"""An opened document: what of its plan is applied, what that needs, and which document is offered."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from drio_tui.document_layout import ResourceName
from drio_tui.manifest.apply import DocumentPlan, plan_for
from drio_tui.manifest.compare import Options
from drio_tui.manifest.document import Document
from drio_tui.manifest.drift import find_drift
from drio_tui.manifest.form import to_document
from drio_tui.manifest.known_documents import (
    KnownDocument,
    known_document,
    known_documents,
    remember,
    shown_path,
)
from drio_tui.manifest.lock import Base
from drio_tui.manifest.opened import OpenedDocument
from tests.manifest.apps import snapshot_of
from tests.manifest.test_compare import Object, app, base_of, form_of


def opened(desired: Object, current: Object, base: Base | None = None) -> OpenedDocument:
    snapshot = snapshot_of(current)
    form = to_document(snapshot)

    def plan(**options: Any) -> DocumentPlan:
        return plan_for(desired, snapshot, form, base=base, options=Options(**options))

    drift = find_drift(desired, form, base)
    return OpenedDocument(Path(), Document(Path()), plan(), plan(on_conflict="document"), drift, "target")


def names(plan: DocumentPlan) -> list[ResourceName]:
    return [change.name for change in plan.changes]


def with_new_tool() -> Object:
    """Return the app with a tool, its operation and the integration of that, which are all new."""
    desired = app()
    desired["integrations"]["billing"] = {
        "name": "Billing", "baseUrl": "https://b.example.com",
        "operations": {"pay": {"name": "Pay", "method": "POST", "path": "/pay"}},
    }  # fmt: skip
    desired["tools"]["pay"] = {"name": "Pay", "binding": "billing/pay", "next": ["search"]}
    desired["tools"]["show"]["next"] = ["pay"]
    return desired


def test_only_the_chosen_resources_are_applied() -> None:
    document = opened(with_new_tool(), app())
    assert len(document.plan.changes) == 4
    assert names(document.chosen([("integration", "billing")])) == [("integration", "billing")]
    assert names(document.chosen([])) == []


def test_what_a_chosen_resource_refers_to_is_needed_as_well() -> None:
    document = opened(with_new_tool(), app())
    needed: set[ResourceName] = {("tool", "pay"), ("operation", "billing/pay"), ("integration", "billing")}
    assert document.needed([("tool", "show")]) == needed
    assert document.needed([("tool", "show"), *needed]) == set()
    assert document.needed([("integration", "billing")]) == set()


def test_what_was_deleted_in_drio_is_needed_by_what_refers_to_it() -> None:
    desired, current = app(), app()
    del desired["widgets"], current["widgets"], current["tools"]["show"]
    current["tools"]["search"]["next"] = []
    base = base_of(app(), form_of(current))
    base = replace(base, ids={**base.ids, ("tool", "show"): "tool_gone"})
    desired["tools"]["third"] = {"name": "Third", "next": ["show"]}
    document = opened(desired, current, base)
    assert document.needed([("tool", "third")]) == {("tool", "show")}
    assert ("create", "show") in {(change.action, change.key) for change in document.chosen([("tool", "show")]).changes}


def test_a_chosen_conflict_takes_the_document() -> None:
    base, desired, current = app(), app(), app()
    desired["tools"]["search"]["name"] = "Find"
    current["tools"]["search"]["name"] = "Look up"
    document = opened(desired, current, base_of(base, form_of(current)))
    (conflict,) = document.plan.changes
    assert conflict.action == "conflict"
    (change,) = document.chosen([("tool", "search")]).changes
    assert change.action == "update"
    assert [(field.before, field.after) for field in change.fields] == [("Look up", "Find")]


def test_the_order_of_the_tools_is_taken_as_a_whole() -> None:
    base, desired, current = app(), app(), app()
    base["tools"]["pay"] = desired["tools"]["pay"] = current["tools"]["pay"] = {"name": "Pay", "isEnabled": False}
    desired["tools"] = {key: desired["tools"][key] for key in ("pay", "show", "search")}
    current["tools"] = {key: current["tools"][key] for key in ("show", "search", "pay")}
    document = opened(desired, current, base_of(base, form_of(current)))
    (conflict,) = document.plan.changes
    assert [change.path for change in conflict.conflicts] == [("order",)]
    assert names(document.chosen([conflict.name])) == names(document.resolved)
    assert document.chosen([]).changes == ()


def test_the_document_of_an_app_is_remembered_per_server() -> None:
    assert known_document("https://a", "app_1") is None
    remember(KnownDocument("https://a", "app_1", "/docs/one", 1.0))
    remember(KnownDocument("https://a", "app_2", "/docs/two", 2.0))
    remember(KnownDocument("https://b", "app_1", "/docs/three", 3.0))
    known = known_document("https://a", "app_1")
    assert known is not None
    assert known.path == "/docs/one"
    assert [document.app for document in known_documents("https://a")] == ["app_2", "app_1"]


def test_a_damaged_record_is_no_known_document(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DRIO_STATE_DIR", str(tmp_path))
    remember(KnownDocument("https://a", "app_1", "/docs/one"))
    (file,) = (tmp_path / "documents").iterdir()
    file.write_text('{"version": 1, "server": 3, "app": "app_1", "path": "", "at": 0}')
    assert known_document("https://a", "app_1") is None


def test_a_path_in_the_home_folder_is_shown_with_a_tilde() -> None:
    assert shown_path(Path.home() / "docs" / "acme") == "~/docs/acme"
    assert shown_path("/nowhere/acme") == "/nowhere/acme"
