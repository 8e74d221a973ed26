"""Reading an app: what is asked for, in how many round trips, and what happens when a part is missing."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest

from drio_tui.workspace.model.loader import load_app
from drio_tui.workspace.model.snapshot import Snapshot, Update
from tests.workspace.small_app import Waves, client_of, list_routes, small_config


async def load(server: Waves) -> tuple[Snapshot, list[Update]]:
    snapshot, updates = Snapshot("app_1"), []

    def deliver(update: Update) -> None:
        snapshot.apply(update)
        updates.append(update)

    async with client_of(server) as client:
        await load_app(client, "app_1", deliver)
    return snapshot, updates


def names(snapshot: Snapshot, kind: str) -> list[str]:
    return [resource.name for resource in snapshot.resources(kind)]


async def test_a_config_of_the_known_shape_is_read_in_one_round_trip() -> None:
    server = Waves({**list_routes(small_config()), "/apps/app_1/config": {"config": small_config()}})
    snapshot, _ = await load(server)
    assert len(server.waves) == 1
    assert snapshot.complete
    assert names(snapshot, "tool") == ["Summarize", "Search Tickets"]  # by `order`
    assert names(snapshot, "provider") == ["API key"]
    assert snapshot.extra == {}


@pytest.mark.parametrize("config", [404, 500, {"config": {"version": 9}}, {"config": {"tools": {"tool_1": {}}}}])
async def test_without_a_usable_config_the_list_routes_give_everything_in_two_round_trips(config: Any) -> None:
    server = Waves({**list_routes(small_config()), "/apps/app_1/config": config})
    snapshot, _ = await load(server)
    assert len(server.waves) == 2
    assert snapshot.complete
    assert [part.state for part in snapshot.parts.values()] == ["ready"] * 7
    assert names(snapshot, "operation") == ["Search tickets"]
    assert names(snapshot, "widget") == ["Ticket table"]


async def test_only_what_the_config_lacks_is_asked_for_again() -> None:
    config = small_config()
    del config["widgets"]
    server = Waves({**list_routes(small_config()), "/apps/app_1/config": {"config": config}})
    snapshot, _ = await load(server)
    assert server.waves[1:] == [["/apps/app_1/widgets"]]
    assert names(snapshot, "widget") == ["Ticket table"]


async def test_unknown_members_of_the_config_are_kept_as_they_came() -> None:
    config = {**small_config(), "runtime": {"region": "eu", "limits": [1, 2]}}
    server = Waves({**list_routes(small_config()), "/apps/app_1/config": {"config": config}})
    snapshot, _ = await load(server)
    assert snapshot.extra == {"runtime": {"region": "eu", "limits": [1, 2]}}


async def test_a_part_that_fails_leaves_the_others_whole() -> None:
    routes = list_routes(small_config())
    routes["/apps/app_1/tools"] = 500
    snapshot, _ = await load(Waves(routes))
    failed = {kind for kind, part in snapshot.parts.items() if part.state == "failed"}
    assert failed == {"tool"}
    error = snapshot.parts["tool"].error
    assert "no /apps/app_1/tools" in str(error)
    assert names(snapshot, "integration") == ["Helpdesk"]


async def test_one_integration_without_readable_operations_does_not_hide_the_other_ones() -> None:
    config = small_config()
    config["integrations"].append({"id": "integration_2", "name": "Billing"})
    routes = list_routes(config)
    routes["/apps/app_1/integrations/integration_2/operations"] = 403
    snapshot, _ = await load(Waves(routes))
    part = snapshot.parts["operation"]
    assert list(part.failures) == ["integration_2"]
    assert names(snapshot, "operation") == ["Search tickets"]
    assert snapshot.complete


async def test_an_app_that_is_not_there_fails_in_one_round_trip_and_one_probe_of_the_api() -> None:
    server = Waves({"/apps": {"apps": []}})
    snapshot, _ = await load(server)
    assert server.waves[1:] == [["/apps"]]
    assert {part.state for part in snapshot.parts.values()} == {"failed"}


async def test_a_member_that_is_not_as_documented_is_kept_with_its_reason() -> None:
    config = small_config()
    config["tools"] += [{"id": "tool_3", "name": 7}, "nonsense", {"id": "tool_1", "name": "Again"}]
    server = Waves({**list_routes(config), "/apps/app_1/config": {"config": config}})
    snapshot, _ = await load(server)
    degraded = {resource.id: resource.reason for resource in snapshot.resources("tool") if resource.reason}
    assert degraded["tool_3"].startswith("name: ")
    assert degraded["#4"] == "expected an object, got str"
    assert degraded["#5"] == "the id tool_1 is there twice"
    assert names(snapshot, "tool")[:2] == ["Summarize", "Search Tickets"]


async def test_parts_are_delivered_while_others_are_still_on_their_way() -> None:
    routes = list_routes(small_config())
    seen_in_wave: list[int] = []
    server = Waves(routes)
    async with client_of(server) as client:
        await load_app(client, "app_1", lambda update: seen_in_wave.append(len(server.waves)))
    assert 1 in seen_in_wave  # integrations and auth, before the second trip was answered


async def test_reading_that_is_given_up_before_it_begins_leaves_nothing_behind() -> None:
    """A coroutine that is never awaited is a warning, which is an error here."""
    async with client_of(Waves(list_routes(small_config()))) as client:
        reading = asyncio.create_task(load_app(client, "app_1", lambda _update: None))
        await asyncio.sleep(0)  # its own tasks are made, and have not begun
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
    gc.collect()
