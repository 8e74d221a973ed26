"""Drafts: private, whole, without secrets, one hand at a time."""

from __future__ import annotations

import stat
import subprocess
import sys

import pytest

from drio_tui.openapi_import.planning import Plan, PlannedResource
from drio_tui.wizard import draft_store
from drio_tui.wizard.draft import FilledConnection, from_json, to_json
from drio_tui.wizard.draft_store import DraftSession, InUse
from drio_tui.wizard.import_selection import adopt
from drio_tui.wizard.template_parts import as_it_will_be, parts
from drio_tui.workspace.model.tree_model import TreeModel
from tests.ui.table_server import TEMPLATES

BASE = "http://127.0.0.1:1/api/v1"


def begun() -> DraftSession:
    keeper = DraftSession.begin("me", BASE)
    keeper.draft.choose(TEMPLATES[0])
    keeper.draft.basics.update(name="Nova", description="Two\nlines")
    return keeper


def test_a_draft_comes_back_as_it_was_from_a_private_file() -> None:
    keeper = begun()
    draft = keeper.draft
    draft.names["draft:tool:search-tickets"] = "Find"
    draft.dropped.append("draft:widget:ticket-table")
    tool = draft.add("tool", {"name": "Own", "description": "Mine."})
    keeper.close()
    (path,) = draft_store.folder().glob("*.json")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    again = DraftSession.resume(draft.id)
    assert to_json(again.draft) == to_json(draft)
    assert [(part.name, part.kept) for part in parts(again.draft, "tool", "widget")] == [
        ("Find", True), ("Own", True), ("Ticket table", False),
    ]  # fmt: skip
    assert again.draft.one_added(tool.ref) is not None
    again.close(forget=True)
    assert draft_store.load().drafts == []
    assert not list(draft_store.folder().iterdir())


def test_secrets_are_not_written_and_asked_for_again() -> None:
    keeper = begun()
    whole = {"name": "X-Key", "apiKey": "hunter2-hunter2", "pin": "4711-4711"}
    keeper.draft.auth["draft:auth:helpdesk"] = FilledConnection(
        whole, {"name": "X-Key"}
    )  # its form knows pin to be secret
    headers = {"headers": {"Authorization": "Bearer hunter2-hunter2", "Accept": "text/plain"}}
    made = keeper.draft.add("integration", {"name": "Own", "baseUrl": "https://a.example", "config": headers})
    assert "hunter2" not in repr(keeper.draft)
    keeper.close()
    text = next(draft_store.folder().glob("*.json")).read_text()
    assert "hunter2" not in text
    assert "4711" not in text
    again = DraftSession.resume(keeper.draft.id)
    assert again.draft.lost["draft:auth:helpdesk"] == ("apiKey", "pin")
    assert again.draft.lost[made.ref] == ("config.headers.Authorization",)
    again.draft.auth["draft:auth:helpdesk"].edit(whole, {"name": "X-Key"})
    assert "draft:auth:helpdesk" not in again.draft.lost
    again.close(forget=True)


def test_a_draft_is_in_one_hand_also_between_processes() -> None:
    keeper = begun()
    keeper.save_now()
    with pytest.raises(InUse):
        DraftSession.resume(keeper.draft.id)
    code = f"from drio_tui.wizard.draft_store import DraftSession; DraftSession.resume({keeper.draft.id!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "InUse" in done.stderr
    with pytest.raises(InUse):
        draft_store.discard(keeper.draft.id)
    other = begun()
    other.draft.basics["name"] = "Other"
    other.close()
    keeper.close()
    assert {draft.name for draft in draft_store.load("me", BASE).drafts} == {"Nova", "Other"}
    assert draft_store.load("someone else").drafts == []


def test_a_broken_file_is_put_aside_and_a_newer_one_left_alone() -> None:
    keeper = begun()
    keeper.close()
    (path,) = draft_store.folder().glob("*.json")
    newer = path.with_name("0" * 24 + ".json")
    newer.write_text('{"v": 99}')
    newer.chmod(0o600)
    path.write_text('{"v": 1, "id": 7}')
    kept = draft_store.load()
    assert kept.drafts == []
    assert len(kept.problems) == 1
    assert newer.exists()
    assert path.with_name(f"{path.name}.corrupt").exists()


def test_a_later_state_is_never_overwritten_by_an_earlier_one() -> None:
    keeper = begun()
    early = keeper._shot()
    keeper.draft.basics["name"] = "Later"
    keeper.save_now()
    keeper._write(*early)
    assert draft_store.load().drafts[0].name == "Later"
    keeper.close(forget=True)
    keeper._write(*early)
    assert draft_store.load().drafts == []


def test_what_was_added_is_part_of_the_tree_to_come_and_goes_with_what_it_needs() -> None:
    keeper = begun()
    draft = keeper.draft
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
    integration, operation, tool = adopt(draft, Plan(resources))
    outline = TreeModel(as_it_will_be(draft))
    assert outline.problems == []
    assert outline.by_key["binding", tool.ref].note == "calls Call"
    draft.remove(integration.ref)
    assert [one.ref for one in draft.added] == [tool.ref]
    assert "binding" not in draft.added[0].body
    assert operation.ref not in str(draft.added[0].body)
    assert from_json(to_json(draft)) is not None
    keeper.close(forget=True)
