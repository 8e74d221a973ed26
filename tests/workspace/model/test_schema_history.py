"""The stored input schemas of operations."""

from __future__ import annotations

import multiprocessing
import stat
from pathlib import Path
from typing import Any

import pytest

from drio_tui.workspace.model import schema_history
from drio_tui.workspace.model.schema_history import SchemaHistory, schemas_in
from drio_tui.workspace.model.snapshot import PartLoaded, Resource, Snapshot

BASE = "https://api.test/api/v1"


def schema(*names: str) -> dict[str, Any]:
    return {"type": "object", "properties": {name: {"type": "string"} for name in names}}


def test_schemas_are_stored_per_server_and_app() -> None:
    SchemaHistory(BASE, "app_1").remember({("op", "h1"): schema("old"), ("other", "h1"): schema("x")})
    SchemaHistory(BASE, "app_1").remember({("op", "h2"): schema("new"), ("none", "h3"): None})
    assert SchemaHistory(BASE, "app_1").of("op") == {"h1": schema("old"), "h2": schema("new")}
    assert SchemaHistory(BASE, "app_1").of("none") == {"h3": None}
    assert SchemaHistory(BASE, "app_2").of("op") == {}
    assert SchemaHistory("https://other.test/api/v1", "app_1").of("op") == {}


def test_file_is_private_and_not_rewritten_without_new_schemas() -> None:
    history = SchemaHistory(BASE, "app_1")
    history.remember({("op", "h1"): schema("a")})
    assert stat.S_IMODE(history.path.stat().st_mode) == 0o600
    before = history.path.stat().st_ino
    history.remember({("op", "h1"): schema("a")})
    SchemaHistory(BASE, "app_1").remember({("op", "h1"): schema("a")})
    assert history.path.stat().st_ino == before


def test_first_schema_seen_for_a_hash_is_kept() -> None:
    SchemaHistory(BASE, "app_1").remember({("op", "h1"): schema("a")})
    SchemaHistory(BASE, "app_1").remember({("op", "h1"): schema("b"), ("op", "h2"): schema("b")})
    assert SchemaHistory(BASE, "app_1").of("op")["h1"] == schema("a")


def test_most_recently_seen_schemas_are_kept_within_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema_history, "KEEP_SCHEMAS", 3)
    history = SchemaHistory(BASE, "app_1")
    for number in range(5):
        history.remember({("op", f"h{number}"): schema("a")})
    assert list(history.of("op")) == ["h2", "h3", "h4"]
    history.remember({("op", "long"): {"title": "x" * (schema_history.SCHEMA_BYTES + 1)}, ("op", "h5"): None})
    assert list(history.of("op")) == ["h3", "h4", "h5"]
    monkeypatch.setattr(schema_history, "KEEP_BYTES", 120)
    history.remember({("op", "h6"): schema("a")})
    assert list(history.of("op")) == ["h5", "h6"]
    monkeypatch.setattr(schema_history, "KEEP_APPS", 2)
    for number in range(4):
        SchemaHistory(BASE, f"more_{number}").remember({("op", "h"): None})
    assert len(list(schema_history.folder().glob("*.json"))) == 2


@pytest.mark.parametrize("text", ["", "{", "[]", '{"v": 2, "seen": []}', '{"v": 1, "seen": [[1, 2, 3], ["op"], 7]}'])
def test_unreadable_file_counts_as_empty_and_is_replaced(text: str) -> None:
    history = SchemaHistory(BASE, "app_1")
    history.remember({("op", "h1"): None})
    history.path.write_text(text)
    assert history.of("op") == {}
    SchemaHistory(BASE, "app_1").remember({("op", "h2"): None})
    assert history.of("op") == {"h2": None}


def _remember(state: str, number: int) -> None:
    import os

    os.environ["DRIO_STATE_DIR"] = state
    for hash_number in range(10):
        SchemaHistory(BASE, "app_1").remember({(f"op_{number}", f"h{hash_number}"): schema("a")})


def test_concurrent_processes_lose_no_schemas(isolated: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_remember, args=(str(isolated / "state"), number)) for number in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [len(SchemaHistory(BASE, "app_1").of(f"op_{number}")) for number in range(2)] == [10, 10]


def test_operations_without_hash_are_ignored() -> None:
    snapshot = Snapshot("app_1")
    raws = [{"id": "a", "schemaHash": "h", "inputSchema": {}}, {"id": "b"}, {"id": "c", "schemaHash": 3}]
    snapshot.apply(PartLoaded("operation", tuple(Resource("operation", raw["id"], raw) for raw in raws)))
    assert schemas_in(snapshot) == {("a", "h"): {}}
