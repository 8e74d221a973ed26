"""Remembering what operations looked like when tools were bound to them."""

from __future__ import annotations

import multiprocessing
import stat
from pathlib import Path
from typing import Any

import pytest

from drio_tui.workspace import seen
from drio_tui.workspace.seen import SeenSchemas, schemas_in
from drio_tui.workspace.snapshot import Loaded, Snapshot, Thing

BASE = "https://api.test/api/v1"


def schema(*names: str) -> dict[str, Any]:
    return {"type": "object", "properties": {name: {"type": "string"} for name in names}}


def test_what_was_seen_is_known_to_the_next_start_for_that_drio_and_app_only() -> None:
    SeenSchemas(BASE, "app_1").remember({("op", "h1"): schema("old"), ("other", "h1"): schema("x")})
    SeenSchemas(BASE, "app_1").remember({("op", "h2"): schema("new"), ("none", "h3"): None})
    assert SeenSchemas(BASE, "app_1").of("op") == {"h1": schema("old"), "h2": schema("new")}
    assert SeenSchemas(BASE, "app_1").of("none") == {"h3": None}
    assert SeenSchemas(BASE, "app_2").of("op") == {}
    assert SeenSchemas("https://other.test/api/v1", "app_1").of("op") == {}


def test_the_file_is_private_and_left_alone_when_nothing_is_new() -> None:
    one = SeenSchemas(BASE, "app_1")
    one.remember({("op", "h1"): schema("a")})
    assert stat.S_IMODE(one.path.stat().st_mode) == 0o600
    before = one.path.stat().st_ino
    one.remember({("op", "h1"): schema("a")})
    SeenSchemas(BASE, "app_1").remember({("op", "h1"): schema("a")})
    assert one.path.stat().st_ino == before


def test_the_first_schema_seen_under_a_hash_is_the_one_that_counts() -> None:
    SeenSchemas(BASE, "app_1").remember({("op", "h1"): schema("a")})
    SeenSchemas(BASE, "app_1").remember({("op", "h1"): schema("b"), ("op", "h2"): schema("b")})
    assert SeenSchemas(BASE, "app_1").of("op")["h1"] == schema("a")


def test_the_ones_seen_last_are_kept_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen, "KEEP_SCHEMAS", 3)
    one = SeenSchemas(BASE, "app_1")
    for number in range(5):
        one.remember({("op", f"h{number}"): schema("a")})
    assert list(one.of("op")) == ["h2", "h3", "h4"]
    one.remember({("op", "long"): {"title": "x" * (seen.SCHEMA_BYTES + 1)}, ("op", "h5"): None})
    assert list(one.of("op")) == ["h3", "h4", "h5"]
    monkeypatch.setattr(seen, "KEEP_BYTES", 120)
    one.remember({("op", "h6"): schema("a")})
    assert list(one.of("op")) == ["h5", "h6"]
    monkeypatch.setattr(seen, "KEEP_APPS", 2)
    for number in range(4):
        SeenSchemas(BASE, f"more_{number}").remember({("op", "h"): None})
    assert len(list(seen.folder().glob("*.json"))) == 2


@pytest.mark.parametrize("text", ["", "{", "[]", '{"v": 2, "seen": []}', '{"v": 1, "seen": [[1, 2, 3], ["op"], 7]}'])
def test_a_file_that_cannot_be_read_counts_as_empty_and_is_replaced(text: str) -> None:
    one = SeenSchemas(BASE, "app_1")
    one.remember({("op", "h1"): None})
    one.path.write_text(text)
    assert one.of("op") == {}
    SeenSchemas(BASE, "app_1").remember({("op", "h2"): None})
    assert one.of("op") == {"h2": None}


def _remember(state: str, number: int) -> None:
    import os

    os.environ["DRIO_STATE_DIR"] = state
    for turn in range(10):
        SeenSchemas(BASE, "app_1").remember({(f"op_{number}", f"h{turn}"): schema("a")})


def test_two_programs_at_once_lose_nothing(isolated: Path) -> None:
    context = multiprocessing.get_context("spawn")
    others = [context.Process(target=_remember, args=(str(isolated / "state"), number)) for number in range(2)]
    for one in others:
        one.start()
    for one in others:
        one.join(60)
    assert [len(SeenSchemas(BASE, "app_1").of(f"op_{number}")) for number in range(2)] == [10, 10]


def test_only_operations_that_have_a_hash_are_looked_at() -> None:
    snapshot = Snapshot("app_1")
    raws = [{"id": "a", "schemaHash": "h", "inputSchema": {}}, {"id": "b"}, {"id": "c", "schemaHash": 3}]
    snapshot.apply(Loaded("operation", tuple(Thing("operation", raw["id"], raw) for raw in raws)))
    assert schemas_in(snapshot) == {("a", "h"): {}}
