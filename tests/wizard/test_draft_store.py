"""Draft files: private, complete, without secrets, locked by one session at a time."""

from __future__ import annotations

import stat
import subprocess
import sys

import pytest

from drio_tui.openapi_import.planning import Plan, PlannedResource
from drio_tui.wizard import draft_store
from drio_tui.wizard.draft import FormValue, from_json, to_json
from drio_tui.wizard.draft_store import DraftSession, FileInUse
from drio_tui.wizard.import_selection import add_planned_resources
from drio_tui.wizard.template_parts import parts, planned_snapshot
from drio_tui.workspace.model.tree_model import TreeModel
from tests.ui.table_server import TEMPLATES

BASE = "http://127.0.0.1:1/api/v1"


def begin_draft() -> DraftSession:
    session = DraftSession.begin("me", BASE)
    session.draft.choose(TEMPLATES[0])
    session.draft.basics.update(name="Nova", description="Two\nlines")
    return session


def test_a_draft_is_restored_from_a_private_file() -> None:
    session = begin_draft()
    draft = session.draft
    draft.names["draft:tool:search-tickets"] = "Find"
    draft.dropped.append("draft:widget:ticket-table")
    tool = draft.add("tool", {"name": "Own", "description": "Mine."})
    session.close()
    (path,) = draft_store.folder().glob("*.json")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    again = DraftSession.resume(draft.id)
    assert to_json(again.draft) == to_json(draft)
    assert [(part.name, part.kept) for part in parts(again.draft, "tool", "widget")] == [
        ("Find", True), ("Own", True), ("Ticket table", False),
    ]  # fmt: skip
    assert again.draft.added_resource(tool.ref) is not None
    again.close(forget=True)
    assert draft_store.load().drafts == []
    assert not list(draft_store.folder().iterdir())


def test_secrets_are_not_stored_and_have_to_be_typed_again() -> None:
    session = begin_draft()
    full = {"name": "X-Key", "apiKey": "hunter2-hunter2", "pin": "4711-4711"}
    session.draft.auth["draft:auth:helpdesk"] = FormValue(
        full, {"name": "X-Key"}
    )  # without `pin`, which the form's schema marks as write-only
    headers = {"headers": {"Authorization": "Bearer hunter2-hunter2", "Accept": "text/plain"}}
    integration = session.draft.add("integration", {"name": "Own", "baseUrl": "https://a.example", "config": headers})
    assert "hunter2" not in repr(session.draft)
    session.close()
    text = next(draft_store.folder().glob("*.json")).read_text()
    assert "hunter2" not in text
    assert "4711" not in text
    again = DraftSession.resume(session.draft.id)
    assert again.draft.lost["draft:auth:helpdesk"] == ("apiKey", "pin")
    assert again.draft.lost[integration.ref] == ("config.headers.Authorization",)
    again.draft.auth["draft:auth:helpdesk"].edit(full, {"name": "X-Key"})
    assert "draft:auth:helpdesk" not in again.draft.lost
    again.close(forget=True)


def test_a_draft_is_locked_by_one_session_also_between_processes() -> None:
    session = begin_draft()
    session.save_now()
    with pytest.raises(FileInUse):
        DraftSession.resume(session.draft.id)
    code = f"from drio_tui.wizard.draft_store import DraftSession; DraftSession.resume({session.draft.id!r})"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "InUse" in process.stderr
    with pytest.raises(FileInUse):
        draft_store.discard(session.draft.id)
    other = begin_draft()
    other.draft.basics["name"] = "Other"
    other.close()
    session.close()
    assert {draft.name for draft in draft_store.load("me", BASE).drafts} == {"Nova", "Other"}
    assert draft_store.load("someone else").drafts == []


def test_a_corrupt_file_is_moved_aside_and_one_of_a_newer_version_kept() -> None:
    session = begin_draft()
    session.close()
    (path,) = draft_store.folder().glob("*.json")
    newer = path.with_name("0" * 24 + ".json")
    newer.write_text('{"v": 99}')
    newer.chmod(0o600)
    path.write_text('{"v": 1, "id": 7}')
    loaded = draft_store.load()
    assert loaded.drafts == []
    assert len(loaded.problems) == 1
    assert newer.exists()
    assert path.with_name(f"{path.name}.corrupt").exists()


def test_a_later_state_is_never_overwritten_by_an_earlier_one() -> None:
    session = begin_draft()
    earlier = session._snapshot()
    session.draft.basics["name"] = "Later"
    session.save_now()
    session._write(*earlier)
    assert draft_store.load().drafts[0].name == "Later"
    session.close(forget=True)
    session._write(*earlier)
    assert draft_store.load().drafts == []


def test_added_resources_are_in_the_planned_tree_and_removed_with_their_parent() -> None:
    session = begin_draft()
    draft = session.draft
    resources = (
        PlannedResource(
            "integration:1", "integration", "Integration Own", {"name": "Own", "baseUrl": "https://a.example"}
        ),
        PlannedResource(
            "operation:1",
            "operation",
            "Operation Call",
            {"name": "Call", "method": "GET", "path": "/"},
            "integration:1",
        ),
        PlannedResource(
            "tool:1",
            "tool",
            "Tool Call it",
            {"name": "Call it", "binding": {"type": "integration_operation"}},
            links={"binding.integrationOperationId": "operation:1"},
        ),
    )
    integration, operation, tool = add_planned_resources(draft, Plan(resources))
    tree = TreeModel(planned_snapshot(draft))
    assert tree.problems == []
    assert tree.by_key["binding", tool.ref].note == "calls Call"
    draft.remove(integration.ref)
    assert [resource.ref for resource in draft.added] == [tool.ref]
    assert "binding" not in draft.added[0].body
    assert operation.ref not in str(draft.added[0].body)
    assert from_json(to_json(draft)) is not None
    session.close(forget=True)
