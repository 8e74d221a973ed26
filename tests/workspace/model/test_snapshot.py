"""A snapshot takes updates in any order and keeps what it had until its successor is there."""

from __future__ import annotations

import itertools

from drio_tui.api.errors import ServerError
from drio_tui.workspace.model.snapshot import Failed, PartLoaded, Snapshot, resources_of
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


def test_the_tree_is_the_same_in_whatever_order_the_parts_arrive() -> None:
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


def test_what_was_read_stays_while_it_is_read_again() -> None:
    snapshot = snapshot_of(small_config())
    snapshot.begin()
    assert not snapshot.complete
    assert snapshot.resource("tool", "tool_1") is not None
    snapshot.apply(loaded("tool", SUMMARY_TOOL))
    assert snapshot.resource("tool", "tool_1") is None


def test_a_part_that_fails_on_refresh_keeps_its_last_resources() -> None:
    snapshot = snapshot_of(small_config())
    snapshot.begin()
    snapshot.apply(Failed("tool", ServerError("down")))
    assert snapshot.parts["tool"].state == "failed"
    assert snapshot.resource("tool", "tool_1") is not None


def test_orders_that_are_no_number_sort_last_and_break_nothing() -> None:
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


def test_a_resource_without_an_id_cannot_be_referred_to() -> None:
    snapshot = Snapshot("app_1")
    snapshot.apply(loaded("tool", {"name": "nameless"}))
    assert snapshot.at(("tool", "#1")) is not None
    assert snapshot.resource("tool", "#1") is None


def test_a_nameless_resource_is_called_by_the_best_there_is() -> None:
    resources = resources_of("tool", [{"id": "t1", "name": "  ", "key": "k"}, {"id": "t2", "name": 3}], lambda raw: "")
    assert [resource.name for resource in resources] == ["k", "t2"]
