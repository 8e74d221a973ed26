"""Reading an app: which requests are sent, in how many round trips, and what happens if a part is missing."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest

from drio_tui.api.errors import DrioError
from drio_tui.workspace.model.loader import load_app, read_app
from drio_tui.workspace.model.snapshot import KIND_ORDER, Snapshot, Update
from tests.workspace.small_app import RoundTripServer, client_of, list_routes, small_config


async def load(server: RoundTripServer) -> tuple[Snapshot, list[Update]]:
    snapshot, updates = Snapshot("app_1"), []

    def deliver(update: Update) -> None:
        snapshot.apply(update)
        updates.append(update)

    async with client_of(server) as client:
        await load_app(client, "app_1", deliver)
    return snapshot, updates


def names(snapshot: Snapshot, kind: str) -> list[str]:
    return [resource.name for resource in snapshot.resources(kind)]


async def test_known_config_is_read_in_one_round_trip() -> None:
    server = RoundTripServer({**list_routes(small_config()), "/apps/app_1/config": {"config": small_config()}})
    snapshot, _ = await load(server)
    assert len(server.round_trips) == 1
    assert snapshot.complete
    assert names(snapshot, "tool") == ["Summarize", "Search Tickets"]  # by `order`
    assert names(snapshot, "provider") == ["API key"]
    assert snapshot.extra == {}


@pytest.mark.parametrize("config", [404, 500, {"config": {"version": 9}}, {"config": {"tools": {"tool_1": {}}}}])
async def test_unusable_config_is_replaced_by_list_routes_in_two_round_trips(config: Any) -> None:
    server = RoundTripServer({**list_routes(small_config()), "/apps/app_1/config": config})
    snapshot, _ = await load(server)
    assert len(server.round_trips) == 2
    assert snapshot.complete
    assert [part.state for part in snapshot.parts.values()] == ["ready"] * 7
    assert names(snapshot, "operation") == ["Search tickets"]
    assert names(snapshot, "widget") == ["Ticket table"]


async def test_only_missing_parts_of_the_config_are_requested() -> None:
    config = small_config()
    del config["widgets"]
    server = RoundTripServer({**list_routes(small_config()), "/apps/app_1/config": {"config": config}})
    snapshot, _ = await load(server)
    assert server.round_trips[1:] == [["/apps/app_1/widgets"]]
    assert names(snapshot, "widget") == ["Ticket table"]


async def test_unknown_config_properties_are_preserved() -> None:
    config = {**small_config(), "runtime": {"region": "eu", "limits": [1, 2]}}
    server = RoundTripServer({**list_routes(small_config()), "/apps/app_1/config": {"config": config}})
    snapshot, _ = await load(server)
    assert snapshot.extra == {"runtime": {"region": "eu", "limits": [1, 2]}}


async def test_failed_part_does_not_affect_the_others() -> None:
    routes = list_routes(small_config())
    routes["/apps/app_1/tools"] = 500
    snapshot, _ = await load(RoundTripServer(routes))
    failed = {kind for kind, part in snapshot.parts.items() if part.state == "failed"}
    assert failed == {"tool"}
    error = snapshot.parts["tool"].error
    assert "no /apps/app_1/tools" in str(error)
    assert names(snapshot, "integration") == ["Helpdesk"]


async def test_failed_operations_of_one_integration_do_not_hide_the_others() -> None:
    config = small_config()
    config["integrations"].append({"id": "integration_2", "name": "Billing"})
    routes = list_routes(config)
    routes["/apps/app_1/integrations/integration_2/operations"] = 403
    snapshot, _ = await load(RoundTripServer(routes))
    part = snapshot.parts["operation"]
    assert list(part.failures) == ["integration_2"]
    assert names(snapshot, "operation") == ["Search tickets"]
    assert snapshot.complete


@pytest.mark.parametrize(
    ("failing", "kind"),
    [("integrations/integration_2/operations", "operation"), ("tools", "tool"), ("widgets", "widget")],
)
async def test_a_required_part_that_cannot_be_read_is_an_error(failing: str, kind: str) -> None:
    config = small_config()
    config["integrations"].append({"id": "integration_2", "name": "Billing"})
    async with client_of(RoundTripServer({**list_routes(config), f"/apps/app_1/{failing}": 403})) as client:
        for required in (KIND_ORDER, [kind]):
            with pytest.raises(DrioError, match=failing):
                await read_app(client, "app_1", required=required)
        snapshot = await read_app(client, "app_1", required={*KIND_ORDER} - {kind})
    assert names(snapshot, "integration") == ["Helpdesk", "Billing"]


async def test_missing_app_fails_after_one_round_trip_and_one_probe() -> None:
    server = RoundTripServer({"/apps": {"apps": []}})
    snapshot, _ = await load(server)
    assert server.round_trips[1:] == [["/apps"]]
    assert {part.state for part in snapshot.parts.values()} == {"failed"}


async def test_undocumented_resources_are_kept_with_a_reason() -> None:
    config = small_config()
    config["tools"] += [{"id": "tool_3", "name": 7}, "nonsense", {"id": "tool_1", "name": "Again"}]
    server = RoundTripServer({**list_routes(config), "/apps/app_1/config": {"config": config}})
    snapshot, _ = await load(server)
    degraded = {resource.id: resource.reason for resource in snapshot.resources("tool") if resource.reason}
    assert degraded["tool_3"].startswith("name: ")
    assert degraded["#4"] == "expected an object, got str"
    assert degraded["#5"] == "the id tool_1 is there twice"
    assert names(snapshot, "tool")[:2] == ["Summarize", "Search Tickets"]


async def test_parts_are_delivered_as_they_arrive() -> None:
    routes = list_routes(small_config())
    round_trips_at_delivery: list[int] = []
    server = RoundTripServer(routes)
    async with client_of(server) as client:
        await load_app(client, "app_1", lambda update: round_trips_at_delivery.append(len(server.round_trips)))
    assert 1 in round_trips_at_delivery  # integrations and auth arrived before the second round trip


async def test_cancelled_load_leaves_no_coroutine_that_was_never_awaited() -> None:
    """A coroutine that is never awaited causes a warning, which is an error in the tests."""
    async with client_of(RoundTripServer(list_routes(small_config()))) as client:
        load = asyncio.create_task(load_app(client, "app_1", lambda _update: None))
        await asyncio.sleep(0)  # the tasks of the load are created, but not started
        load.cancel()
        with pytest.raises(asyncio.CancelledError):
            await load
    gc.collect()
