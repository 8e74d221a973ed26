"""Finding operations, the state of bindings, and comparing schemas."""

from __future__ import annotations

from hypothesis import given

from drio_tui.workspace.lint.binding import binding_state, candidates, schema_changes
from tests.schema import strategies
from tests.workspace.small_app import small_config, snapshot_of


def test_operations_are_found_by_name_method_path_and_integration() -> None:
    config = small_config()
    config["operations"].append(
        {"id": "o2", "integrationId": "integration_1", "name": "Create", "method": "POST", "path": "/x"}
    )
    snapshot = snapshot_of(config)
    assert [candidate.operation.name for candidate in candidates(snapshot)] == ["Search tickets", "Create"]
    for query in ("create", "post", "/x", "help create"):
        assert candidates(snapshot, query)[0].operation.id == "o2"
    assert candidates(snapshot, "zzz") == []
    assert candidates(snapshot)[0].call == "GET /tickets"


def test_binding_state_follows_schema_hash_and_status() -> None:
    snapshot = snapshot_of(small_config())
    good = {"integrationOperationId": "operation_1", "schemaHashAtBindTime": "hash_1", "status": "ready"}
    assert binding_state(good, snapshot) == "ready"
    assert binding_state(good | {"schemaHashAtBindTime": "hash_0"}, snapshot) == "stale"
    assert binding_state(good | {"status": "stale"}, snapshot) == "stale"
    assert binding_state(good | {"integrationOperationId": "gone"}, snapshot) == "missing"
    assert binding_state(good | {"status": "odd"}, snapshot) == "other"
    assert binding_state(None, snapshot) == "unbound"


def test_schema_changes_are_reported_by_property_and_marked_if_breaking() -> None:
    before = {
        "type": "object",
        "properties": {
            "q": {"type": "string"},
            "old": {"type": "string"},
            "rows": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["q"],
    }
    after = {
        "type": "object",
        "properties": {
            "q": {"type": "string", "description": "Words"},
            "rows": {"type": "array", "items": {"type": "integer"}},
            "limit": {"type": "integer"},
            "must": {"type": "string"},
        },
        "required": ["must"],
    }
    changes = {
        (change.what, change.path): (change.before, change.after, change.breaks)
        for change in schema_changes(before, after)
    }
    assert changes == {
        ("changed", "q"): ("required", "optional", False),
        ("changed", "q: description"): ("nothing", "Words", False),
        ("changed", "rows[]: type"): ("string", "integer", True),
        ("added", "limit"): ("", "integer", False),
        ("added", "must"): ("", "string, required", True),
        ("removed", "old"): ("string", "", True),
    }


@given(strategies.SCHEMAS | strategies.JSON, strategies.SCHEMAS)
def test_a_schema_equals_itself_and_any_pair_can_be_compared(before: object, after: object) -> None:
    assert not schema_changes(before, before)
    schema_changes(before, after)
