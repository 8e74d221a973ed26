"""A snapshot applies updates in any order and keeps its resources until their replacements arrive."""

from __future__ import annotations

import itertools

from drio_tui.api.errors import ServerError
from drio_tui.workspace.model.snapshot import AppFailed, PartFailed, PartLoaded, Resource, Snapshot, resources_of
from drio_tui.workspace.model.tree_model import TreeModel
from tests.workspace.small_app import (
    APP,
    INTEGRATION,
    SEARCH,
    SEARCH_TOOL,
    SUMMARY_TOOL,
    WIDGET,
    small_config,
    snapshot_of,
)


def loaded(kind: str, *raws: object) -> PartLoaded:
    return PartLoaded(kind, resources_of(kind, raws, lambda raw: ""))


def test_tree_does_not_depend_on_the_order_of_updates() -> None:
    updates = [
        loaded("app", APP),
        loaded("integration", INTEGRATION),
        loaded("operation", SEARCH),
        loaded("tool", SEARCH_TOOL, SUMMARY_TOOL),
        loaded("widget", WIDGET),
    ]
    trees = set()
    for order in itertools.permutations(updates):
        snapshot = Snapshot("app_1")
        for update in order:
            snapshot.apply(update)
        trees.add(tuple(node.key for node in TreeModel(snapshot).walk()))
    assert len(trees) == 1
    assert ("action", "widget_1", "0") in trees.pop()


def test_resources_stay_during_a_refresh() -> None:
    snapshot = snapshot_of(small_config())
    snapshot.begin()
    assert not snapshot.complete
    assert snapshot.resource("tool", "tool_1") is not None
    snapshot.apply(loaded("tool", SUMMARY_TOOL))
    assert snapshot.resource("tool", "tool_1") is None


def test_part_that_fails_on_refresh_keeps_its_resources() -> None:
    snapshot = snapshot_of(small_config())
    snapshot.begin()
    snapshot.apply(PartFailed("tool", ServerError("down")))
    assert snapshot.parts["tool"].state == "failed"
    assert snapshot.resource("tool", "tool_1") is not None


def test_app_that_cannot_be_read_again_stays_as_it_was() -> None:
    snapshot = snapshot_of(small_config())
    before = [node.key for node in TreeModel(snapshot).walk()]
    for _ in range(2):
        snapshot.begin()
        snapshot.apply(PartFailed("provider", ServerError("down")))
        snapshot.apply(AppFailed(ServerError("down")))
        assert snapshot.is_stale
        assert [node.key for node in TreeModel(snapshot).walk()] == before
    snapshot.begin()
    assert not snapshot.is_stale


def test_failed_read_after_a_stopped_one_leaves_the_parts_as_they_were_read_last() -> None:
    snapshot = snapshot_of(small_config())
    snapshot.begin()
    snapshot.apply(PartFailed("widget", ServerError("down")))
    for kind in snapshot.parts:
        snapshot.apply(loaded(kind, *(resource.raw for resource in snapshot.resources(kind))))
    snapshot.begin()
    snapshot.apply(loaded("widget", WIDGET))
    snapshot.apply(PartLoaded("operation", (), last=False))
    snapshot.begin()
    snapshot.apply(AppFailed(ServerError("down")))
    assert not any(part.failures for part in snapshot.parts.values())
    assert snapshot.resource("operation", SEARCH["id"])


def test_resources_that_arrive_in_parts_replace_those_of_the_previous_read_at_the_end() -> None:
    snapshot = snapshot_of(small_config())
    new = {**SEARCH, "id": "operation_new"}
    snapshot.begin()
    snapshot.apply(PartLoaded("operation", (), last=False))
    snapshot.apply(PartLoaded("operation", resources_of("operation", [new], lambda raw: ""), first=False, last=False))
    assert {SEARCH["id"], "operation_new"} <= {resource.id for resource in snapshot.resources("operation")}
    snapshot.apply(PartLoaded("operation", (), first=False))
    assert [resource.id for resource in snapshot.resources("operation")] == ["operation_new"]


def test_app_that_was_never_read_has_failed() -> None:
    snapshot = Snapshot("app_1")
    snapshot.begin()
    snapshot.apply(AppFailed(ServerError("down")))
    assert {part.state for part in snapshot.parts.values()} == {"failed"}


def test_invalid_orders_are_sorted_last() -> None:
    snapshot = Snapshot("app_1")
    tools = [
        {"id": "a", "order": "x"},
        {"id": "b", "order": 2},
        {"id": "c"},
        {"id": "d", "order": 10**400},
        {"id": "e", "order": -1},
    ]
    snapshot.apply(loaded("tool", *tools))
    assert [resource.id for resource in snapshot.resources("tool")] == ["e", "b", "a", "c", "d"]


def test_resource_without_id_cannot_be_referred_to() -> None:
    snapshot = Snapshot("app_1")
    snapshot.apply(loaded("tool", {"name": "nameless"}))
    assert snapshot.at(("tool", "#1")) is not None
    assert snapshot.resource("tool", "#1") is None


def test_name_falls_back_to_key_and_id() -> None:
    resources = resources_of("tool", [{"id": "t1", "name": "  ", "key": "k"}, {"id": "t2", "name": 3}], lambda raw: "")
    assert [resource.name for resource in resources] == ["k", "t2"]


def test_changed_resource_replaces_the_known_one_unless_others_may_have_changed() -> None:
    snapshot = snapshot_of(small_config())
    known = snapshot.resource("tool", "tool_1")
    assert known is not None
    renamed = Resource("tool", "tool_1", {**known.raw, "name": "Renamed"})
    assert snapshot.replace(renamed, {"name"})
    assert snapshot.name_of("tool_1") == "Renamed"
    for resource, changed in (
        (renamed, {"nextToolIds"}),  # a reference
        (renamed, {"binding"}),
        (Resource("tool", "tool_1", {"id": "tool_1", "name": "Part"}), {"name"}),  # not the whole resource
        (Resource("tool", "tool_1", known.raw, "degraded"), {"name"}),
        (Resource("tool", "tool_new", known.raw), {"name"}),
        (Resource("integration", "integration_1", INTEGRATION), {"name"}),
    ):
        assert not snapshot.replace(resource, changed), (resource, changed)
    assert snapshot.name_of("tool_1") == "Renamed"


def test_replaced_tools_are_in_order() -> None:
    snapshot = snapshot_of(small_config())
    first, *_, last = snapshot.resources("tool")
    assert snapshot.replace(Resource("tool", first.id, {**first.raw, "order": 99}), {"order"})
    assert [*snapshot.resources("tool")][-1].id == first.id != last.id
